//! Rules, as words go in and descriptions and decisions come out. The descriptions are those of Redis 8.0 for the same
//! words, and those of databases Valkey 9.1's.

#[path = "../../../fuzz/checks/acl_commands.rs"]
mod commands;
#[path = "../../../fuzz/checks/acl_rules.rs"]
mod round_trip;

use std::sync::Arc;

use acl::{Catalogue, Channel, Databases, Denial, Key, Permission, Reason, Request, Setting, User, Users};
use proptest::prelude::*;

/// The words of a line of rules; a selector is one word.
fn words(rules: &str) -> Vec<&[u8]> {
    rules.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes).collect()
}

fn user_of(catalogue: &Catalogue, rules: &str) -> Result<Arc<User>, String> {
    let setting = Setting { catalogue, all_channels: false };
    Users::new(setting).change(b"u", &words(rules), setting).map(|(user, _)| user)
}

#[track_caller]
fn describes(rules: &str, expected: &str) {
    let user = user_of(&commands::catalogue(), rules).expect("the rules are right");
    assert_eq!(String::from_utf8_lossy(&user.describe()), expected, "{rules}");
}

#[track_caller]
fn refuses(rules: &str, expected: &str) {
    assert_eq!(user_of(&commands::catalogue(), rules).expect_err(rules), expected);
}

#[test]
fn rules_about_commands_keep_their_order_and_replace_those_about_the_same() {
    let cases = [
        ("", "-@all"),
        ("+get +hget -get", "-@all +hget -get"),
        ("+@read -get +get +@write -@write -@read +@read", "-@all +get -@write +@read"),
        ("+config +config|get -config|set +config", "-@all +config"),
        ("+config|get -config", "-@all -config"),
        ("+@all -@all +GET", "-@all +get"),
        ("+@all -get +get -@hash +hget", "+@all +get -@hash +hget"),
        ("allcommands nocommands +@ALL", "+@all"),
        ("+select|1 -select +select|2", "-@all -select +select|2"),
        ("+config|set -@admin +config", "-@all -@admin +config"),
        ("+@all -config|get +config|set", "+@all -config|get +config|set"),
        ("+SELECT|Foo +Config|Get", "-@all +select|foo +config|get"),
    ];
    for (rules, commands) in cases {
        describes(rules, &format!("off sanitize-payload resetchannels {commands}"));
    }
}

#[test]
fn keys_channels_databases_and_flags_are_described_in_redis_order() {
    let cases = [
        ("&c ~x on +@all", "on sanitize-payload ~x resetchannels &c +@all"),
        ("%RW~* ~x %rw~q %WR~z", "off sanitize-payload %RW~* ~x ~q ~z resetchannels -@all"),
        ("%R~a %W~b %R~c %W~c", "off sanitize-payload %R~a %W~b ~c resetchannels -@all"),
        ("~a ~b ~a &d &c &d", "off sanitize-payload ~a ~b resetchannels &d &c -@all"),
        ("~A ~a ALLKEYS ~*", "off sanitize-payload ~* resetchannels -@all"),
        ("%R", "off sanitize-payload %R~ resetchannels -@all"),
        ("nopass skip-sanitize-payload &*", "off nopass skip-sanitize-payload &* -@all"),
        ("db=3,1,1", "off sanitize-payload resetchannels db=1,3 -@all"),
        ("db=1 resetdbs", "off sanitize-payload resetchannels resetdbs -@all"),
        ("db=1 alldbs db=+2", "off sanitize-payload resetchannels db=2 -@all"),
        ("on ~a +@all reset", "off sanitize-payload resetchannels -@all"),
        (
            "(~a* +get) ( %W~b  +@write -set ) ()",
            "off sanitize-payload resetchannels -@all (~a* resetchannels -@all +get) \
             (%W~b resetchannels -@all +@write -set) (resetchannels -@all)",
        ),
        (
            "on (+get ~a) clearselectors (+set)",
            "on sanitize-payload resetchannels -@all (resetchannels -@all +set)",
        ),
    ];
    for (rules, expected) in cases {
        describes(rules, expected);
    }
}

#[test]
fn wrong_rules_are_refused_in_redis_words() {
    let modifier = [
        ("%~x", "Syntax error"),
        ("%", "Syntax error"),
        ("%RR~z", "Syntax error"),
        ("bad", "Syntax error"),
        (")", "Syntax error"),
        ("~a\u{1}b\u{b}", "Syntax error"),
        ("+get|", "Syntax error"),
        ("(on)", "Syntax error"),
        ("(~a\")", "Syntax error"),
        ("db=", "Syntax error"),
        ("db=1,", "Syntax error"),
        ("db=-1", "The provided database ID is out of range"),
        ("db=99999999999999999999", "The provided database ID is out of range"),
        ("+foo", "Unknown command or category name in ACL"),
        ("+", "Unknown command or category name in ACL"),
        ("-@foo", "Unknown command or category name in ACL"),
        ("-select|0", "Unknown command or category name in ACL"),
        ("+config|bad", "Unknown command or category name in ACL"),
        ("+config|get|x", "Allowing first-arg of a subcommand is not supported"),
        ("<nope", "The password you are trying to remove from the user does not exist"),
    ];
    for (rule, error) in modifier {
        refuses(rule, &format!("Error in ACL SETUSER modifier '{rule}': {error}"));
    }
    refuses("(", "Unmatched parenthesis in acl selector starting at '('.");
    refuses("on (~x +get", "Unmatched parenthesis in acl selector starting at '(~x'.");
    let hash =
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
    refuses("#abc", &format!("Error in ACL SETUSER modifier '#abc': {hash}"));
    let pattern = "is not valid and does not have any effect. Try";
    let keys = format!(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) {pattern} 'resetkeys' to start with an empty list \
         of patterns"
    );
    refuses("~* ~x", &format!("Error in ACL SETUSER modifier '~x': {keys}"));
    let channels = format!(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) {pattern} 'resetchannels' to start with an \
         empty list of channels"
    );
    refuses("&* &x", &format!("Error in ACL SETUSER modifier '&x': {channels}"));
    let many: Vec<String> = (0..=256).map(|number| format!("+select|{number}")).collect();
    refuses(
        &many.join(" "),
        "Error in ACL SETUSER modifier '+select|256': Too many first arguments of one command",
    );
}

#[test]
fn names_are_words() {
    let catalogue = commands::catalogue();
    let setting = Setting { catalogue: &catalogue, all_channels: false };
    let mut users = Users::new(setting);
    for name in [&b"a b"[..], b"a\0", b"", b"a\n"] {
        let error = users.change(name, &[], setting).expect_err("no name");
        assert_eq!(error, "Usernames can't contain spaces or null characters");
    }
    assert!(users.remove(b"default").is_none());
    assert_eq!(users.iter().len(), 1);
}

#[test]
fn passwords_open_what_they_should_and_nothing_else() {
    let catalogue = commands::catalogue();
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("on", &[], &["", "a"]),
        ("on >a >b", &["a", "b"], &["", "A", "ab"]),
        ("on >a >b <a", &["b"], &["a"]),
        ("off >a", &[], &["a"]),
        ("on >a nopass", &["a", "b", ""], &[]),
        ("on nopass >a", &["a"], &["b"]),
        ("on >a resetpass", &[], &["a", ""]),
    ];
    for (rules, right, wrong) in cases {
        let user = user_of(&catalogue, rules).expect("the rules are right");
        right.iter().for_each(|word| assert!(user.accepts(word.as_bytes()), "{rules}: {word}"));
        wrong.iter().for_each(|word| assert!(!user.accepts(word.as_bytes()), "{rules}: {word}"));
    }
}

/// The decision about `command first-argument`, with keys and a database.
fn decide(rules: &str, command: &str, keys: &[(&str, Permission)], database: u32) -> Result<(), Denial> {
    let catalogue = commands::catalogue();
    let (command, first) = command.split_once(' ').map_or((command, None), |(name, word)| (name, Some(word)));
    let keys: Vec<Key<'_>> = keys
        .iter()
        .enumerate()
        .map(|(index, (name, wanted))| Key { at: index + 1, name: name.as_bytes(), wanted: *wanted })
        .collect();
    let request = Request {
        command: catalogue.find(command.as_bytes()).expect("a known command"),
        is_open: command == "auth",
        first_argument: first.map(str::as_bytes),
        keys: &keys,
        channels: &[],
        databases: Databases::Some(&[(0, database)]),
    };
    user_of(&catalogue, rules).expect("the rules are right").check(&request)
}

const READ: Permission = Permission::READ;
const WRITE: Permission = Permission::WRITE;

fn denied(reason: Reason, at: usize) -> Result<(), Denial> {
    Err(Denial { reason, at })
}

#[test]
fn commands_are_decided_by_the_last_rule_about_them() {
    let no = denied(Reason::Command, 0);
    assert_eq!(decide("", "get", &[], 0), no);
    assert_eq!(decide("", "auth", &[], 0), Ok(()), "everybody may log in");
    assert_eq!(decide("+@read -get", "get", &[], 0), no);
    assert_eq!(decide("+@read -get", "hget", &[], 0), Ok(()));
    assert_eq!(decide("+@all -config", "config|get", &[], 0), no);
    assert_eq!(decide("+config|get", "config|set", &[], 0), no);
    assert_eq!(decide("+config|get", "config|get", &[], 0), Ok(()));
    assert_eq!(decide("+select|a", "select A", &[], 0), Ok(()));
    assert_eq!(decide("+select|a", "select b", &[], 0), no);
    assert_eq!(decide("+select|a", "select", &[], 0), no);
    assert_eq!(decide("+select|a -@connection", "select a", &[], 0), no);
    assert_eq!(decide("+select|a +@read", "select a", &[], 0), Ok(()));
}

#[test]
fn each_key_needs_a_pattern_that_permits_what_is_done_with_it() {
    let both = READ.and(WRITE);
    let base = "+@all ~b* %R~r* %W~w*";
    assert_eq!(decide(base, "set", &[("b1", both)], 0), Ok(()));
    assert_eq!(decide(base, "set", &[("r1", READ), ("w1", WRITE)], 0), Ok(()));
    assert_eq!(decide(base, "set", &[("r1", READ), ("w1", READ)], 0), denied(Reason::Key, 2));
    assert_eq!(decide(base, "set", &[("r1", WRITE), ("w1", READ)], 0), denied(Reason::Key, 1));
    assert_eq!(decide(base, "set", &[("w1", Permission::NONE)], 0), Ok(()), "to look is always permitted");
    assert_eq!(decide(base, "set", &[("x", Permission::NONE)], 0), denied(Reason::Key, 1));
    assert_eq!(decide("+@all %R~k %W~k", "set", &[("k", both)], 0), Ok(()), "the same pattern twice adds up");
    assert_eq!(
        decide("+@all %R~k %W~k*", "set", &[("k", both)], 0),
        denied(Reason::Key, 1),
        "two patterns do not"
    );
}

#[test]
fn one_selector_must_allow_all_of_a_request() {
    let rules = "~a +get (~b +get +set) (%R~c +hget db=1)";
    assert_eq!(decide(rules, "get", &[("a", READ)], 0), Ok(()));
    assert_eq!(decide(rules, "get", &[("b", READ)], 0), Ok(()));
    assert_eq!(decide(rules, "set", &[("a", WRITE)], 0), denied(Reason::Key, 1));
    assert_eq!(decide(rules, "get", &[("a", READ), ("b", READ)], 0), denied(Reason::Key, 2));
    assert_eq!(decide(rules, "hget", &[("c", READ)], 1), Ok(()));
    assert_eq!(decide(rules, "hget", &[("c", READ)], 0), denied(Reason::Command, 0));
    assert_eq!(decide("+@all ~* db=1", "hget", &[("c", READ)], 0), denied(Reason::Database, 0));
}

#[test]
fn patterns_of_channels_are_allowed_as_they_are_written_only() {
    let catalogue = commands::catalogue();
    let user = user_of(&catalogue, "&news.* &x (&y*)").expect("the rules are right");
    for (channel, is_pattern, expected) in [
        ("news.1", false, true),
        ("old", false, false),
        ("news.*", true, true),
        ("news.1*", true, false),
        ("x", true, true),
        ("y1", false, true),
        ("y*", true, true),
    ] {
        assert_eq!(user.may_use_channel(channel.as_bytes(), is_pattern), expected, "{channel}");
    }
    let request = Request {
        command: catalogue.find(b"publish").expect("a known command"),
        is_open: false,
        first_argument: None,
        keys: &[],
        channels: &[Channel { at: 1, name: b"z", is_pattern: false }],
        databases: Databases::All(16),
    };
    let allowed = user_of(&catalogue, "+@all").expect("the rules are right");
    assert_eq!(allowed.check(&request), denied(Reason::Channel, 1));
}

#[test]
fn a_user_whose_channels_become_fewer_has_lost_some() {
    let catalogue = commands::catalogue();
    let lost = |before: &str, after: &str| {
        let user = |rules| user_of(&catalogue, rules).expect("the rules are right");
        user(after).lost_channels(&user(before))
    };
    assert!(lost("&*", "&a"));
    assert!(lost("&a &b", "&a"));
    assert!(lost("&a (&b)", "&a"));
    assert!(!lost("&a", "&b &a"));
    assert!(!lost("&a", "&b (&a)"));
    assert!(!lost("&a", "(&*)"));
    assert!(!lost("", ""));
}

#[test]
fn only_a_user_that_may_do_everything_is_unrestricted() {
    let catalogue = commands::catalogue();
    for (rules, expected) in [
        ("+@all ~* &*", true),
        ("+@all ~* &* -get +get", true),
        ("(+@all ~* &*)", true),
        ("+@all ~* &* -config|get", false),
        ("+@all ~* &a", false),
        ("+@all %RW~* &*", false),
        ("+@all ~* &* db=0", false),
        ("+@all (~* &*)", false),
    ] {
        let user = user_of(&catalogue, rules).expect("the rules are right");
        assert_eq!(user.is_unrestricted(&catalogue), expected, "{rules}");
    }
}

#[test]
fn a_file_is_read_as_a_whole_or_not_at_all() {
    let catalogue = commands::catalogue();
    let setting = Setting { catalogue: &catalogue, all_channels: false };
    let read = |content: &str| Users::from_file(content.as_bytes(), "/users.acl", b"secret", setting);
    let users =
        read("user alice on nopass ~a* (~b +get) +@all\r\n\n  user bob   off\n").expect("a right file");
    assert_eq!(
        String::from_utf8_lossy(&users.to_file()),
        "user alice on nopass sanitize-payload ~a* resetchannels +@all (~b resetchannels -@all +get)\n\
         user bob off sanitize-payload resetchannels -@all\n\
         user default on sanitize-payload #2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b ~* &* +@all\n"
    );
    let end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
    for (content, error) in [
        ("\n# x\n", "/users.acl:2 should start with user keyword followed by the username. "),
        ("user", "/users.acl:1 should start with user keyword followed by the username. "),
        ("user a\nuser a", "WARNING: Duplicate user 'a' found on line 2. "),
        ("user a (x", "/users.acl:1: Unmatched parenthesis in selector definition. "),
        ("user a\tb on", "'/users.acl:1: username 'a\tb' contains invalid characters. "),
        (
            "user a +nosuch bad bad2 +nosuch2",
            "/users.acl:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. \
             /users.acl:1: Syntax error. \
             /users.acl:1: Error in applying operation '+nosuch2': Unknown command or category name in ACL. ",
        ),
    ] {
        assert_eq!(read(content).expect_err(content), format!("{error}{end}"));
    }
}

#[test]
fn lines_of_the_configuration_define_each_user_once() {
    let catalogue = commands::catalogue();
    let setting = Setting { catalogue: &catalogue, all_channels: false };
    let (mut users, mut named) = (Users::new(setting), Vec::new());
    let mut add = |line: &str| users.add_configured(&words(line), &mut named, setting);
    assert_eq!(add("default on >x ~a"), Ok(()), "the default user's rules begin anew");
    assert_eq!(add("alice on (~b +get)"), Ok(()));
    let duplicate = "Duplicate user found. A user can only be defined once in config files";
    assert_eq!(add("alice off"), Err(duplicate.to_owned()));
    assert_eq!(
        add("bob #secret").expect_err("no hash").split(':').next(),
        Some("Error in user declaration '..'")
    );
    assert!(!users.default_user().is_open());
}

fn any_rule() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[+-](get|set|hget|config|config\\|get|config\\|set|@read|@write|@hash|@admin|@slow)",
        1 => "[+-]@all",
        2 => "\\+select\\|[a-c]",
        3 => "(%[RW]|%RW|%W|)~[a-c*]{0,2}",
        2 => "&[a-c*]{0,2}",
        2 => "(on|off|nopass|reset|resetpass|resetkeys|allkeys|resetchannels|allchannels|clearselectors|alldbs)",
        1 => "db=[0-3](,[0-3]){0,2}",
        1 => "[<>][a-c]",
        1 => "\\((~[a-c] |\\+get |\\+@write |-set |&x |db=1 ){0,4}\\)",
    ]
}

proptest! {
    #[test]
    fn a_description_read_back_makes_the_same_user(rules in proptest::collection::vec(any_rule(), 0..24)) {
        round_trip::check(rules.join("\n").as_bytes());
    }

    #[test]
    fn a_command_follows_the_last_rule_that_means_it(
        rules in proptest::collection::vec("[+-](get|config|config\\|get|@read|@admin|@slow|@all)", 0..12)
    ) {
        let catalogue = commands::catalogue();
        let user = user_of(&catalogue, &rules.join(" ")).expect("the rules are right");
        let means = |rule: &str, command: &str| {
            let meant: &[&str] = match rule {
                "get" => &["get"],
                "config" => &["config", "config|get", "config|set"],
                "config|get" => &["config|get"],
                "@read" => &["get", "hget"],
                "@admin" => &["config|get", "config|set"],
                "@slow" => &["set", "config", "config|get", "config|set"],
                _ => return true,
            };
            meant.contains(&command)
        };
        for command in ["get", "set", "hget", "config", "config|get", "config|set"] {
            let last = rules.iter().rfind(|rule| means(&rule[1..], command));
            let expected = last.is_some_and(|rule| rule.starts_with('+'));
            let request = Request {
                command: catalogue.find(command.as_bytes()).expect("a known command"),
                is_open: false,
                first_argument: None,
                keys: &[],
                channels: &[],
                databases: Databases::All(1),
            };
            prop_assert_eq!(user.check(&request).is_ok(), expected, "{} {:?}", command, rules);
        }
    }
}
