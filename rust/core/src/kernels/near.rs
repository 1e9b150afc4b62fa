//! Float32 products of a row with a few others, in the registers of each level.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _MM_HINT_T0, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm_prefetch, _mm256_add_ps,
    _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm512_add_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_reduce_add_ps, _mm512_setzero_ps,
};

use crate::kernels::level::{Level, level};

/// Partial sums kept, each over every 32nd component. A product meets its own rounding, one for each addition into its
/// sum, one for each halving of the sums and one for the components behind the last whole 32.
pub const SUMS: usize = 32;
/// Rows that are multiplied together, at most, so that their additions need not wait for one another.
pub const ROWS: usize = 4;

type Blocks<'a> = &'a [[f32; SUMS]];

/// The products of a row with one to [`ROWS`] others, all of one length. The order of the additions depends on the
/// processor. `next` are the rows that will be wanted next: they are fetched meanwhile. Pairs of rows of their own, which
/// leave no remainder, were slower: loads limit.
///
/// # Panics
/// With more rows, or none.
pub fn near(a: &[f32], rows: &[&[f32]], next: [&[f32]; ROWS]) -> [f32; ROWS] {
    let mut products = [0.0; ROWS];
    match rows.len() {
        1 => products[..1].copy_from_slice(&with::<1>(a, first(rows), next)),
        2 => products[..2].copy_from_slice(&with::<2>(a, first(rows), next)),
        3 => products[..3].copy_from_slice(&with::<3>(a, first(rows), next)),
        ROWS => products = with(a, first(rows), next),
        count => panic!("1 to {ROWS} rows, not {count}"),
    }
    products
}

fn first<'r, const N: usize>(rows: &[&'r [f32]]) -> [&'r [f32]; N] {
    std::array::from_fn(|at| rows[at])
}

fn with<const N: usize>(a: &[f32], rows: [&[f32]; N], next: [&[f32]; ROWS]) -> [f32; N] {
    let (a, a_rest) = a.as_chunks::<SUMS>();
    let split = rows.map(<[f32]>::as_chunks::<SUMS>);
    let blocks = split.map(|(blocks, _)| &blocks[..a.len()]);
    let next = next.map(|row| &row.as_chunks::<SUMS>().0[..a.len()]);
    let mut products = match level() {
        Level::Portable => portable(a, blocks),
        // SAFETY: `level` found that the processor has the features that these were compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(a, blocks, next) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { avx512(a, blocks, next) },
    };
    for (product, (_, rest)) in products.iter_mut().zip(split) {
        *product += a_rest.iter().zip(rest).map(|(x, y)| x * y).sum::<f32>();
    }
    products
}

fn portable<const N: usize>(a: Blocks<'_>, rows: [Blocks<'_>; N]) -> [f32; N] {
    rows.map(|row| {
        let mut sums = [0.0; SUMS];
        for (a, b) in a.iter().zip(row) {
            for j in 0..SUMS {
                sums[j] += a[j] * b[j];
            }
        }
        let mut width = SUMS / 2;
        while width > 0 {
            for j in 0..width {
                sums[j] += sums[j + width];
            }
            width /= 2;
        }
        sums[0]
    })
}

/// Fetches a block of each row, two lines of the cache.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fetch(rows: [Blocks<'_>; ROWS], at: usize) {
    for row in rows {
        // SAFETY: these instructions read nothing; the pointers are into and right behind the block.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().add(at).cast());
            _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().cast::<f32>().add(at * SUMS + SUMS / 2).cast());
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<const N: usize>(a: Blocks<'_>, rows: [Blocks<'_>; N], next: [Blocks<'_>; ROWS]) -> [f32; N] {
    let mut sums = [[_mm256_setzero_ps(); 4]; N];
    for (at, a) in a.iter().enumerate() {
        fetch(next, at);
        for (part, a) in a.as_chunks::<8>().0.iter().enumerate() {
            // SAFETY: a part has eight numbers.
            let a = unsafe { _mm256_loadu_ps(a.as_ptr()) };
            for (sums, row) in sums.iter_mut().zip(rows) {
                // SAFETY: rows have as many blocks, and each part eight numbers.
                let b = unsafe { _mm256_loadu_ps(row.get_unchecked(at).as_ptr().add(8 * part)) };
                sums[part] = _mm256_fmadd_ps(a, b, sums[part]);
            }
        }
    }
    sums.map(|sums| {
        let eight = _mm256_add_ps(_mm256_add_ps(sums[0], sums[2]), _mm256_add_ps(sums[1], sums[3]));
        let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<const N: usize>(a: Blocks<'_>, rows: [Blocks<'_>; N], next: [Blocks<'_>; ROWS]) -> [f32; N] {
    let mut sums = [[_mm512_setzero_ps(); 2]; N];
    for (at, a) in a.iter().enumerate() {
        fetch(next, at);
        for (part, a) in a.as_chunks::<16>().0.iter().enumerate() {
            // SAFETY: a part has sixteen numbers.
            let a = unsafe { _mm512_loadu_ps(a.as_ptr()) };
            for (sums, row) in sums.iter_mut().zip(rows) {
                // SAFETY: rows have as many blocks, and each part sixteen numbers.
                let b = unsafe { _mm512_loadu_ps(row.get_unchecked(at).as_ptr().add(16 * part)) };
                sums[part] = _mm512_fmadd_ps(a, b, sums[part]);
            }
        }
    }
    sums.map(|[low, high]| _mm512_reduce_add_ps(_mm512_add_ps(low, high)))
}
