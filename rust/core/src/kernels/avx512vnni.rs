//! Integer products that add to their sums in one instruction: AVX-512 VNNI.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32, _mm512_dpwssd_epi32};

use crate::kernels::avx512::Floats;
use crate::kernels::tile::{Arithmetic, INT16_CHUNK, Multiply, TileFloats, Whole};

/// [`super::products`] on this level: sums of twelve queries in two registers each.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vnni")]
pub(super) fn products(arithmetic: Arithmetic, whole: Whole<'_>, out: &mut [TileFloats]) {
    // SAFETY: this function was compiled for the features that these use.
    match arithmetic {
        Arithmetic::Int8 => unsafe { whole.multiply::<Integers<true>, 12, 2>(out) },
        Arithmetic::Int16 => unsafe { whole.multiply::<Integers<false>, 12, 2>(out) },
        Arithmetic::Float32 => unsafe { whole.multiply::<Floats, 12, 2>(out) },
    }
}

/// Four int8 a cell, or two int16.
struct Integers<const BYTES: bool>;

// SAFETY: the features are those of AVX-512 F and VNNI.
unsafe impl<const BYTES: bool> Multiply for Integers<BYTES> {
    type Register = __m512i;
    const CHUNK: usize = if BYTES { usize::MAX } else { INT16_CHUNK };

    #[inline(always)]
    unsafe fn multiply_add(sums: __m512i, query: __m512i, candidates: __m512i) -> __m512i {
        // SAFETY: the caller vouches for the processor. Neither instruction saturates.
        unsafe {
            if BYTES {
                _mm512_dpbusd_epi32(sums, query, candidates)
            } else {
                _mm512_dpwssd_epi32(sums, query, candidates)
            }
        }
    }
}
