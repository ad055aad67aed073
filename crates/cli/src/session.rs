//! A conversation with one server: greeting, commands with their replies, and what comes unasked.
//!
//! ```text
//! execute(args) -> Shown::Event*  -> Shown::Reply+      (a reply for each channel of a SUBSCRIBE, one otherwise)
//! poll_event()  -> a message, a push or a line of MONITOR, while nobody waits for a reply
//! ```
//!
//! A lost connection is never used again and a command is never sent twice: nobody can know whether the server has
//! executed it. Only where a node of a cluster says that another one has the key, and the user wants to follow, it goes there.

mod redirect;
mod state;

pub(crate) use redirect::Redirect;
pub(crate) use state::{State, Streaming};

use crate::failure::Failure;
use crate::options::{Target, WantedProtocol};
use client::{Client, Error};
use resp::Frame;
use std::io::{self, Write};
use std::time::Duration;

/// How long a poll waits; the shortest that the system knows.
const POLL_TIMEOUT: Duration = Duration::from_micros(1);

/// What a frame is to whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The answer to the command, or one of its answers.
    Reply,
    /// A message of a subscription.
    Message,
    /// Any other push of RESP3.
    Push,
}

/// What has come of a command.
pub(crate) enum Answer {
    /// It has been answered, and whether by an error.
    Shown { is_error: bool },
    /// Another node of the cluster has the key; nothing has been shown.
    Elsewhere(Redirect),
}

/// Takes frames as they come.
pub(crate) type Show<'a> = dyn FnMut(Shown, &Frame) -> io::Result<()> + 'a;

/// A server and the connection to it, if there is one.
pub(crate) struct Session {
    target: Target,
    client: Option<Client>,
    state: State,
}

impl Session {
    /// Connects and greets. What the server refuses in the greeting is told on standard error, and the conversation
    /// goes on without it, as redis-cli does.
    pub(crate) fn connect(target: Target) -> Result<Self, Failure> {
        let mut session = Self::disconnected(target);
        session.reconnect()?;
        Ok(session)
    }

    /// A session that has still to connect.
    pub(crate) fn disconnected(target: Target) -> Self {
        Self { target, client: None, state: State::default() }
    }

    /// Begins anew on a new connection, in the database that was selected last.
    pub(crate) fn reconnect(&mut self) -> Result<(), Failure> {
        self.client = None;
        self.state = State::new(self.target.database);
        let options = client::Options { address: self.target.address.clone(), ..client::Options::default() };
        self.client = Some(Client::connect(&options)?);
        self.greet()
    }

    /// The server to connect to; a change takes effect with the next `reconnect`.
    pub(crate) const fn target_mut(&mut self) -> &mut Target {
        &mut self.target
    }

    /// Where the server is.
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// What is known about the connection.
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// Whether there is a connection.
    pub(crate) const fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// Gives the connection away.
    pub(crate) fn into_client(self) -> Result<Client, Failure> {
        self.client.ok_or(Failure::Connection(Error::Closed))
    }

    /// Sends a command and waits for its reply; pushes are dropped.
    pub(crate) fn request<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Frame, Failure> {
        let replies = self.pipeline(&[args])?;
        replies.into_iter().next().ok_or(Failure::Connection(Error::Closed))
    }

    /// Sends commands in one go and waits for their replies; pushes are dropped.
    pub(crate) fn pipeline<A: AsRef<[u8]>, C: AsRef<[A]>>(
        &mut self,
        commands: &[C],
    ) -> Result<Vec<Frame>, Failure> {
        self.with_client(|client| {
            for args in commands {
                client.send(args.as_ref());
            }
            client.flush()?;
            commands
                .iter()
                .map(|_| {
                    let reply = client.receive()?;
                    while client.take_push().is_some() {}
                    Ok(reply)
                })
                .collect()
        })
    }

    /// Sends a command and shows what comes until its last reply.
    pub(crate) fn execute(&mut self, args: &[Vec<u8>], show: &mut Show<'_>) -> Result<Answer, Failure> {
        self.with_client(|client| {
            client.send(args);
            client.flush()
        })?;
        let mut confirmations = state::expected_confirmations(args);
        loop {
            let frame = self.with_client(Client::receive_any)?;
            match self.state.classify(&frame) {
                Shown::Reply => {
                    if let Some(redirect) = self.redirect(&frame) {
                        return Ok(Answer::Elsewhere(redirect));
                    }
                    self.state.note_reply(args, &frame);
                    if self.state.database_is_settled() {
                        self.target.database = self.state.database;
                    }
                    show(Shown::Reply, &frame)?;
                    return Ok(Answer::Shown { is_error: frame.is_error() });
                }
                kind => {
                    self.state.note_subscription(&frame);
                    show(kind, &frame)?;
                    if state::confirms(&frame, args) {
                        confirmations = confirmations.saturating_sub(1);
                        if confirmations == 0 {
                            return Ok(Answer::Shown { is_error: false });
                        }
                    }
                }
            }
        }
    }

    /// Goes to another node of the cluster, where the next command may be sent.
    pub(crate) fn follow(&mut self, redirect: Redirect) -> Result<(), Failure> {
        self.target.address = redirect.address;
        self.reconnect()?;
        if redirect.asks {
            self.request(&["ASKING"])?;
        }
        Ok(())
    }

    /// Where a reply sends the client, if it goes there. A transaction stays with its node.
    fn redirect(&self, reply: &Frame) -> Option<Redirect> {
        let follows = self.target.follows_redirects && !self.state.in_transaction;
        reply.error().filter(|_| follows).and_then(|error| Redirect::parse(error, &self.target.address))
    }

    /// Waits for the next message, push or line of MONITOR.
    pub(crate) fn wait_event(&mut self) -> Result<(Shown, Frame), Failure> {
        let frame = self.with_client(Client::receive_any)?;
        self.state.note_subscription(&frame);
        Ok((self.state.classify(&frame), frame))
    }

    /// What has come unasked, if anything has. Notices that the server has gone.
    pub(crate) fn poll_event(&mut self) -> Result<Option<(Shown, Frame)>, Failure> {
        let Some(client) = &self.client else { return Ok(None) };
        client.set_read_timeout(Some(POLL_TIMEOUT))?;
        let event = match self.wait_event() {
            Ok(event) => Some(event),
            Err(Failure::Connection(Error::Timeout)) => None,
            Err(failure) => return Err(failure),
        };
        self.with_client(|client| client.set_read_timeout(None))?;
        Ok(event)
    }

    /// Uses the connection, and forgets it when it fails.
    fn with_client<T>(&mut self, action: impl FnOnce(&mut Client) -> Result<T, Error>) -> Result<T, Failure> {
        let Some(client) = &mut self.client else { return Err(Failure::Connection(Error::Closed)) };
        action(client).map_err(|error| {
            if !matches!(error, Error::Timeout) {
                self.client = None;
                self.state = State::new(self.target.database);
            }
            Failure::Connection(error)
        })
    }

    fn greet(&mut self) -> Result<(), Failure> {
        if let Some(password) = self.target.password.clone() {
            let mut auth = vec![b"AUTH".to_vec()];
            auth.extend(self.target.user.clone().map(String::into_bytes));
            auth.push(password);
            self.greet_with("AUTH", &auth)?;
        }
        let database = self.target.database;
        if database != 0
            && !self.greet_with(&format!("SELECT {database}"), &["SELECT", &database.to_string()])?
        {
            self.state.database = 0;
        }
        match self.target.protocol {
            WantedProtocol::Resp2 => {}
            WantedProtocol::Resp3 => {
                self.greet_with("HELLO 3", &["HELLO", "3"])?;
            }
            WantedProtocol::PreferResp3 => {
                self.request(&["HELLO", "3"])?;
            }
        }
        Ok(())
    }

    /// Tells whether the server agreed, and the user if it did not.
    fn greet_with<A: AsRef<[u8]>>(&mut self, name: &str, args: &[A]) -> Result<bool, Failure> {
        let reply = self.request(args)?;
        let Some(text) = reply.error() else { return Ok(true) };
        let mut line = format!("{name} failed: ").into_bytes();
        crate::output::write_harmless(&mut line, text)?;
        line.push(b'\n');
        io::stderr().write_all(&line)?;
        Ok(false)
    }
}
