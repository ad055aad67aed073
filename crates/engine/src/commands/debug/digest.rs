//! DEBUG DIGEST and DIGEST-VALUE: hashes of data that depend on neither the order in which it is kept nor its encoding. They are
//! those of Redis 8, so two servers can be compared. (Redis 7.0 writes scores with seventeen digits.)
//!
//! A digest is twenty bytes. What has no order is *added*: the digest is xored with the SHA-1 of it. What has an order is
//! *appended*: after that, the digest becomes its own SHA-1.

use keyspace::DbIndex;
use sha1::{Digest as _, Sha1};
use stdx::number;
use stdx::time::UnixMs;
use value::ValueRef;

use crate::args::Args;
use crate::context::Context;
use crate::reply::Reply;

#[derive(Default)]
struct Digest([u8; 20]);

impl Digest {
    fn add(&mut self, data: &[u8]) {
        self.0.iter_mut().zip(Sha1::digest(data)).for_each(|(byte, other)| *byte ^= other);
    }

    fn append(&mut self, data: &[u8]) {
        self.add(data);
        self.0 = Sha1::digest(self.0).into();
    }

    /// Appends a value and whether it has a time to live, whenever that ends.
    fn append_value(&mut self, value: &ValueRef<'_>, expiry: Option<UnixMs>) {
        self.append(&number_of_type(value).to_be_bytes());
        let mut score = Vec::new();
        match value {
            ValueRef::String(string) => self.append(&string.contiguous()),
            ValueRef::Hash(hash) => hash.iter().for_each(|entry| {
                let mut pair = Self::default();
                pair.append(entry.field);
                pair.append(entry.value);
                if entry.expiry.is_some() {
                    pair.add(b"!!hexpire!!");
                }
                self.add(&pair.0);
            }),
            ValueRef::List(list) => list.visit(0..list.len(), |element| self.append(element)),
            ValueRef::Set(set) => set.iter().for_each(|member| self.add(&member)),
            ValueRef::ZSet(zset) => zset.iter().for_each(|element| {
                let mut pair = Self::default();
                pair.append(element.member);
                score.clear();
                // Zero has no sign.
                number::write_shortest_f64(&mut score, element.score + 0.0);
                pair.append(&score);
                self.add(&pair.0);
            }),
            // Groups and the past have no part in it.
            ValueRef::Stream(stream) => stream.iter().for_each(|entry| {
                let id = entry.id();
                self.append(format!("{}.{}", id.ms, id.seq).as_bytes());
                for (name, value) in entry.fields() {
                    self.append(name);
                    self.append(value);
                }
            }),
        }
        if expiry.is_some() {
            self.add(b"!!expire!!");
        }
    }

    fn hexadecimal(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// The numbers that Redis gives types.
fn number_of_type(value: &ValueRef<'_>) -> u32 {
    match value {
        ValueRef::String(_) => 0,
        ValueRef::List(_) => 1,
        ValueRef::Set(_) => 2,
        ValueRef::ZSet(_) => 3,
        ValueRef::Hash(_) => 4,
        ValueRef::Stream(_) => 6,
    }
}

/// The digest of all data.
pub(super) fn digest(ctx: &mut Context<'_, '_>) -> String {
    let mut all = Digest::default();
    for index in 0..ctx.shared.keyspace.databases() {
        let database = DbIndex(index);
        if ctx.shared.keyspace.len(database) == 0 {
            continue;
        }
        all.append(&u32::from(index).to_be_bytes());
        ctx.access.for_each_key(database, &mut |seen| {
            let mut pair = Digest::default();
            pair.append(seen.key);
            pair.append_value(&seen.value, seen.expiry);
            all.add(&pair.0);
        });
    }
    all.hexadecimal()
}

/// The digests of the values of keys; all zeros for none.
pub(super) fn digest_values(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) {
    reply.array(args.len() - 2);
    for name in args.from(2) {
        let key = ctx.key_of(name);
        let digest = ctx.with_key(&key, |ctx| {
            let expiry = ctx.db().expiry(&key).flatten();
            let mut digest = Digest::default();
            if let Some(value) = ctx.db().peek(&key) {
                digest.append_value(&value, expiry);
            }
            digest
        });
        reply.simple(digest.hexadecimal());
    }
}
