//! Rows less their centre.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm512_abs_ps, _mm512_add_ps, _mm512_castps_si512, _mm512_load_ps, _mm512_maskz_loadu_ps, _mm512_max_epu32,
    _mm512_mul_ps, _mm512_reduce_max_epu32, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_store_ps, _mm512_storeu_ps,
    _mm512_sub_ps,
};

use crate::kernels::halves::halved;
#[cfg(target_arch = "x86_64")]
use crate::kernels::level::Level;
use crate::kernels::level::level;
use crate::kernels::line::{LANES, Line};
use crate::kernels::widest::{Loop, widest};

/// Lines that are worked on together, and numbers of these.
const TOGETHER: usize = 2;
const SUMS: usize = TOGETHER * LANES;

/// What is seen of a row less its centre.
#[derive(Debug, Clone, Copy, Default)]
pub struct Centred {
    /// The largest absolute value; NaN where there is one.
    pub largest: f32,
    /// The product with the axis.
    pub along: f32,
}

impl Centred {
    /// The roundings that [`Self::along`] meets on its way, at most, if rows have so many components: of a product and
    /// the additions.
    #[must_use]
    pub fn roundings(components: usize) -> usize {
        1 + components.div_ceil(SUMS) + SUMS.ilog2() as usize
    }
}

/// Writes a row less its centre, filled up with zeros to an even number of lines, and multiplies that with an axis. Every
/// level does the same operations in the same order, so it gives the same bits.
///
/// # Panics
/// When the sizes do not fit.
pub fn centre(row: &[f32], centre: &[Line<f32>], axis: &[Line<f32>], out: &mut [Line<f32>]) -> Centred {
    let lines = TOGETHER * row.len().div_ceil(SUMS);
    assert!([centre.len(), axis.len(), out.len()] == [lines; 3], "sizes that do not fit");
    let (mut largest, mut along) = (0, [0.0; SUMS]);
    match level() {
        // SAFETY: `level` found that the processor has the features that this was compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { avx512(row, centre, axis, out, &mut largest, &mut along) },
        _ => widest(Portable { row, centre, axis, out, largest: &mut largest, along: &mut along }),
    }
    Centred { largest: f32::from_bits(largest), along: halved(along) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn avx512(
    row: &[f32],
    centre: &[Line<f32>],
    axis: &[Line<f32>],
    out: &mut [Line<f32>],
    largest: &mut u32,
    along: &mut [f32; SUMS],
) {
    let (mut most, mut sums) = ([_mm512_setzero_si512(); TOGETHER], [_mm512_setzero_ps(); TOGETHER]);
    let mut lines = centre.iter().zip(axis).zip(out);
    for numbers in row.chunks(SUMS) {
        for part in 0..TOGETHER {
            let numbers = &numbers[numbers.len().min(part * LANES)..];
            let mask = (1_u32 << numbers.len().min(LANES)).wrapping_sub(1) as u16;
            let Some(((centre, axis), out)) = lines.next() else { return };
            // SAFETY: there are as many numbers as are loaded, and a line has sixteen.
            unsafe {
                let x = _mm512_maskz_loadu_ps(mask, numbers.as_ptr());
                let x = _mm512_sub_ps(x, _mm512_load_ps(centre.0.as_ptr()));
                _mm512_store_ps(out.0.as_mut_ptr(), x);
                // Absolute values are ordered as their bits.
                most[part] = _mm512_max_epu32(most[part], _mm512_castps_si512(_mm512_abs_ps(x)));
                sums[part] = _mm512_add_ps(sums[part], _mm512_mul_ps(x, _mm512_load_ps(axis.0.as_ptr())));
            }
        }
    }
    *largest = _mm512_reduce_max_epu32(_mm512_max_epu32(most[0], most[1]));
    for (along, sums) in along.chunks_exact_mut(LANES).zip(sums) {
        // SAFETY: sixteen numbers.
        unsafe { _mm512_storeu_ps(along.as_mut_ptr(), sums) };
    }
}

struct Portable<'a> {
    row: &'a [f32],
    centre: &'a [Line<f32>],
    axis: &'a [Line<f32>],
    out: &'a mut [Line<f32>],
    largest: &'a mut u32,
    along: &'a mut [f32; SUMS],
}

impl Loop for Portable<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { row, centre, axis, out, .. } = self;
        let (mut largest, mut along) = ([0; LANES], [0.0; SUMS]);
        let lines = centre.as_chunks().0.iter().zip(axis.as_chunks().0).zip(out.as_chunks_mut().0);
        for (row, ((centre, axis), out)) in row.chunks(SUMS).zip(lines) {
            let mut numbers = [0.0; SUMS];
            numbers[..row.len()].copy_from_slice(row);
            let (centre, axis, out): (&[_; TOGETHER], &[_; TOGETHER], &mut [_; TOGETHER]) = (centre, axis, out);
            for part in 0..TOGETHER {
                let (centre, axis, out): (&Line<f32>, &Line<f32>, &mut Line<f32>) =
                    (&centre[part], &axis[part], &mut out[part]);
                for lane in 0..LANES {
                    let x = numbers[part * LANES + lane] - centre.0[lane];
                    out.0[lane] = x;
                    largest[lane] = largest[lane].max(x.to_bits() & !(1 << 31));
                    along[part * LANES + lane] += x * axis.0[lane];
                }
            }
        }
        *self.largest = largest.into_iter().fold(0, u32::max);
        *self.along = along;
    }
}
