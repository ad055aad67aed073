//! `--scan`: the names of the keys, one a line, without stopping the server as KEYS would.

use crate::clock;
use crate::failure::Failure;
use crate::options::{Options, Pattern};
use crate::output::{self, Format};
use crate::session::Session;
use resp::Frame;
use std::io::{BufWriter, Write};

/// One walk over all keys.
pub(super) struct Walk {
    cursor: Vec<u8>,
    started: bool,
    pattern: Pattern,
}

impl Walk {
    /// A walk that has not begun.
    pub(super) fn new(pattern: &Pattern) -> Self {
        Self { cursor: b"0".to_vec(), started: false, pattern: pattern.clone() }
    }

    /// The next keys, `None` when all have been given. A batch may be empty.
    pub(super) fn next_keys(&mut self, session: &mut Session) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        if self.started && self.cursor == b"0" {
            return Ok(None);
        }
        self.started = true;
        let mut args = vec![b"SCAN".to_vec(), std::mem::take(&mut self.cursor)];
        if let Some(glob) = &self.pattern.glob {
            args.extend([b"MATCH".to_vec(), glob.clone()]);
        }
        if let Some(count) = self.pattern.count {
            args.extend([b"COUNT".to_vec(), count.to_string().into_bytes()]);
        }
        let reply = session.request(&args)?;
        if let Some(text) = reply.error() {
            return Err(Failure::message(format!("ERROR: {}", text.escape_ascii())));
        }
        let (cursor, keys) =
            parse(&reply).ok_or_else(|| Failure::message("Non ARRAY response from SCAN!"))?;
        self.cursor = cursor;
        Ok(Some(keys))
    }
}

/// Prints every key.
pub(super) fn run(options: &Options, pattern: &Pattern) -> Result<(), Failure> {
    let mut session = super::connect(options)?;
    let mut walk = Walk::new(pattern);
    let mut out = BufWriter::new(std::io::stdout().lock());
    while let Some(keys) = walk.next_keys(&mut session)? {
        for key in keys {
            match options.style.format {
                Format::Standard => output::write_quoted(&mut out, &key)?,
                _ => out.write_all(&key)?,
            }
            out.write_all(b"\n")?;
        }
        out.flush()?;
        clock::pause(options.interval.unwrap_or_default());
    }
    Ok(())
}

fn parse(reply: &Frame) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let [cursor, keys] = reply.elements()? else { return None };
    let keys = keys.elements()?.iter().map(|key| key.bytes().map(<[u8]>::to_vec));
    Some((cursor.bytes()?.to_vec(), keys.collect::<Option<_>>()?))
}
