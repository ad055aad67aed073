//! The acceptor: one thread that takes new connections and places them on the least loaded worker.
//!
//! It is a thread of its own so that a storm of connections costs the live clients nothing but their share
//! of the processor; a worker takes new connections from its mailbox a few at a time. When the process runs
//! out of file descriptors the acceptor drops the waiting connection through a spare descriptor, so that it
//! neither spins nor leaves clients hanging.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use tracing::{info, warn};

use crate::listening::{Listening, Sockets};
use crate::shared::Shared;
use crate::socket::{Listener, Stream};

/// Connections accepted from one listener before the others get their turn.
const ACCEPT_BUDGET: usize = 256;
/// How long to wait before accepting again after the system refused to.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// The waker's token; listeners count from 0.
const WAKE: Token = Token(usize::MAX);

/// Accepts until shutdown.
pub struct Acceptor {
    poll: Poll,
    listening: Arc<Listening>,
    spare: Spare,
    /// Whether the system has refused connections since the last one that was taken, and how many were closed.
    shed: Option<u64>,
    shared: Arc<Shared>,
}

impl Acceptor {
    /// An acceptor for sockets that are registered with the poll. The waker is for [`Shared::stop`].
    pub fn new(poll: Poll, listening: Arc<Listening>, shared: Arc<Shared>) -> io::Result<(Self, Waker)> {
        let waker = Waker::new(poll.registry(), WAKE)?;
        Ok((
            Self { poll, listening, spare: Spare::new(|| File::open("/dev/null")), shed: None, shared },
            waker,
        ))
    }

    /// The thread's body. At its end nobody listens any more.
    pub fn run(mut self) {
        self.accept_until_the_end();
        self.listening.close();
    }

    fn accept_until_the_end(&mut self) {
        let mut events = Events::with_capacity(64);
        while !self.shared.is_stopping() {
            let retry = self.listening.sockets().is_any_waiting().then_some(RETRY_AFTER);
            match self.poll.poll(&mut events, retry) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    warn!("cannot wait for connections: {error}");
                    return;
                }
                _ => {}
            }
            {
                let mut sockets = self.listening.sockets();
                for event in &events {
                    sockets.set_waiting(event.token().0, true);
                }
            }
            self.accept_waiting();
        }
    }

    /// Goes round the listeners until none has a connection waiting or the system refuses. The sockets may be replaced
    /// between two rounds.
    fn accept_waiting(&mut self) {
        let listening = Arc::clone(&self.listening);
        let mut refused = false;
        while !refused && !self.shared.is_stopping() {
            let mut sockets = listening.sockets();
            if !sockets.is_any_waiting() {
                break;
            }
            for index in 0..sockets.len() {
                if sockets.is_waiting(index) {
                    refused |= self.accept_some(&mut sockets, index);
                }
            }
        }
    }

    /// Accepts up to the budget from one listener; true when the system has no descriptors left.
    fn accept_some(&mut self, sockets: &mut Sockets, index: usize) -> bool {
        if let Err(error) = self.spare.restore() {
            self.tell(0, &error);
            return true;
        }
        for _ in 0..ACCEPT_BUDGET {
            match sockets.get(index).accept() {
                Ok(stream) => {
                    if let Some(closed) = self.shed.take() {
                        info!("connections are accepted again; {closed} were closed meanwhile");
                    }
                    self.place(stream, sockets.get(index));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sockets.set_waiting(index, false);
                    return false;
                }
                Err(error) if is_exhausted(&error) => {
                    self.shed(sockets, index, &error);
                    return true;
                }
                // The client gave up before it was accepted, or the call was interrupted: the next one.
                Err(_) => {}
            }
        }
        false
    }

    /// Hands a connection to a worker, or tells it why not and closes it.
    fn place(&self, mut stream: Stream, listener: &Listener) {
        let endpoints = stream.endpoints(listener.path());
        let others = self.shared.connections();
        if let Some(refusal) = self.shared.node.refuse_connection(endpoints.is_local, others) {
            // A refused client may be gone already; there is nobody else to tell.
            let _ = stream.write(refusal.as_bytes());
            return;
        }
        if let Err(error) = stream.prepare(self.shared.node.keepalive_s()) {
            info!("cannot set up a connection from {}: {error}", endpoints.peer);
            return;
        }
        self.shared.least_loaded().send(crate::shared::Letter::Connection(stream, endpoints));
    }

    /// Out of descriptors: closes connections that wait, with the help of the spare descriptor. Without it the system would
    /// not even say whether one waits.
    fn shed(&mut self, sockets: &mut Sockets, index: usize, error: &io::Error) {
        let (mut closed, mut waits) = (0, true);
        self.spare.give_up();
        for _ in 0..ACCEPT_BUDGET {
            match sockets.get(index).accept() {
                Ok(stream) => {
                    drop(stream);
                    closed += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sockets.set_waiting(index, false);
                    waits = false;
                    break;
                }
                // Another thread was quicker to take the descriptor.
                Err(error) if is_exhausted(&error) => break,
                Err(_) => {}
            }
        }
        if closed > 0 || waits {
            self.tell(closed, error);
        }
        // At once, before another thread wants one; if that is too late, before anybody is accepted.
        let _ = self.spare.restore();
    }

    /// Tells that connections cannot be accepted, once, and counts those that were closed.
    fn tell(&mut self, closed: u64, error: &io::Error) {
        if self.shed.is_none() {
            warn!("cannot accept connections: {error}; raise the limit of open files or lower maxclients");
        }
        *self.shed.get_or_insert(0) += closed;
    }
}

/// A descriptor that is only held to be given up when there are no more.
struct Spare {
    file: Option<File>,
    open: fn() -> io::Result<File>,
}

impl Spare {
    fn new(open: fn() -> io::Result<File>) -> Self {
        Self { file: open().ok(), open }
    }

    /// Makes it again if it is not there; where there is no such file, it is done without. An error: it was lost to another thread, and
    /// nobody may be accepted, who would take the last descriptor. Those behind him could not even be closed.
    fn restore(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            match (self.open)() {
                Err(error) if is_exhausted(&error) => return Err(error),
                result => self.file = result.ok(),
            }
        }
        Ok(())
    }

    fn give_up(&mut self) {
        self.file = None;
    }
}

/// Whether the process or the system has no file descriptors or memory for another socket.
fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_accepted_until_the_spare_descriptor_is_there_again() {
        let nothing_left = || Err(rustix::io::Errno::MFILE.into());
        let mut spare = Spare::new(|| File::open("/dev/null"));
        spare.restore().expect("it is held");
        spare.give_up();
        spare.open = nothing_left;
        assert!(spare.restore().is_err() && spare.restore().is_err(), "others have taken it");
        spare.open = || File::open("/dev/null");
        spare.restore().expect("there is one again");
        spare.open = nothing_left;
        spare.restore().expect("it is held");
        Spare::new(|| Err(io::ErrorKind::NotFound.into())).restore().expect("there is no such file here");
    }
}
