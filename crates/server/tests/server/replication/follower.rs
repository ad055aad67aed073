//! A replica that only notes what it is sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::support::Server;

/// See the module's text.
pub(super) struct Follower {
    stream: BufReader<TcpStream>,
    /// What PSYNC was answered.
    pub(super) line: String,
    pub(super) snapshot: Vec<u8>,
    /// The place of the last byte of the stream that has come.
    pub(super) received: u64,
}

impl Follower {
    pub(super) fn connect(server: &Server) -> Self {
        let stream = BufReader::new(server.socket());
        Self { stream, line: String::new(), snapshot: Vec::new(), received: 0 }
    }

    /// One that has been sent all data.
    pub(super) fn sync(server: &Server) -> Self {
        let mut follower = Self::connect(server);
        follower.begin_sync();
        follower
    }

    /// One that follows from a place of a history on, or has been sent all data.
    pub(super) fn psync(server: &Server, name: &str, place: &str) -> Self {
        let mut follower = Self::connect(server);
        follower.begin_psync(name, place);
        follower
    }

    pub(super) fn begin_sync(&mut self) {
        self.send_line("SYNC");
        self.take_snapshot();
    }

    pub(super) fn begin_psync(&mut self, name: &str, place: &str) {
        self.send(&["PSYNC", name, place]);
        self.line = self.full_line();
        if let Some(begun) = self.line.strip_prefix("+FULLRESYNC ") {
            self.received = begun.split(' ').nth(1).and_then(|place| place.parse().ok()).expect("a place");
            self.take_snapshot();
        }
    }

    fn take_snapshot(&mut self) {
        let head = self.full_line();
        let length = head.strip_prefix('$').and_then(|length| length.parse().ok()).expect("a length");
        self.snapshot = vec![0; length];
        self.stream.read_exact(&mut self.snapshot).expect("a snapshot");
    }

    pub(super) fn send(&mut self, words: &[&str]) {
        let mut bytes = Vec::new();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        resp::write_command(&mut bytes, &words);
        self.stream.get_mut().write_all(&bytes).expect("it is sent");
    }

    pub(super) fn send_line(&mut self, line: &str) {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("it is sent");
    }

    /// Sends a command; gives the line that it is answered.
    pub(super) fn ask(&mut self, words: &[&str]) -> String {
        self.send(words);
        self.full_line()
    }

    /// Says up to where it has the stream.
    pub(super) fn acknowledge(&mut self) {
        self.send(&["REPLCONF", "ACK", &self.received.to_string()]);
    }

    /// The next line of the stream.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.received += self.stream.read_line(&mut line).expect("a line") as u64;
        line.truncate(line.trim_end().len());
        line
    }

    /// The next line that is not empty, before the stream: empty ones say that somebody is at work.
    fn full_line(&mut self) -> String {
        let mut line = String::new();
        while line.trim_end().is_empty() {
            line.clear();
            assert_ne!(self.stream.read_line(&mut line).expect("a line"), 0, "the connection was closed");
        }
        line.trim_end().to_owned()
    }

    /// The words of the next command.
    pub(super) fn next(&mut self) -> String {
        let head = self.line();
        let count: usize = head.strip_prefix('*').and_then(|count| count.parse().ok()).expect("a command");
        let mut words = Vec::new();
        for _ in 0..count {
            let head = self.line();
            let length: usize =
                head.strip_prefix('$').and_then(|length| length.parse().ok()).expect("a word");
            let mut word = vec![0; length + 2];
            self.stream.read_exact(&mut word).expect("a word");
            self.received += word.len() as u64;
            words.push(String::from_utf8_lossy(&word[..length]).into_owned());
        }
        words.join(" ")
    }

    /// The next commands are these; a `*` at the end stands for anything.
    pub(super) fn expect(&mut self, commands: &[&str]) {
        for expected in commands {
            let command = self.next();
            match expected.strip_suffix('*') {
                Some(start) => assert!(command.starts_with(start), "{command}: not {expected}"),
                None => assert_eq!(&command, expected),
            }
        }
    }

    /// Reads on to the end of the connection.
    pub(super) fn is_closed(&mut self) -> bool {
        match self.stream.read_to_end(&mut Vec::new()) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
