//! Which connections CLIENT LIST shows and CLIENT KILL closes: the options of Redis, and those that Valkey 9 added, with their
//! opposites (`NOT-ID`, `NOT-TYPE`, ..).

use config::Param;
use stdx::number::parse_i64;
use stdx::time::UnixMs;

use crate::args::{Args, Cursor};
use crate::client::ClientRecord;
use crate::context::Context;
use crate::error::Error;

/// The letters that the field `flags` may have in Valkey.
const FLAGS: &[u8] = b"OSMPxbtRBdcuAUreTIiEN";
/// The letters of what a client can do.
const CAPABILITIES: &[u8] = b"r";

/// Who asks, which decides on what is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    List,
    Kill,
}

/// What is asked of a connection.
enum Test {
    Ids(Vec<i64>),
    Kind(&'static str),
    User(Vec<u8>),
    Address(Vec<u8>),
    LocalAddress(Vec<u8>),
    MinAge(i64),
    MinIdle(i64),
    Flags(Vec<u8>),
    Name(Vec<u8>),
    Library(Vec<u8>),
    LibraryVersion(Vec<u8>),
    Database(u16),
    Capabilities(Vec<u8>),
    Ip(Vec<u8>),
}

/// All that is asked. Of one kind the last one counts.
pub(super) struct Filter {
    /// Each with what is to come out.
    tests: Vec<(Test, bool)>,
    /// Whether the connection of the asker itself is left out.
    spares_self: bool,
}

impl Filter {
    pub(super) fn parse(ctx: &Context<'_, '_>, args: &Args<'_>, asker: Asker) -> Result<Self, Error> {
        let mut filter = Self { tests: Vec::new(), spares_self: asker == Asker::Kill };
        let mut cursor = args.cursor(2);
        while !cursor.is_done() {
            if cursor.left() < 2 {
                return Err(Error::Syntax);
            }
            if cursor.take("SKIPME") {
                filter.spares_self = match cursor.next_required()? {
                    word if word.eq_ignore_ascii_case(b"yes") => true,
                    word if word.eq_ignore_ascii_case(b"no") => false,
                    _ => return Err(Error::Syntax),
                };
                continue;
            }
            let word = cursor.next_required()?.to_ascii_uppercase();
            let (name, wanted) = word.strip_prefix(b"NOT-").map_or((&word[..], true), |name| (name, false));
            let test = Test::parse(ctx, &mut cursor, (name, wanted), asker)?;
            filter.add(test, wanted);
        }
        Ok(filter)
    }

    fn add(&mut self, test: Test, wanted: bool) {
        let is_like = |(other, other_wanted): &(Test, bool)| {
            *other_wanted == wanted && std::mem::discriminant(other) == std::mem::discriminant(&test)
        };
        match self.tests.iter().position(is_like) {
            Some(at) => match (&mut self.tests[at].0, test) {
                (Test::Ids(ids), Test::Ids(more)) => ids.extend(more),
                (before, test) => *before = test,
            },
            None => self.tests.push((test, wanted)),
        }
    }

    pub(super) fn matches(&self, record: &ClientRecord, now: UnixMs, own: u64) -> bool {
        !(self.spares_self && record.id == own)
            && self.tests.iter().all(|(test, wanted)| test.holds(record, now) == *wanted)
    }
}

impl Test {
    /// The test of a name, which stands before the cursor.
    fn parse(
        ctx: &Context<'_, '_>,
        cursor: &mut Cursor<'_>,
        (name, wanted): (&[u8], bool),
        asker: Asker,
    ) -> Result<Self, Error> {
        let prefix = if wanted { "" } else { "NOT-" };
        if name == b"ID" {
            return Ok(Self::Ids(ids(cursor, asker)?));
        }
        let word = cursor.next_required()?;
        Ok(match name {
            b"TYPE" => Self::Kind(client_type(word)?),
            b"USER" if ctx.shared.accounts.get(word).is_none() => {
                return Err(Error::Text(format!("ERR No such user '{}'", String::from_utf8_lossy(word))));
            }
            b"USER" => Self::User(word.to_vec()),
            b"ADDR" => Self::Address(word.to_vec()),
            b"LADDR" => Self::LocalAddress(word.to_vec()),
            b"MAXAGE" if wanted => Self::MinAge(positive(word, "maxage")?),
            b"IDLE" if wanted => Self::MinIdle(positive(word, "idle")?),
            b"FLAGS" => Self::Flags(letters(word, FLAGS, "flags", wanted)?),
            b"NAME" => Self::Name(word.to_vec()),
            b"LIB-NAME" => Self::Library(word.to_vec()),
            b"LIB-VER" => Self::LibraryVersion(word.to_vec()),
            b"DB" => Self::Database(database(ctx, word, prefix)?),
            b"CAPA" => Self::Capabilities(letters(word, CAPABILITIES, "capa", wanted)?),
            b"IP" => Self::Ip(word.to_vec()),
            _ => return Err(Error::Syntax),
        })
    }

    fn holds(&self, record: &ClientRecord, now: UnixMs) -> bool {
        // What has no name is not called by the empty one.
        let is_called = |name: &str, wanted: &[u8]| !name.is_empty() && name.as_bytes() == wanted;
        let seconds = |since: i64| now.0.saturating_sub(since) / 1000;
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        match self {
            Self::Ids(ids) => ids.contains(&(record.id as i64)),
            Self::Kind(kind) => record.type_name() == *kind,
            Self::User(user) => record.names.lock().user == *user,
            Self::Address(address) => record.address.as_bytes() == &address[..],
            Self::LocalAddress(address) => record.local_address.as_bytes() == &address[..],
            Self::MinAge(age_s) => seconds(record.created.0) >= *age_s,
            Self::MinIdle(idle_s) => seconds(record.active.load(relaxed)) >= *idle_s,
            Self::Flags(letters) => {
                let flags = record.shown_flags();
                letters.iter().all(|letter| flags.as_bytes().contains(letter))
            }
            Self::Name(name) => is_called(&record.names.lock().name, name),
            Self::Library(name) => is_called(&record.names.lock().library, name),
            Self::LibraryVersion(version) => is_called(&record.names.lock().library_version, version),
            Self::Database(database) => record.database.load(relaxed) == *database,
            Self::Capabilities(letters) => letters.is_empty() || record.follows_redirects.load(relaxed),
            Self::Ip(ip) => !record.is_unix && host_of(&record.address).as_bytes() == &ip[..],
        }
    }
}

/// Letters, all of which must be known ones.
fn letters(word: &[u8], known: &[u8], name: &str, wanted: bool) -> Result<Vec<u8>, Error> {
    if word.iter().all(|letter| known.contains(letter)) {
        return Ok(word.to_vec());
    }
    let place = if wanted { "provided".to_owned() } else { format!("NOT-{}", name.to_uppercase()) };
    let word = String::from_utf8_lossy(word);
    Err(Error::Text(format!("ERR Unknown {name} found in the {place} filter: {word}")))
}

/// The host of `host:port` or `[host]:port`.
fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The numbers behind ID, up to the next option.
fn ids(cursor: &mut Cursor<'_>, asker: Asker) -> Result<Vec<i64>, Error> {
    let mut ids = Vec::new();
    loop {
        let mut ahead = *cursor;
        let Some(word) = ahead.next_optional() else { return Ok(ids) };
        match parse_i64(word) {
            Some(id) if id > 0 || asker == Asker::List => ids.push(id),
            None if !ids.is_empty() && is_option(word) => return Ok(ids),
            _ if asker == Asker::List => return Err(Error::Static("ERR Invalid client ID")),
            _ if ids.is_empty() || parse_i64(word).is_some() => {
                return Err(Error::Static("ERR client-id should be greater than 0"));
            }
            _ => return Ok(ids),
        }
        *cursor = ahead;
    }
}

/// Whether a word is the name of an option, which no number is.
fn is_option(word: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "ADDR", "CAPA", "DB", "FLAGS", "ID", "IDLE", "IP", "LADDR", "LIB-NAME", "LIB-VER", "MAXAGE", "NAME",
        "SKIPME", "TYPE", "USER",
    ];
    let word = word.to_ascii_uppercase();
    let name = word.strip_prefix(b"NOT-").unwrap_or(&word);
    NAMES.iter().any(|known| known.as_bytes() == name)
}

fn positive(word: &[u8], what: &str) -> Result<i64, Error> {
    let number = parse_i64(word)
        .ok_or_else(|| Error::Text(format!("ERR {what} is not an integer or out of range")))?;
    if number <= 0 {
        return Err(Error::Text(format!("ERR {what} should be greater than 0")));
    }
    Ok(number)
}

fn database(ctx: &Context<'_, '_>, word: &[u8], prefix: &str) -> Result<u16, Error> {
    let number = parse_i64(word).filter(|number| i32::try_from(*number).is_ok());
    let number =
        number.ok_or_else(|| Error::Text(format!("ERR {prefix}DB is not an integer or out of range")))?;
    let last = ctx.shared.config.read().integer(Param::Databases) - 1;
    u16::try_from(number)
        .ok()
        .filter(|_| number <= last)
        .ok_or_else(|| Error::Text(format!("ERR {prefix}DB number should be between 0 and {last}")))
}

/// A client type by its name; two have an old one.
fn client_type(word: &[u8]) -> Result<&'static str, Error> {
    match word.to_ascii_lowercase().as_slice() {
        b"normal" => Ok("normal"),
        b"pubsub" => Ok("pubsub"),
        b"master" | b"primary" => Ok("master"),
        b"replica" | b"slave" => Ok("replica"),
        _ => Err(Error::Text(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(word)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_from_its_port() {
        for (address, host) in [("1.2.3.4:5", "1.2.3.4"), ("[::1]:5", "::1"), ("[fe80::1]:60", "fe80::1")] {
            assert_eq!(host_of(address), host);
        }
    }
}
