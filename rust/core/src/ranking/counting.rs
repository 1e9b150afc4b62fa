//! Counting a block: products settle most candidates ([`crate::screen`]), the score the rest.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::kernels::DefaultFloatState;
use crate::ranking::RankCounter;
use crate::score::dot;
use crate::screen::{Bound, Packed, Scratch, Screen, Settled};
use crate::tally::Tally;
use crate::vectors::Vectors;

/// Queries that a thread takes at a time.
const RUN: usize = 24;
/// Candidates that are packed together.
const PART: usize = 256;
/// Bytes of packed candidates held at a time.
const PACKED: usize = 4 << 20;

impl RankCounter {
    /// Counts the candidates of a checked block, for which there is room.
    pub(super) fn count(&mut self, block: Vectors<'_>, ids: &[i64], languages: &[u32], threads: usize) {
        let bound = Bound::new(self.dimension);
        if self.screens.is_empty() {
            let queries = self.queries.chunks_exact(self.dimension);
            let screen = |(query, tally): (&[f32], &Tally)| Screen::new(bound, query, tally.thresholds());
            self.screens = queries.zip(&self.tallies).map(screen).collect();
        }
        // Candidates of one language together, so that a count belongs to one.
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_by_key(|&c| languages[c as usize]);
        let mut parts: Vec<Part<'_>> = order
            .chunk_by(|&a, &b| languages[a as usize] == languages[b as usize])
            .flat_map(|same| same.chunks(PART))
            .map(|members| Part { members, packed: Packed::default() })
            .collect();
        let at_once = (PACKED / (4 * self.dimension * PART)).max(1);
        for parts in parts.chunks_mut(at_once) {
            share(
                threads,
                parts.iter_mut(),
                || (),
                |(), part| {
                    let rows = part.members.iter().map(|&c| block.row(c as usize));
                    part.packed.pack(block.dimension, rows);
                },
            );
            let (dimension, queries, screens) = (self.dimension, &self.queries, &self.screens);
            let judged = &self.judged;
            let runs = self.tallies.chunks_mut(RUN).enumerate();
            share(threads, runs, Scratch::default, |scratch, (run, tallies)| {
                let queries = &queries[run * RUN * dimension..][..tallies.len() * dimension];
                let screens = &screens[run * RUN..][..tallies.len()];
                for part in &*parts {
                    let language = languages[part.members[0] as usize];
                    part.packed.settle(
                        bound,
                        dimension,
                        queries,
                        screens,
                        scratch,
                        |q, first, settled| match settled {
                            Settled::Higher(higher) => tallies[q].count_higher(higher, language),
                            Settled::Open(beaten) => {
                                let query = &queries[q * dimension..][..dimension];
                                for (&c, beaten) in part.members[first..].iter().zip(beaten) {
                                    let (c, tally) = (c as usize, &mut tallies[q]);
                                    match *beaten {
                                        Some(beaten) => tally.count_beaten(beaten, language),
                                        None => tally.count(dot(query, block.row(c)), ids[c], language, judged.ids()),
                                    }
                                }
                            }
                        },
                    );
                }
            });
            for part in parts {
                part.packed = Packed::default();
            }
        }
        self.leave_out(block, ids, languages);
    }

    /// Takes back what was counted of the candidates that queries leave out.
    fn leave_out(&mut self, block: Vectors<'_>, ids: &[i64], languages: &[u32]) {
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

/// Candidates of one language that are packed together.
struct Part<'a> {
    members: &'a [u32],
    packed: Packed,
}

/// Shares work among threads, each with the default floating-point state and something of its own.
fn share<T: Send, S>(
    threads: usize,
    work: impl ExactSizeIterator<Item = T> + Send,
    own: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, T) + Sync,
) {
    let threads = threads.min(work.len());
    let queue = Mutex::new(work);
    let run = || {
        let _state = DefaultFloatState::take();
        let mut own = own();
        let next = || queue.lock().map_or(None, |mut queue| queue.next());
        while let Some(item) = next() {
            each(&mut own, item);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
}
