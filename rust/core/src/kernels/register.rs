//! Cells and sums of several candidates side by side: what products are made in.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512i, _mm256_add_ps, _mm256_cvtepi32_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_storeu_ps,
};

use crate::kernels::tile::{Cell, TILE};

/// A cell or a sum of several candidates: integers or float32.
///
/// # Safety
/// The methods may run on processors that have the features of the register alone, and pointers hold as many cells or sums
/// as there are lanes.
pub(super) unsafe trait Register: Copy {
    /// How many candidates.
    const LANES: usize;
    /// Cells next to each other.
    unsafe fn load(cells: *const Cell) -> Self;
    /// One cell in all lanes.
    unsafe fn spread(cell: Cell) -> Self;
    /// Adds sums, rounded to float32, to the totals.
    unsafe fn join(self, totals: *mut f32);
}

// SAFETY: no features are used, and pointers hold `TILE` cells or sums.
unsafe impl Register for [Cell; TILE] {
    const LANES: usize = TILE;

    #[inline(always)]
    unsafe fn load(cells: *const Cell) -> Self {
        // SAFETY: the caller vouches for the pointer.
        unsafe { cells.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn spread(cell: Cell) -> Self {
        [cell; TILE]
    }

    #[inline(always)]
    unsafe fn join(self, totals: *mut f32) {
        // SAFETY: the caller vouches for the pointer.
        let totals = unsafe { &mut *totals.cast::<[f32; TILE]>() };
        for (total, sum) in totals.iter_mut().zip(self) {
            *total += sum as i32 as f32;
        }
    }
}

// SAFETY: as above.
unsafe impl Register for [f32; TILE] {
    const LANES: usize = TILE;

    #[inline(always)]
    unsafe fn load(cells: *const Cell) -> Self {
        // SAFETY: the caller vouches for the pointer, and any four bytes are a float32.
        unsafe { cells.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn spread(cell: Cell) -> Self {
        [f32::from_bits(cell); TILE]
    }

    #[inline(always)]
    unsafe fn join(self, totals: *mut f32) {
        // SAFETY: the caller vouches for the pointer.
        let totals = unsafe { &mut *totals.cast::<[f32; TILE]>() };
        for (total, sum) in totals.iter_mut().zip(self) {
            *total += sum;
        }
    }
}

// SAFETY: a register has eight lanes of four bytes; the features are those of AVX2.
#[cfg(target_arch = "x86_64")]
unsafe impl Register for __m256i {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn load(cells: *const Cell) -> Self {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm256_loadu_si256(cells.cast()) }
    }

    #[inline(always)]
    unsafe fn spread(cell: Cell) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_set1_epi32(cell as i32) }
    }

    #[inline(always)]
    unsafe fn join(self, totals: *mut f32) {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm256_storeu_ps(totals, _mm256_add_ps(_mm256_loadu_ps(totals), _mm256_cvtepi32_ps(self))) };
    }
}

// SAFETY: as above.
#[cfg(target_arch = "x86_64")]
unsafe impl Register for __m256 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn load(cells: *const Cell) -> Self {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm256_loadu_ps(cells.cast()) }
    }

    #[inline(always)]
    unsafe fn spread(cell: Cell) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_set1_ps(f32::from_bits(cell)) }
    }

    #[inline(always)]
    unsafe fn join(self, totals: *mut f32) {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm256_storeu_ps(totals, _mm256_add_ps(_mm256_loadu_ps(totals), self)) };
    }
}

// SAFETY: a register has sixteen lanes of four bytes; the features are those of AVX-512 F.
#[cfg(target_arch = "x86_64")]
unsafe impl Register for __m512i {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn load(cells: *const Cell) -> Self {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm512_loadu_si512(cells.cast()) }
    }

    #[inline(always)]
    unsafe fn spread(cell: Cell) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_set1_epi32(cell as i32) }
    }

    #[inline(always)]
    unsafe fn join(self, totals: *mut f32) {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm512_storeu_ps(totals, _mm512_add_ps(_mm512_loadu_ps(totals), _mm512_cvtepi32_ps(self))) };
    }
}

// SAFETY: as above.
#[cfg(target_arch = "x86_64")]
unsafe impl Register for __m512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn load(cells: *const Cell) -> Self {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm512_loadu_ps(cells.cast()) }
    }

    #[inline(always)]
    unsafe fn spread(cell: Cell) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_set1_ps(f32::from_bits(cell)) }
    }

    #[inline(always)]
    unsafe fn join(self, totals: *mut f32) {
        // SAFETY: the caller vouches for pointer and processor.
        unsafe { _mm512_storeu_ps(totals, _mm512_add_ps(_mm512_loadu_ps(totals), self)) };
    }
}
