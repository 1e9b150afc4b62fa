//! Rotating a row: signs, a Hadamard matrix in every block and a Householder reflection over the blocks, on vectors of
//! sixteen numbers.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m512, _mm256_add_ps, _mm256_andnot_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_mul_ps, _mm256_set1_ps,
    _mm256_storeu_ps, _mm256_sub_ps, _mm512_abs_ps, _mm512_add_ps, _mm512_loadu_ps, _mm512_max_ps, _mm512_mul_ps,
    _mm512_set1_ps, _mm512_storeu_ps, _mm512_sub_ps,
};

use crate::kernels::level::{Level, level};
use crate::kernels::line::{LANES, Line};

/// What is done to a row: `z_i = (H s x)_i` in each block, then `z_i - 2/blocks (z_1 + z_2 + ...)` over the blocks, all
/// divided by the root of a block's length.
#[derive(Debug)]
pub struct Rotate {
    /// 1 or -1 for each number.
    pub signs: Vec<Line<f32>>,
    /// Blocks of vectors.
    pub blocks: usize,
    /// A block has `4^quarterings` vectors.
    pub quarterings: u32,
}

impl Rotate {
    /// Rotates a row into `rotated` and returns the largest absolute value of that. Every level does the same operations in
    /// the same order, so it gives the same bits.
    ///
    /// # Panics
    /// When one of them has another length.
    pub fn rotate(&self, row: &[Line<f32>], rotated: &mut [Line<f32>]) -> f32 {
        let length = self.blocks << (2 * self.quarterings);
        assert!([row.len(), rotated.len(), self.signs.len()] == [length; 3], "another length");
        // SAFETY: `level` found that the processor has the features that each was compiled for.
        match level() {
            Level::Portable => unsafe { self.run::<[f32; 4]>(row, rotated) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::AvxVnni => unsafe { self.avx2(row, rotated) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => unsafe { self.avx512(row, rotated) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(&self, row: &[Line<f32>], rotated: &mut [Line<f32>]) -> f32 {
        // SAFETY: this function was compiled for the features that this uses.
        unsafe { self.run::<__m256>(row, rotated) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn avx512(&self, row: &[Line<f32>], rotated: &mut [Line<f32>]) -> f32 {
        // SAFETY: as above.
        unsafe { self.run::<__m512>(row, rotated) }
    }

    /// # Safety
    /// As [`Wide`] says; both have the length.
    #[inline(always)]
    unsafe fn run<W: Wide>(&self, row: &[Line<f32>], rotated: &mut [Line<f32>]) -> f32 {
        let length = 1_usize << (2 * self.quarterings);
        let (from, signs) = (row.as_ptr().cast::<f32>(), self.signs.as_ptr().cast::<f32>());
        let rows = rotated.as_mut_ptr().cast::<f32>();
        let mut largest = [0.0; LANES];
        // SAFETY: the caller vouches for the processor; all places are in the row.
        unsafe {
            let signed = |at: usize| W::load(from.add(at)).mul(W::load(signs.add(at)));
            if self.quarterings == 0 {
                for at in (0..row.len() * LANES).step_by(W::LANES) {
                    signed(at).store(rows.add(at));
                }
            }
            for quartering in 0..self.quarterings {
                let stride = LANES << (2 * quartering);
                for first in (0..row.len() * LANES).step_by(4 * stride) {
                    for at in (first..first + stride).step_by(W::LANES) {
                        let places = [0, 1, 2, 3].map(|part| at + part * stride);
                        let [a, b, c, d] =
                            places.map(|at| if quartering == 0 { signed(at) } else { W::load(rows.add(at)) });
                        let (ab, a_b, cd, c_d) = (a.add(b), a.sub(b), c.add(d), c.sub(d));
                        let rotated = [ab.add(cd), a_b.add(c_d), ab.sub(cd), a_b.sub(c_d)];
                        for (value, at) in rotated.into_iter().zip(places) {
                            value.store(rows.add(at));
                        }
                    }
                }
            }
            let root = W::spread(1.0 / (1_u32 << self.quarterings) as f32);
            let twice = W::spread(2.0 / self.blocks as f32);
            for lane in (0..LANES).step_by(W::LANES) {
                let mut seen = W::spread(0.0);
                for place in 0..length {
                    let place = |block: usize| rows.add((block * length + place) * LANES + lane);
                    let sums = (1..self.blocks).fold(W::load(place(0)), |sums, block| sums.add(W::load(place(block))));
                    let taken = twice.mul(sums);
                    for block in 0..self.blocks {
                        let value = W::load(place(block)).sub(taken).mul(root);
                        value.store(place(block));
                        seen = seen.max(value.abs());
                    }
                }
                seen.store(largest.as_mut_ptr().add(lane));
            }
        }
        // Numbers that are not negative are ordered as their bits.
        f32::from_bits(largest.into_iter().map(f32::to_bits).fold(0, u32::max))
    }
}

/// Numbers side by side in a register.
///
/// # Safety
/// The methods may run on processors that have the features of the register alone, and pointers hold as many numbers.
unsafe trait Wide: Copy {
    /// How many.
    const LANES: usize;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn spread(value: f32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn abs(self) -> Self;
}

// SAFETY: four numbers; no features are used.
unsafe impl Wide for [f32; 4] {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { from.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { to.cast::<Self>().write(self) };
    }

    #[inline(always)]
    unsafe fn spread(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|at| self[at] + other[at])
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        std::array::from_fn(|at| self[at] - other[at])
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        std::array::from_fn(|at| self[at] * other[at])
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|at| self[at].max(other[at]))
    }

    #[inline(always)]
    unsafe fn abs(self) -> Self {
        self.map(f32::abs)
    }
}

// SAFETY: a register has eight numbers; the features are among those of AVX2.
#[cfg(target_arch = "x86_64")]
unsafe impl Wide for __m256 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(to, self) };
    }

    #[inline(always)]
    unsafe fn spread(value: f32) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_sub_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_mul_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_max_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self) }
    }
}

// SAFETY: a register has sixteen numbers; the features are among those of AVX-512 F.
#[cfg(target_arch = "x86_64")]
unsafe impl Wide for __m512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, self) };
    }

    #[inline(always)]
    unsafe fn spread(value: f32) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_sub_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_mul_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_max_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_abs_ps(self) }
    }
}
