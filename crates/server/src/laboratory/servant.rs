//! The persistence thread, which has its turn when it is told. While it waits for a sync, the world may go on.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope, ThreadId};
use std::time::Duration;

use disk::{Call, Double};
use parking_lot::Mutex;
use stdx::rng::Rng;

use super::plant::Plant;
use crate::clock::hand::Hand;
use crate::persistence::Persistence;

/// How long a test waits for a thread that has its turn.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the disk takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speed {
    /// Microseconds that a sync takes at most.
    pub(super) max_sync_us: u64,
}

/// What the thread is told.
pub(super) enum Order {
    /// It has its turn.
    Turn,
    /// The server ends.
    Finish,
}

/// What the thread tells.
pub(super) enum Event {
    /// It waits for the disk.
    Syncs,
    /// Its turn is over; the next one is due at this time.
    Rests(u64),
    /// The server has ended: whether everything is on disk.
    Ends(Result<(), String>),
}

/// See the module's text.
pub(super) struct Servant {
    orders: Sender<Order>,
    events: Receiver<Event>,
    goes_on: Sender<()>,
}

impl Servant {
    /// Starts the thread, on a disk whose calls take time.
    pub(super) fn start<'s>(
        scope: &'s Scope<'s, '_>,
        plant: &'s Plant,
        disk: &Double,
        hand: &Hand,
        (seed, speed): (u64, Speed),
    ) -> Self {
        let (orders, to_do) = mpsc::channel();
        let (tell, events) = mpsc::channel();
        let (goes_on, go) = mpsc::channel();
        let (own, told) = (hand.clone(), tell.clone());
        let (node, machine) = (&*plant.node, Arc::clone(&plant.machine));
        let body = move || serve(Persistence::new(node, machine), &own, &to_do, &told);
        let thread = thread::Builder::new().name("laboratory".to_owned()).spawn_scoped(scope, body);
        let thread = thread.expect("a test can have a thread").thread().id();
        watch(disk, hand.clone(), seed, speed, (thread, tell, go));
        Self { orders, events, goes_on }
    }

    /// The thread begins something.
    pub(super) fn order(&self, order: Order) {
        self.orders.send(order).expect("the thread waits for an order");
    }

    /// What it comes to next.
    pub(super) fn event(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("a turn comes to an end")
    }

    /// The sync that it waits for has ended.
    pub(super) fn go_on(&self) {
        self.goes_on.send(()).expect("the thread waits");
    }
}

/// The body of the thread.
fn serve(mut persistence: Persistence<'_>, hand: &Hand, to_do: &Receiver<Order>, tell: &Sender<Event>) {
    hand.take();
    while let Ok(order) = to_do.recv() {
        let event = match order {
            Order::Turn => {
                persistence.turn();
                Event::Rests(persistence.next_turn_ns())
            }
            Order::Finish => Event::Ends(persistence.finish()),
        };
        // If the world has ended, so does this.
        let _ = tell.send(event);
    }
}

/// Has the calls of a disk take time, and the world go on while the thread waits for a sync.
fn watch(
    disk: &Double,
    hand: Hand,
    seed: u64,
    speed: Speed,
    (thread, tell, go): (ThreadId, Sender<Event>, Receiver<()>),
) {
    let (rng, go) = (Mutex::new(Rng::from_seed(seed)), Mutex::new(go));
    disk.watch(move |call| {
        let is_sync = matches!(call, Call::Sync | Call::SyncFolder);
        let most_ns = if is_sync { speed.max_sync_us * 1000 } else { 20_000 };
        hand.turn(rng.lock().below(most_ns));
        if is_sync && thread::current().id() == thread && tell.send(Event::Syncs).is_ok() {
            // If the world has ended, nobody waits any more.
            let _ = go.lock().recv();
        }
    });
}
