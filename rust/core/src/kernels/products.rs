//! Float32 products of a run of queries with a tile of candidates.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use crate::kernels::level::{Level, level};

/// Candidates whose products are computed together.
pub const TILE: usize = 32;
/// Components that are summed before they join the total: few roundings on the way of each product, and the slices of
/// queries and tile stay in the first-level cache.
pub const CHUNK: usize = 128;

/// The sums of one query.
type Sums = [f32; TILE];

/// Writes the products of every query with every candidate of a tile: `queries` are rows of `dimension` components,
/// `tile` has the candidates of each component side by side. The order of the additions depends on the processor; each
/// product meets at most `CHUNK` additions, one more for each chunk, and one rounding of its own.
///
/// # Panics
/// When the sizes do not fit.
pub fn products(dimension: usize, queries: &[f32], tile: &[f32], out: &mut [Sums]) {
    assert!(queries.len() == out.len() * dimension && tile.len() == dimension * TILE, "sizes that do not fit");
    for sums in &mut *out {
        sums.fill(0.0);
    }
    let (tile, _) = tile.as_chunks::<TILE>();
    for (from, tile) in (0..dimension).step_by(CHUNK).zip(tile.chunks(CHUNK)) {
        let mut rows = queries.chunks_exact(dimension).map(|row| &row[from..from + tile.len()]);
        let mut left = &mut *out;
        match level() {
            Level::Portable => {}
            // SAFETY: `level` found that the processor has the features that these were compiled for.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => left = grouped(left, &mut rows, |rows, out| unsafe { avx2::<3>(rows, tile, out) }),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => {
                left = grouped(left, &mut rows, |rows, out| unsafe { avx512::<12>(rows, tile, out) })
            }
        }
        let rest = grouped(left, &mut rows, |rows, out| portable(rows, tile, out));
        debug_assert!(rest.is_empty(), "one row at a time reaches all");
    }
}

/// Multiplies `N` rows at a time while there are as many; returns what is left.
fn grouped<'a, 'o, const N: usize>(
    mut out: &'o mut [Sums],
    rows: &mut impl Iterator<Item = &'a [f32]>,
    multiply: impl Fn([&[f32]; N], &mut [Sums]),
) -> &'o mut [Sums] {
    while out.len() >= N {
        let (now, later) = out.split_at_mut(N);
        multiply(std::array::from_fn(|_| rows.next().unwrap_or(&[])), now);
        out = later;
    }
    out
}

fn portable([row]: [&[f32]; 1], tile: &[Sums], out: &mut [Sums]) {
    let mut sums = [0.0; TILE];
    for (&x, side_by_side) in row.iter().zip(tile) {
        for lane in 0..TILE {
            sums[lane] += x * side_by_side[lane];
        }
    }
    for lane in 0..TILE {
        out[0][lane] += sums[lane];
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<const N: usize>(rows: [&[f32]; N], tile: &[Sums], out: &mut [Sums]) {
    assert!(rows.iter().all(|row| row.len() == tile.len()), "rows and tile of one chunk");
    let mut sums = [[_mm256_setzero_ps(); 4]; N];
    for (k, side_by_side) in tile.iter().enumerate() {
        let (parts, _) = side_by_side.as_chunks::<8>();
        for (row, sums) in rows.iter().zip(&mut sums) {
            // SAFETY: every row is as long as the tile.
            let x = _mm256_set1_ps(unsafe { *row.get_unchecked(k) });
            for (sum, part) in sums.iter_mut().zip(parts) {
                // SAFETY: a part has eight numbers.
                *sum = _mm256_fmadd_ps(x, unsafe { _mm256_loadu_ps(part.as_ptr()) }, *sum);
            }
        }
    }
    for (total, sums) in out.iter_mut().zip(sums) {
        for (part, sum) in total.as_chunks_mut::<8>().0.iter_mut().zip(sums) {
            // SAFETY: a part has eight numbers.
            unsafe { _mm256_storeu_ps(part.as_mut_ptr(), _mm256_add_ps(_mm256_loadu_ps(part.as_ptr()), sum)) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<const N: usize>(rows: [&[f32]; N], tile: &[Sums], out: &mut [Sums]) {
    assert!(rows.iter().all(|row| row.len() == tile.len()), "rows and tile of one chunk");
    let mut sums = [[_mm512_setzero_ps(); 2]; N];
    for (k, side_by_side) in tile.iter().enumerate() {
        // SAFETY: a component has 32 numbers side by side.
        let (low, high) =
            unsafe { (_mm512_loadu_ps(side_by_side.as_ptr()), _mm512_loadu_ps(side_by_side.as_ptr().add(16))) };
        for (row, sums) in rows.iter().zip(&mut sums) {
            // SAFETY: every row is as long as the tile.
            let x = _mm512_set1_ps(unsafe { *row.get_unchecked(k) });
            sums[0] = _mm512_fmadd_ps(x, low, sums[0]);
            sums[1] = _mm512_fmadd_ps(x, high, sums[1]);
        }
    }
    for (total, sums) in out.iter_mut().zip(sums) {
        for (part, sum) in total.as_chunks_mut::<16>().0.iter_mut().zip(sums) {
            // SAFETY: a part has sixteen numbers.
            unsafe { _mm512_storeu_ps(part.as_mut_ptr(), _mm512_add_ps(_mm512_loadu_ps(part.as_ptr()), sum)) };
        }
    }
}
