//! The ranks of judged documents in a run, by counting who stands before them.

use std::cmp::Ordering;

use crate::tally::Ties;
use crate::trec::lists::{Qrels, Run};
use crate::trec::parallel;

/// With how many bits scores are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// float32, as `trec_eval` up to version 9 keeps them: the double that was read, rounded.
    Single,
    /// float64, as `trec_eval` 10.
    Double,
}

/// Judged documents in the order of the qrels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranks {
    /// Number of the query in the qrels.
    pub query: Vec<i64>,
    /// Grade of the document.
    pub grade: Vec<i64>,
    /// Rank of the document from 1; 0 where the run does not have it.
    pub rank: Vec<i64>,
    /// By query, how many documents the run has.
    pub pool: Vec<i64>,
}

/// Ranks the judged documents of each query of the qrels among the documents of the run.
///
/// Score descending, then by `ties`. A document that is not judged stands below every grade.
#[must_use]
pub fn rank(run: &Run, qrels: &Qrels, ties: Ties, precision: Precision, threads: Option<usize>) -> Ranks {
    let queries = qrels.queries();
    let threads = parallel::fitting(threads, run.len());
    let ranked = parallel::each(queries.len(), threads, |query| match run.number(&queries[query]) {
        Some(number) => (rank_query(run, number, qrels, query, ties, precision), run.rows(number).len()),
        None => (vec![0; qrels.rows(query).len()], 0),
    });
    let mut ranks = Ranks::default();
    for (query, (rank, pool)) in ranked.into_iter().enumerate() {
        ranks.query.resize(ranks.query.len() + rank.len(), query as i64);
        ranks.grade.extend(qrels.rows(query).iter().map(|row| row.value));
        ranks.rank.extend(rank);
        ranks.pool.push(pool as i64);
    }
    ranks
}

/// Below every grade.
const UNJUDGED: i64 = -1;

fn rank_query(run: &Run, number: usize, qrels: &Qrels, query: usize, ties: Ties, precision: Precision) -> Vec<i64> {
    let (rows, judged) = (run.rows(number), qrels.rows(query));
    let found: Vec<Option<usize>> = judged.iter().map(|row| run.find(number, qrels.id(row))).collect();
    let mut grades = vec![UNJUDGED; rows.len()];
    for (row, &found) in judged.iter().zip(&found) {
        if let Some(found) = found {
            grades[found] = row.value;
        }
    }
    let scores: Vec<f64> = match precision {
        Precision::Single => rows.iter().map(|row| f64::from(row.value as f32)).collect(),
        Precision::Double => rows.iter().map(|row| row.value).collect(),
    };
    // Less: stands before.
    let among_equals = |a: usize, b: usize| {
        let ids = || run.id(&rows[a]).cmp(run.id(&rows[b]));
        match ties {
            Ties::Trec => ids().reverse(),
            Ties::Docid => ids(),
            Ties::Pessimistic => grades[a].cmp(&grades[b]).then_with(ids),
            Ties::Optimistic => grades[b].cmp(&grades[a]).then_with(ids),
        }
    };
    let order = |a: usize, b: usize| match scores[b].partial_cmp(&scores[a]) {
        Some(Ordering::Equal) | None => among_equals(a, b),
        Some(order) => order,
    };
    let mut line: Vec<usize> = found.iter().flatten().copied().collect();
    line.sort_unstable_by(|&a, &b| order(a, b));
    // Each other document stands in one gap of the line; before the judged one at k are those in the gaps up to k.
    let mut gaps = vec![0; line.len() + 1];
    let thresholds: Vec<f64> = line.iter().map(|&row| scores[row]).collect();
    let mut gap = 0;
    for row in (0..rows.len()).filter(|&row| grades[row] == UNJUDGED) {
        let score = scores[row];
        // Most runs come sorted, so the gap is mostly that of the row before.
        let same = (gap == 0 || thresholds[gap - 1] > score) && thresholds.get(gap).is_none_or(|&next| next < score);
        if !same {
            gap = thresholds.partition_point(|&threshold| threshold > score);
            if thresholds.get(gap) == Some(&score) {
                gap += line[gap..].partition_point(|&judged| order(judged, row) == Ordering::Less);
            }
        }
        gaps[gap] += 1;
    }
    let mut ranks = vec![0; rows.len()];
    let mut before = 0;
    for (k, (&row, gap)) in line.iter().zip(gaps).enumerate() {
        before += gap;
        ranks[row] = before + k as i64 + 1;
    }
    found.into_iter().map(|found| found.map_or(0, |row| ranks[row])).collect()
}
