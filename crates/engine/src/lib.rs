//! Commands: table, gate, sessions and execution, without I/O.
