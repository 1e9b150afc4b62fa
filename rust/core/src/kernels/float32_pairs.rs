//! Float32 products of a row with a few others, in the registers of each level.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm256_add_ps, _mm256_castps256_ps128,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm512_add_ps, _mm512_fmadd_ps,
    _mm512_maskz_loadu_ps, _mm512_reduce_add_ps, _mm512_setzero_ps,
};

use crate::kernels::halves::halved;
use crate::kernels::level::{Level, level};

/// Partial sums that are kept.
const SUMS: usize = 32;
/// Rows that are multiplied together, at most, so that their additions need not wait for one another.
pub const ROWS: usize = 4;

type Blocks<'a> = &'a [[f32; SUMS]];

/// The roundings that a product meets on its way, at most, if rows have so many components: its own, one for each
/// addition into its sum, one for each halving of the sums. A sum takes every 32nd component, then those behind the last
/// whole 32 one by one, or up to three more that are not whole.
#[must_use]
pub fn float32_roundings(dimension: usize) -> usize {
    1 + dimension / SUMS + (dimension % SUMS).max(3) + SUMS.ilog2() as usize
}

/// The products of a row with one to [`ROWS`] others, all of one length. The order of the additions depends on the
/// processor, and on where the rows lie. To multiply pairs that share no row, which leaves no remainder, was slower, and to
/// fetch the rows that will be wanted next changed nothing. Looks after int16 with int8 instead, of the row and of what int16
/// leave out, read half the bytes and settle as many; they took as long.
///
/// # Panics
/// With more rows, or none.
pub fn float32_products(a: &[f32], rows: &[&[f32]]) -> [f32; ROWS] {
    let mut products = [0.0; ROWS];
    match rows.len() {
        1 => products[..1].copy_from_slice(&with::<1>(a, first(rows))),
        2 => products[..2].copy_from_slice(&with::<2>(a, first(rows))),
        3 => products[..3].copy_from_slice(&with::<3>(a, first(rows))),
        ROWS => products = with(a, first(rows)),
        count => panic!("1 to {ROWS} rows, not {count}"),
    }
    products
}

fn first<'r, const N: usize>(rows: &[&'r [f32]]) -> [&'r [f32]; N] {
    std::array::from_fn(|at| rows[at])
}

fn with<const N: usize>(a: &[f32], rows: [&[f32]; N]) -> [f32; N] {
    let rows = rows.map(|row| &row[..a.len()]);
    match level() {
        Level::Portable => blockwise(a, rows, portable),
        // SAFETY: `level` found that the processor has the features that this was compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni => blockwise(a, rows, |a, rows| unsafe { avx2(a, rows) }),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { avx512(a, rows) },
    }
}

/// Products of whole blocks, and of what is left behind them.
fn blockwise<const N: usize>(
    a: &[f32],
    rows: [&[f32]; N],
    whole: impl Fn(Blocks<'_>, [Blocks<'_>; N]) -> [f32; N],
) -> [f32; N] {
    let (a, a_rest) = a.as_chunks::<SUMS>();
    let split = rows.map(<[f32]>::as_chunks::<SUMS>);
    let mut products = whole(a, split.map(|(blocks, _)| blocks));
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
        halved(sums)
    })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<const N: usize>(a: Blocks<'_>, rows: [Blocks<'_>; N]) -> [f32; N] {
    let mut sums = [[_mm256_setzero_ps(); 4]; N];
    for (at, a) in a.iter().enumerate() {
        for (part, a) in a.as_chunks::<8>().0.iter().enumerate() {
            // SAFETY: a part has eight numbers.
            let a = unsafe { _mm256_loadu_ps(a.as_ptr()) };
            for (sums, row) in sums.iter_mut().zip(rows) {
                // SAFETY: all rows have as many blocks, and each part eight numbers.
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

/// Starts where the lines of the cache start that hold the first of `rows`, as a register as long as a line would else meet
/// two of them with every load. Rows mostly start at the same place of a line.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<const N: usize>(a: &[f32], rows: [&[f32]; N]) -> [f32; N] {
    const LANES: usize = 16;
    let mut sums = [[_mm512_setzero_ps(); 2]; N];
    let mut add = |part: usize, at: usize, count: usize| {
        let mask = (1_u32 << count).wrapping_sub(1) as u16;
        // SAFETY: all rows have `count` numbers from `at` on, and no others are touched.
        unsafe {
            let a = _mm512_maskz_loadu_ps(mask, a.as_ptr().add(at));
            for (sums, row) in sums.iter_mut().zip(rows) {
                sums[part] = _mm512_fmadd_ps(a, _mm512_maskz_loadu_ps(mask, row.as_ptr().add(at)), sums[part]);
            }
        }
    };
    let mut at = (rows[0].as_ptr().align_offset(64)).min(a.len());
    add(0, 0, at);
    while at + 2 * LANES <= a.len() {
        add(0, at, LANES);
        add(1, at + LANES, LANES);
        at += 2 * LANES;
    }
    if at + LANES <= a.len() {
        add(0, at, LANES);
        at += LANES;
    }
    add(1, at, a.len() - at);
    sums.map(|[low, high]| _mm512_reduce_add_ps(_mm512_add_ps(low, high)))
}
