//! What must hold for any bytes that are taken for MessagePack: they are refused, or what is written of their values can be
//! read again; with limits and offsets, too.

use crate::lua::must;

const SCRIPT: &str = r"
    local values = {pcall(cmsgpack.unpack, ARGV[1])}
    if values[1] then
        for index = 2, #values do
            local ok, bytes = pcall(cmsgpack.pack, values[index])
            if ok then cmsgpack.unpack(bytes) end
        end
    end
    local offset = 0
    for _ = 1, 100 do
        local ok, next = pcall(cmsgpack.unpack_one, ARGV[1], offset)
        if not ok or next == -1 then break end
        assert(next > offset and next < #ARGV[1], 'an offset outside')
        offset = next
    end
    pcall(cmsgpack.unpack_limit, ARGV[1], 2, 1)
";

/// Panics if the library misbehaves.
pub(crate) fn check(bytes: &[u8]) {
    must(SCRIPT, &[bytes]);
}
