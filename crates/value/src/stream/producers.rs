//! Producers who may send an entry twice: which entries they have added lately, under which names.
//!
//! ```text
//! names   length (4) producer  length (4) name  ID (16)     ordered by producer, then length and name
//! order   length (4) producer  ID (16)  name                ordered by producer, then ID
//! ages    ID (16)  producer                                 ordered by ID
//! ```
//! All are trees, so a clone takes constant time and a change copies their paths. They hold the same names. A name counts until its
//! time is up, which its ID tells, or until its producer has too many younger ones. It is taken out when something else is added.

use super::id::Id;
use crate::dismantle::Dismantle;
use crate::tree::Ordered;

/// Names whose time is up that go when one is added; so there are soon no more than are added within that time.
const FORGOTTEN_AT_ONCE: usize = 4;

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Producers {
    /// How it is kept.
    pub limits: Limits,
    /// Entries that were ever added under a name.
    pub added: u64,
    /// Entries that were not added, since they were there.
    pub duplicates: u64,
    names: Ordered,
    order: Ordered,
    ages: Ordered,
}

/// How long names are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Seconds.
    pub duration_s: u32,
    /// Names of one producer.
    pub max_names: u32,
}

impl Limits {
    /// The longest time for which names are kept, in seconds: a day.
    pub const MAX_DURATION_S: u32 = 86_400;
    /// The most names of one producer.
    pub const MAX_NAMES: u32 = 10_000;
}

impl Default for Limits {
    fn default() -> Self {
        Self { duration_s: 100, max_names: 100 }
    }
}

impl Limits {
    /// Whether the time of an entry's name is up.
    fn is_over(self, id: Id, now_ms: u64) -> bool {
        now_ms.checked_sub(self.duration_ms()).is_some_and(|oldest_ms| id.ms <= oldest_ms)
    }

    fn duration_ms(self) -> u64 {
        u64::from(self.duration_s) * 1000
    }
}

/// An entry that was added under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// Who has added it.
    pub producer: &'a [u8],
    /// Its name.
    pub name: &'a [u8],
    /// The entry.
    pub id: Id,
}

/// Bytes behind their length.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let mut counted = Vec::with_capacity(4 + bytes.len());
    counted.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    counted.extend_from_slice(bytes);
    counted
}

impl Named<'_> {
    /// Its element among the names.
    fn whole_name(self) -> Vec<u8> {
        [self.name_key(), self.id.to_bytes().to_vec()].concat()
    }

    /// What that begins with.
    fn name_key(self) -> Vec<u8> {
        [counted(self.producer), counted(self.name)].concat()
    }

    fn order_key(self) -> Vec<u8> {
        [counted(self.producer), self.id.to_bytes().to_vec(), self.name.to_vec()].concat()
    }

    fn age_key(self) -> Vec<u8> {
        [&self.id.to_bytes(), self.producer].concat()
    }
}

impl Dismantle for Producers {
    fn dismantle(self, between: &mut dyn FnMut()) {
        [self.names, self.order, self.ages].into_iter().for_each(|tree| tree.dismantle(between));
    }
}

impl Producers {
    /// None has added anything yet.
    pub fn new(limits: Limits) -> Self {
        let (names, order, ages) = Default::default();
        Self { limits, added: 0, duplicates: 0, names, order, ages }
    }

    /// How many names count at a time.
    pub fn len(&self, now_ms: u64) -> usize {
        self.ages.len() - self.old(now_ms)
    }

    /// How many producers have some. Looks at each of them.
    pub fn count(&self, now_ms: u64) -> usize {
        let (mut count, mut at) = (0, 0);
        while let Some(element) = self.order.get(at) {
            at = self.behind(named_of(element).producer);
            let newest = self.order.get(at - 1).expect("the producer has one");
            count += usize::from(!self.limits.is_over(named_of(newest).id, now_ms));
        }
        count
    }

    /// The entry that a producer has added under a name, unless the name's time is up.
    pub fn find(&self, producer: &[u8], name: &[u8], now_ms: u64) -> Option<Id> {
        self.kept(producer, name).filter(|id| !self.limits.is_over(*id, now_ms))
    }

    /// Notes that a producer has added an entry under a name. What the entry's own time shows to be old goes, some of it, and the
    /// producer's oldest names beyond the limit. No clock is asked, so it comes out the same whenever it is done again.
    pub fn record(&mut self, named: Named<'_>) {
        self.forget_old(named.id.ms, FORGOTTEN_AT_ONCE);
        self.insert(named);
        self.added = self.added.saturating_add(1);
    }

    /// Takes a name over, from a file.
    pub fn insert(&mut self, named: Named<'_>) {
        if let Some(id) = self.kept(named.producer, named.name) {
            self.forget(Named { id, ..named });
        }
        self.names.insert(&named.whole_name());
        self.order.insert(&named.order_key());
        self.ages.insert(&named.age_key());
        let first = self.order.lower_bound(&counted(named.producer));
        while self.behind(named.producer) - first > self.limits.max_names as usize {
            self.forget_at(first);
        }
    }

    /// Changes the limits. If they are others than before, all names are forgotten, as in Redis.
    pub fn set_limits(&mut self, limits: Limits) {
        if limits != self.limits {
            *self = Self { added: self.added, duplicates: self.duplicates, ..Self::new(limits) };
        }
    }

    /// All names that are kept, by their producers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Named<'_>> {
        let count = self.order.len();
        (0..count).map(|at| named_of(self.order.get(at).expect("the position is there")))
    }

    /// Bytes of memory.
    pub fn allocated_bytes(&self) -> usize {
        let trees = [&self.names, &self.order, &self.ages];
        size_of::<Self>() + trees.into_iter().map(Ordered::allocated_bytes).sum::<usize>()
    }

    /// The entry of a name that is kept, whether or not its time is up.
    fn kept(&self, producer: &[u8], name: &[u8]) -> Option<Id> {
        let key = Named { producer, name, id: Id::MIN }.name_key();
        let element = self.names.get(self.names.lower_bound(&key))?;
        element.strip_prefix(&key[..]).filter(|rest| rest.len() == Id::BYTES).map(Id::of_bytes)
    }

    /// How many names are old.
    fn old(&self, now_ms: u64) -> usize {
        let Some(oldest_ms) = now_ms.checked_sub(self.limits.duration_ms()) else { return 0 };
        let first = oldest_ms.checked_add(1).map(|ms| Id::new(ms, 0));
        first.map_or(self.ages.len(), |first| self.ages.lower_bound(&first.to_bytes()))
    }

    /// The position behind the names of a producer.
    fn behind(&self, producer: &[u8]) -> usize {
        // No ID, of which there are 16 bytes, is as great as these.
        let mut beyond = counted(producer);
        beyond.extend([0xff; Id::BYTES + 1]);
        self.order.lower_bound(&beyond)
    }

    fn forget_old(&mut self, now_ms: u64, most: usize) {
        for _ in 0..self.old(now_ms).min(most) {
            let oldest = self.ages.get(0).expect("there are old ones");
            let (id, producer) = oldest.split_at(Id::BYTES);
            let key = [&counted(producer), id].concat();
            self.forget_at(self.order.lower_bound(&key));
        }
    }

    /// Forgets the name at a position of the order.
    fn forget_at(&mut self, at: usize) {
        let element = self.order.get(at).expect("the position is there").to_vec();
        self.forget(named_of(&element));
    }

    fn forget(&mut self, named: Named<'_>) {
        self.order.remove(&named.order_key());
        self.ages.remove(&named.age_key());
        self.names.remove(&named.whole_name());
    }
}

/// The length of the producer at the beginning of an element.
fn length(element: &[u8]) -> usize {
    u32::from_be_bytes(*element.first_chunk().expect("an element is whole")) as usize
}

/// An element of the order.
fn named_of(element: &[u8]) -> Named<'_> {
    let (producer, rest) = element[4..].split_at(length(element));
    let (id, name) = rest.split_at(Id::BYTES);
    Named { producer, name, id: Id::of_bytes(id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(producer: &'static [u8], name: &'static [u8], ms: u64) -> Named<'static> {
        Named { producer, name, id: Id::new(ms, 0) }
    }

    #[test]
    fn the_oldest_names_of_a_producer_and_those_whose_time_is_up_do_not_count() {
        let mut producers = Producers::new(Limits { duration_s: 1, max_names: 2 });
        for one in [named(b"p", b"a", 1), named(b"q", b"a", 2), named(b"p", b"b", 3), named(b"p", b"c", 4)] {
            producers.record(one);
        }
        assert_eq!(producers.find(b"p", b"a", 4), None);
        assert_eq!(producers.find(b"p", b"c", 4), Some(Id::new(4, 0)));
        assert_eq!((producers.len(4), producers.count(4), producers.added), (3, 2, 4));
        assert_eq!(producers.find(b"q", b"a", 1001), Some(Id::new(2, 0)));
        assert_eq!(producers.find(b"q", b"a", 1002), None);
        assert_eq!((producers.len(1002), producers.count(1002)), (2, 1));
        assert_eq!((producers.len(u64::MAX), producers.count(u64::MAX)), (0, 0));
        producers.record(named(b"q", b"d", 1003));
        assert_eq!(producers.iter().collect::<Vec<_>>(), [named(b"p", b"c", 4), named(b"q", b"d", 1003)]);
        producers.set_limits(Limits { duration_s: 1, max_names: 2 });
        assert_eq!(producers.len(1003), 2);
        producers.set_limits(Limits { duration_s: 2, max_names: 2 });
        assert_eq!((producers.len(1003), producers.added), (0, 5));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        #[test]
        fn names_are_kept_as_a_list_would_keep_them(
            adds in prop::collection::vec((0_usize..4, 0_usize..6, 0_u64..40), 0..80),
            max_names in 1_u32..4,
        ) {
            const TEXTS: [&[u8]; 6] = [b"", b"a", b"aa", b"\xff", b"\xff\xff\xff\xff", b"b"];
            let limits = Limits { duration_s: 1, max_names };
            let mut producers = Producers::new(limits);
            let mut model: Vec<(usize, usize, Id)> = Vec::new();
            let mut now_ms = 0;
            for (producer, name, later_ms) in adds {
                now_ms += later_ms * 10 + 1;
                let id = Id::new(now_ms, 0);
                model.retain(|one| !limits.is_over(one.2, now_ms));
                let known = model.iter().find(|one| (one.0, one.1) == (producer, name)).map(|one| one.2);
                prop_assert_eq!(producers.find(TEXTS[producer], TEXTS[name], now_ms), known);
                if known.is_none() {
                    producers.record(Named { producer: TEXTS[producer], name: TEXTS[name], id });
                    model.push((producer, name, id));
                    let own = model.iter().filter(|one| one.0 == producer).count();
                    if own > max_names as usize {
                        let oldest = model.iter().position(|one| one.0 == producer).expect("there are some");
                        model.remove(oldest);
                    }
                }
                prop_assert_eq!(producers.len(now_ms), model.len());
                let mut distinct: Vec<usize> = model.iter().map(|one| one.0).collect();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(producers.count(now_ms), distinct.len());
                prop_assert!(producers.iter().len() <= 4 * max_names as usize);
                let copy = producers.iter().fold(Producers::new(limits), |mut copy, named| {
                    copy.insert(named);
                    copy
                });
                prop_assert!(copy.iter().eq(producers.iter()));
            }
        }
    }
}
