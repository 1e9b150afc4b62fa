//! Exact ranks from embeddings, block by block, without holding the candidates or a score matrix.
//!
//! Two phases. [`RankCounter::anchor`] computes the scores of the judged candidates, which are the thresholds. Then
//! [`RankCounter::add`] scores every candidate once and counts, for each query, judged candidate and candidate language,
//! how many score higher and how many the same. Counts add up, so blocks, shards and threads may come in any order.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use roaring::RoaringTreemap;

use crate::error::{Invalid, invalid};
use crate::judged::{Excluded, Judged};
use crate::kernels::DefaultFloatState;
use crate::score::{dot, normalise};
use crate::screen::Arithmetic;
use crate::tally::{Rank, Tally, Ties};
use crate::threads;
use crate::vectors::{Prepared, Similarity, Vectors};

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

use checks::{Looked, changed};
use counting::Counted;
use places::Places;
pub use report::Report;
pub use screened::Screened;

/// Counts that give the exact rank of every judged candidate.
#[derive(Debug, Clone)]
pub struct RankCounter<'q> {
    // What makes the evaluation: never changed, and shared by the counters that are made from one another.
    queries: Arc<Cow<'q, [f32]>>,
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
        let mut values = Cow::Borrowed(queries.values);
        let mut zero_rows = 0;
        if similarity == Similarity::Cosine {
            let rows = values.to_mut().chunks_exact_mut(queries.dimension);
            zero_rows = rows.map(|row| u64::from(normalise(row))).sum();
        }
        Ok(Self {
            queries: Arc::new(values),
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
            queries: Arc::clone(&self.queries),
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
            let mut row = row;
            if self.similarity == Similarity::Cosine {
                room.clear();
                room.extend_from_slice(row);
                normalise(room);
                row = room;
            }
            for place in self.places.of(number) {
                found.push((place.position, dot(self.query(place.query as usize), row)));
            }
        };
        let (looked, found) = self.look(block, ids, threads, score)?;
        let mut new = Vec::new();
        for Looked { number, digest } in looked.into_iter().flatten() {
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

    /// Second phase: counts the candidates of this block, in parallel over the queries. `languages` holds a number for
    /// each. On an error nothing of the block is counted.
    pub fn add(
        &mut self,
        block: Vectors<'_>,
        ids: &[i64],
        languages: &[u32],
        threads: Option<usize>,
    ) -> Result<(), Invalid> {
        self.add_while(block, ids, languages, threads, &mut || true).map(|_| ())
    }

    /// As [`Self::add`], but asks between pieces of a large block whether to go on, and says whether it has. Where not,
    /// nothing of the block is counted.
    pub fn add_while(
        &mut self,
        block: Vectors<'_>,
        ids: &[i64],
        languages: &[u32],
        threads: Option<usize>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Invalid> {
        let _state = DefaultFloatState::take();
        if languages.len() != ids.len() {
            invalid!("{} candidates have {} languages: give one each", ids.len(), languages.len());
        }
        let threads = threads::resolve(threads);
        let large = size_of_val(block.values) > counting::PIECE;
        // To read a large block takes time, so its vectors are checked when they are read to be counted. Copies that are
        // normalised tell less.
        let late = large && self.similarity == Similarity::Dot;
        self.check_shape(block, ids)?;
        let looked = if late { None } else { Some(self.look(block, ids, threads, |(): &mut (), _, _| ())?.0) };
        self.check_anchored()?;
        let new = self.check_new(ids)?;
        self.check_same(looked.iter().flatten())?;
        drop(looked);
        let before = large.then(|| self.set_aside());
        self.admit(&new, ids, languages);
        // Under the cosine a copy is made of the rows; of few at a time.
        let rows = match self.similarity {
            Similarity::Dot => block.rows(),
            Similarity::Cosine => counting::PIECE / (size_of::<f32>() * self.dimension),
        };
        let mut counted = Counted::All;
        for at in (0..block.rows()).step_by(rows.max(1)) {
            let piece = at..(at + rows.max(1)).min(block.rows());
            let prepared = Prepared::new(block.some(piece.clone()), self.similarity);
            self.zero_rows += prepared.zero_rows;
            let mut go_on = || !large || go_on();
            let (ids, languages) = (&ids[piece.clone()], &languages[piece]);
            counted = self.count(prepared.vectors(), ids, languages, late, threads, &mut go_on);
            if counted != Counted::All {
                break;
            }
        }
        if let Some(before) = before.filter(|_| counted != Counted::All) {
            let (scores, digests) = (std::mem::take(&mut self.scores), std::mem::take(&mut self.digests));
            *self = Self { scores, digests, ..before };
        }
        if counted == Counted::Unsound {
            let (looked, _) = self.look(block, ids, threads, |(): &mut (), _, _| ())?;
            self.check_same(&looked)?;
            invalid!("the block changed while it was counted: leave it as it is until add() returns");
        }
        Ok(counted == Counted::All)
    }

    /// A copy of what adding a block changes, but for what is held from block to block, which can be made anew.
    fn set_aside(&mut self) -> Self {
        let (scores, digests) = (std::mem::take(&mut self.scores), std::mem::take(&mut self.digests));
        let held = self.held.take();
        let aside = self.clone();
        (self.scores, self.digests, self.held) = (scores, digests, held);
        aside
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
        for tally in &self.tallies {
            tally.ranks(ties, &self.judged, &self.languages, &mut ranks);
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

    /// Takes the candidates of a checked block in, before they are counted.
    fn admit(&mut self, new: &RoaringTreemap, ids: &[i64], languages: &[u32]) {
        self.seen |= new;
        let mut finder = self.places.finder();
        for (&id, &language) in ids.iter().zip(languages) {
            for place in finder.find(id).into_iter().flat_map(|number| self.places.of(number)) {
                self.languages[place.position as usize] = language;
            }
        }
        let most = languages.iter().max().map_or(0, |&l| l as usize + 1);
        self.reserve(self.language_count.max(most));
    }

    fn reserve(&mut self, languages: usize) {
        if self.tallies.is_empty() {
            let of = |q| Tally::new(self.judged.of(q).start, &self.scores[self.judged.of(q)]);
            self.tallies = (0..self.judged.queries()).map(of).collect();
        }
        self.language_count = languages;
        for tally in &mut self.tallies {
            tally.reserve_languages(languages);
        }
    }
}
