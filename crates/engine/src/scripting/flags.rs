//! The first line of a script, in which it may say what it needs: `#!lua flags=no-writes,allow-stale`.

use std::sync::atomic::Ordering;

use script::Name;

use crate::admission::OUT_OF_MEMORY;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::shared::Shared;
use crate::table::Row;

/// What a script has declared. Without such a line nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ScriptFlags(u8);

impl ScriptFlags {
    /// It changes nothing.
    pub(crate) const NO_WRITES: Self = Self(1);
    /// It may run when memory is short.
    pub(crate) const ALLOW_OOM: Self = Self(1 << 1);
    /// The names of the flags, in the order of their bits. The last three are about replicas and clusters, and mean nothing here
    /// yet.
    pub(crate) const NAMES: &[&str] =
        &["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"];

    /// Flags as a function keeps them.
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Whether all of `other` are declared.
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flag with a name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        let place = Self::NAMES.iter().position(|known| known.as_bytes() == name)?;
        Some(Self(1 << place))
    }

    /// The names of those that are declared.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let is_declared = move |place: usize| self.0 >> place & 1 == 1;
        Self::NAMES.iter().enumerate().filter(move |(place, _)| is_declared(*place)).map(|(_, name)| *name)
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
    if ctx.out_of_memory && !flags.has(ScriptFlags::ALLOW_OOM) {
        return Err(Error::Static(if ctx.in_transaction {
            "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
        } else {
            OUT_OF_MEMORY
        }));
    }
    if ctx.shared.writes_refused.load(Ordering::Relaxed) {
        return Err(Error::Text(ctx.shared.write_refusal().unwrap_or_default()));
    }
    if read_only {
        return Err(Error::Static("ERR Can not execute a script with write flag using *_ro command."));
    }
    Ok(())
}

/// What the script or function that a command runs has declared, if it runs one that is known and has.
pub(crate) fn declared(shared: &Shared, row: &Row, args: &Args<'_>) -> Option<ScriptFlags> {
    if !row.command.accepts(args.len()) {
        return None;
    }
    let subject = args.get_optional(1)?;
    match row.command.name {
        "EVAL" | "EVAL_RO" => split(subject).ok()?.1,
        "EVALSHA" | "EVALSHA_RO" => {
            let mut name: Name = subject.try_into().ok()?;
            name.make_ascii_lowercase();
            shared.scripts.get(&name)?.flags
        }
        "FCALL" | "FCALL_RO" => {
            let libraries = shared.keyspace.libraries();
            let (library, place) = libraries.function(subject)?;
            Some(ScriptFlags::from_bits(library.functions[place].flags))
        }
        _ => None,
    }
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
