//! Integers of rows: the nearest multiples of a scale.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm_storeu_si128, _mm256_storeu_si256, _mm512_add_epi32, _mm512_add_ps, _mm512_castps_si512, _mm512_cvtepi32_epi8,
    _mm512_cvtepi32_epi16, _mm512_loadu_ps, _mm512_mul_ps, _mm512_reduce_add_epi32, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_storeu_ps, _mm512_sub_epi32, _mm512_sub_ps,
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
    values: &'a [f32],
    scale: f32,
    most: i32,
    offset: i32,
}

impl<'a> Quantise<'a> {
    /// The integers of a multiple of sixteen values are multiples of the least scale that is not below `scale`, and short
    /// enough for its products with integers up to `most` to be float32 numbers. No value is to be more than `most` times
    /// `scale`, and no scale too small for its inverse. `most` is that of int8, which are four a cell, or of int16, two a
    /// cell; `offset` is added to each integer, for cells.
    #[must_use]
    pub fn new(values: &'a [f32], scale: f64, most: i32, offset: i32) -> Self {
        let near = scale as f32;
        let up = if f64::from(near) < scale { near.next_up() } else { near };
        // A float32 number has 24 digits.
        let behind = (1 << (i32::BITS - most.leading_zeros())) - 1;
        Self { values, scale: f32::from_bits((up.to_bits() + behind) & !behind), most, offset }
    }

    /// What integers are multiplied with.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The roundings of a sum of squares, at most, if rows have so many components: of the scale's inverse, a difference
    /// and its product with that, each twice, of the square, and of the additions in float32.
    #[must_use]
    pub fn roundings(components: usize) -> usize {
        8 + components / LANES
    }

    /// Writes cells, and returns the sum of the squares of what the integers leave out, in units of the scale, and the sum
    /// of the integers. Every level does the same operations in the same order, so it gives the same bits.
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
        let (mut squares, mut sum) = ([0.0; LANES], 0);
        match level() {
            // SAFETY: `level` found that the processor has the features that this was compiled for.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => unsafe {
                if bytes {
                    self.avx512::<4>(values, cells, &mut squares, &mut sum);
                } else {
                    self.avx512::<2>(values, cells, &mut squares, &mut sum);
                }
            },
            _ => widest(Portable { row: self, cells, squares: &mut squares, sum: &mut sum }),
        }
        (halved(squares.map(f64::from)), sum)
    }

    /// `N` integers a cell.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
    fn avx512<const N: usize>(self, values: &[[f32; LANES]], cells: &mut [Cell], squares: &mut [f32], sum: &mut i32) {
        let (inverse, round) = (_mm512_set1_ps(1.0 / self.scale), _mm512_set1_ps(ROUND));
        let (scale, offset) = (_mm512_set1_ps(self.scale), _mm512_set1_epi32(self.offset));
        let (mut sums, mut all) = (_mm512_setzero_ps(), _mm512_setzero_si512());
        for (values, cells) in values.iter().zip(cells.chunks_exact_mut(LANES / N)) {
            // SAFETY: sixteen numbers.
            let values = unsafe { _mm512_loadu_ps(values.as_ptr()) };
            let near = _mm512_add_ps(_mm512_mul_ps(values, inverse), round);
            let left = _mm512_sub_ps(values, _mm512_mul_ps(scale, _mm512_sub_ps(near, round)));
            let left = _mm512_mul_ps(left, inverse);
            sums = _mm512_add_ps(sums, _mm512_mul_ps(left, left));
            let integers = _mm512_sub_epi32(_mm512_castps_si512(near), _mm512_castps_si512(round));
            all = _mm512_add_epi32(all, integers);
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
        // SAFETY: sixteen numbers.
        unsafe { _mm512_storeu_ps(squares.as_mut_ptr(), sums) };
        *sum = _mm512_reduce_add_epi32(all);
    }
}

struct Portable<'a> {
    row: Quantise<'a>,
    cells: &'a mut [Cell],
    squares: &'a mut [f32; LANES],
    sum: &'a mut i32,
}

impl Work for Portable<'_> {
    #[inline(always)]
    fn run(self) {
        let Quantise { values, scale, offset, .. } = self.row;
        let inverse = 1.0 / scale;
        let (mut squares, mut sum) = ([0.0_f32; LANES], 0_i32);
        let per_cell = values.len() / self.cells.len();
        let mut integers = [0_i32; LANES];
        for (values, cells) in values.as_chunks::<LANES>().0.iter().zip(self.cells.chunks_exact_mut(LANES / per_cell)) {
            for lane in 0..LANES {
                let near = values[lane] * inverse + ROUND;
                integers[lane] = near.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
                // The product is exact.
                let left = (values[lane] - scale * (near - ROUND)) * inverse;
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
        (*self.squares, *self.sum) = (squares, sum);
    }
}
