//! What a search looks for: the places inside of a circle, a box or a polygon.

use super::cell::{Bounds, LATITUDES, LONGITUDES, Span};
use super::sphere::{Point, angle_at, angle_of, degrees, distance, latitude_distance, radians};

/// A shape, in metres, and where its middle is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub(super) centre: Point,
    form: Form,
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
    Polygon { vertices: Vec<Point> },
}

impl Shape {
    /// A circle around a place.
    pub(super) fn circle(centre: Point, radius: f64) -> Self {
        Self { centre, form: Form::Circle { radius } }
    }

    /// A box around a place.
    pub(super) fn rectangle(centre: Point, width: f64, height: f64) -> Self {
        Self { centre, form: Form::Box { width, height } }
    }

    /// A polygon, the last corner of which is joined with the first.
    pub(super) fn polygon(vertices: Vec<Point>) -> Self {
        Self { centre: centroid(&vertices), form: Form::Polygon { vertices } }
    }

    /// How far a place inside the shape is from the centre, in metres; none for a place outside.
    pub(super) fn distance_inside(&self, point: Point) -> Option<f64> {
        let is_inside = match &self.form {
            Form::Circle { radius } => {
                let distance = distance(self.centre, point);
                return (distance <= *radius).then_some(distance);
            }
            Form::Box { width, height } => {
                // Along the latitude of the place, not of the centre.
                let beside = Point { longitude: self.centre.longitude, latitude: point.latitude };
                latitude_distance(point.latitude, self.centre.latitude) <= height / 2.0
                    && distance(point, beside) <= width / 2.0
            }
            Form::Polygon { vertices } => is_within(vertices, point),
        };
        is_inside.then(|| distance(self.centre, point))
    }

    /// Longitudes and latitudes that hold the shape. They may go beyond those that there are.
    pub(super) fn bounds(&self) -> Bounds {
        let (width, height) = match &self.form {
            Form::Circle { radius } => (*radius, *radius),
            Form::Box { width, height } => (width / 2.0, height / 2.0),
            Form::Polygon { vertices } => return bounds_of(vertices),
        };
        let Point { longitude, latitude } = self.centre;
        let to_side = angle_of(height);
        // The edge that is nearer to a pole spans more degrees of longitude.
        let edge = if latitude < 0.0 { latitude - to_side } else { latitude + to_side };
        let to_end = angle_at(width, edge);
        Bounds {
            longitude: Span { min: longitude - to_end, max: longitude + to_end },
            latitude: Span { min: latitude - to_side, max: latitude + to_side },
        }
    }

    /// The radius, in metres, of a circle around the centre that holds the shape.
    pub(super) fn radius(&self) -> f64 {
        match &self.form {
            Form::Circle { radius } => *radius,
            Form::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
            Form::Polygon { vertices } => {
                let Bounds { longitude, latitude } = bounds_of(vertices);
                let corner = |longitude, latitude| distance(self.centre, Point { longitude, latitude });
                [
                    corner(longitude.min, latitude.max),
                    corner(longitude.max, latitude.max),
                    corner(longitude.min, latitude.min),
                    corner(longitude.max, latitude.min),
                ]
                .into_iter()
                .fold(0.0, f64::max)
            }
        }
    }
}

/// The middle of the corners, as points of a sphere.
fn centroid(vertices: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for vertex in vertices {
        let (longitude, latitude) = (radians(vertex.longitude), radians(vertex.latitude));
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    // Around a pole the middle can be where no place is.
    let latitude = degrees(f64::atan2(z, (x * x + y * y).sqrt())).clamp(LATITUDES.min, LATITUDES.max);
    Point { longitude: degrees(f64::atan2(y, x)), latitude }
}

fn bounds_of(vertices: &[Point]) -> Bounds {
    let span = |all: Span, of: fn(&Point) -> f64| {
        // From the wrong ends, so that the first corner moves both.
        vertices.iter().map(of).fold(Span { min: all.max, max: all.min }, |span, value| Span {
            min: span.min.min(value),
            max: span.max.max(value),
        })
    };
    Bounds {
        longitude: span(LONGITUDES, |point| point.longitude),
        latitude: span(LATITUDES, |point| point.latitude),
    }
}

/// Whether a ray from a place to the east crosses the edges an odd number of times. Edges are straight on the map.
fn is_within(vertices: &[Point], point: Point) -> bool {
    let before = vertices.iter().cycle().skip(vertices.len() - 1);
    let crossings = vertices.iter().zip(before).filter(|(one, other)| {
        let spans = (one.latitude > point.latitude) != (other.latitude > point.latitude);
        spans
            && point.longitude
                < (other.longitude - one.longitude) * (point.latitude - one.latitude)
                    / (other.latitude - one.latitude)
                    + one.longitude
    });
    crossings.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(longitude: f64, latitude: f64) -> Point {
        Point { longitude, latitude }
    }

    #[test]
    fn shapes_hold_what_is_inside() {
        let circle = Shape::circle(point(15.0, 37.0), 200_000.0);
        assert!(circle.distance_inside(point(13.361_389, 38.115_556)).is_some());
        assert!(circle.distance_inside(point(12.0, 38.0)).is_none());
        let flat = Shape::rectangle(point(15.0, 37.0), 400_000.0, 100_000.0);
        assert!(flat.distance_inside(point(16.5, 37.3)).is_some());
        assert!(flat.distance_inside(point(15.0, 37.6)).is_none());
        assert!(flat.distance_inside(point(17.6, 37.0)).is_none());
    }

    #[test]
    fn a_polygon_may_be_concave() {
        // An arrow that points to the east, with its tail cut in.
        let arrow = [point(0.0, 0.0), point(10.0, 5.0), point(0.0, 10.0), point(4.0, 5.0)];
        let shape = Shape::polygon(arrow.to_vec());
        assert!(shape.distance_inside(point(6.0, 5.0)).is_some());
        assert!(shape.distance_inside(point(2.0, 5.0)).is_none());
        assert!(shape.distance_inside(point(2.0, 2.0)).is_some());
        assert!(shape.distance_inside(point(9.0, 9.0)).is_none());
        let bounds = shape.bounds();
        assert_eq!(bounds.longitude, Span { min: 0.0, max: 10.0 });
        assert_eq!(bounds.latitude, Span { min: 0.0, max: 10.0 });
    }

    #[test]
    fn the_middle_of_a_polygon_around_the_pole_is_a_place() {
        let around = [point(0.0, 85.0), point(120.0, 85.0), point(-120.0, 85.0)];
        assert!(LATITUDES.contains(Shape::polygon(around.to_vec()).centre.latitude));
    }
}
