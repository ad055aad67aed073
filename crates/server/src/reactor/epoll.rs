//! Waiting with epoll, or what the system has in its place. Sockets are registered once for both directions, edge-triggered.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};
use node::Mailbox;

use super::backend::{Backend, Happened, WithMailbox};
use crate::socket::Stream;

/// The token of the waker; connections count from 0.
const WAKE: Token = Token(usize::MAX);

/// See the module's text.
pub struct Epoll {
    poll: Poll,
    events: Events,
    pub happened: Vec<Happened>,
}

impl Epoll {
    /// One with a mailbox whose letters wake it.
    pub fn with_mailbox() -> io::Result<WithMailbox> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let epoll = Self { poll, events: Events::with_capacity(1024), happened: Vec::new() };
        // A waker fails only when its poll is gone, and with it the worker.
        Ok((Backend::Epoll(epoll), Arc::new(Mailbox::new(move || drop(waker.wake())))))
    }

    pub fn watch(&mut self, connection: usize, stream: &mut Stream) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream, Token(connection), interest)
    }

    pub fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let events = self.events.iter().filter(|event| event.token() != WAKE);
        self.happened.extend(events.map(|event| {
            let is_closed = event.is_read_closed() || event.is_error();
            Happened {
                connection: event.token().0,
                is_readable: event.is_readable() || is_closed,
                is_closed,
                is_writable: event.is_writable(),
            }
        }));
        Ok(())
    }

    pub fn close(&mut self, mut stream: Stream) {
        // Closing the descriptor deregisters it as well; an error changes nothing.
        let _ = self.poll.registry().deregister(&mut stream);
    }
}
