//! The thread that frees what nobody can reach any more.
//!
//! It keeps the weight of the workers, for what they delete faster than it frees takes memory; but it gives way to them.

use std::sync::mpsc::Receiver;

use node::{Dead, Node};

use crate::clock;
use crate::priority::Portions;

/// The thread's body. It ends after everybody who could send to it.
pub fn run(node: &Node, dead: &Receiver<Dead>) {
    let mut portions = Portions::default();
    for dead in dead {
        node.bury(dead, &mut || portions.give_way(clock::monotonic_ns));
    }
}
