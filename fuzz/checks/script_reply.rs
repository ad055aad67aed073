//! What must hold for any bytes as the reply of a command that a script calls, though the server's replies are well formed: they
//! become some value, and that becomes a reply again.

use crate::lua::run;

/// Panics if the bridge misbehaves.
pub(crate) fn check(bytes: &[u8]) {
    for text in ["return redis.pcall('x')", "redis.setresp(3) local r = redis.call('x') return {r, r}"] {
        let _ = run(text.as_bytes(), &[], bytes);
    }
}
