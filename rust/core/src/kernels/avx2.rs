//! Products in registers of eight lanes: AVX2 with fused multiply-add.
//!
//! int8 is left to the compiler: `vpmaddubsw` adds two products in int16, which saturates above seven bits.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

use std::arch::x86_64::{__m256, __m256i, _mm256_add_epi32, _mm256_fmadd_ps, _mm256_madd_epi16};

use crate::kernels::portable::Int8s;
use crate::kernels::tile::{Arithmetic, FLOAT32_CHUNK, INT16_CHUNK, Multiply, TileFloats, Whole};

/// [`super::products`] on this level: sums of six queries in two registers each.
#[target_feature(enable = "avx2,fma")]
pub(super) fn products(arithmetic: Arithmetic, whole: Whole<'_>, out: &mut [TileFloats]) {
    // SAFETY: this function was compiled for the features that these use.
    match arithmetic {
        Arithmetic::Int8 => unsafe { whole.multiply::<Int8s, 1, 1>(out) },
        Arithmetic::Int16 => unsafe { whole.multiply::<Int16s, 6, 2>(out) },
        Arithmetic::Float32 => unsafe { whole.multiply::<Floats, 6, 2>(out) },
    }
}

struct Int16s;

// SAFETY: the features are those of AVX2.
unsafe impl Multiply for Int16s {
    type Register = __m256i;
    const CHUNK: usize = INT16_CHUNK;

    #[inline(always)]
    unsafe fn multiply_add(sums: __m256i, query: __m256i, candidates: __m256i) -> __m256i {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(query, candidates)) }
    }
}

/// Also those of the level with AVX-VNNI.
pub(super) struct Floats;

// SAFETY: as above, with fused multiply-add.
unsafe impl Multiply for Floats {
    type Register = __m256;
    const CHUNK: usize = FLOAT32_CHUNK;

    #[inline(always)]
    unsafe fn multiply_add(sums: __m256, query: __m256, candidates: __m256) -> __m256 {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm256_fmadd_ps(query, candidates, sums) }
    }
}
