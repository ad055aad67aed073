//! What a client can know about its connection by watching commands and replies: database, transaction, subscriptions.

use super::Shown;
use resp::Frame;

/// What is known about a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The selected database.
    pub(crate) database: i64,
    /// Whether a transaction is open.
    pub(crate) in_transaction: bool,
    /// What the server sends by itself.
    pub(crate) streaming: Streaming,
    /// The database that comes back when the transaction is not executed.
    database_before_transaction: i64,
}

/// What the server sends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Streaming {
    /// Nothing, apart from pushes.
    #[default]
    Nothing,
    /// Messages of channels.
    Messages,
    /// Every command that it executes.
    Commands,
}

impl State {
    /// The state of a new connection.
    pub(crate) fn new(database: i64) -> Self {
        Self { database, ..Self::default() }
    }

    /// What a frame is. In RESP2 a message looks like any array, so its first words decide while subscribed.
    pub(crate) fn classify(&self, frame: &Frame) -> Shown {
        let is_push = matches!(frame, Frame::Push(_));
        match frame.elements().and_then(<[Frame]>::first).and_then(Frame::text) {
            Some(name) if is_message_name(name) && (is_push || self.streaming == Streaming::Messages) => {
                Shown::Message
            }
            Some(name) if is_confirmation_name(name) && looks_like_confirmation(frame) => Shown::Message,
            _ if is_push => Shown::Push,
            _ => Shown::Reply,
        }
    }

    /// Learns from a confirmation of SUBSCRIBE or UNSUBSCRIBE.
    pub(crate) fn note_subscription(&mut self, frame: &Frame) {
        if !looks_like_confirmation(frame) {
            return;
        }
        let subscriptions = frame.elements().and_then(|elements| elements.get(2)).and_then(Frame::integer);
        if self.streaming != Streaming::Commands {
            self.streaming = if subscriptions == Some(0) { Streaming::Nothing } else { Streaming::Messages };
        }
    }

    /// Learns from the reply to a command.
    pub(crate) fn note_reply(&mut self, args: &[Vec<u8>], reply: &Frame) {
        let Some(command) = args.first().map(|name| name.to_ascii_lowercase()) else { return };
        let failed = reply.is_error();
        match (&command[..], args.len()) {
            (b"select", 2) if !failed => {
                let number = std::str::from_utf8(&args[1]).ok().and_then(|text| text.parse().ok());
                self.database = number.unwrap_or(self.database);
            }
            (b"multi", 1) if !failed => {
                self.in_transaction = true;
                self.database_before_transaction = self.database;
            }
            (b"exec", 1) if self.in_transaction => {
                self.in_transaction = false;
                if failed || reply.is_null() {
                    self.database = self.database_before_transaction;
                }
            }
            (b"discard", 1) if !failed => {
                self.in_transaction = false;
                self.database = self.database_before_transaction;
            }
            (b"reset", 1) if !failed => *self = Self::default(),
            (b"monitor", 1) if !failed => self.streaming = Streaming::Commands,
            _ => {}
        }
    }

    /// Whether the database is one that a new connection should select again.
    pub(crate) const fn database_is_settled(&self) -> bool {
        !self.in_transaction
    }
}

/// How many confirmations a command waits for; 1 for commands that are no subscriptions.
pub(super) fn expected_confirmations(args: &[Vec<u8>]) -> usize {
    args.len().saturating_sub(1).max(1)
}

/// Whether a frame confirms this very command, for one of its channels.
pub(super) fn confirms(frame: &Frame, args: &[Vec<u8>]) -> bool {
    let name = frame.elements().and_then(<[Frame]>::first).and_then(Frame::bytes);
    let command = args.first().map(Vec::as_slice);
    looks_like_confirmation(frame)
        && matches!((name, command), (Some(name), Some(command)) if name.eq_ignore_ascii_case(command))
}

fn looks_like_confirmation(frame: &Frame) -> bool {
    match frame.elements() {
        Some([name, _, Frame::Integer(_)]) => name.text().is_some_and(is_confirmation_name),
        _ => false,
    }
}

fn is_confirmation_name(name: &str) -> bool {
    matches!(
        name,
        "subscribe" | "psubscribe" | "ssubscribe" | "unsubscribe" | "punsubscribe" | "sunsubscribe"
    )
}

fn is_message_name(name: &str) -> bool {
    matches!(name, "message" | "pmessage" | "smessage")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn ok() -> Frame {
        Frame::Simple(b"OK".to_vec())
    }

    fn confirmation(name: &str, subscriptions: i64) -> Vec<Frame> {
        let bulk = |text: &str| Frame::Bulk(text.as_bytes().to_vec());
        vec![bulk(name), bulk("channel"), Frame::Integer(subscriptions)]
    }

    #[test]
    fn a_transaction_that_is_not_executed_gives_the_database_back() {
        for (end, reply) in [("discard", ok()), ("exec", Frame::NullArray), ("exec", Frame::Error(vec![]))] {
            let mut state = State::default();
            state.note_reply(&args("select 2"), &ok());
            state.note_reply(&args("MULTI"), &ok());
            state.note_reply(&args("select 5"), &Frame::Simple(b"QUEUED".to_vec()));
            assert!(state.in_transaction);
            assert_eq!(state.database, 5);
            state.note_reply(&args(end), &reply);
            assert!(!state.in_transaction);
            assert_eq!(state.database, 2);
        }
    }

    #[test]
    fn errors_change_nothing_and_reset_changes_everything() {
        let mut state = State { database: 1, ..State::default() };
        for line in ["select 9", "multi", "monitor", "reset"] {
            state.note_reply(&args(line), &Frame::Error(b"ERR".to_vec()));
        }
        assert_eq!(state, State { database: 1, ..State::default() });
        state.note_reply(&args("monitor"), &ok());
        assert_eq!(state.streaming, Streaming::Commands);
        state.note_reply(&args("reset"), &Frame::Simple(b"RESET".to_vec()));
        assert_eq!(state, State::default());
    }

    #[test]
    fn subscriptions_are_followed_in_both_protocols() {
        for wrap in [Frame::Array, Frame::Push] {
            let mut state = State::default();
            let subscribe = wrap(confirmation("subscribe", 1));
            assert_eq!(state.classify(&subscribe), Shown::Message);
            assert!(confirms(&subscribe, &args("SUBSCRIBE channel")));
            assert!(!confirms(&subscribe, &args("PSUBSCRIBE channel")));
            state.note_subscription(&subscribe);
            assert_eq!(state.streaming, Streaming::Messages);
            state.note_subscription(&wrap(confirmation("unsubscribe", 0)));
            assert_eq!(state.streaming, Streaming::Nothing);
        }
        assert_eq!(expected_confirmations(&args("subscribe a b")), 2);
        assert_eq!(expected_confirmations(&args("unsubscribe")), 1);
    }

    #[test]
    fn an_array_is_a_message_only_while_subscribed() {
        let message = Frame::Array(["message", "a", "b"].map(|text| Frame::Bulk(text.into())).to_vec());
        let mut state = State::default();
        assert_eq!(state.classify(&message), Shown::Reply);
        state.note_subscription(&Frame::Array(confirmation("subscribe", 1)));
        assert_eq!(state.classify(&message), Shown::Message);
        assert_eq!(state.classify(&Frame::Push(vec![Frame::Bulk(b"invalidate".to_vec())])), Shown::Push);
        assert_eq!(state.classify(&Frame::Array(vec![])), Shown::Reply);
    }
}
