//! What sets cost in memory and time: `cargo run --release -p value --example set_cost`.
//!
//! Memory is what the allocator has handed out. A time is the best of several rounds, because on a shared machine
//! everything above the best is somebody else's work.

#![expect(clippy::print_stdout, reason = "it is a program that prints")]
#![expect(clippy::disallowed_types, reason = "a stopwatch reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use stdx::hash::HashKey;
use stdx::rng::Rng;
use value::Set;
use value::set::Settings;
use value::set::algebra::{Operation, combine, walk};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const COUNT: usize = 500_000;
const ROUNDS: usize = 5;
const OPERATIONS: usize = 200_000;
const SETTINGS: Settings = Settings::of_redis(HashKey([1, 2]));

fn main() {
    memory();
    times();
    operations();
}

/// A member of 15 bytes.
fn member(number: usize) -> String {
    format!("member:{number:08}")
}

fn set_of(members: impl Iterator<Item = String>) -> Set {
    let mut set = Set::new();
    set.edit(&mut Vec::new(), SETTINGS, |edit| {
        for member in members {
            edit.add(member.as_bytes());
        }
    });
    set
}

fn memory() {
    let measure = |name: &str, copies: usize, build: &dyn Fn() -> Set| {
        let before = allocated();
        let sets: Vec<Set> = (0..copies).map(|_| build()).collect();
        let members = sets.iter().map(Set::len).sum::<usize>() as f64;
        let bytes = (allocated() - before) as f64 / members;
        let counted = sets.iter().map(Set::allocated_bytes).sum::<usize>() as f64 / members;
        println!("{bytes:6.1} B a member, {name} ({counted:.1} by its own account)");
    };
    for count in [COUNT, COUNT * 5 / 4, COUNT * 3 / 2, COUNT * 7 / 4] {
        measure(&format!("{count} of 15 B"), 1, &|| set_of((0..count).map(member)));
    }
    measure("half of 500000 removed", 1, &|| {
        let mut set = set_of((0..COUNT).map(member));
        set.edit(&mut Vec::new(), SETTINGS, |edit| {
            (0..COUNT).step_by(2).for_each(|number| assert!(edit.remove(member(number).as_bytes())));
        });
        set
    });
    measure("10 of 15 B", 10_000, &|| set_of((0..10).map(member)));
    measure("100 of 15 B", 1000, &|| set_of((0..100).map(member)));
    measure("10 integers below 100", 10_000, &|| set_of((10..20).map(|integer| integer.to_string())));
    measure("500 integers beyond 32 bits", 1000, &|| {
        set_of((0..500_i64).map(|number| (number << 40).to_string()))
    });
}

fn times() {
    let mut set = set_of((0..COUNT).map(member));
    let any = |rng: &mut Rng| member(rng.below(COUNT as u64) as usize);
    time("look, there", &mut set, |set, rng| assert!(set.as_ref().contains(any(rng).as_bytes())));
    time("look, not there", &mut set, |set, rng| {
        black_box(set.as_ref().contains(format!("{}x", any(rng)).as_bytes()));
    });
    time("remove and add", &mut set, |set, rng| {
        let member = any(rng);
        set.edit(&mut Vec::new(), SETTINGS, |edit| {
            edit.remove(member.as_bytes());
            edit.add(member.as_bytes());
        });
    });
    time("random member", &mut set, |set, rng| {
        black_box(set.as_ref().random(rng));
    });
    time("random member and its removal", &mut set, |set, rng| {
        let member = set.as_ref().random(rng).expect("members are left").to_vec();
        set.edit(&mut Vec::new(), SETTINGS, |edit| edit.remove(&member));
    });
    let mut small = set_of((0..100).map(member));
    time("look in a set of 100", &mut small, |set, rng| {
        black_box(set.as_ref().contains(member(rng.below(100) as usize).as_bytes()));
    });
    let mut integers = set_of((0..500).map(|integer| integer.to_string()));
    time("look in an intset of 500", &mut integers, |set, rng| {
        black_box(set.as_ref().contains(rng.below(500).to_string().as_bytes()));
    });
}

fn operations() {
    let halves = [set_of((0..COUNT).map(member)), set_of((COUNT / 2..COUNT * 3 / 2).map(member))];
    let few = set_of((COUNT - 5..COUNT + 5).map(member));
    let uneven = [halves[0].clone(), few];
    for (name, sets) in [("500000 and 500000", &halves), ("500000 and 10", &uneven)] {
        for operation in [Operation::Union, Operation::Intersection, Operation::Difference] {
            let start = Instant::now();
            let mut shown = 0;
            walk(operation, sets, SETTINGS, &mut |_| shown += 1);
            let walked = start.elapsed();
            let start = Instant::now();
            let stored = combine(operation, sets, SETTINGS).len();
            println!("{name}: {operation:?} of {shown} shown in {walked:?}, kept in {:?}", start.elapsed());
            assert_eq!(shown, stored);
        }
    }
}

fn time<T>(name: &str, subject: &mut T, mut operation: impl FnMut(&mut T, &mut Rng)) {
    let mut best = f64::INFINITY;
    for round in 0..ROUNDS {
        let mut rng = Rng::from_seed(round as u64);
        let start = Instant::now();
        for _ in 0..OPERATIONS / ROUNDS {
            operation(subject, &mut rng);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (OPERATIONS / ROUNDS) as f64);
    }
    println!("{best:6.0} ns  {name}");
}

/// Bytes that the allocator has handed out.
fn allocated() -> usize {
    tikv_jemalloc_ctl::epoch::advance().expect("statistics are built in");
    tikv_jemalloc_ctl::stats::allocated::read().expect("statistics are built in")
}
