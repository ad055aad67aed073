//! How soon the operating system ends this process when it runs out of memory (`oom-score-adj`): Linux adds a number from
//! -1000, never, to 1000, the first, to what it computes itself.
//!
//! While a parameter decides it, the number that the process had before is kept. Relative scores are added to it, and
//! it comes back when the parameter is switched off. The scores of replicas and of processes that save are checked and shown
//! only, for there are neither here.

use std::fs;
use std::path::PathBuf;

use config::{Config, OomScoreAdj, Param};
use parking_lot::Mutex;
use tracing::error;

const FILE: &str = "/proc/self/oom_score_adj";
const RANGE: std::ops::RangeInclusive<i64> = -1000..=1000;

/// See the module's text.
#[derive(Debug)]
pub struct OomScore {
    file: PathBuf,
    /// The number before it was adjusted, while it is.
    base: Mutex<Option<i64>>,
}

impl OomScore {
    /// The score of this process.
    pub fn new() -> Self {
        Self { file: FILE.into(), base: Mutex::new(None) }
    }

    /// Adjusts the score as the parameters say, if they have changed.
    pub fn follow_change(&self, old: &Config, new: &Config) -> Result<(), (Param, String)> {
        let mode_has_changed = old.oom_score_adj() != new.oom_score_adj();
        if !mode_has_changed && old.oom_score_adj_values() == new.oom_score_adj_values() {
            return Ok(());
        }
        self.follow(new).map_err(|()| {
            let param = if mode_has_changed { Param::OomScoreAdj } else { Param::OomScoreAdjValues };
            (param, "Failed to set current oom_score_adj. Check server logs.".to_owned())
        })
    }

    /// Adjusts the score as the parameters say. Why that fails is told in the log.
    pub fn follow(&self, config: &Config) -> Result<(), ()> {
        let mut base = self.base.lock();
        let set = |score| fs::write(&self.file, format!("{score}\n"));
        let followed = match (config.oom_score_adj(), *base) {
            (OomScoreAdj::No, None) => Ok(()),
            (OomScoreAdj::No, Some(before)) => set(before).map(|()| *base = None),
            (mode, before) => before.map_or_else(|| self.read(), Ok).and_then(|before| {
                *base = Some(before);
                set(score(mode, before, config.oom_score_adj_values()[0]))
            }),
        };
        followed.map_err(|reason| error!("{} cannot be adjusted: {reason}", self.file.display()))
    }

    fn read(&self) -> std::io::Result<i64> {
        let text = fs::read_to_string(&self.file)?;
        text.trim().parse().map_err(|_| std::io::Error::other("it holds no number"))
    }
}

/// The number for a process that had another before.
fn score(mode: OomScoreAdj, before: i64, value: i64) -> i64 {
    let score = if mode == OomScoreAdj::Relative { before + value } else { value };
    score.clamp(*RANGE.start(), *RANGE.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mode: &str, values: &str) -> Config {
        let mut config = Config::default();
        config.set("oom-score-adj", mode.as_bytes()).expect("a mode");
        config.set("oom-score-adj-values", values.as_bytes()).expect("three values");
        config
    }

    #[test]
    fn the_score_follows_the_parameters_and_comes_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("score");
        fs::write(&file, "22\n").expect("a file");
        let read = || fs::read_to_string(&file).expect("a score");
        let oom_score = OomScore { file: file.clone(), base: Mutex::new(None) };
        for (mode, values, score) in [
            ("no", "9 9 9", "22\n"),
            ("yes", "9 9 9", "31\n"),
            ("relative", "-30 9 9", "-8\n"),
            ("absolute", "9 9 9", "9\n"),
            ("absolute", "-2000 9 9", "-1000\n"),
            ("relative", "2000 9 9", "1000\n"),
            ("no", "9 9 9", "22\n"),
        ] {
            assert_eq!(oom_score.follow(&config(mode, values)), Ok(()));
            assert_eq!(read(), score, "{mode} {values}");
        }
        fs::write(&file, "5\n").expect("a file");
        let (off, on) = (config("no", "1 2 3"), config("yes", "1 2 3"));
        assert_eq!(oom_score.follow_change(&on, &on), Ok(()), "nothing has changed");
        assert_eq!(oom_score.follow(&off), Ok(()), "it is not adjusted");
        assert_eq!(read(), "5\n");
        assert_eq!(oom_score.follow_change(&off, &on), Ok(()));
        assert_eq!(read(), "6\n", "what it was when it was switched on counts");
    }

    #[test]
    fn the_parameter_that_could_not_be_followed_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let oom_score = OomScore { file: folder.path().join("none"), base: Mutex::new(None) };
        let failed = |old: &Config, new: &Config| oom_score.follow_change(old, new).expect_err("no file").0;
        let on = config("yes", "1 2 3");
        assert_eq!(failed(&config("no", "1 2 3"), &on), Param::OomScoreAdj);
        assert_eq!(failed(&on, &config("yes", "4 5 6")), Param::OomScoreAdjValues);
    }
}
