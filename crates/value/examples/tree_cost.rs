//! What the ordered tree costs in memory and time: `cargo run --release -p value --example tree_cost`.
//!
//! Memory is what the allocator has handed out. A time is the best of several rounds, because on a shared machine
//! everything above the best is somebody else's work.

#![expect(clippy::print_stdout, reason = "it is a program that prints")]
#![expect(clippy::disallowed_types, reason = "a stopwatch reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use stdx::rng::Rng;
use value::tree::{Ordered, Sequence, Side};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const COUNT: usize = 500_000;
const ROUNDS: usize = 5;
const OPERATIONS: usize = 200_000;

fn main() {
    list_memory();
    list_times();
    ordered();
}

/// An element of 13 bytes.
fn element(number: usize) -> String {
    format!("value:{number:07}")
}

/// A sorted set's element: eight bytes of score, then a member of 15 bytes.
fn scored(score: u64, member: u64) -> Vec<u8> {
    [&score.to_be_bytes()[..], format!("member:{member:08}").as_bytes()].concat()
}

fn list_memory() {
    let measure = |name: &str, build: &dyn Fn() -> Sequence| {
        let before = allocated();
        let tree = build();
        let bytes = (allocated() - before) as f64 / tree.len() as f64;
        let counted = tree.allocated_bytes() as f64 / tree.len() as f64;
        println!("{bytes:6.1} B an item of 13 B, {name} ({counted:.1} by its own account)");
    };
    let pushed = || {
        let mut tree = Sequence::new();
        (0..COUNT).for_each(|number| tree.push(Side::Right, element(number).as_bytes()));
        tree
    };
    let random = || {
        let mut rng = Rng::from_seed(1);
        let mut tree = Sequence::new();
        (0..COUNT).for_each(|number| {
            tree.insert(rng.below(number as u64 + 1) as usize, element(number).as_bytes());
        });
        tree
    };
    measure("pushed behind", &pushed);
    measure("inserted at random", &random);
    measure("half of these removed", &|| {
        let (mut tree, mut rng) = (random(), Rng::from_seed(2));
        while tree.len() > COUNT / 2 {
            tree.remove_at(rng.below(tree.len() as u64) as usize);
        }
        tree
    });
}

fn list_times() {
    let elements: Vec<String> = (0..COUNT).map(element).collect();
    let mut tree: Sequence = elements.iter().map(String::as_bytes).collect();
    let any = |tree: &Sequence, rng: &mut Rng| rng.below(tree.len() as u64) as usize;
    time("push behind", &mut tree, |tree, _| tree.push(Side::Right, b"value:1234567"));
    time("push in front", &mut tree, |tree, _| tree.push(Side::Left, b"value:1234567"));
    time("pop behind", &mut tree, |tree, _| tree.remove_at(tree.len() - 1));
    time("pop in front", &mut tree, |tree, _| tree.remove_at(0));
    time("index", &mut tree, |tree, rng| {
        black_box(tree.get(any(tree, rng)));
    });
    time("replace", &mut tree, |tree, rng| tree.replace(any(tree, rng), b"value:7654321"));
    time("insert in the middle", &mut tree, |tree, rng| tree.insert(any(tree, rng), b"value:1234567"));
    time("remove in the middle", &mut tree, |tree, rng| tree.remove_at(any(tree, rng)));
    time("range of 100", &mut tree, |tree, rng| {
        let at = any(tree, rng);
        tree.range(at..at + 100).for_each(|element| {
            black_box(element);
        });
    });
    let start = Instant::now();
    let built: Sequence = elements.iter().map(String::as_bytes).collect();
    println!("{:6.0} ns  build, an item", start.elapsed().as_nanos() as f64 / built.len() as f64);
    let mut worst = 0;
    for _ in 0..1000 {
        let clone = tree.clone();
        let start = Instant::now();
        tree.replace(COUNT / 2, b"value:7654321");
        worst = worst.max(start.elapsed().as_nanos());
        drop(clone);
    }
    println!("{worst:6} ns  first write after a clone, the slowest of 1000");
}

fn ordered() {
    let mut rng = Rng::from_seed(3);
    let scores: Vec<u64> = (0..COUNT).map(|_| rng.next_u64()).collect();
    let before = allocated();
    let mut tree = Ordered::new();
    let start = Instant::now();
    for (member, &score) in scores.iter().enumerate() {
        tree.insert(&scored(score, member as u64));
    }
    println!("{:6.0} ns  insert by key", start.elapsed().as_nanos() as f64 / COUNT as f64);
    println!("{:6.1} B a key of 23 B", (allocated() - before) as f64 / COUNT as f64);
    let any = |rng: &mut Rng| {
        let member = rng.below(COUNT as u64);
        scored(scores[member as usize], member)
    };
    time("find by key", &mut tree, |tree, rng| {
        black_box(tree.find(&any(rng)));
    });
    time("remove and insert by key", &mut tree, |tree, rng| {
        let key = any(rng);
        tree.remove(&key);
        tree.insert(&key);
    });
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
