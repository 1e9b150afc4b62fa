//! Judging in registers of eight lanes.

use std::arch::x86_64::{
    __m256, __m256i, _CMP_GT_OQ, _CMP_NLT_UQ, _mm_add_epi64, _mm_cvtsi128_si64, _mm_unpackhi_epi64, _mm256_add_epi32,
    _mm256_add_epi64, _mm256_add_ps, _mm256_and_ps, _mm256_and_si256, _mm256_blendv_ps, _mm256_castps_si256,
    _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cmpgt_epi32, _mm256_extracti128_si256,
    _mm256_loadu_ps, _mm256_movemask_ps, _mm256_mul_ps, _mm256_permutevar8x32_ps, _mm256_set1_epi8, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_set1_ps, _mm256_setzero_si256, _mm256_slli_epi32, _mm256_sllv_epi64, _mm256_srli_epi64,
    _mm256_storeu_si256, _mm256_sub_epi32, _mm256_sub_ps,
};

use super::{Judge, TOGETHER, Thresholds, add_counts};
use crate::kernels::tile::TileFloats;

/// Candidates in a register.
const LANES: usize = 8;

impl Judge<'_> {
    /// The compiler's own vectors of the portable loops took three times as long, and to count one by one twice as long
    /// where few reach the lowest threshold.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(self) {
        let (by_shift, by_residual) = (_mm256_set1_ps(self.factors.shift), _mm256_set1_ps(self.factors.residual));
        let (by_norm, lowest) = (_mm256_set1_ps(self.factors.norm), _mm256_set1_ps(self.lowest));
        let Thresholds { above, below } = self.thresholds;
        let mut steps =
            above.chunks(TOGETHER).zip(below.chunks(TOGETHER)).map(|(above, below)| Steps::new(above, below));
        let Some(first) = steps.next() else { return };
        let mut counts = Counts::new();
        let mut further = std::mem::take(&mut self.verdict.avx2);
        further.clear();
        further.extend(steps.map(|steps| (steps, Counts::new())));
        let found = self.verdict.sure.iter_mut().zip(&mut self.verdict.marks);
        for ((products, bounds), (sures, marks)) in self.products.iter().zip(self.bounds).zip(found) {
            for (part, sures) in sures.0.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let load = |row: &TileFloats| load(&row.0.as_chunks::<LANES>().0[part]);
                let value = _mm256_mul_ps(load(products), load(&bounds.scale));
                let value = _mm256_add_ps(value, _mm256_mul_ps(load(&bounds.shift), by_shift));
                let error = _mm256_mul_ps(load(&bounds.residual), by_residual);
                let error = _mm256_add_ps(error, _mm256_mul_ps(load(&bounds.norm), by_norm));
                let (low, high) = (_mm256_sub_ps(value, error), _mm256_add_ps(value, error));
                if _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(high, lowest)) == 0 {
                    continue;
                }
                let (mut sure, mut open) = first.place(low, high);
                counts.add(sure);
                let mut last = first.last;
                for (steps, counts) in &mut further {
                    if _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(high, last)) == 0 {
                        break;
                    }
                    let (more, also) = steps.place(low, high);
                    counts.add(more);
                    (sure, open, last) = (_mm256_add_epi32(sure, more), open | also, steps.last);
                }
                // Whether or not any is open, which no processor can guess.
                // SAFETY: there is room for eight numbers.
                unsafe { _mm256_storeu_si256(sures.as_mut_ptr().cast(), sure) };
                *marks |= open << (part * LANES);
            }
        }
        let counts_of_further = further.iter_mut().map(|(_, counts)| counts.all());
        add_counts(self.beaten, std::iter::once(counts.all()).chain(counts_of_further));
        self.verdict.avx2 = further;
    }
}

/// At most fifteen thresholds.
#[derive(Debug)]
pub(super) struct Steps {
    ladder: Ladder,
    next: Table,
    last: __m256,
    all: __m256i,
}

impl Steps {
    #[target_feature(enable = "avx2")]
    fn new(above: &[f32], below: &[f32]) -> Self {
        Self {
            ladder: Ladder::new(above),
            next: Table::new(below),
            last: _mm256_set1_ps(below[below.len() - 1]),
            all: _mm256_set1_epi32(above.len() as i32),
        }
    }

    /// How many lie surely below each interval, and which intervals are open.
    #[target_feature(enable = "avx2")]
    fn place(&self, low: __m256, high: __m256) -> (__m256i, u32) {
        let (places, upper) = self.ladder.place(low);
        // Open where the next threshold may be reached; NaN may be anything.
        let maybe = _mm256_cmp_ps::<_CMP_NLT_UQ>(high, self.next.at(places, upper));
        let some_left = _mm256_castsi256_ps(_mm256_cmpgt_epi32(self.all, places));
        (places, _mm256_movemask_ps(_mm256_and_ps(maybe, some_left)) as u32)
    }
}

/// How often each number below sixteen came: four bits for each of them, in every lane.
#[derive(Debug)]
pub(super) struct Counts {
    lanes: [__m256i; 2],
    added: u32,
    /// What came before.
    before: [u32; TOGETHER + 1],
}

impl Counts {
    #[target_feature(enable = "avx2")]
    fn new() -> Self {
        Self { lanes: [_mm256_setzero_si256(); 2], added: 0, before: [0; TOGETHER + 1] }
    }

    #[target_feature(enable = "avx2")]
    fn add(&mut self, numbers: __m256i) {
        // Four bits hold fifteen.
        if self.added == 15 {
            self.flush();
        }
        self.added += 1;
        let bits = _mm256_slli_epi32::<2>(numbers);
        let own = _mm256_and_si256(bits, _mm256_set1_epi64x(0x3c));
        for (lanes, bits) in self.lanes.iter_mut().zip([own, _mm256_srli_epi64::<32>(bits)]) {
            *lanes = _mm256_add_epi64(*lanes, _mm256_sllv_epi64(_mm256_set1_epi64x(1), bits));
        }
    }

    #[target_feature(enable = "avx2")]
    fn flush(&mut self) {
        let four = _mm256_set1_epi8(15);
        // Bytes hold the sums of eight lanes.
        let sum = |[a, b]: [__m256i; 2]| {
            let four = _mm256_add_epi64(_mm256_and_si256(a, four), _mm256_and_si256(b, four));
            let two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256::<1>(four));
            _mm_cvtsi128_si64(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two))).to_le_bytes()
        };
        let even = sum(self.lanes);
        let odd = sum(self.lanes.map(|lanes| _mm256_srli_epi64::<4>(lanes)));
        for (before, (even, odd)) in self.before.as_chunks_mut::<2>().0.iter_mut().zip(even.into_iter().zip(odd)) {
            before[0] += u32::from(even);
            before[1] += u32::from(odd);
        }
        (self.lanes, self.added) = ([_mm256_setzero_si256(); 2], 0);
    }

    /// How often each came.
    #[target_feature(enable = "avx2")]
    fn all(&mut self) -> [u32; TOGETHER + 1] {
        self.flush();
        self.before
    }
}

/// At most fifteen ascending thresholds, filled up with infinity, for a binary search in all lanes.
#[derive(Debug)]
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
#[derive(Debug)]
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
