//! A blocking RESP client for the command-line programs.
//!
//! One connection, one thread, no background work: bytes leave with `flush` and arrive with `receive`. The protocol is
//! that of `resp`; this crate adds the socket, the handshake and clear errors. A server's error reply is a `Frame` like
//! any other, an `Error` means that the connection is of no further use (apart from `Error::Timeout`).
//!
//! ```no_run
//! let mut client = client::Client::connect(&client::Options::default())?;
//! let reply = client.command(&["GET", "key"])?;
//! # Ok::<(), client::Error>(())
//! ```
//!
//! Pushes (RESP3) may come at any time. `receive` puts them aside and `take_push` hands them out; `receive_any` gives
//! whatever comes next, for programs that subscribe.

mod error;
mod options;
mod pushes;
mod stream;
mod uri;

pub use error::Error;
pub use options::{Address, Options};
pub use stream::Stream;
pub use uri::Uri;

use pushes::Pushes;
use resp::{Frame, FrameDecoder, Protocol, write_command};
use std::io::{Read, Write};
use std::time::Duration;

/// How many bytes are read at once.
const READ_BYTES: usize = 64 * 1024;

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    protocol: Protocol,
    decoder: FrameDecoder,
    /// Received bytes lie from `start` to `end`; those before are decoded, those behind are room for more.
    input: Vec<u8>,
    start: usize,
    end: usize,
    output: Vec<u8>,
    pushes: Pushes,
}

impl Client {
    /// Connects, switches to the wanted protocol, authenticates and selects the database.
    pub fn connect(options: &Options) -> Result<Self, Error> {
        let stream = Stream::connect(&options.address, options.connect_timeout)?;
        stream.set_read_timeout(options.read_timeout)?;
        let mut client = Self {
            stream,
            protocol: Protocol::Resp2,
            decoder: FrameDecoder::new(options.limits),
            input: Vec::new(),
            start: 0,
            end: 0,
            output: Vec::new(),
            pushes: Pushes::default(),
        };
        client.handshake(options)?;
        Ok(client)
    }

    /// Sends a command and waits for its reply. Replies of earlier `send`s must have been received.
    pub fn command<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Frame, Error> {
        self.send(args);
        self.flush()?;
        self.receive()
    }

    /// Sends commands in one go and waits for all their replies. The server holds replies while it is still being
    /// written to, so keep a pipeline below its output buffer limits.
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, commands: &[Vec<A>]) -> Result<Vec<Frame>, Error> {
        for args in commands {
            self.send(args);
        }
        self.flush()?;
        commands.iter().map(|_| self.receive()).collect()
    }

    /// Queues a command; `flush` sends it.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        write_command(&mut self.output, args);
    }

    /// Bytes queued and not yet sent.
    pub const fn queued_bytes(&self) -> usize {
        self.output.len()
    }

    /// Sends what is queued.
    pub fn flush(&mut self) -> Result<(), Error> {
        let sent = self.stream.write_all(&self.output).and_then(|()| self.stream.flush());
        self.output.clear();
        Ok(sent?)
    }

    /// Gives back what the buffers take, for a connection that is put by until it is used again. False: something lies in them, such as a
    /// reply that nobody has asked for, and whoever uses the connection next would take it for his.
    pub fn rest(&mut self) -> bool {
        let is_at_rest = self.output.is_empty() && self.start == self.end && self.pushes.is_empty();
        if is_at_rest {
            (self.input, self.output, self.start, self.end) = (Vec::new(), Vec::new(), 0, 0);
        }
        is_at_rest
    }

    /// Whether a connection that has been put by is still as it was. If it has been closed, or has something to read, it is of no further
    /// use.
    pub fn is_silent(&mut self) -> bool {
        self.start == self.end && self.stream.is_silent()
    }

    /// Waits for the next reply; pushes that come before it are put aside.
    pub fn receive(&mut self) -> Result<Frame, Error> {
        loop {
            match self.read_frame()? {
                (push @ Frame::Push(_), cost) => self.pushes.put(push, cost),
                (reply, _) => return Ok(reply),
            }
        }
    }

    /// Waits for whatever comes next, a push that was put aside first.
    pub fn receive_any(&mut self) -> Result<Frame, Error> {
        match self.pushes.take() {
            Some(push) => Ok(push),
            None => Ok(self.read_frame()?.0),
        }
    }

    /// The oldest push that was put aside.
    pub fn take_push(&mut self) -> Option<Frame> {
        self.pushes.take()
    }

    /// The protocol that the connection speaks.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// How long `receive` waits before it gives `Error::Timeout`; `None` waits for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.stream.set_read_timeout(timeout)
    }

    /// The socket, for programs that go on without this client (`--pipe`, replication streams).
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Takes the client apart: the socket and the bytes that were received but not decoded.
    pub fn into_parts(mut self) -> (Stream, Vec<u8>) {
        self.input.truncate(self.end);
        self.input.drain(..self.start);
        (self.stream, self.input)
    }

    fn handshake(&mut self, options: &Options) -> Result<(), Error> {
        let user = options.username.as_deref();
        let password = options.password.as_deref();
        if options.protocol == Protocol::Resp3 {
            let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
            if let Some(password) = password {
                hello.extend([b"AUTH", user.unwrap_or("default").as_bytes(), password]);
            }
            self.expect_success("HELLO", &hello)?;
            self.protocol = Protocol::Resp3;
        } else if let Some(password) = password {
            let mut auth: Vec<&[u8]> = vec![b"AUTH"];
            auth.extend(user.map(str::as_bytes));
            auth.push(password);
            self.expect_success("AUTH", &auth)?;
        }
        if let Some(name) = &options.client_name {
            self.expect_success("CLIENT SETNAME", &["CLIENT", "SETNAME", name])?;
        }
        if options.database != 0 {
            self.expect_success("SELECT", &["SELECT", &options.database.to_string()])?;
        }
        Ok(())
    }

    /// Sends a command of the handshake, whose error reply ends the connection.
    fn expect_success<A: AsRef<[u8]>>(&mut self, command: &'static str, args: &[A]) -> Result<(), Error> {
        let reply = self.command(args)?;
        match reply.error() {
            None => Ok(()),
            Some(text) => Err(Error::Refused { command, text: String::from_utf8_lossy(text).into_owned() }),
        }
    }

    /// Waits for the next frame; also gives what it costs by the decoder's reckoning.
    fn read_frame(&mut self) -> Result<(Frame, usize), Error> {
        loop {
            let progress = self.decoder.decode(&self.input[self.start..self.end])?;
            self.start += progress.consumed;
            if let Some(frame) = progress.frame {
                return Ok((frame, progress.cost));
            }
            self.fill_input()?;
        }
    }

    /// Waits for bytes and appends them to the input.
    fn fill_input(&mut self) -> Result<(), Error> {
        // What is left is less than a line, so moving it costs nothing.
        self.input.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.input.len() {
            self.input.resize(self.end.saturating_mul(2).max(READ_BYTES), 0);
        }
        match self.stream.read(&mut self.input[self.end..])? {
            0 => Err(Error::Closed),
            received => {
                self.end += received;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
