//! A command's reply, as its bytes say it, becomes a Lua value, and a result becomes a reply: what is what. [`crate::stack`] does
//! both; here are errors that the sandbox makes.
//!
//! | RESP | Lua |
//! |---|---|
//! | integer | number |
//! | bulk string | string |
//! | null in RESP2 | `false` |
//! | status | table with the field `ok` |
//! | error | table with the field `err` |
//! | array | table |
//! | null in RESP3 | `nil` |
//! | boolean | boolean |
//! | double, big number | table with the field `double` or `big_number` |
//! | verbatim string | table with the field `verbatim_string`, a table with the fields `format` and `string` |
//! | map, set | table with the field `map` or `set`, a table; of a set the elements are its keys |

use mlua::{Lua, Result, Table};

use crate::bridge::Names;

/// An error reply as a table; `line` is what stands behind the `-`.
pub(crate) fn error_table(lua: &Lua, names: &Names, line: &[u8]) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set(&names.err, lua.create_string(line)?)?;
    Ok(table)
}
