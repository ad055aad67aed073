//! A transcript as a value: sections, each with steps, each with the lines that must come back.

use std::fmt;

use resp::Protocol;

use crate::words;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// In the order of the file.
    pub sections: Vec<Section>,
}

/// Steps that begin with empty databases and fresh connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What stands behind `==`.
    pub title: String,
    /// What stands behind `@`: the peers that know what the section shows.
    pub peers: Option<String>,
    /// In the order of the file.
    pub steps: Vec<Step>,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The number of its line, from 1.
    pub line: usize,
    /// What is done.
    pub action: Action,
    /// The lines of the reply.
    pub expected: Vec<String>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A client sends a command.
    Send {
        /// The client's name; the one that most commands come from has none.
        client: String,
        /// The protocol in which it is judged, with the protocol's own types; `None` = both, as RESP2 prints it.
        protocol: Option<Protocol>,
        /// The command.
        words: Vec<Vec<u8>>,
    },
    /// Time passes.
    Pass {
        /// How much.
        milliseconds: u64,
    },
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl Transcript {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut sections: Vec<Section> = Vec::new();
        let mut takes_reply = false;
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let wrong = |reason| SyntaxError { line: number, reason };
            if let Some(title) = line.strip_prefix("==") {
                let title = title.trim().to_owned();
                sections.push(Section { title, peers: None, steps: Vec::new() });
                takes_reply = false;
                continue;
            }
            if line.is_empty() || line.starts_with('#') {
                takes_reply = false;
                continue;
            }
            let section = sections.last_mut().ok_or(wrong("a section begins with `==`"))?;
            if let Some(action) = action(line).map_err(wrong)? {
                takes_reply = matches!(action, Action::Send { .. });
                section.steps.push(Step { line: number, action, expected: Vec::new() });
            } else if let Some(step) = section.steps.last_mut().filter(|_| takes_reply) {
                step.expected.push(line.to_owned());
            } else if let Some(peers) = line.strip_prefix('@').filter(|_| section.steps.is_empty()) {
                section.peers = Some(peers.trim().to_owned());
            } else {
                return Err(wrong("a reply needs a command before it"));
            }
        }
        Ok(Self { sections })
    }

    /// The text with replies added behind the lines with these numbers.
    pub fn with_replies(text: &str, replies: &[(usize, Vec<String>)]) -> String {
        let mut out = String::new();
        for (index, line) in text.lines().enumerate() {
            out += line;
            out.push('\n');
            let added = replies.iter().filter(|(number, _)| *number == index + 1);
            for reply in added.flat_map(|(_, lines)| lines) {
                out += reply;
                out.push('\n');
            }
        }
        out
    }
}

/// The action of a line, or `None` if it is none: `> SET k v`, `3> HGETALL k`, `other> GET k`, `+100 ms`.
fn action(line: &str) -> Result<Option<Action>, &'static str> {
    if let Some(time) = line.strip_prefix('+') {
        return match time.trim().strip_suffix(" ms").map(str::parse) {
            Some(Ok(milliseconds)) => Ok(Some(Action::Pass { milliseconds })),
            _ => Ok(None), // a status may begin with a plus
        };
    }
    let Some((prompt, command)) = line.split_once("> ") else { return Ok(None) };
    let client = prompt.trim_end_matches(['2', '3']);
    if !client.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Ok(None);
    }
    let protocol = match &prompt[client.len()..] {
        "" => None,
        "2" => Some(Protocol::Resp2),
        "3" => Some(Protocol::Resp3),
        _ => return Ok(None),
    };
    let words = words::split(command).ok_or("a quote is not closed or an escape is cut short")?;
    if words.is_empty() {
        return Err("a command needs a word");
    }
    Ok(Some(Action::Send { client: client.to_owned(), protocol, words }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A comment.
== first one
@ redis 7.4, valkey 9.0
> PING
PONG
+1500 ms
other3> GET key
1) (nil)
2) 1> 2

== second
2> PING
";

    #[test]
    fn sections_hold_steps_with_their_replies() {
        let transcript = Transcript::parse(TEXT).expect("the text is well formed");
        let [first, second] = &transcript.sections[..] else { panic!("there are two sections") };
        assert_eq!((first.title.as_str(), second.title.as_str()), ("first one", "second"));
        assert_eq!(first.peers.as_deref(), Some("redis 7.4, valkey 9.0"));
        assert_eq!(first.steps.iter().map(|step| step.line).collect::<Vec<_>>(), [4, 6, 7]);
        assert_eq!(first.steps[0].expected, ["PONG"]);
        assert_eq!(first.steps[1].action, Action::Pass { milliseconds: 1500 });
        let words = vec![b"GET".to_vec(), b"key".to_vec()];
        let action = Action::Send { client: "other".to_owned(), protocol: Some(Protocol::Resp3), words };
        assert_eq!(first.steps[2].action, action);
        assert_eq!(first.steps[2].expected, ["1) (nil)", "2) 1> 2"]);
        assert!(second.steps[0].expected.is_empty());
    }

    #[test]
    fn a_line_that_belongs_nowhere_is_refused() {
        for (text, line) in
            [("> PING\n", 1), ("== a\nOK\n", 2), ("== a\n> \n", 2), ("== a\n> PING\n\nPONG\n", 4)]
        {
            assert_eq!(Transcript::parse(text).map_err(|error| error.line), Err(line), "{text:?}");
        }
    }

    #[test]
    fn replies_are_added_behind_their_commands() {
        let replies = [(2, vec!["OK".to_owned()])];
        assert_eq!(Transcript::with_replies("== a\n> SET k v\n", &replies), "== a\n> SET k v\nOK\n");
    }
}
