//! Blocks that were screened elsewhere, for example on the device where the candidates live.

use std::collections::HashMap;

use super::RankCounter;
use crate::error::{Invalid, invalid};
use crate::kernels::DefaultFloatState;
use crate::score::dot;
use crate::vectors::Vectors;

/// What a screen found out about a block of `n` candidates.
#[derive(Debug, Clone, Copy)]
pub struct Screened<'a> {
    /// The ids of all candidates.
    pub ids: &'a [i64],
    /// A number for the language of each.
    pub languages: &'a [u32],
    /// Places in the block, ascending, of which the vectors are given: all that some query judges or excludes, and all
    /// that are open.
    pub rows: &'a [i64],
    /// Their vectors, as they would be given to [`RankCounter::add`].
    pub vectors: Vectors<'a>,
    /// `languages x judged positions`: how many candidates of a language surely score higher than the one judged there.
    /// Candidates that are open for the query are not among them.
    pub higher: &'a [u32],
    /// Queries of the pairs that are open: for which it is not certain, of each judged candidate, whether the candidate
    /// scores higher or lower. A judged candidate is open for its query.
    pub open_queries: &'a [i64],
    /// Their candidates, as places in the block; no pair twice.
    pub open_rows: &'a [i64],
    /// Candidates that are all zero, where the similarity divides by norms.
    pub zero_rows: u64,
}

impl RankCounter<'_> {
    /// Second phase, for a block that was screened elsewhere: takes over what is certain and scores what is open. On an
    /// error nothing of the block is counted. Whether vectors are finite is checked of those that are given; the others
    /// are the caller's to check.
    ///
    /// Soundness is the caller's too: `higher` has to count scores as [`crate::score::dot`] defines them.
    pub fn add_screened(&mut self, screened: &Screened<'_>) -> Result<(), Invalid> {
        let _state = DefaultFloatState::take();
        let Screened { ids, languages, rows, .. } = *screened;
        let count = ids.len();
        if languages.len() != count {
            invalid!("{count} candidates have {} languages: give one each", languages.len());
        }
        if !rows.is_sorted_by(|a, b| a < b) || rows.iter().any(|&row| !(0..count as i64).contains(&row)) {
            invalid!("rows: give places in the block of {count} candidates, ascending, each once");
        }
        if let Some(id) = ids.iter().find(|&&id| id < 0) {
            invalid!("candidate id {id} is negative: ids are 0 or more");
        }
        let given_ids: Vec<i64> = rows.iter().map(|&row| ids[row as usize]).collect();
        let (inspected, _) = self.inspect(screened.vectors, &given_ids, 1, |(): &mut (), _, _| ())?;
        let place: HashMap<usize, usize> = rows.iter().enumerate().map(|(at, &row)| (row as usize, at)).collect();
        self.check_anchored()?;
        let new = self.check_new(ids)?;
        self.check_same(&inspected)?;
        let mut finder = self.places.finder();
        let lacks = |(row, id): &(usize, &i64)| finder.find(**id).is_some() && !place.contains_key(row);
        if let Some((_, id)) = ids.iter().enumerate().find(lacks) {
            invalid!("candidate {id} is judged but its vector is not among those given: give it");
        }
        let pairs = self.check_open(screened, &place)?;
        self.check_excluded(ids, &place)?;
        let language_count = languages.iter().max().map_or(0, |&l| l as usize + 1);
        let positions = self.scores.len();
        if screened.higher.len() != language_count * positions {
            invalid!(
                "higher has {} counts: give one for each of {language_count} languages and {positions} judged positions",
                screened.higher.len()
            );
        }
        self.reserve(self.language_count);
        let higher = |language: usize| &screened.higher[language * positions..][..positions];
        for language in 0..language_count {
            self.check_higher(language as u32, higher(language), languages, &pairs)?;
        }

        let given_languages: Vec<u32> = rows.iter().map(|&row| languages[row as usize]).collect();
        self.admit(&new, &given_ids, &given_languages);
        self.zero_rows += screened.zero_rows;
        self.reserve(self.language_count.max(language_count));
        for language in 0..language_count {
            for tally in &mut self.tallies {
                let sorted = tally.by_threshold(higher(language));
                tally.count_higher(&sorted, language as u32);
            }
        }
        let mut room = Vec::new();
        for &(q, row) in &pairs {
            let candidate = self.similarity.prepared(screened.vectors.row(place[&row]), &mut room);
            let score = dot(self.query(q), candidate);
            self.tallies[q].count(score, ids[row], languages[row], self.judged.ids());
        }
        let judging = self.tallies.iter().filter(|tally| !tally.thresholds().is_empty()).count();
        let open = pairs.iter().filter(|(q, _)| !self.tallies[*q].thresholds().is_empty()).count();
        self.report.reference += open as u64;
        self.report.elsewhere += (judging * count - open) as u64;
        self.leave_out(screened.vectors, &given_ids, &given_languages);
        Ok(())
    }

    /// The open pairs, sorted, checked to be pairs of queries and given rows, each once, with all judged candidates.
    fn check_open(
        &self,
        screened: &Screened<'_>,
        place: &HashMap<usize, usize>,
    ) -> Result<Vec<(usize, usize)>, Invalid> {
        let (queries, rows) = (screened.open_queries, screened.open_rows);
        if queries.len() != rows.len() {
            invalid!("open pairs have {} queries and {} rows: give one each", queries.len(), rows.len());
        }
        let mut pairs = Vec::with_capacity(rows.len());
        for (&q, &row) in queries.iter().zip(rows) {
            if q < 0 || q as usize >= self.judged.queries() || row < 0 || !place.contains_key(&(row as usize)) {
                invalid!("query {q} is open for row {row}: name queries that exist and rows whose vectors are given");
            }
            pairs.push((q as usize, row as usize));
        }
        pairs.sort_unstable();
        if let Some(twice) = pairs.windows(2).find(|two| two[0] == two[1]) {
            invalid!("query {} is open for row {} twice: name each pair once", twice[0].0, twice[0].1);
        }
        let mut finder = self.places.finder();
        for (row, id) in screened.ids.iter().enumerate() {
            for judged in finder.find(*id).into_iter().flat_map(|number| self.places.of(number)) {
                if pairs.binary_search(&(judged.query as usize, row)).is_err() {
                    invalid!("candidate {id} is judged for query {} but not open for it: name the pair", judged.query);
                }
            }
        }
        Ok(pairs)
    }

    /// All candidates of the block that some query leaves out are given.
    fn check_excluded(&self, ids: &[i64], place: &HashMap<usize, usize>) -> Result<(), Invalid> {
        let Some(excluded) = &self.excluded else { return Ok(()) };
        let rows: HashMap<i64, usize> = ids.iter().enumerate().map(|(row, &id)| (id, row)).collect();
        let missing = |id: &&i64| rows.get(id).is_some_and(|row| !place.contains_key(row));
        if let Some(id) = excluded.ids().iter().find(missing) {
            invalid!("candidate {id} is excluded but its vector is not among those given: give it");
        }
        Ok(())
    }

    /// The counts of a language fall from the lowest score to the highest, and are counts of candidates that are not open.
    fn check_higher(
        &self,
        language: u32,
        higher: &[u32],
        languages: &[u32],
        pairs: &[(usize, usize)],
    ) -> Result<(), Invalid> {
        let candidates = languages.iter().filter(|&&l| l == language).count();
        let mut open = vec![0; self.tallies.len()];
        for &(q, row) in pairs {
            open[q] += usize::from(languages[row] == language);
        }
        for (q, tally) in self.tallies.iter().enumerate() {
            let sorted = tally.by_threshold(higher);
            let most = candidates - open[q];
            if !sorted.is_sorted_by(|a, b| a >= b) || sorted.first().is_some_and(|&first| first as usize > most) {
                invalid!(
                    "higher: of query {q} and language {language} the counts are {sorted:?}, from the lowest judged score \
                     to the highest: they never rise, and {most} candidates are not open"
                );
            }
        }
        Ok(())
    }
}
