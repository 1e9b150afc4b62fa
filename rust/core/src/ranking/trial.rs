//! Which arithmetic screens a block: a trial on a sample of it.

use crate::kernels::multiplies_int8;
use crate::ranking::RankCounter;
use crate::screen::{Arithmetic, Candidates, QUERIES, Queries, Screen, TILE, Verdict, beaten};

/// Blocks of fewer rows are not worth a trial.
const SAMPLED: usize = 256;
/// The times of a comparison: of products in each arithmetic, of a look in int16 (after int8) and in float32 (after
/// integers), and of the score. All are in proportion to the dimension; 1 is some 3.4 ns for 768 components on Zen 4.
const INT8: f64 = 1.0;
const INT16: f64 = 2.0;
const FLOAT32: f64 = 4.0;
const INT16_LOOK: f64 = 12.0;
const FLOAT32_LOOK: f64 = 22.0;
const SCORE: f64 = 44.0;

/// Queries of the sample, kept from block to block.
#[derive(Debug, Clone, Default)]
pub(super) struct Trial {
    sample: Vec<usize>,
    rows: Vec<f32>,
    /// Their cells for each arithmetic that was tried.
    packed: Vec<(Arithmetic, Queries)>,
}

impl RankCounter<'_> {
    /// The arithmetic that takes the least time, by what it leaves open of some of the `rows` of a block. The choice changes
    /// no rank, and depends on the block alone.
    pub(super) fn choose<'s>(
        &self,
        rows: usize,
        some: &[&[f32]],
        trial: &mut Trial,
        with: impl Fn(Arithmetic) -> Screen<'s>,
    ) -> Arithmetic {
        if let Some(forced) = self.forced {
            return forced;
        }
        if rows < SAMPLED {
            return Arithmetic::Int16;
        }
        if trial.sample.is_empty() {
            let judging: Vec<usize> =
                (0..self.tallies.len()).filter(|&q| !self.tallies[q].thresholds().is_empty()).collect();
            trial.sample = spread(judging.len(), 8 * QUERIES).map(|at| judging[at]).collect();
            trial.rows = trial.sample.iter().flat_map(|&q| self.query(q)).copied().collect();
        }
        let members: Vec<&[f32]> = spread(some.len(), 2 * TILE).map(|at| some[at]).collect();
        let mut time = |arithmetic| self.time(&members, trial, &with(arithmetic));
        let int8 = if multiplies_int8() { time(Arithmetic::Int8) } else { f64::INFINITY };
        if int8 < INT16 {
            return Arithmetic::Int8;
        }
        let int16 = time(Arithmetic::Int16);
        if int8.min(int16) > FLOAT32 && time(Arithmetic::Float32) < int8.min(int16) {
            Arithmetic::Float32
        } else if int8 < int16 {
            Arithmetic::Int8
        } else {
            Arithmetic::Int16
        }
    }

    /// The time of a comparison, by what a sample of them leaves open.
    fn time(&self, members: &[&[f32]], trial: &mut Trial, screen: &Screen<'_>) -> f64 {
        let Trial { sample, rows, packed } = trial;
        let known = packed.iter().position(|(arithmetic, _)| *arithmetic == screen.arithmetic());
        let known = known.unwrap_or_else(|| {
            let mut queries = Queries::default();
            screen.pack_queries(rows, &mut queries);
            packed.push((screen.arithmetic(), queries));
            packed.len() - 1
        });
        let packed = &packed[known].1;
        let mut candidates = Candidates::default();
        let (mut products, mut verdict) = (Vec::new(), Verdict::default());
        let levels = screen.levels(packed, rows, sample.iter().map(|&q| self.tallies[q].thresholds()));
        screen.pack(members.iter().copied(), |_, _| (), &mut candidates);
        let (mut pairs, mut known) = (Vec::new(), Vec::new());
        for q in 0..sample.len() {
            if q % QUERIES == 0 {
                screen.multiply(packed, q / QUERIES, &[], &candidates, &mut products);
            }
            let bins = &mut vec![0; levels.place(q).len()];
            screen.judge((packed, q), &levels, &candidates, &mut products, bins, &mut verdict);
            pairs.extend(verdict.open.iter().map(|&[c, _]| (q as u32, c)));
            known.extend(verdict.open.iter().map(|&[_, beaten]| beaten as usize));
        }
        let share = |count: usize| count as f64 / (sample.len() * members.len()).max(1) as f64;
        match screen.arithmetic() {
            Arithmetic::Int8 => {
                let mut products = Vec::new();
                screen.multiply_pairs(packed, &candidates, &pairs, &mut products);
                let looks = pairs.iter().zip(known).zip(products);
                let left = looks.filter(|&((&(q, c), known), product)| {
                    let q = q as usize;
                    let (score, error) = screen.look((packed, q), &levels, &candidates).score(c as usize, product);
                    beaten(score, error, levels.exact(q), known).is_none()
                });
                INT8 + INT16_LOOK * share(pairs.len()) + FLOAT32_LOOK * share(left.count())
            }
            Arithmetic::Int16 => INT16 + FLOAT32_LOOK * share(pairs.len()),
            Arithmetic::Float32 => FLOAT32 + SCORE * share(pairs.len()),
        }
    }
}

/// Some of so many, at most `count`, spread evenly.
pub(super) fn spread(of: usize, count: usize) -> impl ExactSizeIterator<Item = usize> {
    let count = count.min(of);
    (0..count).map(move |at| at * of / count)
}
