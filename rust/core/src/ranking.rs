//! Exact ranks from embeddings, block by block, without holding the candidates or a score matrix.
//!
//! Two phases. [`RankCounter::anchor`] computes the scores of the judged candidates, which are the thresholds. Then
//! [`RankCounter::add`] scores every candidate once and counts, for each query, judged candidate and candidate language,
//! how many score higher and how many the same. Counts add up, so blocks, shards and threads may come in any order.

use std::sync::{Arc, OnceLock};

use roaring::RoaringTreemap;

use crate::error::{Invalid, invalid};
use crate::judged::{Excluded, Judged};
use crate::kernels::DefaultFloatState;
use crate::score::dot;
use crate::screen::Arithmetic;
use crate::tally::{Rank, Tally, Ties};
use crate::threads;
use crate::vectors::{Similarity, Vectors};

mod adding;
mod checks;
mod counting;
mod exchange;
mod lending;
mod merging;
mod places;
mod report;
mod screened;
mod trial;
mod work;

use checks::{Inspected, changed};
use lending::Lendable;
use places::Places;
pub use report::Report;
pub use screened::Screened;

/// Counts that give the exact rank of every judged candidate.
#[derive(Debug, Clone)]
pub struct RankCounter<'q> {
    // What makes the evaluation: never changed, and shared by the counters that are made from one another.
    queries: Lendable<'q>,
    dimension: usize,
    similarity: Similarity,
    judged: Arc<Judged>,
    excluded: Option<Arc<Excluded>>,
    places: Arc<Places>,
    /// Their hash, once it was asked for.
    identity: OnceLock<u128>,
    /// The score at each judged position; NaN before it is known.
    scores: Vec<f64>,
    /// A hash of the vector of each judged candidate of `places`, once it was seen, to tell when it changes.
    digests: Vec<Option<u64>>,
    /// The language at each judged position, once its candidate was added.
    languages: Vec<u32>,
    language_count: usize,
    /// One for each query; empty before the first candidate is added.
    tallies: Vec<Tally>,
    /// What counting keeps from block to block.
    held: Option<counting::Held>,
    report: Report,
    /// The arithmetic of the screens, where it is not to be chosen.
    forced: Option<Arithmetic>,
    seen: RoaringTreemap,
    zero_rows: u64,
}

const UNKNOWN: u32 = u32::MAX;
/// Rows that a thread checks or anchors at a time.
const CHUNK: usize = 128;
const DIFFER: &str =
    "the counters differ in queries, judgements, exclusions or similarity: merge counters of one evaluation";

impl<'q> RankCounter<'q> {
    /// A counter for these queries, of which it keeps no copy where they are scored as they are. Errors: a query vector
    /// that is not finite, dimension 0, more or fewer judged lists than queries.
    pub fn borrowing(
        queries: Vectors<'q>,
        judged: Judged,
        excluded: Option<Excluded>,
        similarity: Similarity,
    ) -> Result<Self, Invalid> {
        let _state = DefaultFloatState::take();
        if queries.dimension == 0 {
            invalid!("the queries have dimension 0: give vectors of at least one component");
        }
        if queries.rows() != judged.queries() {
            invalid!(
                "there are {} queries but judged lists for {}: give one list each",
                queries.rows(),
                judged.queries()
            );
        }
        queries.check_finite(&|row| format!("query {row}"))?;
        let places = Places::new(&judged);
        let total = judged.ids().len();
        let mut values = Lendable::Lent(queries.values);
        let mut zero_rows = 0;
        if similarity == Similarity::Cosine {
            let mut own = queries.values.to_vec();
            zero_rows = similarity.prepare(&mut own, queries.dimension);
            values = Lendable::Own(Arc::new(own));
        }
        Ok(Self {
            queries: values,
            dimension: queries.dimension,
            similarity,
            excluded: excluded.map(Arc::new),
            digests: vec![None; places.ids().len()],
            places: Arc::new(places),
            identity: OnceLock::new(),
            scores: vec![f64::NAN; total],
            languages: vec![UNKNOWN; total],
            language_count: 0,
            tallies: Vec::new(),
            held: None,
            report: Report::default(),
            forced: None,
            seen: RoaringTreemap::new(),
            zero_rows,
            judged: Arc::new(judged),
        })
    }

    /// A counter of the same evaluation that knows nothing yet. Queries and lists are shared, not copied.
    #[must_use]
    pub fn blank(&self) -> Self {
        let _state = DefaultFloatState::take();
        let total = self.scores.len();
        Self {
            queries: self.queries.clone(),
            dimension: self.dimension,
            similarity: self.similarity,
            judged: Arc::clone(&self.judged),
            excluded: self.excluded.clone(),
            places: Arc::clone(&self.places),
            identity: self.identity.clone(),
            scores: vec![f64::NAN; total],
            digests: vec![None; self.digests.len()],
            languages: vec![UNKNOWN; total],
            language_count: 0,
            tallies: Vec::new(),
            held: None,
            report: Report::default(),
            forced: self.forced,
            seen: RoaringTreemap::new(),
            zero_rows: self.zero_queries(),
        }
    }

    /// Screens blocks with this arithmetic instead of the one that suits them: for tests and comparisons. Ranks stay the
    /// same.
    pub fn screen_with(&mut self, arithmetic: Arithmetic) {
        self.forced = Some(arithmetic);
    }

    /// First phase: the scores of the judged candidates in this block; the other rows are passed over.
    pub fn anchor(&mut self, block: Vectors<'_>, ids: &[i64], threads: Option<usize>) -> Result<(), Invalid> {
        let _state = DefaultFloatState::take();
        let threads = threads::resolve(threads);
        // Each row is scored while it is at hand.
        let score = |(found, room): &mut (Vec<(u32, f64)>, Vec<f32>), row: &[f32], number: usize| {
            let row = self.similarity.prepared(row, room);
            for place in self.places.of(number) {
                found.push((place.position, dot(self.query(place.query as usize), row)));
            }
        };
        let (inspected, found) = self.inspect(block, ids, threads, score)?;
        let mut new = Vec::new();
        for Inspected { number, digest } in inspected.into_iter().flatten() {
            let known = *self.digests[number].get_or_insert_with(|| {
                new.push(number);
                digest
            });
            if known != digest {
                for number in new {
                    self.digests[number] = None;
                }
                invalid!("{}", changed(self.places.ids()[number]));
            }
        }
        for (position, score) in found.into_iter().flat_map(|(found, _)| found) {
            self.scores[position as usize] = score;
        }
        Ok(())
    }

    /// The rank of every judged candidate, at its position. An error names a judged id that was never added.
    pub fn ranks(&self, ties: Ties) -> Result<Vec<Rank>, Invalid> {
        if let Some(position) = self.languages.iter().position(|&l| l == UNKNOWN) {
            invalid!(
                "candidate {} is judged but was never added: add every block of candidates before asking for ranks",
                self.judged.ids()[position]
            );
        }
        let nothing = Rank { within: 0, overall: 0 };
        let mut ranks = vec![nothing; self.scores.len()];
        let mut room = Vec::new();
        for tally in &self.tallies {
            tally.ranks(ties, &self.judged, &self.languages, &mut room, &mut ranks);
        }
        Ok(ranks)
    }

    /// The ids that any query judges, ascending, each once.
    #[must_use]
    pub fn judged(&self) -> &[i64] {
        self.places.ids()
    }

    /// The scores of the judged candidates, at their positions: the thresholds. NaN where an anchor is missing.
    #[must_use]
    pub fn thresholds(&self) -> &[f64] {
        &self.scores
    }

    /// The number of the language of each judged candidate; all are known once [`Self::ranks`] succeeds.
    #[must_use]
    pub fn languages(&self) -> &[u32] {
        &self.languages
    }

    /// The queries as they are scored: under the cosine normalised.
    #[must_use]
    pub fn queries(&self) -> Vectors<'_> {
        Vectors { values: &self.queries, dimension: self.dimension }
    }

    /// Languages of the candidates counted so far.
    #[must_use]
    pub fn language_count(&self) -> usize {
        self.language_count
    }

    /// Candidates counted so far.
    #[must_use]
    pub fn candidates(&self) -> u64 {
        self.seen.len()
    }

    /// How many (query, judged candidate, other candidate) have equal scores.
    #[must_use]
    pub fn ties(&self) -> u64 {
        self.tallies.iter().map(Tally::ties).sum()
    }

    /// Queries and candidates counted so far that are all zero and so could not be normalised; 0 for the dot product.
    #[must_use]
    pub fn zero_rows(&self) -> u64 {
        self.zero_rows
    }

    /// What decided the comparisons.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report
    }

    /// The vector of query `q`, as it is scored.
    fn query(&self, q: usize) -> &[f32] {
        &self.queries[q * self.dimension..][..self.dimension]
    }

    fn zero_queries(&self) -> u64 {
        let zero = |row: &&[f32]| self.similarity == Similarity::Cosine && row.iter().all(|&x| x == 0.0);
        self.queries.chunks_exact(self.dimension).filter(zero).count() as u64
    }
}
