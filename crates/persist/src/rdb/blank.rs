//! Whether RDB data is that of no data at all.

use super::decoder::{Decoder, Item, ReadOptions};

/// Whether these bytes are RDB that is whole and has neither keys nor anything beside them, only a head and notes.
pub fn is_blank(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new(ReadOptions::WITHOUT_SERVER);
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
