//! The arguments of XREAD and XREADGROUP.

use stdx::time::UnixMs;

use crate::args::Args;
use crate::blocking::timeout_milliseconds;
use crate::command::word_streams;
use crate::error::Error;

/// What is to be read.
pub(super) struct Wanted<'a> {
    /// The most entries of each stream.
    pub count: usize,
    /// The most entries of all streams together.
    pub max_count: usize,
    /// The most bytes of the reply, unless its first entry has more.
    pub max_bytes: usize,
    /// For how long an entry has to be pending for another consumer to be given to this one; `None`: for ever.
    pub min_idle_ms: Option<i64>,
    /// The names of a group and a consumer.
    pub group: Option<(&'a [u8], &'a [u8])>,
    /// Whether what a consumer gets is pending until it is acknowledged.
    pub is_pending: bool,
    /// How long to wait for something, 0 = for ever; `None`: not at all.
    pub timeout_ms: Option<u64>,
    /// The argument of the first key, and how many there are.
    pub first_key: usize,
    pub keys: usize,
}

impl<'a> Wanted<'a> {
    /// Reads the arguments of XREAD, or those of XREADGROUP.
    pub fn parse(args: &Args<'a>, for_group: bool, now: UnixMs) -> Result<Self, Error> {
        let mut wanted = Self {
            count: usize::MAX,
            max_count: usize::MAX,
            max_bytes: usize::MAX,
            min_idle_ms: None,
            group: None,
            is_pending: true,
            timeout_ms: None,
            first_key: 0,
            keys: 0,
        };
        let mut cursor = args.cursor(1);
        while !cursor.is_done() {
            let left = cursor.left();
            if left > 1 && cursor.take("BLOCK") {
                wanted.timeout_ms = Some(timeout_milliseconds(cursor.next_required()?, now)?);
            } else if left > 1 && cursor.take("COUNT") {
                wanted.count = match usize::try_from(cursor.integer()?) {
                    Err(_) | Ok(0) => usize::MAX,
                    Ok(count) => count,
                };
            } else if left > 1 && cursor.take("MAXCOUNT") {
                wanted.max_count = limit(cursor.integer()?, "ERR MAXCOUNT must be a positive integer")?;
            } else if left > 1 && cursor.take("MAXSIZE") {
                wanted.max_bytes = limit(cursor.integer()?, "ERR MAXSIZE must be a positive integer")?;
            } else if left > 1 && cursor.take("CLAIM") {
                if !for_group {
                    return Err(only_for_groups("CLAIM"));
                }
                let min_idle_ms = cursor.integer()?;
                if min_idle_ms < 0 {
                    return Err(Error::Static("ERR min-idle-time must be a positive integer"));
                }
                wanted.min_idle_ms = Some(min_idle_ms);
            } else if left > 1 && cursor.take("STREAMS") {
                wanted.first_key = cursor.position();
                let rest = cursor.left();
                if !rest.is_multiple_of(2) {
                    return Err(unbalanced(for_group));
                }
                wanted.keys = rest / 2;
                break;
            } else if left > 2 && cursor.take("GROUP") {
                if !for_group {
                    return Err(only_for_groups("GROUP"));
                }
                wanted.group = Some((cursor.next_required()?, cursor.next_required()?));
            } else if cursor.take("NOACK") {
                if !for_group {
                    return Err(only_for_groups("NOACK"));
                }
                wanted.is_pending = false;
            } else {
                return Err(Error::Syntax);
            }
        }
        if wanted.keys == 0 {
            return Err(Error::Syntax);
        }
        if wanted.count != usize::MAX && wanted.max_count < wanted.count {
            return Err(Error::Static("ERR MAXCOUNT must be greater than or equal to COUNT"));
        }
        if for_group && wanted.group.is_none() {
            return Err(Error::Static("ERR Missing GROUP option for XREADGROUP"));
        }
        debug_assert_eq!(
            word_streams(args).map(|word| word + 1),
            Some(wanted.first_key),
            "the keys are locked"
        );
        Ok(wanted)
    }

    /// The argument that says from where a stream is read.
    pub fn place_at(&self, number: usize) -> usize {
        self.first_key + self.keys + number
    }

    /// The name of the group.
    pub fn group_name(&self) -> Option<&'a [u8]> {
        self.group.map(|(group, _)| group)
    }
}

fn limit(number: i64, error: &'static str) -> Result<usize, Error> {
    usize::try_from(number).ok().filter(|&number| number > 0).ok_or(Error::Static(error))
}

fn unbalanced(for_group: bool) -> Error {
    let (name, ids) =
        if for_group { ("xreadgroup", "an ID or '>'") } else { ("xread", "an ID, '+', or '$'") };
    Error::Text(format!(
        "ERR Unbalanced '{name}' list of streams: for each stream key {ids} must be specified."
    ))
}

fn only_for_groups(option: &str) -> Error {
    Error::Text(format!("ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."))
}
