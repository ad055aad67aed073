//! Places, distances and units as they are written.

use stdx::number::parse_f64;

use super::cell::{LATITUDES, LONGITUDES};
use super::sphere::Point;
use crate::args::Cursor;
use crate::error::Error;

/// A unit of distances: how many metres it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit(pub(super) f64);

impl Unit {
    /// The unit of distances that name none.
    pub(super) const METRE: Self = Self(1.0);

    /// The unit with a name, in any case.
    pub(super) fn parse(name: &[u8]) -> Result<Self, Error> {
        let known: [(&[u8], f64); 4] = [(b"m", 1.0), (b"km", 1000.0), (b"ft", 0.3048), (b"mi", 1609.34)];
        let found = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found
            .map(|(_, metres)| Self(metres))
            .ok_or(Error::Static("ERR unsupported unit provided. please use M, KM, FT, MI"))
    }
}

/// The next two arguments as a place.
pub(super) fn point(cursor: &mut Cursor<'_>) -> Result<Point, Error> {
    let mut coordinate = || parse_f64(cursor.next_required()?).ok_or(Error::NotFloat);
    let (longitude, latitude) = (coordinate()?, coordinate()?);
    if !LONGITUDES.contains(longitude) || !LATITUDES.contains(latitude) {
        return Err(Error::Text(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}")));
    }
    Ok(Point { longitude, latitude })
}

/// The next two arguments as a radius and its unit.
pub(super) fn radius(cursor: &mut Cursor<'_>) -> Result<(f64, Unit), Error> {
    let radius = parse_f64(cursor.next_required()?).ok_or(Error::Static("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(Error::Static("ERR radius cannot be negative"));
    }
    Ok((radius, Unit::parse(cursor.next_required()?)?))
}

/// The next three arguments as a width, a height and their unit.
pub(super) fn rectangle(cursor: &mut Cursor<'_>) -> Result<(f64, f64, Unit), Error> {
    let width = parse_f64(cursor.next_required()?).ok_or(Error::Static("ERR need numeric width"))?;
    let height = parse_f64(cursor.next_required()?).ok_or(Error::Static("ERR need numeric height"))?;
    if height < 0.0 || width < 0.0 {
        return Err(Error::Static("ERR height or width cannot be negative"));
    }
    Ok((width, height, Unit::parse(cursor.next_required()?)?))
}
