//! Whether RDB data is that of no data at all.

use stdx::hash::HashKey;
use value::{Settings, hash, list, set, stream, zset};

use super::decoder::{Decoder, Item, MAX_STRING_BYTES, ReadOptions};

/// No value is kept, so the thresholds of a server do not matter.
const OPTIONS: ReadOptions = ReadOptions {
    settings: Settings {
        hash: hash::Settings { max_packed_entries: 128, max_packed_value: 64, seed: HashKey([0, 0]) },
        list: list::Settings::of_parameter(-2),
        set: set::Settings::of_redis(HashKey([0, 0])),
        zset: zset::Settings::of_redis(HashKey([0, 0])),
        stream: stream::Settings::of_parameters(4096, 100),
    },
    max_string_bytes: MAX_STRING_BYTES,
    verify_checksum: true,
};

/// Whether these bytes are RDB that is whole and has neither keys nor anything beside them, only a head and notes.
pub fn is_blank(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new(OPTIONS);
    decoder.feed(bytes);
    decoder.end_input();
    loop {
        match decoder.next_item() {
            Ok(Some(Item::End)) => return true,
            Ok(Some(
                Item::Head(_) | Item::Note { .. } | Item::Database(_) | Item::Sizes { .. } | Item::SlotSizes,
            )) => {}
            _ => return false,
        }
    }
}
