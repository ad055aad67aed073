//! The ring: requests in, what has happened out.
#![allow(unsafe_code, reason = "requests name memory that the kernel reads and writes")]

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::event::{EventfdFlags, eventfd};

use crate::buffers::{Buffers, Chunk, GROUP};

/// Requests that the kernel takes in one call; what is more goes in a call of its own.
const REQUESTS: u32 = 256;
/// Answers that find room before the kernel has to keep them for itself.
const ANSWERS: u32 = 4096;

/// Whom a request is about, in the caller's words: 56 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(pub u64);

const TOKEN_BITS: u32 = 56;

/// What a request is, in the upper bits of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Send,
    Receive,
    Writable,
    Readable,
    HangUp,
    Wake,
    Cancel,
}

const KINDS: [Kind; 7] =
    [Kind::Send, Kind::Receive, Kind::Writable, Kind::Readable, Kind::HangUp, Kind::Wake, Kind::Cancel];

impl Kind {
    fn number(self, token: Token) -> u64 {
        (self as u64) << TOKEN_BITS | token.0 & ((1 << TOKEN_BITS) - 1)
    }

    fn of(number: u64) -> (Option<Self>, Token) {
        (KINDS.get((number >> TOKEN_BITS) as usize).copied(), Token(number & ((1 << TOKEN_BITS) - 1)))
    }
}

/// Bytes to be sent on a socket.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The socket.
    pub socket: BorrowedFd<'a>,
    /// Whose it is.
    pub token: Token,
    /// The bytes, not none.
    pub bytes: &'a [u8],
}

/// What became of a message: how many of its bytes the socket took; `WouldBlock` if it is full.
#[derive(Debug)]
pub struct Sent {
    /// Whose it was.
    pub token: Token,
    /// What became of it.
    pub result: io::Result<usize>,
}

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// Bytes have come; nothing more comes before [`Ring::receive`] if `ended`.
    Received {
        /// For whom.
        token: Token,
        /// The bytes.
        chunk: Chunk,
        /// Whether receiving has ended.
        ended: bool,
    },
    /// Receiving has ended.
    Ended(Token, End),
    /// [`Ring::watch_writable`] has come to its end: the socket may take bytes again.
    Writable(Token),
    /// [`Ring::watch_readable`] has come to its end: the socket has bytes, or its end.
    Readable(Token),
    /// [`Ring::watch_hang_up`] has come to its end: the peer sends nothing any more.
    HungUp(Token),
}

/// Why receiving has ended.
#[derive(Debug)]
pub enum End {
    /// The peer sends nothing any more.
    Closed,
    /// The connection is broken.
    Failed(io::Error),
    /// For the moment: there was no buffer, or the call was [`Ring::stop_receiving`].
    Paused,
}

/// Ends the wait of a ring's thread, from any other one.
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Lets the ring's next wait, or this one, end.
    pub fn wake(&self) {
        // It would fail with a count of 2^64: then there is a wake-up that was not seen yet.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// See the crate's text.
pub struct Ring {
    /// Before the buffers: what the kernel still knows of them goes with it.
    kernel: IoUring,
    buffers: Buffers,
    waker: Waker,
    is_watching_waker: bool,
    /// Messages that the kernel has and has not told of.
    sending: usize,
    sent: Vec<Sent>,
    events: VecDeque<Event>,
}

impl Ring {
    /// A ring that is to be [started](Self::start) on the thread that it is for. Fails where
    /// the system has or allows none.
    pub fn new() -> io::Result<Self> {
        let kernel: IoUring = IoUring::builder()
            .setup_cqsize(ANSWERS)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_r_disabled()
            .build(REQUESTS)?;
        if !kernel.params().is_feature_ext_arg() || !kernel.params().is_feature_nodrop() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let buffers = Buffers::new(&kernel.submitter())?;
        let waker = Waker(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?));
        Ok(Self {
            kernel,
            buffers,
            waker,
            is_watching_waker: false,
            sending: 0,
            sent: Vec::new(),
            events: VecDeque::new(),
        })
    }

    /// What ends its waits.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// From now on the calling thread, and no other, uses the ring.
    pub fn start(&self) -> io::Result<()> {
        self.kernel.submitter().register_enable_rings()
    }

    /// Receives from a socket until that ends. The socket must not be closed before the next [`Ring::exchange`].
    pub fn receive(&mut self, socket: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let request = opcode::RecvMulti::new(Fd(socket.as_raw_fd()), GROUP).build();
        self.push(&request.user_data(Kind::Receive.number(token)))
    }

    /// Ends receiving; what has come until then is still told.
    pub fn stop_receiving(&mut self, token: Token) -> io::Result<()> {
        let request = opcode::AsyncCancel::new(Kind::Receive.number(token)).build();
        self.push(&request.user_data(Kind::Cancel.number(token)))
    }

    /// Tells once when a socket takes bytes again. It must not be closed before the next [`Ring::exchange`].
    pub fn watch_writable(&mut self, socket: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.watch(socket, libc::POLLOUT, Kind::Writable.number(token))
    }

    /// Tells once when a socket that receives nothing by itself has bytes. It must not be closed
    /// before the next [`Ring::exchange`].
    pub fn watch_readable(&mut self, socket: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.watch(socket, libc::POLLIN, Kind::Readable.number(token))
    }

    /// Tells once when the peer of a socket has stopped sending. It must not be closed
    /// before the next [`Ring::exchange`].
    pub fn watch_hang_up(&mut self, socket: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.watch(socket, libc::POLLRDHUP, Kind::HangUp.number(token))
    }

    fn watch(&mut self, socket: BorrowedFd<'_>, what: i16, number: u64) -> io::Result<()> {
        let request = opcode::PollAdd::new(Fd(socket.as_raw_fd()), what as u32).build();
        self.push(&request.user_data(number))
    }

    /// The bytes of a chunk.
    pub fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.buffers.bytes(chunk)
    }

    /// The bytes of a chunk are not needed any more.
    pub fn give_back(&mut self, chunk: Chunk) {
        self.buffers.give_back(chunk);
    }

    /// Whether something has happened that nobody has taken.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// What has happened next.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What has become of messages.
    pub fn sent(&mut self) -> impl Iterator<Item = Sent> {
        self.sent.drain(..)
    }

    /// Hands all requests to the kernel and sends messages, as far as their sockets take them. Then, if
    /// nothing has happened yet, waits until something does, for a time at most. That a socket has not taken
    /// all is nothing that ends the wait.
    pub fn exchange(&mut self, messages: &[Message<'_>], wait: Duration) -> io::Result<()> {
        if !self.is_watching_waker {
            let request = opcode::PollAdd::new(Fd(self.waker.0.as_fd().as_raw_fd()), libc::POLLIN as u32);
            self.push(&request.multi(true).build().user_data(Kind::Wake.number(Token(0))))?;
            self.is_watching_waker = true;
        }
        for message in messages {
            self.push(&send(message))?;
            self.sending += 1;
        }
        let wait = if self.has_events() { Duration::ZERO } else { wait };
        self.enter(wait)?;
        while self.sending > 0 || !self.kernel.submission().is_empty() {
            // Only a call that was interrupted, or lacked memory, leaves some: a message does not wait for its socket,
            // and a request that stayed here could name a socket that is closed meanwhile.
            self.enter(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Queues a request; if there is no room the kernel takes those before it.
    fn push(&mut self, request: &squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: what the request names is valid until the kernel has done it: the bytes of a message are borrowed
            // by `exchange`, which waits for that, buffers belong to the ring, and other requests name no memory.
            let pushed = unsafe { self.kernel.submission().push(request) };
            if pushed.is_ok() {
                return Ok(());
            }
            self.enter(Duration::ZERO)?;
        }
    }

    /// One system call: hands requests over, lets the kernel do what is due, and takes what it tells. It ends when all
    /// messages have been sent and, if there is time, something else has happened.
    fn enter(&mut self, wait: Duration) -> io::Result<()> {
        let time = Timespec::from(wait);
        let arguments = SubmitArgs::new().timespec(&time);
        let least = self.sending + usize::from(!wait.is_zero());
        let entered = if wait.is_zero() {
            self.enter_for(least)
        } else {
            self.kernel.submitter().submit_with_args(least, &arguments)
        };
        self.take_answers();
        match entered {
            Ok(_) => Ok(()),
            // Time is over; interrupted; the kernel lacks room for answers, which have been taken now.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY)
                ) =>
            {
                Ok(())
            }
            // The kernel may have messages in its hands, whose bytes would go.
            Err(_) if self.sending > 0 => std::process::abort(),
            Err(error) => Err(error),
        }
    }

    /// The same without a limit of time. Even with nothing to wait for, the kernel does what is
    /// due (`IORING_ENTER_GETEVENTS`).
    fn enter_for(&mut self, least: usize) -> io::Result<usize> {
        const GET_EVENTS: u32 = 1;
        let requests = self.kernel.submission().len();
        // SAFETY: no argument names memory; what the requests name is valid (see `push`).
        unsafe { self.kernel.submitter().enter::<u8>(requests as u32, least as u32, GET_EVENTS, None) }
    }

    fn take_answers(&mut self) {
        let Self { kernel, buffers, events, sent, sending, is_watching_waker, .. } = self;
        for answer in kernel.completion() {
            let (kind, token) = Kind::of(answer.user_data());
            let (result, more) = (answer.result(), cqueue::more(answer.flags()));
            match kind {
                Some(Kind::Send) => {
                    *sending -= 1;
                    let result = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
                    sent.push(Sent { token, result });
                }
                Some(Kind::Receive) => {
                    let buffer = cqueue::buffer_select(answer.flags());
                    let mut chunk = buffer.map(|number| buffers.filled(number, result.max(0) as usize));
                    events.extend(received(token, result, chunk.take_if(|_| result > 0), !more));
                    if let Some(empty) = chunk {
                        buffers.give_back(empty);
                    }
                }
                Some(Kind::Writable) => events.push_back(Event::Writable(token)),
                Some(Kind::Readable) => events.push_back(Event::Readable(token)),
                Some(Kind::HangUp) => events.push_back(Event::HungUp(token)),
                Some(Kind::Wake) => *is_watching_waker = more,
                Some(Kind::Cancel) | None => {}
            }
        }
    }
}

/// The request that sends a message.
fn send(message: &Message<'_>) -> squeue::Entry {
    let length = message.bytes.len().min(i32::MAX as usize) as u32;
    opcode::Send::new(Fd(message.socket.as_raw_fd()), message.bytes.as_ptr(), length)
        .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
        .build()
        .user_data(Kind::Send.number(message.token))
}

/// What an answer about receiving says.
fn received(token: Token, result: i32, chunk: Option<Chunk>, ended: bool) -> Option<Event> {
    if let Some(chunk) = chunk {
        return Some(Event::Received { token, chunk, ended });
    }
    let end = match -result {
        0 => End::Closed,
        libc::ENOBUFS | libc::ECANCELED | libc::EINTR | libc::EAGAIN => End::Paused,
        error => End::Failed(io::Error::from_raw_os_error(error)),
    };
    ended.then_some(Event::Ended(token, end))
}
