//! Disturbances that are other clients: storms of connections, slow subscribers.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use client::Client;

use super::Stop;
use crate::connection::Address;
use crate::target::{self, expect_ok};

/// Connections that are made at once, and the pause behind.
const BURST: usize = 20;
const BURST_PAUSE: Duration = Duration::from_millis(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Slow subscribers.
const SUBSCRIBERS: usize = 20;
/// Messages at once, the bytes of each, and the pause behind.
const MESSAGES: u64 = 10;
const MESSAGE_BYTES: usize = 4096;
const MESSAGE_PAUSE: Duration = Duration::from_millis(10);
/// After so many pauses each subscriber reads once, so much at most.
const READ_EVERY: u64 = 10;
const READ_BYTES: usize = 64 * 1024;
/// What a subscriber may leave unread, so that some are ended within a measurement, and the default.
const SHORT_LIMIT: &str = "pubsub 8mb 2mb 5";
const DEFAULT_LIMIT: &str = "pubsub 32mb 8mb 60";

fn tcp(address: &Address) -> io::Result<SocketAddr> {
    match address {
        Address::Tcp(address) => Ok(*address),
        Address::Unix(_) => Err(io::Error::other("only TCP is measured")),
    }
}

/// Connects, asks once and closes, again and again.
pub(super) fn storm(address: &Address, stop: &Stop) -> io::Result<String> {
    let address = tcp(address)?;
    let mut count = 0;
    while stop.pause(BURST_PAUSE) {
        let mut streams = (0..BURST).map(|_| connect(address)).collect::<io::Result<Vec<_>>>()?;
        streams.iter_mut().try_for_each(|stream| stream.write_all(b"PING\r\n"))?;
        streams.iter_mut().try_for_each(|stream| stream.read_exact(&mut [0; b"+PONG\r\n".len()]))?;
        count += streams.len();
    }
    Ok(format!("{count} connections"))
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

pub(super) fn prepare_subscribers(client: &mut Client) -> io::Result<()> {
    expect_ok(client, &["CONFIG", "SET", "client-output-buffer-limit", SHORT_LIMIT]).map(drop)
}

/// Publishes more than the subscribers read. Those that the server ends are replaced.
pub(super) fn subscribe_slowly(address: &Address, client: &mut Client, stop: &Stop) -> io::Result<String> {
    let address = tcp(address)?;
    let message = "x".repeat(MESSAGE_BYTES);
    let mut subscribers = (0..SUBSCRIBERS).map(|_| subscribe(address)).collect::<io::Result<Vec<_>>>()?;
    let (mut rounds, mut ended) = (0, 0);
    let mut buffer = vec![0; READ_BYTES];
    while stop.pause(MESSAGE_PAUSE) {
        target::repeat(client, MESSAGES, |_| vec!["PUBLISH", "news", &message])?;
        rounds += 1;
        if rounds % READ_EVERY != 0 {
            continue;
        }
        for subscriber in &mut subscribers {
            match subscriber.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(count) if count > 0 => {}
                // The server has had enough of it.
                Ok(_) | Err(_) => {
                    *subscriber = subscribe(address)?;
                    ended += 1;
                }
            }
        }
    }
    Ok(format!("{} messages, {ended} of {SUBSCRIBERS} subscribers ended", rounds * MESSAGES))
}

fn subscribe(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = connect(address)?;
    stream.write_all(b"SUBSCRIBE news\r\n")?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

pub(super) fn settle_subscribers(client: &mut Client) -> io::Result<()> {
    expect_ok(client, &["CONFIG", "SET", "client-output-buffer-limit", DEFAULT_LIMIT]).map(drop)
}
