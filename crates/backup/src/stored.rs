//! A file of a backup: what it holds is compressed, and what lies on disk is counted and has a SHA-256.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use disk::{Disk, DiskFile};
use sha2::{Digest, Sha256};

use crate::compression::{Compression, Encoder};
use crate::list::File;

/// Bytes that are read at once.
const STEP: usize = 1 << 20;

/// A SHA-256 as text.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        text
    })
}

/// The SHA-256 of bytes, as text.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What lies on disk.
struct Target {
    file: DiskFile,
    digest: Sha256,
    length: u64,
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes)?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is being written.
pub(crate) struct StoredWriter {
    encoder: Encoder<Target>,
    /// Bytes that it holds.
    pub(crate) length: u64,
}

impl StoredWriter {
    /// Makes the file, which must not be there.
    pub(crate) fn create(disk: &Disk, path: &Path, compression: Compression) -> io::Result<Self> {
        let target = Target { file: disk.create_new(path)?, digest: Sha256::new(), length: 0 };
        Ok(Self { encoder: Encoder::new(compression, target)?, length: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.encoder.write(bytes)
    }

    /// Makes the content durable; gives the bytes on disk and their SHA-256.
    pub(crate) fn finish(self) -> io::Result<(u64, String)> {
        let target = self.encoder.finish()?;
        target.file.sync()?;
        Ok((target.length, hex(&target.digest.finalize())))
    }
}

/// Reads a file from its beginning, and notes what it has read.
struct Source<'p> {
    file: DiskFile,
    digest: Sha256,
    at: u64,
    progress: &'p mut dyn FnMut(u64),
    /// What the system has refused; what a decoder makes of it tells less.
    failure: Option<io::Error>,
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(self.at, into).map_err(|error| {
            let told = io::Error::from(error.kind());
            self.failure = Some(error);
            told
        })?;
        self.digest.update(&into[..count]);
        self.at += count as u64;
        (self.progress)(count as u64);
        Ok(count)
    }
}

/// Whether a file is there, as long as its list says.
pub(crate) fn check_length(disk: &Disk, path: &Path, file: &File) -> Result<(), String> {
    match disk.length(path).map_err(|error| error.to_string())? {
        None => Err("the list names it, but it is not there".to_owned()),
        Some(length) if length != file.stored_length => {
            Err(format!("it has {length} bytes, and the list says {}", file.stored_length))
        }
        Some(_) => Ok(()),
    }
}

/// Hands over what a file holds, piece by piece; an error of `take` ends that, but is told only if the file is what its
/// list says: what is wrong with it is the reason for everything that follows. `progress` is told of bytes on disk.
pub(crate) fn read(
    disk: &Disk,
    path: &Path,
    (file, compression): (&File, Compression),
    take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), String> {
    check_length(disk, path, file)?;
    let open = disk.open(path).map_err(|error| error.to_string())?;
    let mut source = Source { file: open, digest: Sha256::new(), at: 0, progress, failure: None };
    let taken = hand_over(&mut source, compression, file.length, take);
    // What lies behind the stream, or was not read after an error, counts as well.
    let rest = io::copy(&mut source, &mut io::sink());
    if let Some(error) = source.failure.take().or(rest.err()) {
        return Err(format!("at byte {}: it cannot be read: {error}", source.at));
    }
    if hex(&source.digest.finalize()) != file.sha256 {
        return Err("its SHA-256 is not the one in the list: it has been changed".to_owned());
    }
    taken
}

fn hand_over(
    source: &mut Source<'_>,
    compression: Compression,
    length: u64,
    take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let complain = |error: io::Error| format!("it cannot be unpacked: {error}");
    let mut decoder = compression.decoder(source).map_err(complain)?;
    let mut buffer = vec![0; STEP];
    let mut unpacked = 0;
    loop {
        let count = decoder.read(&mut buffer).map_err(complain)?;
        unpacked += count as u64;
        // Whatever it says it would unpack to, no more than that is believed.
        if unpacked > length || count == 0 && unpacked < length {
            return Err(format!("it holds another number of bytes than the list says, {length}"));
        }
        if count == 0 {
            return Ok(());
        }
        take(&buffer[..count])?;
    }
}
