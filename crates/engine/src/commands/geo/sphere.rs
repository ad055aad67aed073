//! Distances on the earth, taken for a sphere: the haversine formula, as Redis computes it.

/// The quadratic mean of the earth's radius, in metres.
const RADIUS_M: f64 = 6_372_797.560_856;
/// Longitudes that differ by less, about six nanometres, are the same.
const SAME_LONGITUDE: f64 = 1e-15;

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

/// Degrees as radians. Not the method of the standard library, whose factor is rounded in another way.
pub(super) fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

/// Radians as degrees.
pub(super) fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

/// The angle, in degrees, of an arc of some metres.
pub(super) fn angle_of(metres: f64) -> f64 {
    degrees(metres / RADIUS_M)
}

/// The same along a circle of latitude, which is shorter.
pub(super) fn angle_at(metres: f64, latitude: f64) -> f64 {
    degrees(metres / RADIUS_M / radians(latitude).cos())
}

/// The distance between two latitudes in metres.
pub(super) fn latitude_distance(one: f64, other: f64) -> f64 {
    RADIUS_M * (radians(other) - radians(one)).abs()
}

/// The distance between two places in metres.
pub(super) fn distance(one: Point, other: Point) -> f64 {
    let v = ((radians(other.longitude) - radians(one.longitude)) / 2.0).sin();
    if v.abs() <= SAME_LONGITUDE {
        return latitude_distance(one.latitude, other.latitude);
    }
    let (one_latitude, other_latitude) = (radians(one.latitude), radians(other.latitude));
    let u = ((other_latitude - one_latitude) / 2.0).sin();
    let a = u * u + one_latitude.cos() * other_latitude.cos() * v * v;
    2.0 * RADIUS_M * a.sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_redis() {
        let point = |longitude, latitude| Point { longitude, latitude };
        let palermo = point(13.361_389_338_970_184, 38.115_556_395_496_3);
        let catania = point(15.087_267_458_438_873, 37.502_668_423_331_62);
        assert_eq!(format!("{:.4}", distance(palermo, catania)), "166274.1516");
        assert_eq!(distance(palermo, palermo).to_bits(), 0.0_f64.to_bits());
        assert_eq!(format!("{:.0}", distance(point(0.0, -85.0), point(0.0, 85.0))), "18908471");
        assert_eq!(format!("{:.0}", distance(point(0.0, 0.0), point(180.0, 0.0))), "20020734");
    }
}
