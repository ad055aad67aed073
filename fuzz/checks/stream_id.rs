//! What must hold for any text that is read as the ID of a stream's entry, or as an end of a range: what was understood is
//! written and read again as the same, and the ends of a range are what they say.

use value::stream::{Bound, Id, NewId};

/// Panics if an ID misbehaves.
pub(crate) fn check(text: &[u8]) {
    let written = |id: Id| id.to_string().into_bytes();
    for seq in [0, u64::MAX] {
        let Some(id) = Id::parse(text, seq) else { continue };
        assert_eq!(Id::parse(&written(id), 0), Some(id));
        assert!(text.contains(&b'-') || id.seq == seq, "milliseconds alone get the number that is wanted");
        assert_eq!(Bound::parse_first(&written(id)), Some(Bound { id, is_open: false }));
        assert!(id.next().is_none_or(|next| next > id && next.previous() == Some(id)));
    }
    match NewId::parse(text) {
        None => assert!(Id::parse(text, 0).is_none()),
        Some(NewId::Next) => assert_eq!(text, b"*"),
        Some(NewId::NextOf(ms)) => {
            let before = text.strip_suffix(b"-*").expect("that is its form");
            assert_eq!(Id::parse(before, 7), Some(Id::new(ms, 7)));
        }
        Some(NewId::Exact(id)) => assert_eq!(Id::parse(text, 0), Some(id)),
    }
    for bound in [Bound::parse_first(text), Bound::parse_last(text)].into_iter().flatten() {
        assert_eq!(bound.is_open, text.starts_with(b"("));
        assert!(bound.first().is_none_or(|first| (first > bound.id) == bound.is_open));
        assert!(bound.last().is_none_or(|last| (last < bound.id) == bound.is_open));
    }
}
