//! The first line of a script, in which it may say what it needs: `#!lua flags=no-writes,allow-stale`.

use std::sync::atomic::Ordering;

use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;

/// What a script has declared. Without such a line nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ScriptFlags(u8);

impl ScriptFlags {
    /// It changes nothing.
    pub(crate) const NO_WRITES: Self = Self(1);
    /// It may run when memory is short.
    pub(crate) const ALLOW_OOM: Self = Self(1 << 1);
    /// It may run on a replica without its primary.
    pub(crate) const ALLOW_STALE: Self = Self(1 << 2);
    /// It does not run in a cluster.
    pub(crate) const NO_CLUSTER: Self = Self(1 << 3);
    /// It may use keys of several slots.
    pub(crate) const ALLOW_CROSS_SLOT_KEYS: Self = Self(1 << 4);

    /// All flags by name, in the order in which FUNCTION LIST shows them.
    pub(crate) const NAMES: &[(Self, &str)] = &[
        (Self::NO_WRITES, "no-writes"),
        (Self::ALLOW_OOM, "allow-oom"),
        (Self::ALLOW_STALE, "allow-stale"),
        (Self::NO_CLUSTER, "no-cluster"),
        (Self::ALLOW_CROSS_SLOT_KEYS, "allow-cross-slot-keys"),
    ];

    /// Whether all of `other` are declared.
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flag with a name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| known.as_bytes() == name).map(|(flag, _)| *flag)
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A script without its first line, if that is a declaration, and what it declares. The line's end stays, so that
/// errors name the right line.
pub(crate) fn split(script: &[u8]) -> Result<(&[u8], Option<ScriptFlags>), String> {
    if !script.starts_with(b"#!") {
        return Ok((script, None));
    }
    let end = script.iter().position(|&byte| byte == b'\n').ok_or("Invalid script shebang")?;
    let (line, text) = script.split_at(end);
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if !engine.eq_ignore_ascii_case(b"#!lua") {
        return Err(format!("Unexpected engine in script shebang: {}", printed(engine)));
    }
    let mut flags = ScriptFlags::default();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            return Err(format!("Unknown lua shebang option: {}", printed(word)));
        };
        for name in names.split(|&byte| byte == b',').filter(|name| !name.is_empty()) {
            let flag = ScriptFlags::named(name)
                .ok_or_else(|| format!("Unexpected flag in script shebang: {}", printed(name)))?;
            flags = flags.and(flag);
        }
    }
    Ok((text, Some(flags)))
}

fn printed(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(128)]).into_owned()
}

/// Whether a script with these flags may begin. Of one that declares nothing only its commands are looked at.
pub(super) fn admit(ctx: &Context<'_, '_>, flags: Option<ScriptFlags>, read_only: bool) -> Outcome {
    let Some(flags) = flags else { return Ok(()) };
    if flags.has(ScriptFlags::NO_WRITES) {
        return Ok(());
    }
    if ctx.shared.writes_refused.load(Ordering::Relaxed) {
        return Err(Error::Text(ctx.shared.write_refusal().unwrap_or_default()));
    }
    if read_only {
        return Err(Error::Static("ERR Can not execute a script with write flag using *_ro command."));
    }
    if ctx.out_of_memory && !flags.has(ScriptFlags::ALLOW_OOM) {
        return Err(Error::Static(
            "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_declares_flags() {
        assert_eq!(split(b"return 1"), Ok((&b"return 1"[..], None)));
        assert_eq!(split(b"#!lua\nreturn 1"), Ok((&b"\nreturn 1"[..], Some(ScriptFlags::default()))));
        let both = ScriptFlags::NO_WRITES.and(ScriptFlags::ALLOW_OOM);
        assert_eq!(split(b"#!lua  flags=no-writes,allow-oom \nx"), Ok((&b"\nx"[..], Some(both))));
        for (script, error) in [
            (&b"#!lua"[..], "Invalid script shebang"),
            (b"#!py\n", "Unexpected engine in script shebang: #!py"),
            (b"#!lua x=y\n", "Unknown lua shebang option: x=y"),
            (b"#!lua flags=no-writes,bad\n", "Unexpected flag in script shebang: bad"),
        ] {
            assert_eq!(split(script), Err(error.to_owned()));
        }
    }
}
