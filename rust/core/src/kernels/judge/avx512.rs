//! Judging in registers of sixteen lanes.

use std::arch::x86_64::{
    __m512, __m512i, _CMP_GT_OQ, _CMP_NLT_UQ, _mm_add_epi64, _mm_unpackhi_epi64, _mm_unpacklo_epi8, _mm256_add_epi64,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm512_add_epi32, _mm512_add_epi64, _mm512_add_ps,
    _mm512_and_si512, _mm512_castsi512_si256, _mm512_cmp_ps_mask, _mm512_cmplt_epi32_mask, _mm512_cvtepu8_epi32,
    _mm512_extracti64x4_epi64, _mm512_load_ps, _mm512_mask_add_epi32, _mm512_mask_cmp_ps_mask,
    _mm512_mask_cmplt_epi32_mask, _mm512_mask_loadu_ps, _mm512_maskz_compress_epi32, _mm512_mul_ps,
    _mm512_permutex2var_epi32, _mm512_permutexvar_ps, _mm512_rolv_epi64, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srli_epi64,
    _mm512_storeu_si512, _mm512_sub_ps,
};

use super::{Judge, TOGETHER, Thresholds, add_counts};
use crate::kernels::tile::{TILE, TileFloats};

/// Candidates in a register.
const LANES: usize = 16;

impl Judge<'_> {
    /// To keep those alone that may reach the lowest threshold, and to place these in a second pass, took longer.
    #[target_feature(enable = "avx512f,popcnt")]
    pub(super) fn avx512(self, count: usize) {
        let Self {
            products, bounds, factors, thresholds: Thresholds { above, below }, lowest, beaten, verdict, ..
        } = self;
        let (by_shift, by_residual) = (_mm512_set1_ps(factors.shift), _mm512_set1_ps(factors.residual));
        let (by_norm, lowest) = (_mm512_set1_ps(factors.norm), _mm512_set1_ps(lowest));
        let mut steps =
            above.chunks(TOGETHER).zip(below.chunks(TOGETHER)).map(|(above, below)| Steps::new(above, below));
        let Some(first) = steps.next() else { return };
        let mut counts = Counts::new();
        let further = &mut verdict.avx512;
        further.clear();
        further.extend(steps.map(|steps| (steps, Counts::new())));
        // Sixteen pairs are written wherever some are open, so there is room for as many more.
        verdict.open.reserve(count + LANES);
        let mut open_count = 0;
        let (mut lanes, more) =
            (_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), _mm512_set1_epi32(LANES as i32));
        let behind = _mm512_set1_epi32(count as i32);
        let low_pairs = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high_pairs = _mm512_add_epi32(low_pairs, _mm512_set1_epi32(8));
        for (products, bounds) in products.iter().zip(bounds) {
            for half in 0..TILE / LANES {
                // SAFETY: half a tile has sixteen numbers and starts with a line of the cache.
                let load = |row: &TileFloats| unsafe { _mm512_load_ps(row.0.as_ptr().add(half * LANES)) };
                let value = _mm512_mul_ps(load(products), load(&bounds.scale));
                let value = _mm512_add_ps(value, _mm512_mul_ps(load(&bounds.shift), by_shift));
                let error = _mm512_mul_ps(load(&bounds.residual), by_residual);
                let error = _mm512_add_ps(error, _mm512_mul_ps(load(&bounds.norm), by_norm));
                let (low, high) = (_mm512_sub_ps(value, error), _mm512_add_ps(value, error));
                if _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(high, lowest) != 0 {
                    let (mut sure, mut open) = first.place(low, high);
                    counts.add(sure);
                    let mut last = first.last;
                    for (steps, counts) in &mut *further {
                        if _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(high, last) == 0 {
                            break;
                        }
                        let (more, also) = steps.place(low, high);
                        counts.add(more);
                        (sure, open, last) = (_mm512_add_epi32(sure, more), open | also, steps.last);
                    }
                    // What stands behind the candidates may be NaN.
                    let open = _mm512_mask_cmplt_epi32_mask(open, lanes, behind);
                    let (places, sure) =
                        (_mm512_maskz_compress_epi32(open, lanes), _mm512_maskz_compress_epi32(open, sure));
                    // SAFETY: no more pairs than candidates are kept, and there is room for sixteen behind them.
                    unsafe {
                        let to: *mut __m512i = verdict.open.as_mut_ptr().add(open_count).cast();
                        _mm512_storeu_si512(to, _mm512_permutex2var_epi32(places, low_pairs, sure));
                        _mm512_storeu_si512(to.add(1), _mm512_permutex2var_epi32(places, high_pairs, sure));
                    }
                    open_count += open.count_ones() as usize;
                }
                lanes = _mm512_add_epi32(lanes, more);
            }
        }
        // SAFETY: so many were written.
        unsafe { verdict.open.set_len(open_count) };
        let counts_of_further = further.iter_mut().map(|(_, counts)| counts.all());
        add_counts(beaten, std::iter::once(counts.all()).chain(counts_of_further));
    }
}

/// At most fifteen ascending thresholds, filled up with infinity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    above: __m512,
    below: __m512,
    last: __m512,
    all: __m512i,
}

impl Steps {
    #[target_feature(enable = "avx512f")]
    fn new(above: &[f32], below: &[f32]) -> Self {
        let (there, none) = ((1 << above.len()) - 1, _mm512_set1_ps(f32::INFINITY));
        // SAFETY: what is loaded is there.
        let load = |row: &[f32]| unsafe { _mm512_mask_loadu_ps(none, there, row.as_ptr()) };
        Self {
            above: load(above),
            below: load(below),
            last: _mm512_set1_ps(below[below.len() - 1]),
            all: _mm512_set1_epi32(above.len() as i32),
        }
    }

    /// How many lie surely below each interval, and which intervals are open.
    #[target_feature(enable = "avx512f")]
    fn place(self, low: __m512, high: __m512) -> (__m512i, u16) {
        // Binary search in all lanes.
        let mut place = _mm512_setzero_si512();
        for half in [8, 4, 2, 1] {
            let middle = _mm512_permutexvar_ps(_mm512_add_epi32(place, _mm512_set1_epi32(half - 1)), self.above);
            let further = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(low, middle);
            place = _mm512_mask_add_epi32(place, further, place, _mm512_set1_epi32(half));
        }
        // Open where the next threshold may be reached; NaN may be anything.
        let next = _mm512_permutexvar_ps(place, self.below);
        let some_left = _mm512_cmplt_epi32_mask(place, self.all);
        (place, _mm512_mask_cmp_ps_mask::<_CMP_NLT_UQ>(some_left, high, next))
    }
}

/// How often each number below sixteen came: four bits for each of them, in every lane.
#[derive(Debug)]
pub(super) struct Counts {
    lanes: [__m512i; 2],
    added: u32,
    /// What came before.
    before: __m512i,
}

impl Counts {
    #[target_feature(enable = "avx512f")]
    fn new() -> Self {
        Self { lanes: [_mm512_setzero_si512(); 2], added: 0, before: _mm512_setzero_si512() }
    }

    #[target_feature(enable = "avx512f")]
    fn add(&mut self, numbers: __m512i) {
        // Four bits hold fifteen.
        if self.added == 15 {
            self.flush();
        }
        self.added += 1;
        let bits = _mm512_slli_epi32::<2>(numbers);
        // Turned, not shifted: bits beyond the sixth are left out of account, such as those of the lane beside.
        for (lanes, bits) in self.lanes.iter_mut().zip([bits, _mm512_srli_epi64::<32>(bits)]) {
            *lanes = _mm512_add_epi64(*lanes, _mm512_rolv_epi64(_mm512_set1_epi64(1), bits));
        }
    }

    #[target_feature(enable = "avx512f")]
    fn flush(&mut self) {
        let four = _mm512_set1_epi8(15);
        // Bytes hold the sums of sixteen lanes.
        let sum = |[a, b]: [__m512i; 2]| {
            let eight = _mm512_add_epi64(_mm512_and_si512(a, four), _mm512_and_si512(b, four));
            let four = _mm256_add_epi64(_mm512_castsi512_si256(eight), _mm512_extracti64x4_epi64::<1>(eight));
            let two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256::<1>(four));
            _mm_add_epi64(two, _mm_unpackhi_epi64(two, two))
        };
        let even = sum(self.lanes);
        let odd = sum(self.lanes.map(|lanes| _mm512_srli_epi64::<4>(lanes)));
        self.before = _mm512_add_epi32(self.before, _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(even, odd)));
        (self.lanes, self.added) = ([_mm512_setzero_si512(); 2], 0);
    }

    /// How often each came.
    #[target_feature(enable = "avx512f")]
    fn all(&mut self) -> [u32; TOGETHER + 1] {
        self.flush();
        let mut all = [0; TOGETHER + 1];
        // SAFETY: there is room for sixteen.
        unsafe { _mm512_storeu_si512(all.as_mut_ptr().cast(), self.before) };
        all
    }
}
