//! The payload of DUMP: a value as in an RDB file, the version of the format, and a checksum over both.
//!
//! ```text
//! type  value  version (u16 le)  crc64 (u64 le)
//! ```

mod decoder;
mod encoder;

use keyspace::Libraries;
use stdx::checksum::crc64;
use value::{Settings, Value, ValueRef};

use crate::rdb::lzf::Compressor;
use crate::rdb::{self, Cursor, Fault, Format, Output, Plan, Problem};

pub use decoder::Decoder;
pub use encoder::Encoder;

/// Bytes of version and checksum.
const FOOT_BYTES: usize = 10;
const CHECKSUM_BYTES: usize = 8;
/// The longest string that a payload may unpack to: the limit of a string that a client can send.
const MAX_STRING_BYTES: u64 = 512 << 20;

/// Why a payload cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreError {
    /// Redis says: `DUMP payload version or checksum are wrong`.
    Foot,
    /// Redis says: `Bad data format`; what is wrong stands in its log only.
    Format(String),
}

impl RestoreError {
    /// Why a value of this type cannot be read. Of a broken block the first words are those of Redis,
    /// for which people look in logs.
    fn of_fault(kind: u8, fault: Fault) -> Self {
        let problem = match fault {
            Fault::Short { .. } => Problem::Truncated,
            Fault::Bad(problem) => problem,
        };
        let is_of_block = matches!(
            problem,
            Problem::Block(_) | Problem::DuplicateField | Problem::DuplicateMember | Problem::TwoScores
        );
        Self::Format(match rdb::block_name(kind).filter(|_| is_of_block) {
            Some(block) => format!("{block} integrity check failed: {problem}"),
            None => problem.to_string(),
        })
    }

    /// A value has been read that may not be there.
    fn of_value(is_at_end: bool) -> Self {
        let reason = if is_at_end { "the value has no element" } else { "bytes follow the value" };
        Self::Format(reason.to_owned())
    }
}

/// The payload of a value.
pub fn encode(value: ValueRef<'_>) -> Vec<u8> {
    let plan = Plan::of(value);
    let write = |output: &mut Output<'_>| {
        output.tag(plan.tag());
        plan.write(output);
    };
    with_foot(plan.version(), write)
}

/// The payload of all libraries of functions.
pub fn encode_libraries(libraries: &Libraries) -> Vec<u8> {
    with_foot(rdb::PLAIN_VERSION, |output| {
        for library in libraries.iter() {
            output.tag(rdb::FUNCTION2);
            output.string(&library.text);
        }
    })
}

/// What is written, and the foot behind it.
fn with_foot(version: u32, write: impl FnOnce(&mut Output<'_>)) -> Vec<u8> {
    let mut payload = Vec::new();
    write(&mut Output::new(&mut payload, Some(&mut Compressor::default())));
    payload.extend_from_slice(&(version as u16).to_le_bytes());
    let checksum = crc64(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// Why a payload of libraries cannot be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibrariesError {
    /// The checksum or the version is wrong.
    Foot,
    /// It holds something else.
    Kind,
    /// A text cannot be read.
    Format,
}

/// The texts of the libraries in a payload.
pub fn decode_libraries(payload: &[u8]) -> Result<Vec<Vec<u8>>, LibrariesError> {
    let (_, body) = split(payload).filter(|_| has_its_checksum(payload)).ok_or(LibrariesError::Foot)?;
    let mut cursor = Cursor::new(body, MAX_STRING_BYTES);
    let mut texts = Vec::new();
    while !cursor.is_at_end() {
        match cursor.byte() {
            Ok(rdb::FUNCTION2) => {}
            _ => return Err(LibrariesError::Kind),
        }
        texts.push(cursor.string().map_err(|_| LibrariesError::Format)?.into_owned());
    }
    Ok(texts)
}

/// The value of a payload.
pub fn decode(payload: &[u8], settings: Settings) -> Result<Value, RestoreError> {
    if !has_its_checksum(payload) {
        return Err(RestoreError::Foot);
    }
    decode_unverified(payload, settings)
}

/// Whether Redis 7.0 can read the value of a payload that can be read here, too.
pub fn is_plain(payload: &[u8]) -> bool {
    split(payload).is_some_and(|(format, body)| {
        format.version() <= rdb::PLAIN_VERSION && body.first().is_some_and(|&kind| kind <= rdb::STREAM_2)
    })
}

/// The value of a payload whose checksum may be wrong, for tests with damaged payloads.
pub fn decode_unverified(payload: &[u8], settings: Settings) -> Result<Value, RestoreError> {
    let (format, body) = split(payload).ok_or(RestoreError::Foot)?;
    let mut cursor = Cursor::new(body, MAX_STRING_BYTES);
    let kind = cursor.byte().map_err(|fault| RestoreError::of_fault(0, fault))?;
    let object = rdb::read(kind, format, &mut cursor, settings)
        .map_err(|fault| RestoreError::of_fault(kind, fault))?;
    if object.is_empty_collection() || !cursor.is_at_end() {
        return Err(RestoreError::of_value(cursor.is_at_end()));
    }
    Ok(object.into_value())
}

fn has_its_checksum(payload: &[u8]) -> bool {
    let parts = payload.split_last_chunk::<CHECKSUM_BYTES>();
    parts.is_some_and(|(content, checksum)| crc64(content) == u64::from_le_bytes(*checksum))
}

/// The format that the foot names, and what stands before the foot.
fn split(payload: &[u8]) -> Option<(Format, &[u8])> {
    let (body, foot) = payload.split_at_checked(payload.len().checked_sub(FOOT_BYTES)?)?;
    let version = u16::from_le_bytes(*foot.first_chunk()?);
    Some((Format::of_version(version.into())?, body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stdx::hash::HashKey;
    use stdx::time::UnixMs;
    use value::hash::{self, FieldExpiry, Hash};
    use value::{StringRef, list, set, stream, zset};

    use super::*;

    const HASH: hash::Settings =
        hash::Settings { max_packed_entries: 4, max_packed_value: 64, seed: HashKey([1, 2]) };
    const SETTINGS: Settings = Settings {
        hash: HASH,
        list: list::Settings::of_parameter(-2),
        set: set::Settings::of_redis(HASH.seed),
        zset: zset::Settings { max_packed_entries: 4, ..zset::Settings::of_redis(HASH.seed) },
        stream: stream::Settings::of_parameters(4096, 100),
    };
    type Field = (Vec<u8>, Vec<u8>, Option<i64>);

    fn fields(value: &Value) -> Vec<Field> {
        let Value::Hash(hash) = value else { panic!("a hash") };
        let entry = |entry: hash::Entry<'_>| {
            (entry.field.to_vec(), entry.value.to_vec(), entry.expiry.map(|at| at.0))
        };
        let mut fields: Vec<Field> = hash.at(UnixMs::MIN).iter().map(entry).collect();
        fields.sort();
        fields
    }

    fn hash_of(fields: &[Field]) -> Hash {
        let mut hash = Hash::new();
        hash.edit(&mut Vec::new(), HASH, UnixMs::MIN, |edit| {
            for (field, value, expiry) in fields {
                edit.set(field, value, expiry.map_or(FieldExpiry::Clear, |at| FieldExpiry::At(UnixMs(at))));
            }
        });
        hash
    }

    fn owned(fields: &[(&str, &str, Option<i64>)]) -> Vec<Field> {
        fields
            .iter()
            .map(|(field, value, at)| (field.as_bytes().into(), value.as_bytes().into(), *at))
            .collect()
    }

    /// What a payload gives that is read bit by bit.
    fn decode_in_steps(payload: &[u8]) -> Result<Value, RestoreError> {
        let mut decoder = Decoder::new(SETTINGS, true);
        loop {
            if let Some(value) = decoder.step(payload)? {
                return Ok(value);
            }
        }
    }

    /// The payload that is written bit by bit, and how many steps it took.
    fn encode_in_steps(value: &Value) -> (Vec<u8>, usize) {
        let (mut encoder, mut payload, mut steps) = (Encoder::new(value.clone(), UnixMs(0)), Vec::new(), 1);
        while encoder.step(&mut payload) {
            steps += 1;
        }
        (payload, steps)
    }

    /// Large values of all types.
    fn large_values() -> Vec<Value> {
        let texts: Vec<Vec<u8>> =
            (0..5000_u32).map(|number| format!("a text of number {number}").into_bytes()).collect();
        let expiry = |number: usize| number.is_multiple_of(3).then_some(1 + number as i64);
        let pairs = |expiry: &dyn Fn(usize) -> Option<i64>| -> Vec<Field> {
            texts.iter().enumerate().map(|(at, text)| (text.clone(), text.clone(), expiry(at))).collect()
        };
        let mut list = list::Builder::new();
        texts.iter().for_each(|text| list.push(text));
        list.push(&b"x".repeat(100_000));
        let mut set = set::Set::new();
        set.edit(&mut Vec::new(), SETTINGS.set, |edit| {
            texts.iter().for_each(|text| assert!(edit.add(text), "each comes once"));
        });
        let zset: zset::Builder =
            texts.iter().enumerate().map(|(at, text)| (text.clone(), at as f64)).collect();
        let mut stream = stream::Stream::new();
        for (at, text) in texts.iter().enumerate() {
            stream.append(stream::Id::new(1 + at as u64, 0), &[b"field", text], SETTINGS.stream);
        }
        let mut random = stdx::rng::Rng::from_seed(7);
        let noise: Vec<u8> = (0..100_000).map(|_| random.below(256) as u8).collect();
        vec![
            Value::String(value::Blob::from_bytes(&texts.concat())),
            Value::String(value::Blob::from_bytes(&noise)),
            Value::Hash(hash_of(&pairs(&|_| None))),
            Value::Hash(hash_of(&pairs(&expiry))),
            Value::List(list.finish(SETTINGS.list)),
            Value::Set(set),
            Value::ZSet(zset.finish(SETTINGS.zset).expect("each once")),
            Value::Stream(stream),
        ]
    }

    /// A stream with groups in which much is pending: of many consumers, of one without a name, and of nobody.
    fn stream_with_groups(nameless: bool) -> stream::Stream {
        let mut stream = stream::Stream::new();
        for ms in 1..=6000 {
            stream.append(stream::Id::new(ms, 0), &[b"field", b"value"], SETTINGS.stream);
        }
        for (name, consumers) in [(&b"few"[..], 2), (b"many", 700), (b"none", 0)] {
            let mut group = stream::Group::new(stream::Id::new(6000, 0), Some(6000));
            let mut owners = vec![stream::ConsumerNumber::NOBODY];
            if nameless {
                owners.extend(group.add_consumer(b"", 7, 7));
            }
            owners.extend(
                (0..consumers)
                    .filter_map(|number| group.add_consumer(format!("consumer:{number}").as_bytes(), 8, 8)),
            );
            for ms in 1..=(if consumers > 0 { 5000 } else { 0 }) {
                let (id, consumer) = (stream::Id::new(ms, 0), owners[ms as usize % owners.len()]);
                group.pending.set(stream::Pending { id, consumer, delivered_ms: 9, deliveries: 1 + ms % 3 });
            }
            assert!(stream.add_group(name, group));
        }
        stream
    }

    /// The name of a group, its consumers, and what is pending, each with the name of its consumer.
    type GroupContent = (Vec<u8>, Vec<Vec<u8>>, Vec<(stream::Pending, Vec<u8>)>);

    /// All that a stream says of its groups.
    fn groups_of(stream: &stream::Stream) -> Vec<GroupContent> {
        let of_group = |(name, group): (&[u8], &stream::Group)| {
            let names = group.names();
            let consumers = group.consumers().iter().map(|consumer| consumer.name.to_vec()).collect();
            let pending = group.pending.from(stream::Id::MIN).map(|one| {
                // Numbers of consumers are given anew.
                let consumer = stream::ConsumerNumber::NOBODY;
                (stream::Pending { consumer, ..one }, names.get(one.consumer).to_vec())
            });
            (name.to_vec(), consumers, pending.collect())
        };
        stream.groups().map(of_group).collect()
    }

    #[test]
    fn the_groups_of_a_stream_are_written_and_read_in_steps_of_bounded_length() {
        for nameless in [false, true] {
            let stream = stream_with_groups(nameless);
            let mut encoder = Encoder::new(Value::Stream(stream.clone()), UnixMs(0));
            let mut payload = Vec::new();
            loop {
                let before = payload.len();
                let goes_on = encoder.step(&mut payload);
                assert!(payload.len() - before < 32 * 1024, "{}", payload.len() - before);
                if !goes_on {
                    break;
                }
            }
            assert_eq!(payload, encode(ValueRef::Stream(&stream)));
            let mut decoder = Decoder::new(SETTINGS, true);
            let mut steps = 0;
            let restored = loop {
                steps += 1;
                if let Some(value) = decoder.step(&payload).expect("it is valid") {
                    break value;
                }
            };
            assert!(steps > 6000 / 100 + 2 * 2 * 5000 / 512, "{steps}");
            let Value::Stream(restored) = restored else { panic!("a stream") };
            assert_eq!(groups_of(&restored), groups_of(&stream));
        }
    }

    #[test]
    fn what_is_written_and_read_bit_by_bit_is_the_same() {
        for value in large_values() {
            let (payload, steps) = encode_in_steps(&value);
            assert!(steps > 5, "{steps} steps of {} bytes", payload.len());
            let [whole, again] =
                [decode(&payload, SETTINGS), decode_in_steps(&payload)].map(|value| value.expect("valid"));
            let [expected, whole, again] = [&value, &whole, &again].map(sorted);
            assert_eq!(whole, expected);
            assert_eq!(again, expected);
        }
    }

    /// All that a value holds, in an order that does not depend on how it is kept.
    fn sorted(value: &Value) -> Vec<Field> {
        let plain = |text: &[u8], at: i64| (text.to_vec(), Vec::new(), Some(at));
        match value {
            Value::Hash(_) => fields(value),
            Value::String(blob) => vec![plain(&blob.chunks(0..blob.len()).collect::<Vec<_>>().concat(), 0)],
            Value::List(list) => list.as_ref().iter().map(|text| plain(&text, 0)).collect(),
            Value::Set(set) => {
                let mut members: Vec<Field> = set.as_ref().iter().map(|member| plain(&member, 0)).collect();
                members.sort();
                members
            }
            Value::ZSet(zset) => {
                zset.as_ref().iter().map(|element| plain(element.member, element.score as i64)).collect()
            }
            Value::Stream(stream) => stream
                .iter()
                .map(|entry| {
                    let (name, text) = entry.fields().next().expect("each has a field");
                    (name.to_vec(), text.to_vec(), Some(entry.id().ms as i64))
                })
                .collect(),
        }
    }

    #[test]
    fn a_payload_is_wrong_bit_by_bit_where_it_is_wrong_as_a_whole() {
        for value in large_values() {
            let (mut payload, _) = encode_in_steps(&value);
            let end = payload.len() - FOOT_BYTES;
            assert_eq!(decode_in_steps(&payload[..payload.len() - 1]).err(), Some(RestoreError::Foot));
            payload.drain(end - 3..end);
            let content = payload.len() - CHECKSUM_BYTES;
            let checksum = crc64(&payload[..content]);
            payload[content..].copy_from_slice(&checksum.to_le_bytes());
            for restored in [decode(&payload, SETTINGS), decode_in_steps(&payload)] {
                assert!(matches!(restored, Err(RestoreError::Format(_))));
            }
        }
    }

    #[test]
    fn a_wrong_checksum_counts_only_where_it_is_verified() {
        let mut payload = encode(ValueRef::String(StringRef::Inline(b"abc")));
        *payload.last_mut().expect("a payload has a foot") ^= 1;
        assert_eq!(decode(&payload, SETTINGS).err(), Some(RestoreError::Foot));
        assert!(decode_unverified(&payload, SETTINGS).is_ok());
        assert_eq!(decode_unverified(&payload[..9], SETTINGS).err(), Some(RestoreError::Foot));
    }

    #[test]
    fn streams_of_other_servers_are_restored() {
        for (payload, active_ms) in [
            // Redis 7.0, which does not tell when consumers got something.
            (&b"\x13\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xc3@H@N\x12N\x00\x00\x00\x1f\x00\x03\x01\x01\x01\x02\x01\x81a\x02\x81b\x02\x00 \x09\x00\x00 \x01@\x11\x02\x05\x01\x03`\x09\x02\x03\x01\x04 \x0b@\x13\x0f\xdf\xff\x02\x01\x01\x81c\x02\x85hello\x06\x06 ,\x00\x06 \x01\x00\x05@\x03\x01\x01\xff\x03\x07\x07\x01\x01\x01\x02\x04\x01\x01g\x02\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x10\xa5\xd4\xe8\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\xa5\xd4\xe8\x00\x00\x00\x01\x02\x04anna\x15\x91\xae\x1a\xa2\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x04bert\x0f\x91\xae\x1a\xa2\x01\x00\x00\x00\x0a\x00\xb7g\x17\xdcw8\xbc]"[..], 1_795_743_977_743),
            // Redis 8.0.
            (b"\x15\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xc3@H@N\x12N\x00\x00\x00\x1f\x00\x03\x01\x01\x01\x02\x01\x81a\x02\x81b\x02\x00 \x09\x00\x00 \x01@\x11\x02\x05\x01\x03`\x09\x02\x03\x01\x04 \x0b@\x13\x0f\xdf\xff\x02\x01\x01\x81c\x02\x85hello\x06\x06 ,\x00\x06 \x01\x00\x05@\x03\x01\x01\xff\x03\x07\x07\x01\x01\x01\x02\x04\x01\x01g\x02\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x10\xa5\xd4\xe8\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\xa5\xd4\xe8\x00\x00\x00\x01\x02\x04anna?\x91\xae\x1a\xa2\x01\x00\x00?\x91\xae\x1a\xa2\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x04bert9\x91\xae\x1a\xa2\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x0c\x00\xfb\xc9\xc6\xf3-su\xff", -1),
        ] {
            let Ok(Value::Stream(stream)) = decode(payload, SETTINGS) else { panic!("a stream") };
            let ids: Vec<String> = stream.iter().map(|entry| entry.id().to_string()).collect();
            assert_eq!(ids, ["1-1", "2-0", "7-7"]);
            let last = stream.iter().last().expect("there are entries");
            assert_eq!(last.fields().collect::<Vec<_>>(), [(&b"a"[..], &b"5"[..]), (b"b", b"6")]);
            assert_eq!(stream.facts().entries_added, 4);
            let group = stream.group(b"g").expect("there");
            let consumers = group.consumers();
            assert_eq!([consumers[0].name, consumers[1].name], [&b"anna"[..], b"bert"]);
            assert_eq!(consumers[1].active_ms, active_ms);
            assert_eq!(group.pending.len_of(consumers[0].number), 2);
            let again = encode(ValueRef::Stream(&stream));
            let Ok(Value::Stream(stream)) = decode(&again, SETTINGS) else { panic!("a stream") };
            assert_eq!(encode(ValueRef::Stream(&stream)), again);
        }
    }

    #[test]
    fn payloads_of_other_servers_are_restored() {
        let long = "q".repeat(100);
        for payload in [
            // Redis 8.0, a listpack with times.
            &b"\x19{@\x94R\xa3\x03\x00\x00!!\x00\x00\x00\x06\x00\x82f1\x03\x82v1\x03\xf4{@\x94R\xa3\x03\x00\x00\t\x82f2\x03\x0c\x01\x00\x01\xff\x0c\x00\x7f!\x00\xaa\x8f\xdf$\xca"[..],
            // Valkey 9.1, pairs with times.
            b"\x16\x02\x02f1\x02v1{@\x94R\xa3\x03\x00\x00\x02f2\xc0\x0c\xff\xff\xff\xff\xff\xff\xff\xffP\x00\xab\xe7\x1b\xe5\x00;\xdc\x8c",
        ] {
            let value = decode(payload, SETTINGS).expect("valid");
            assert_eq!(fields(&value), owned(&[("f1", "v1", Some(4_000_000_000_123)), ("f2", "12", None)]));
        }
        for payload in [
            // Redis 8.0, pairs with times relative to the first.
            &b"\x18{@\x94R\xa3\x03\x00\x00\x03Cm\x01c\xc3\t@d\x01qq\xe0W\x00\x01qq\x00\x01b\xc0\x02\x01\x01a\xc0\x01\x0c\x00X\xe6U\x87\xe3#,x"[..],
            b"\x16\x03\x01a\xc0\x01{@\x94R\xa3\x03\x00\x00\x01b\xc0\x02\xff\xff\xff\xff\xff\xff\xff\xff\x01c\xc3\t@d\x01qq\xe0W\x00\x01qq\xe7C\x94R\xa3\x03\x00\x00P\x00\xb5\x0e\xadW%\xd1\x88T",
        ] {
            let value = decode(payload, SETTINGS).expect("valid");
            let expected = owned(&[
                ("a", "1", Some(4_000_000_000_123)),
                ("b", "2", None),
                ("c", &long, Some(4_000_000_000_999)),
            ]);
            assert_eq!(fields(&value), expected);
        }
    }

    #[test]
    fn sets_of_other_servers_are_restored_and_an_intset_goes_back_as_it_came() {
        let members = |payload: &[u8]| {
            let Ok(Value::Set(set)) = decode(payload, SETTINGS) else { panic!("a set") };
            let encoding = set.as_ref().encoding().name();
            let mut members: Vec<Vec<u8>> = set.as_ref().iter().map(|member| member.to_vec()).collect();
            members.sort();
            (encoding, members, encode(ValueRef::Set(set.as_ref())))
        };
        for payload in [
            // Redis 7.0, Redis 8.0 and Valkey 9.1.
            &b"\x02\x02\xc0\x02\x01a\n\x00\x92\x03\x08\x7f\xf0\x9es\xe9"[..],
            b"\x14\x0c\x0c\x00\x00\x00\x02\x00\x81a\x02\x02\x01\xff\x0c\x00`\x8e\x82,\xcc\x80\xc2\xd7",
            b"\x14\x0c\x0c\x00\x00\x00\x02\x00\x81a\x02\x02\x01\xffP\x00d\xd2\x7f}\xa8\xf8;j",
        ] {
            let (encoding, restored, again) = members(payload);
            assert_eq!((encoding, &restored), ("listpack", &vec![b"2".to_vec(), b"a".to_vec()]));
            assert_eq!(members(&again).1, restored);
        }
        // Redis 7.0: SADD i 1 70000 -3.
        let payload =
            b"\x0b\x14\x04\0\0\0\x03\0\0\0\xfd\xff\xff\xff\x01\0\0\0p\x11\x01\0\n\0{\x8dM\xdd\xaf\"\x86\xd7";
        let (encoding, restored, again) = members(payload);
        assert_eq!((encoding, restored.len()), ("intset", 3));
        assert_eq!(again, payload);
    }

    #[test]
    fn libraries_of_redis_are_restored_and_what_is_none_is_refused() {
        // Redis 7.0.15: FUNCTION LOAD "#!lua name=l\nredis.register_function('f', function()
        // return 1 end)", FUNCTION DUMP.
        let payload = b"\xf5@B#!lua name=l\nredis.register_function('f', function() return 1 end)\n\x00b\x95h\xe6_A+\xe2";
        let texts = decode_libraries(payload).expect("valid");
        assert_eq!(texts, [b"#!lua name=l\nredis.register_function('f', function() return 1 end)"]);
        assert_eq!(decode_libraries(&payload[1..]), Err(LibrariesError::Foot));
        assert_eq!(decode_libraries(b"bad"), Err(LibrariesError::Foot));
        let string = encode(ValueRef::String(StringRef::Inline(b"abc")));
        assert_eq!(decode_libraries(&string), Err(LibrariesError::Kind));
        let cut = with_foot(rdb::PLAIN_VERSION, |output| output.bytes(&[rdb::FUNCTION2, 9, b'a']));
        assert_eq!(decode_libraries(&cut), Err(LibrariesError::Format));
        assert_eq!(decode_libraries(&encode_libraries(&Libraries::default())), Ok(Vec::new()));
    }

    #[test]
    fn a_string_gives_the_bytes_of_redis() {
        // Redis 7.0.15: SET k hello, DUMP k.
        let payload = encode(ValueRef::String(StringRef::Inline(b"hello")));
        assert_eq!(payload[..8], *b"\x00\x05hello\x0a");
        assert_eq!(payload.len(), 17);
    }

    #[test]
    fn a_payload_that_was_cut_or_changed_has_the_wrong_foot() {
        let hash = hash_of(&owned(&[("a", "1", None), ("b", "2", Some(99))]));
        let payload = encode(ValueRef::Hash(hash.at(UnixMs(0))));
        assert!(decode(&payload, SETTINGS).is_ok());
        for end in 0..payload.len() {
            assert_eq!(decode(&payload[..end], SETTINGS).err(), Some(RestoreError::Foot));
        }
        for bit in 0..payload.len() * 8 {
            let mut bad = payload.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bad, SETTINGS).err(), Some(RestoreError::Foot), "bit {bit}");
        }
    }

    #[test]
    fn bodies_that_are_no_values_are_refused() {
        for (body, reason) in [
            (&b""[..], "the data ends too early"),
            (b"\x00", "the data ends too early"),
            (b"\x00\x02a", "the data ends too early"),
            (b"\x00\x01ab", "bytes follow the value"),
            (b"\x01\x00", "the value has no element"),
            (b"\x04\x00", "the value has no element"),
            (b"\x02\x00", "the value has no element"),
            (b"\x02\x02\x01a\x01a", "a set has the same member twice"),
            (b"\x0b\x08\x02\0\0\0\0\0\0\0", "the value has no element"),
            (b"\x0b\x08\x03\0\0\0\0\0\0\0", "Intset integrity check failed: "),
            (b"\x10\x09\x09\0\0\0\x01\0\x01\x01\xff", "Hash listpack integrity check failed: "),
            (b"\x0a\x0b\x0c\0\0\0\x0a\0\0\0\0\0\xff", "Ziplist integrity check failed: "),
            (b"\x04\x02\x01a\x011\x01a\x012", "a hash has the same field twice"),
            (b"\x16\x01\x01a\x011\xff\xff\xff\xff\xff\xff\xff\xff", "values of type "),
            (b"\x04\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a\x011", "the data ends too early"),
        ] {
            let mut payload = body.to_vec();
            payload.extend_from_slice(&12_u16.to_le_bytes());
            payload.extend_from_slice(&crc64(&payload).to_le_bytes());
            for restored in [decode(&payload, SETTINGS), decode_in_steps(&payload)] {
                let Err(RestoreError::Format(told)) = restored else { panic!("{body:?} is refused") };
                assert!(told.starts_with(reason), "{body:?}: {told}");
            }
        }
    }

    #[test]
    fn sorted_sets_give_the_bytes_of_redis_7() {
        let zset = |pairs: &[(&[u8], f64)]| {
            let builder: zset::Builder = pairs.iter().copied().collect();
            builder.finish(SETTINGS.zset).expect("each member comes once")
        };
        // Redis 7.0.15: ZADD z 1 a 2.5 b, DUMP z.
        let small = encode(ValueRef::ZSet(zset(&[(b"b", 2.5), (b"a", 1.0)]).as_ref()));
        let expected = b"\x11\x14\x14\0\0\0\x04\0\x81a\x02\x01\x01\x81b\x02\x832.5\x04\xff\x0a\0";
        assert_eq!(small[..small.len() - 8], expected[..]);
        // With zset-max-listpack-entries 0.
        let pairs: [(&[u8], f64); 5] =
            [(b"a", 1.0), (b"b", 2.0), (b"c", 3.0), (b"d", 4.0), (b"e", f64::INFINITY)];
        let large = encode(ValueRef::ZSet(zset(&pairs).as_ref()));
        assert_eq!(large[..13], *b"\x05\x05\x01e\0\0\0\0\0\0\xf0\x7f\x01");
        let Ok(Value::ZSet(back)) = decode(&large, SETTINGS) else { panic!("a sorted set") };
        assert!(back.as_ref().iter().map(|element| (element.member, element.score)).eq(pairs));
    }

    proptest! {
        #[test]
        fn hashes_come_back(fields in prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 0..40),
            (prop::collection::vec(0_u8..4, 0..90), prop::option::of(1_i64..1 << 40)),
            1..12,
        )) {
            let expected: Vec<Field> =
                fields.into_iter().map(|(field, (value, at))| (field, value, at)).collect();
            let hash = hash_of(&expected);
            let payload = encode(ValueRef::Hash(hash.at(UnixMs(0))));
            prop_assert_eq!(self::fields(&decode(&payload, SETTINGS).expect("valid")), expected);
        }

        #[test]
        fn no_body_panics(mut body in prop::collection::vec(any::<u8>(), 0..60), kind in 0_u8..30) {
            if let Some(first) = body.first_mut() {
                *first = kind;
            }
            let mut payload = body;
            payload.extend_from_slice(&12_u16.to_le_bytes());
            payload.extend_from_slice(&crc64(&payload).to_le_bytes());
            // Which of two faults is met first may differ.
            let again = |restored: Result<Value, RestoreError>| {
                let kind = |error| matches!(error, RestoreError::Foot);
                restored.map(|value| encode(value.at(UnixMs::MIN))).map_err(kind)
            };
            prop_assert_eq!(again(decode(&payload, SETTINGS)), again(decode_in_steps(&payload)));
        }
    }

    #[test]
    fn what_redis_7_0_reads_is_plain() {
        let footed = |kind: u8, version: u16| {
            let mut payload = vec![kind, b'x'];
            payload.extend_from_slice(&version.to_le_bytes());
            payload.extend_from_slice(&[0; CHECKSUM_BYTES]);
            payload
        };
        assert!(is_plain(&footed(0, 6)) && is_plain(&footed(19, 10)));
        assert!(!is_plain(&footed(0, 11)) && !is_plain(&footed(0, 80)) && !is_plain(&footed(20, 10)));
        assert!(!is_plain(b"") && !is_plain(&[0; FOOT_BYTES]));
    }
}
