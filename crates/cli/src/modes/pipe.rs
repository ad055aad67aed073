//! `--pipe`: sends standard input as it is, as fast as the server takes it, and counts the replies.
//!
//! One thread writes while this one reads, because a server stops reading from a client that does not. The end is found
//! with a last command, an ECHO of bytes that nobody can guess: its reply is the last one.

use crate::failure::Failure;
use crate::options::Options;
use crate::output::write_harmless;
use client::{Client, Error};
use resp::{Frame, write_command};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How much is read and sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What has been received.
#[derive(Debug, Default)]
struct Counts {
    errors: u64,
    replies: u64,
}

/// Sends standard input; the exit status tells whether a reply was an error.
pub(super) fn run(options: &Options, timeout: Option<Duration>) -> Result<ExitCode, Failure> {
    let mut client = super::connect(options)?.into_client()?;
    client.set_read_timeout(timeout)?;
    let magic = magic();
    let all_sent = Arc::new(AtomicBool::new(false));
    let mut stream = client.stream().try_clone()?;
    std::thread::spawn({
        let (magic, all_sent) = (magic.clone(), Arc::clone(&all_sent));
        move || {
            // A connection that breaks while we write is noticed, and reported, where its replies are read.
            let _ = send(&mut std::io::stdin().lock(), &mut stream, &magic);
            all_sent.store(true, Ordering::Release);
        }
    });
    let mut counts = Counts::default();
    let outcome = receive(&mut client, &magic, &all_sent, &mut counts);
    let mut out = std::io::stdout().lock();
    match &outcome {
        Ok(()) => writeln!(out, "Last reply received from server.")?,
        Err(Failure::Connection(Error::Timeout)) => {
            let seconds = timeout.unwrap_or_default().as_secs();
            writeln!(std::io::stderr(), "No replies for {seconds} seconds: exiting.")?;
        }
        Err(failure) => writeln!(std::io::stderr(), "{failure}")?,
    }
    writeln!(out, "errors: {}, replies: {}", counts.errors, counts.replies)?;
    let succeeded = outcome.is_ok() && counts.errors == 0;
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Bytes that no server can know beforehand.
fn magic() -> Vec<u8> {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random()).into_bytes()
}

fn send(input: &mut dyn Read, stream: &mut dyn Write, magic: &[u8]) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match input.read(&mut chunk)? {
            0 => break,
            length => stream.write_all(&chunk[..length])?,
        }
    }
    writeln!(std::io::stdout(), "All data transferred. Waiting for the last reply...")?;
    // The empty line ends whatever inline command the input may have left open.
    let mut last = b"\r\n".to_vec();
    write_command(&mut last, &[b"ECHO", magic]);
    stream.write_all(&last)
}

/// Counts replies until the magic one.
fn receive(
    client: &mut Client,
    magic: &[u8],
    all_sent: &AtomicBool,
    counts: &mut Counts,
) -> Result<(), Failure> {
    loop {
        // While input is still coming, silence of the server means nothing.
        let may_give_up = all_sent.load(Ordering::Acquire);
        match client.receive_any() {
            Ok(Frame::Push(_)) => {}
            Ok(Frame::Bulk(bytes)) if bytes == magic => return Ok(()),
            Ok(frame) => {
                counts.replies += 1;
                if let Some(text) = frame.error() {
                    counts.errors += 1;
                    let mut line = Vec::new();
                    write_harmless(&mut line, text)?;
                    line.push(b'\n');
                    std::io::stderr().write_all(&line)?;
                }
            }
            Err(Error::Timeout) if !may_give_up => {}
            Err(error) => return Err(error.into()),
        }
    }
}
