//! The reference score: a dot product whose every bit is defined.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use crate::error::{Invalid, invalid};
use crate::kernels::{self, Loop, widest};

/// The dot product of two float32 vectors of equal length in float64.
///
/// Lane `j` of 32 adds the products of the components `j, j + 32, ...` in order from +0; then the upper half of the
/// lanes is added to the lower half (16, 8, 4, 2, 1). A product of two float32 is exact in float64, so it makes no
/// difference whether a machine fuses it with the addition, and lanes may go through vector registers of any width.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    kernels::dot(a, b)
}

/// The level of processor instructions that the kernels use: `portable`, `avx2`, `avxvnni`, `avx512` or `avx512vnni`.
#[must_use]
pub fn simd() -> &'static str {
    kernels::level().name()
}

/// Checks that the environment variable `HYBRIDSAMPLER_SIMD` names a level, or none.
pub fn check_simd() -> Result<(), Invalid> {
    let Err(name) = kernels::asked() else { return Ok(()) };
    let known: Vec<&str> = kernels::ALL.iter().map(|level| level.name()).collect();
    invalid!("HYBRIDSAMPLER_SIMD={name}: name one of {}, or unset it", known.join(", "))
}

/// Divides a row once by its norm (float64, the order of [`dot`]) and rounds to float32. A zero row stays zero;
/// returns whether it was one.
pub fn normalise(row: &mut [f32]) -> bool {
    let norm = dot(row, row).sqrt();
    if norm == 0.0 {
        return true;
    }
    widest(Divide { row, norm });
    false
}

struct Divide<'a> {
    row: &'a mut [f32],
    norm: f64,
}

impl Loop for Divide<'_> {
    #[inline(always)]
    fn run(self) {
        for x in self.row {
            *x = (f64::from(*x) / self.norm) as f32;
        }
    }
}
