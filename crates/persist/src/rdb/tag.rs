//! The numbers of the format: types of values, opcodes, forms of lengths and strings.
//!
//! They are those of Redis up to version 12 of the format. Valkey left that line at version 80 and gives number 22 a
//! meaning of its own, so [`Format`] stands beside every type that is read.

/// A 32-bit length follows, most significant byte first.
pub(crate) const LENGTH_32: u8 = 0x80;
/// A 64-bit length follows.
pub(crate) const LENGTH_64: u8 = 0x81;

/// A string that is the text of an integer of 8, 16 or 32 bits, or compressed: the low six bits behind `11`.
pub(crate) const INT8: u8 = 0;
pub(crate) const INT16: u8 = 1;
pub(crate) const INT32: u8 = 2;
pub(crate) const COMPRESSED: u8 = 3;
/// The two high bits of these.
pub(crate) const ENCODED: u8 = 0xc0;

pub(crate) const STRING: u8 = 0;
pub(crate) const LIST: u8 = 1;
pub(crate) const SET: u8 = 2;
/// Scores as text.
pub(crate) const ZSET: u8 = 3;
pub(crate) const HASH: u8 = 4;
/// Redis 4.0: scores as they are in memory.
pub(crate) const ZSET_2: u8 = 5;
/// Candidates of Redis 4.0: what a module wrote, of which only the module knows the form.
pub(crate) const MODULE_OLD: u8 = 6;
/// Redis 4.0: what a module wrote, in parts.
pub(crate) const MODULE: u8 = 7;
pub(crate) const HASH_ZIPMAP: u8 = 9;
pub(crate) const LIST_ZIPLIST: u8 = 10;
pub(crate) const SET_INTSET: u8 = 11;
pub(crate) const ZSET_ZIPLIST: u8 = 12;
pub(crate) const HASH_ZIPLIST: u8 = 13;
/// Redis 5.0: nodes, each a listpack of entries, and groups.
pub(crate) const STREAM: u8 = 15;
/// Redis 3.2: nodes, each a ziplist.
pub(crate) const LIST_QUICKLIST: u8 = 14;
pub(crate) const HASH_LISTPACK: u8 = 16;
pub(crate) const ZSET_LISTPACK: u8 = 17;
/// Redis 7.0: nodes, each a listpack or one element.
pub(crate) const LIST_QUICKLIST2: u8 = 18;
/// Redis 7.2.
pub(crate) const SET_LISTPACK: u8 = 20;
/// Redis 7.0: also what is known of deleted entries and of what groups have read.
pub(crate) const STREAM_2: u8 = 19;
/// Redis 7.2: also when consumers last got something.
pub(crate) const STREAM_3: u8 = 21;
/// Valkey 9: fields, values and absolute times.
pub(crate) const HASH_VALKEY: u8 = 22;
/// Redis 7.4: the earliest time, then times relative to it, fields and values.
pub(crate) const HASH_METADATA: u8 = 24;
/// Redis 7.4: the earliest time, then a listpack of fields, values and absolute times.
pub(crate) const HASH_LISTPACK_EX: u8 = 25;

/// Valkey 9: slots that a node of a cluster was taking over.
pub(crate) const SLOT_IMPORT: u8 = 243;
pub(crate) const SLOT_INFO: u8 = 244;
pub(crate) const FUNCTION2: u8 = 245;
pub(crate) const FUNCTION_OLD: u8 = 246;
pub(crate) const MODULE_AUX: u8 = 247;
pub(crate) const IDLE: u8 = 248;
pub(crate) const FREQUENCY: u8 = 249;
pub(crate) const AUX: u8 = 250;
pub(crate) const RESIZE_DB: u8 = 251;
pub(crate) const EXPIRE_MS: u8 = 252;
pub(crate) const EXPIRE_SECONDS: u8 = 253;
pub(crate) const SELECT_DB: u8 = 254;
pub(crate) const EOF: u8 = 255;

/// The version written when no field of a hash expires; Redis 7.0 and all after it read it. Nothing that exists here
/// needs a later one.
pub(crate) const PLAIN_VERSION: u32 = 10;
/// The version written when a field of a hash expires: Redis 7.4.
pub(crate) const FIELD_EXPIRY_VERSION: u32 = 12;
/// The last version of Redis that is read.
pub(crate) const LAST_REDIS_VERSION: u32 = 14;
/// The version of Valkey 9.
pub(crate) const VALKEY_VERSION: u32 = 80;
/// From this version on a checksum ends the data.
const CHECKSUM_VERSION: u32 = 5;

/// Whose format it is, and which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `REDIS` and four digits.
    Redis(u32),
    /// `VALKEY` and three digits.
    Valkey(u32),
}

impl Format {
    /// The format of a version, where no name stands beside it (DUMP).
    pub(crate) fn of_version(version: u32) -> Option<Self> {
        match version {
            1..=LAST_REDIS_VERSION => Some(Self::Redis(version)),
            VALKEY_VERSION => Some(Self::Valkey(version)),
            _ => None,
        }
    }

    /// Its version.
    pub fn version(self) -> u32 {
        match self {
            Self::Redis(version) | Self::Valkey(version) => version,
        }
    }

    /// Whether a checksum follows the end.
    pub(crate) fn has_checksum(self) -> bool {
        self.version() >= CHECKSUM_VERSION
    }
}

/// What Redis calls the packed blocks in which a type keeps its values; none if each element stands by itself.
pub(crate) fn block_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        HASH_ZIPMAP => "Zipmap",
        HASH_ZIPLIST => "Hash ziplist",
        HASH_LISTPACK | HASH_LISTPACK_EX => "Hash listpack",
        LIST_ZIPLIST => "Ziplist",
        LIST_QUICKLIST => "Quicklist ziplist",
        LIST_QUICKLIST2 => "Quicklist listpack",
        SET_INTSET => "Intset",
        SET_LISTPACK => "Set listpack",
        ZSET_ZIPLIST => "Zset ziplist",
        ZSET_LISTPACK => "Zset listpack",
        STREAM | STREAM_2 | STREAM_3 => "Stream listpack",
        _ => return None,
    })
}

/// The type of values behind a number that this server knows but does not have.
pub(crate) fn missing_type(number: u8, format: Format) -> Option<&'static str> {
    Some(match (number, format) {
        (22 | 23, Format::Redis(_)) => "hash as release candidates of Redis 7.4 wrote it",
        _ => return None,
    })
}
