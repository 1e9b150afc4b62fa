//! Integers of rows: the nearest multiples of a scale.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm_storeu_si128, _mm256_storeu_si256, _mm512_add_epi32, _mm512_add_pd, _mm512_add_ps, _mm512_castps_si512,
    _mm512_castps512_ps256, _mm512_castsi512_si256, _mm512_cvtepi32_epi8, _mm512_cvtepi32_epi16, _mm512_cvtepi32_pd,
    _mm512_cvtps_pd, _mm512_extractf32x8_ps, _mm512_extracti64x4_epi64, _mm512_loadu_ps, _mm512_max_epi32,
    _mm512_min_epi32, _mm512_mul_pd, _mm512_mul_ps, _mm512_reduce_add_epi32, _mm512_set1_epi32, _mm512_set1_pd,
    _mm512_set1_ps, _mm512_setzero_pd, _mm512_setzero_si512, _mm512_storeu_pd, _mm512_sub_epi32, _mm512_sub_pd,
};

use crate::kernels::halves::halved;
use crate::kernels::level::{Level, level};
use crate::kernels::tile::Cell;
use crate::kernels::widest::{Work, widest};

/// Components side by side.
const LANES: usize = 16;
/// Added to a float32 number below 2^22, this leaves its nearest integer in the last bits: 1.5 * 2^23.
const ROUND: f32 = 12_582_912.0;

/// What becomes of a row.
#[derive(Debug, Clone, Copy)]
pub struct Quantise<'a> {
    /// A multiple of sixteen numbers.
    pub values: &'a [f32],
    /// What integers are multiples of.
    pub scale: f32,
    /// The largest integer: that of int8, which are four a cell, or of int16, two a cell.
    pub most: i32,
    /// Added to each, for cells.
    pub offset: i32,
}

impl Quantise<'_> {
    /// Writes cells, and returns the sum of the squares of what the integers leave out, and the sum of the integers. Every
    /// level does the same operations in the same order, so it gives the same bits.
    ///
    /// # Panics
    /// When values and cells do not fit.
    pub fn cells(self, cells: &mut [Cell]) -> (f64, i32) {
        let bytes = self.most == i32::from(i8::MAX);
        let (values, rest) = self.values.as_chunks::<LANES>();
        assert!(
            rest.is_empty() && cells.len() == self.values.len() / if bytes { 4 } else { 2 },
            "cells that do not fit"
        );
        match level() {
            // SAFETY: `level` found that the processor has the features that this was compiled for.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => unsafe {
                if bytes { self.avx512::<4>(values, cells) } else { self.avx512::<2>(values, cells) }
            },
            _ => {
                let (mut squares, mut sum) = (0.0, 0);
                widest(Portable { row: self, cells, squares: &mut squares, sum: &mut sum });
                (squares, sum)
            }
        }
    }

    /// `N` integers a cell.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
    fn avx512<const N: usize>(self, values: &[[f32; LANES]], cells: &mut [Cell]) -> (f64, i32) {
        let (inverse, round) = (_mm512_set1_ps(1.0 / self.scale), _mm512_set1_ps(ROUND));
        let (most, least) = (_mm512_set1_epi32(self.most), _mm512_set1_epi32(-self.most));
        let (scale, offset) = (_mm512_set1_pd(self.scale.into()), _mm512_set1_epi32(self.offset));
        let (mut squares, mut sums) = ([_mm512_setzero_pd(); 2], _mm512_setzero_si512());
        for (values, cells) in values.iter().zip(cells.chunks_exact_mut(LANES / N)) {
            // SAFETY: sixteen numbers.
            let values = unsafe { _mm512_loadu_ps(values.as_ptr()) };
            let near = _mm512_add_ps(_mm512_mul_ps(values, inverse), round);
            let integers = _mm512_sub_epi32(_mm512_castps_si512(near), _mm512_castps_si512(round));
            let integers = _mm512_min_epi32(_mm512_max_epi32(integers, least), most);
            let halves = [
                (_mm512_castps512_ps256(values), _mm512_castsi512_si256(integers)),
                (_mm512_extractf32x8_ps::<1>(values), _mm512_extracti64x4_epi64::<1>(integers)),
            ];
            for (squares, (values, integers)) in squares.iter_mut().zip(halves) {
                let taken = _mm512_mul_pd(scale, _mm512_cvtepi32_pd(integers));
                let left = _mm512_sub_pd(_mm512_cvtps_pd(values), taken);
                *squares = _mm512_add_pd(*squares, _mm512_mul_pd(left, left));
            }
            sums = _mm512_add_epi32(sums, integers);
            let integers = _mm512_add_epi32(integers, offset);
            // SAFETY: the cells have as many bytes as are written.
            unsafe {
                if N == 4 {
                    _mm_storeu_si128(cells.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(integers));
                } else {
                    _mm256_storeu_si256(cells.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(integers));
                }
            }
        }
        let mut lanes = [0.0; LANES];
        for (lanes, squares) in lanes.as_chunks_mut::<8>().0.iter_mut().zip(squares) {
            // SAFETY: eight numbers.
            unsafe { _mm512_storeu_pd(lanes.as_mut_ptr(), squares) };
        }
        (halved(lanes), _mm512_reduce_add_epi32(sums))
    }
}

struct Portable<'a> {
    row: Quantise<'a>,
    cells: &'a mut [Cell],
    squares: &'a mut f64,
    sum: &'a mut i32,
}

impl Work for Portable<'_> {
    #[inline(always)]
    fn run(self) {
        let Quantise { values, scale, most, offset } = self.row;
        let inverse = 1.0 / scale;
        let (mut squares, mut sum) = ([0.0_f64; LANES], 0);
        let per_cell = values.len() / self.cells.len();
        let mut integers = [0_i32; LANES];
        for (values, cells) in values.as_chunks::<LANES>().0.iter().zip(self.cells.chunks_exact_mut(LANES / per_cell)) {
            for lane in 0..LANES {
                let near = (values[lane] * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32;
                integers[lane] = near.max(-most).min(most);
                // Exact: 24 bits times 16.
                let left = f64::from(values[lane]) - f64::from(scale) * f64::from(integers[lane]);
                squares[lane] += left * left;
            }
            sum += integers.iter().sum::<i32>();
            for (cell, integers) in cells.iter_mut().zip(integers.chunks_exact(per_cell)) {
                let part = |at: usize| Cell::from((integers[at] + offset) as u8) << (8 * at);
                *cell = if per_cell == 4 {
                    part(0) | part(1) | part(2) | part(3)
                } else {
                    Cell::from(integers[0] as u16) | Cell::from(integers[1] as u16) << 16
                };
            }
        }
        (*self.squares, *self.sum) = (halved(squares), sum);
    }
}
