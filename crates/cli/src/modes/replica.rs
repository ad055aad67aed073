//! `--rdb`, `--functions-rdb` and `--replica`: what a server sends its replicas.
//!
//! ```text
//!   SYNC ─► line ends while the server makes a snapshot ─► $<length> and the snapshot ─► commands, for ever
//! ```
//! A file has its name only when all of it is there and on disk.

use crate::failure::{Failure, system_text};
use crate::options::Options;
use crate::output::{self, Format, Style};
use client::Client;
use resp::FrameDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// The longest line before a snapshot that is believed.
const MAX_LINE_BYTES: u64 = 1024;

/// What the server sends behind SYNC.
struct Sent {
    input: BufReader<Box<dyn Read>>,
    /// Bytes of the snapshot that comes next.
    snapshot_bytes: u64,
}

/// Writes the server's snapshot, or that of its functions alone, into a file; `-` is standard output.
pub(super) fn save(options: &Options, path: &Path, functions_only: bool) -> Result<(), Failure> {
    let mut client = super::connect(options)?.into_client()?;
    // A server that does not know it goes on with the stream, which nobody reads then.
    let _ = ask(&mut client, &["REPLCONF", "rdb-only", "1"])?;
    if functions_only && let Some(refusal) = ask(&mut client, &["REPLCONF", "rdb-filter-only", "functions"])?
    {
        return Err(Failure::message(format!("Failed requesting functions only RDB from server: {refusal}")));
    }
    let mut sent = sync(client)?;
    let bytes = sent.snapshot_bytes;
    tell(&format!("SYNC sent to master, writing {bytes} bytes to '{}'", path.display()))?;
    let failed = |error: &io::Error| Failure::message(format!("{}: {}", path.display(), system_text(error)));
    if path == Path::new("-") {
        sent.copy_snapshot(&mut io::stdout().lock())?.map_err(|error| failed(&error))?;
    } else {
        let part = part_of(path);
        let mut file = File::create(&part).map_err(|error| failed(&error))?;
        let written = sent.copy_snapshot(&mut file).map(|written| {
            written.and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&part, path))
        });
        if !matches!(written, Ok(Ok(()))) {
            // What it is about is told below.
            let _ = std::fs::remove_file(&part);
        }
        written?.map_err(|error| failed(&error))?;
    }
    tell("Transfer finished with success.")
}

/// Prints the commands that replicas are sent, until the server goes.
pub(super) fn follow(options: &Options) -> Result<(), Failure> {
    let mut sent = sync(super::connect(options)?.into_client()?)?;
    tell(&format!("SYNC with master, discarding {} bytes of bulk transfer...", sent.snapshot_bytes))?;
    sent.copy_snapshot(&mut io::sink())??;
    tell("SYNC done. Logging commands from master.")?;
    let style = Style { format: Format::Csv, ..options.style.clone() };
    let mut decoder = FrameDecoder::new(client::Options::default().limits);
    loop {
        let bytes = sent.input.fill_buf()?;
        if bytes.is_empty() {
            return Err(client::Error::Closed.into());
        }
        let progress = decoder.decode(bytes).map_err(client::Error::from)?;
        sent.input.consume(progress.consumed);
        if let Some(frame) = progress.frame {
            let mut out = io::stdout().lock();
            output::write_reply(&mut out, &frame, &style)?;
            out.flush()?;
        }
    }
}

/// Says what the server is asked for, and asks. Gives its refusal.
fn ask(client: &mut Client, args: &[&str]) -> Result<Option<String>, Failure> {
    tell(&format!("sending {}", args.join(" ")))?;
    let reply = client.command(args)?;
    Ok(reply.error().map(|text| text.escape_ascii().to_string()))
}

/// Asks for everything, and reads up to the snapshot.
fn sync(mut client: Client) -> Result<Sent, Failure> {
    client.send(&["SYNC"]);
    client.flush()?;
    let (stream, received) = client.into_parts();
    let input: Box<dyn Read> = Box::new(Cursor::new(received).chain(stream));
    let mut input = BufReader::with_capacity(CHUNK_BYTES, input);
    loop {
        let mut line = Vec::new();
        input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        match line.trim_ascii() {
            [] if line.is_empty() => return Err(client::Error::Closed.into()),
            [] => {}
            text => {
                let length = text.strip_prefix(b"$").and_then(|text| std::str::from_utf8(text).ok());
                let snapshot_bytes = length.and_then(|text| text.parse().ok()).ok_or_else(|| {
                    Failure::message(format!("SYNC with master failed: {}", text.escape_ascii()))
                })?;
                return Ok(Sent { input, snapshot_bytes });
            }
        }
    }
}

impl Sent {
    /// Writes the snapshot. The outer error is about the connection, the inner one about where it is written.
    fn copy_snapshot(&mut self, out: &mut dyn Write) -> Result<io::Result<()>, Failure> {
        while self.snapshot_bytes > 0 {
            let bytes = self.input.fill_buf()?;
            let length = bytes.len().min(usize::try_from(self.snapshot_bytes).unwrap_or(usize::MAX));
            if length == 0 {
                return Err(client::Error::Closed.into());
            }
            if let Err(error) = out.write_all(&bytes[..length]) {
                return Ok(Err(error));
            }
            self.input.consume(length);
            self.snapshot_bytes -= length as u64;
        }
        Ok(out.flush())
    }
}

/// The name of a file that is not whole yet.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// What is told beside the output, which may be the snapshot.
fn tell(text: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stderr(), "{text}")?)
}
