//! What must hold for any layout and bytes given to the library `struct`; the first line is the layout, the rest the bytes: they
//! are refused, or as many bytes are used as the layout's size says, where it has one.

use crate::lua::must;

const SCRIPT: &str = r"
    local sized, size = pcall(struct.size, ARGV[1])
    local values = {pcall(struct.unpack, ARGV[1], ARGV[2])}
    if not values[1] then return end
    local next = values[#values]
    assert(next >= 1 and next <= #ARGV[2] + 1, 'a place outside')
    if sized then assert(next == size + 1, 'another size') end
    pcall(struct.pack, ARGV[1], unpack(values, 2, #values - 1))
";

/// Panics if the library misbehaves.
pub(crate) fn check(bytes: &[u8]) {
    let at = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    must(SCRIPT, &[&bytes[..at], bytes.get(at + 1..).unwrap_or_default()]);
}
