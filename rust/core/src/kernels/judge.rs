//! Where products with their bounds stand among the thresholds of a query.
//!
//! With `v = product * scale + shift * factor` and `e = residual * factor + norm * factor`, a candidate surely beats a
//! threshold where `v - e` lies above it, and surely not where `v + e` lies below; else it is open. The operations are
//! never fused, so that every level finds the same. NaN leaves a candidate open.

#[cfg(target_arch = "x86_64")]
#[path = "judge_avx2.rs"]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[path = "judge_avx512.rs"]
mod avx512;

use crate::kernels::level::{Level, level};
use crate::kernels::tile::{Sums, TILE};

/// Candidates that are looked at together.
const GROUP: usize = 16;
/// Thresholds that are compared before it is asked whether any further one can be reached: as many as four halvings can
/// place a value among.
const TOGETHER: usize = 15;

/// What a query brings to the bounds.
#[derive(Debug, Clone, Copy)]
pub struct Factors {
    /// Of the candidates' shifts.
    pub shift: f32,
    /// Of their residuals.
    pub residual: f32,
    /// Of their norms.
    pub norm: f32,
}

/// What candidates bring to the bounds, of whole tiles.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// What turns products into scores.
    pub scale: &'a [f32],
    /// What is added to them.
    pub shift: &'a [f32],
    /// Norms of what their integers leave out.
    pub residual: &'a [f32],
    /// Norms.
    pub norm: &'a [f32],
}

/// The thresholds of a query, ascending, rounded up and rounded down.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds<'a> {
    /// What lies above is higher.
    pub above: &'a [f32],
    /// What lies below is lower.
    pub below: &'a [f32],
}

/// What was found for a query, and room for finding it.
#[derive(Debug, Default)]
pub struct Verdict {
    /// For each threshold, how many candidates surely beat it; thresholds behind the last that some may reach may be left
    /// out.
    pub higher: Vec<u32>,
    /// Candidates that may or may not beat some threshold, and how many thresholds each surely beats.
    pub open: Vec<(u32, u32)>,
    /// Of the candidates that may reach the lowest threshold: the ends of the interval around the score, and which it is.
    low: Vec<f32>,
    high: Vec<f32>,
    candidate: Vec<u32>,
    /// Whether they are open: bits for each group.
    #[cfg(target_arch = "x86_64")]
    marks: Vec<u32>,
    /// How many thresholds each surely beats.
    #[cfg(target_arch = "x86_64")]
    sure: Vec<u32>,
}

/// Judges the products of a query with `count` candidates; places behind them, in the last tile, count for nothing when
/// their shift is negative infinity and their other bounds are 0.
///
/// # Panics
/// When the sizes do not fit.
pub fn judge(
    products: &[Sums],
    bounds: Bounds<'_>,
    factors: Factors,
    thresholds: Thresholds<'_>,
    count: usize,
    verdict: &mut Verdict,
) {
    let sizes = [bounds.scale, bounds.shift, bounds.residual, bounds.norm].map(<[f32]>::len);
    let fit = sizes == [products.len() * TILE; 4] && thresholds.above.len() == thresholds.below.len();
    assert!(fit, "sizes that do not fit");
    verdict.higher.clear();
    verdict.open.clear();
    let Some(&lowest) = thresholds.below.first() else { return };
    // Room for a whole group behind the last candidate.
    let room = products.len() * TILE + GROUP;
    if verdict.low.len() < room {
        verdict.low.resize(room, 0.0);
        verdict.high.resize(room, 0.0);
        verdict.candidate.resize(room, 0);
    }
    let judge = Judge { products: products.as_flattened(), bounds, factors, thresholds, lowest, count, verdict };
    match level() {
        // SAFETY: `level` found that the processor has the features that this was compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { judge.avx512() },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { judge.avx2() },
        Level::Portable => judge.portable(),
    }
}

struct Judge<'a> {
    products: &'a [f32],
    bounds: Bounds<'a>,
    factors: Factors,
    thresholds: Thresholds<'a>,
    lowest: f32,
    count: usize,
    verdict: &'a mut Verdict,
}

impl Judge<'_> {
    /// Keeps whole groups, of which some candidate may reach the lowest threshold.
    fn portable(self) {
        let Self { products, bounds, factors, thresholds, lowest, count, verdict } = self;
        let rows = [products, bounds.scale, bounds.shift, bounds.residual, bounds.norm];
        let [products, scale, shift, residual, norm] = rows.map(|row| row.as_chunks::<GROUP>().0);
        let (low, high) = (verdict.low.as_chunks_mut::<GROUP>().0, verdict.high.as_chunks_mut::<GROUP>().0);
        let candidate = &mut verdict.candidate;
        let mut groups = 0;
        for group in 0..products.len() {
            let (low, high) = (&mut low[groups], &mut high[groups]);
            let mut reached = 0;
            for lane in 0..GROUP {
                let value = products[group][lane] * scale[group][lane] + shift[group][lane] * factors.shift;
                let error = residual[group][lane] * factors.residual + norm[group][lane] * factors.norm;
                low[lane] = value - error;
                high[lane] = value + error;
                reached |= u32::from(may_reach(high[lane], lowest));
            }
            if reached != 0 {
                candidate[groups] = (group * GROUP) as u32;
                groups += 1;
            }
        }
        let mut exactly = vec![0; thresholds.above.len() + 1];
        for group in 0..groups {
            let (low, high) = (&low[group], &high[group]);
            let (mut sure, mut reached) = ([0_u32; GROUP], [0_u32; GROUP]);
            for (above, below) in thresholds.above.chunks(TOGETHER).zip(thresholds.below.chunks(TOGETHER)) {
                for (&above, &below) in above.iter().zip(below) {
                    for lane in 0..GROUP {
                        sure[lane] += u32::from(low[lane] > above);
                        reached[lane] += u32::from(may_reach(high[lane], below));
                    }
                }
                let highest = below[below.len() - 1];
                if high.iter().fold(true, |none, &high| none & !may_reach(high, highest)) {
                    break;
                }
            }
            let mut open = 0;
            for lane in 0..GROUP {
                open |= sure[lane] ^ reached[lane];
                exactly[sure[lane] as usize] += 1;
            }
            if open != 0 {
                for lane in (0..GROUP).filter(|&lane| sure[lane] != reached[lane]) {
                    let candidate = candidate[group] + lane as u32;
                    if (candidate as usize) < count {
                        verdict.open.push((candidate, sure[lane]));
                    }
                }
            }
        }
        add_up(&mut verdict.higher, &exactly[1..]);
    }
}

/// Adds how many candidates beat each of the next thresholds, given how many beat exactly one, two, ... of them.
fn add_up(higher: &mut Vec<u32>, exactly: &[u32]) {
    let first = higher.len();
    let mut sum = 0;
    higher.extend(exactly.iter().rev().map(|count| {
        sum += count;
        sum
    }));
    higher[first..].reverse();
}

/// Not lower: NaN may be anything.
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN may be anything")]
fn may_reach(high: f32, below: f32) -> bool {
    !(high < below)
}
