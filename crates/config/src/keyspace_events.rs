//! `notify-keyspace-events`: a set of event classes, written as letters.

use std::fmt;

/// The letters, each with its bit below. `A` stands for all of [`KeyspaceEvents::ALL`].
const LETTERS: &[u8] = b"g$lshzxetdnKEmocSTIV";
/// How many of the letters `A` stands for.
const IN_ALL: usize = 10;

/// A set of event classes: bit `i` is the i-th of `g$lshzxetdnKEmocSTIV`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceEvents(pub u32);

impl KeyspaceEvents {
    /// `g`: commands that work on any type.
    pub const GENERIC: Self = Self(1);
    /// `$`: strings.
    pub const STRING: Self = Self(1 << 1);
    /// `l`: lists.
    pub const LIST: Self = Self(1 << 2);
    /// `s`: sets.
    pub const SET: Self = Self(1 << 3);
    /// `h`: hashes.
    pub const HASH: Self = Self(1 << 4);
    /// `z`: sorted sets.
    pub const SORTED_SET: Self = Self(1 << 5);
    /// `x`: expired keys.
    pub const EXPIRED: Self = Self(1 << 6);
    /// `e`: evicted keys.
    pub const EVICTED: Self = Self(1 << 7);
    /// `t`: streams.
    pub const STREAM: Self = Self(1 << 8);
    /// `d`: types of modules.
    pub const MODULE: Self = Self(1 << 9);
    /// `A`: all of the above.
    pub const ALL: Self = Self((1 << IN_ALL) - 1);
    /// `n`: new keys.
    pub const NEW: Self = Self(1 << 10);
    /// `K`: publish to the channel of the key.
    pub const KEYSPACE: Self = Self(1 << 11);
    /// `E`: publish to the channel of the event.
    pub const KEYEVENT: Self = Self(1 << 12);
    /// `m`: keys looked for and missed.
    pub const MISSED: Self = Self(1 << 13);
    /// `o`: keys whose whole value was replaced.
    pub const OVERWRITTEN: Self = Self(1 << 14);
    /// `c`: keys that got a value of another type.
    pub const TYPE_CHANGED: Self = Self(1 << 15);
    /// `S`: publish subkeys to the channel of the key.
    pub const SUBKEYSPACE: Self = Self(1 << 16);
    /// `T`: publish subkeys to the channel of the event.
    pub const SUBKEYEVENT: Self = Self(1 << 17);
    /// `I`: publish to the channel of each subkey of the key.
    pub const SUBKEYSPACEITEM: Self = Self(1 << 18);
    /// `V`: publish subkeys to the channel of the event on the key.
    pub const SUBKEYSPACEEVENT: Self = Self(1 << 19);

    /// `KE`: the channels that tell of keys.
    pub const CHANNELS: Self = Self(Self::KEYSPACE.0 | Self::KEYEVENT.0);
    /// `STIV`: the channels that tell of subkeys. Without any channel nothing is published.
    pub const SUBKEY_CHANNELS: Self = Self(0b1111 << 16);
    /// The bits that a set may have.
    pub const BITS: u32 = LETTERS.len() as u32;

    /// Whether some class of `other` is in this set.
    pub fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all classes of `other` are in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set written as letters; `None` if one of them is unknown.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        text.iter().try_fold(Self::default(), |set, &letter| match letter {
            b'A' => Some(Self(set.0 | Self::ALL.0)),
            _ => LETTERS.iter().position(|&known| known == letter).map(|bit| Self(set.0 | 1 << bit)),
        })
    }
}

impl fmt::Display for KeyspaceEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.contains(Self::ALL);
        if all {
            f.write_str("A")?;
        }
        let shown = LETTERS.iter().enumerate().skip(if all { IN_ALL } else { 0 });
        shown
            .filter(|(bit, _)| self.0 & 1 << bit != 0)
            .try_for_each(|(_, &letter)| write!(f, "{}", char::from(letter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_printed_in_redis_order_and_all_is_one_letter() {
        for (text, printed) in [
            ("", ""),
            ("AKE", "AKE"),
            ("KEg$lshzxetd", "AKE"),
            ("mKAE", "AKEm"),
            // Redis shows no `n` behind an `A`, and its CONFIG REWRITE loses it.
            ("cnKoAE", "AnKEoc"),
            ("n$hxEe$", "$hxenE"),
            ("zEedmmsnlKhE", "lshzednKEm"),
            ("xE", "xE"),
            ("KA", "AK"),
            ("lKg", "glK"),
            ("VIThS", "hSTIV"),
            ("VKA", "AKV"),
        ] {
            assert_eq!(
                KeyspaceEvents::parse(text.as_bytes()).map(|set| set.to_string()).as_deref(),
                Some(printed)
            );
        }
        assert_eq!(KeyspaceEvents::parse(b"KQ"), None);
    }
}
