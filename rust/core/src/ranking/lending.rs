//! Counters that keep a copy of their queries, and counters that are lent them.
//!
//! The queries may be the largest part of a counter, and whoever counts may hold them anyway, in a place that cannot be
//! borrowed for as long as the counter lives. Then they are lent for each piece of work: the counter moves, its contents
//! stay where they are.

use std::ops::Deref;
use std::sync::Arc;

use super::RankCounter;
use crate::error::Invalid;
use crate::judged::{Excluded, Judged};
use crate::vectors::{Similarity, Vectors};

/// The queries of a counter, as they are scored.
#[derive(Debug, Clone)]
pub(super) enum Lendable<'q> {
    /// The caller's.
    Lent(&'q [f32]),
    /// Its own, shared with the counters that are made from it.
    Own(Arc<Vec<f32>>),
}

impl Deref for Lendable<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Lent(queries) => queries,
            Self::Own(queries) => queries,
        }
    }
}

impl RankCounter<'static> {
    /// A counter with a copy of these queries. Errors: as [`RankCounter::borrowing`].
    pub fn new(
        queries: Vectors<'_>,
        judged: Judged,
        excluded: Option<Excluded>,
        similarity: Similarity,
    ) -> Result<Self, Invalid> {
        let counter = RankCounter::borrowing(queries, judged, excluded, similarity)?;
        let queries = match &counter.queries {
            Lendable::Lent(queries) => Arc::new(queries.to_vec()),
            Lendable::Own(queries) => Arc::clone(queries),
        };
        Ok(counter.with(Lendable::Own(queries)))
    }

    /// The counter with the queries that it was made with, as they were then; it had to give them back.
    ///
    /// # Panics
    /// When there are more or fewer.
    #[must_use]
    pub fn lend(self, queries: &[f32]) -> RankCounter<'_> {
        assert_eq!(queries.len(), self.judged.queries() * self.dimension, "other queries");
        self.with(Lendable::Lent(queries))
    }
}

impl RankCounter<'_> {
    /// The counter without queries that it borrowed: until they are lent again, it can only tell what it knows.
    #[must_use]
    pub fn give_back(self) -> RankCounter<'static> {
        let queries = match &self.queries {
            Lendable::Lent(_) => Arc::default(),
            Lendable::Own(queries) => Arc::clone(queries),
        };
        self.with(Lendable::Own(queries))
    }

    fn with(self, queries: Lendable<'_>) -> RankCounter<'_> {
        RankCounter {
            queries,
            dimension: self.dimension,
            similarity: self.similarity,
            judged: self.judged,
            excluded: self.excluded,
            places: self.places,
            identity: self.identity,
            scores: self.scores,
            digests: self.digests,
            languages: self.languages,
            language_count: self.language_count,
            tallies: self.tallies,
            held: self.held,
            report: self.report,
            forced: self.forced,
            seen: self.seen,
            zero_rows: self.zero_rows,
        }
    }
}
