//! What a script asks of the world around it.

use resp::Protocol;

use crate::words::Words;

/// What became of a command that a script called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// Its reply has been written.
    Replied,
    /// The run has to end here, whatever the script wants; what it has answered does not count.
    Abandon,
}

/// Whether a script that has run for a while may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    GoOn,
    /// It is killed, with this error.
    Kill(&'static str),
}

/// Who runs a script. A script knows no command: it hands over words and gets back a reply as bytes.
pub trait Caller {
    /// Runs a command and appends its reply to `reply`.
    fn call(&mut self, words: &Words, protocol: Protocol, reply: &mut Vec<u8>) -> Called;
    /// Whether the user may run a command; nothing if there is no such command.
    fn may_run(&mut self, words: &Words) -> Option<bool>;
    /// Called now and then while the script runs.
    fn interrupt(&mut self) -> Verdict;
    /// `redis.log`: a level from 0 (debug) to 3 (warning), and a text.
    fn log(&mut self, level: u8, text: &[u8]);
}

/// A caller for tests: commands are answered with what is prepared.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// The replies of the commands to come, the next one last.
    pub(crate) replies: Vec<Vec<u8>>,
    /// The commands that were called, their words joined by spaces.
    pub(crate) called: Vec<String>,
    pub(crate) logged: Vec<(u8, Vec<u8>)>,
    /// Interrupts until the script is killed; 0 = never.
    pub(crate) patience: usize,
    /// The command at which the run is abandoned.
    pub(crate) abandon_at: Option<&'static str>,
}

#[cfg(test)]
impl Caller for Recorded {
    fn call(&mut self, words: &Words, _: Protocol, reply: &mut Vec<u8>) -> Called {
        let words: Vec<String> =
            words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let command = words.join(" ");
        if self.abandon_at == Some(&*command) {
            return Called::Abandon;
        }
        self.called.push(command);
        reply.extend_from_slice(&self.replies.pop().unwrap_or_else(|| b"+OK\r\n".to_vec()));
        Called::Replied
    }

    fn may_run(&mut self, words: &Words) -> Option<bool> {
        match words.iter().next()? {
            b"get" => Some(true),
            b"set" => Some(false),
            _ => None,
        }
    }

    fn interrupt(&mut self) -> Verdict {
        match self.patience {
            0 => Verdict::GoOn,
            1 => Verdict::Kill("Script killed by user with SCRIPT KILL."),
            _ => {
                self.patience -= 1;
                Verdict::GoOn
            }
        }
    }

    fn log(&mut self, level: u8, text: &[u8]) {
        self.logged.push((level, text.to_vec()));
    }
}
