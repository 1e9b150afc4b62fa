//! Products in registers of sixteen lanes: AVX-512 without VNNI.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

use std::arch::x86_64::{__m512, __m512i, _mm512_add_epi32, _mm512_fmadd_ps, _mm512_madd_epi16};

use crate::kernels::portable::Int8s;
use crate::kernels::tile::{Arithmetic, FLOAT32_CHUNK, INT16_CHUNK, Multiply, TileFloats, Whole};

/// [`super::products`] on this level: sums of twelve queries in two registers each.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
pub(super) fn products(arithmetic: Arithmetic, whole: Whole<'_>, out: &mut [TileFloats]) {
    // SAFETY: this function was compiled for the features that these use.
    match arithmetic {
        Arithmetic::Int8 => unsafe { whole.multiply::<Int8s, 1, 1>(out) },
        Arithmetic::Int16 => unsafe { whole.multiply::<Int16s, 12, 2>(out) },
        Arithmetic::Float32 => unsafe { whole.multiply::<Floats, 12, 2>(out) },
    }
}

struct Int16s;

// SAFETY: the features are those of AVX-512 F and BW.
unsafe impl Multiply for Int16s {
    type Register = __m512i;
    const CHUNK: usize = INT16_CHUNK;

    #[inline(always)]
    unsafe fn multiply_add(sums: __m512i, query: __m512i, candidates: __m512i) -> __m512i {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_add_epi32(sums, _mm512_madd_epi16(query, candidates)) }
    }
}

/// Also those of the level with VNNI.
pub(super) struct Floats;

// SAFETY: as above.
unsafe impl Multiply for Floats {
    type Register = __m512;
    const CHUNK: usize = FLOAT32_CHUNK;

    #[inline(always)]
    unsafe fn multiply_add(sums: __m512, query: __m512, candidates: __m512) -> __m512 {
        // SAFETY: the caller vouches for the processor.
        unsafe { _mm512_fmadd_ps(query, candidates, sums) }
    }
}
