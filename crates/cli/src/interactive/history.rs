//! The history file, which never learns a password.

use crate::line;
use reedline::{
    FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, Result, SearchQuery,
};
use std::path::{Path, PathBuf};

/// How many lines are kept.
const MAX_LINES: usize = 10_000;
/// Settings whose values are secrets.
const SECRET_SETTINGS: [&str; 6] = [
    "requirepass",
    "masterauth",
    "primaryauth",
    "masteruser",
    "tls-key-file-pass",
    "tls-client-key-file-pass",
];

/// The user's history, if there is a place for it.
pub(super) fn open() -> Option<Box<dyn History>> {
    let path = path()?;
    // Opening a missing file would create it readable for others.
    create_private(&path).ok()?;
    let file = FileBackedHistory::with_file(MAX_LINES, path).ok()?;
    Some(Box::new(DiscreetHistory(file)))
}

fn path() -> Option<PathBuf> {
    match std::env::var_os("RUSTYPOTATOCLI_HISTFILE") {
        Some(path) if path == "/dev/null" || path.is_empty() => None,
        Some(path) => Some(PathBuf::from(path)),
        None => Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustypotatocli_history")),
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// A history that forgets lines with secrets at once.
struct DiscreetHistory(FileBackedHistory);

impl History for DiscreetHistory {
    fn save(&mut self, item: HistoryItem) -> Result<HistoryItem> {
        if item.command_line.lines().any(is_secret) { Ok(item) } else { self.0.save(item) }
    }

    fn load(&self, id: HistoryItemId) -> Result<HistoryItem> {
        self.0.load(id)
    }

    fn count(&self, query: SearchQuery) -> Result<i64> {
        self.0.count(query)
    }

    fn search(&self, query: SearchQuery) -> Result<Vec<HistoryItem>> {
        self.0.search(query)
    }

    fn update(&mut self, id: HistoryItemId, updater: &dyn Fn(HistoryItem) -> HistoryItem) -> Result<()> {
        self.0.update(id, updater)
    }

    fn clear(&mut self) -> Result<()> {
        self.0.clear()
    }

    fn delete(&mut self, id: HistoryItemId) -> Result<()> {
        self.0.delete(id)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.0.sync()
    }

    fn session(&self) -> Option<HistorySessionId> {
        self.0.session()
    }
}

/// Whether a line carries a password or the name of a user. When in doubt, it does.
fn is_secret(text: &str) -> bool {
    let Some(words) = line::words(text.as_bytes()) else {
        // Unmatched quotes: the first word is enough to be careful.
        return text.trim_start().to_ascii_lowercase().starts_with("auth");
    };
    let words: Vec<String> =
        words.iter().map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // "3 auth x" is an AUTH as well.
    let words = match &words[..] {
        [number, rest @ ..] if number.parse::<u64>().is_ok() => rest,
        all => all,
    };
    match words {
        ["auth", ..] | ["acl", "setuser" | "getuser" | "deluser", ..] => true,
        ["config", "set", settings @ ..] => settings.iter().any(|name| SECRET_SETTINGS.contains(name)),
        ["hello" | "migrate", rest @ ..] => rest.iter().any(|word| matches!(*word, "auth" | "auth2")),
        ["sentinel", rest @ ..] => rest
            .iter()
            .any(|word| matches!(*word, "auth-pass" | "auth-user" | "sentinel-pass" | "sentinel-user")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_secrets_are_forgotten() {
        for line in [
            "AUTH x",
            "auth 'unmatched",
            "2 auth x",
            "acl SETUSER u >p",
            "config set maxmemory 1 requirepass p",
            "hello 3 setname n auth u p",
            "migrate h 1 k 0 5 auth2 u p",
            "sentinel set m auth-pass p",
        ] {
            assert!(is_secret(line), "{line}");
        }
        for line in ["get auth", "config set maxmemory 1", "hello 3", "set k v", ""] {
            assert!(!is_secret(line), "{line}");
        }
    }

    #[test]
    fn a_secret_does_not_reach_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history");
        create_private(&path).expect("created");
        let file = FileBackedHistory::with_file(10, path.clone()).expect("opened");
        let mut history = DiscreetHistory(file);
        for line in ["set k v", "auth secret"] {
            history.save(HistoryItem::from_command_line(line)).expect("saved");
        }
        history.sync().expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "set k v\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
