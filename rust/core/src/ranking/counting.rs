//! Counting a block: fast products settle most comparisons ([`crate::screen`]), a closer look or the score the rest.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use std::collections::HashMap;

use crate::kernels::{Work as Loop, widest};
use crate::ranking::RankCounter;
use crate::ranking::trial::Trial;
use crate::ranking::work::{Part, Room, Work};
use crate::score::dot;
use crate::screen::{Arithmetic, Candidates, Closer, QUERIES, Queries, Screen, TILE};
use crate::threads::share;
use crate::vectors::Vectors;

/// Candidates that are packed together, at most, and the bytes of their cells and rows: a part stays in the second-level
/// cache while a run of queries goes past it.
const PART: usize = 6 * TILE;
const PART_BYTES: usize = 640 << 10;
/// Bytes of packed candidates held at a time.
const PACKED: usize = 4 << 20;
/// Bytes of candidates that are counted without asking whether to go on, and that are normalised at a time.
pub(super) const PIECE: usize = 4 << 20;
/// Bytes of packed queries held from block to block; the cells of the others are made for each block.
const HELD: usize = 4 << 20;
/// Rows whose mean is taken for that of all.
const CENTRE: usize = 256;

/// Queries as cells, kept from block to block.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// The mean of the queries.
    centre: Vec<f32>,
    arithmetic: Arithmetic,
    /// Queries in each run.
    lengths: Vec<usize>,
    /// The first runs.
    runs: Vec<Queries>,
    /// Room for packed candidates.
    room: Vec<Candidates>,
    trial: Trial,
}

impl RankCounter<'_> {
    /// Counts the candidates of a checked block, for which there is room, or a part where it is not to go on; says whether
    /// it did.
    pub(super) fn count(
        &mut self,
        block: Vectors<'_>,
        ids: &[i64],
        languages: &[u32],
        threads: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> bool {
        if ids.is_empty() {
            return true;
        }
        let mut held = self.held.take().unwrap_or_else(|| Held {
            centre: mean(Vectors { values: &self.queries, dimension: self.dimension }),
            arithmetic: Arithmetic::Int16,
            lengths: Vec::new(),
            runs: Vec::new(),
            room: Vec::new(),
            trial: Trial::default(),
        });
        let query_centre = std::mem::take(&mut held.centre);
        let candidate_centre = mean(block);
        let with = |arithmetic| Screen::new(arithmetic, &query_centre, &candidate_centre);
        let screen = with(self.choose(block, &mut held.trial, with));
        self.hold(&screen, &mut held, threads);
        // Candidates of one language together, so that a count belongs to one.
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_by_key(|&c| languages[c as usize]);
        let row_bytes = screen.row_bytes() + size_of_val(block.row(0));
        let part_rows = (PART_BYTES / row_bytes / TILE).clamp(1, PART / TILE) * TILE;
        let mut parts: Vec<Part<'_>> = order
            .chunk_by(|&a, &b| languages[a as usize] == languages[b as usize])
            .flat_map(|same| same.chunks(part_rows))
            .map(|members| Part { members, language: languages[members[0] as usize], packed: Candidates::default() })
            .collect();
        let at_once = (PACKED / (screen.row_bytes() * part_rows)).max(1);
        let work = Work {
            screen: &screen,
            closer: Closer::new(self.dimension),
            queries: &self.queries,
            block,
            ids,
            judged: &self.judged,
            scores: &self.scores,
        };
        let mut levels = vec![None; held.lengths.len()];
        for parts in parts.chunks_mut(at_once) {
            if !go_on() {
                return false;
            }
            for part in &mut *parts {
                part.packed = held.room.pop().unwrap_or_default();
            }
            share(
                threads,
                parts.iter_mut(),
                || (),
                |(), part| {
                    screen.pack(part.members.iter().map(|&c| block.row(c as usize)), &mut part.packed);
                },
            );
            let (mut first, mut rest) = (0, &mut self.tallies[..]);
            let mut runs = Vec::with_capacity(held.lengths.len());
            for ((run, &length), levels) in held.lengths.iter().enumerate().zip(&mut levels) {
                let tallies;
                (tallies, rest) = rest.split_at_mut(length);
                runs.push((first, held.runs.get(run), levels, tallies));
                first += length;
            }
            let rooms = share(threads, runs.into_iter(), Room::default, |room, (first, held, levels, tallies)| {
                work.count(first, held, levels, parts, tallies, room);
            });
            for room in rooms {
                self.report += room.report;
            }
            held.room.extend(parts.iter_mut().map(|part| std::mem::take(&mut part.packed)));
        }
        held.centre = query_centre;
        self.held = Some(held);
        self.leave_out(block, ids, languages);
        true
    }

    /// Makes the cells that are held where there are none for this screen.
    fn hold(&self, screen: &Screen<'_>, held: &mut Held, threads: usize) {
        let lengths = lengths(self.tallies.len(), threads);
        if (held.arithmetic, &held.lengths) == (screen.arithmetic(), &lengths) {
            return;
        }
        held.arithmetic = screen.arithmetic();
        let mut room = HELD / screen.row_bytes();
        let fits = |length: &&usize| {
            let fits = **length <= room;
            room = room.saturating_sub(**length);
            fits
        };
        held.runs.resize_with(lengths.iter().take_while(fits).count(), Queries::default);
        let mut rest = &self.queries[..];
        let queries = lengths.iter().map(|length| {
            let run;
            (run, rest) = rest.split_at(length * self.dimension);
            run
        });
        let runs: Vec<_> = held.runs.iter_mut().zip(queries).collect();
        share(threads, runs.into_iter(), || (), |(), (run, queries)| screen.pack_queries(queries, run));
        held.lengths = lengths;
    }

    /// Takes back what was counted of the candidates that queries leave out.
    pub(super) fn leave_out(&mut self, block: Vectors<'_>, ids: &[i64], languages: &[u32]) {
        let Some(excluded) = &self.excluded else { return };
        let place: HashMap<i64, usize> = ids.iter().enumerate().map(|(c, &id)| (id, c)).collect();
        for (q, tally) in self.tallies.iter_mut().enumerate() {
            let query = &self.queries[q * self.dimension..][..self.dimension];
            for id in excluded.of(q) {
                if let Some(&c) = place.get(id) {
                    tally.discount(dot(query, block.row(c)), *id, languages[c], self.judged.ids());
                }
            }
        }
    }
}

/// The lengths of the runs of queries that threads take one by one, each past one part after the other: ever shorter ones,
/// so that all threads end at the same time.
fn lengths(queries: usize, threads: usize) -> Vec<usize> {
    let (mut lengths, mut left) = (Vec::new(), queries);
    while left > 0 {
        let share = left.div_ceil(2 * threads).next_multiple_of(QUERIES);
        let length = share.clamp(QUERIES, 40 * QUERIES).min(left);
        lengths.push(length);
        left -= length;
    }
    lengths
}

/// The mean of the rows, or of some that are spread evenly over them.
fn mean(rows: Vectors<'_>) -> Vec<f32> {
    let count = rows.rows().clamp(1, CENTRE);
    let mut sums = vec![0.0_f64; rows.dimension];
    if rows.rows() > 0 {
        for sample in 0..count {
            widest(Add { row: rows.row(sample * rows.rows() / count), sums: &mut sums });
        }
    }
    sums.into_iter().map(|sum| (sum / count as f64) as f32).collect()
}

struct Add<'a> {
    row: &'a [f32],
    sums: &'a mut [f64],
}

impl Loop for Add<'_> {
    #[inline(always)]
    fn run(self) {
        for (sum, &x) in self.sums.iter_mut().zip(self.row) {
            *sum += f64::from(x);
        }
    }
}
