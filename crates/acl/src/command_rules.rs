//! Which commands may be run: the result of all rules for each command, and the rules themselves in their order, from which
//! the description is made.
//!
//! A rule about a command or category replaces an earlier one about the same name, and one about a container those about
//! its subcommands; other rules stay, even if they have no effect any more. That is how Redis describes users.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::Catalogue;
use crate::categories::Categories;
use crate::error::RuleError;

/// First arguments that are kept for one command.
const MAX_FIRST_ARGUMENTS: usize = 256;

/// A rule as it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    allows: bool,
    /// In lower case: `get`, `config|get`, `@read`, `select|0`.
    name: String,
}

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandRules {
    /// A bit for each command, by its place in the catalogue.
    allowed: Vec<u64>,
    /// First arguments with which a command that is not allowed may be run, in lower case.
    first_arguments: BTreeMap<usize, BTreeSet<Vec<u8>>>,
    /// The rules begin with `+@all`, else with `-@all`.
    from_all: bool,
    rules: Vec<Rule>,
}

impl CommandRules {
    /// No command.
    pub(crate) fn none(catalogue: &Catalogue) -> Self {
        Self {
            allowed: vec![0; catalogue.len().div_ceil(64)],
            first_arguments: BTreeMap::new(),
            from_all: false,
            rules: Vec::new(),
        }
    }

    /// `+@all` or `-@all`.
    pub(crate) fn set_all(&mut self, allows: bool) {
        self.allowed.fill(if allows { u64::MAX } else { 0 });
        self.first_arguments.clear();
        self.from_all = allows;
        self.rules.clear();
    }

    /// Takes a rule that begins with `+` or `-`, other than those above.
    pub(crate) fn apply(&mut self, rule: &[u8], catalogue: &Catalogue) -> Result<(), RuleError> {
        let (allows, name) = match rule {
            [b'+', name @ ..] => (true, name),
            [b'-', name @ ..] => (false, name),
            _ => return Err(RuleError::Syntax),
        };
        if let [b'@', category @ ..] = name {
            let category = Categories::named(category).ok_or(RuleError::UnknownCommand)?;
            catalogue.in_categories(category).for_each(|command| self.set(command, allows, catalogue));
        } else if allows && name.contains(&b'|') {
            self.allow_part(name, catalogue)?;
        } else {
            let command = catalogue.find(name).ok_or(RuleError::UnknownCommand)?;
            self.set(command, allows, catalogue);
        }
        self.note(allows, name);
        Ok(())
    }

    /// `+command|part`: a subcommand, or a first argument of a command that has none.
    fn allow_part(&mut self, name: &[u8], catalogue: &Catalogue) -> Result<(), RuleError> {
        let bar = name.iter().rposition(|&byte| byte == b'|').expect("the caller has seen one");
        let part = &name[bar + 1..];
        let command = catalogue.find(&name[..bar]).ok_or(RuleError::UnknownCommand)?;
        if catalogue.facts(command).container.is_some() {
            return Err(RuleError::FirstArgumentOfSubcommand);
        }
        if part.is_empty() {
            return Err(RuleError::Syntax);
        }
        if !catalogue.subcommands(command).is_empty() {
            let subcommand = catalogue.find(name).ok_or(RuleError::UnknownCommand)?;
            self.set(subcommand, true, catalogue);
            return Ok(());
        }
        if !part.is_ascii() || crate::words::has_spaces(part) || part.contains(&b')') {
            return Err(RuleError::Syntax); // it could not be described
        }
        let known = self.first_arguments.entry(command).or_default();
        known.insert(part.to_ascii_lowercase());
        if known.len() > MAX_FIRST_ARGUMENTS {
            return Err(RuleError::TooManyFirstArguments);
        }
        Ok(())
    }

    /// Allows or forbids a command and its subcommands.
    fn set(&mut self, command: usize, allows: bool, catalogue: &Catalogue) {
        self.first_arguments.remove(&command);
        for place in std::iter::once(command).chain(catalogue.subcommands(command)) {
            let bit = 1 << (place % 64);
            let word = &mut self.allowed[place / 64];
            *word = if allows { *word | bit } else { *word & !bit };
        }
    }

    /// Puts a rule behind the others, in the place of those that it replaces.
    fn note(&mut self, allows: bool, name: &[u8]) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let is_replaced = |old: &Rule| {
            old.name.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        };
        self.rules.retain(|old| !is_replaced(old));
        self.rules.push(Rule { allows, name });
    }

    /// Whether a command may be run with this first argument (behind the subcommand's name).
    pub(crate) fn allow(&self, command: usize, first_argument: Option<&[u8]>) -> bool {
        let is_allowed = self.allowed.get(command / 64).is_some_and(|word| word & 1 << (command % 64) != 0);
        is_allowed
            || first_argument.is_some_and(|given| {
                let known = self.first_arguments.get(&command);
                known.is_some_and(|known| known.contains(&given.to_ascii_lowercase()))
            })
    }

    /// Whether every command may be run.
    pub(crate) fn allow_every(&self, catalogue_len: usize) -> bool {
        (0..catalogue_len).all(|command| self.allow(command, None))
    }

    /// The rules: `+@all -@admin +info`.
    pub(crate) fn describe(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(if self.from_all { b"+@all" } else { b"-@all" });
        for rule in &self.rules {
            text.extend_from_slice(if rule.allows { b" +" } else { b" -" });
            text.extend_from_slice(rule.name.as_bytes());
        }
    }
}
