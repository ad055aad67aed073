//! What the user asked for. The flags of redis-check-aof mean what they mean there.

use std::path::PathBuf;

use clap::Parser;
use stdx::time::UnixMs;

use backup::moment;

const HELP: &str = "\
PATH is a folder with an append-only set, its manifest, one file of commands, or an RDB file; of this server, of Redis or of \
Valkey. Or it is a folder with backups, or the list of one (.backup), which are verified. Nothing is written unless --fix, --salvage, --to-time, --to-batch or --truncate-to-timestamp asks for it. What is cut \
off is kept in a file beside.

Exit status: 0 if everything is sound (or is so now), 1 if something is damaged or torn, 2 if the command line is wrong or \
the system refuses something.

Examples:
  rustypotato-check /var/lib/rustypotato/appendonlydir
  rustypotato-check --quick dump.rdb
  rustypotato-check --fix --yes appendonlydir
  rustypotato-check --salvage saved/appendonlydir appendonlydir
  rustypotato-check --to-time '2031-05-07 14:30:00' --into earlier/appendonlydir appendonlydir
  rustypotato-check --to-batch 4711 --in-place appendonlydir";

/// Checks files of data, cuts them, and saves what can be read of damaged ones.
#[derive(Debug, Parser)]
#[command(name = "rustypotato-check", version, args_override_self = true, after_help = HELP)]
pub(crate) struct Options {
    /// What to look at.
    pub(crate) path: PathBuf,
    /// Check bytes, checksums and order in little memory, but run no command and count no key that commands make.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How many of the largest keys of each type to name.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub(crate) largest: usize,
    /// Cut a torn end off the last file; and from the first damage on, or write a damaged manifest anew, if you agree.
    #[arg(long, conflicts_with_all = ["salvage", "to_time", "to_batch", "truncate_to_timestamp"])]
    pub(crate) fix: bool,
    /// Agree to what --fix asks.
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Write new files of everything that can be read, before and behind damage, into this new folder.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["to_time", "to_batch", "truncate_to_timestamp"])]
    pub(crate) salvage: Option<PathBuf>,
    /// Let --salvage take batches that may be part of a value as well.
    #[arg(long, requires = "salvage")]
    pub(crate) doubtful: bool,
    /// Keep what was written up to this time: seconds or milliseconds since 1970, or a date
    /// and a time (UTC without a zone).
    #[arg(long, value_name = "TIME", conflicts_with_all = ["to_batch", "truncate_to_timestamp"])]
    pub(crate) to_time: Option<String>,
    /// Let --to-time keep commands of which nothing tells when they were written.
    #[arg(long, requires = "to_time")]
    pub(crate) untimed: bool,
    /// Keep what was written up to this batch.
    #[arg(long, value_name = "NUMBER", conflicts_with = "truncate_to_timestamp")]
    pub(crate) to_batch: Option<u64>,
    /// Write the new files of --to-time or --to-batch into this new folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "in_place")]
    pub(crate) into: Option<PathBuf>,
    /// Let --to-time or --to-batch cut the files themselves.
    #[arg(long)]
    pub(crate) in_place: bool,
    /// Cut the last file itself where its time annotations go beyond this second, as redis-check-aof does.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) truncate_to_timestamp: Option<i64>,
}

/// Up to where to keep what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Up to this millisecond.
    Time(UnixMs),
    /// Up to this batch of the increments.
    Batch(u64),
    /// Up to this second, in the words of redis-check-aof.
    Timestamp(i64),
}

impl Options {
    /// Whether files that are there may be changed.
    pub(crate) fn changes_files(&self) -> bool {
        self.fix || self.in_place || self.truncate_to_timestamp.is_some()
    }

    /// Up to where to keep what was written, if not all of it.
    pub(crate) fn until(&self) -> Result<Option<Until>, String> {
        let until = match (&self.to_time, self.to_batch, self.truncate_to_timestamp) {
            (Some(text), ..) => Until::Time(moment::parse(text)?),
            (_, Some(number), _) => Until::Batch(number),
            (.., Some(second)) => Until::Timestamp(second),
            _ if self.into.is_some() || self.in_place => {
                return Err("--into and --in-place belong to --to-time or --to-batch".to_owned());
            }
            _ => return Ok(None),
        };
        let is_said = self.into.is_some() || self.in_place;
        match until {
            Until::Timestamp(_) if self.into.is_some() => {
                Err("--truncate-to-timestamp cuts in place; --to-time writes into a folder".to_owned())
            }
            Until::Time(_) | Until::Batch(_) if !is_said => {
                Err("say where the result goes: --into FOLDER for new files, or --in-place to cut these"
                    .to_owned())
            }
            until => Ok(Some(until)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(words: &str) -> Result<Option<Until>, String> {
        let words = ["rustypotato-check"].into_iter().chain(words.split(' '));
        Options::try_parse_from(words).map_err(|error| error.to_string()).and_then(|options| options.until())
    }

    #[test]
    fn cuts_say_where_they_end_and_where_the_result_goes() {
        assert_eq!(until("x"), Ok(None));
        assert_eq!(until("--to-time 5 --into y x"), Ok(Some(Until::Time(UnixMs(5999)))));
        assert_eq!(until("--to-batch 5 --in-place x"), Ok(Some(Until::Batch(5))));
        assert_eq!(until("--truncate-to-timestamp 5 x"), Ok(Some(Until::Timestamp(5))));
        for wrong in [
            "--to-time 5 x",
            "--to-batch 5 x",
            "--to-batch five --in-place x",
            "--to-time never --in-place x",
            "--to-time 5 --to-batch 5 --in-place x",
            "--to-time 5 --in-place --into y x",
            "--truncate-to-timestamp 5 --into y x",
            "--into y x",
            "--fix --salvage y x",
            "--salvage y --into z x",
            "--salvage y --in-place x",
            "--untimed x",
            "--fix --to-batch 5 --in-place x",
            "--quick",
        ] {
            assert!(until(wrong).is_err(), "{wrong}");
        }
    }
}
