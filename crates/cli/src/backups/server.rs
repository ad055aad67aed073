//! The server's side of a backup: its files, held open by BACKUP OPEN and read piece by piece.

use std::time::Duration;

use backup::Role;
use client::Client;
use resp::Frame;
use stdx::time::UnixMs;

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
    pub(super) role: Role,
    /// Whether the set has it no more, and it is kept for incremental backups.
    pub(super) is_history: bool,
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
        let (role, name) = (role.text()?, name.text()?.to_owned());
        let is_history = role == "history";
        let role = if is_history { Role::Increment } else { Role::of_name(role)? };
        let (sequence, length) = (number(sequence)?, number(length)?);
        Some(ServerFile { index, role, is_history, sequence, name, length })
    });
    Some(Files {
        token: field("token")?.integer()?,
        version: text("version")?,
        set: (text("folder")?, text("prefix")?),
        list: files.collect::<Option<_>>()?,
    })
}

impl Files {
    /// Whether they are those of a server without a log.
    pub(super) fn is_snapshot(&self) -> bool {
        self.list.iter().any(|file| file.role == Role::Snapshot)
    }
}

/// Lets the files go. What has become of them: `DONE`, what they hold is safe; `UNCHANGED`, it is nothing new.
pub(super) fn close(client: &mut Client, files: &Files, outcome: Option<&str>) -> Result<(), Failure> {
    let token = files.token.to_string();
    let words: Vec<&str> = ["BACKUP", "CLOSE", &token].into_iter().chain(outcome).collect();
    must(client, &words).map(drop)
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

/// Figures of a section of INFO, all of one moment; none where the server does not tell.
fn figures<const N: usize>(
    client: &mut Client,
    section: &str,
    names: [&str; N],
) -> Result<[Option<String>; N], Failure> {
    let frame = must(client, &["INFO", section])?;
    let text = frame.text().unwrap_or_default();
    Ok(names.map(|name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.trim().to_owned())
    }))
}

fn is_yes(figure: Option<&String>) -> bool {
    figure.is_some_and(|figure| figure == "1")
}

/// Whether the server has an append-only file.
pub(super) fn has_log(client: &mut Client) -> Result<bool, Failure> {
    let [enabled] = figures(client, "persistence", ["aof_enabled"])?;
    Ok(is_yes(enabled.as_ref()))
}

/// The server's time: backups that several machines make are told apart by one clock.
pub(super) fn now(client: &mut Client) -> Result<UnixMs, Failure> {
    let [time] = figures(client, "server", ["server_time_usec"])?;
    let microseconds: Option<i64> = time.and_then(|time| time.parse().ok());
    microseconds.map(|time| UnixMs(time / 1000)).ok_or_else(unexpected)
}

/// Has the server save its data, and waits until that is done.
pub(super) fn save(client: &mut Client) -> Result<(), Failure> {
    const STATE: [&str; 4] =
        ["rdb_saves", "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "rdb_last_bgsave_status"];
    loop {
        let [before, saves, rewrites, _] = figures(client, "persistence", STATE)?;
        // A save that somebody else has begun is of no use, for it may lack what has been written since.
        if is_yes(saves.as_ref()) || is_yes(rewrites.as_ref()) {
            clock::pause(LOOK);
            continue;
        }
        // Not scheduled for later, so that what is told from here on is about this save.
        let frame = client.command(&["BGSAVE"])?;
        if let Some(text) = frame.error() {
            // Somebody else was quicker.
            let is_busy = [&b"already in progress"[..], b"rewriting in progress"]
                .iter()
                .any(|busy| text.windows(busy.len()).any(|part| part == *busy));
            if is_busy {
                continue;
            }
            return Err(refused(&frame).unwrap_or_else(unexpected));
        }
        loop {
            let [saved, saves, _, status] = figures(client, "persistence", STATE)?;
            if saved != before {
                return Ok(());
            }
            if !is_yes(saves.as_ref()) {
                if status.as_deref() != Some("ok") {
                    return Err(Failure::message("The server could not save its data: see its log"));
                }
                // It was given up, and is begun again.
                break;
            }
            clock::pause(LOOK);
        }
    }
}
