//! The text of effects: RESP commands in canonical form that Redis understands too.

mod stream;

use keyspace::{Count, Effect, Key};
use resp::{Encoder, Protocol, write_command};
use stdx::number::{parse_i64, write_f64, write_i64};
use stdx::time::UnixMs;
use value::list::{ListRef, Side};
use value::set::algebra::Operation;
use value::zset::End;
use value::{Element, HashRef, SetRef, StringRef, ValueRef, ZSetRef};

/// Fields in one command when a whole hash is written, so that no command grows without limit.
const FIELDS_A_COMMAND: usize = 64;
/// The same for the elements of a list.
const ELEMENTS_A_COMMAND: usize = 64;
/// The same for the members of a set or a sorted set.
const MEMBERS_A_COMMAND: usize = 64;

/// Appends the commands that apply an effect.
pub fn encode_effect(effect: &Effect<'_>, out: &mut Vec<u8>) {
    match *effect {
        Effect::SetString { .. }
        | Effect::ReplaceString { .. }
        | Effect::AddNumber { .. }
        | Effect::SetStrings { .. }
        | Effect::AppendString { .. }
        | Effect::WriteString { .. }
        | Effect::AddElements { .. } => encode_string_effect(effect, out),
        Effect::Delete { key, .. } => write_command(out, &[b"DEL", key]),
        Effect::SetExpiry { key, at } => write_command(out, &[b"PEXPIREAT", key, &number(at.0)]),
        Effect::ClearExpiry { key } => write_command(out, &[b"PERSIST", key]),
        Effect::Rename { from, to } => write_command(out, &[b"RENAME", from, to]),
        Effect::Move { key, to } => write_command(out, &[b"MOVE", key, &number(to.0.into())]),
        Effect::Copy { from, to, database } => {
            write_command(out, &[b"COPY", from, to, b"DB", &number(database.0.into()), b"REPLACE"]);
        }
        Effect::SetValue { key, value, expiry } => {
            // SET replaces a value of any type; elements would be added to what is there.
            if !matches!(value, ValueRef::String(_)) {
                write_command(out, &[b"DEL", key]);
            }
            encode_value(key, &value, expiry, out);
        }
        Effect::StoreResult { command, .. } | Effect::Restore { command, .. } => write_command(out, command),
        Effect::SetFields { key, fields } => set_fields(out, key, fields),
        Effect::DeleteFields { key, fields } => with_words(out, &[b"HDEL", key], fields),
        Effect::SetFieldExpiry { key, at, fields } => {
            let count = number(fields.len() as i64);
            with_words(out, &[b"HPEXPIREAT", key, &number(at.0), b"FIELDS", &count], fields);
        }
        Effect::ClearFieldExpiry { key, fields } => {
            let count = number(fields.len() as i64);
            with_words(out, &[b"HPERSIST", key, b"FIELDS", &count], fields);
        }
        Effect::PushElements { .. }
        | Effect::PopElements { .. }
        | Effect::SetElement { .. }
        | Effect::InsertElement { .. }
        | Effect::RemoveElements { .. }
        | Effect::TrimList { .. }
        | Effect::MoveElement { .. } => encode_list_effect(effect, out),
        Effect::AddMembers { key, members } => with_words(out, &[b"SADD", key], members),
        Effect::RemoveMembers { key, members } => with_words(out, &[b"SREM", key], members),
        Effect::MoveMember { from, to, member } => write_command(out, &[b"SMOVE", from, to, member]),
        Effect::CombineSets { operation, to, from } => {
            let name: &[u8] = match operation {
                Operation::Union => b"SUNIONSTORE",
                Operation::Intersection => b"SINTERSTORE",
                Operation::Difference => b"SDIFFSTORE",
            };
            with_words(out, &[name, to], from);
        }
        Effect::SetScores { .. }
        | Effect::RemoveScored { .. }
        | Effect::PopScored { .. }
        | Effect::RemoveRange { .. } => encode_zset_effect(effect, out),
        Effect::AddEntry { .. }
        | Effect::NameEntry { .. }
        | Effect::LimitNames { .. }
        | Effect::DeleteEntries { .. }
        | Effect::TrimEntries { .. }
        | Effect::SetPast { .. }
        | Effect::CreateGroup { .. }
        | Effect::SetGroup { .. }
        | Effect::DestroyGroup { .. }
        | Effect::CreateConsumer { .. }
        | Effect::DeleteConsumer { .. }
        | Effect::Acknowledge { .. }
        | Effect::Claim { .. }
        | Effect::GiveBack { .. } => stream::encode_effect(effect, out),
        // Not what the client sent: whether a library was there before makes no difference when the log is read.
        Effect::AddLibrary { text } => write_command(out, &[b"FUNCTION", &b"LOAD"[..], b"REPLACE", text]),
        Effect::RemoveLibrary { name } => write_command(out, &[b"FUNCTION", &b"DELETE"[..], name]),
        Effect::ClearLibraries => write_command(out, &[&b"FUNCTION"[..], b"FLUSH"]),
        Effect::Publish { channel, message, is_shard } => publish(out, channel, message, is_shard),
        Effect::FlushDatabase => write_command(out, &[b"FLUSHDB"]),
        Effect::FlushAll => write_command(out, &[b"FLUSHALL"]),
        Effect::SwapDatabases { first, second } => {
            write_command(out, &[b"SWAPDB", &number(first.0.into())[..], &number(second.0.into())]);
        }
    }
}

/// Commands in the text of an effect: one, or two for "more". Only a value that is written anew, which begins by
/// removing the old one, takes more than one.
pub fn commands_in(text: &[u8]) -> usize {
    const REMOVAL: &[u8] = b"*2\r\n$3\r\nDEL\r\n$";
    let Some(key) = text.strip_prefix(REMOVAL) else { return 1 };
    let digits = key.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length = parse_i64(&key[..digits]).expect("the text of an effect is well-formed");
    // The digits, the key, and a line end behind each.
    if digits + length as usize + 4 == key.len() { 1 } else { 2 }
}

/// Whether the text of an effect is a command that Redis knows before 8.6, which brought names of stream producers.
pub fn is_widely_known(text: &[u8]) -> bool {
    const NEWER: [&[u8]; 2] = [b"*5\r\n$11\r\nXIDMPRECORD\r\n", b"*6\r\n$7\r\nXCFGSET\r\n"];
    !NEWER.iter().any(|head| text.starts_with(head))
}

/// Those on strings.
fn encode_string_effect(effect: &Effect<'_>, out: &mut Vec<u8>) {
    match *effect {
        Effect::SetString { key, value, expiry } => set(out, key, value, expiry),
        Effect::ReplaceString { key, value } => {
            write_command(out, &[b"SET", key, &value.contiguous(), b"KEEPTTL"]);
        }
        Effect::AddNumber { key, number } => add_number(out, key, number),
        Effect::SetStrings { pairs } => set_many(out, pairs),
        Effect::AppendString { key, suffix } => write_command(out, &[b"APPEND", key, suffix]),
        Effect::WriteString { key, offset, bytes } => {
            write_command(out, &[b"SETRANGE", key, &number(offset as i64), bytes]);
        }
        Effect::AddElements { key, elements } => with_words(out, &[b"PFADD", key], elements),
        _ => unreachable!("the caller has sorted the effects"),
    }
}

/// Those on lists.
fn encode_list_effect(effect: &Effect<'_>, out: &mut Vec<u8>) {
    match *effect {
        Effect::PushElements { key, side, elements } => {
            let name: &[u8] = if side == Side::Left { b"LPUSH" } else { b"RPUSH" };
            with_words(out, &[name, key], elements);
        }
        Effect::PopElements { key, side, count } => {
            let name: &[u8] = if side == Side::Left { b"LPOP" } else { b"RPOP" };
            match count {
                Count::One => write_command(out, &[name, key]),
                Count::UpTo(count) => write_command(out, &[name, key, &number(count as i64)]),
            }
        }
        Effect::SetElement { key, index, element } => {
            write_command(out, &[b"LSET", key, &number(index as i64), element]);
        }
        Effect::InsertElement { key, side, pivot, element } => {
            let place: &[u8] = if side == Side::Left { b"BEFORE" } else { b"AFTER" };
            write_command(out, &[b"LINSERT", key, place, pivot, element]);
        }
        Effect::RemoveElements { key, side, count, element } => {
            let count = if side == Side::Left { count as i64 } else { -(count as i64) };
            write_command(out, &[b"LREM", key, &number(count), element]);
        }
        Effect::TrimList { key, kept } => {
            let (start, stop) = if kept.is_empty() { (1, 0) } else { (kept.start, kept.end - 1) };
            write_command(out, &[b"LTRIM", key, &number(start as i64), &number(stop as i64)]);
        }
        Effect::MoveElement { from, to } => {
            write_command(out, &[b"LMOVE", from.0, to.0, side_name(from.1), side_name(to.1)]);
        }
        _ => unreachable!("the caller has sorted the effects"),
    }
}

/// Those on sorted sets.
fn encode_zset_effect(effect: &Effect<'_>, out: &mut Vec<u8>) {
    match *effect {
        Effect::SetScores { key, members } => set_scores(out, key, members),
        Effect::RemoveScored { key, members } => with_words(out, &[b"ZREM", key], members),
        Effect::PopScored { key, end, count } => {
            let name: &[u8] = if end == End::Lowest { b"ZPOPMIN" } else { b"ZPOPMAX" };
            match count {
                Count::One => write_command(out, &[name, key]),
                Count::UpTo(count) => write_command(out, &[name, key, &number(count as i64)]),
            }
        }
        Effect::RemoveRange { key, positions } => {
            let (start, stop) = (positions.start as i64, positions.end as i64 - 1);
            write_command(out, &[b"ZREMRANGEBYRANK", key, &number(start), &number(stop)]);
        }
        _ => unreachable!("the caller has sorted the effects"),
    }
}

/// Who is shown what has been written behind each command, and may take it away.
type Behind<'a> = &'a mut dyn FnMut(&mut Vec<u8>);

/// Appends the commands that make a key, which does not exist, hold a value.
pub fn encode_value(key: &[u8], value: &ValueRef<'_>, expiry: Option<UnixMs>, out: &mut Vec<u8>) {
    encode_value_in_parts(key, value, expiry, out, &mut |_| ());
}

/// The same; `behind` is shown what there is behind each command, and may take it away.
pub(crate) fn encode_value_in_parts(
    key: &[u8],
    value: &ValueRef<'_>,
    expiry: Option<UnixMs>,
    out: &mut Vec<u8>,
    behind: Behind<'_>,
) {
    match value {
        ValueRef::String(string) => {
            set(out, key, *string, expiry);
            return behind(out);
        }
        ValueRef::Hash(hash) => encode_hash(key, *hash, out, behind),
        ValueRef::List(list) => encode_list(key, *list, out, behind),
        ValueRef::Set(members) => encode_set(key, *members, out, behind),
        ValueRef::ZSet(zset) => encode_zset(key, *zset, out, behind),
        ValueRef::Stream(stream) => stream::encode_value(key, stream, out, behind),
    }
    // At the end, or what is due would be removed and begun again.
    set_expiry(out, key, expiry);
    behind(out);
}

fn encode_list(key: &[u8], list: ListRef<'_>, out: &mut Vec<u8>, behind: Behind<'_>) {
    let mut elements: Vec<Element<'_>> = Vec::with_capacity(ELEMENTS_A_COMMAND);
    let mut all = list.iter();
    while all.len() > 0 {
        elements.clear();
        elements.extend(all.by_ref().take(ELEMENTS_A_COMMAND));
        with_words(out, &[b"RPUSH", key], &elements);
        behind(out);
    }
}

fn encode_set(key: &[u8], set: SetRef<'_>, out: &mut Vec<u8>, behind: Behind<'_>) {
    let mut all = set.iter();
    while all.len() > 0 {
        let members: Vec<Element<'_>> = all.by_ref().take(MEMBERS_A_COMMAND).collect();
        with_words(out, &[b"SADD", key], &members);
        behind(out);
    }
}

fn encode_zset(key: &[u8], zset: ZSetRef<'_>, out: &mut Vec<u8>, behind: Behind<'_>) {
    let mut members: Vec<(f64, &[u8])> = Vec::with_capacity(MEMBERS_A_COMMAND);
    let mut all = zset.iter();
    while all.len() > 0 {
        members.clear();
        members.extend(all.by_ref().take(MEMBERS_A_COMMAND).map(|element| (element.score, element.member)));
        set_scores(out, key, &members);
        behind(out);
    }
}

fn encode_hash(key: &[u8], hash: HashRef<'_>, out: &mut Vec<u8>, behind: Behind<'_>) {
    let mut fields: Vec<(&[u8], &[u8])> = Vec::with_capacity(FIELDS_A_COMMAND);
    for entry in hash.iter() {
        fields.push((entry.field, entry.value));
        if fields.len() == FIELDS_A_COMMAND {
            set_fields(out, key, &fields);
            fields.clear();
            behind(out);
        }
    }
    if !fields.is_empty() {
        set_fields(out, key, &fields);
    }
    if hash.next_expiry().is_some() {
        encode_field_expiry(key, hash, out, behind);
    }
}

/// Fields that are due at the same time, as those that one command has set are, share a command.
fn encode_field_expiry(key: &[u8], hash: HashRef<'_>, out: &mut Vec<u8>, behind: Behind<'_>) {
    let mut due: Vec<(UnixMs, &[u8])> =
        hash.iter().filter_map(|entry| Some((entry.expiry?, entry.field))).collect();
    due.sort_unstable();
    for group in due.chunk_by(|one, other| one.0 == other.0) {
        for chunk in group.chunks(FIELDS_A_COMMAND) {
            let names: Vec<&[u8]> = chunk.iter().map(|(_, field)| *field).collect();
            let (at, count) = (number(chunk[0].0.0), number(names.len() as i64));
            with_words(out, &[b"HPEXPIREAT", key, &at, b"FIELDS", &count], &names);
            behind(out);
        }
    }
}

fn set(out: &mut Vec<u8>, key: &[u8], value: StringRef<'_>, expiry: Option<UnixMs>) {
    let whole = value.contiguous();
    match expiry {
        None => write_command(out, &[b"SET", key, &whole]),
        Some(at) => write_command(out, &[b"SET", key, &whole, b"PXAT", &number(at.0)]),
    }
}

/// What Redis tells its replicas of a number that was counted up or down by one, and else of any number.
fn add_number(out: &mut Vec<u8>, key: &[u8], number: i64) {
    match number {
        1 => write_command(out, &[b"INCR", key]),
        -1 => write_command(out, &[b"DECR", key]),
        _ => write_command(out, &[b"INCRBY", key, &self::number(number)]),
    }
}

fn publish(out: &mut Vec<u8>, channel: &[u8], message: &[u8], is_shard: bool) {
    let name: &[u8] = if is_shard { b"SPUBLISH" } else { b"PUBLISH" };
    write_command(out, &[name, channel, message]);
}

fn set_many(out: &mut Vec<u8>, pairs: &[(Key<'_>, &[u8])]) {
    let mut encoder = Encoder::new(out, Protocol::Resp2);
    encoder.array(1 + 2 * pairs.len());
    encoder.bulk(b"MSET");
    for (key, value) in pairs {
        encoder.bulk(key.bytes);
        encoder.bulk(value);
    }
}

fn set_expiry(out: &mut Vec<u8>, key: &[u8], expiry: Option<UnixMs>) {
    if let Some(at) = expiry {
        write_command(out, &[b"PEXPIREAT", key, &number(at.0)]);
    }
}

fn side_name(side: Side) -> &'static [u8] {
    match side {
        Side::Left => b"LEFT",
        Side::Right => b"RIGHT",
    }
}

fn set_fields(out: &mut Vec<u8>, key: &[u8], fields: &[(&[u8], &[u8])]) {
    let mut words: Vec<&[u8]> = Vec::with_capacity(2 + 2 * fields.len());
    words.extend([&b"HSET"[..], key]);
    for (field, value) in fields {
        words.extend([field, value]);
    }
    write_command(out, &words);
}

fn set_scores(out: &mut Vec<u8>, key: &[u8], members: &[(f64, &[u8])]) {
    // The texts of all scores, and where each of them ends.
    let (mut scores, mut ends) = (Vec::new(), Vec::with_capacity(members.len()));
    for (score, _) in members {
        write_f64(&mut scores, *score);
        ends.push(scores.len());
    }
    let mut words: Vec<&[u8]> = Vec::with_capacity(2 + 2 * members.len());
    words.extend([&b"ZADD"[..], key]);
    let mut start = 0;
    for (end, (_, member)) in ends.into_iter().zip(members) {
        words.extend([&scores[start..end], member]);
        start = end;
    }
    write_command(out, &words);
}

fn with_words(out: &mut Vec<u8>, head: &[&[u8]], more: &[impl AsRef<[u8]>]) {
    let words: Vec<&[u8]> = head.iter().copied().chain(more.iter().map(AsRef::as_ref)).collect();
    write_command(out, &words);
}

fn number(value: i64) -> Vec<u8> {
    let mut text = Vec::with_capacity(20);
    write_i64(&mut text, value);
    text
}

#[cfg(test)]
mod tests {
    use keyspace::Claim;
    use value::stream::{Id, References};

    use super::*;

    fn text(effect: &Effect<'_>) -> String {
        let mut out = Vec::new();
        encode_effect(effect, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        // Only the words are of interest here: every second line.
        text.split("\r\n")
            .filter(|line| !line.starts_with(['*', '$']))
            .collect::<Vec<_>>()
            .join(" ")
            .trim()
            .to_owned()
    }

    #[test]
    fn effects_are_commands_with_absolute_times() {
        let value = StringRef::Inline(b"v");
        assert_eq!(text(&Effect::SetString { key: b"k", value, expiry: None }), "SET k v");
        let key = |bytes| Key { bytes, hash: 0, slot: 0 };
        let pairs: [(Key<'_>, &[u8]); 2] = [(key(b"a"), b"1"), (key(b"b"), b"2")];
        assert_eq!(text(&Effect::SetStrings { pairs: &pairs }), "MSET a 1 b 2");
        let expiry = Some(UnixMs(123));
        assert_eq!(text(&Effect::SetString { key: b"k", value, expiry }), "SET k v PXAT 123");
        assert_eq!(text(&Effect::ReplaceString { key: b"k", value }), "SET k v KEEPTTL");
        let add = |number| text(&Effect::AddNumber { key: b"k", number });
        assert_eq!([1, -1, 0, -7].map(add), ["INCR k", "DECR k", "INCRBY k 0", "INCRBY k -7"]);
        let fields: &[&[u8]] = &[b"a", b"b"];
        let effect = Effect::SetFieldExpiry { key: b"h", at: UnixMs(9), fields };
        assert_eq!(text(&effect), "HPEXPIREAT h 9 FIELDS 2 a b");
        let elements: &[&[u8]] = &[b"a", b"b"];
        let effect = Effect::PushElements { key: b"l", side: Side::Left, elements };
        assert_eq!(text(&effect), "LPUSH l a b");
        let command: &[&[u8]] = &[b"ZRANGESTORE", b"to", b"from", b"0", b"9"];
        assert_eq!(text(&Effect::StoreResult { key: b"to", command }), "ZRANGESTORE to from 0 9");
        let effect = Effect::MoveElement { from: (b"a", Side::Left), to: (b"b", Side::Right) };
        assert_eq!(text(&effect), "LMOVE a b LEFT RIGHT");
        let effect = Effect::RemoveElements { key: b"l", side: Side::Right, count: 2, element: b"a" };
        assert_eq!(text(&effect), "LREM l -2 a");
        let ids = &[Id::new(1, 2), Id::new(3, 4)];
        let last_id = Id::new(6, 0);
        let claim = Claim { group: b"g", last_id, consumer: b"c", delivered_ms: 7, deliveries: 2 };
        assert_eq!(
            text(&Effect::Claim { key: b"s", claim, ids }),
            "XCLAIM s g c 0 1-2 3-4 TIME 7 RETRYCOUNT 2 FORCE JUSTID LASTID 6-0"
        );
        let effect = Effect::GiveBack { key: b"s", group: b"g", ids, deliveries: 2 };
        assert_eq!(text(&effect), "XNACK s g FAIL IDS 2 1-2 3-4 RETRYCOUNT 2 FORCE");
        assert_eq!(text(&Effect::DeleteEntries { key: b"s", ids }), "XDEL s 1-2 3-4");
        let trim = |references| text(&Effect::TrimEntries { key: b"s", length: 3, references });
        assert_eq!(trim(References::Keep), "XTRIM s MAXLEN = 3");
        assert_eq!(trim(References::Respect), "XTRIM s MAXLEN = 3 ACKED");
        assert_eq!(text(&Effect::TrimList { key: b"l", kept: &(3..9) }), "LTRIM l 3 8");
        assert_eq!(text(&Effect::TrimList { key: b"l", kept: &(3..3) }), "LTRIM l 1 0");
        let members: &[&[u8]] = &[b"a", b"b"];
        assert_eq!(text(&Effect::AddMembers { key: b"s", members }), "SADD s a b");
        assert_eq!(text(&Effect::RemoveMembers { key: b"s", members }), "SREM s a b");
        let effect = Effect::CombineSets { operation: Operation::Difference, to: b"s", from: members };
        assert_eq!(text(&effect), "SDIFFSTORE s a b");
        let members: &[(f64, &[u8])] = &[(0.1, b"a"), (f64::NEG_INFINITY, b"b")];
        assert_eq!(text(&Effect::SetScores { key: b"z", members }), "ZADD z 0.1 a -inf b");
        let pop = |count| text(&Effect::PopScored { key: b"z", end: End::Highest, count });
        assert_eq!(
            [Count::One, Count::UpTo(1), Count::UpTo(2)].map(pop),
            ["ZPOPMAX z", "ZPOPMAX z 1", "ZPOPMAX z 2"]
        );
        assert_eq!(text(&Effect::RemoveRange { key: b"z", positions: &(2..5) }), "ZREMRANGEBYRANK z 2 4");
        assert_eq!(text(&Effect::AddLibrary { text: b"#!lua" }), "FUNCTION LOAD REPLACE #!lua");
        assert_eq!(text(&Effect::RemoveLibrary { name: b"l" }), "FUNCTION DELETE l");
        assert_eq!(text(&Effect::ClearLibraries), "FUNCTION FLUSH");
        assert_eq!(text(&Effect::WriteString { key: b"k", offset: 7, bytes: b"x" }), "SETRANGE k 7 x");
    }
}
