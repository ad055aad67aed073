//! Where keys stand among the arguments of a command.

use super::{Access, Command};
use crate::args::Args;

/// Which arguments are keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Keys {
    /// None.
    None,
    /// `first`, and on to `last` in steps of `step`; a negative `last` counts from the end (-1 is the last).
    Range { first: usize, last: i32, step: usize, access: Access },
    /// A count at `at`, then that many keys in steps of `step`.
    Counted { at: usize, step: usize, access: Access },
    /// The first key is accessed in one way, the second in another.
    Pair { first: Access, second: Access },
    /// Argument `target` is accessed in one way, what stands behind it is read.
    TargetAndSources { target: usize, access: Access },
    /// The first argument is accessed in one way; a count stands at `at`, and that many keys behind it are read.
    TargetAndCounted { at: usize, access: Access },
    /// The first is read. If the command `stores`, the one behind the last word STORE is overwritten. Others are read whose
    /// names are made of what the first holds.
    Sorted { stores: bool },
    /// The first argument is read. Each argument behind one of the words, among those from `after` on, is accessed in one
    /// way.
    SourceAndOptions { words: &'static [&'static str], after: usize, access: Access },
    /// The third argument, or those behind the word KEYS when that is empty; they are taken away.
    Migrated,
    /// Half of the arguments behind the word STREAMS, which stands at `from` or later, behind options; they are read.
    Streams { from: usize },
}

impl Keys {
    /// Whether where they are depends on the arguments.
    pub fn are_movable(self) -> bool {
        match self {
            Self::Counted { .. }
            | Self::TargetAndCounted { .. }
            | Self::SourceAndOptions { .. }
            | Self::Streams { .. }
            | Self::Migrated
            | Self::Sorted { .. } => true,
            Self::None | Self::Range { .. } | Self::Pair { .. } | Self::TargetAndSources { .. } => false,
        }
    }
}

impl Command {
    /// Whether its first argument is a key and nothing else is.
    #[inline]
    pub fn has_one_key(&self) -> bool {
        matches!(self.keys, Keys::Range { first: 1, last: 1, .. })
    }

    /// Calls `each` with the position of every key in the arguments and what is done with it. Arguments that do not
    /// name their keys rightly name none; the handler refuses them.
    pub fn for_each_key(&self, args: &Args<'_>, mut each: impl FnMut(usize, Access)) {
        let count = args.len();
        match self.keys {
            Keys::None => {}
            Keys::Range { first: 1, last: 1, access, .. } => {
                if count > 1 {
                    each(1, access);
                }
            }
            Keys::Range { first, last, step, access } => {
                let last = if last < 0 { count as i64 + i64::from(last) } else { i64::from(last) };
                let end = (last + 1).clamp(0, count as i64) as usize;
                (first..end).step_by(step).for_each(|at| each(at, access));
            }
            Keys::Counted { at, step, access } => {
                counted(args, at, step).for_each(|at| each(at, access));
            }
            Keys::Pair { first, second } => {
                for (at, access) in [(1, first), (2, second)] {
                    if at < count {
                        each(at, access);
                    }
                }
            }
            Keys::Sorted { stores } => {
                if count > 1 {
                    each(1, Access::Read);
                }
                if let Some(at) = stores.then(|| sort_target(args)).flatten() {
                    each(at, Access::Overwrite);
                }
            }
            Keys::TargetAndSources { target, access } => {
                for at in target..count {
                    each(at, if at == target { access } else { Access::Read });
                }
            }
            Keys::TargetAndCounted { at, access } => {
                let sources = counted(args, at, 1);
                if sources.len() > 0 {
                    each(1, access);
                }
                sources.for_each(|at| each(at, Access::Read));
            }
            Keys::SourceAndOptions { words, after, access } => {
                if count > 1 {
                    each(1, Access::Read);
                }
                let mut at = after;
                while at + 1 < count {
                    let is_option = words.iter().any(|word| args.is(at, word));
                    if is_option {
                        each(at + 1, access);
                    }
                    at += 1 + usize::from(is_option);
                }
            }
            Keys::Migrated => keys_to_migrate(args).for_each(|at| each(at, Access::Take)),
            Keys::Streams { .. } => {
                let first = word_streams(args).map_or(count, |word| word + 1);
                (first..first + (count - first) / 2).for_each(|at| each(at, Access::Read));
            }
        }
    }
}

/// The positions of as many keys as the argument at `at` says, in steps; none if there is no room for them.
fn counted(args: &Args<'_>, at: usize, step: usize) -> impl ExactSizeIterator<Item = usize> + use<> {
    let room = args.len().saturating_sub(at + 1);
    let keys = args.get_optional(at).and_then(stdx::number::parse_i64);
    let keys = keys.and_then(|keys| usize::try_from(keys).ok());
    let fits = |keys: &usize| keys.checked_mul(step).is_some_and(|needed| needed <= room);
    (0..keys.filter(fits).unwrap_or(0)).map(move |key| at + 1 + key * step)
}

/// Where the keys of MIGRATE stand: behind the word KEYS, or there is but one, in a place of its own. Not both.
pub(crate) fn keys_to_migrate(args: &Args<'_>) -> std::ops::Range<usize> {
    let behind = (word_keys(args) + 1).min(args.len());
    match args.get_optional(3) {
        Some(key) if !key.is_empty() => {
            if behind < args.len() {
                3..3
            } else {
                3..4
            }
        }
        _ => behind..args.len(),
    }
}

/// Where the word KEYS stands among the options of MIGRATE, or where they end. What stands behind a word of a login is none.
fn word_keys(args: &Args<'_>) -> usize {
    let mut at = 6;
    while at < args.len() && !args.is(at, "KEYS") {
        at += if args.is(at, "AUTH2") { 3 } else { 1 + usize::from(args.is(at, "AUTH")) };
    }
    at.min(args.len())
}

/// Where SORT stores its result: behind the last STORE that is no argument of another option.
fn sort_target(args: &Args<'_>) -> Option<usize> {
    let (mut at, mut target) = (2, None);
    while at < args.len() {
        if args.is(at, "LIMIT") {
            at += 2;
        } else if args.is(at, "GET") || args.is(at, "BY") {
            at += 1;
        } else if args.is(at, "STORE") && at + 1 < args.len() {
            target = Some(at + 1);
        }
        at += 1;
    }
    target
}

/// Where the word STREAMS stands behind the options of XREAD and XREADGROUP.
pub(crate) fn word_streams(args: &Args<'_>) -> Option<usize> {
    let mut at = 1;
    while at < args.len() {
        let is = |word| args.is(at, word);
        at += match () {
            () if is("STREAMS") => return Some(at),
            () if is("NOACK") => 1,
            () if ["BLOCK", "COUNT", "MAXCOUNT", "MAXSIZE", "CLAIM"].into_iter().any(is) => 2,
            () if is("GROUP") => 3,
            () => return None,
        };
    }
    None
}
