//! Judging in registers of sixteen lanes.

use std::arch::x86_64::{
    __m512, __m512i, _CMP_GT_OQ, _CMP_NLT_UQ, _mm512_add_epi32, _mm512_add_epi64, _mm512_add_ps, _mm512_and_si512,
    _mm512_castsi512_si256, _mm512_cmp_ps_mask, _mm512_cmplt_epi32_mask, _mm512_cvtepu32_epi64,
    _mm512_extracti64x4_epi64, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_add_epi32, _mm512_mask_cmp_ps_mask,
    _mm512_mask_loadu_ps, _mm512_maskz_compress_epi32, _mm512_maskz_compress_ps, _mm512_mul_ps, _mm512_permutexvar_ps,
    _mm512_reduce_add_epi64, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_set1_ps, _mm512_setr_epi32,
    _mm512_setzero_si512, _mm512_slli_epi32, _mm512_sllv_epi64, _mm512_srli_epi64, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_sub_ps,
};

use super::{GROUP, Judge, TOGETHER, add_up};

impl Judge<'_> {
    /// Keeps the candidates alone that may reach the lowest threshold: few, where the judged ones stand high.
    #[target_feature(enable = "avx512f,popcnt")]
    pub(super) fn avx512(self) {
        let Self { products, bounds, factors, thresholds, lowest, count, verdict } = self;
        let rows = [products, bounds.scale, bounds.shift, bounds.residual, bounds.norm];
        let [products, scale, shift, residual, norm] = rows.map(|row| row.as_chunks::<GROUP>().0);
        let (by_shift, by_residual) = (_mm512_set1_ps(factors.shift), _mm512_set1_ps(factors.residual));
        let (by_norm, lowest) = (_mm512_set1_ps(factors.norm), _mm512_set1_ps(lowest));
        let mut numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let mut kept = 0;
        for group in 0..products.len() {
            // SAFETY: a group has sixteen numbers.
            let load = |row: &[[f32; GROUP]]| unsafe { _mm512_loadu_ps(row[group].as_ptr()) };
            let value = _mm512_add_ps(_mm512_mul_ps(load(products), load(scale)), _mm512_mul_ps(load(shift), by_shift));
            let error = _mm512_add_ps(_mm512_mul_ps(load(residual), by_residual), _mm512_mul_ps(load(norm), by_norm));
            let (low, high) = (_mm512_sub_ps(value, error), _mm512_add_ps(value, error));
            let reach = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(high, lowest);
            if reach != 0 {
                let room = kept..kept + GROUP;
                let (lows, highs) = (&mut verdict.low[room.clone()], &mut verdict.high[room.clone()]);
                let candidates = &mut verdict.candidate[room];
                // SAFETY: each has room for sixteen numbers.
                unsafe {
                    _mm512_storeu_ps(lows.as_mut_ptr(), _mm512_maskz_compress_ps(reach, low));
                    _mm512_storeu_ps(highs.as_mut_ptr(), _mm512_maskz_compress_ps(reach, high));
                    let which = _mm512_maskz_compress_epi32(reach, numbers);
                    _mm512_storeu_si512(candidates.as_mut_ptr().cast(), which);
                }
                kept += reach.count_ones() as usize;
            }
            numbers = _mm512_add_epi32(numbers, _mm512_set1_epi32(GROUP as i32));
        }
        // What fills the last group up beats nothing.
        verdict.low[kept..kept + GROUP].fill(f32::NEG_INFINITY);
        verdict.high[kept..kept + GROUP].fill(f32::NEG_INFINITY);
        let groups = kept.div_ceil(GROUP);
        let (low, high) = (verdict.low.as_chunks::<GROUP>().0, verdict.high.as_chunks::<GROUP>().0);
        verdict.sure.clear();
        verdict.sure.resize(groups * GROUP, 0);
        verdict.marks.clear();
        verdict.marks.resize(groups, 0);
        let sure = verdict.sure.as_chunks_mut::<GROUP>().0;
        let marks = &mut verdict.marks;
        for (above, thresholds_below) in thresholds.above.chunks(TOGETHER).zip(thresholds.below.chunks(TOGETHER)) {
            let all = above.len();
            let (there, none) = ((1 << all) - 1, _mm512_set1_ps(f32::INFINITY));
            // SAFETY: what is loaded is there.
            let (above, below) = unsafe {
                let above = _mm512_mask_loadu_ps(none, there, above.as_ptr());
                (above, _mm512_mask_loadu_ps(none, there, thresholds_below.as_ptr()))
            };
            let last = _mm512_set1_ps(thresholds_below[all - 1]);
            let (mut counts, mut further) = (Counts::new(), 0);
            for (((low, high), sure), marks) in low.iter().zip(high).zip(&mut *sure).zip(&mut *marks) {
                // SAFETY: a group has sixteen numbers.
                let (low, high) = unsafe { (_mm512_loadu_ps(low.as_ptr()), _mm512_loadu_ps(high.as_ptr())) };
                let beaten = place(low, above);
                counts.add(beaten);
                // Open where the next threshold may be reached; NaN may be anything.
                let next = _mm512_permutexvar_ps(beaten, below);
                let some_left = _mm512_cmplt_epi32_mask(beaten, _mm512_set1_epi32(all as i32));
                *marks |= u32::from(_mm512_mask_cmp_ps_mask::<_CMP_NLT_UQ>(some_left, high, next));
                further |= _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(high, last);
                // SAFETY: as above.
                unsafe {
                    let before = _mm512_loadu_si512(sure.as_ptr().cast());
                    _mm512_storeu_si512(sure.as_mut_ptr().cast(), _mm512_add_epi32(before, beaten));
                }
            }
            add_up(&mut verdict.higher, &counts.finish()[1..=all]);
            if further == 0 {
                break;
            }
        }
        for group in 0..groups {
            let mut marks = verdict.marks[group];
            while marks != 0 {
                let at = group * GROUP + marks.trailing_zeros() as usize;
                marks &= marks - 1;
                if at < kept && (verdict.candidate[at] as usize) < count {
                    verdict.open.push((verdict.candidate[at], verdict.sure[at]));
                }
            }
        }
    }
}

/// How many of at most fifteen ascending thresholds, filled up with infinity, lie below each value: binary search in all
/// lanes.
#[target_feature(enable = "avx512f")]
fn place(values: __m512, thresholds: __m512) -> __m512i {
    let mut place = _mm512_setzero_si512();
    for half in [8, 4, 2, 1] {
        let middle = _mm512_permutexvar_ps(_mm512_add_epi32(place, _mm512_set1_epi32(half - 1)), thresholds);
        let further = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(values, middle);
        place = _mm512_mask_add_epi32(place, further, place, _mm512_set1_epi32(half));
    }
    place
}

/// How often each number below sixteen came: four bits for each of them, in every lane.
struct Counts {
    lanes: [__m512i; 2],
    added: u32,
    before: [u32; 16],
}

impl Counts {
    #[target_feature(enable = "avx512f")]
    fn new() -> Self {
        Self { lanes: [_mm512_setzero_si512(); 2], added: 0, before: [0; 16] }
    }

    #[target_feature(enable = "avx512f")]
    fn add(&mut self, numbers: __m512i) {
        // Four bits hold fifteen.
        if self.added == 15 {
            self.flush();
        }
        self.added += 1;
        let bits = _mm512_slli_epi32::<2>(numbers);
        let halves = [_mm512_castsi512_si256(bits), _mm512_extracti64x4_epi64::<1>(bits)];
        for (lanes, bits) in self.lanes.iter_mut().zip(halves) {
            *lanes = _mm512_add_epi64(*lanes, _mm512_sllv_epi64(_mm512_set1_epi64(1), _mm512_cvtepu32_epi64(bits)));
        }
    }

    #[target_feature(enable = "avx512f")]
    fn flush(&mut self) {
        let four = _mm512_set1_epi8(15);
        // Bytes hold the sums of sixteen lanes.
        let sum = |[a, b]: [__m512i; 2]| {
            let bytes = _mm512_add_epi64(_mm512_and_si512(a, four), _mm512_and_si512(b, four));
            _mm512_reduce_add_epi64(bytes).to_le_bytes()
        };
        let even = sum(self.lanes);
        let odd = sum(self.lanes.map(|lanes| _mm512_srli_epi64::<4>(lanes)));
        for (two, (even, odd)) in self.before.as_chunks_mut::<2>().0.iter_mut().zip(even.into_iter().zip(odd)) {
            two[0] += u32::from(even);
            two[1] += u32::from(odd);
        }
        (self.lanes, self.added) = ([_mm512_setzero_si512(); 2], 0);
    }

    #[target_feature(enable = "avx512f")]
    fn finish(mut self) -> [u32; 16] {
        self.flush();
        self.before
    }
}
