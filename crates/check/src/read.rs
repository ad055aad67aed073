//! A file, or a part of one, goes through persist's reader piece by piece.

use std::io;
use std::path::Path;

use disk::{Disk, DiskFile};
use persist::aof::{Chain, Damage, FileReader, LastBatch, Tail, Take};

/// Bytes read at once: few at first, for whoever tries many places.
const STEP: u64 = 1 << 20;
const FIRST_STEP: u64 = 1 << 12;

/// What came of a file.
#[derive(Debug)]
pub(crate) struct Read {
    /// Bytes of the file.
    pub(crate) length: u64,
    /// How it ends, or what is damaged.
    pub(crate) end: Result<Tail, Damage>,
    /// What can be kept of its commands ends here.
    pub(crate) whole: u64,
    /// Where the commands begin; none in a file whose RDB data does not end.
    pub(crate) commands_from: Option<u64>,
    /// What the next batch has to follow on.
    pub(crate) chain: Option<Chain>,
    /// The last batch of a torn end.
    pub(crate) last_lost: Option<LastBatch>,
}

impl Read {
    /// Where what can be read ends.
    pub(crate) fn place(&self) -> u64 {
        self.end.as_ref().map_or(self.length, |tail| tail.place(self.length))
    }
}

/// Which part of a file to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// From this offset on.
    pub(crate) from: u64,
    /// Up to this one, as if the file ended there.
    pub(crate) until: u64,
    /// Whether to stop where the reader comes upon something that is torn or damaged, without looking which.
    pub(crate) stops_in_doubt: bool,
}

/// All of it.
pub(crate) const WHOLE: Span = Span { from: 0, until: u64::MAX, stops_in_doubt: false };

/// Opens a file, and tells its length. A folder is none, and neither is a pipe.
pub(crate) fn open(path: &Path) -> Result<(DiskFile, u64), String> {
    let opened = || {
        let file = Disk::native().open(path)?;
        let length = file.length()?;
        Ok((file, length))
    };
    opened().map_err(|error| unreadable(path, 0, &error))
}

/// Hands over the parts of a file. An error is one of the system.
pub(crate) fn read(
    path: &Path,
    mut reader: FileReader,
    span: Span,
    take: &mut Take<'_>,
) -> Result<Read, String> {
    let (file, length) = open(path)?;
    let until = length.min(span.until);
    let end = feed(&file, &mut reader, Span { until, ..span }, take)
        .map_err(|(offset, error)| unreadable(path, offset, &error))?;
    Ok(Read {
        length,
        end,
        whole: reader.applied(),
        commands_from: reader.commands_from(),
        chain: reader.chain(),
        last_lost: reader.last_lost(),
    })
}

fn feed(
    file: &DiskFile,
    reader: &mut FileReader,
    span: Span,
    take: &mut Take<'_>,
) -> Result<Result<Tail, Damage>, (u64, io::Error)> {
    let Span { from, until, stops_in_doubt } = span;
    let mut at = from;
    let mut buffer = vec![0; STEP as usize];
    let mut most = FIRST_STEP;
    while at < until {
        let step = (until - at).min(most) as usize;
        most = (most * 2).min(STEP);
        let count = file.read_at(at, &mut buffer[..step]).map_err(|error| (at, error))?;
        if count == 0 {
            break;
        }
        at += count as u64;
        if let Err(damage) = reader.read(&buffer[..count], take) {
            return Ok(Err(damage));
        }
        if stops_in_doubt && reader.is_in_doubt() {
            let reason = "it cannot be read on".into();
            return Ok(Err(Damage { offset: reader.applied(), batch: None, reason }));
        }
    }
    Ok(reader.end(take))
}

/// The number of the line behind so many bytes, from 1.
pub(crate) fn line_at(path: &Path, offset: u64) -> Result<u64, String> {
    let (file, _) = open(path)?;
    let mut buffer = vec![0; STEP as usize];
    let (mut lines, mut at) = (1, 0);
    while at < offset {
        let step = (offset - at).min(STEP) as usize;
        let count = file.read_at(at, &mut buffer[..step]).map_err(|error| unreadable(path, at, &error))?;
        if count == 0 {
            break;
        }
        lines += buffer[..count].iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
        at += count as u64;
    }
    Ok(lines)
}

/// One line about a file that the system does not give us.
pub(crate) fn unreadable(path: &Path, offset: u64, error: &io::Error) -> String {
    format!("{}: at byte {offset}: it cannot be read: {error}", path.display())
}
