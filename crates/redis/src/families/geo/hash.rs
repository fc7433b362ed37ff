//! Places on Earth as numbers that lie near each other when the places do: 52 bits, longitude and
//! latitude taking turns, as Redis keeps them in the scores of a sorted set.

/// Where a place is, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

pub(super) const LONGITUDE_MAX: f64 = 180.0;
pub(super) const LATITUDE_MAX: f64 = 85.051_128_78;
/// Bits of each coordinate.
pub(super) const STEP_MAX: u32 = 26;

const EARTH_RADIUS_METERS: f64 = 6_372_797.560_856;
/// The digits of the usual text form.
const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// A cell of the grid that `step` bits of each coordinate make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) column: u32,
    pub(super) row: u32,
    pub(super) step: u32,
}

/// The ends of a cell, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) longitude: (f64, f64),
    pub(super) latitude: (f64, f64),
}

impl Cell {
    /// Returns the cell of a place.
    pub(super) fn of(place: Place, step: u32) -> Self {
        Self::within(place, step, LATITUDE_MAX)
    }

    fn within(place: Place, step: u32, latitude_max: f64) -> Self {
        let index = |value: f64, max: f64| {
            let part = (value + max) / (2.0 * max);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "floored")]
            let index = (part * f64::from(1u32 << step)) as u32;
            index
        };
        let column = index(place.longitude, LONGITUDE_MAX);
        Self { column, row: index(place.latitude, latitude_max), step }
    }

    /// Returns the cell that a score of 52 bits names.
    pub(super) fn of_score(score: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "52 bits")]
        let bits = score as u64;
        Self { column: every_other(bits >> 1), row: every_other(bits), step: STEP_MAX }
    }

    /// Returns the bits, longitude first.
    pub(super) fn bits(self) -> u64 {
        spread(self.column) << 1 | spread(self.row)
    }

    pub(super) fn area(self) -> Area {
        let ends = |index: u32, max: f64| {
            let scale = f64::from(1u32 << self.step);
            let end = |index: f64| -max + index / scale * (2.0 * max);
            (end(f64::from(index)), end(f64::from(index) + 1.0))
        };
        let longitude = ends(self.column, LONGITUDE_MAX);
        Area { longitude, latitude: ends(self.row, LATITUDE_MAX) }
    }

    /// Returns the middle of the cell.
    pub(super) fn place(self) -> Place {
        let Area { longitude, latitude } = self.area();
        let middle = |(least, most): (f64, f64), max: f64| ((least + most) / 2.0).clamp(-max, max);
        let longitude = middle(longitude, LONGITUDE_MAX);
        Place { longitude, latitude: middle(latitude, LATITUDE_MAX) }
    }

    /// Returns the cell so many columns east and rows north, around the edges.
    pub(super) const fn beside(self, east: i32, north: i32) -> Self {
        let mask = (1u32 << self.step) - 1;
        let column = self.column.wrapping_add_signed(east) & mask;
        Self { column, row: self.row.wrapping_add_signed(north) & mask, step: self.step }
    }
}

/// Returns the usual text form of a place: eleven digits, of which the last is always 0.
pub(super) fn text(place: Place) -> [u8; 11] {
    let bits = Cell::within(place, STEP_MAX, 90.0).bits();
    let mut text = [DIGITS[0]; 11];
    for (at, digit) in (1u32..).zip(&mut text[..10]) {
        *digit = DIGITS[usize::try_from(bits >> (52 - 5 * at) & 31).unwrap_or(0)];
    }
    text
}

/// Returns meters between two places.
pub(super) fn distance(from: Place, to: Place) -> f64 {
    let (from_longitude, to_longitude) = (from.longitude.to_radians(), to.longitude.to_radians());
    let v = ((to_longitude - from_longitude) / 2.0).sin();
    if v == 0.0 {
        return latitude_distance(from.latitude, to.latitude);
    }
    let (from_latitude, to_latitude) = (from.latitude.to_radians(), to.latitude.to_radians());
    let u = ((to_latitude - from_latitude) / 2.0).sin();
    let a = u * u + from_latitude.cos() * to_latitude.cos() * v * v;
    2.0 * EARTH_RADIUS_METERS * a.sqrt().asin()
}

/// Returns meters between two latitudes.
pub(super) fn latitude_distance(from: f64, to: f64) -> f64 {
    EARTH_RADIUS_METERS * (to.to_radians() - from.to_radians()).abs()
}

/// Returns the angle, in degrees, of meters along a meridian.
pub(super) fn degrees(meters: f64) -> f64 {
    (meters / EARTH_RADIUS_METERS).to_degrees()
}

/// Puts a zero before every bit.
fn spread(value: u32) -> u64 {
    (0..u32::BITS).fold(0, |spread, bit| spread | (u64::from(value) >> bit & 1) << (2 * bit))
}

/// Takes every second bit.
fn every_other(bits: u64) -> u32 {
    (0..u32::BITS).fold(0, |value, bit| {
        let is_set = bits >> (2 * bit) & 1 == 1;
        if is_set { value | 1 << bit } else { value }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_from_their_cells() {
        let mut rng = fastrand::Rng::with_seed(8);
        for _ in 0..2_000 {
            let place =
                Place { longitude: (rng.f64() - 0.5) * 359.0, latitude: (rng.f64() - 0.5) * 170.0 };
            let cell = Cell::of(place, STEP_MAX);
            assert_eq!(Cell::of_score(cell.bits() as f64), cell);
            assert!(distance(cell.place(), place) < 1.0, "{place:?}");
            assert_eq!(cell.beside(1, -1).beside(-1, 1), cell);
        }
    }
}
