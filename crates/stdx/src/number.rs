//! Numbers as text, exactly as Redis reads and writes them.

mod double;
mod integer;

pub use double::{parse_f64, write_f64, write_shortest_f64};
pub use integer::{Decimal, decimal_len, parse_i64, parse_u64, write_i64, write_u64};
