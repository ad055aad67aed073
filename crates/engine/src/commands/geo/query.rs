//! What a search is asked for: the middle, the shape around it, and what is shown or stored.

use stdx::number::parse_i64;
use value::ZSetRef;

use super::arguments::{Unit, point, radius, rectangle};
use super::cell::place_of;
use super::shape::Shape;
use super::sphere::Point;
use crate::args::{Args, Cursor};
use crate::error::Error;

/// The fewest corners of a polygon.
const MIN_VERTICES: usize = 3;

/// Which command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A circle around a place, as arguments in fixed order; with `stores` options may name a target.
    Radius { stores: bool },
    /// The same around a member.
    RadiusByMember { stores: bool },
    /// Everything by options.
    Search,
    /// The same, and the target is the first argument.
    SearchStore,
}

/// Where the middle is.
#[derive(Debug, Clone, Copy)]
enum Origin {
    Place(Point),
    /// That of a member of a key that is not there; nothing will be found.
    Nowhere,
}

/// What is looked for around it.
#[derive(Debug, Clone)]
enum Extent {
    Circle(f64),
    Box(f64, f64),
    Polygon(Vec<Point>),
}

/// In which order what is found is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    None,
    NearestFirst,
    FarthestFirst,
}

/// A search as it was asked for.
#[derive(Debug)]
pub(super) struct Query {
    origin: Option<Origin>,
    extent: Option<(Extent, Unit)>,
    pub(super) sort: Sort,
    /// The most places; 0 = all.
    pub(super) count: usize,
    /// Whether any so many places will do, not the nearest.
    pub(super) any: bool,
    pub(super) with_distance: bool,
    pub(super) with_hash: bool,
    pub(super) with_place: bool,
    /// The argument that names the target.
    pub(super) target: Option<usize>,
    pub(super) stores_distance: bool,
}

impl Query {
    pub(super) fn parse(args: &Args<'_>, form: Form, zset: Option<ZSetRef<'_>>) -> Result<Self, Error> {
        let mut query = Self {
            origin: None,
            extent: None,
            sort: Sort::None,
            count: 0,
            any: false,
            with_distance: false,
            with_hash: false,
            with_place: false,
            target: None,
            stores_distance: false,
        };
        let mut cursor = args.cursor(2);
        match form {
            Form::Radius { .. } => {
                query.origin = Some(Origin::Place(point(&mut cursor)?));
                query.set_circle(&mut cursor)?;
            }
            Form::RadiusByMember { .. } => {
                query.origin = Some(origin(zset, cursor.next_required()?)?);
                // Without the key a radius is not looked at.
                if zset.is_some() {
                    query.set_circle(&mut cursor)?;
                } else {
                    cursor = args.cursor(5);
                }
            }
            Form::Search => {}
            Form::SearchStore => {
                query.target = Some(1);
                cursor = args.cursor(3);
            }
        }
        while !cursor.is_done() {
            if !query.take_option(&mut cursor, form)? && !query.take_shape(&mut cursor, form, zset)? {
                return Err(Error::Syntax);
            }
        }
        query.check(args, form)?;
        Ok(query)
    }

    /// Takes an option that is not about the shape.
    fn take_option(&mut self, cursor: &mut Cursor<'_>, form: Form) -> Result<bool, Error> {
        let stores = matches!(form, Form::Radius { stores: true } | Form::RadiusByMember { stores: true });
        let has_more = cursor.left() > 1;
        if cursor.take("WITHDIST") {
            self.with_distance = true;
        } else if cursor.take("WITHHASH") {
            self.with_hash = true;
        } else if cursor.take("WITHCOORD") {
            self.with_place = true;
        } else if cursor.take("ANY") {
            self.any = true;
        } else if cursor.take("ASC") {
            self.sort = Sort::NearestFirst;
        } else if cursor.take("DESC") {
            self.sort = Sort::FarthestFirst;
        } else if has_more && cursor.take("COUNT") {
            let count = cursor.integer()?;
            self.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or(COUNT_RANGE)?;
        } else if stores && has_more && cursor.take("STORE") {
            self.set_target(cursor, false)?;
        } else if stores && has_more && cursor.take("STOREDIST") {
            self.set_target(cursor, true)?;
        } else if form == Form::SearchStore && cursor.take("STOREDIST") {
            self.stores_distance = true;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Takes an option about the shape. What was said already in another way is refused.
    fn take_shape(
        &mut self,
        cursor: &mut Cursor<'_>,
        form: Form,
        zset: Option<ZSetRef<'_>>,
    ) -> Result<bool, Error> {
        if !matches!(form, Form::Search | Form::SearchStore) {
            return Ok(false);
        }
        let left = cursor.left();
        let (no_origin, no_extent) = (self.origin.is_none(), self.extent.is_none());
        let is_polygon = self.is_polygon();
        if left > 1 && no_origin && !is_polygon && cursor.take("FROMMEMBER") {
            self.origin = Some(origin(zset, cursor.next_required()?)?);
        } else if left > 2 && no_origin && !is_polygon && cursor.take("FROMLONLAT") {
            self.origin = Some(Origin::Place(point(cursor)?));
        } else if left > 2 && no_extent && cursor.take("BYRADIUS") {
            self.set_circle(cursor)?;
        } else if left > 3 && no_extent && cursor.take("BYBOX") {
            let (width, height, unit) = rectangle(cursor)?;
            self.extent = Some((Extent::Box(width, height), unit));
        } else if left > 2 && no_extent && no_origin && cursor.take("BYPOLYGON") {
            self.extent = Some((Extent::Polygon(vertices(cursor)?), Unit::METRE));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn set_target(&mut self, cursor: &mut Cursor<'_>, stores_distance: bool) -> Result<(), Error> {
        (self.target, self.stores_distance) = (Some(cursor.position()), stores_distance);
        cursor.next_required().map(drop)
    }

    fn set_circle(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let (radius, unit) = radius(cursor)?;
        self.extent = Some((Extent::Circle(radius), unit));
        Ok(())
    }

    /// What must not be together, and what must not be missing.
    fn check(&self, args: &Args<'_>, form: Form) -> Result<(), Error> {
        let shows_more = self.with_distance || self.with_hash || self.with_place;
        if self.target.is_some() && shows_more {
            return Err(Error::Static(if form == Form::SearchStore {
                "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            } else {
                "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            }));
        }
        if matches!(form, Form::Search | Form::SearchStore) {
            let name = String::from_utf8_lossy(args.get(0));
            let is_polygon = self.is_polygon();
            if self.origin.is_none() && !is_polygon {
                return Err(Error::Text(format!(
                    "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
                )));
            }
            if self.extent.is_none() {
                return Err(Error::Text(format!(
                    "ERR exactly one of BYRADIUS and BYBOX can be specified for {name}"
                )));
            }
        }
        if self.any && self.count == 0 {
            return Err(Error::Static("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// Whether the places lie in a polygon. Before [`Self::shape`] takes it.
    pub(super) fn is_polygon(&self) -> bool {
        matches!(self.extent, Some((Extent::Polygon(_), _)))
    }

    /// The shape in metres, and the unit of distances; none if nothing can be found.
    pub(super) fn shape(&mut self) -> Option<(Shape, Unit)> {
        let (extent, unit) = self.extent.take()?;
        let shape = match (extent, self.origin) {
            (Extent::Polygon(vertices), _) => Shape::polygon(vertices),
            (Extent::Circle(radius), Some(Origin::Place(centre))) => Shape::circle(centre, radius * unit.0),
            (Extent::Box(width, height), Some(Origin::Place(centre))) => {
                Shape::rectangle(centre, width * unit.0, height * unit.0)
            }
            (_, Some(Origin::Nowhere) | None) => return None,
        };
        Some((shape, unit))
    }
}

const COUNT_RANGE: Error = Error::Static("ERR COUNT must be > 0");

/// The place of a member.
fn origin(zset: Option<ZSetRef<'_>>, member: &[u8]) -> Result<Origin, Error> {
    let Some(zset) = zset else { return Ok(Origin::Nowhere) };
    let score = zset.score(member).ok_or(Error::Static("ERR could not decode requested zset member"))?;
    Ok(Origin::Place(place_of(score)))
}

/// The corners of a polygon behind their number.
fn vertices(cursor: &mut Cursor<'_>) -> Result<Vec<Point>, Error> {
    let count = parse_i64(cursor.next_required()?).and_then(|count| i32::try_from(count).ok());
    let count = count.ok_or(Error::Static("ERR invalid number of vertices"))?;
    let count = usize::try_from(count).ok().filter(|&count| count >= MIN_VERTICES);
    let count = count.filter(|&count| count <= cursor.left() / 2);
    let count = count.ok_or(Error::Static("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"))?;
    (0..count).map(|_| point(cursor)).collect()
}
