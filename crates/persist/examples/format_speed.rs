//! How fast the formats are written and read, in megabytes a second:
//! `cargo run --release -p persist --example format_speed`.
//!
//! The figure is the best of several rounds, because on a shared machine everything above the best is somebody else's
//! work. Keys are 16 bytes, values 64 that do not compress, and the bytes counted are those of the file.

#![expect(clippy::print_stdout, reason = "it is a program that prints")]
#![expect(clippy::disallowed_types, reason = "a stopwatch reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use keyspace::DbIndex;
use persist::aof::Reader;
use persist::rdb::lzf::{self, Compressor};
use persist::rdb::{Decoder, Encoder, Notes, ReadOptions, WriteOptions};
use stdx::hash::HashKey;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use value::{Settings, hash, list, set, stream, zset};
use value::{StringRef, ValueRef};

const ROUNDS: usize = 7;
const KEYS: usize = 200_000;

/// A checksum of a block.
type Sum = fn(&[u8]) -> u64;

fn main() {
    let mut rng = Rng::from_seed(1);
    let mut noise = vec![0; 64 << 20];
    rng.fill(&mut noise);
    // What is summed has mostly just been made or read, and lies in the cache.
    let cached = &noise[..256 << 10];
    let sums: [(&str, Sum); 2] =
        [("CRC-64", stdx::checksum::crc64), ("CRC-32C", |bytes| stdx::checksum::crc32c(bytes).into())];
    for (name, sum) in sums {
        report(&format!("{name} of one block"), noise.len(), || {
            black_box(sum(&noise));
        });
        report(&format!("{name} of 256 kB in the cache"), noise.len(), || {
            for _ in 0..noise.len() / cached.len() {
                black_box(sum(black_box(cached)));
            }
        });
    }
    let entries: Vec<(Vec<u8>, &[u8])> = (0..KEYS)
        .map(|number| (format!("key:{number:012}").into_bytes(), &noise[number * 64..][..64]))
        .collect();
    for (name, compression) in [("write RDB", false), ("write RDB, compression tried", true)] {
        let file = write(&entries, compression);
        report(name, file.len(), || drop(black_box(write(&entries, compression))));
    }
    let file = write(&entries, false);
    report("read RDB", file.len(), || read(&file));
    let text: Vec<u8> = (0..1_000_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
    let mut stream = Vec::new();
    assert!(Compressor::default().compress(&text, text.len(), &mut stream), "digits compress");
    let mut compressor = Compressor::default();
    report("compress digits", text.len(), || {
        let mut out = Vec::new();
        black_box(compressor.compress(&text, text.len(), &mut out));
    });
    report("decompress them", text.len(), || drop(black_box(lzf::decompress(&stream, text.len()))));
    let mut commands = Vec::new();
    for (key, value) in &entries {
        resp::write_command(&mut commands, &[b"SET", &key[..], value]);
    }
    report("read commands", commands.len(), || {
        let read = Reader::new(0).read(&commands, &mut |buffer, args| {
            black_box((buffer, args));
            Ok(())
        });
        assert_eq!(read.ok(), Some(commands.len()));
    });
}

fn write(entries: &[(Vec<u8>, &[u8])], compression: bool) -> Vec<u8> {
    let notes = Notes {
        redis_version: "8.0.0",
        own_version: "0.1.0",
        created: UnixMs(0),
        used_memory: 0,
        is_aof_base: false,
    };
    let mut out = Vec::with_capacity(entries.len() * 100);
    let options = WriteOptions { compression, checksum: true, field_expiry: false };
    let mut encoder = Encoder::new(options, &notes, &mut out);
    encoder.database(DbIndex(0), entries.len(), 0, &mut out);
    for group in entries.chunks(1000) {
        encoder.entries(&mut out, |entries| {
            for (key, value) in group {
                entries.push(key, ValueRef::String(StringRef::Inline(value)), None);
            }
        });
    }
    encoder.finish(&mut out);
    out
}

fn read(file: &[u8]) {
    let hash = hash::Settings { max_packed_entries: 128, max_packed_value: 64, seed: HashKey([1, 2]) };
    let settings = Settings {
        hash,
        list: list::Settings::of_parameter(-2),
        set: set::Settings::of_redis(HashKey([1, 2])),
        zset: zset::Settings::of_redis(HashKey([1, 2])),
        stream: stream::Settings::of_parameters(4096, 100),
    };
    let mut decoder = Decoder::new(ReadOptions {
        settings,
        max_string_bytes: 1 << 30,
        verify_checksum: true,
        skips_modules: false,
    });
    for piece in file.chunks(1 << 20) {
        decoder.feed(piece);
        while let Some(item) = decoder.next_item().expect("a good file") {
            black_box(item);
        }
    }
    assert!(decoder.is_done(), "the whole file was read");
}

/// Prints megabytes a second of the best round.
fn report(name: &str, bytes: usize, mut run: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{:8.0} MB/s  {name}", bytes as f64 / 1e6 / best);
}
