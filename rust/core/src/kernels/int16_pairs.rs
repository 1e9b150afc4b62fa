//! Products of pairs of int16 rows.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi64, _mm256_castsi256_si128, _mm256_cvtepi32_epi64, _mm256_dpwssd_avx_epi32,
    _mm256_extracti128_si256, _mm256_load_si256, _mm256_setzero_si256, _mm256_storeu_si256, _mm512_add_epi64,
    _mm512_castsi512_si256, _mm512_cvtepi32_epi64, _mm512_dpwssd_epi32, _mm512_extracti64x4_epi64, _mm512_load_si512,
    _mm512_reduce_add_epi64, _mm512_setzero_si512,
};

#[cfg(target_arch = "x86_64")]
use crate::kernels::level::Level;
use crate::kernels::level::level;
use crate::kernels::line::{LANES, Line};
use crate::kernels::tile::Cell;

/// Sums that are kept apart: each of two components of every 128.
pub const SLOTS: usize = SUMS * LANES;
/// Registers of sums.
const SUMS: usize = 4;

/// Rows of `length` lines of int16.
#[derive(Debug, Clone, Copy)]
pub struct Int16Rows<'a> {
    /// One after the other.
    pub lines: &'a [Line<Cell>],
    /// Lines of a row.
    pub length: usize,
}

impl Int16Rows<'_> {
    fn row(&self, at: u32) -> &[Line<Cell>] {
        &self.lines[at as usize * self.length..][..self.length]
    }
}

/// Writes to `out` the products of pairs: of a row of `a` and one of `b`. The sums of [`SLOTS`] have to fit into int32. No
/// pair waits for what another decides, so rows are fetched while others are multiplied. To multiply a row with four others
/// at a time, or to ask for rows before they are wanted, changed nothing: the second-level cache gives no more.
///
/// # Panics
/// When a row is not there, or the sizes do not fit.
pub fn int16_products(a: Int16Rows<'_>, b: Int16Rows<'_>, pairs: &[(u32, u32)], out: &mut [i64]) {
    let fit = pairs.is_empty() || a.length == b.length;
    assert!(fit && pairs.len() == out.len(), "sizes that do not fit");
    match level() {
        // SAFETY: `level` found that the processor has the features that this was compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512Vnni => unsafe { avx512vnni(a, b, pairs, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::AvxVnni => unsafe { avxvnni(a, b, pairs, out) },
        // On the others int8 is never chosen, after which these are wanted.
        _ => {
            for (&(x, y), out) in pairs.iter().zip(out) {
                *out = portable(a.row(x), b.row(y));
            }
        }
    }
}

fn portable(x: &[Line<Cell>], y: &[Line<Cell>]) -> i64 {
    let both = |cell: Cell| [cell as i16, (cell >> 16) as i16].map(i64::from);
    let cells = x.iter().flat_map(|line| line.0).zip(y.iter().flat_map(|line| line.0));
    cells.map(|(x, y)| (both(x), both(y))).map(|(x, y)| x[0] * y[0] + x[1] * y[1]).sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn avx512vnni(a: Int16Rows<'_>, b: Int16Rows<'_>, pairs: &[(u32, u32)], out: &mut [i64]) {
    // SAFETY: a line has 64 bytes and starts where one of the cache does.
    let load = |line: &Line<Cell>| unsafe { _mm512_load_si512(line.0.as_ptr().cast()) };
    let wide = |sum: __m512i| {
        let low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(sum));
        _mm512_add_epi64(low, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(sum)))
    };
    for (&(x, y), out) in pairs.iter().zip(out) {
        let mut sums = [_mm512_setzero_si512(); SUMS];
        let ((x, x_rest), (y, y_rest)) = (a.row(x).as_chunks::<SUMS>(), b.row(y).as_chunks::<SUMS>());
        for (x, y) in x.iter().zip(y) {
            for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
                *sum = _mm512_dpwssd_epi32(*sum, load(x), load(y));
            }
        }
        for (sum, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
            *sum = _mm512_dpwssd_epi32(*sum, load(x), load(y));
        }
        let sum = sums.map(wide).into_iter().fold(_mm512_setzero_si512(), |sum, part| _mm512_add_epi64(sum, part));
        *out = _mm512_reduce_add_epi64(sum);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avxvnni")]
fn avxvnni(a: Int16Rows<'_>, b: Int16Rows<'_>, pairs: &[(u32, u32)], out: &mut [i64]) {
    const HALF: usize = LANES / 2;
    // SAFETY: a line has 64 bytes and starts where one of the cache does.
    let load = |line: &Line<Cell>, half: usize| unsafe { _mm256_load_si256(line.0.as_ptr().add(half * HALF).cast()) };
    let wide = |sum: __m256i| {
        let low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(sum));
        _mm256_add_epi64(low, _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(sum)))
    };
    for (&(x, y), out) in pairs.iter().zip(out) {
        let mut sums = [[_mm256_setzero_si256(); 2]; SUMS];
        for (x, y) in a.row(x).chunks(SUMS).zip(b.row(y).chunks(SUMS)) {
            for (sums, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
                for (half, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm256_dpwssd_avx_epi32(*sum, load(x, half), load(y, half));
                }
            }
        }
        let all = sums.as_flattened().iter().map(|&sum| wide(sum));
        let sum = all.fold(_mm256_setzero_si256(), |sum, part| _mm256_add_epi64(sum, part));
        let mut lanes = [0_i64; 4];
        // SAFETY: there is room for four numbers.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
        *out = lanes.iter().sum();
    }
}
