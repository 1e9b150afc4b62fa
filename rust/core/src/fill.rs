//! Filling batches: which rows the pairs of located steps are.
//!
//! Steps are grouped by what they share, a pass of a stream or a window of one, so that the work common to its batches is
//! done once; the groups are shared among threads.

use std::ops::Range;

use crate::columns::{Column, Lent};
use crate::deal::Deal;
use crate::error::{Invalid, invalid};
use crate::negatives::{Chooser, Turn};
use crate::plan::{Located, Plan, drawn};
use crate::streams::Stream;
use crate::threads;
use crate::turns::first_choice;
use crate::weights::Kind;
use crate::window::{Member, WINDOW, bucket, measure};

/// Below this many pairs, starting a thread costs more than it saves.
const PAIRS_PER_THREAD: usize = 1 << 15;
/// Batches located at a time: bounds what is held beside them.
const AT_ONCE: usize = 1 << 16;
/// Rows whose pairs have integers of 63 bits: the root of 2^63.
const MOST_CODED: u64 = 3_037_000_499;
/// Batches dealt together: enough to share the work of a pass, few enough for every thread to get some.
const TOGETHER: usize = 64;

/// The batch of one step, as members of its source with the slots that they are drawn in.
#[derive(Default)]
struct Batch {
    /// The id of each pair: a member of its language in monolingual streams, else a group.
    ids: Vec<u64>,
    /// Slots of query and passage; empty in monolingual streams.
    slots: Vec<(u32, u32)>,
    /// Room for the positions and the categories of a unit, used again by the next.
    spare: (Vec<u64>, Vec<u32>),
}

/// What is written of a batch.
#[derive(Clone, Copy)]
enum Form {
    /// All numbers of all pairs.
    Numbers,
    /// An integer for each pair from a place on.
    Codes { begin: usize },
}

/// Batches of one stream whose numbers, ascending, lie in one pass, and in one window where there are any.
struct Unit<'a> {
    stream: usize,
    numbers: Vec<u64>,
    out: Vec<&'a mut [i64]>,
}

impl Plan {
    /// Writes the pairs of the steps `first, first + 1, ...`: query row, passage row, hard negatives, query row, ...,
    /// [`Plan::width`] numbers a pair. Long runs are shared among threads (all processors unless told); the result does
    /// not depend on it. `lent` is what the corpus was built from. Errors: it has another shape, or was changed.
    pub fn fill(&self, first: u64, lent: &Lent<'_>, out: &mut [i64], threads: Option<usize>) -> Result<(), Invalid> {
        self.write(first, lent, out, (self.width() * self.batch_size()) as usize, Form::Numbers, threads)
    }

    /// Writes the pairs at the places `own` of the batches `first, first + 1, ...` as integers: that of one row is the
    /// row, that of two `rows + query row * rows + passage row`, `rows` those of the corpus. `lent` and threads as in
    /// [`Plan::fill`].
    ///
    /// Errors: those of [`Plan::fill`]; pairs with negatives, or of so many rows that an integer would leave 64 bits.
    ///
    /// # Panics
    /// When the places lie outside a batch.
    pub fn fill_codes(
        &self,
        first: u64,
        own: Range<u64>,
        lent: &Lent<'_>,
        out: &mut [i64],
        threads: Option<usize>,
    ) -> Result<(), Invalid> {
        let rows = self.corpus.rows();
        if self.options.negatives > 0 {
            invalid!("pairs with hard negatives have no integers: take the batches themselves");
        }
        if rows > MOST_CODED {
            invalid!("{rows} rows: the integer of a pair has room for {MOST_CODED} at most");
        }
        assert!(own.end <= self.batch_size(), "places {own:?} of {}", self.batch_size());
        self.write(first, lent, out, (own.end - own.start) as usize, Form::Codes { begin: own.start as usize }, threads)
    }

    /// Writes `width` numbers of each batch.
    fn write(
        &self,
        first: u64,
        lent: &Lent<'_>,
        out: &mut [i64],
        width: usize,
        form: Form,
        threads: Option<usize>,
    ) -> Result<(), Invalid> {
        self.corpus.check_lent(lent, self.options.negatives > 0)?;
        if out.is_empty() {
            return Ok(());
        }
        let mut located = self.locate(first);
        for out in out.chunks_mut(AT_ONCE * width) {
            let useful = (out.len() / width * self.batch_size() as usize / PAIRS_PER_THREAD).max(1);
            // To ask for the number of processors takes longer than to fill some batches.
            let threads = if useful == 1 { 1 } else { threads::resolve(threads).min(useful) };
            let units = self.units(&mut located, out, width).into_iter();
            let own = || (Batch::default(), Ok(()));
            let filled = threads::share(threads, units, own, |(batch, filled): &mut (_, Result<(), Invalid>), unit| {
                if filled.is_ok() {
                    *filled = self.fill_unit(lent, unit, form, batch, |_, _, _, _| ());
                }
            });
            filled.into_iter().try_for_each(|(_, filled)| filled)?;
        }
        Ok(())
    }

    fn units<'a>(&self, located: &mut Located<'_>, out: &'a mut [i64], width: usize) -> Vec<Unit<'a>> {
        let mut batches: Vec<(usize, u64, &mut [i64])> = (out.chunks_exact_mut(width))
            .map(|out| {
                let (stream, number) = located.step();
                (self.streams.number(stream), number, out)
            })
            .collect();
        batches.sort_unstable_by_key(|&(stream, number, _)| (stream, number));
        let mut units: Vec<Unit<'_>> = Vec::new();
        let mut last = None;
        for (stream, number, out) in batches {
            let shared = (stream, self.unit_of(&self.streams.get(stream).2, number));
            match units.last_mut() {
                Some(unit) if last == Some(shared) && unit.numbers.len() < TOGETHER => {
                    unit.numbers.push(number);
                    unit.out.push(out);
                }
                _ => units.push(Unit { stream, numbers: vec![number], out: vec![out] }),
            }
            last = Some(shared);
        }
        units
    }

    /// What a batch shares with others of its stream: the pass, and the window if rows are bucketed by length.
    fn unit_of(&self, deal: &Deal, number: u64) -> (u64, u64) {
        let (pass, j) = (number / deal.batches(), number % deal.batches());
        (pass, if self.corpus.has_lengths() { j / WINDOW } else { 0 })
    }

    /// Calls `see` with every batch of the steps from `first` on, in the order that fills `out` with the least work: its
    /// stream, the slots of its pairs, its rows, and how many of its negatives are random.
    pub(crate) fn each_batch(
        &self,
        first: u64,
        lent: &Lent<'_>,
        out: &mut [i64],
        mut see: impl FnMut(Stream, &[(u32, u32)], &[i64], usize),
    ) -> Result<(), Invalid> {
        let width = (self.width() * self.batch_size()) as usize;
        let mut batch = Batch::default();
        for unit in self.units(&mut self.locate(first), out, width) {
            self.fill_unit(lent, unit, Form::Numbers, &mut batch, &mut see)?;
        }
        Ok(())
    }

    fn fill_unit(
        &self,
        lent: &Lent<'_>,
        unit: Unit<'_>,
        form: Form,
        batch: &mut Batch,
        mut see: impl FnMut(Stream, &[(u32, u32)], &[i64], usize),
    ) -> Result<(), Invalid> {
        let (stream, ..) = *self.streams.get(unit.stream);
        let source = &self.corpus.sources()[stream.source as usize];
        let (width, size) = (self.width() as usize, self.batch_size() as usize);
        let (spare, spare_categories) = std::mem::take(&mut batch.spare);
        let positions = self.positions(lent.length.as_ref(), unit.stream, &unit.numbers, spare);
        let all_categories = self.categories(stream, &unit.numbers, spare_categories);
        let mut categories = all_categories.chunks_exact(size);
        let rows = self.corpus.rows();
        for ((&number, positions), out) in unit.numbers.iter().zip(positions.chunks_exact(size)).zip(unit.out) {
            self.draw(unit.stream, number, positions, categories.next(), batch);
            match form {
                Form::Numbers => {
                    let put = |pair: &mut [i64], query, passage| {
                        (pair[0], pair[1]) = (query as i64, passage as i64);
                    };
                    source.put_rows(stream.slot, &batch.ids, &batch.slots, out.chunks_exact_mut(width), put);
                    let random = match &lent.negatives {
                        Some(lists) if self.options.negatives > 0 => {
                            let chooser = Chooser::new(self, lists, unit.stream, number, &batch.ids);
                            self.fill_negatives(&chooser, unit.stream, number, positions, batch, out)?
                        }
                        _ => 0,
                    };
                    see(stream, &batch.slots, out, random);
                }
                Form::Codes { begin } => {
                    let (ids, slots) = (&batch.ids[begin..], batch.slots.get(begin..).unwrap_or_default());
                    // Small integers where it can be: Python makes them in less time.
                    let put = |code: &mut i64, query, passage| {
                        *code = if query == passage { query } else { (1 + query) * rows + passage } as i64;
                    };
                    source.put_rows(stream.slot, ids, slots, out.iter_mut(), put);
                }
            }
        }
        batch.spare = (positions, all_categories);
        Ok(())
    }

    /// The ordered pair of languages of each pair in batches of a cross-lingual stream, the language of each in those of a
    /// mixed one, of groups that have all; none in monolingual streams. `out` is room for them.
    fn categories(&self, stream: Stream, numbers: &[u64], mut out: Vec<u32>) -> Vec<u32> {
        let levels = match stream.kind {
            Kind::Monolingual => {
                out.clear();
                return out;
            }
            Kind::CrossLingual => &self.pairs,
            Kind::Mixed => &self.mixed,
        };
        let categories = drawn(levels[stream.source as usize].as_ref());
        let size = self.batch_size();
        out.resize(numbers.len() * size as usize, 0);
        let mut rest = &mut out[..];
        // Batches that follow each other share the work at their boundaries.
        for run in numbers.chunk_by(|number, next| number + 1 == *next) {
            let (now, later) = rest.split_at_mut(run.len() * size as usize);
            categories.fill(run[0] * size, now);
            rest = later;
        }
        out
    }

    /// Writes the negatives behind the pairs of a batch, and tells how many of them are random for want of listed ones.
    fn fill_negatives(
        &self,
        chooser: &Chooser<'_>,
        stream: usize,
        number: u64,
        positions: &[u64],
        batch: &Batch,
        out: &mut [i64],
    ) -> Result<usize, Invalid> {
        let (Stream { slot: own, .. }, key, deal) = self.streams.get(stream);
        let pass = number / deal.batches();
        let width = self.width() as usize;
        let turns: Vec<Turn> = (0..)
            .zip(out.chunks_exact(width).zip(positions))
            .map(|(place, (pair, &position)): (usize, _)| {
                let (query, passage_slot) = own.map_or_else(|| batch.slots[place], |slot| (slot, slot));
                let turns = deal.turns(*key, pass, position);
                let number = self.visits(stream, deal.order().id(position), query, turns);
                Turn { query_row: pair[0] as u64, passage_slot, number }
            })
            .collect();
        chooser.choose(&turns, width, out)
    }

    /// The positions, in the order of their stream, of the members of batches in one unit. `out` is room for them.
    fn positions(&self, lengths: Option<&Column<'_>>, stream: usize, numbers: &[u64], mut out: Vec<u64>) -> Vec<u64> {
        let (Stream { source, slot, .. }, key, deal) = self.streams.get(stream);
        let size = self.batch_size() as usize;
        let (pass, first) = (numbers[0] / deal.batches(), numbers[0] % deal.batches());
        let Some(lengths) = lengths else {
            let js: Vec<u64> = numbers.iter().map(|number| number % deal.batches()).collect();
            out.resize(numbers.len() * size, 0);
            deal.fill(*key, pass, &js, &mut out);
            return out;
        };
        let window = first / WINDOW;
        let batches = |positions: &[u64]| {
            let first = window * WINDOW;
            let batch = |number: &u64| &positions[((number % deal.batches() - first) as usize) * size..][..size];
            numbers.iter().flat_map(batch).copied().collect()
        };
        if let Some(positions) = self.windows.get((stream, pass, window)) {
            return batches(&positions);
        }
        let js: Vec<u64> = (window * WINDOW..deal.batches().min((window + 1) * WINDOW)).collect();
        let mut positions = vec![0; js.len() * size];
        deal.fill(*key, pass, &js, &mut positions);
        let source = &self.corpus.sources()[*source as usize];
        let mut members: Vec<Member> = Vec::with_capacity(positions.len());
        let mut measured = Vec::with_capacity(size);
        for positions in positions.chunks(size) {
            measure(source, lengths, positions.iter().map(|&position| deal.order().id(position)), *slot, &mut measured);
            members.extend(positions.iter().zip(&measured).map(|(&position, &length)| Member {
                position,
                class: deal.order().class(position),
                length,
            }));
        }
        bucket(&mut members, size, key.derive(pass).derive(u64::MAX - 2).derive(window));
        let positions: Vec<u64> = members.iter().map(|member| member.position).collect();
        let found = batches(&positions);
        self.windows.keep((stream, pass, window), positions);
        found
    }

    /// Ids and slots of the pairs of a batch, from the positions of its members and what [`Self::categories`] gave.
    fn draw(&self, stream: usize, number: u64, positions: &[u64], categories: Option<&[u32]>, batch: &mut Batch) {
        let (stream, key, deal) = self.streams.get(stream);
        let s = stream.source as usize;
        let source = &self.corpus.sources()[s];
        deal.order().ids(positions, &mut batch.ids);
        batch.slots.clear();
        let Some(categories) = categories else { return };
        if stream.kind == Kind::CrossLingual {
            let pairs = &self.ordered_pairs[s];
            batch.slots.extend(categories.iter().map(|&category| pairs[category as usize]));
        } else {
            batch.slots.extend(categories.iter().map(|&category| (category, category)));
        }
        if source.is_complete() {
            return;
        }
        let pass = number / deal.batches();
        for ((slots, &group), &position) in batch.slots.iter_mut().zip(&batch.ids).zip(positions) {
            if source.slots(group).len() < source.languages().len() {
                let turn = first_choice(*key, source, group) + deal.turns(*key, pass, position);
                *slots = self.rotate(source, s, stream.kind, group, turn);
            }
        }
    }
}
