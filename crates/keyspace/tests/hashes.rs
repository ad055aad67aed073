//! Hashes through the door: due fields, what is recorded, and what becomes of the key.

use keyspace::{Access, DbIndex, Effect, ExpiryBudget, Key, Keyspace, Options, WorkerId};
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::hash::{Encoding, FieldExpiry};

const DATABASE: DbIndex = DbIndex(0);
const SHARDS: usize = 64;

fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
    let show =
        |fields: &[&[u8]]| fields.iter().map(|f| String::from_utf8_lossy(f)).collect::<Vec<_>>().join(" ");
    let text = match effect {
        Effect::SetFields { fields, .. } => {
            let names: Vec<&[u8]> = fields.iter().map(|(field, _)| *field).collect();
            format!("set {}", show(&names))
        }
        Effect::DeleteFields { fields, .. } => format!("delete {}", show(fields)),
        Effect::SetFieldExpiry { at, fields, .. } => format!("expire {} at {}", show(fields), at.0),
        Effect::ClearFieldExpiry { fields, .. } => format!("persist {}", show(fields)),
        other => format!("{other:?}"),
    };
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

/// Runs `body` in a fresh keyspace at time 1000.
fn check(body: impl FnOnce(&mut Access<'_>, &Key<'_>)) {
    let options = Options { databases: 1, shards: SHARDS, workers: 1, hash_key: HashKey([3, 4]), encode };
    let keyspace = Keyspace::new(options);
    keyspace.set_recording(true);
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    let key = keyspace.key(b"key");
    body(&mut access, &key);
    access.end();
}

/// Locks the key's shard for `body`.
fn locked<R>(access: &mut Access<'_>, key: &Key<'_>, body: impl FnOnce(&mut Access<'_>) -> R) -> R {
    access.lock(&mut [access.shard_of(key)]);
    let result = body(access);
    access.unlock();
    result
}

fn set(access: &mut Access<'_>, key: &Key<'_>, fields: &[&str], expiry: FieldExpiry) -> usize {
    let pairs: Vec<(&[u8], &[u8])> = fields.iter().map(|field| (field.as_bytes(), &b"value"[..])).collect();
    locked(access, key, |access| access.db(DATABASE).hash_set(key, &pairs, expiry).expect("a hash"))
}

/// The names of 1000 fields, which make a table, all due at 2000.
fn set_many(access: &mut Access<'_>, key: &Key<'_>) {
    for number in 0..1000 {
        set(access, key, &[&format!("field:{number}")], FieldExpiry::At(UnixMs(2000)));
    }
}

fn stored(access: &mut Access<'_>, key: &Key<'_>) -> Option<usize> {
    locked(access, key, |access| access.db(DATABASE).hash(key).expect("a hash").map(value::HashRef::len))
}

fn effects(access: &mut Access<'_>) -> Vec<String> {
    let mut run = keyspace::log::Run::default();
    access.keyspace().log().take(&mut run);
    String::from_utf8(run.bytes).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn due_fields_go_without_being_looked_up_and_the_last_takes_the_key_along() {
    check(|access, key| {
        set(access, key, &["a", "b"], FieldExpiry::At(UnixMs(2000)));
        set(access, key, &["c"], FieldExpiry::At(UnixMs(3000)));
        effects(access);
        let mut budget = ExpiryBudget::new(0..SHARDS, 100);
        access.expire_some(&mut budget);
        assert!(effects(access).is_empty(), "nothing is due");
        access.set_now(UnixMs(2000));
        access.expire_some(&mut budget);
        assert_eq!(effects(access), ["delete b a"], "both, in one effect");
        assert_eq!(stored(access, key), Some(1));
        access.set_now(UnixMs(3000));
        access.expire_some(&mut budget);
        assert_eq!(effects(access), ["delete c"]);
        assert_eq!(stored(access, key), None, "no field is left");
    });
}

#[test]
fn a_flood_of_due_fields_goes_in_bounded_steps() {
    check(|access, key| {
        set_many(access, key);
        access.set_now(UnixMs(2000));
        let mut budget = ExpiryBudget::new(0..SHARDS, 100);
        let mut steps = 0;
        while access.expire_some(&mut budget) {
            steps += 1;
            assert!(
                stored(access, key).is_none_or(|left| left >= 1000_usize.saturating_sub(steps * 200)),
                "100 a step, and what else is in the page"
            );
        }
        assert!(steps >= 5, "{steps} steps");
        assert_eq!(stored(access, key), None);
    });
}

#[test]
fn active_expiry_finds_the_fields_of_copies_and_renamed_hashes() {
    check(|access, key| {
        set(access, key, &["a"], FieldExpiry::At(UnixMs(2000)));
        let (copy, renamed) = (access.keyspace().key(b"copy"), access.keyspace().key(b"renamed"));
        let mut shards = [key, &copy, &renamed].map(|key| access.shard_of(key));
        access.lock(&mut shards);
        let mut db = access.db(DATABASE);
        db.copy(key, &copy, DATABASE);
        db.rename(key, &renamed);
        access.unlock();
        access.set_now(UnixMs(2000));
        access.expire_some(&mut ExpiryBudget::new(0..SHARDS, 100));
        assert_eq!(access.keyspace().len(DATABASE), 0);
    });
}

#[test]
fn a_due_field_that_is_still_stored_is_new_when_it_is_set() {
    check(|access, key| {
        set_many(access, key);
        access.set_now(UnixMs(2000));
        for number in 0..1000 {
            // One change removes a part of the due fields; whether this one was among them must not show.
            let field = format!("field:{number}");
            assert_eq!(set(access, key, &[&field], FieldExpiry::Keep), 1, "{field} is new");
        }
        assert_eq!(stored(access, key), Some(1000));
        access.set_now(UnixMs(9000));
        access.expire_some(&mut ExpiryBudget::new(0..SHARDS, 10_000));
        assert_eq!(stored(access, key), Some(1000), "they kept nothing of their former expiry");
    });
}

#[test]
fn effects_give_the_state_without_a_clock() {
    check(|access, key| {
        assert_eq!(set(access, key, &["a", "b"], FieldExpiry::Clear), 2);
        assert_eq!(effects(access), ["set a b"]);
        set(access, key, &["a"], FieldExpiry::At(UnixMs(5000)));
        assert_eq!(effects(access), ["set a", "expire a at 5000"]);
        set(access, key, &["a", "b"], FieldExpiry::Keep);
        assert_eq!(effects(access), ["set a b", "expire a at 5000"]);
        set(access, key, &["a"], FieldExpiry::At(UnixMs(1000)));
        assert_eq!(effects(access), ["delete a"], "a time that has passed");
        locked(access, key, |access| {
            access.db(DATABASE).hash_delete(key, &[b"b", b"b", b"none"]).expect("a hash");
        });
        assert_eq!(effects(access), ["delete b"], "the key goes with it, without a second effect");
        assert_eq!(access.keyspace().len(DATABASE), 0);
    });
}

#[test]
fn a_hash_outgrows_its_block_at_the_configured_thresholds() {
    check(|access, key| {
        for number in 0..129 {
            let encoding = locked(access, key, |access| {
                access.db(DATABASE).hash(key).expect("a hash").map(value::HashRef::encoding)
            });
            assert_ne!(encoding, Some(Encoding::Hashtable), "{number} fields");
            set(access, key, &[&format!("field:{number}")], FieldExpiry::Clear);
        }
        let encoding = locked(access, key, |access| {
            access.db(DATABASE).hash(key).expect("a hash").map(value::HashRef::encoding)
        });
        assert_eq!(encoding, Some(Encoding::Hashtable));
    });
}
