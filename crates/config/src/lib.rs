//! Every configuration parameter in one table, and the sources they are read from.

use std::collections::BTreeMap;

/// The values of all parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    values: BTreeMap<&'static str, String>,
}

impl Config {
    /// A parameter as CONFIG GET prints it.
    pub fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }
}
