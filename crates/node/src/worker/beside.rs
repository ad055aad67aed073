//! A worker's other clients while one of its scripts is busy: turns within the turn in which the script runs.
//!
//! ```text
//!   turn ─► command that runs a script ─► .. ─► done ─► rest of the connection's requests ─► end of the turn
//!                    │ busy: every millisecond
//!                    ├─► turn within ─► only what is allowed while a script is busy; BUSY
//!                    └─► turn within ─► ..
//! ```
//! A turn within is a turn like any other, with another engine: the script has the first one, with its locks, and lends what there
//! is but once ([`engine::scripting::Lent`]). Its connection is not read, and not closed before it has ended; a session stands in
//! for its own, so that news reach it.
//!
//! Before the first of them, the turn is broken off: what has run is settled, and what was read behind it is left to the turns
//! within. So the requests of each connection run in their order, and no client has to wait for the script but its own.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use engine::scripting::Lent;
use engine::{Environment, Session};

use super::turn::{Gathered, Turn};
use super::{Input, Worker};
use crate::Now;

/// A buffer for replies that has grown beyond this is given back.
const KEPT_BYTES: usize = 64 << 10;

impl<'n> Worker<'n> {
    /// Runs a command that may run a script, and serves others while that is busy. Not within a turn.
    pub(super) fn run_with_others(&mut self, turn: &mut Turn<'_, 'n>, gathered: &Gathered) {
        let (node, number) = (self.node, gathered.connection);
        let Some(connection) = self.connections[number].as_mut() else { return };
        let vacant = self.vacant.take().expect("no script runs in a turn within another");
        let mut session = std::mem::replace(&mut connection.session, vacant);
        connection.is_running = true;
        let beside = self.beside.take().expect("no script runs in a turn within another");
        let mut engine = std::mem::replace(&mut self.engine, beside);

        let Turn { now, buffers, clock, inputs, taken, within, .. } = turn;
        let (args, mut reply) = (buffers.args_of(gathered), std::mem::take(&mut self.spare.reply));
        let mut is_broken_off = false;
        let mut meanwhile = |lent: &mut Lent| {
            self.engine.exchange(lent);
            if !std::mem::replace(&mut is_broken_off, true) {
                self.stand_in(number, lent.stand_in.take());
                self.break_off(*now, buffers.arena, inputs.split_at(*taken));
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| within(self)));
            self.engine.exchange(lent);
            *now = outcome.unwrap_or_else(|panic| resume_unwind(panic));
        };
        let environment = Environment { shared: &node.shared, host: node, meanwhile: Some(&mut meanwhile) };
        *clock = engine.run(&gathered.prepared, &args, &mut session, &mut reply, environment, *clock);

        self.beside = Some(std::mem::replace(&mut self.engine, engine));
        let connection = self.connections[number].as_mut().expect("it is not closed while it runs");
        connection.is_running = false;
        let stood_in = std::mem::replace(&mut connection.session, session);
        self.vacant.get_or_insert(stood_in);
        connection.output.append(&reply, self.engine.slices.take());
        reply.clear();
        reply.shrink_to(KEPT_BYTES);
        self.spare.reply = reply;
        if is_broken_off {
            *inputs = &inputs[..*taken];
            self.engine.access.set_now(now.unix);
            let (now, id) = (*now, connection.session.record.id);
            self.look(now, number, id);
        }
    }

    /// Lets a session hear news in the place of a connection's own.
    fn stand_in(&mut self, number: usize, stand_in: Option<Session>) {
        let connection = self.connections[number].as_mut().expect("it is not closed while it runs");
        self.vacant = stand_in.map(|stand_in| std::mem::replace(&mut connection.session, stand_in));
    }

    /// Settles what has run of a turn, and leaves the rest to the turns within it.
    fn break_off(&mut self, now: Now, arena: &[u8], (ran, rest): (&[Input], &[Input])) {
        for Input { connection: number, range } in rest {
            if let Some(connection) = self.connections[*number].as_mut() {
                connection.unfinished.put_back(&arena[range.clone()]);
                self.inputs.push(Input { connection: *number, range: 0..0 });
            }
        }
        self.publish_all_events();
        let own = self.node.shared.keyspace.position();
        self.finish_turn(now, ran, Some(own));
    }
}
