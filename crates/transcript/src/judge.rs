//! The judge: runs the steps of a transcript against a server and compares.

use std::fmt;

use regex_lite::Regex;
use resp::{Frame, Protocol};

use crate::document::{Action, Section, Step, Transcript};
use crate::peer::Peer;
use crate::print;

/// A server that can be judged, and how commands reach it.
pub trait Stand {
    /// The server by its own account.
    fn peer(&self) -> &Peer;
    /// A section begins: no databases' keys, no connections. All connections from here on speak `protocol`.
    fn begin(&mut self, protocol: Protocol);
    /// Sends a command by a client, which is connected if it is new. `answered`: a reply is expected; else the stand
    /// need not look for one.
    fn send(&mut self, client: &str, words: &[Vec<u8>], answered: bool) -> Reply;
    /// Lets time pass; `false` if this server's time cannot be turned.
    fn pass(&mut self, milliseconds: u64) -> bool;
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It was answered.
    Frame(Frame),
    /// It was not, and need not be.
    Nothing,
    /// The connection is closed.
    Closed,
}

/// One that compares, in one of the protocols.
#[derive(Debug, Clone, Copy)]
pub struct Judge {
    /// The protocol of the connections.
    pub protocol: Protocol,
}

/// What came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many replies were looked at.
    pub judged: usize,
    /// Those that were not as written.
    pub differences: Vec<Difference>,
}

/// A reply that was not as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The number of the command's line, from 1.
    pub line: usize,
    /// The reply as written; no line if none was written.
    pub expected: Vec<String>,
    /// The reply as it came.
    pub got: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "line {}", self.line)?;
        writeln!(f, "  expected  {}", self.expected.join("\n            "))?;
        write!(f, "  got       {}", self.got.join("\n            "))
    }
}

/// A reply that is accepted whatever it is.
const ANY: &str = "(same)";
/// No reply.
const NOTHING: &str = "(nothing)";
/// The end of the connection.
const CLOSED: &str = "(closed)";
/// Begins a line that is a regular expression.
const PATTERN: &str = "~ ";

impl Judge {
    /// Judges a server by a transcript.
    pub fn judge(self, transcript: &Transcript, stand: &mut dyn Stand) -> Verdict {
        let mut verdict = Verdict::default();
        for section in &transcript.sections {
            if section.peers.as_ref().is_none_or(|peers| stand.peer().is_among(peers)) {
                self.judge_section(section, stand, &mut verdict);
            }
        }
        verdict
    }

    /// Runs a section up to its end, or to where time would have to pass and cannot.
    fn judge_section(self, section: &Section, stand: &mut dyn Stand, verdict: &mut Verdict) {
        stand.begin(self.protocol);
        for step in &section.steps {
            match &step.action {
                Action::Pass { milliseconds } => {
                    if !stand.pass(*milliseconds) {
                        return;
                    }
                }
                Action::Send { protocol: Some(protocol), .. } if *protocol != self.protocol => {}
                Action::Send { client, protocol, words } => {
                    let is_answered = step.expected != [NOTHING];
                    let got = match stand.send(client, words, is_answered) {
                        Reply::Frame(frame) if protocol.is_some() => print::lines(&frame),
                        Reply::Frame(frame) => print::lines(&print::flattened(&frame)),
                        Reply::Nothing => vec![NOTHING.to_owned()],
                        Reply::Closed => vec![CLOSED.to_owned()],
                    };
                    verdict.compare(step, got);
                }
            }
        }
    }
}

impl Verdict {
    fn compare(&mut self, step: &Step, got: Vec<String>) {
        self.judged += 1;
        if !agrees(&step.expected, &got) {
            self.differences.push(Difference { line: step.line, expected: step.expected.clone(), got });
        }
    }
}

fn agrees(expected: &[String], got: &[String]) -> bool {
    expected == [ANY]
        || expected.len() == got.len()
            && expected.iter().zip(got).all(|(expected, got)| match expected.strip_prefix(PATTERN) {
                Some(pattern) => matches(pattern, got),
                None => expected == got,
            })
}

/// Whether a pattern matches a whole line.
fn matches(pattern: &str, line: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that gives the command back, closes on QUIT and says nothing to HUSH.
    struct Echo {
        peer: Peer,
        turns_time: bool,
    }

    impl Stand for Echo {
        fn peer(&self) -> &Peer {
            &self.peer
        }

        fn begin(&mut self, _: Protocol) {}

        fn send(&mut self, _: &str, words: &[Vec<u8>], answered: bool) -> Reply {
            match words[0].as_slice() {
                b"QUIT" => Reply::Closed,
                b"HUSH" if !answered => Reply::Nothing,
                _ => Reply::Frame(Frame::Set(words.iter().cloned().map(Frame::Bulk).collect())),
            }
        }

        fn pass(&mut self, _: u64) -> bool {
            self.turns_time
        }
    }

    /// How many replies are judged, and the lines of those that differ.
    #[track_caller]
    fn check(text: &str, stand: &mut Echo, expected: (usize, &[usize])) {
        let transcript = Transcript::parse(text).expect("the transcript is well formed");
        let verdict = Judge { protocol: Protocol::Resp3 }.judge(&transcript, stand);
        let lines: Vec<usize> = verdict.differences.iter().map(|difference| difference.line).collect();
        assert_eq!((verdict.judged, &lines[..]), expected, "{text}");
    }

    fn echo() -> Echo {
        Echo { peer: Peer { name: "redis".to_owned(), version: vec![7, 0] }, turns_time: false }
    }

    #[test]
    fn replies_are_compared_line_by_line() {
        check("== a\n> A\n1) \"A\"\n> B\n1) \"A\"\n> C\n", &mut echo(), (3, &[4, 6]));
        check("== a\n> A B\n1) \"A\"\n~ \\d\\) \".\"\n> A\n~ 1\n> A\n(same)\n", &mut echo(), (3, &[5]));
        check("== a\n> QUIT\n(closed)\n> HUSH\n(nothing)\n> HUSH\n(closed)\n", &mut echo(), (3, &[6]));
    }

    #[test]
    fn a_step_of_one_protocol_shows_its_own_types_and_is_left_out_in_the_other() {
        check("== a\n3> A\n1~ \"A\"\n2> A\nOK\n", &mut echo(), (1, &[]));
    }

    #[test]
    fn a_section_for_others_is_left_out() {
        check("== a\n@ redis 7.2\n> A\nOK\n== b\n@ redis 7.0\n> A\nOK\n", &mut echo(), (1, &[7]));
    }

    #[test]
    fn a_section_ends_where_time_cannot_be_turned() {
        let text = "== a\n> A\n(same)\n+1 ms\n> A\n(same)\n== b\n> A\n(same)\n";
        check(text, &mut echo(), (2, &[]));
        check(text, &mut Echo { turns_time: true, ..echo() }, (3, &[]));
    }
}
