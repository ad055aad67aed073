//! Elements chosen at random, as SRANDMEMBER, HRANDFIELD and ZRANDMEMBER ask for them: how many, whether the same may
//! come again, and whether they are so many that their reply is better written in slices.

use stdx::rng::Rng;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// How many elements are repeated at most where the reply is needed at once, in scripts.
const MAX_AT_ONCE: i64 = 1_000_000;
/// How many a reply repeats at most: no client waits for its end, and a number of them stays a number of bytes.
const MAX_REPEATED: usize = 1 << 32;
/// If one in so many elements is wanted, or more, all are walked to choose different ones; if fewer are, they are chosen one by
/// one, and those that come again are rejected.
const SPARSE: usize = 8;

/// What is asked for.
pub(super) struct RandomPicks {
    /// How many; negative where the same may come again.
    count: i64,
    /// Whether what belongs to an element, its value or score, is wanted too.
    pub(super) with_more: bool,
}

/// What is chosen at once.
pub(super) enum Choice {
    /// So many, the same again and again.
    Repeated(usize),
    /// So many different ones, as far as they are there.
    Distinct(usize),
}

impl RandomPicks {
    /// The count behind the key, and perhaps a word behind that, which asks for more of each element.
    pub(super) fn parse(args: &Args<'_>, more: Option<&str>) -> Result<Self, Error> {
        if more.is_none() && args.len() > 3 {
            return Err(Error::Syntax);
        }
        let count = args.integer(2)?;
        if count == i64::MIN {
            return Err(Error::Static(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        let with_more = more.is_some_and(|word| args.is(3, word));
        if args.len() > 4 || (args.len() == 4 && !with_more) {
            return Err(Error::Syntax);
        }
        if with_more && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(Error::OutOfRange);
        }
        Ok(Self { count, with_more })
    }

    /// How many elements, the same again and again, if they are so many that they are better written in slices.
    pub(super) fn repeated_in_slices(&self, reply: &Reply<'_>) -> Option<usize> {
        let times = usize::try_from(self.count.checked_neg()?).ok()?;
        (reply.leaves(times) && times <= MAX_REPEATED).then_some(times)
    }

    /// How many different elements of so many, if they are so many that they are better written in slices, and whether that is
    /// few of all.
    pub(super) fn distinct_in_slices(&self, elements: usize, reply: &Reply<'_>) -> Option<(usize, bool)> {
        let wanted = usize::try_from(self.count).ok()?.min(elements);
        reply.leaves(wanted).then_some((wanted, wanted < elements / SPARSE))
    }

    /// What is chosen at once.
    pub(super) fn at_once(&self) -> Result<Choice, Error> {
        match usize::try_from(self.count) {
            Ok(count) => Ok(Choice::Distinct(count)),
            Err(_) if self.count < -MAX_AT_ONCE => Err(Error::OutOfRange),
            Err(_) => Ok(Choice::Repeated(self.count.unsigned_abs() as usize)),
        }
    }
}

/// Choosing different elements while all are walked: each is taken with the probability that it takes to find those that are
/// still wanted among those that are left (Knuth's algorithm S).
#[derive(Debug)]
pub(super) struct Selection {
    wanted: usize,
    left: usize,
    rng: Rng,
}

impl Selection {
    /// So many of so many elements.
    pub(super) fn new(wanted: usize, elements: usize, rng: Rng) -> Self {
        Self { wanted, left: elements, rng }
    }

    /// Whether the next element is taken.
    pub(super) fn takes(&mut self) -> bool {
        let is_taken = self.rng.below(self.left as u64) < self.wanted as u64;
        self.left -= 1;
        self.wanted -= usize::from(is_taken);
        is_taken
    }
}

/// Picks with the worker's random numbers, which are its own while the database is borrowed, and go on from there.
pub(super) fn with_rng<'c, 'n>(
    ctx: &mut Context<'c, 'n>,
    pick: impl FnOnce(&mut Context<'c, 'n>, &mut Rng) -> Outcome,
) -> Outcome {
    let mut rng = ctx.access.rng.clone();
    let result = pick(ctx, &mut rng);
    ctx.access.rng = rng;
    result
}
