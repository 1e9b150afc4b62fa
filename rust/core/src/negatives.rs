//! Hard negatives: for each pair of a batch, passages that are near its query and not its answer.

use crate::columns::{Columns, Lists, Names};
use crate::error::{Invalid, invalid};
use crate::key::Key;
use crate::plan::Plan;
use crate::source::Source;
use crate::streams::Stream;

/// The negatives of one batch, in the making.
pub(crate) struct Chooser<'a> {
    plan: &'a Plan,
    source: &'a Source,
    lists: &'a Lists<'a>,
    /// The classes of the batch, sorted.
    classes: Vec<u64>,
    key: Key,
}

/// Each row has a list, of rows of its source. Errors: lists that do not fit, a row that does not exist or is in another
/// source.
pub(crate) fn check_lists(columns: &Columns<'_>, lists: &Lists<'_>, called: &Names<'_>) -> Result<(), Invalid> {
    let (count, entries) = (columns.rows(), lists.rows.len());
    if lists.ends.len() != count {
        invalid!("negatives has {} lists for {count} rows: give one list a row, if need be empty", lists.ends.len());
    }
    let mut begin = 0;
    for row in 0..count {
        let end = usize::try_from(lists.ends.get(row)).unwrap_or(usize::MAX);
        if end < begin || end > entries || (row + 1 == count && end < entries) {
            invalid!("negatives: the ends of the lists must rise to the number of entries, {entries}");
        }
        for at in begin..end {
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
        }
        begin = end;
    }
    Ok(())
}

/// A pair that negatives are wanted for.
pub(crate) struct Turn {
    pub(crate) query_row: u64,
    pub(crate) passage_slot: u32,
    /// How often the query came before.
    pub(crate) number: u64,
}

/// A list of negatives among all that are listed, and where in it a turn begins.
struct List {
    first: u64,
    count: u64,
    begin: u64,
}

/// What stands for the group of a row that is none of the source.
const NO_GROUP: u64 = u64::MAX;

impl<'a> Chooser<'a> {
    pub(crate) fn new(plan: &'a Plan, lists: &'a Lists<'a>, stream: usize, number: u64, ids: &[u64]) -> Self {
        let &(Stream { source, slot, .. }, key, _) = plan.streams.get(stream);
        let source = &plan.corpus.sources()[source as usize];
        let group = |&id: &u64| if slot.is_some() { source.group(id) } else { id };
        let mut classes: Vec<u64> = ids.iter().map(|id| source.class_of(group(id))).collect();
        classes.sort_unstable();
        Self { plan, source, lists, classes, key: key.derive(u64::MAX - 3).derive(number) }
    }

    /// Writes the rows of the negatives of the pairs of a batch, `width` numbers a pair, and tells how many of them are
    /// random for want of listed ones. Errors: lists that were changed since the corpus was built.
    pub(crate) fn choose(&self, turns: &[Turn], width: usize, out: &mut [i64]) -> Result<usize, Invalid> {
        // Step by step for all pairs: memory is asked for many things at a time, and answers once.
        let lists = turns.iter().map(|turn| self.list(turn, width - 2)).collect::<Result<Vec<_>, _>>()?;
        let soon = |list: &List| list.count.min(2 * width as u64);
        let mut groups = Vec::with_capacity(lists.iter().map(soon).sum::<u64>() as usize);
        groups.extend(lists.iter().flat_map(|list| (0..soon(list)).map(|at| self.listed(list, at))));
        for group in &mut groups {
            *group = self.group_of(*group);
        }
        let (mut random, mut ready) = (0, &groups[..]);
        for (place, ((turn, list), pair)) in (0..).zip(turns.iter().zip(&lists).zip(out.chunks_exact_mut(width))) {
            let own = ready.split_off(..soon(list) as usize).unwrap_or_default();
            random += self.choose_for(place, turn, list, own, &mut pair[2..])?;
        }
        Ok(random)
    }

    /// Of one pair, at a place of the batch. `ready` are the groups that its list begins with at this turn.
    fn choose_for(
        &self,
        place: u64,
        turn: &Turn,
        list: &List,
        ready: &[u64],
        out: &mut [i64],
    ) -> Result<usize, Invalid> {
        let wanted = out.len();
        let mut found = 0;
        for at in 0..list.count {
            if found == wanted {
                return Ok(0);
            }
            let group = ready.get(at as usize).copied().unwrap_or_else(|| self.group_of(self.listed(list, at)));
            if group == NO_GROUP {
                return Err(changed(turn.query_row));
            }
            let row = self.source.version(group, turn.passage_slot).map(|row| row as i64);
            if let Some(row) = row
                && self.outside(group)
                && !out[..found].contains(&row)
            {
                out[found] = row;
                found += 1;
            }
        }
        let random = wanted - found;
        let members = self.source.members(turn.passage_slot);
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
            let row = self.source.row(id, turn.passage_slot) as i64;
            if self.outside(self.source.group(id)) && !out[..found].contains(&row) {
                out[found] = row;
                found += 1;
            }
        }
        Ok(random)
    }

    /// The list of a query at its turn. Listed negatives take turns: a query goes on in its list where it stopped at
    /// the turn before.
    fn list(&self, turn: &Turn, wanted: usize) -> Result<List, Invalid> {
        let end = |row: u64| self.lists.ends.get(row as usize);
        let (first, last) = (if turn.query_row == 0 { 0 } else { end(turn.query_row - 1) }, end(turn.query_row));
        if first < 0 || last < first || last > self.lists.rows.len() as i64 {
            return Err(changed(turn.query_row));
        }
        let count = (last - first) as u64;
        let begin = turn.number.wrapping_mul(wanted as u64).checked_rem(count).unwrap_or(0);
        Ok(List { first: first as u64, count, begin })
    }

    /// The row that stands in a list `at` entries behind the one that the turn begins with.
    fn listed(&self, list: &List, at: u64) -> u64 {
        let on = list.begin + at;
        let at = list.first + if on < list.count { on } else { on - list.count };
        self.lists.rows.get(at as usize) as u64
    }

    fn group_of(&self, row: u64) -> u64 {
        self.plan.corpus.group_of(self.source, row).unwrap_or(NO_GROUP)
    }

    fn outside(&self, group: u64) -> bool {
        self.classes.binary_search(&self.source.class_of(group)).is_err()
    }
}

/// Checked when the corpus was built, but the caller's to write to.
fn changed(row: u64) -> Invalid {
    Invalid(format!(
        "the negatives of row {row} are not what the corpus was built from: leave the columns as they are, or give copies"
    ))
}

/// There are enough rows outside the classes of any batch, in every language in which negatives are drawn.
pub(crate) fn check_enough(plan: &Plan) -> Result<(), Invalid> {
    let corpus = &plan.corpus;
    let (wanted, size) = (plan.options.negatives, plan.options.batch_size as usize);
    if !corpus.has_negatives() {
        invalid!(
            "negatives={wanted} but the corpus has no lists of them: give them to ParallelCorpus.from_columns(negatives=...)"
        );
    }
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
