//! The reference score, 32 sums at a time, in the registers of each level.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm_add_pd, _mm_add_sd, _mm_cvtsd_f64, _mm_loadu_ps, _mm_unpackhi_pd, _mm256_add_pd, _mm256_castpd256_pd128,
    _mm256_cvtps_pd, _mm256_extractf128_pd, _mm256_fmadd_pd, _mm256_loadu_ps, _mm256_setzero_pd, _mm512_add_pd,
    _mm512_castpd512_pd256, _mm512_cvtps_pd, _mm512_extractf64x4_pd, _mm512_fmadd_pd, _mm512_setzero_pd,
};

use crate::kernels::halves::halved;
use crate::kernels::level::{Level, level};

/// Partial sums kept by the score, each over every 32nd component.
pub const LANES: usize = 32;

/// Components of two vectors that go into one step of the sums.
type Blocks<'a> = (&'a [[f32; LANES]], &'a [[f32; LANES]]);

/// The sums over whole blocks, then over a last one that zeros fill up, added in halves (16, 8, 4, 2, 1).
///
/// Every level gives the same bits: the products are exact in float64, so fused and separate multiply-add agree, and no
/// sum is ever -0, so adding a zero changes none.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let (mut a_last, mut b_last) = ([0.0; LANES], [0.0; LANES]);
    let last: Blocks<'_> = if a_rest.is_empty() {
        (&[], &[])
    } else {
        a_last[..a_rest.len()].copy_from_slice(a_rest);
        b_last[..b_rest.len()].copy_from_slice(b_rest);
        (&[a_last], &[b_last])
    };
    match level() {
        Level::Portable => portable((a_blocks, b_blocks), last),
        // SAFETY: `level` found that the processor has the features that these were compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni => unsafe { avx2((a_blocks, b_blocks), last) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { avx512((a_blocks, b_blocks), last) },
    }
}

fn pairs<'a>(whole: Blocks<'a>, last: Blocks<'a>) -> impl Iterator<Item = (&'a [f32; LANES], &'a [f32; LANES])> {
    whole.0.iter().zip(whole.1).chain(last.0.iter().zip(last.1))
}

fn portable(whole: Blocks<'_>, last: Blocks<'_>) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    for (a, b) in pairs(whole, last) {
        for j in 0..LANES {
            lanes[j] += f64::from(a[j]) * f64::from(b[j]);
        }
    }
    halved(lanes)
}

/// Eight registers of four sums.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(whole: Blocks<'_>, last: Blocks<'_>) -> f64 {
    let mut sums = [_mm256_setzero_pd(); 8];
    for (a, b) in pairs(whole, last) {
        let parts = a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0);
        for (sum, (a, b)) in sums.iter_mut().zip(parts) {
            // SAFETY: a part has four numbers.
            let (a, b) = unsafe { (_mm_loadu_ps(a.as_ptr()), _mm_loadu_ps(b.as_ptr())) };
            *sum = _mm256_fmadd_pd(_mm256_cvtps_pd(a), _mm256_cvtps_pd(b), *sum);
        }
    }
    for width in [4, 2, 1] {
        for j in 0..width {
            sums[j] = _mm256_add_pd(sums[j], sums[j + width]);
        }
    }
    let four = sums[0];
    let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
    _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
}

/// Four registers of eight sums.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(whole: Blocks<'_>, last: Blocks<'_>) -> f64 {
    let mut sums = [_mm512_setzero_pd(); 4];
    for (a, b) in pairs(whole, last) {
        let parts = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
        for (sum, (a, b)) in sums.iter_mut().zip(parts) {
            // SAFETY: a part has eight numbers.
            let (a, b) = unsafe { (_mm256_loadu_ps(a.as_ptr()), _mm256_loadu_ps(b.as_ptr())) };
            *sum = _mm512_fmadd_pd(_mm512_cvtps_pd(a), _mm512_cvtps_pd(b), *sum);
        }
    }
    let eight = _mm512_add_pd(_mm512_add_pd(sums[0], sums[2]), _mm512_add_pd(sums[1], sums[3]));
    let four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd::<1>(eight));
    let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
    _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
}
