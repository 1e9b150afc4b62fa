//! How far products, and what is made of them, may be off: every rounding on the way. The bound as a whole is in
//! [`crate::screen`].

use super::rows::{self, steps, up};
use super::{FineFactors, Query, Screen};
use crate::kernels::{Centred, FLOAT32_CHUNK, Factors, INT16_CHUNK};

/// Half the distance from 1 to the next float32.
pub const UNIT: f64 = 1.0 / (1_u64 << 24) as f64;
/// Beyond this product of norms, partial sums in float32 may overflow: 2^125.
pub const LARGEST: f64 = 4.253_529_586_511_731e37;
/// What the bounds are multiplied with, for the roundings of the bounds themselves: four of float32, and more.
pub const SLACK: f64 = 1.0 + 64.0 * UNIT;

/// The error of a sum with so many roundings on the longest path, relative to the sum of the absolute values.
pub fn gamma(roundings: usize, unit: f64) -> f64 {
    let all = roundings as f64 * unit;
    if all < 0.5 { all / (1.0 - all) } else { f64::INFINITY }
}

/// The same for the score: float64 sums over every 32nd component, then five more.
pub fn gamma_of_score(dimension: usize) -> f64 {
    gamma(dimension.div_ceil(32) + 6, f64::EPSILON / 2.0)
}

/// How far the product of a row with the centre of the queries may be off, relative to their norms: by its roundings, and by
/// what underflows, for the row is not shorter than 2^-104 and the axis than 1.
pub fn shift_error(dimension: usize) -> f64 {
    gamma(Centred::roundings(dimension), UNIT) + dimension as f64 * (UNIT / f64::from(1 << 20))
}

impl Screen<'_> {
    /// What a query of norm `length` brings to the bounds in float32.
    pub(super) fn float32_query(&self, length: f64) -> Query {
        // Products of a chunk are multiplied, then added one by one, then the chunks are added; then the bounds' own sums.
        let roundings = FLOAT32_CHUNK.min(self.dimension) + 2 + self.dimension.div_ceil(FLOAT32_CHUNK);
        let relative = (gamma(roundings, UNIT) + gamma_of_score(self.dimension) + 6.0 * UNIT) * SLACK;
        Query {
            factors: Factors { shift: 1.0, residual: 1.0, norm: up(relative * length) },
            scale: 1.0,
            norm: length,
            fine: FineFactors::default(),
        }
    }

    /// The same with integers: `row` says what they stand for, `rotated` how far rotated rows may be off.
    pub(super) fn integer_query(&self, length: f64, row: rows::Row, rotated: f64) -> Query {
        // A query that is the centre has no integers, and its scale is free: that of its part of the score.
        let scale = if row.scale == 0.0 { self.shift_unit } else { row.scale.into() };
        let integers = (row.norm + row.residual) / scale;
        let centre = self.query_norm / scale;
        // The products of chunks are converted and summed, meet the scale, and are in two sums.
        let product = gamma(3 + steps(self.arithmetic, self.dimension).div_ceil(INT16_CHUNK), UNIT) * integers;
        // The shift is off as it is made; it and its factor, which was converted, are multiplied, and in two sums.
        let shift = (gamma(4, UNIT) + shift_error(self.dimension)) * centre;
        // The least factor, for infinity must not meet 0 (the shift of places behind the candidates). What it is too large
        // by enters with the shift in its unit, below 2 |x|.
        let least = f64::from(f32::MIN_POSITIVE);
        let relative =
            (row.residual + self.roundings(length, row.norm, rotated)) / scale + product + shift + 2.0 * least;
        let factors = Factors {
            shift: (self.shift_unit / scale).max(least) as f32,
            residual: up(integers * SLACK),
            norm: up(relative * SLACK),
        };
        // So that neither products nor shifts overflow: candidates' norms are below 2^100.
        let sound = factors.residual <= 1e7 && centre <= 1e7;
        let nothing = Factors { shift: 1.0, residual: f32::INFINITY, norm: f32::INFINITY };
        Query { factors: if sound { factors } else { nothing }, scale, norm: length, fine: FineFactors::default() }
    }

    /// How far `y.x + n.x + q.m` may be off the score but for what is `q.m`'s, over `|x|`, given `|q|` and `|y|`. With the
    /// roundings `e` of `y` and `f` of `x`, `q.d = (n + y - e).x + q.(m - f)`; both rows are off where they are rotated; the
    /// score is off by its own roundings of `|q| |d|`, where `|d|` is at most `|m|` and, with `f`, less than `2 |x|`.
    pub(super) fn roundings(&self, length: f64, norm: f64, rotated: f64) -> f64 {
        UNIT * (norm + length) + (2.0 + rotated) * rotated * norm + 2.0 * gamma_of_score(self.dimension) * length
    }
}
