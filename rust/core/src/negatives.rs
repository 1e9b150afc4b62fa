//! Hard negatives: for each pair of a batch, passages that are near its query and not its answer.

use serde::{Deserialize, Serialize};

use crate::columns::{Column, Columns, Names};
use crate::compact::Compact;
use crate::error::{Invalid, invalid};
use crate::key::Key;
use crate::plan::Plan;
use crate::source::Source;
use crate::streams::Stream;

/// For each row the groups whose passages are hard negatives of its query.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Negatives {
    /// How many each row lists.
    counts: Compact,
    /// Where the lists of every 64th row begin.
    begins: Vec<u64>,
    /// Ids of groups, in the source of the row.
    groups: Compact,
}

/// Rows whose lists have one beginning on record.
const TOGETHER: u64 = 64;

/// The negatives of one batch, in the making.
pub(crate) struct Chooser<'a> {
    plan: &'a Plan,
    source: &'a Source,
    /// The classes of the batch, sorted.
    classes: Vec<u64>,
    key: Key,
}

impl Negatives {
    /// Lists of rows as lists of groups. `ends` tells where each row's list ends in `rows`, `group_ids` the id of each
    /// row's group. Errors: lists that do not fit, a row that does not exist or is in another source.
    pub fn new(
        columns: &Columns<'_>,
        lists: &Lists<'_>,
        group_ids: &[u32],
        called: &Names<'_>,
    ) -> Result<Self, Invalid> {
        let count = columns.rows();
        let ends: Vec<u64> = (0..lists.ends.len()).map(|row| lists.ends.get(row) as u64).collect();
        if ends.len() != count {
            invalid!("negatives has {} lists for {count} rows: give one list a row, if need be empty", ends.len());
        }
        if !ends.is_sorted() || ends.last().is_none_or(|&end| end != lists.rows.len() as u64) {
            invalid!("negatives: the ends of the lists must rise to the number of entries, {}", lists.rows.len());
        }
        let mut groups = Vec::with_capacity(lists.rows.len());
        let mut row = 0;
        for at in 0..lists.rows.len() {
            while ends[row] <= at as u64 {
                row += 1;
            }
            let negative = lists.rows.get(at);
            let Some(other) = usize::try_from(negative).ok().filter(|&other| other < count) else {
                invalid!("row {row} names row {negative} as a negative: rows go from 0 to {}", count - 1);
            };
            if columns.source_of(other) != columns.source_of(row) {
                invalid!(
                    "row {row} (source {}) names row {other} (source {}) as a negative: a batch has one source, so name \
                     rows of the same",
                    called("source", row),
                    called("source", other)
                );
            }
            groups.push(group_ids[other]);
        }
        let largest = groups.iter().copied().max().unwrap_or(0).into();
        let begin = |row: usize| if row == 0 { 0 } else { ends[row - 1] };
        let counts = || (0..count).map(|row| ends[row] - begin(row));
        let most = counts().max().unwrap_or(0);
        if most > u32::MAX.into() {
            invalid!("a row lists {most} negatives: at most {} fit", u32::MAX);
        }
        Ok(Self {
            counts: Compact::new(most, counts().map(|count| count as u32)),
            begins: (0..count).step_by(TOGETHER as usize).map(begin).collect(),
            groups: Compact::new(largest, groups.into_iter()),
        })
    }

    /// The number of negatives of a row's query, and where they begin.
    fn list(&self, row: u64) -> (u64, u64) {
        let count = |row| u64::from(self.counts.get(row));
        let before: u64 = (row / TOGETHER * TOGETHER..row).map(count).sum();
        (count(row), self.begins[(row / TOGETHER) as usize] + before)
    }

    /// Everything that batches depend on, as words.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().chain(self.groups.iter()).map(u64::from)
    }
}

/// Lists of rows as the caller has them.
#[derive(Debug, Clone)]
pub struct Lists<'a> {
    /// Where each list ends.
    pub ends: Column<'a>,
    /// Their entries: rows.
    pub rows: Column<'a>,
}

impl<'a> Chooser<'a> {
    pub(crate) fn new(plan: &'a Plan, stream: usize, number: u64, ids: &[u64]) -> Self {
        let &(Stream { source, slot, .. }, key, _) = plan.streams.get(stream);
        let source = &plan.corpus.sources()[source as usize];
        let group = |&id: &u64| if slot.is_some() { source.group(id) } else { id };
        let mut classes: Vec<u64> = ids.iter().map(|id| source.class_of(group(id))).collect();
        classes.sort_unstable();
        Self { plan, source, classes, key: key.derive(u64::MAX - 3).derive(number) }
    }

    /// Writes the rows of the negatives of the pair at place `place` of the batch, and tells how many of them are
    /// random for want of listed ones.
    ///
    /// Listed negatives take turns: at its turn `turn` a query goes on in its list where it stopped at the turn before.
    pub(crate) fn choose(&self, place: u64, query_row: u64, passage_slot: u32, turn: u64, out: &mut [i64]) -> usize {
        let wanted = out.len();
        let mut found = 0;
        if let Some(negatives) = self.plan.corpus.negatives() {
            let (count, first) = negatives.list(query_row);
            let begin = if count == 0 { 0 } else { turn.wrapping_mul(wanted as u64) % count };
            for at in 0..count {
                if found == wanted {
                    return 0;
                }
                let group = u64::from(negatives.groups.get(first + (begin + at) % count));
                let row = self.source.version(group, passage_slot).map(|row| row as i64);
                if let Some(row) = row
                    && self.outside(group)
                    && !out[..found].contains(&row)
                {
                    out[found] = row;
                    found += 1;
                }
            }
        }
        let random = wanted - found;
        let members = self.source.members(passage_slot);
        let key = self.key.derive(place);
        let mut draw = 0;
        while found < wanted {
            // The plan was built with enough rows outside any batch; few draws miss, and a walk ends the search.
            let at = if draw < 64 {
                key.below(draw, members.len())
            } else {
                (key.below(0, members.len()) + draw) % members.len()
            };
            draw += 1;
            let id = members.id(at);
            let row = self.source.row(id, passage_slot) as i64;
            if self.outside(self.source.group(id)) && !out[..found].contains(&row) {
                out[found] = row;
                found += 1;
            }
        }
        random
    }

    fn outside(&self, group: u64) -> bool {
        self.classes.binary_search(&self.source.class_of(group)).is_err()
    }
}

/// There are enough rows outside the classes of any batch, in every language in which negatives are drawn.
pub(crate) fn check_enough(plan: &Plan) -> Result<(), Invalid> {
    let corpus = &plan.corpus;
    let (wanted, size) = (plan.options.negatives, plan.options.batch_size as usize);
    for (stream, _, _) in plan.streams.iter() {
        let s = stream.source as usize;
        let source = &corpus.sources()[s];
        for slot in 0..source.languages().len() as u32 {
            if !plan.weights.is_passage(s, stream.kind, stream.slot, slot) {
                continue;
            }
            let order = source.members(slot);
            let mut sizes: Vec<u64> = match order.starts() {
                None => vec![1; size.min(order.len() as usize)],
                Some(starts) => starts.ones().map(|first| starts.first_after(first) - first).collect(),
            };
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            let covered: u64 = sizes.iter().take(size).sum();
            if order.len() < covered + wanted {
                invalid!(
                    "negatives={wanted}: source '{}' has {} rows in '{}', and a batch of {size} may rule out {covered} of \
                     them: use a smaller batch size or fewer negatives",
                    source.name(),
                    order.len(),
                    corpus.languages()[source.languages()[slot as usize] as usize]
                );
            }
        }
    }
    Ok(())
}
