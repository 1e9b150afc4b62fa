//! Judging in registers of eight lanes.

use std::arch::x86_64::{
    __m256, _CMP_GT_OQ, _CMP_NLT_UQ, _mm256_add_ps, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps,
    _mm256_cmpeq_epi32, _mm256_loadu_ps, _mm256_movemask_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_setzero_si256,
    _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_epi32, _mm256_sub_ps,
};

use super::{Judge, TOGETHER};

/// Candidates in a register.
const LANES: usize = 8;

impl Judge<'_> {
    /// Keeps whole registers, of which some candidate may reach the lowest threshold. The compiler's own vectors of the
    /// portable loops took three times as long.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(self) {
        let Self { products, bounds, factors, thresholds, lowest, count, verdict } = self;
        let rows = [products, bounds.scale, bounds.shift, bounds.residual, bounds.norm];
        let [products, scale, shift, residual, norm] = rows.map(|row| row.as_chunks::<LANES>().0);
        let (lows, highs) = (verdict.low.as_chunks_mut::<LANES>().0, verdict.high.as_chunks_mut::<LANES>().0);
        let (by_shift, by_residual) = (_mm256_set1_ps(factors.shift), _mm256_set1_ps(factors.residual));
        let (by_norm, lowest) = (_mm256_set1_ps(factors.norm), _mm256_set1_ps(lowest));
        let mut groups = 0;
        for group in 0..products.len() {
            let load = |row: &[[f32; LANES]]| load(&row[group]);
            let value = _mm256_add_ps(_mm256_mul_ps(load(products), load(scale)), _mm256_mul_ps(load(shift), by_shift));
            let error = _mm256_add_ps(_mm256_mul_ps(load(residual), by_residual), _mm256_mul_ps(load(norm), by_norm));
            let (low, high) = (_mm256_sub_ps(value, error), _mm256_add_ps(value, error));
            if _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(high, lowest)) != 0 {
                // SAFETY: each has room for eight numbers.
                unsafe {
                    _mm256_storeu_ps(lows[groups].as_mut_ptr(), low);
                    _mm256_storeu_ps(highs[groups].as_mut_ptr(), high);
                }
                verdict.candidate[groups] = (group * LANES) as u32;
                groups += 1;
            }
        }
        verdict.exactly.clear();
        verdict.exactly.resize(thresholds.above.len() + 1, 0);
        for (group, (low, high)) in lows.iter().zip(highs).take(groups).enumerate() {
            let (low, high) = (load(low), load(high));
            let (mut sure, mut reached) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            for (above, below) in thresholds.above.chunks(TOGETHER).zip(thresholds.below.chunks(TOGETHER)) {
                for (&above, &below) in above.iter().zip(below) {
                    // What holds is -1.
                    let surely = _mm256_cmp_ps::<_CMP_GT_OQ>(low, _mm256_set1_ps(above));
                    let maybe = _mm256_cmp_ps::<_CMP_NLT_UQ>(high, _mm256_set1_ps(below));
                    sure = _mm256_sub_epi32(sure, _mm256_castps_si256(surely));
                    reached = _mm256_sub_epi32(reached, _mm256_castps_si256(maybe));
                }
                let last = _mm256_set1_ps(below[below.len() - 1]);
                if _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(high, last)) == 0 {
                    break;
                }
            }
            let mut beaten = [0_u32; LANES];
            // SAFETY: there is room for eight numbers.
            unsafe { _mm256_storeu_si256(beaten.as_mut_ptr().cast(), sure) };
            for beaten in beaten {
                verdict.exactly[beaten as usize] += 1;
            }
            let settled = _mm256_castsi256_ps(_mm256_cmpeq_epi32(sure, reached));
            let mut open = !_mm256_movemask_ps(settled) as u32 & 0xff;
            while open != 0 {
                let lane = open.trailing_zeros();
                open &= open - 1;
                let candidate = verdict.candidate[group] + lane;
                if (candidate as usize) < count {
                    verdict.open.push((candidate, beaten[lane as usize]));
                }
            }
        }
        verdict.add_up();
    }
}

#[target_feature(enable = "avx2")]
fn load(numbers: &[f32; LANES]) -> __m256 {
    // SAFETY: there are eight.
    unsafe { _mm256_loadu_ps(numbers.as_ptr()) }
}
