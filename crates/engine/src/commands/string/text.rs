//! Strings that are looked at without locks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use keyspace::Key;
use value::{Blob, StringRef};

use crate::args::Args;
use crate::context::Context;
use crate::error::Error;

/// A string as it was read: of a long one a clone, which costs a counter.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    Short(Box<[u8]>),
    Long(Blob),
}

impl Text {
    /// What a key holds, if it is there. It is locked.
    pub(crate) fn of_key(ctx: &mut Context<'_, '_>, key: &Key<'_>) -> Result<Option<Self>, Error> {
        Ok(ctx.db().string(key)?.map(Self::of))
    }

    pub(crate) fn of(string: StringRef<'_>) -> Self {
        match string {
            StringRef::Inline(bytes) => Self::Short(bytes.into()),
            StringRef::Blob(blob) => Self::Long(blob.clone()),
        }
    }

    pub(crate) fn as_ref(&self) -> StringRef<'_> {
        match self {
            Self::Short(bytes) => StringRef::Inline(bytes),
            Self::Long(blob) => StringRef::Blob(blob),
        }
    }

    /// Whether nothing has changed between two looks at a key.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Short(one), Self::Short(other)) => one == other,
            (Self::Long(one), Self::Long(other)) => one.is_same(other),
            _ => false,
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Short(Box::default())
    }
}

/// What many keys hold. A key that is named again is kept once, since its name may be much shorter than what is copied.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// In the order in which they are named first; `None`: there is no such key.
    distinct: Vec<Option<Text>>,
    /// For each name, which of them it means.
    named: Vec<usize>,
}

impl Texts {
    /// Reads what the keys hold that are named from an argument on, each checked before it is copied. They are locked. What
    /// stands before one that is refused has been read.
    pub(crate) fn read(
        &mut self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        from: usize,
        check: impl Fn(StringRef<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut known = HashMap::new();
        for at in from..args.len() {
            let key = ctx.key(args, at);
            let mut db = ctx.db();
            let string = db.string(&key)?; // whether known or not: every name counts as a hit or a miss
            let which = match known.entry(key.bytes) {
                Entry::Occupied(which) => *which.get(),
                Entry::Vacant(unknown) => {
                    string.map_or(Ok(()), &check)?;
                    self.distinct.push(string.map(Text::of));
                    *unknown.insert(self.distinct.len() - 1)
                }
            };
            self.named.push(which);
        }
        Ok(())
    }

    /// Each key once.
    pub(crate) fn distinct(&self) -> &[Option<Text>] {
        &self.distinct
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.named.len()
    }

    /// A string for each name; that of a key that is not there is empty.
    pub(crate) fn iter(&self) -> impl Iterator<Item = StringRef<'_>> {
        let string =
            |which: &usize| self.distinct[*which].as_ref().map_or(StringRef::Inline(b""), Text::as_ref);
        self.named.iter().map(string)
    }

    /// Whether nothing has changed between two looks at the same keys.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let mut pairs = self.distinct.iter().zip(&other.distinct);
        self.distinct.len() == other.distinct.len()
            && pairs.all(|pair| match pair {
                (Some(one), Some(other)) => one.is_same(other),
                (None, None) => true,
                _ => false,
            })
    }
}

#[cfg(test)]
impl<'a> FromIterator<&'a [u8]> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(strings: I) -> Self {
        let distinct: Vec<_> =
            strings.into_iter().map(|bytes| Some(Text::of(StringRef::Inline(bytes)))).collect();
        Self { named: (0..distinct.len()).collect(), distinct }
    }
}
