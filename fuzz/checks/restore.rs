//! What must hold for any payload of RESTORE: no panic, and a value that was accepted gives a payload that is accepted
//! and gives the same value.

use persist::dump;
use stdx::checksum::crc64;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::stream::{self, Id};
use value::{Settings, Stream, StringRef, Value, ValueRef, hash, list, set, zset};

const SETTINGS: Settings = Settings {
    hash: hash::Settings { max_packed_entries: 16, max_packed_value: 64, seed: HashKey([1, 2]) },
    list: list::Settings::of_parameter(-2),
    set: set::Settings::of_redis(HashKey([1, 2])),
    zset: zset::Settings::of_redis(HashKey([1, 2])),
    stream: stream::Settings::of_parameters(4096, 100),
};

/// Panics if RESTORE misbehaves on `body`, taken as it is and with a checksum that fits.
pub(crate) fn check(body: &[u8]) {
    let _ = dump::decode(body, SETTINGS);
    for version in [6_u16, 12, 80] {
        let mut payload = body.to_vec();
        payload.extend_from_slice(&version.to_le_bytes());
        payload.extend_from_slice(&crc64(&payload).to_le_bytes());
        if let Ok(value) = dump::decode(&payload, SETTINGS) {
            let again = dump::decode(&dump::encode(reference(&value)), SETTINGS).expect("its own payload");
            assert_eq!(content(&again), content(&value));
        }
    }
}

fn reference(value: &Value) -> ValueRef<'_> {
    match value {
        Value::String(blob) => ValueRef::String(StringRef::Blob(blob)),
        Value::Hash(hash) => ValueRef::Hash(hash.at(UnixMs::MIN)),
        Value::List(list) => ValueRef::List(list.as_ref()),
        Value::Set(set) => ValueRef::Set(set.as_ref()),
        Value::ZSet(zset) => ValueRef::ZSet(zset.as_ref()),
        Value::Stream(stream) => ValueRef::Stream(stream),
    }
}

fn content(value: &Value) -> Vec<String> {
    match reference(value) {
        ValueRef::String(string) => vec![string.contiguous().escape_ascii().to_string()],
        ValueRef::Stream(stream) => stream_content(stream),
        ValueRef::List(list) => list.iter().map(|element| element.escape_ascii().to_string()).collect(),
        ValueRef::Set(set) => {
            let mut members: Vec<String> =
                set.iter().map(|member| member.escape_ascii().to_string()).collect();
            members.sort();
            members
        }
        ValueRef::ZSet(zset) => zset.iter().map(|element| format!("{element:?}")).collect(),
        ValueRef::Hash(hash) => {
            let mut fields: Vec<String> = hash.iter().map(|entry| format!("{entry:?}")).collect();
            fields.sort();
            fields
        }
    }
}

fn stream_content(stream: &Stream) -> Vec<String> {
    let mut content = vec![format!("{:?}", stream.facts())];
    content.extend(
        stream.iter().map(|entry| format!("{} {:?}", entry.id(), entry.fields().collect::<Vec<_>>())),
    );
    for (name, group) in stream.groups() {
        content.push(format!("{name:?} {} {:?}", group.last_id, group.entries_read));
        let names = group.names();
        // Not when they were last active, which no form tells that Redis 7.0 reads.
        content.extend(group.consumers().iter().map(|one| format!("{:?} {}", one.name, one.seen_ms)));
        let pending = group.pending.from(Id::MIN);
        content.extend(pending.map(|one| {
            format!("{} {:?} {} {}", one.id, names.get(one.consumer), one.delivered_ms, one.deliveries)
        }));
    }
    content
}
