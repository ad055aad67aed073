//! Geohashes: the earth in cells that are halved again and again, by latitude and longitude in turn.
//!
//! ```text
//!   bits of a cell of n steps:  lon lat lon lat ..  2n of them, each pair a quarter of the cell before
//!   ┌────┬────┐
//!   │ 01 │ 11 │   A cell's bits are the beginning of those of all cells inside it, so a cell is one range of
//!   ├────┼────┤   the numbers that its places have with all 26 steps: 52 bits.
//!   │ 00 │ 10 │
//!   └────┴────┘
//! ```
//! The arithmetic is that of Redis, operation by operation, because its results are scores that clients and files hold.

use super::sphere::Point;

/// The steps of a place: 52 bits, which a double holds exactly.
pub(super) const MAX_STEPS: u32 = 26;
/// The longitudes of a place.
pub(super) const LONGITUDES: Span = Span { min: -180.0, max: 180.0 };
/// The latitudes of a place: as far as the map of the web goes, which leaves out the poles.
pub(super) const LATITUDES: Span = Span { min: -85.051_128_78, max: 85.051_128_78 };
/// All latitudes, for geohashes as others write them.
const ALL_LATITUDES: Span = Span { min: -90.0, max: 90.0 };

const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Characters of a geohash as text.
const TEXT_BYTES: usize = 11;

/// The bits of longitudes, and of latitudes.
const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const EVEN: u64 = 0x5555_5555_5555_5555;

/// From a number to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) min: f64,
    pub(super) max: f64,
}

/// A cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    bits: u64,
    steps: u32,
}

/// What a cell covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) longitude: Span,
    pub(super) latitude: Span,
}

impl Span {
    pub(super) fn contains(self, value: f64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    /// Which of `2^steps` equal parts a value is in.
    fn part_of(self, value: f64, steps: u32) -> u32 {
        ((value - self.min) / (self.max - self.min) * (1_u64 << steps) as f64) as u32
    }

    /// One of `2^steps` equal parts.
    fn part(self, index: u32, steps: u32) -> Self {
        let at = |index: u32| self.min + (f64::from(index) / (1_u64 << steps) as f64) * (self.max - self.min);
        Self { min: at(index), max: at(index.wrapping_add(1)) }
    }

    fn middle(self) -> f64 {
        f64::midpoint(self.min, self.max)
    }
}

impl Cell {
    /// The cell of a place, which is within [`LONGITUDES`] and [`LATITUDES`].
    pub(super) fn of(point: Point, steps: u32) -> Self {
        Self::within(LATITUDES, point, steps)
    }

    fn within(latitudes: Span, point: Point, steps: u32) -> Self {
        let latitude = latitudes.part_of(point.latitude, steps);
        let longitude = LONGITUDES.part_of(point.longitude, steps);
        Self { bits: spread(latitude) | spread(longitude) << 1, steps }
    }

    /// The smallest cell with a score. Scores that were not made of places give some cell, too.
    fn of_score(score: f64) -> Self {
        // As a processor converts that knows signed numbers only.
        const HALF: f64 = 9_223_372_036_854_775_808.0;
        let bits = match score {
            score if score < HALF => (score as i64).cast_unsigned(),
            score if score < 2.0 * HALF => score as u64,
            _ => 0,
        };
        Self { bits, steps: MAX_STEPS }
    }

    /// The score of the smallest cell.
    pub(super) fn score(self) -> f64 {
        self.scores().0 as f64
    }

    /// The scores of the places in the cell: from the first number up to, and without, the second.
    pub(super) fn scores(self) -> (u64, u64) {
        let shift = 2 * (MAX_STEPS - self.steps);
        (self.bits << shift, (self.bits + 1) << shift)
    }

    /// What the cell covers.
    pub(super) fn bounds(self) -> Bounds {
        Bounds {
            longitude: LONGITUDES.part(gather(self.bits >> 1), self.steps),
            latitude: LATITUDES.part(gather(self.bits), self.steps),
        }
    }

    /// The cell so many cells to the east and to the north, around the earth if need be.
    pub(super) fn neighbour(self, east: i64, north: i64) -> Self {
        let used = u64::MAX >> (64 - 2 * self.steps);
        // With ones in all bits between, a carry passes from bit to bit of one direction.
        let moved = |bits: u64, mine: u64, by: i64| {
            let others = !mine & used;
            match by {
                1.. => ((bits & mine) + others + 1) & mine & used,
                0 => bits & mine,
                ..0 => ((bits & mine | others).wrapping_sub(others + 1)) & mine & used,
            }
        };
        Self { bits: moved(self.bits, ODD, east) | moved(self.bits, EVEN, north), steps: self.steps }
    }
}

/// The place with a score.
pub(super) fn place_of(score: f64) -> Point {
    let bounds = Cell::of_score(score).bounds();
    Point {
        longitude: bounds.longitude.middle().clamp(LONGITUDES.min, LONGITUDES.max),
        latitude: bounds.latitude.middle().clamp(LATITUDES.min, LATITUDES.max),
    }
}

/// The geohash as others write it: of all latitudes, 50 bits of it, and a zero where the text has room for more.
pub(super) fn text_of(point: Point) -> [u8; TEXT_BYTES] {
    let bits = Cell::within(ALL_LATITUDES, point, MAX_STEPS).bits;
    let mut text = [ALPHABET[0]; TEXT_BYTES];
    for (index, character) in text[..TEXT_BYTES - 1].iter_mut().enumerate() {
        *character = ALPHABET[(bits >> (52 - 5 * (index + 1))) as usize & 31];
    }
    text
}

/// The bits of a number with a gap behind each.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, EVEN),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Every second bit, from the lowest on.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & EVEN;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(longitude: f64, latitude: f64) -> Point {
        Point { longitude, latitude }
    }

    #[test]
    fn scores_and_texts_are_those_of_redis() {
        for (longitude, latitude, score, text) in [
            (13.361_389, 38.115_556, 3_479_099_956_230_698.0, "sqc8b49rny0"),
            (15.087_269, 37.502_669, 3_479_447_370_796_909.0, "sqdtr74hyu0"),
            (-180.0, -85.051_128_78, 0.0, "00bh0hbj200"),
        ] {
            let cell = Cell::of(point(longitude, latitude), MAX_STEPS);
            assert_eq!(cell.score().to_bits(), f64::to_bits(score));
            assert_eq!(text_of(place_of(score)), *text.as_bytes());
        }
    }

    #[test]
    fn a_place_comes_back_within_its_cell() {
        let cell = Cell::of(point(13.361_389, 38.115_556), MAX_STEPS);
        let back = place_of(cell.score());
        assert_eq!(back.longitude.to_bits(), 13.361_389_338_970_184_f64.to_bits());
        assert_eq!(back.latitude.to_bits(), 38.115_556_395_496_3_f64.to_bits());
        assert_eq!(Cell::of(back, MAX_STEPS), cell);
    }

    #[test]
    fn bits_are_spread_and_gathered() {
        for number in [0, 1, 2, 0xffff_ffff, 0x1234_5678, 1 << 26] {
            assert_eq!(gather(spread(number)), number);
            assert_eq!(gather(spread(number) << 1), 0);
        }
    }

    #[test]
    fn neighbours_are_found_around_the_earth() {
        for steps in 1..=8 {
            let side = 1_i64 << steps;
            let cell_at = |x: i64, y: i64| Cell {
                bits: spread(y.rem_euclid(side) as u32) | spread(x.rem_euclid(side) as u32) << 1,
                steps,
            };
            for (x, y) in [(0, 0), (side - 1, side - 1), (side / 2, side / 3), (1, side - 1)] {
                for (east, north) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1), (0, 0)] {
                    assert_eq!(cell_at(x, y).neighbour(east, north), cell_at(x + east, y + north));
                }
            }
        }
    }

    #[test]
    fn any_score_is_some_place() {
        for score in
            [f64::NEG_INFINITY, -1e300, -1.0, 0.5, 4_503_599_627_370_496.0, 1e19, 1e300, f64::INFINITY]
        {
            let place = place_of(score);
            assert!(LONGITUDES.contains(place.longitude) && LATITUDES.contains(place.latitude));
        }
    }
}
