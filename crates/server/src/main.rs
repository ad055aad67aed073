//! The server: sockets, threads, disk, clock and signals around a node.

fn main() {}
