//! Judging in registers of eight lanes.

use std::arch::x86_64::{
    __m256, __m256i, _CMP_GT_OQ, _CMP_NLT_UQ, _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps, _mm256_blendv_ps,
    _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cmpgt_epi32, _mm256_loadu_ps, _mm256_movemask_ps,
    _mm256_mul_ps, _mm256_permutevar8x32_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_storeu_ps,
    _mm256_storeu_si256, _mm256_sub_epi32, _mm256_sub_ps,
};

use super::{Judge, TOGETHER, add_up};

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
        verdict.sure.clear();
        verdict.sure.resize(groups * LANES, 0);
        verdict.marks.clear();
        verdict.marks.resize(groups, 0);
        for (above, below) in thresholds.above.chunks(TOGETHER).zip(thresholds.below.chunks(TOGETHER)) {
            let (ladder, next) = (Ladder::new(above), Table::new(below));
            let last = _mm256_set1_ps(below[below.len() - 1]);
            let all = _mm256_set1_epi32(below.len() as i32);
            let (mut exactly, mut further) = ([0_u32; TOGETHER + 1], 0);
            let found = verdict.sure.as_chunks_mut::<LANES>().0.iter_mut().zip(&mut verdict.marks);
            for ((low, high), (sure, marks)) in lows.iter().zip(&*highs).zip(found) {
                let high = load(high);
                let (beaten, upper) = ladder.place(load(low));
                // Open where the next threshold may be reached; NaN may be anything.
                let maybe = _mm256_cmp_ps::<_CMP_NLT_UQ>(high, next.at(beaten, upper));
                let some_left = _mm256_castsi256_ps(_mm256_cmpgt_epi32(all, beaten));
                *marks |= _mm256_movemask_ps(_mm256_and_ps(maybe, some_left)) as u32;
                further |= _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(high, last));
                let mut numbers = [0_u32; LANES];
                // SAFETY: there is room for eight numbers.
                unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), beaten) };
                for (sure, beaten) in sure.iter_mut().zip(numbers) {
                    *sure += beaten;
                    exactly[beaten as usize % (TOGETHER + 1)] += 1;
                }
            }
            add_up(&mut verdict.higher, &exactly[1..=below.len()]);
            if further == 0 {
                break;
            }
        }
        for group in 0..groups {
            let mut marks = verdict.marks[group];
            while marks != 0 {
                let lane = marks.trailing_zeros();
                marks &= marks - 1;
                let candidate = verdict.candidate[group] + lane;
                if (candidate as usize) < count {
                    verdict.open.push((candidate, verdict.sure[group * LANES + lane as usize]));
                }
            }
        }
    }
}

/// At most fifteen ascending thresholds, filled up with infinity, for a binary search in all lanes.
struct Ladder {
    middle: __m256,
    quarters: [__m256; 2],
    /// The second, sixth, tenth and fourteenth.
    eighths: __m256,
    /// The first, third, ... fifteenth.
    rest: __m256,
}

impl Ladder {
    #[target_feature(enable = "avx2")]
    fn new(thresholds: &[f32]) -> Self {
        let at = |at: usize| thresholds.get(at).copied().unwrap_or(f32::INFINITY);
        Self {
            middle: _mm256_set1_ps(at(7)),
            quarters: [_mm256_set1_ps(at(3)), _mm256_set1_ps(at(11))],
            eighths: load(&std::array::from_fn(|lane| at(4 * (lane % 4) + 1))),
            rest: load(&std::array::from_fn(|lane| at(2 * lane))),
        }
    }

    /// How many lie below each value, and for which these are more than seven.
    #[target_feature(enable = "avx2")]
    fn place(&self, values: __m256) -> (__m256i, __m256) {
        // What holds is -1.
        let further = |place: __m256i, than: __m256| {
            let beaten = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_GT_OQ>(values, than));
            _mm256_sub_epi32(_mm256_add_epi32(place, place), beaten)
        };
        let upper = _mm256_cmp_ps::<_CMP_GT_OQ>(values, self.middle);
        let place = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_castps_si256(upper));
        let place = further(place, _mm256_blendv_ps(self.quarters[0], self.quarters[1], upper));
        let place = further(place, _mm256_permutevar8x32_ps(self.eighths, place));
        (further(place, _mm256_permutevar8x32_ps(self.rest, place)), upper)
    }
}

/// As many thresholds, to be looked up.
struct Table([__m256; 2]);

impl Table {
    #[target_feature(enable = "avx2")]
    fn new(thresholds: &[f32]) -> Self {
        let at = |at: usize| thresholds.get(at).copied().unwrap_or(f32::INFINITY);
        Self([0, LANES].map(|first| load(&std::array::from_fn(|lane| at(first + lane)))))
    }

    /// Those in these places, of which the upper ones are beyond seven.
    #[target_feature(enable = "avx2")]
    fn at(&self, places: __m256i, upper: __m256) -> __m256 {
        let [low, high] = self.0;
        let of = |half: __m256| _mm256_permutevar8x32_ps(half, places);
        _mm256_blendv_ps(of(low), of(high), upper)
    }
}

#[target_feature(enable = "avx2")]
fn load(numbers: &[f32; LANES]) -> __m256 {
    // SAFETY: there are eight.
    unsafe { _mm256_loadu_ps(numbers.as_ptr()) }
}
