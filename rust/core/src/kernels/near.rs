//! One float32 product of two rows, in the registers of each level.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm256_add_ps, _mm256_castps256_ps128,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm512_add_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_reduce_add_ps, _mm512_setzero_ps,
};

use crate::kernels::level::{Level, level};

/// Partial sums kept, each over every 32nd component. A product meets its own rounding, one for each addition into its
/// sum, one for each halving of the sums and one for the components behind the last whole 32.
pub const SUMS: usize = 32;
/// Rows that are multiplied together, so that their additions need not wait for one another.
pub const ROWS: usize = 4;

type Blocks<'a> = &'a [[f32; SUMS]];

/// The products of a row with each of some others, all of one length. The order of the additions depends on the processor.
pub fn near(a: &[f32], rows: [&[f32]; ROWS]) -> [f32; ROWS] {
    let (a, a_rest) = a.as_chunks::<SUMS>();
    let split = rows.map(<[f32]>::as_chunks::<SUMS>);
    let blocks = split.map(|(blocks, _)| &blocks[..a.len()]);
    let mut products = match level() {
        Level::Portable => portable(a, blocks),
        // SAFETY: `level` found that the processor has the features that these were compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(a, blocks) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { avx512(a, blocks) },
    };
    for (product, (_, rest)) in products.iter_mut().zip(split) {
        *product += a_rest.iter().zip(rest).map(|(x, y)| x * y).sum::<f32>();
    }
    products
}

fn portable(a: Blocks<'_>, rows: [Blocks<'_>; ROWS]) -> [f32; ROWS] {
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

/// Two rows at a time, which leaves registers for what is loaded.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(a: Blocks<'_>, rows: [Blocks<'_>; ROWS]) -> [f32; ROWS] {
    let mut products = [0.0; ROWS];
    for (rows, products) in rows.as_chunks::<2>().0.iter().zip(products.as_chunks_mut::<2>().0) {
        let mut sums = [[_mm256_setzero_ps(); 4]; 2];
        for (at, a) in a.iter().enumerate() {
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
        for (product, sums) in products.iter_mut().zip(sums) {
            let eight = _mm256_add_ps(_mm256_add_ps(sums[0], sums[2]), _mm256_add_ps(sums[1], sums[3]));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            *product = _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
        }
    }
    products
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(a: Blocks<'_>, rows: [Blocks<'_>; ROWS]) -> [f32; ROWS] {
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    for (at, a) in a.iter().enumerate() {
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
