//! Secrets among the arguments of a command, which neither the slow log nor MONITOR shows.
//!
//! The commands themselves are shown, as in Redis.

use crate::args::{Args, OwnedArgs};
use crate::command::keys_to_migrate;
use crate::table::{Row, Table};

/// What stands in the place of a secret.
const HIDDEN: &[u8] = b"(redacted)";

/// The arguments with their secrets hidden; `None` if there are none.
pub(crate) fn hide(row: &Row, args: &Args<'_>) -> Option<OwnedArgs> {
    let secrets = match Table::full_name(row).as_str() {
        "auth" => (1..args.len()).collect(),
        "hello" => after_auth(args),
        "migrate" => in_migration(args),
        "acl|setuser" | "acl|deluser" | "acl|getuser" => (2..args.len()).collect(),
        "config|set" => {
            (3..args.len()).step_by(2).filter(|&at| config::is_sensitive(args.get(at - 1))).collect()
        }
        _ => return None,
    };
    let shown = |at| if secrets.contains(&at) { HIDDEN } else { args.get(at) };
    (!secrets.is_empty()).then(|| (0..args.len()).map(shown).collect())
}

/// The password behind AUTH, or user and password behind AUTH2. What stands behind KEYS is none.
fn in_migration(args: &Args<'_>) -> Vec<usize> {
    let end = if args.get(3).is_empty() { keys_to_migrate(args).start } else { args.len() };
    let mut options = 6..end;
    let words = options.find_map(|at| match () {
        () if args.is(at, "AUTH") => Some(at + 1..at + 2),
        () if args.is(at, "AUTH2") => Some(at + 1..at + 3),
        () => None,
    });
    words.map_or_else(Vec::new, |words| words.filter(|&at| at < args.len()).collect())
}

/// User and password behind the AUTH of HELLO.
fn after_auth(args: &Args<'_>) -> Vec<usize> {
    let auth = (2..args.len()).find(|&at| args.is(at, "AUTH"));
    auth.map_or_else(Vec::new, |at| (at + 1..args.len().min(at + 3)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::table;

    #[track_caller]
    fn check(words: &[&str], expected: &[&str]) {
        let words: OwnedArgs = words.iter().copied().collect();
        let args = words.as_args();
        let row = table().names().look_up(&args).expect("the command is known");
        let hidden = hide(&row, &args);
        let shown = hidden.as_ref().map_or(args, OwnedArgs::as_args);
        let shown: Vec<_> = shown.from(0).map(String::from_utf8_lossy).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn passwords_are_hidden_and_nothing_else() {
        check(
            &["HELLO", "3", "auth", "default", "secret", "SETNAME", "me"],
            &["HELLO", "3", "auth", "(redacted)", "(redacted)", "SETNAME", "me"],
        );
        check(&["HELLO", "3", "AUTH"], &["HELLO", "3", "AUTH"]);
        check(&["AUTH", "me", "secret"], &["AUTH", "(redacted)", "(redacted)"]);
        check(
            &["CONFIG", "SET", "maxmemory", "1", "RequirePass", "secret", "masterauth", "x"],
            &["CONFIG", "SET", "maxmemory", "1", "RequirePass", "(redacted)", "masterauth", "(redacted)"],
        );
        check(&["ACL", "SETUSER", "me", ">secret"], &["ACL", "SETUSER", "(redacted)", "(redacted)"]);
        check(
            &["MIGRATE", "h", "1", "", "0", "1", "AUTH2", "me", "secret", "KEYS", "AUTH", "k"],
            &["MIGRATE", "h", "1", "", "0", "1", "AUTH2", "(redacted)", "(redacted)", "KEYS", "AUTH", "k"],
        );
        check(&["CONFIG", "SET", "requirepass"], &["CONFIG", "SET", "requirepass"]);
        check(&["SET", "requirepass", "secret"], &["SET", "requirepass", "secret"]);
    }
}
