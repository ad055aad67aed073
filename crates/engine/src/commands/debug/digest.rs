//! DEBUG DIGEST and DIGEST-VALUE: hashes of data that depend on neither the order in which it is kept nor its encoding.

use keyspace::DbIndex;
use value::{Stream, ValueRef};

use crate::args::Args;
use crate::context::Context;
use crate::reply::Reply;

/// A hash of a value that depends on neither the order of fields and members nor the encoding.
fn digest_value(value: &ValueRef<'_>) -> u64 {
    match value {
        ValueRef::String(string) => stdx::checksum::crc64(&string.contiguous()),
        ValueRef::Hash(hash) => hash.iter().fold(1, |sum, entry| {
            let mut pair = (entry.field.len() as u64).to_le_bytes().to_vec();
            pair.extend_from_slice(entry.field);
            pair.extend_from_slice(entry.value);
            sum ^ mix(stdx::checksum::crc64(&pair))
        }),
        ValueRef::List(list) => {
            list.iter().fold(2, |sum, element| mix(sum ^ mix(stdx::checksum::crc64(element))))
        }
        ValueRef::Set(set) => set.iter().fold(3, |sum, member| sum ^ mix(stdx::checksum::crc64(&member))),
        ValueRef::ZSet(zset) => zset.iter().fold(4, |sum, element| {
            let mut pair = element.score.to_le_bytes().to_vec();
            pair.extend_from_slice(element.member);
            sum ^ mix(stdx::checksum::crc64(&pair))
        }),
        ValueRef::Stream(stream) => digest_stream(stream),
    }
}

/// A hash of a stream's entries, as Redis hashes them: groups and the past have no part in it.
fn digest_stream(stream: &Stream) -> u64 {
    stream.iter().fold(5, |sum, entry| {
        let mut text = entry.id().to_string().into_bytes();
        for (name, value) in entry.fields() {
            text.extend_from_slice(&(name.len() as u64).to_le_bytes());
            text.extend_from_slice(name);
            text.extend_from_slice(&(value.len() as u64).to_le_bytes());
            text.extend_from_slice(value);
        }
        mix(sum ^ mix(stdx::checksum::crc64(&text)))
    })
}

/// Spreads a checksum's bits, so that sums of many do not cancel out.
fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
    (value ^ value >> 27).wrapping_mul(0x81da_def4_bc2d_d44d)
}

/// A hash of all data that does not depend on the order of keys.
pub(super) fn digest(ctx: &mut Context<'_, '_>) -> u64 {
    let mut sum = 0;
    for index in 0..ctx.shared.keyspace.databases() {
        ctx.access.for_each_key(DbIndex(index), &mut |seen| {
            let mut head = index.to_le_bytes().to_vec();
            head.extend_from_slice(&seen.expiry.map_or(0, |at| at.0).to_le_bytes());
            head.extend_from_slice(&digest_value(&seen.value).to_le_bytes());
            head.extend_from_slice(seen.key);
            sum ^= mix(stdx::checksum::crc64(&head));
        });
    }
    sum
}

/// Forty digits, as a SHA-1 has; all zeros for no data.
pub(super) fn hexadecimal(value: u64) -> String {
    format!(
        "{:016x}{:016x}{:08x}",
        value,
        if value == 0 { 0 } else { mix(value) },
        if value == 0 { 0 } else { mix(!value) as u32 }
    )
}

pub(super) fn digest_values(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) {
    reply.array(args.len() - 2);
    for name in args.from(2) {
        let key = ctx.key_of(name);
        let digest = ctx.with_key(&key, |ctx| ctx.db().peek(&key).map_or(0, |value| digest_value(&value)));
        reply.simple(hexadecimal(digest));
    }
}
