//! What rules know of the commands: names and categories, made once from the command table.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::categories::Categories;

/// One command or subcommand.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its full name in lower case: `get`, `config|get`.
    pub name: String,
    /// The categories it is in.
    pub categories: Categories,
    /// The place of its container, for a subcommand. Containers come before their subcommands, which stand together.
    pub container: Option<usize>,
}

/// All commands; a command is known by its place here.
#[derive(Debug)]
pub struct Catalogue {
    facts: Vec<Facts>,
    places: BTreeMap<String, usize>,
    /// Where the subcommands of a container stand.
    subcommands: Vec<Range<usize>>,
}

impl Catalogue {
    /// A catalogue of these commands.
    pub fn new(facts: Vec<Facts>) -> Self {
        let places = facts.iter().enumerate().map(|(place, facts)| (facts.name.clone(), place)).collect();
        let mut subcommands = vec![0..0; facts.len()];
        for (place, facts) in facts.iter().enumerate() {
            if let Some(container) = facts.container {
                let known = &mut subcommands[container];
                let first = if known.start == known.end { place } else { known.start };
                *known = first..place + 1;
            }
        }
        Self { facts, places, subcommands }
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// What is known of a command.
    pub fn facts(&self, place: usize) -> &Facts {
        &self.facts[place]
    }

    /// The command with a full name, in any case of letters.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.places.get(&name).copied()
    }

    /// The subcommands of a command; none if it is no container.
    pub fn subcommands(&self, place: usize) -> Range<usize> {
        self.subcommands[place].clone()
    }

    /// The commands that are in one of some categories.
    pub fn in_categories(&self, categories: Categories) -> impl Iterator<Item = usize> + '_ {
        (0..self.facts.len()).filter(move |&place| self.facts[place].categories.meets(categories))
    }
}
