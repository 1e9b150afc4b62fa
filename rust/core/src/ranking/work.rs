//! What a thread does: a run of queries goes past the packed parts of a block, and what the screen leaves open is settled.

use crate::judged::Judged;
use crate::kernels::Sums;
use crate::ranking::report::Report;
use crate::score::dot;
use crate::screen::{AT_ONCE, Arithmetic, Candidates, Closer, Levels, QUERIES, Queries, Screen, Verdict};
use crate::tally::Tally;
use crate::vectors::Vectors;

/// Candidates of one language that are packed together.
pub(super) struct Part<'a> {
    pub members: &'a [u32],
    pub language: u32,
    pub packed: Candidates,
}

/// Room of a thread, and what it reports.
#[derive(Default)]
pub(super) struct Room {
    packed: Queries,
    levels: Levels,
    products: Vec<Sums>,
    verdict: Verdict,
    /// For each level of a run: candidates of a part that beat it and none above.
    bins: Vec<u32>,
    open: Vec<Open>,
    pub report: Report,
}

/// Queries that are counted together, from `first` on.
struct Run<'a> {
    first: usize,
    packed: &'a Queries,
    levels: &'a Levels,
}

/// A query of a run and a candidate of a part that the screen left open.
struct Open {
    q: u32,
    member: u32,
    /// How many of the lowest thresholds the candidate surely beats.
    beaten: u32,
}

/// What counts a run of queries against parts of a block.
pub(super) struct Work<'a> {
    pub screen: &'a Screen<'a>,
    pub closer: Closer,
    pub queries: &'a [f32],
    pub block: Vectors<'a>,
    pub ids: &'a [i64],
    pub judged: &'a Judged,
    pub scores: &'a [f64],
}

impl Work<'_> {
    /// Counts parts for the queries from `first` on, whose tallies are given.
    pub(super) fn count(
        &self,
        first: usize,
        held: Option<&Queries>,
        parts: &[Part<'_>],
        tallies: &mut [Tally],
        room: &mut Room,
    ) {
        let dimension = self.block.dimension;
        let queries = &self.queries[first * dimension..][..tallies.len() * dimension];
        let Room { packed, levels, products, verdict, bins, open, report } = room;
        let packed = held.unwrap_or_else(|| {
            self.screen.pack_queries(queries, packed);
            packed
        });
        self.screen.levels(packed, queries, tallies.iter().map(Tally::thresholds), levels);
        let run = Run { first, packed, levels };
        for part in parts {
            // Next to each other here; the tallies lie scattered, and to wait for each between judging took a 30th of the
            // time.
            bins.clear();
            bins.resize(levels.count(), 0);
            for group in 0..tallies.len().div_ceil(QUERIES) {
                let queries = group * QUERIES..tallies.len().min((group + 1) * QUERIES);
                if queries.clone().all(|q| levels.place(q).is_empty()) {
                    continue;
                }
                self.screen.multiply(packed, group, &part.packed, products);
                for q in queries {
                    let bins = &mut bins[levels.place(q)];
                    if bins.is_empty() {
                        continue;
                    }
                    self.screen.judge(packed, q, levels, &part.packed, products, verdict);
                    for (k, (bin, count)) in bins.iter_mut().zip(&verdict.higher).enumerate() {
                        *bin += count - verdict.higher.get(k + 1).copied().unwrap_or(0);
                    }
                    *self.settled(report) += (part.members.len() - verdict.open.len()) as u64;
                    for &(member, beaten) in &verdict.open {
                        if beaten > 0 {
                            bins[beaten as usize - 1] -= 1;
                        }
                        open.push(Open { q: q as u32, member, beaten });
                    }
                }
                self.settle(&run, part, open, bins, tallies, report);
                open.clear();
            }
            for (q, tally) in tallies.iter_mut().enumerate() {
                tally.count_beaten(&bins[levels.place(q)], part.language);
            }
        }
    }

    /// Where the screen's decisions are reported.
    fn settled<'r>(&self, report: &'r mut Report) -> &'r mut u64 {
        match self.screen.arithmetic() {
            Arithmetic::Int8 => &mut report.int8,
            Arithmetic::Int16 => &mut report.int16,
            Arithmetic::Float32 => &mut report.float32,
        }
    }

    /// Counts what the screen left open of a part, for queries of a run that are packed and whose tallies are given.
    fn settle(
        &self,
        run: &Run<'_>,
        part: &Part<'_>,
        open: &[Open],
        bins: &mut [u32],
        tallies: &mut [Tally],
        report: &mut Report,
    ) {
        let row = |open: &Open| self.block.row(part.members[open.member as usize] as usize);
        // After a screen in float32 the closer look would see no better.
        let closer = (self.screen.arithmetic() != Arithmetic::Float32).then_some(self.closer);
        let mut all = open.chunk_by(|a, b| a.q == b.q).flat_map(|of_query| of_query.chunks(AT_ONCE)).peekable();
        while let Some(few) = all.next() {
            let q = few[0].q as usize;
            let query = &self.queries[(run.first + q) * self.block.dimension..][..self.block.dimension];
            let rows =
                |few: &[Open]| -> [&[f32]; AT_ONCE] { std::array::from_fn(|at| row(few.get(at).unwrap_or(&few[0]))) };
            let products = closer.map(|_| {
                let next = rows(all.peek().unwrap_or(&few));
                Closer::products(query, &rows(few)[..few.len()], next)
            });
            let (tally, bins) = (&mut tallies[q], &mut bins[run.levels.place(q)]);
            for (at, open) in few.iter().enumerate() {
                let norms = run.packed.length(q) * part.packed.length(open.member as usize);
                let beaten = closer.zip(products).and_then(|(closer, products)| {
                    closer.beaten(products[at], norms, tally.thresholds(), open.beaten as usize)
                });
                if let Some(beaten) = beaten {
                    report.float32 += 1;
                    if beaten > 0 {
                        bins[beaten - 1] += 1;
                    }
                    continue;
                }
                report.reference += 1;
                let id = self.ids[part.members[open.member as usize] as usize];
                let own = self.judged.of(run.first + q).find(|&position| self.judged.ids()[position] == id);
                let score = own.map_or_else(|| dot(query, row(open)), |position| self.scores[position]);
                tally.count(score, id, part.language, self.judged.ids());
            }
        }
    }
}
