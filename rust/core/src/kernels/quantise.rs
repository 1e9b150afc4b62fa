//! Integers of rows: the nearest multiples of a scale.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm_packus_epi16, _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_castps_si256,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_load_ps, _mm256_mul_ps, _mm256_packs_epi32,
    _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_epi32, _mm256_sub_ps, _mm512_add_epi32,
    _mm512_add_ps, _mm512_castps_si512, _mm512_cvtepi32_epi8, _mm512_cvtepi32_epi16, _mm512_load_ps, _mm512_mul_ps,
    _mm512_reduce_add_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_storeu_ps, _mm512_sub_epi32, _mm512_sub_ps,
};

use crate::kernels::halves::halved;
#[cfg(target_arch = "x86_64")]
use crate::kernels::level::Level;
use crate::kernels::level::level;
use crate::kernels::line::{LANES, Line};
use crate::kernels::tile::Cell;
use crate::kernels::widest::{Loop, widest};

/// Added to a float32 number below 2^22, this leaves its nearest integer in the last bits: 1.5 * 2^23.
const ROUND: f32 = 12_582_912.0;

/// What becomes of a row.
#[derive(Debug, Clone, Copy)]
pub struct Quantise<'a> {
    values: &'a [Line<f32>],
    scale: f32,
    most: i32,
    offset: i32,
}

/// Sums over the integers of a row.
#[derive(Debug, Clone, Copy)]
pub struct Sums {
    /// Of the squares of what they leave out, in units of the scale.
    pub left: f64,
    /// Of their squares.
    pub squares: f64,
    /// Of themselves.
    pub sum: i32,
}

impl<'a> Quantise<'a> {
    /// Values become multiples of the least scale that is not below `scale`, and short enough for its products with
    /// integers up to `most` to be float32 numbers. No value is to be more than `most` times `scale`, and no scale too
    /// small for its inverse. `most` is that of int8, which are four a cell, or of int16, two a cell; `offset` is added to
    /// each integer, for cells.
    #[must_use]
    pub fn new(values: &'a [Line<f32>], scale: f64, most: i32, offset: i32) -> Self {
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

    /// The roundings of each sum of squares, at most, if rows have so many components: of the scale's inverse, a difference
    /// and its product with that, each twice, of the square, and of the additions in float32.
    #[must_use]
    pub fn roundings(components: usize) -> usize {
        8 + components / LANES
    }

    /// Writes cells. Every level does the same operations in the same order, so it gives the same bits.
    ///
    /// # Panics
    /// When values and cells do not fit.
    pub fn cells(self, cells: &mut [Cell]) -> Sums {
        let bytes = self.most == i32::from(i8::MAX);
        let fit = cells.len() == self.values.len() * LANES / if bytes { 4 } else { 2 };
        assert!(fit, "cells that do not fit");
        let (mut left, mut squares, mut sum) = ([0.0; LANES], [0.0; LANES], 0);
        match level() {
            // SAFETY: `level` found that the processor has the features that this was compiled for.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => unsafe {
                if bytes {
                    self.avx512::<4>(cells, &mut left, &mut squares, &mut sum);
                } else {
                    self.avx512::<2>(cells, &mut left, &mut squares, &mut sum);
                }
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::AvxVnni => unsafe {
                if bytes {
                    self.avx2::<4>(cells, &mut left, &mut squares, &mut sum);
                } else {
                    self.avx2::<2>(cells, &mut left, &mut squares, &mut sum);
                }
            },
            _ => widest(Portable { row: self, cells, left: &mut left, squares: &mut squares, sum: &mut sum }),
        }
        let [left, squares] = [left, squares].map(|lanes| halved(lanes.map(f64::from)));
        Sums { left, squares, sum }
    }

    /// `N` integers a cell.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
    fn avx512<const N: usize>(self, cells: &mut [Cell], left: &mut [f32], squares: &mut [f32], sum: &mut i32) {
        let (inverse, round) = (_mm512_set1_ps(1.0 / self.scale), _mm512_set1_ps(ROUND));
        let (scale, offset) = (_mm512_set1_ps(self.scale), _mm512_set1_epi32(self.offset));
        let (mut all_left, mut all_squares, mut all) =
            (_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_si512());
        for (values, cells) in self.values.iter().zip(cells.chunks_exact_mut(LANES / N)) {
            // SAFETY: a line has sixteen numbers.
            let values = unsafe { _mm512_load_ps(values.0.as_ptr()) };
            let near = _mm512_add_ps(_mm512_mul_ps(values, inverse), round);
            let whole = _mm512_sub_ps(near, round);
            all_squares = _mm512_add_ps(all_squares, _mm512_mul_ps(whole, whole));
            let left = _mm512_sub_ps(values, _mm512_mul_ps(scale, whole));
            let left = _mm512_mul_ps(left, inverse);
            all_left = _mm512_add_ps(all_left, _mm512_mul_ps(left, left));
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
        // SAFETY: sixteen numbers each.
        unsafe {
            _mm512_storeu_ps(left.as_mut_ptr(), all_left);
            _mm512_storeu_ps(squares.as_mut_ptr(), all_squares);
        }
        *sum = _mm512_reduce_add_epi32(all);
    }

    /// `N` integers a cell.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2<const N: usize>(self, cells: &mut [Cell], left: &mut [f32], squares: &mut [f32], sum: &mut i32) {
        const HALF: usize = LANES / 2;
        let (inverse, round) = (_mm256_set1_ps(1.0 / self.scale), _mm256_set1_ps(ROUND));
        let (scale, offset) = (_mm256_set1_ps(self.scale), _mm256_set1_epi32(self.offset));
        let (mut all_left, mut all_squares) = ([_mm256_setzero_ps(); 2], [_mm256_setzero_ps(); 2]);
        let mut all = _mm256_setzero_si256();
        for (values, cells) in self.values.iter().zip(cells.chunks_exact_mut(LANES / N)) {
            let mut both = [_mm256_setzero_si256(); 2];
            for (half, integers) in both.iter_mut().enumerate() {
                // SAFETY: a line has sixteen numbers.
                let values = unsafe { _mm256_load_ps(values.0.as_ptr().add(half * HALF)) };
                let near = _mm256_add_ps(_mm256_mul_ps(values, inverse), round);
                let whole = _mm256_sub_ps(near, round);
                all_squares[half] = _mm256_add_ps(all_squares[half], _mm256_mul_ps(whole, whole));
                let left = _mm256_mul_ps(_mm256_sub_ps(values, _mm256_mul_ps(scale, whole)), inverse);
                all_left[half] = _mm256_add_ps(all_left[half], _mm256_mul_ps(left, left));
                let whole = _mm256_sub_epi32(_mm256_castps_si256(near), _mm256_castps_si256(round));
                all = _mm256_add_epi32(all, whole);
                *integers = _mm256_add_epi32(whole, offset);
            }
            // Packed, the quarters stand crosswise.
            let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(both[0], both[1]));
            // SAFETY: the cells have as many bytes as are written.
            unsafe {
                if N == 4 {
                    // Bytes alone, for the instruction saturates.
                    let bytes = _mm256_and_si256(packed, _mm256_set1_epi16(0xff));
                    let (low, high) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
                    _mm_storeu_si128(cells.as_mut_ptr().cast(), _mm_packus_epi16(low, high));
                } else {
                    _mm256_storeu_si256(cells.as_mut_ptr().cast(), packed);
                }
            }
        }
        let mut sums = [0_i32; HALF];
        // SAFETY: eight numbers each.
        unsafe {
            for half in 0..2 {
                _mm256_storeu_ps(left[half * HALF..].as_mut_ptr(), all_left[half]);
                _mm256_storeu_ps(squares[half * HALF..].as_mut_ptr(), all_squares[half]);
            }
            _mm256_storeu_si256(sums.as_mut_ptr().cast(), all);
        }
        *sum = sums.iter().sum();
    }
}

struct Portable<'a> {
    row: Quantise<'a>,
    cells: &'a mut [Cell],
    left: &'a mut [f32; LANES],
    squares: &'a mut [f32; LANES],
    sum: &'a mut i32,
}

impl Loop for Portable<'_> {
    #[inline(always)]
    fn run(self) {
        let Quantise { values, scale, offset, .. } = self.row;
        let inverse = 1.0 / scale;
        let (mut all_left, mut squares, mut sum) = ([0.0_f32; LANES], [0.0_f32; LANES], 0_i32);
        let per_cell = values.len() * LANES / self.cells.len();
        let mut integers = [0_i32; LANES];
        for (values, cells) in values.iter().zip(self.cells.chunks_exact_mut(LANES / per_cell)) {
            for lane in 0..LANES {
                let near = values.0[lane] * inverse + ROUND;
                integers[lane] = near.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
                let whole = near - ROUND;
                squares[lane] += whole * whole;
                // The product with the scale is exact.
                let left = (values.0[lane] - scale * whole) * inverse;
                all_left[lane] += left * left;
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
        (*self.left, *self.squares, *self.sum) = (all_left, squares, sum);
    }
}
