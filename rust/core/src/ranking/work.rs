//! What a thread does: a run of queries goes past the packed parts of a block, and what the screen leaves open is settled.

use super::counting::Packed;
use crate::judged::Judged;
use crate::kernels::{ROWS, TileFloats, float32_products};
use crate::ranking::report::Report;
use crate::score::dot;
use crate::screen::{Arithmetic, Candidates, Float32Look, Levels, QUERIES, Queries, Screen, Verdict, beaten};
use crate::tally::Tally;
use crate::vectors::Vectors;

/// Candidates of one language that are packed together.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub members: &'a [u32],
    pub language: u32,
}

/// Queries that are counted together, from `first` on.
pub(super) struct Run<'a> {
    pub first: usize,
    pub tallies: &'a mut [Tally],
    /// Where their cells are held from block to block, once they were made; cells of others are made whenever they are
    /// wanted.
    pub held: Option<&'a mut Option<Queries>>,
    /// Once they were prepared.
    pub levels: Option<Levels>,
    /// The ids of the judged candidates of each query, ascending, and which of its levels each has.
    pub ids: Vec<(i64, u32)>,
}

/// Room of a thread, and what it reports.
#[derive(Default)]
pub(super) struct Room {
    packed: Queries,
    products: Vec<TileFloats>,
    verdict: Verdict,
    /// For each query of a run: candidates of a language that beat none of its levels, which nobody reads, then for each
    /// level those that beat it and none above.
    bins: Vec<u32>,
    open: Vec<Open>,
    int16: Int16Room,
    float32: Vec<Option<f32>>,
    pub report: Report,
    /// Candidates that it packed and that are all zero.
    pub zero_rows: u64,
}

/// Room for looks in int16: the pairs, their products, and what these leave open.
#[derive(Default)]
struct Int16Room {
    pairs: Vec<(u32, u32)>,
    products: Vec<i64>,
    open: Vec<Open>,
}

/// A run whose cells and levels are ready.
struct Ready<'a> {
    first: usize,
    packed: &'a Queries,
    levels: &'a Levels,
    ids: &'a [(i64, u32)],
}

impl Ready<'_> {
    /// The bins of query `q`: one for none of its thresholds, then one for each.
    fn bins(&self, q: usize) -> std::ops::Range<usize> {
        let place = self.levels.place(q);
        place.start + q..place.end + q + 1
    }

    /// Which level of query `q` is the score of the candidate with this id, if it is judged.
    fn own(&self, q: usize, id: i64) -> Option<usize> {
        let ids = &self.ids[self.levels.place(q)];
        ids.binary_search_by_key(&id, |&(judged, _)| judged).ok().map(|at| ids[at].1 as usize)
    }
}

/// A query of a run and a candidate of a part that the screen left open.
#[derive(Clone, Copy)]
struct Open {
    q: u32,
    member: u32,
    /// How many of the lowest thresholds the candidate surely beats.
    beaten: u32,
}

/// What counts a run of queries against parts of a block.
pub(super) struct Work<'a> {
    pub screen: &'a Screen<'a>,
    pub float32: Float32Look,
    pub queries: &'a [f32],
    pub block: Vectors<'a>,
    pub ids: &'a [i64],
    pub judged: &'a Judged,
}

impl Work<'_> {
    /// Counts parts, whose cells are given, for a run of queries.
    pub(super) fn count(&self, run: &mut Run<'_>, parts: &[(Part<'_>, &Packed)], room: &mut Room) {
        let dimension = self.block.dimension;
        let Run { first, tallies, held, levels, ids } = run;
        let first = *first;
        let queries = &self.queries[first * dimension..][..tallies.len() * dimension];
        let Room { packed, products, verdict, bins, open, int16, float32, report, .. } = room;
        let packed = if let Some(held) = held {
            held.get_or_insert_with(|| {
                let mut packed = Queries::default();
                self.screen.pack_queries(queries, &mut packed);
                packed
            })
        } else {
            self.screen.pack_queries(queries, packed);
            packed
        };
        let levels = &*levels.get_or_insert_with(|| {
            for tally in &**tallies {
                let first = ids.len();
                ids.extend(tally.ids(self.judged).zip(0..));
                ids[first..].sort_unstable();
            }
            self.screen.levels(packed, queries, tallies.iter().map(Tally::thresholds))
        });
        let run = Ready { first, packed, levels, ids };
        // Next to each other here; the tallies lie scattered, and to wait for each between judging took a 30th of the time.
        bins.clear();
        bins.resize(levels.count() + tallies.len(), 0);
        for (at, &(part, candidates)) in parts.iter().enumerate() {
            let cells = &candidates.cells;
            for group in 0..tallies.len().div_ceil(QUERIES) {
                let queries = group * QUERIES..tallies.len().min((group + 1) * QUERIES);
                if queries.clone().all(|q| levels.place(q).is_empty()) {
                    continue;
                }
                let rows = &self.queries[(first + queries.start) * dimension..(first + queries.end) * dimension];
                self.screen.multiply(packed, group, rows, cells, products);
                for q in queries {
                    if levels.place(q).is_empty() {
                        continue;
                    }
                    let bins = &mut bins[run.bins(q)][1..];
                    self.screen.judge((packed, q), levels, cells, products, bins, verdict);
                    *self.settled(report) += (part.members.len() - verdict.open.len()) as u64;
                    open.extend(verdict.open.iter().map(|&[member, beaten]| Open { q: q as u32, member, beaten }));
                }
                if self.screen.arithmetic() == Arithmetic::Int8 {
                    self.look_in_int16(&run, cells, open, int16, bins);
                    report.int16 += (open.len() - int16.open.len()) as u64;
                    std::mem::swap(open, &mut int16.open);
                }
                self.look_in_float32(&run, (part, candidates), open, float32);
                self.settle(&run, (part, candidates), (open, float32), bins, tallies, report);
                open.clear();
            }
            if parts.get(at + 1).is_none_or(|(next, _)| next.language != part.language) {
                for (q, tally) in tallies.iter_mut().enumerate() {
                    tally.count_beaten(&bins[run.bins(q)][1..], part.language);
                }
                bins.fill(0);
            }
        }
    }

    /// The vector of a candidate of a part, as it is scored.
    fn row<'r>(&'r self, (part, candidates): (Part<'_>, &'r Packed), open: &Open) -> &'r [f32] {
        let member = open.member as usize;
        if candidates.rows.is_empty() {
            self.block.row(part.members[member] as usize)
        } else {
            let dimension = self.block.dimension;
            &candidates.rows[member * dimension..][..dimension]
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

    /// Looks again, in int16, at what int8 left open of a part, and counts what that settles.
    fn look_in_int16(
        &self,
        run: &Ready<'_>,
        cells: &Candidates,
        open: &[Open],
        room: &mut Int16Room,
        bins: &mut [u32],
    ) {
        let Int16Room { pairs, products, open: left } = room;
        pairs.clear();
        pairs.extend(open.iter().map(|open| (open.q, open.member)));
        self.screen.multiply_pairs(run.packed, cells, pairs, products);
        left.clear();
        let mut products = products.iter();
        for of_query in open.chunk_by(|a, b| a.q == b.q) {
            let q = of_query[0].q as usize;
            let (thresholds, bins) = (run.levels.exact(q), &mut bins[run.bins(q)]);
            let look = self.screen.look((run.packed, q), run.levels, cells);
            for (open, &product) in of_query.iter().zip(&mut products) {
                let (score, error) = look.score(open.member as usize, product);
                let known = open.beaten as usize;
                if let Some(beaten) = beaten(score, error, thresholds, known) {
                    moved(bins, known, beaten);
                } else {
                    left.push(*open);
                }
            }
        }
    }

    /// Counts what the screen left open of a part, given the products of the look in float32, for queries of a run that are packed
    /// and whose tallies are given.
    fn settle(
        &self,
        run: &Ready<'_>,
        (part, candidates): (Part<'_>, &Packed),
        (open, products): (&[Open], &[Option<f32>]),
        bins: &mut [u32],
        tallies: &mut [Tally],
        report: &mut Report,
    ) {
        let mut products = products.iter();
        for of_query in open.chunk_by(|a, b| a.q == b.q) {
            let q = of_query[0].q as usize;
            let query = &self.queries[(run.first + q) * self.block.dimension..][..self.block.dimension];
            let (thresholds, bins) = (run.levels.exact(q), &mut bins[run.bins(q)]);
            for (open, product) in of_query.iter().zip(&mut products) {
                let known = open.beaten as usize;
                let beaten = product.and_then(|product| {
                    let error =
                        self.float32.error(run.packed.length(q) * candidates.cells.length(open.member as usize));
                    beaten(product.into(), error, thresholds, known)
                });
                if let Some(beaten) = beaten {
                    report.float32 += 1;
                    moved(bins, known, beaten);
                    continue;
                }
                report.reference += 1;
                let id = self.ids[part.members[open.member as usize] as usize];
                let own = run.own(q, id);
                let score = own.map_or_else(|| dot(query, self.row((part, candidates), open)), |own| thresholds[own]);
                let beaten = thresholds.partition_point(|&threshold| threshold < score);
                let reached = thresholds[beaten..].iter().take_while(|&&threshold| threshold <= score).count();
                if reached > usize::from(own.is_some()) {
                    moved(bins, known, 0);
                    tallies[q].count(score, id, part.language, self.judged.ids());
                } else {
                    moved(bins, known, beaten);
                }
            }
        }
    }

    /// The products of the look in float32 at what is open of a part; none where it would see no better: after a screen in
    /// float32, and where the score is known. No look waits for what another decides.
    fn look_in_float32(
        &self,
        run: &Ready<'_>,
        (part, candidates): (Part<'_>, &Packed),
        open: &[Open],
        products: &mut Vec<Option<f32>>,
    ) {
        products.clear();
        if self.screen.arithmetic() == Arithmetic::Float32 {
            products.resize(open.len(), None);
            return;
        }
        for of_query in open.chunk_by(|a, b| a.q == b.q) {
            let q = of_query[0].q as usize;
            let query = &self.queries[(run.first + q) * self.block.dimension..][..self.block.dimension];
            for few in of_query.chunks(ROWS) {
                // After int8 and int16 hardly any is left but those whose scores are known.
                let known = self.screen.arithmetic() == Arithmetic::Int8
                    && few.iter().all(|open| {
                        let id = self.ids[part.members[open.member as usize] as usize];
                        run.own(q, id).is_some()
                    });
                if known {
                    products.extend(few.iter().map(|_| None));
                    continue;
                }
                let mut rows = [query; ROWS];
                for (row, open) in rows.iter_mut().zip(few) {
                    *row = self.row((part, candidates), open);
                }
                products.extend(float32_products(query, &rows[..few.len()])[..few.len()].iter().copied().map(Some));
            }
        }
    }
}

/// Counts a candidate that was counted for the `known` lowest thresholds for the `beaten` lowest, in bins of which the first
/// stands for none.
fn moved(bins: &mut [u32], known: usize, beaten: usize) {
    bins[known] = bins[known].wrapping_sub(1);
    bins[beaten] = bins[beaten].wrapping_add(1);
}
