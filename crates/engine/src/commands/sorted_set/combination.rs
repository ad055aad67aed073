//! The combination of sorted sets and sets, in the making: at once, or in steps.
//!
//! At once the scores of a union are gathered in a table, sorted and built into a sorted set. In steps they are added to
//! the result one by one, which is slower but never makes anybody wait: a table of half a million members that grows, or a
//! sort of them, is itself a step of many milliseconds.

use std::collections::HashMap;

use value::ZSet;
use value::set::Member;
use value::zset::{Builder, Rule, Scores, Settings, ZSetEdit};

use super::input::Input;
use crate::computing::{FEW_ELEMENTS, STEP_ELEMENTS};
use crate::slices::Progress;

/// What is made of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the scores that a member has in several inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Min,
    Max,
    /// Scores do not matter: each input gives its weight.
    Count,
}

impl Aggregate {
    /// The score of a member with one more score, which may be NaN.
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Min => left.min(right),
            Self::Max => left.max(right),
            Self::Sum | Self::Count => {
                let sum = left + right;
                // Infinities of both signs make zero, and so does NaN, whatever was there before.
                if sum.is_nan() { 0.0 } else { sum }
            }
        }
    }

    /// The same for a member of a sorted set, which may not be there yet; the score is a number.
    fn add(self, edit: &mut ZSetEdit<'_>, member: &[u8], score: f64) {
        let rule = match self {
            Self::Sum | Self::Count => Rule { is_increment: true, ..Rule::default() },
            Self::Min => Rule { scores: Scores::Less, ..Rule::default() },
            Self::Max => Rule { scores: Scores::Greater, ..Rule::default() },
        };
        if edit.add(member, score, rule).is_err() {
            edit.add(member, 0.0, Rule::default()).expect("zero is a number");
        }
    }
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Combination {
    operation: Operation,
    pub(super) aggregate: Aggregate,
    /// As they were asked for.
    pub(super) inputs: Vec<Input>,
    /// In which order they are walked, or looked into.
    order: Vec<usize>,
    /// The input that is walked, and how far.
    at: usize,
    cursor: u64,
    result: ZSet,
    settings: Settings,
    scratch: Vec<u8>,
}

impl Combination {
    pub(super) fn new(operation: Operation, inputs: Vec<Input>, settings: Settings) -> Self {
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        if operation != Operation::Difference {
            // From the smallest on; in this order scores are summed up, too.
            order.sort_by_key(|&index| inputs[index].len());
        }
        Self {
            operation,
            aggregate: Aggregate::Sum,
            inputs,
            order,
            at: 0,
            cursor: 0,
            result: ZSet::new(),
            settings,
            scratch: Vec::new(),
        }
    }

    /// Whether it takes no longer than other commands do.
    pub(super) fn is_small(&self) -> bool {
        self.inputs.iter().map(Input::len).sum::<usize>() <= FEW_ELEMENTS
    }

    /// Looks at some members.
    pub(super) fn step(&mut self) -> Progress {
        let Self { operation, aggregate, inputs, order, at, cursor, result, settings, scratch } = self;
        let walked = if *operation == Operation::Union { inputs.len() } else { 1 };
        let others: Vec<&Input> = order[1..].iter().map(|&index| &inputs[index]).collect();
        let (mut seen, count) = (0, share(*operation, inputs.len()));
        result.edit(scratch, *settings, |edit| {
            while seen < count && *at < walked {
                let input = &inputs[order[*at]];
                *cursor = input.walk(*cursor, count - seen, &mut |member, score| {
                    seen += 1;
                    match operation {
                        Operation::Union => aggregate.add(edit, member, score),
                        Operation::Intersection => {
                            if let Some(score) = common_score(&others, *aggregate, member, score) {
                                aggregate.add(edit, member, score);
                            }
                        }
                        Operation::Difference => {
                            if is_in_none(&others, member) {
                                aggregate.add(edit, member, score);
                            }
                        }
                    }
                });
                seen += 1; // an input without members, or an empty page of one, is a look as well
                *at += usize::from(*cursor == 0);
            }
        });
        if *at < walked { Progress::More } else { Progress::Done }
    }

    /// Does what is left; all at once if nothing has been done yet.
    pub(super) fn complete(&mut self) {
        if (self.at, self.cursor) == (0, 0) {
            self.result = self.at_once();
            self.at = self.inputs.len();
        }
        while self.step() == Progress::More {}
    }

    /// The result, when all is done.
    pub(super) fn finish(&mut self) -> ZSet {
        std::mem::take(&mut self.result)
    }

    fn at_once(&self) -> ZSet {
        let inputs: Vec<&Input> = self.order.iter().map(|&index| &self.inputs[index]).collect();
        let (first, others) = inputs.split_first().expect("there is an input");
        let aggregate = self.aggregate;
        let builder: Builder = match self.operation {
            Operation::Union => {
                let mut scores: HashMap<Member<'_>, f64> = HashMap::new();
                for (member, score) in inputs.iter().flat_map(|input| input.iter()) {
                    scores
                        .entry(member)
                        .and_modify(|sum| *sum = aggregate.apply(*sum, score))
                        .or_insert(score);
                }
                scores.into_iter().collect()
            }
            Operation::Intersection => first
                .iter()
                .filter_map(|(member, score)| {
                    Some((common_score(others, aggregate, &member, score)?, member))
                })
                .map(|(score, member)| (member, score))
                .collect(),
            Operation::Difference => first.iter().filter(|(member, _)| is_in_none(others, member)).collect(),
        };
        builder.finish(self.settings).expect("each member is found once")
    }
}

/// How many members a step looks at: fewer if each is looked up in many inputs.
fn share(operation: Operation, inputs: usize) -> usize {
    let looks = if operation == Operation::Union { 1 } else { inputs };
    (STEP_ELEMENTS / looks).max(1)
}

/// The score of a member that is in all other inputs, too.
pub(super) fn common_score(
    others: &[&Input],
    aggregate: Aggregate,
    member: &[u8],
    score: f64,
) -> Option<f64> {
    let mut scores = others.iter().map(|other| other.score(member));
    scores.try_fold(score, |sum, score| Some(aggregate.apply(sum, score?)))
}

fn is_in_none(others: &[&Input], member: &[u8]) -> bool {
    others.iter().all(|other| other.score(member).is_none())
}

/// How many members all inputs have, in the making.
#[derive(Debug)]
pub(super) struct Intersecting {
    /// The smallest one first.
    inputs: Vec<Input>,
    cursor: u64,
    count: usize,
    /// Where counting may end.
    most: usize,
}

impl Intersecting {
    pub(super) fn new(mut inputs: Vec<Input>, most: usize) -> Self {
        inputs.sort_by_key(Input::len);
        Self { inputs, cursor: 0, count: 0, most }
    }

    pub(super) fn is_small(&self) -> bool {
        self.inputs.iter().map(Input::len).sum::<usize>() <= FEW_ELEMENTS
    }

    pub(super) fn step(&mut self) -> Progress {
        let (smallest, others) = self.inputs.split_first().expect("there is an input");
        let count = share(Operation::Intersection, self.inputs.len());
        self.cursor = smallest.walk(self.cursor, count, &mut |member, _| {
            self.count += usize::from(others.iter().all(|other| other.score(member).is_some()));
        });
        if self.cursor != 0 && self.count < self.most { Progress::More } else { Progress::Done }
    }

    pub(super) fn count(&self) -> usize {
        self.count.min(self.most)
    }
}
