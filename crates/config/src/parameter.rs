//! What the table says about one parameter, and finding it by name.

use crate::kind::Kind;
use crate::lack::Lack;
use crate::table::{OTHER_NAMES, Param, TABLE};

/// When a parameter may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only at the start.
    Startup,
    /// By CONFIG SET at any time.
    Runtime,
    /// By CONFIG SET, but not while data is loaded.
    NotLoading,
    /// By CONFIG SET where `enable-protected-configs` allows it, and not while data is loaded.
    Protected,
    /// As `Runtime`, and patterns of CONFIG GET do not show it.
    Hidden,
    /// As `Runtime`, and `CONFIG GET *` does not show it, which answers what Redis 8.0 has; patterns that ask for less do.
    Unlisted,
    /// As `Startup`, and shown as what is `Unlisted`.
    UnlistedStartup,
}

/// Whether a parameter has an effect here yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It has.
    Acts,
    /// It is checked, kept and shown, so that files and tools written for Redis work, but it changes nothing, and nobody comes to
    /// harm by that.
    Accepted,
    /// Whoever sets it relies on what is not here: values that ask for it are refused.
    Lacks(&'static Lack),
}

/// A row of the table.
#[derive(Debug)]
pub struct Parameter {
    /// Its address.
    pub param: Param,
    /// The heading under which the documentation lists it.
    pub group: &'static str,
    /// Its name, in lower case.
    pub name: &'static str,
    /// Its second, older name; empty when there is none.
    pub alias: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The default, as CONFIG GET prints it.
    pub default: &'static str,
    /// When it may change.
    pub change: Change,
    /// Whether it acts.
    pub effect: Effect,
    /// One sentence on what it does.
    pub doc: &'static str,
}

impl Parameter {
    /// Whether only the start can set it.
    pub fn is_immutable(&self) -> bool {
        matches!(self.change, Change::Startup | Change::UnlistedStartup)
    }

    /// What is missing for the value that `text` prints, if something is.
    pub(crate) fn lack(&self, text: &[u8]) -> Option<&'static Lack> {
        let Effect::Lacks(lack) = self.effect else { return None };
        let is_harmless = text == self.default.as_bytes()
            || lack.harmless.iter().any(|harmless| harmless.as_bytes() == text);
        (!is_harmless).then_some(lack)
    }

    /// Whether CONFIG GET shows it to those who ask by patterns, for everything or for less.
    pub fn is_shown(&self, everything: bool) -> bool {
        match self.change {
            Change::Hidden => false,
            Change::Unlisted | Change::UnlistedStartup => !everything,
            Change::Startup | Change::Runtime | Change::NotLoading | Change::Protected => true,
        }
    }

    /// Whether its value is a secret, to be kept out of logs and of MONITOR.
    pub fn is_sensitive(&self) -> bool {
        use Param::{Masterauth, Masteruser, Requirepass, TlsClientKeyFilePass, TlsKeyFilePass};
        matches!(self.param, Masterauth | Masteruser | Requirepass | TlsClientKeyFilePass | TlsKeyFilePass)
    }

    /// The name and the second name, as far as there is one.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name, self.alias].into_iter().filter(|name| !name.is_empty())
    }
}

impl Param {
    /// The row of this parameter.
    pub fn row(self) -> &'static Parameter {
        &TABLE[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The parameter with this name, second name or Valkey name, in any case.
    pub fn find(name: &[u8]) -> Option<Self> {
        find_name(name).map(|(param, _)| param)
    }
}

/// The parameter with a name and that name as the table writes it.
pub(crate) fn find_name(name: &[u8]) -> Option<(Param, &'static str)> {
    let in_table = TABLE.iter().flat_map(|row| row.names().map(|known| (row.param, known)));
    let others = OTHER_NAMES.iter().map(|&(known, param)| (param, known));
    in_table.chain(others).find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether a parameter of this name has a value that is a secret.
pub fn is_sensitive(name: &[u8]) -> bool {
    find_name(name).is_some_and(|(param, _)| param.row().is_sensitive())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_where_their_parameter_points() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.param as usize, index, "{}", row.name);
        }
    }

    #[test]
    fn every_name_is_unique_and_lower_case() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(Parameter::names).collect();
        names.extend(OTHER_NAMES.iter().map(|(name, _)| name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase())));
    }

    #[test]
    fn names_are_found_in_any_case_and_by_their_older_form() {
        assert_eq!(Param::find(b"MaxMemory"), Some(Param::Maxmemory));
        assert_eq!(Param::find(b"slave-priority"), Some(Param::ReplicaPriority));
        assert_eq!(Param::find(b"primaryauth"), Some(Param::Masterauth));
        assert_eq!(Param::find(b"maxmemor"), None);
        assert_eq!(Param::find(b""), None);
    }
}
