//! Integer products that add to their sums in one instruction, in registers of eight lanes: AVX-VNNI, which processors
//! without AVX-512 have.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

use std::arch::x86_64::{__m256i, _mm256_dpbusd_avx_epi32, _mm256_dpwssd_avx_epi32};

use crate::kernels::avx2::Floats;
use crate::kernels::tile::{Arithmetic, INT16_CHUNK, Multiply, TileFloats, Whole};

/// [`super::products`] on this level: sums of six queries in two registers each.
#[target_feature(enable = "avx2,fma,avxvnni")]
pub(super) fn products(arithmetic: Arithmetic, whole: Whole<'_>, out: &mut [TileFloats]) {
    // SAFETY: this function was compiled for the features that these use.
    match arithmetic {
        Arithmetic::Int8 => unsafe { whole.multiply::<Integers<true>, 6, 2>(out) },
        Arithmetic::Int16 => unsafe { whole.multiply::<Integers<false>, 6, 2>(out) },
        Arithmetic::Float32 => unsafe { whole.multiply::<Floats, 6, 2>(out) },
    }
}

/// Four int8 a cell, or two int16.
struct Integers<const BYTES: bool>;

// SAFETY: the features are those of AVX2 and AVX-VNNI.
unsafe impl<const BYTES: bool> Multiply for Integers<BYTES> {
    type Register = __m256i;
    const CHUNK: usize = if BYTES { usize::MAX } else { INT16_CHUNK };

    #[inline(always)]
    unsafe fn multiply_add(sums: __m256i, query: __m256i, candidates: __m256i) -> __m256i {
        // SAFETY: the caller vouches for the processor. Neither instruction saturates.
        unsafe {
            if BYTES {
                _mm256_dpbusd_avx_epi32(sums, query, candidates)
            } else {
                _mm256_dpwssd_avx_epi32(sums, query, candidates)
            }
        }
    }
}
