//! What must hold for any text that is taken for JSON: it is refused, or what is written of its value can be read again and is
//! written alike then, as far as the order of fields allows.

use crate::lua::must;

const SCRIPT: &str = r"
    local ok, value = pcall(cjson.decode, ARGV[1])
    if not ok then return end
    local ok, text = pcall(cjson.encode, value)
    if not ok then return end
    local again = cjson.encode(cjson.decode(text))
    assert(#again == #text, 'another length')
";

/// Panics if the library misbehaves.
pub(crate) fn check(bytes: &[u8]) {
    must(SCRIPT, &[bytes]);
}
