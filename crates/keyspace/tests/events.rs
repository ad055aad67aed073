//! Events: every change of a key is told once, in the order of the locks, and only while somebody wants it.

use keyspace::{Access, Change, Count, Db, DbIndex, Event, Expiry, Key, Keyspace, Options, Wanted, WorkerId};
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::list::Side;
use value::zset::{Members, Rule, Scores};

const DATABASE: DbIndex = DbIndex(0);
/// All but what is told of each step of a change.
const ALL: Wanted =
    Wanted { changes: true, births: true, replacements: false, misses: true, subkeys: false, label: 7 };

fn keyspace() -> Keyspace {
    Keyspace::new(Options {
        databases: 2,
        shards: 16,
        workers: 2,
        hash_key: HashKey([3, 4]),
        encode: |_, _| (),
    })
}

fn access(keyspace: &Keyspace, worker: usize) -> Access<'_> {
    let mut access = Access::new(keyspace, WorkerId(worker), 1);
    access.begin(UnixMs(1000));
    access
}

/// Runs `body` with two keys locked.
fn with_keys<'k>(
    access: &mut Access<'k>,
    names: [&[u8]; 2],
    body: impl FnOnce(&mut Db<'_, 'k>, [&Key<'_>; 2]),
) {
    let keys = names.map(|name| access.keyspace().key(name));
    let mut shards = keys.each_ref().map(|key| access.shard_of(key));
    access.lock(&mut shards);
    body(&mut access.db(DATABASE), keys.each_ref());
    access.unlock();
}

/// What has been told, as keys with changes.
fn told(keyspace: &Keyspace) -> Vec<(String, Change)> {
    let name = |event: Event| (String::from_utf8_lossy(&event.key).into_owned(), event.change);
    keyspace.events().take().into_iter().map(name).collect()
}

#[track_caller]
fn check(body: impl for<'k> FnOnce(&mut Db<'_, 'k>, [&Key<'_>; 2]), expected: &[(&str, Change)]) {
    check_wanted(ALL, body, expected);
}

#[track_caller]
fn check_wanted(
    wanted: Wanted,
    body: impl for<'k> FnOnce(&mut Db<'_, 'k>, [&Key<'_>; 2]),
    expected: &[(&str, Change)],
) {
    let keyspace = keyspace();
    let mut access = access(&keyspace, 0);
    access.want_events(wanted);
    with_keys(&mut access, [b"a", b"b"], body);
    let expected: Vec<_> = expected.iter().map(|&(key, change)| (key.to_owned(), change)).collect();
    assert_eq!(told(&keyspace), expected);
}

#[test]
fn what_takes_the_place_of_a_value_is_told_and_whether_it_has_another_type() {
    check_wanted(
        Wanted { replacements: true, ..Wanted::default() },
        |db, [a, b]| {
            db.set_string(a, b"1", Expiry::Clear);
            db.set_string(a, b"2", Expiry::At(UnixMs(1)));
            db.set_string(a, b"3", Expiry::Clear);
            db.set_string(b, b"4", Expiry::Clear);
            db.rename(a, b);
            db.list_push(a, Side::Left, &[b"5"]).expect("there is nothing of another type");
            db.copy(b, a, DATABASE);
        },
        &[
            ("a", Change::Replaced),
            ("b", Change::Replaced),
            ("a", Change::Replaced),
            ("a", Change::TypeChanged),
        ],
    );
}

#[test]
fn a_key_appears_before_it_is_written_and_only_once() {
    check(
        |db, [a, _]| {
            db.set_string(a, b"1", Expiry::Clear);
            db.set_string(a, b"2", Expiry::At(UnixMs(5000)));
            db.set_string(a, b"3", Expiry::Keep);
        },
        &[
            ("a", Change::Appeared),
            ("a", Change::StringSet),
            ("a", Change::StringSet),
            ("a", Change::ExpirySet),
            ("a", Change::StringSet),
        ],
    );
}

#[test]
fn a_string_whose_time_has_passed_is_told_as_if_it_had_been_there() {
    let passed = [("a", Change::StringSet), ("a", Change::ExpirySet), ("a", Change::Expired)];
    check(
        |db, [a, _]| db.set_string(a, b"1", Expiry::At(UnixMs(1))),
        &[&[("a", Change::Appeared)], &passed[..]].concat(),
    );
    check(
        |db, [a, _]| {
            db.set_string(a, b"1", Expiry::Clear);
            db.set_string(a, b"1", Expiry::At(UnixMs(1)));
            assert!(!db.contains(a));
        },
        &[&[("a", Change::Appeared), ("a", Change::StringSet)], &passed[..]].concat(),
    );
}

#[test]
fn the_last_part_of_a_value_takes_the_key_along() {
    check(
        |db, [a, _]| {
            db.set_add(a, &[b"x", b"y"]).expect("a set");
            db.set_remove(a, &[b"x"]).expect("a set");
            db.set_remove(a, &[b"none"]).expect("a set");
            db.set_pop(a, Count::One, &mut |_| ()).expect("a set");
        },
        &[
            ("a", Change::Appeared),
            ("a", Change::MembersAdded),
            ("a", Change::MembersRemoved),
            ("a", Change::Deleted),
        ],
    );
    check(
        |db, [a, _]| {
            db.list_push(a, Side::Right, &[b"x", b"y"]).expect("a list");
            db.list_trim(a, 0..2).expect("a list");
            db.list_trim(a, 1..1).expect("a list");
        },
        &[
            ("a", Change::Appeared),
            ("a", Change::ElementsPushed(Side::Right)),
            ("a", Change::ListTrimmed),
            ("a", Change::ListTrimmed),
            ("a", Change::Deleted),
        ],
    );
}

#[test]
fn what_is_moved_is_told_of_both_keys() {
    check(
        |db, [a, b]| {
            db.list_push(a, Side::Right, &[b"x"]).expect("a list");
            db.list_move((a, Side::Left), (b, Side::Right), &mut |_| ()).expect("lists");
        },
        &[
            ("a", Change::Appeared),
            ("a", Change::ElementsPushed(Side::Right)),
            ("b", Change::Appeared),
            ("b", Change::ElementsPushed(Side::Right)),
            ("a", Change::ElementsPopped(Side::Left)),
            ("a", Change::Deleted),
        ],
    );
    check(
        |db, [a, b]| {
            db.set_add(a, &[b"x", b"y"]).expect("a set");
            db.set_add(b, &[b"y"]).expect("a set");
            db.set_move(a, b, b"x").expect("sets");
            db.set_move(a, b, b"y").expect("sets");
        },
        &[
            ("a", Change::Appeared),
            ("a", Change::MembersAdded),
            ("b", Change::Appeared),
            ("b", Change::MembersAdded),
            ("a", Change::MembersRemoved),
            ("b", Change::MembersAdded),
            ("a", Change::MembersRemoved),
            ("a", Change::Deleted),
        ],
    );
}

#[test]
fn a_renamed_key_appears_anew_even_over_another() {
    check(
        |db, [a, b]| {
            db.set_string(a, b"1", Expiry::Clear);
            db.set_string(b, b"2", Expiry::Clear);
            assert!(db.rename(a, b));
            assert!(db.rename(b, b));
        },
        &[
            ("a", Change::Appeared),
            ("a", Change::StringSet),
            ("b", Change::Appeared),
            ("b", Change::StringSet),
            ("b", Change::Appeared),
            ("a", Change::RenamedFrom),
            ("b", Change::RenamedTo),
        ],
    );
}

#[test]
fn scores_that_are_added_differ_from_scores_that_are_set() {
    let rule = Rule { members: Members::Any, scores: Scores::Any, is_increment: false };
    check(
        |db, [a, _]| {
            db.zset_add_one(a, b"m", 1.0, rule).expect("a sorted set").expect("a number");
            let added = Rule { is_increment: true, ..rule };
            db.zset_add_one(a, b"m", 1.0, added).expect("a sorted set").expect("a number");
            db.zset_add_one(a, b"m", 0.0, added).expect("a sorted set").expect("a number");
        },
        &[("a", Change::Appeared), ("a", Change::ScoresSet), ("a", Change::ScoreAdded)],
    );
}

#[test]
fn steps_of_one_command_are_one_change_and_those_of_two_are_two() {
    let keyspace = keyspace();
    let mut access = access(&keyspace, 0);
    let key = keyspace.key(b"a");
    access.lock(&mut [keyspace.shard_of(&key)]);
    for _ in 0..2 {
        access.want_events(ALL);
        let mut db = access.db(DATABASE);
        db.write_range(&key, 0, b"x").expect("a string");
        db.write_range(&key, 3, b"y").expect("a string");
    }
    access.unlock();
    let written = ("a".to_owned(), Change::BytesWritten);
    assert_eq!(told(&keyspace), [("a".to_owned(), Change::Appeared), written.clone(), written]);
}

#[test]
fn only_what_is_wanted_is_told_and_only_until_the_next_batch() {
    let keyspace = keyspace();
    let mut access = access(&keyspace, 0);
    let run = |access: &mut Access<'_>, wanted| {
        access.want_events(wanted);
        with_keys(access, [b"a", b"b"], |db, [a, b]| {
            assert!(!db.exists(b));
            db.set_string(a, b"1", Expiry::Clear);
            assert!(db.delete(a));
        });
    };
    run(&mut access, Wanted::default());
    assert!(!access.has_told());
    run(&mut access, Wanted { misses: true, ..Wanted::default() });
    assert!(access.has_told() && !access.has_told());
    assert_eq!(told(&keyspace), [("b".to_owned(), Change::Missed)]);
    run(&mut access, Wanted { births: true, ..Wanted::default() });
    assert_eq!(told(&keyspace), [("a".to_owned(), Change::Appeared)]);
    access.want_events(ALL);
    access.end();
    access.begin(UnixMs(1001));
    with_keys(&mut access, [b"a", b"b"], |db, [a, _]| db.set_string(a, b"1", Expiry::Clear));
    assert_eq!(told(&keyspace), []);
}

#[test]
fn due_keys_and_fields_are_told_when_they_go() {
    let keyspace = keyspace();
    let mut access = access(&keyspace, 0);
    with_keys(&mut access, [b"a", b"b"], |db, [a, b]| {
        db.set_string(a, b"1", Expiry::At(UnixMs(2000)));
        db.hash_set(b, &[(b"f", b"1")], value::hash::FieldExpiry::At(UnixMs(2000))).expect("a hash");
    });
    access.end();
    access.begin(UnixMs(3000));
    access.want_events(ALL);
    let mut budget = keyspace::ExpiryBudget::new(0..16, 100);
    assert!(!access.expire_some(&mut budget));
    let mut told = told(&keyspace);
    told.sort_by(|(one, _), (other, _)| one.cmp(other));
    let expected = [("a", Change::Expired), ("b", Change::FieldsExpired), ("b", Change::Deleted)];
    assert_eq!(told, expected.map(|(key, change)| (key.to_owned(), change)));
}

#[test]
fn fields_are_told_as_they_were_given_or_as_they_went() {
    use value::hash::FieldExpiry;
    let keyspace = keyspace();
    let mut access = access(&keyspace, 0);
    access.want_events(Wanted { changes: true, subkeys: true, ..Wanted::default() });
    with_keys(&mut access, [b"a", b"b"], |db, [a, b]| {
        db.hash_set(a, &[(b"f", b"1"), (b"g", b"2"), (b"f", b"3")], FieldExpiry::At(UnixMs(2000)))
            .expect("a hash");
        db.hash_delete(a, &[b"none", b"g", b"g"]).expect("a hash");
        db.hash_clear_expiry(a, &[b"none", b"f"]).expect("a hash");
        db.hash_set_expiry(a, &[b"f"], UnixMs(3000)).expect("a hash");
        db.hash_set(a, &[(b"f", b"1"), (b"h", b"2")], FieldExpiry::At(UnixMs(1))).expect("a hash");
        db.hash_set(b, &[(b"due", b"1")], FieldExpiry::At(UnixMs(1500))).expect("a hash");
    });
    access.set_now(UnixMs(1600));
    with_keys(&mut access, [b"a", b"b"], |db, [_, b]| {
        db.hash_set(b, &[(b"late", b"1")], FieldExpiry::Clear).expect("a hash");
    });
    let told: Vec<(Change, String)> = keyspace
        .events()
        .take()
        .into_iter()
        .map(|event| (event.change, String::from_utf8_lossy(event.subkeys.text()).into_owned()))
        .collect();
    let expected = [
        (Change::FieldsSet, "1:f,1:g,1:f"),
        (Change::FieldExpirySet, "1:f,1:g,1:f"),
        (Change::FieldsDeleted, "1:g"),
        (Change::FieldExpiryCleared, "1:f"),
        (Change::FieldExpirySet, "1:f"),
        (Change::FieldsSet, "1:f,1:h"),
        (Change::FieldsDeleted, "1:f,1:h"),
        (Change::Deleted, ""),
        (Change::FieldsSet, "3:due"),
        (Change::FieldExpirySet, "3:due"),
        (Change::FieldsExpired, "3:due"),
        (Change::Deleted, ""),
        (Change::FieldsSet, "4:late"),
    ];
    assert_eq!(told, expected.map(|(change, text)| (change, text.to_owned())));
}

#[test]
fn what_is_undone_is_not_told() {
    let keyspace = keyspace();
    let mut access = access(&keyspace, 0);
    access.want_events(ALL);
    with_keys(&mut access, [b"a", b"b"], |db, [a, _]| db.set_string(a, b"1", Expiry::At(UnixMs(2000))));
    keyspace.events().take();
    access.set_now(UnixMs(3000));
    let keys = [b"a", b"b"].map(|name| keyspace.key(name));
    access.lock(&mut keys.each_ref().map(|key| keyspace.shard_of(key)));
    let before = access.told();
    assert!(!access.db(DATABASE).exists(&keys[1]));
    assert!(!access.db(DATABASE).exists(&keys[0]));
    access.begin_attempt();
    access.note(DATABASE, &keys[1]);
    access.db(DATABASE).set_string(&keys[1], b"2", Expiry::Clear);
    access.undo();
    access.forget_misses(before);
    access.unlock();
    // The due key has gone for good, whatever looked for it.
    assert_eq!(told(&keyspace), [("a".to_owned(), Change::Expired)]);
}

#[test]
fn events_of_a_key_stand_in_the_order_of_its_changes_whoever_made_them() {
    const ROUNDS: usize = 2000;
    let keyspace = keyspace();
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let keyspace = &keyspace;
            scope.spawn(move || {
                let mut access = access(keyspace, worker);
                access.want_events(Wanted { changes: true, ..Wanted::default() });
                for _ in 0..ROUNDS {
                    with_keys(&mut access, [b"a", b"b"], |db, [a, _]| {
                        if !db.delete(a) {
                            db.set_string(a, b"1", Expiry::Clear);
                        }
                    });
                }
                access.end();
            });
        }
    });
    let told = told(&keyspace);
    assert_eq!(told.len(), 2 * ROUNDS);
    for (at, (_, change)) in told.iter().enumerate() {
        let expected = if at % 2 == 0 { Change::StringSet } else { Change::Deleted };
        assert_eq!(*change, expected, "event {at}");
    }
}
