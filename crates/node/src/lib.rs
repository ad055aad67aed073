//! The whole product without I/O: input to output.
