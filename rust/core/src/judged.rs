//! Lists of candidate ids, one for each query.

use crate::error::{Invalid, invalid};

/// The candidates with a known grade for each query, in CSR form: query `q` has the positions
/// `indptr[q]..indptr[q + 1]` of `ids` and `grades`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    indptr: Vec<usize>,
    ids: Vec<i64>,
    grades: Vec<i64>,
}

/// Candidates that are left out of the ranking of each query, ids ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    indptr: Vec<usize>,
    ids: Vec<i64>,
}

impl Judged {
    /// Checks the lists: ids and grades are not negative, and no id comes twice for a query.
    pub fn new(indptr: &[i64], ids: &[i64], grades: &[i64]) -> Result<Self, Invalid> {
        let indptr = offsets("relevant", indptr, ids.len())?;
        // Positions and queries are kept in 32 bits.
        let largest = ids.len().max(indptr.len() - 1);
        if u32::try_from(largest).is_err() {
            invalid!("{largest} judged candidates or queries: at most {} fit, so count in several counters", u32::MAX);
        }
        if grades.len() != ids.len() {
            invalid!("{} judged candidates have {} grades: give one each", ids.len(), grades.len());
        }
        sorted_without_repeats("judged", &indptr, ids, |_, _| Ok(()))?;
        for (q, list) in indptr.windows(2).enumerate() {
            let list = list[0]..list[1];
            if let Some(at) = list.clone().find(|&at| grades[at] < 0) {
                invalid!(
                    "query {q} gives candidate {} the negative grade {}: grades are 0 (judged, not relevant) or more",
                    ids[at],
                    grades[at]
                );
            }
        }
        Ok(Self { indptr, ids: ids.to_vec(), grades: grades.to_vec() })
    }

    /// The number of queries.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.indptr.len() - 1
    }

    /// The positions of query `q`.
    #[must_use]
    pub fn of(&self, q: usize) -> std::ops::Range<usize> {
        self.indptr[q]..self.indptr[q + 1]
    }

    /// The first position of each query, and the end.
    pub(crate) fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// The ids, at all positions.
    #[must_use]
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// The grades, at all positions.
    #[must_use]
    pub fn grades(&self) -> &[i64] {
        &self.grades
    }
}

impl Excluded {
    /// Checks the lists: ids are not negative, none comes twice for a query, none is judged for it.
    pub fn new(indptr: &[i64], ids: &[i64], judged: &Judged) -> Result<Self, Invalid> {
        let indptr = offsets("exclude", indptr, ids.len())?;
        if indptr.len() - 1 != judged.queries() {
            invalid!(
                "exclude lists {} queries but there are {}: give one list each",
                indptr.len() - 1,
                judged.queries()
            );
        }
        let mut sorted = Vec::with_capacity(ids.len());
        sorted_without_repeats("excluded", &indptr, ids, |q, ids| {
            let both = |id: &&i64| ids.binary_search(id).is_ok();
            if let Some(id) = judged.ids[judged.of(q)].iter().find(both) {
                invalid!("query {q} excludes candidate {id}, which it also judges: do one or the other");
            }
            sorted.extend_from_slice(ids);
            Ok(())
        })?;
        Ok(Self { indptr, ids: sorted })
    }

    pub(crate) fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    pub(crate) fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// The candidates that query `q` leaves out.
    #[must_use]
    pub fn of(&self, q: usize) -> &[i64] {
        &self.ids[self.indptr[q]..self.indptr[q + 1]]
    }
}

fn offsets(name: &str, indptr: &[i64], len: usize) -> Result<Vec<usize>, Invalid> {
    let rises = indptr.is_sorted() && indptr.first() == Some(&0);
    if !rises || indptr.last() != Some(&(len as i64)) {
        invalid!(
            "{name}: indptr must rise from 0 to the number of indices, {len}; it holds {} numbers from {} to {}",
            indptr.len(),
            indptr.first().unwrap_or(&0),
            indptr.last().unwrap_or(&0)
        );
    }
    Ok(indptr.iter().map(|&at| at as usize).collect())
}

/// Gives the ids of each query, ascending, if none is negative or comes twice.
fn sorted_without_repeats(
    what: &str,
    indptr: &[usize],
    ids: &[i64],
    mut take: impl FnMut(usize, &[i64]) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    let mut list = Vec::new();
    for (q, part) in indptr.windows(2).enumerate() {
        list.clear();
        list.extend_from_slice(&ids[part[0]..part[1]]);
        list.sort_unstable();
        if let Some(&id) = list.first()
            && id < 0
        {
            invalid!("query {q} names candidate {id}: ids are 0 or more");
        }
        if let Some([twice, ..]) = list.windows(2).find(|two| two[0] == two[1]) {
            invalid!("candidate {twice} is {what} twice for query {q}: name it once");
        }
        take(q, &list)?;
    }
    Ok(())
}
