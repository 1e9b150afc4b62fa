//! Which arithmetic screens a block: a trial on a sample of it.

use crate::kernels::multiplies_int8;
use crate::ranking::RankCounter;
use crate::screen::{Arithmetic, Candidates, QUERIES, Queries, Screen, TILE, Verdict};
use crate::vectors::Vectors;

/// Blocks of fewer rows are not worth a trial.
const SAMPLED: usize = 256;
/// The time of a second look, where that of an int8 product is 1, of int16 2 and of float32 4 (all in proportion to the
/// dimension; some 75 ns and 3 ns for 768 components on Zen 4).
const LOOK: f64 = 22.0;
/// The time of an int16 product.
const INT16: f64 = 2.0;

/// Queries of the sample, kept from block to block.
#[derive(Debug, Clone, Default)]
pub(super) struct Trial {
    sample: Vec<usize>,
    rows: Vec<f32>,
    /// Their cells for each arithmetic that was tried.
    packed: Vec<(Arithmetic, Queries)>,
}

impl RankCounter<'_> {
    /// The arithmetic that takes the least time, by what it leaves open of a sample of this block. The choice changes no
    /// rank, and depends on the block alone.
    pub(super) fn choose<'s>(
        &self,
        block: Vectors<'_>,
        trial: &mut Trial,
        with: impl Fn(Arithmetic) -> Screen<'s>,
    ) -> Arithmetic {
        if let Some(forced) = self.forced {
            return forced;
        }
        if block.rows() < SAMPLED {
            return Arithmetic::Int16;
        }
        if trial.sample.is_empty() {
            let judging: Vec<usize> =
                (0..self.tallies.len()).filter(|&q| !self.tallies[q].thresholds().is_empty()).collect();
            trial.sample = spread(judging.len(), 8 * QUERIES).map(|at| judging[at]).collect();
            trial.rows = trial.sample.iter().flat_map(|&q| self.query(q)).copied().collect();
        }
        let mut time = |arithmetic| {
            let (product, look) = match arithmetic {
                Arithmetic::Int8 => (1.0, LOOK),
                Arithmetic::Int16 => (INT16, LOOK),
                Arithmetic::Float32 => (4.0, 2.0 * LOOK),
            };
            product + look * self.open_share(block, trial, &with(arithmetic))
        };
        let int8 = if multiplies_int8() { time(Arithmetic::Int8) } else { f64::INFINITY };
        if int8 < INT16 {
            return Arithmetic::Int8;
        }
        let int16 = time(Arithmetic::Int16);
        if int8 < int16 {
            Arithmetic::Int8
        } else if int16 > 4.0 && time(Arithmetic::Float32) < int16 {
            Arithmetic::Float32
        } else {
            Arithmetic::Int16
        }
    }

    /// The share of comparisons of a sample that a screen leaves open.
    fn open_share(&self, block: Vectors<'_>, trial: &mut Trial, screen: &Screen<'_>) -> f64 {
        let Trial { sample, rows, packed } = trial;
        let known = packed.iter().position(|(arithmetic, _)| *arithmetic == screen.arithmetic());
        let known = known.unwrap_or_else(|| {
            let mut queries = Queries::default();
            screen.pack_queries(rows, &mut queries);
            packed.push((screen.arithmetic(), queries));
            packed.len() - 1
        });
        let packed = &packed[known].1;
        let members: Vec<&[f32]> = spread(block.rows(), 2 * TILE).map(|c| block.row(c)).collect();
        let mut candidates = Candidates::default();
        let (mut products, mut verdict) = (Vec::new(), Verdict::default());
        let levels = screen.levels(packed, rows, sample.iter().map(|&q| self.tallies[q].thresholds()));
        screen.pack(members.iter().copied(), &mut candidates);
        let mut open = 0;
        for q in 0..sample.len() {
            if q % QUERIES == 0 {
                screen.multiply(packed, q / QUERIES, &candidates, &mut products);
            }
            let beaten = &mut vec![0; levels.place(q).len()];
            screen.judge((packed, q), &levels, &candidates, &mut products, beaten, &mut verdict);
            open += verdict.open.len();
        }
        open as f64 / (sample.len() * members.len()).max(1) as f64
    }
}

/// Some of so many, at most `count`, spread evenly.
fn spread(of: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(of);
    (0..count).map(move |at| at * of / count)
}
