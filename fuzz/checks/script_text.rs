//! What must hold for any text as a script: it is refused, or it ends, with a reply or an error; and nothing of it is left for the
//! next one.

use crate::lua::run;

/// Panics if the interpreter misbehaves.
pub(crate) fn check(bytes: &[u8]) {
    let _ = run(bytes, &[b"argument"], b"*2\r\n:1\r\n$1\r\na\r\n");
    let after = run(b"return {type(string.format), #ARGV, rawget(_G, 'x') == nil}", &[b"1"], b"");
    assert_eq!(after.as_deref(), Ok(&b"*3\r\n$8\r\nfunction\r\n:1\r\n:1\r\n"[..]));
}
