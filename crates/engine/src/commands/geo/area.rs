//! The cells that a search has to look at: that of the centre and its neighbours, as small as they may be to hold the shape.
//!
//! They come in the order in which Redis looks at them, since that is the order of what is found when nobody asks for
//! another one.

use super::cell::{Cell, MAX_STEPS};
use super::shape::Shape;

/// Half of the way around the equator on the map of the web, in metres.
const MERCATOR_MAX: f64 = 20_037_726.37;

/// The centre and its neighbours, as steps to the east and to the north.
const AROUND: [(i64, i64); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// The cells that hold a shape, each of them once.
pub(super) fn cells(shape: &Shape) -> Vec<Cell> {
    let bounds = shape.bounds();
    let mut steps = steps_for(shape.radius(), shape.centre.latitude);
    if steps > 1 && !reaches(Cell::of(shape.centre, steps), shape) {
        steps -= 1;
    }
    let centre = Cell::of(shape.centre, steps);
    let covered = centre.bounds();
    // Where the cell of the centre goes beyond the shape on a side, no neighbour on that side is needed.
    let is_needed = |(east, north): (i64, i64)| {
        steps < 2
            || !(east < 0 && covered.longitude.min < bounds.longitude.min
                || east > 0 && covered.longitude.max > bounds.longitude.max
                || north < 0 && covered.latitude.min < bounds.latitude.min
                || north > 0 && covered.latitude.max > bounds.latitude.max)
    };
    let mut cells = Vec::with_capacity(AROUND.len());
    for direction in AROUND.into_iter().filter(|&direction| is_needed(direction)) {
        let cell = centre.neighbour(direction.0, direction.1);
        // Around a small earth one meets the same cell from both sides.
        if !cells.contains(&cell) {
            cells.push(cell);
        }
    }
    cells
}

/// Whether a cell and its neighbours reach as far as a shape. Near the edge of its cell a shape can need more.
fn reaches(cell: Cell, shape: &Shape) -> bool {
    let bounds = shape.bounds();
    let of = |east, north| cell.neighbour(east, north).bounds();
    of(0, 1).latitude.max >= bounds.latitude.max
        && of(0, -1).latitude.min <= bounds.latitude.min
        && of(1, 0).longitude.max >= bounds.longitude.max
        && of(-1, 0).longitude.min <= bounds.longitude.min
}

/// The steps of cells that are about as large as a circle; wider ones near the poles, where cells are narrow.
fn steps_for(radius_m: f64, latitude: f64) -> u32 {
    if radius_m == 0.0 {
        return MAX_STEPS;
    }
    let (mut steps, mut reach) = (1_i32, radius_m);
    while reach < MERCATOR_MAX {
        reach *= 2.0;
        steps += 1;
    }
    steps -= 2;
    steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    steps.clamp(1, MAX_STEPS.cast_signed()).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::super::cell::{LATITUDES, LONGITUDES, place_of};
    use super::super::sphere::Point;
    use super::*;
    use stdx::rng::Rng;

    /// Whether some of the cells has a place.
    fn hold(cells: &[Cell], score: f64) -> bool {
        cells.iter().any(|cell| (cell.scores().0..cell.scores().1).contains(&(score as u64)))
    }

    #[test]
    fn the_cells_of_a_shape_hold_every_place_inside_it() {
        let mut rng = Rng::from_seed(3);
        let mut within =
            |min: f64, max: f64| min + (rng.below(1 << 40) as f64 / (1_u64 << 40) as f64) * (max - min);
        let mut inside = 0;
        for _ in 0..3000 {
            let centre = Point { longitude: within(-170.0, 170.0), latitude: within(-70.0, 70.0) };
            let size = 10_f64.powf(within(1.0, 5.5));
            let shape = if size < 1000.0 {
                Shape::circle(centre, size)
            } else {
                Shape::rectangle(centre, size, size * within(0.1, 3.0))
            };
            let cells = cells(&shape);
            let bounds = shape.bounds();
            for _ in 0..20 {
                let near = Point {
                    longitude: within(bounds.longitude.min, bounds.longitude.max),
                    latitude: within(bounds.latitude.min, bounds.latitude.max),
                };
                if !LONGITUDES.contains(near.longitude) || !LATITUDES.contains(near.latitude) {
                    continue;
                }
                let score = Cell::of(near, MAX_STEPS).score();
                if shape.distance_inside(place_of(score)).is_some() {
                    assert!(hold(&cells, score), "{near:?} of {shape:?}");
                    inside += 1;
                }
            }
        }
        assert!(inside > 20_000, "{inside}");
    }

    #[test]
    fn no_cell_comes_twice_however_large_the_shape() {
        for radius in [1.0, 1e3, 1e6, 5e6, 1e7, 2e7, 1e9, f64::INFINITY] {
            let cells = cells(&Shape::circle(Point { longitude: 15.0, latitude: 37.0 }, radius));
            let distinct = cells.iter().enumerate().all(|(at, cell)| !cells[..at].contains(cell));
            assert!(distinct && !cells.is_empty(), "{radius}");
        }
    }
}
