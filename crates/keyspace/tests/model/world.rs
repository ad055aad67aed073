//! The model: databases as ordered maps.

use std::collections::BTreeMap;

use keyspace::Seen;
use value::ValueRef;

/// A value of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    String(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Field>),
}

/// A field of a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) value: Vec<u8>,
    pub(crate) expiry: Option<i64>,
}

/// A key's value and when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) content: Content,
    pub(crate) expiry: Option<i64>,
}

/// All databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) databases: Vec<BTreeMap<Vec<u8>, Item>>,
}

impl Content {
    /// Bytes that differ with their length and place.
    pub(crate) fn string(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 7 + length) as u8).collect()
    }

    pub(crate) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::String(string) => Self::String(string.contiguous().into_owned()),
            ValueRef::List(_) | ValueRef::Set(_) | ValueRef::ZSet(_) | ValueRef::Stream(_) => {
                unreachable!("they have models of their own")
            }
            ValueRef::Hash(hash) => Self::Hash(
                hash.iter()
                    .map(|entry| {
                        let expiry = entry.expiry.map(|at| at.0);
                        (entry.field.to_vec(), Field { value: entry.value.to_vec(), expiry })
                    })
                    .collect(),
            ),
        }
    }
}

impl Item {
    pub(crate) fn of(seen: &Seen<'_>) -> Self {
        Self { content: Content::of(seen.value), expiry: seen.expiry.map(|at| at.0) }
    }
}

impl World {
    pub(crate) fn new(databases: u16) -> Self {
        Self { databases: vec![BTreeMap::new(); usize::from(databases)] }
    }

    /// Removes what is due: keys, fields, and hashes without fields.
    pub(crate) fn purge(&mut self, now: i64) {
        for database in &mut self.databases {
            database.retain(|_, item| {
                if let Content::Hash(fields) = &mut item.content {
                    fields.retain(|_, field| field.expiry.is_none_or(|at| at > now));
                    if fields.is_empty() {
                        return false;
                    }
                }
                item.expiry.is_none_or(|at| at > now)
            });
        }
    }

    pub(crate) fn has_due_fields(&self, now: i64) -> bool {
        self.databases.iter().flat_map(BTreeMap::values).any(|item| match &item.content {
            Content::Hash(fields) => fields.values().any(|field| field.expiry.is_some_and(|at| at <= now)),
            Content::String(_) => false,
        })
    }
}
