//! What users may do, proved for every command of the table: ACL DRYRUN says what execution does, and both what the
//! table's flags demand.

use engine::command::{Access, Channels, Databases, Flags, Keys};
use engine::table::{Row, Table, table};

use crate::world::{Peer, World};

/// What a user's rules let him do with keys and channels, besides the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    Everything,
    NoKeys,
    ReadOnly,
    WriteOnly,
    NoChannels,
}

impl Grant {
    const ALL: [Self; 5] =
        [Self::Everything, Self::NoKeys, Self::ReadOnly, Self::WriteOnly, Self::NoChannels];

    fn rules(self) -> &'static str {
        match self {
            Self::Everything => "~* &*",
            Self::NoKeys => "&*",
            Self::ReadOnly => "%R~* &*",
            Self::WriteOnly => "%W~* &*",
            Self::NoChannels => "~*",
        }
    }

    /// Whether it is enough for a use of a key, by the flags that COMMAND GETKEYSANDFLAGS shows.
    fn permits(self, access: Access) -> bool {
        let flags = access.flags();
        let reads = flags.contains(&"access");
        let writes = flags.iter().any(|flag| matches!(*flag, "insert" | "update" | "delete"));
        match self {
            Self::Everything | Self::NoChannels => true,
            Self::NoKeys => false,
            Self::ReadOnly => !writes,
            Self::WriteOnly => !reads,
        }
    }
}

/// The words of a request with keys and channels wherever the command has them.
fn request(row: &Row) -> Vec<String> {
    let command = row.command;
    let mut words: Vec<String> = Table::full_name(row).split('|').map(str::to_owned).collect();
    let most = match command.keys {
        Keys::None => 0,
        Keys::Range { first, .. } => first + 1,
        Keys::Counted { at, .. } | Keys::TargetAndCounted { at, .. } => at + 2,
        Keys::Pair { .. } => 3,
        Keys::Migrated => 4,
        Keys::TargetAndSources { target, .. } => target + 2,
        Keys::Sorted { .. } => 4,
        Keys::SourceAndOptions { after, .. } => after + 2,
        Keys::Streams { from } => from + 3,
    };
    let channels = if command.channels == Channels::None { 0 } else { 2 };
    let arity = command.arity.unsigned_abs() as usize;
    // One more where more are taken: SHUTDOWN alone would do what it says.
    let length = most.max(channels).max(arity + usize::from(command.arity < 0));
    while words.len() < length {
        words.push("k".to_owned());
    }
    match command.keys {
        Keys::Counted { at, .. } | Keys::TargetAndCounted { at, .. } => "1".clone_into(&mut words[at]),
        Keys::SourceAndOptions { words: options, after, .. } => options[0].clone_into(&mut words[after]),
        _ => {}
    }
    if let Keys::Sorted { stores: true } = command.keys {
        "STORE".clone_into(&mut words[2]);
    }
    if let Keys::Streams { from } = command.keys {
        words.truncate(from + 3);
        if from > 1 {
            "GROUP".clone_into(&mut words[1]);
        }
        "STREAMS".clone_into(&mut words[from]);
    }
    words
}

/// The decision that the table demands of a request.
fn is_permitted(row: &Row, words: &[String], grant: Grant) -> bool {
    let owned: engine::args::OwnedArgs = words.iter().collect();
    let args = owned.as_args();
    let known = row.command.access_by.map(|access_by| access_by(&args));
    let mut permitted = grant != Grant::NoChannels
        || matches!(row.command.channels, Channels::None | Channels::Shard { is_checked: false, .. });
    row.command.for_each_key(&args, |_, most| permitted &= grant.permits(known.unwrap_or(most)));
    permitted
}

fn encoded(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

struct Judge {
    world: World,
    admin: Peer,
}

impl Judge {
    fn new() -> Self {
        let mut world = World::new(1, &[]);
        let admin = world.connect(0);
        Self { world, admin }
    }

    fn ask(&mut self, peer: Peer, words: &[&str]) -> String {
        self.world.send_bytes(peer, &encoded(words));
        self.world.read(peer)
    }

    /// Gives a user rules and lets him try a request, dry and really. Both must agree.
    #[track_caller]
    fn tries(&mut self, rules: &str, words: &[String]) -> bool {
        let made = self.world.ask(self.admin, &format!("ACL SETUSER u reset on nopass {rules}"));
        assert_eq!(made, "+OK\r\n", "{rules}");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let dry = self.ask(self.admin, &[&["ACL", "DRYRUN", "u"], &words[..]].concat());
        let user = self.world.connect(0);
        assert_eq!(self.ask(user, &["AUTH", "u", "x"]), "+OK\r\n");
        let real = self.ask(user, &words);
        self.world.hang_up(user);
        // A refused EXEC says so in a text of its own.
        let refused = real.starts_with("-NOPERM")
            || real.starts_with("-EXECABORT Transaction discarded because of: NOPERM");
        assert_eq!(dry == "+OK\r\n", !refused, "{rules}: {words:?}: {dry} {real}");
        assert!(dry == "+OK\r\n" || dry.contains("User u has no permissions to "), "{words:?}: {dry}");
        dry == "+OK\r\n"
    }
}

#[test]
fn a_dry_run_of_every_command_says_what_execution_does() {
    let mut judge = Judge::new();
    let mut tried = 0;
    for row in table().rows().iter().filter(|row| row.command.subcommands.is_empty()) {
        let name = Table::full_name(row);
        let words = request(row);
        let is_open = row.command.flags.has(Flags::NO_AUTH);
        assert_eq!(judge.tries(&format!("+@all -{name} ~* &*"), &words), is_open, "{name} is forbidden");
        assert_eq!(judge.tries("~* &*", &words), is_open, "{name} is not allowed");
        for grant in Grant::ALL {
            let expected = is_permitted(row, &words, grant);
            let permitted = judge.tries(&format!("+{name} {}", grant.rules()), &words);
            assert_eq!(permitted, expected, "{words:?} with {grant:?}");
            tried += 1;
        }
    }
    assert!(tried > 500, "only {tried} requests were tried");
}

#[test]
fn a_container_without_a_subcommand_has_the_wrong_number_of_arguments() {
    let mut judge = Judge::new();
    judge.world.ask(judge.admin, "ACL SETUSER u on nopass +config");
    for row in table().commands().filter(|row| !row.command.subcommands.is_empty() && row.command.arity < -1)
    {
        let reply = judge.ask(judge.admin, &["ACL", "DRYRUN", "u", row.command.name]);
        let name = Table::full_name(row);
        assert_eq!(reply, format!("-ERR wrong number of arguments for '{name}' command\r\n"));
    }
}

/// A request as before, but with two keys where some are counted, each with a name of its own; and where they stand.
fn request_with_own_keys(row: &Row) -> (Vec<String>, Vec<usize>) {
    let mut words = request(row);
    if let Keys::Counted { at, step, .. } = row.command.keys {
        "2".clone_into(&mut words[at]);
        words.resize(words.len().max(at + 1 + 2 * step), "k".to_owned());
    }
    if let Keys::TargetAndCounted { at, .. } = row.command.keys {
        "2".clone_into(&mut words[at]);
        words.resize(words.len().max(at + 3), "k".to_owned());
    }
    let owned: engine::args::OwnedArgs = words.iter().collect();
    let mut keys = Vec::new();
    row.command.for_each_key(&owned.as_args(), |at, _| keys.push(at));
    keys.iter().for_each(|&at| words[at] = format!("key:{at}"));
    (words, keys)
}

#[test]
fn each_key_of_every_command_is_looked_at() {
    let mut judge = Judge::new();
    let mut hidden_keys = 0;
    for row in table().rows().iter().filter(|row| row.command.subcommands.is_empty()) {
        let name = Table::full_name(row);
        let (words, keys) = request_with_own_keys(row);
        let rules = |hidden: Option<usize>| {
            let shown = keys.iter().filter(|&&at| Some(at) != hidden).map(|at| format!("~key:{at}"));
            [format!("+{name} &*")].into_iter().chain(shown).collect::<Vec<_>>().join(" ")
        };
        assert!(judge.tries(&rules(None), &words), "{words:?} with all its keys");
        for &at in &keys {
            assert!(!judge.tries(&rules(Some(at)), &words), "{words:?} without {}", words[at]);
            hidden_keys += 1;
        }
    }
    assert!(hidden_keys > 250, "only {hidden_keys} keys were looked at");
}

#[test]
fn the_databases_of_every_command_are_looked_at() {
    let mut judge = Judge::new();
    for row in table().rows().iter().filter(|row| row.command.subcommands.is_empty()) {
        let name = Table::full_name(row);
        let (words, keys) = request_with_own_keys(row);
        let concerns_all = row.command.databases == Databases::All;
        let own = judge.tries(&format!("+{name} ~* &* resetdbs db=0"), &words);
        assert_eq!(own, !concerns_all, "{words:?} in its own database");
        for rules in ["resetdbs", "resetdbs db=1"] {
            let other = judge.tries(&format!("+{name} ~* &* {rules}"), &words);
            assert!(!other || keys.is_empty() && !concerns_all, "{words:?} with {rules}");
        }
    }
    for line in [
        "SELECT 1",
        "MOVE k 1",
        "COPY k l DB 1",
        "COPY k l DB 0 DB 1",
        "SWAPDB 0 1",
        "SWAPDB 1 0",
        "FLUSHALL",
    ] {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert!(!judge.tries("+@all ~* &* resetdbs db=0", &words), "{line}");
        assert!(judge.tries("+@all ~* &* alldbs", &words), "{line}");
    }
}
