//! `backup`, `restore`, `verify` and `prune`: what the program does with backups.
//!
//! RESTORE and BACKUP are commands of the server as well. The words are the program's own if they stand in small letters and a
//! flag follows.

use backup::Compression;
use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

const HELP: &str = "\
A backup is a copy of the server's append-only file up to what it has synced, or, if it has none, of an RDB file; the server \
goes on meanwhile. It counts when the line that names it has been printed.

Examples:
  rustypotato-cli backup --dir /backup                   everything
  rustypotato-cli backup --dir /backup --incremental     what has changed since
  rustypotato-cli verify --dir /backup
  rustypotato-cli restore --from /backup --dir /tmp/new
  rustypotato-cli restore --from /backup --dir /tmp/new --to-time '2031-05-07 14:30:00'
  rustypotato-cli prune --dir /backup --keep-last 14";

/// Backups: made over the connection, verified, and restored into a new folder.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = "rustypotato-cli", after_help = HELP, disable_version_flag = true)]
pub(crate) enum Work {
    /// Makes a backup of the server that the flags before this word name.
    Backup(Backup),
    /// Makes data files of backups, in a new folder.
    Restore(Restore),
    /// Reads backups and tells whether they are whole.
    Verify(Verify),
    /// Deletes backups that are older than wanted, and none that a later one needs.
    Prune(Prune),
}

/// What `backup` has to know.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Backup {
    /// The folder for backups.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: PathBuf,
    /// Copy only what has changed since the last backup in the folder; everything, if the server does not have that any more.
    #[arg(long)]
    pub(crate) incremental: bool,
    /// How to compress: zstd is fast and small, lz4 faster, and gzip what everybody can read.
    #[arg(long, value_name = "HOW", default_value = Compression::Zstd.name(), value_parser = compression())]
    pub(crate) compress: Compression,
    /// For how long the server keeps its log for the next incremental backup here, even if a rewrite replaces it; 0: not.
    #[arg(long, value_name = "HOURS", default_value_t = 48, value_parser = clap::value_parser!(u64).range(0..=744))]
    pub(crate) keep: u64,
    /// The name under which the server keeps it, one for each folder; the folder's path unless said.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// When the backup has been made, delete all but the last so many, and those that they follow on.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) keep_last: Option<NonZeroUsize>,
}

/// Reads the name of a compression.
fn compression() -> impl TypedValueParser<Value = Compression> {
    let names = PossibleValuesParser::new(Compression::ALL.map(Compression::name));
    names.try_map(|name| Compression::of_name(&name).ok_or("there is no such compression"))
}

/// What `restore` has to know.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Restore {
    /// The folder with backups.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from: PathBuf,
    /// The new folder of data, which must be empty or not there.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: PathBuf,
    /// The backup; the last one unless said.
    #[arg(long, value_name = "NAME")]
    pub(crate) backup: Option<String>,
    /// Keep what was written up to this time: seconds or milliseconds since 1970, or a date and a time (UTC without a zone).
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with = "to_batch")]
    pub(crate) to_time: Option<String>,
    /// Keep what was written up to this batch.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) to_batch: Option<u64>,
}

/// What `verify` has to know.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Verify {
    /// The folder with backups.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: PathBuf,
    /// This backup and those that it follows on; all of them unless said.
    #[arg(long, value_name = "NAME")]
    pub(crate) backup: Option<String>,
}

/// What `prune` has to know.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Prune {
    /// The folder with backups.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: PathBuf,
    /// So many stay, the last ones, and those that they follow on.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) keep_last: NonZeroUsize,
    /// Only tell what would be deleted.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What a command line asks for, if it is for the program itself.
pub(super) fn parse(words: &[OsString]) -> Option<Result<Work, clap::Error>> {
    let [first, second, ..] = words else { return None };
    let is_own = ["backup", "restore", "verify", "prune"].iter().any(|own| first == own)
        && second.as_encoded_bytes().starts_with(b"--");
    is_own.then(|| Work::try_parse_from(std::iter::once(&OsString::from("rustypotato-cli")).chain(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Result<Work, clap::Error>> {
        parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn words_are_the_programs_own_if_a_flag_follows() {
        for servers in
            ["backup", "backup start", "restore key 0 payload", "BACKUP --dir", "get --dir", "verify"]
        {
            assert!(parsed(servers).is_none(), "{servers}");
        }
        let Some(Ok(Work::Backup(backup))) = parsed("backup --dir b --compress lz4 --incremental") else {
            panic!("a backup");
        };
        assert_eq!((backup.compress, backup.incremental, backup.keep), (Compression::Lz4, true, 48));
        assert!(matches!(parsed("restore --from a --dir b --to-time -1"), Some(Ok(Work::Restore(_)))));
        assert!(matches!(parsed("verify --dir a"), Some(Ok(Work::Verify(_)))));
        let Some(Ok(Work::Prune(prune))) = parsed("prune --dir a --keep-last 3 --dry-run") else {
            panic!("a pruning");
        };
        assert_eq!((prune.keep_last.get(), prune.dry_run), (3, true));
        for wrong in [
            "backup --incremental",
            "backup --dir b --keep 745",
            "backup --dir b --compress rar",
            "restore --from a",
            "restore --from a --dir b --to-time 1 --to-batch 1",
            "verify --all",
            "prune --dir a",
            "prune --dir a --keep-last 0",
        ] {
            assert!(parsed(wrong).expect("its own").is_err(), "{wrong}");
        }
        let help = parsed("backup --help").expect("its own").expect_err("an answer");
        assert!(!help.use_stderr());
    }
}
