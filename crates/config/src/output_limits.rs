//! `client-output-buffer-limit`: how much a client may leave unread, for each class of clients.

use std::borrow::Cow;
use std::fmt;

use stdx::number::parse_i64;

/// The limits of one class. A limit of 0 does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Pending bytes at which the client is disconnected at once.
    pub hard_bytes: u64,
    /// Pending bytes at which it is disconnected after `soft_seconds`.
    pub soft_bytes: u64,
    /// How long it may stay above `soft_bytes`.
    pub soft_seconds: i64,
}

/// The limits of the three classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Clients, including those of MONITOR.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Clients that are subscribed to a channel.
    pub pubsub: OutputLimit,
}

impl OutputLimits {
    /// Takes groups of class, hard limit, soft limit and seconds. Classes that are not named keep their limits, and nothing
    /// changes when one group is wrong.
    pub(crate) fn with(mut self, words: &[&[u8]]) -> Result<Self, Cow<'static, str>> {
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        for group in words.chunks_exact(4) {
            let class = self
                .class_mut(group[0])
                .ok_or("Invalid client class specified in buffer limit configuration.")?;
            *class = parse_limit(group)
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        }
        Ok(self)
    }

    /// Each class with the name that files use and its limits.
    pub(crate) fn classes(&self) -> [(&'static str, OutputLimit); 3] {
        [("normal", self.normal), ("replica", self.replica), ("pubsub", self.pubsub)]
    }

    fn class_mut(&mut self, name: &[u8]) -> Option<&mut OutputLimit> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Some(&mut self.normal),
            b"replica" | b"slave" => Some(&mut self.replica),
            b"pubsub" => Some(&mut self.pubsub),
            _ => None,
        }
    }
}

fn parse_limit(group: &[&[u8]]) -> Option<OutputLimit> {
    Some(OutputLimit {
        hard_bytes: stdx::size::parse(group[1])?,
        soft_bytes: stdx::size::parse(group[2])?,
        soft_seconds: parse_i64(group[3]).filter(|&seconds| seconds >= 0)?,
    })
}

/// The text of CONFIG GET, which still says `slave`.
impl fmt::Display for OutputLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = [("normal", self.normal), (" slave", self.replica), (" pubsub", self.pubsub)];
        classes.iter().try_for_each(|(name, limit)| {
            write!(f, "{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
        })
    }
}
