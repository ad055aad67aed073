//! The load generator and referee.

fn main() {}
