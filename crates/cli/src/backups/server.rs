//! The server's side of a backup: its files, held open by BACKUP OPEN and read piece by piece.

use std::time::Duration;

use client::Client;
use resp::Frame;

use crate::clock;
use crate::failure::Failure;

/// Bytes that are asked for at once, and how many pieces are under way, so that the server reads while a piece is compressed.
const PIECE_BYTES: u64 = 1 << 20;
const PIECES: usize = 4;
/// How long to wait before a save in the background is looked at again.
const LOOK: Duration = Duration::from_millis(100);

/// The files of a server, as they were when they were opened.
pub(super) struct Files {
    pub(super) token: i64,
    pub(super) version: String,
    pub(super) set: (String, String),
    /// In the order in which they were written.
    pub(super) list: Vec<ServerFile>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerFile {
    /// Its place, by which it is read.
    pub(super) index: usize,
    pub(super) role: String,
    pub(super) sequence: u64,
    pub(super) name: String,
    pub(super) length: u64,
}

/// Sends a command whose error ends everything.
fn must<A: AsRef<[u8]>>(client: &mut Client, args: &[A]) -> Result<Frame, Failure> {
    let frame = client.command(args)?;
    refused(&frame).map_or(Ok(frame), Err)
}

fn refused(frame: &Frame) -> Option<Failure> {
    frame.error().map(|text| Failure::message(format!("The server refuses: {}", text.escape_ascii())))
}

fn unexpected() -> Failure {
    Failure::message("The server does not answer BACKUP as RustyPotato does")
}

/// Opens the files; the server keeps what follows for a name, for so many hours.
pub(super) fn open(client: &mut Client, keep: Option<(&str, u64)>) -> Result<Files, Failure> {
    let mut words = vec![b"BACKUP".to_vec(), b"OPEN".to_vec()];
    if let Some((name, hours)) = keep {
        let seconds = (hours * 3600).to_string();
        words.extend([b"KEEP".to_vec(), name.as_bytes().to_vec(), seconds.into_bytes()]);
    }
    let frame = must(client, &words)?;
    files_of(&frame).ok_or_else(unexpected)
}

fn files_of(frame: &Frame) -> Option<Files> {
    let pairs = frame.pairs()?;
    let field = |name: &str| pairs.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| *value);
    let text = |name| Some(field(name)?.text()?.to_owned());
    let files = field("files")?.elements()?.iter().enumerate().map(|(index, file)| {
        let [role, sequence, name, length] = file.elements()? else { return None };
        let number = |frame: &Frame| u64::try_from(frame.integer()?).ok();
        let (role, name) = (role.text()?.to_owned(), name.text()?.to_owned());
        Some(ServerFile { index, role, sequence: number(sequence)?, name, length: number(length)? })
    });
    Some(Files {
        token: field("token")?.integer()?,
        version: text("version")?,
        set: (text("folder")?, text("prefix")?),
        list: files.collect::<Option<_>>()?,
    })
}

/// Lets the files go; `is_done`: what they hold is safe.
pub(super) fn close(client: &mut Client, files: &Files, is_done: bool) -> Result<(), Failure> {
    let token = files.token.to_string();
    let words = ["BACKUP", "CLOSE", &token, "DONE"];
    must(client, &words[..if is_done { 4 } else { 3 }]).map(drop)
}

/// Reads a file from an offset to its end, piece by piece.
pub(super) fn read(
    client: &mut Client,
    files: &Files,
    file: &ServerFile,
    offset: u64,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (token, index) = (files.token.to_string(), file.index.to_string());
    let (mut asked, mut at, mut under_way) = (offset, offset, 0);
    let mut result = Ok(());
    // After a failure what is under way is still received, for others use the connection.
    while under_way > 0 || result.is_ok() && at < file.length {
        while result.is_ok() && asked < file.length && under_way < PIECES {
            let length = PIECE_BYTES.min(file.length - asked);
            client.send(&["BACKUP", "READ", &token, &index, &asked.to_string(), &length.to_string()]);
            asked += length;
            under_way += 1;
        }
        client.flush()?;
        let frame = client.receive()?;
        under_way -= 1;
        result = result.and_then(|()| {
            refused(&frame).map_or(Ok(()), Err)?;
            let bytes = frame.bytes().filter(|bytes| !bytes.is_empty()).ok_or_else(unexpected)?;
            at += bytes.len() as u64;
            take(bytes)
        });
    }
    result
}

/// A number of a section of INFO.
fn figure(client: &mut Client, name: &str) -> Result<Option<String>, Failure> {
    let frame = must(client, &["INFO", "persistence"])?;
    let text = frame.text().unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(line.map(|value| value.trim().to_owned()))
}

/// Whether the server has an append-only file.
pub(super) fn has_log(client: &mut Client) -> Result<bool, Failure> {
    Ok(figure(client, "aof_enabled")?.as_deref() == Some("1"))
}

/// Has the server save its data, and waits until that is done.
pub(super) fn save(client: &mut Client) -> Result<(), Failure> {
    let before = loop {
        while figure(client, "rdb_bgsave_in_progress")?.as_deref() == Some("1") {
            clock::pause(LOOK);
        }
        let before = figure(client, "rdb_saves")?;
        let frame = client.command(&["BGSAVE", "SCHEDULE"])?;
        match frame.error() {
            None => break before,
            // Somebody else was quicker; his is of no use, for it may lack what has been written since this began.
            Some(text) if text.ends_with(b"already in progress") => {}
            Some(_) => return Err(refused(&frame).unwrap_or_else(unexpected)),
        }
    };
    // It may have to wait for its turn.
    while figure(client, "rdb_saves")? == before {
        let has_failed = figure(client, "rdb_last_bgsave_status")?.as_deref() != Some("ok");
        if has_failed && figure(client, "rdb_bgsave_in_progress")?.as_deref() == Some("0") {
            return Err(Failure::message("The server could not save its data: see its log"));
        }
        clock::pause(LOOK);
    }
    Ok(())
}
