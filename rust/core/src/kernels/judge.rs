//! Where products with their bounds stand among the thresholds of a query.
//!
//! With `v = product * scale + shift * factor` and `e = residual * factor + norm * factor`, a candidate surely beats a
//! threshold where `v - e` lies above it, and surely not where `v + e` lies below; else it is open. The operations are
//! never fused, so that every level finds the same. NaN leaves a candidate open.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::kernels::level::{Level, level};
use crate::kernels::tile::{TILE, TileCells, TileFloats};

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

/// What the candidates of a tile bring to the bounds.
#[derive(Debug, Clone, Copy)]
pub struct TileBounds {
    /// What turns products into scores.
    pub scale: TileFloats,
    /// What is added to them.
    pub shift: TileFloats,
    /// Norms of what their integers leave out.
    pub residual: TileFloats,
    /// Norms.
    pub norm: TileFloats,
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
    /// Candidates that may or may not beat some threshold, and how many of the lowest each surely beats.
    pub open: Vec<[u32; 2]>,
    /// Which candidates of each tile are open, as bits.
    marks: Vec<u32>,
    /// How many thresholds candidates surely beat, of those that may reach any.
    sure: Vec<TileCells>,
    /// How many candidates surely beat none, one, two, ... of them: without registers to count in.
    exactly: Vec<u32>,
    /// What the thresholds, or those behind the first [`TOGETHER`], are looked up in.
    #[cfg(target_arch = "x86_64")]
    avx2: Vec<(avx2::Steps, avx2::Counts)>,
    #[cfg(target_arch = "x86_64")]
    avx512: Vec<(avx512::Steps, avx512::Counts)>,
}

/// Judges the products of a query with `count` candidates. Adds to `beaten[k]`, for each threshold, how many of them surely
/// beat it and none above. Places behind the candidates, in the last tile, count for nothing when their shift is negative
/// infinity and their other bounds are 0.
///
/// # Panics
/// When the sizes do not fit.
pub fn judge(
    products: &[TileFloats],
    bounds: &[TileBounds],
    factors: Factors,
    thresholds: Thresholds<'_>,
    count: usize,
    beaten: &mut [u32],
    verdict: &mut Verdict,
) {
    let fit = products.len() == bounds.len() && [thresholds.above.len(), thresholds.below.len()] == [beaten.len(); 2];
    assert!(fit, "sizes that do not fit");
    verdict.open.clear();
    let Some(&lowest) = thresholds.below.first() else { return };
    let judge = Judge { products, bounds, factors, thresholds, lowest, beaten, verdict: &mut *verdict };
    match level() {
        // SAFETY: `level` found that the processor has the features that this was compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => return unsafe { judge.avx512(count) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni => unsafe { judge.marking().avx2() },
        Level::Portable => judge.marking().portable(),
    }
    for (tile, (marks, sure)) in verdict.marks.iter().zip(&verdict.sure).enumerate() {
        let mut marks = *marks;
        while marks != 0 {
            let (lane, candidate) = (marks.trailing_zeros() as usize, tile * TILE + marks.trailing_zeros() as usize);
            marks &= marks - 1;
            // What stands behind the candidates may be NaN.
            if candidate < count {
                verdict.open.push([candidate as u32, sure.0[lane]]);
            }
        }
    }
}

struct Judge<'a> {
    products: &'a [TileFloats],
    bounds: &'a [TileBounds],
    factors: Factors,
    thresholds: Thresholds<'a>,
    lowest: f32,
    beaten: &'a mut [u32],
    verdict: &'a mut Verdict,
}

impl Judge<'_> {
    /// Makes room for marks.
    fn marking(self) -> Self {
        let Verdict { marks, sure, exactly, .. } = &mut *self.verdict;
        marks.clear();
        marks.resize(self.products.len(), 0);
        sure.resize(self.products.len(), TileCells([0; TILE]));
        exactly.clear();
        exactly.resize(self.beaten.len() + 1, 0);
        self
    }

    fn portable(self) {
        let Factors { shift, residual, norm } = self.factors;
        let Thresholds { above, below } = self.thresholds;
        let found = self.verdict.sure.iter_mut().zip(&mut self.verdict.marks);
        for ((products, bounds), (TileCells(sure), marks)) in self.products.iter().zip(self.bounds).zip(found) {
            let (mut low, mut high) = ([0.0_f32; TILE], [0.0_f32; TILE]);
            let mut reached = false;
            for lane in 0..TILE {
                let value = products.0[lane] * bounds.scale.0[lane] + bounds.shift.0[lane] * shift;
                let error = bounds.residual.0[lane] * residual + bounds.norm.0[lane] * norm;
                low[lane] = value - error;
                high[lane] = value + error;
                reached |= may_reach(high[lane], self.lowest);
            }
            if !reached {
                continue;
            }
            let mut reached = [0_u32; TILE];
            sure.fill(0);
            for (above, below) in above.chunks(TOGETHER).zip(below.chunks(TOGETHER)) {
                for (&above, &below) in above.iter().zip(below) {
                    for lane in 0..TILE {
                        sure[lane] += u32::from(low[lane] > above);
                        reached[lane] += u32::from(may_reach(high[lane], below));
                    }
                }
                let highest = below[below.len() - 1];
                if high.iter().fold(true, |none, &high| none & !may_reach(high, highest)) {
                    break;
                }
            }
            for lane in 0..TILE {
                *marks |= u32::from(sure[lane] != reached[lane]) << lane;
                self.verdict.exactly[sure[lane] as usize] += 1;
            }
        }
        self.counted();
    }

    /// Adds up what was counted.
    fn counted(self) {
        for (beaten, count) in self.beaten.iter_mut().zip(&self.verdict.exactly[1..]) {
            *beaten += count;
        }
    }
}

/// Adds to `beaten[k]` how many surely beat so many thresholds and none above, given for each [`TOGETHER`] of them how
/// many beat none, one, two, ... of these.
#[cfg(target_arch = "x86_64")]
fn add_counts(beaten: &mut [u32], counts: impl Iterator<Item = [u32; TOGETHER + 1]>) {
    let (mut rest, mut before): (_, Option<&mut u32>) = (beaten, None);
    for counts in counts {
        let these;
        (these, rest) = rest.split_at_mut(rest.len().min(TOGETHER));
        for (beaten, count) in these.iter_mut().zip(&counts[1..]) {
            *beaten += count;
        }
        // Who beats all of some thresholds and more was counted for the last of them too.
        if let Some(before) = before {
            *before -= counts[1..].iter().sum::<u32>();
        }
        before = these.last_mut();
    }
}

/// Not lower: NaN may be anything.
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN may be anything")]
fn may_reach(high: f32, below: f32) -> bool {
    !(high < below)
}
