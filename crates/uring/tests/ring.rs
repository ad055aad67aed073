//! The ring against sockets of the machine. Where it has no io_uring they pass: there the server has none either.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use uring::{End, Event, Message, Ring, Token};

const LONG: Duration = Duration::from_secs(10);

/// A ring and a pair of sockets, the first of which is the ring's.
fn world() -> Option<(Ring, UnixStream, UnixStream)> {
    let Ok(ring) = Ring::new() else { return None };
    ring.start().expect("a new ring can be started");
    let (own, peer) = UnixStream::pair().expect("sockets");
    own.set_nonblocking(true).expect("a socket's mode can be set");
    Some((ring, own, peer))
}

/// What happens next, within the time of a patient test.
fn next(ring: &mut Ring) -> Event {
    for _ in 0..10 {
        if let Some(event) = ring.next_event() {
            return event;
        }
        ring.exchange(&[], LONG).expect("the ring works");
    }
    panic!("nothing has happened");
}

/// Takes the bytes that come next.
fn receive(ring: &mut Ring, from: Token) -> Vec<u8> {
    match next(ring) {
        Event::Received { token, chunk, .. } => {
            assert_eq!(token, from);
            let bytes = ring.bytes(&chunk).to_vec();
            ring.give_back(chunk);
            bytes
        }
        other => panic!("{other:?} is not bytes"),
    }
}

#[test]
fn what_comes_is_received_piece_by_piece_until_the_end() {
    let Some((mut ring, own, mut peer)) = world() else { return };
    let token = Token(1 << 55 | 7);
    ring.receive(own.as_fd(), token).expect("a request");
    // More rounds than there are buffers.
    for round in 0..1000u32 {
        peer.write_all(&round.to_le_bytes()).expect("room");
        assert_eq!(receive(&mut ring, token), round.to_le_bytes());
    }
    drop(peer);
    assert!(matches!(next(&mut ring), Event::Ended(ended, End::Closed) if ended == token));
}

#[test]
fn a_long_stream_waits_for_buffers_and_loses_nothing() {
    const LENGTH: usize = 20_000_000;
    let Some((mut ring, own, mut peer)) = world() else { return };
    let sent: Vec<u8> = (0..LENGTH).map(|at| (at % 251) as u8).collect();
    let expected = sent.clone();
    let writer = std::thread::spawn(move || peer.write_all(&sent).expect("room"));
    ring.receive(own.as_fd(), Token(1)).expect("a request");
    let (mut all, mut kept, mut pauses) = (Vec::new(), Vec::new(), 0);
    while all.len() < LENGTH {
        match next(&mut ring) {
            Event::Received { chunk, ended, .. } => {
                all.extend_from_slice(ring.bytes(&chunk));
                kept.push(chunk);
                assert!(!ended || !kept.is_empty());
            }
            Event::Ended(_, End::Paused) => {
                pauses += 1;
                kept.drain(..).for_each(|chunk| ring.give_back(chunk));
                ring.receive(own.as_fd(), Token(1)).expect("a request");
            }
            Event::Ended(_, End::Closed) if all.len() == LENGTH => break,
            other => panic!("{other:?}"),
        }
    }
    writer.join().expect("the writer does not fail");
    assert!(all == expected);
    assert!(pauses > 0, "more bytes have come than there are buffers for");
}

#[test]
fn messages_go_at_once_as_far_as_there_is_room() {
    let Some((mut ring, own, mut peer)) = world() else { return };
    let (other, mut other_peer) = UnixStream::pair().expect("sockets");
    let messages = [
        Message { socket: own.as_fd(), token: Token(1), bytes: b"one" },
        Message { socket: other.as_fd(), token: Token(2), bytes: b"other" },
    ];
    ring.exchange(&messages, Duration::ZERO).expect("the ring works");
    let sent: Vec<_> = ring.sent().map(|sent| (sent.token.0, sent.result.ok())).collect();
    assert_eq!(sent, [(1, Some(3)), (2, Some(5))]);
    let mut bytes = [0; 5];
    peer.read_exact(&mut bytes[..3]).expect("bytes");
    assert_eq!(&bytes[..3], b"one");
    other_peer.read_exact(&mut bytes).expect("bytes");
    assert_eq!(&bytes, b"other");

    // Until the socket is full; then it is told when it is not.
    let large = vec![b'x'; 1_000_000];
    let mut taken = 0;
    loop {
        let message = Message { socket: own.as_fd(), token: Token(1), bytes: &large };
        ring.exchange(&[message], Duration::ZERO).expect("the ring works");
        match ring.sent().next().expect("one answer").result {
            Ok(count) => taken += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
    ring.watch_writable(own.as_fd(), Token(9)).expect("a request");
    ring.exchange(&[], Duration::from_millis(1)).expect("the ring works");
    assert!(!ring.has_events());
    peer.read_exact(&mut vec![0; taken]).expect("bytes");
    assert!(matches!(next(&mut ring), Event::Writable(Token(9))));
    drop(peer);
    let message = Message { socket: own.as_fd(), token: Token(1), bytes: b"nobody" };
    ring.exchange(&[message], Duration::ZERO).expect("the ring works");
    assert!(
        ring.sent()
            .next()
            .expect("one answer")
            .result
            .is_err_and(|error| error.kind() == ErrorKind::BrokenPipe)
    );
}

#[test]
fn more_messages_than_the_kernel_takes_at_once_are_all_sent() {
    let Some((mut ring, own, mut peer)) = world() else { return };
    let texts: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
    let messages: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| Message {
            socket: own.as_fd(),
            token: Token(number as u64),
            bytes: text.as_bytes(),
        })
        .collect();
    let reader = std::thread::spawn(move || {
        let mut bytes = vec![0; 4000];
        peer.read_exact(&mut bytes).expect("bytes");
        bytes
    });
    let mut left = messages;
    while !left.is_empty() {
        ring.exchange(&left, Duration::ZERO).expect("the ring works");
        let sent: Vec<_> = ring.sent().collect();
        assert_eq!(sent.len(), left.len());
        let full: Vec<u64> =
            sent.iter().filter(|sent| sent.result.is_err()).map(|sent| sent.token.0).collect();
        left.retain(|message| full.contains(&message.token.0));
    }
    let bytes = reader.join().expect("the reader does not fail");
    let mut words: Vec<&[u8]> = bytes.chunks(4).collect();
    words.sort_unstable();
    assert!(words.iter().zip(&texts).all(|(word, text)| *word == text.as_bytes()));
}

#[test]
fn receiving_can_be_stopped_and_the_end_of_the_peer_is_still_told() {
    let Some((mut ring, own, mut peer)) = world() else { return };
    ring.receive(own.as_fd(), Token(1)).expect("a request");
    peer.write_all(b"a").expect("room");
    assert_eq!(receive(&mut ring, Token(1)), b"a");
    ring.stop_receiving(Token(1)).expect("a request");
    assert!(matches!(next(&mut ring), Event::Ended(Token(1), End::Paused)));
    peer.write_all(b"b").expect("room");
    ring.watch_hang_up(own.as_fd(), Token(1)).expect("a request");
    ring.exchange(&[], Duration::from_millis(1)).expect("the ring works");
    assert!(!ring.has_events());
    drop(peer);
    assert!(matches!(next(&mut ring), Event::HungUp(Token(1))));
    ring.receive(own.as_fd(), Token(1)).expect("a request");
    assert_eq!(receive(&mut ring, Token(1)), b"b");
    assert!(matches!(next(&mut ring), Event::Ended(Token(1), End::Closed)));
}

#[test]
fn a_wait_ends_with_its_time_or_with_a_wake_up_from_another_thread() {
    let Some((mut ring, _own, _peer)) = world() else { return };
    ring.exchange(&[], Duration::from_millis(1)).expect("the ring works");
    let waker = ring.waker();
    for _ in 0..100 {
        let waker = waker.clone();
        let thread = std::thread::spawn(move || waker.wake());
        // Without the wake-up this would take longer than a test may.
        ring.exchange(&[], Duration::from_hours(1)).expect("the ring works");
        thread.join().expect("a wake-up does not fail");
    }
}

#[test]
#[should_panic(expected = "a chunk goes back to the ring that received it")]
fn a_chunk_of_another_ring_is_not_taken() {
    let (Some((mut ring, own, mut peer)), Some((mut other, ..))) = (world(), world()) else {
        panic!("a chunk goes back to the ring that received it") // there are none
    };
    ring.receive(own.as_fd(), Token(1)).expect("a request");
    peer.write_all(b"a").expect("room");
    match next(&mut ring) {
        Event::Received { chunk, .. } => other.give_back(chunk),
        event => panic!("{event:?} is not bytes"),
    }
}

#[test]
fn more_events_at_once_than_there_is_room_for_are_all_told() {
    const COUNT: usize = 10_000;
    let Some((mut ring, own, peer)) = world() else { return };
    for number in 0..COUNT {
        ring.watch_hang_up(own.as_fd(), Token(number as u64)).expect("a request");
    }
    ring.exchange(&[], Duration::ZERO).expect("the ring works");
    assert!(!ring.has_events());
    drop(peer);
    let mut told = vec![false; COUNT];
    for _ in 0..COUNT {
        match next(&mut ring) {
            Event::HungUp(Token(number)) => {
                assert!(!std::mem::replace(&mut told[number as usize], true), "{number} is told twice");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn that_there_is_something_to_read_is_told_once_and_it_stays_where_it_is() {
    let Some((mut ring, mut own, mut peer)) = world() else { return };
    ring.watch_readable(own.as_fd(), Token(5)).expect("a request");
    ring.exchange(&[], Duration::ZERO).expect("the ring works");
    assert!(ring.next_event().is_none());
    peer.write_all(b"bytes").expect("room");
    assert!(matches!(next(&mut ring), Event::Readable(Token(5))));
    let mut bytes = [0; 5];
    own.read_exact(&mut bytes).expect("they are there");
    peer.write_all(b"more!").expect("room");
    ring.exchange(&[], Duration::ZERO).expect("the ring works");
    assert!(ring.next_event().is_none(), "it was told once");
}
