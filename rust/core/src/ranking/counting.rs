//! Counting a block: fast products settle most comparisons ([`crate::screen`]), looks at single pairs or the score the rest.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

use crate::kernels::{Loop, widest};
use crate::ranking::RankCounter;
use crate::ranking::checks::Anchored;
use crate::ranking::trial::{Trial, spread};
use crate::ranking::work::{Part, Room, Run, Work};
use crate::score::dot;
use crate::screen::{Arithmetic, Candidates, Float32Look, QUERIES, Queries, Screen, TILE};
use crate::tally::Tally;
use crate::threads::{Meeting, together};
use crate::vectors::{Similarity, Vectors};

/// Candidates that are packed together, at most, and the bytes of their cells and of what looks at single pairs read: a part stays
/// in the second-level cache while a run of queries goes past it.
const PART: usize = 10 * TILE;
const PART_BYTES: usize = 1200 << 10;
/// Bytes of packed candidates held at a time, and for each thread where those are more: each has a part to pack.
const PACKED: usize = 2 << 20;
const PACKED_BY_THREAD: usize = 512 << 10;
/// Bytes of candidates that are counted without asking whether to go on.
pub(super) const PIECE: usize = 4 << 20;
/// Bytes of packed queries held from block to block; the cells of the others are made for each block.
const HELD: usize = 6 << 20;
/// Rows that stand for all of a block: their mean is taken for that of all.
const CENTRE: usize = 256;

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// It was counted.
    All,
    /// Some of it, because it was not to go on.
    Some,
    /// Some of it, because a vector is not finite, or not the one that was anchored.
    Unsound,
}

/// Queries as cells, kept from block to block.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// The mean of the queries.
    centre: Vec<f32>,
    arithmetic: Arithmetic,
    /// Queries in each run.
    lengths: Vec<usize>,
    /// The first runs, once their cells were made.
    runs: Vec<Option<Queries>>,
    /// Room for packed candidates.
    room: Vec<Packed>,
    trial: Trial,
}

/// Candidates as cells, and under the cosine their vectors, normalised; else there are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed {
    pub cells: Candidates,
    pub rows: Vec<f32>,
}

impl RankCounter<'_> {
    /// Counts the candidates of a block, for which there is room, or some of them. The vectors were checked, or are to be
    /// checked meanwhile.
    pub(super) fn count(
        &mut self,
        block: Vectors<'_>,
        ids: &[i64],
        languages: &[u32],
        check: bool,
        threads: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Counted {
        if ids.is_empty() {
            return Counted::All;
        }
        let mut held = self.held.take().unwrap_or_else(|| Held {
            centre: mean(spread(self.judged.queries(), CENTRE).map(|q| self.query(q)), self.dimension),
            arithmetic: Arithmetic::Int16,
            lengths: Vec::new(),
            runs: Vec::new(),
            room: Vec::new(),
            trial: Trial::default(),
        });
        let query_centre = std::mem::take(&mut held.centre);
        let mut some: Vec<&[f32]> = spread(block.rows(), CENTRE).map(|c| block.row(c)).collect();
        let mut prepared;
        if self.similarity == Similarity::Cosine {
            prepared = some.concat();
            self.similarity.prepare(&mut prepared, self.dimension);
            some = prepared.chunks_exact(self.dimension).collect();
        }
        let candidate_centre = mean(some.iter().copied(), self.dimension);
        let with = |arithmetic| Screen::new(arithmetic, &query_centre, &candidate_centre);
        let screen = with(self.choose(block.rows(), &some, &mut held.trial, with));
        held.fit(&screen, self.tallies.len(), threads);
        // Candidates of one language together, so that a count belongs to one.
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_by_key(|&c| languages[c as usize]);
        // After int8, looks have rows of their own.
        let rows = if screen.arithmetic() == Arithmetic::Int8 { 0 } else { size_of_val(block.row(0)) };
        let packed = PACKED.max(threads.saturating_mul(PACKED_BY_THREAD));
        let part_rows = (PART_BYTES / (screen.row_bytes() + rows)).min(packed / threads / screen.row_bytes());
        let part_rows = (part_rows / TILE).clamp(1, PART / TILE) * TILE;
        let parts: Vec<Part<'_>> = order
            .chunk_by(|&a, &b| languages[a as usize] == languages[b as usize])
            .flat_map(|same| {
                // No short part is left at the end.
                let rows = same.len().div_ceil(same.len().div_ceil(part_rows)).next_multiple_of(TILE);
                same.chunks(rows)
            })
            .map(|members| Part { members, language: languages[members[0] as usize] })
            .collect();
        // Threads pack as many each.
        let fit = (packed / (screen.row_bytes() * part_rows)).max(1);
        let at_once = if fit > threads { fit - fit % threads } else { fit };
        let work = Work {
            screen: &screen,
            float32: Float32Look::new(self.dimension),
            queries: &self.queries,
            block,
            ids,
            judged: &self.judged,
        };
        let similarity = self.similarity;
        let anchored = check.then(|| Anchored { places: &self.places, digests: &self.digests });
        let threads = threads.min(parts.len().max(held.lengths.len()));
        held.room.resize_with(held.room.len().max(at_once.min(parts.len())), Packed::default);
        let shared = Shared {
            work,
            similarity,
            anchored,
            rounds: parts.chunks(at_once).map(|parts| Round { parts, packed: 0.into(), counted: 0.into() }).collect(),
            packed: held.room.iter_mut().map(RwLock::new).collect(),
            runs: runs(&mut self.tallies, &held.lengths, &mut held.runs).map(Mutex::new).collect(),
            stop: false.into(),
            unsound: false.into(),
        };
        let rooms =
            together(threads, |meeting| shared.count(meeting, go_on), |meeting| shared.count(meeting, &mut || true));
        if shared.unsound.into_inner() {
            return Counted::Unsound;
        }
        if shared.stop.into_inner() {
            return Counted::Some;
        }
        for room in rooms {
            self.report += room.report;
            self.zero_rows += room.zero_rows;
        }
        held.centre = query_centre;
        self.held = Some(held);
        self.leave_out(block, ids, languages);
        Counted::All
    }

    /// Takes back what was counted of the candidates that queries leave out.
    pub(super) fn leave_out(&mut self, block: Vectors<'_>, ids: &[i64], languages: &[u32]) {
        let Some(excluded) = &self.excluded else { return };
        let place: HashMap<i64, usize> = ids.iter().enumerate().map(|(c, &id)| (id, c)).collect();
        let mut room = Vec::new();
        for (q, tally) in self.tallies.iter_mut().enumerate() {
            let query = &self.queries[q * self.dimension..][..self.dimension];
            for id in excluded.of(q) {
                if let Some(&c) = place.get(id) {
                    let candidate = self.similarity.prepared(block.row(c), &mut room);
                    tally.discount(dot(query, candidate), *id, languages[c], self.judged.ids());
                }
            }
        }
    }
}

impl Held {
    /// Forgets the cells that were made otherwise, and makes room for those that may be held.
    fn fit(&mut self, screen: &Screen<'_>, queries: usize, threads: usize) {
        let lengths = lengths(queries, threads);
        if (self.arithmetic, &self.lengths) == (screen.arithmetic(), &lengths) {
            return;
        }
        self.arithmetic = screen.arithmetic();
        let mut room = HELD / screen.row_bytes();
        let fits = |length: &&usize| {
            let fits = **length <= room;
            room = room.saturating_sub(**length);
            fits
        };
        self.runs = vec![None; lengths.iter().take_while(fits).count()];
        self.lengths = lengths;
    }
}

/// What threads share that count a block.
struct Shared<'a> {
    work: Work<'a>,
    similarity: Similarity,
    /// What vectors are checked against, if they are.
    anchored: Option<Anchored<'a>>,
    rounds: Vec<Round<'a>>,
    /// The parts of a round.
    packed: Vec<RwLock<&'a mut Packed>>,
    runs: Vec<Mutex<Run<'a>>>,
    /// Whether nothing more is to be counted.
    stop: AtomicBool,
    /// Whether that is for a vector that is not as it has to be.
    unsound: AtomicBool,
}

/// Parts that are packed and then counted, and how many parts and runs were taken up.
struct Round<'a> {
    parts: &'a [Part<'a>],
    packed: AtomicUsize,
    counted: AtomicUsize,
}

impl Shared<'_> {
    /// What each thread does, round by round; `go_on` is asked before each.
    fn count(&self, meeting: &Meeting, go_on: &mut dyn FnMut() -> bool) -> Room {
        let mut room = Room::default();
        let next = |of: &AtomicUsize| of.fetch_add(1, Ordering::Relaxed);
        for Round { parts, packed, counted } in &self.rounds {
            if !go_on() {
                self.stop.store(true, Ordering::Relaxed);
            }
            // All have finished the round before, whose cells are about to be written over.
            meeting.wait();
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            while let Some((at, part)) = Some(next(packed)).and_then(|at| Some((at, parts.get(at)?))) {
                let given = part.members.iter().map(|&c| self.work.block.row(c as usize));
                let mut check = self.anchored.as_ref().map(Anchored::check);
                let mut sound = true;
                let mut check = |member: usize, row: &[f32]| {
                    let id = self.work.ids[part.members[member] as usize];
                    sound &= check.as_mut().is_none_or(|check| check.sound(id, row));
                };
                let Packed { cells, rows } = &mut **self.packed[at].write().expect("no thread panicked");
                rows.clear();
                if self.similarity == Similarity::Dot {
                    self.work.screen.pack(given, check, cells);
                } else {
                    for (member, row) in given.enumerate() {
                        check(member, row);
                        let at = rows.len();
                        rows.extend_from_slice(row);
                        room.zero_rows += self.similarity.prepare(&mut rows[at..], row.len());
                    }
                    self.work.screen.pack(rows.chunks_exact(self.work.block.dimension), |_, _| (), cells);
                }
                if !sound {
                    self.unsound.store(true, Ordering::Relaxed);
                }
            }
            // All parts are packed.
            meeting.wait();
            if self.unsound.load(Ordering::Relaxed) {
                break;
            }
            let packed: Vec<_> = self.packed.iter().map(|packed| packed.read().expect("no thread panicked")).collect();
            let parts: Vec<_> = parts.iter().zip(&packed).map(|(part, packed)| (*part, &***packed)).collect();
            while let Some(run) = self.runs.get(next(counted)) {
                self.work.count(&mut run.lock().expect("no thread panicked"), &parts, &mut room);
            }
        }
        room
    }
}

/// Runs of queries, of so many each.
fn runs<'a>(
    mut tallies: &'a mut [Tally],
    lengths: &'a [usize],
    held: &'a mut [Option<Queries>],
) -> impl Iterator<Item = Run<'a>> {
    let (mut first, mut held) = (0, held.iter_mut());
    lengths.iter().map(move |&length| {
        let own = tallies.split_off_mut(..length).expect("a tally for each query");
        first += length;
        Run { first: first - length, tallies: own, held: held.next(), levels: None, ids: Vec::new() }
    })
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

/// The mean of rows, of so many components.
fn mean<'r>(rows: impl ExactSizeIterator<Item = &'r [f32]>, dimension: usize) -> Vec<f32> {
    let count = rows.len().max(1);
    let mut sums = vec![0.0_f64; dimension];
    for row in rows {
        widest(Add { row, sums: &mut sums });
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
