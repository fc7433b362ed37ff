//! What is searched around a place: a circle or a box, and the cells of the grid that cover it.

use super::hash::{self, Area, Cell, Place, STEP_MAX};

/// The radius at which one cell covers everything.
const MERCATOR_MAX: f64 = 20_037_726.37;

/// A circle or a box, in meters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

impl Shape {
    /// Returns how far a place is from the middle, if it lies within.
    pub(super) fn distance(self, middle: Place, place: Place) -> Option<f64> {
        match self {
            Self::Circle { radius } => {
                Some(hash::distance(middle, place)).filter(|distance| *distance <= radius)
            }
            Self::Box { width, height } => {
                let up = hash::latitude_distance(place.latitude, middle.latitude);
                let beside = Place { latitude: place.latitude, ..middle };
                let across = hash::distance(place, beside);
                let is_within = up <= height / 2.0 && across <= width / 2.0;
                is_within.then(|| hash::distance(middle, place))
            }
        }
    }

    /// Returns the least and greatest score of each cell that may hold something, the middle one
    /// first and the others in the order in which Redis looks at them.
    pub(super) fn ranges(self, middle: Place) -> Vec<(u64, u64)> {
        let bounds = self.bounds(middle);
        let mut step = self.step(middle.latitude);
        if step > 1 && !covers(Cell::of(middle, step), bounds) {
            step -= 1;
        }
        let cell = Cell::of(middle, step);
        let mut cells: Vec<Cell> = Vec::new();
        for (east, north) in NEIGHBOURS {
            let beside = cell.beside(east, north);
            let is_useless = step >= 2 && is_useless(cell.area(), bounds, (east, north));
            if !is_useless && !cells.contains(&beside) {
                cells.push(beside);
            }
        }
        let shift = 2 * (STEP_MAX - step);
        let range = |cell: Cell| {
            let first = cell.bits() << shift;
            (first, first + (1 << shift) - 1)
        };
        cells.into_iter().map(range).collect()
    }

    /// The angles within which the shape lies.
    fn bounds(self, middle: Place) -> Area {
        let (width, height) = match self {
            Self::Circle { radius } => (radius, radius),
            Self::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let up = hash::degrees(height);
        // A degree of longitude is shorter nearer to the pole.
        let edge = if middle.latitude < 0.0 { middle.latitude - up } else { middle.latitude + up };
        let across = hash::degrees(width / edge.to_radians().cos());
        Area {
            longitude: (middle.longitude - across, middle.longitude + across),
            latitude: (middle.latitude - up, middle.latitude + up),
        }
    }

    /// How many bits of each coordinate make cells of about the shape's size.
    fn step(self, latitude: f64) -> u32 {
        let mut radius = match self {
            Self::Circle { radius } => radius,
            Self::Box { width, height } => (width / 2.0).hypot(height / 2.0),
        };
        if radius == 0.0 {
            return STEP_MAX;
        }
        let mut step = 1i32;
        while radius < MERCATOR_MAX {
            radius *= 2.0;
            step += 1;
        }
        // Cells shrink towards the poles.
        let margin = 2 + i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
        (step - margin).clamp(1, STEP_MAX.cast_signed()).unsigned_abs()
    }
}

/// The middle, north, south, east, west, and the corners.
const NEIGHBOURS: [(i32, i32); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// Whether a cell and those around it reach as far as the bounds.
fn covers(cell: Cell, bounds: Area) -> bool {
    cell.beside(0, 1).area().latitude.1 >= bounds.latitude.1
        && cell.beside(0, -1).area().latitude.0 <= bounds.latitude.0
        && cell.beside(1, 0).area().longitude.1 >= bounds.longitude.1
        && cell.beside(-1, 0).area().longitude.0 <= bounds.longitude.0
}

/// Whether a neighbour lies on a side to which the middle cell reaches far enough by itself.
fn is_useless(area: Area, bounds: Area, (east, north): (i32, i32)) -> bool {
    (north < 0 && area.latitude.0 < bounds.latitude.0)
        || (north > 0 && area.latitude.1 > bounds.latitude.1)
        || (east < 0 && area.longitude.0 < bounds.longitude.0)
        || (east > 0 && area.longitude.1 > bounds.longitude.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever lies within a shape lies within one of its ranges.
    #[test]
    fn ranges_cover_the_shape() {
        let mut rng = fastrand::Rng::with_seed(9);
        for _ in 0..20_000 {
            let middle =
                Place { longitude: (rng.f64() - 0.5) * 300.0, latitude: (rng.f64() - 0.5) * 140.0 };
            let size = 10f64.powf(rng.f64() * 5.0);
            let shape = if rng.bool() {
                Shape::Circle { radius: size }
            } else {
                Shape::Box { width: size, height: size * rng.f64() }
            };
            let spread = hash::degrees(size);
            let near = Place {
                longitude: middle.longitude + (rng.f64() - 0.5) * 3.0 * spread,
                latitude: middle.latitude + (rng.f64() - 0.5) * 2.0 * spread,
            };
            let cell = Cell::of(near, STEP_MAX);
            let is_covered = shape
                .ranges(middle)
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&cell.bits()));
            let is_within = shape.distance(middle, cell.place()).is_some();
            assert!(is_covered || !is_within, "{shape:?} {middle:?} {near:?}");
        }
    }
}
