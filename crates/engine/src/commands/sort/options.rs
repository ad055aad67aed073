//! What SORT is asked.

use std::ops::Range;

use smallvec::SmallVec;

use super::elements::Source;
use super::pattern::Pattern;
use crate::args::Args;
use crate::context::Context;
use crate::error::Error;
use crate::permission;

/// See the module's text.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// The order is that of the source.
    pub(super) keeps_order: bool,
    /// The order must not depend on how a set happens to be kept: what is stored or seen by a script is the same each time.
    pub(super) is_repeatable: bool,
    /// Elements are compared by their bytes, or those of their weights, and not by numbers.
    pub(super) by_bytes: bool,
    pub(super) descends: bool,
    /// What gives the weights; without, the elements are their own.
    pub(super) by: Option<Pattern>,
    /// What is shown of each element; without, it.
    pub(super) gets: SmallVec<[Pattern; 1]>,
    offset: i64,
    count: i64,
    /// The argument that names the key to store the result in.
    pub(super) target: Option<usize>,
}

impl Options {
    /// Reads the options. Patterns are for users who may read every key.
    pub(super) fn parse(ctx: &Context<'_, '_>, args: &Args<'_>, may_store: bool) -> Result<Self, Error> {
        let may_look = permission::may_read_every_key(ctx.session, ctx.shared, &ctx.row, args);
        let mut options = Self {
            keeps_order: false,
            // A transaction may have it, too: any order of a set is as good as another.
            is_repeatable: ctx.in_transaction,
            by_bytes: false,
            descends: false,
            by: None,
            gets: SmallVec::new(),
            offset: 0,
            count: -1,
            target: None,
        };
        let mut cursor = args.cursor(2);
        while !cursor.is_done() {
            let has_value = cursor.left() > 1;
            if cursor.take("ASC") {
                options.descends = false;
            } else if cursor.take("DESC") {
                options.descends = true;
            } else if cursor.take("ALPHA") {
                options.by_bytes = true;
            } else if cursor.left() > 2 && cursor.take("LIMIT") {
                (options.offset, options.count) = (cursor.integer()?, cursor.integer()?);
            } else if may_store && has_value && cursor.take("STORE") {
                options.target = Some(cursor.position());
                options.is_repeatable = true;
                cursor.next_required()?;
            } else if has_value && cursor.take("BY") {
                options.take_by(Pattern::parse(cursor.next_required()?), may_look)?;
            } else if has_value && cursor.take("GET") {
                if !may_look {
                    return Err(Error::Static(
                        "ERR GET option of SORT denied due to insufficient ACL permissions.",
                    ));
                }
                options.gets.push(Pattern::parse(cursor.next_required()?));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// Options that ask for a part of the order.
    #[cfg(test)]
    pub(super) fn of_range(shown: Range<usize>, descends: bool, by_bytes: bool) -> Self {
        Self {
            keeps_order: false,
            is_repeatable: false,
            by_bytes,
            descends,
            by: None,
            gets: SmallVec::new(),
            offset: shown.start as i64,
            count: shown.len() as i64,
            target: None,
        }
    }

    /// A pattern without a star means that nothing is sorted, whatever else is said.
    fn take_by(&mut self, pattern: Pattern, may_look: bool) -> Result<(), Error> {
        if !pattern.looks_elsewhere() {
            self.keeps_order = true;
        } else if !may_look {
            return Err(Error::Static("ERR BY option of SORT denied due to insufficient ACL permissions."));
        }
        self.by = Some(pattern);
        Ok(())
    }

    /// How many keys are looked up for an element.
    pub(super) fn patterns(&self) -> usize {
        self.all_patterns().count()
    }

    /// The keys that are looked up for the elements of a source.
    pub(super) fn for_each_key(&self, source: &Source, each: &mut dyn FnMut(&[u8])) {
        source.for_each(&mut |element| self.keys_of(element).for_each(|key| each(&key)));
    }

    /// Those that are looked up for one element.
    pub(super) fn keys_of(&self, element: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        self.all_patterns().filter_map(move |pattern| pattern.key(element))
    }

    /// The positions, of so many in the final order, that are shown.
    pub(super) fn shown(&self, elements: usize) -> Range<usize> {
        let start = usize::try_from(self.offset.max(0)).unwrap_or(usize::MAX).min(elements);
        let end = match usize::try_from(self.count) {
            Ok(count) => start.saturating_add(count).min(elements),
            Err(_) => elements, // negative: all
        };
        start..end
    }

    fn all_patterns(&self) -> impl Iterator<Item = &Pattern> {
        let by = self.by.iter().filter(|_| !self.keeps_order);
        by.chain(&self.gets).filter(|pattern| pattern.looks_elsewhere())
    }
}
