//! One data set of a corpus: the rows of its groups, and the orders that its streams draw from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bits::Bits;
use crate::compact::Compact;
use crate::order::Order;
use crate::regular::Block;

/// Groups, languages and rows of a data set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    pub(crate) name: String,
    pub(crate) groups: u64,
    /// Ascending; a position in this list is a *slot*.
    pub(crate) languages: Vec<u32>,
    pub(crate) table: Table,
    /// All groups.
    pub(crate) all: Arc<Order>,
    /// The members of each language; empty when every group has every language and `all` serves them all.
    pub(crate) by_slot: Vec<Arc<Order>>,
}

/// Where the rows are. An *id* is the number of a group where every group has every language, else a *cell*: a position
/// in the list of rows sorted by group; the first cell of a group stands for the group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Table {
    /// A formula.
    Regular(Block),
    /// The row of group `g` at slot `s` stands at `g * slots + s`.
    Full(Vec<u32>),
    /// Groups may lack languages.
    Sparse {
        rows: Rows,
        slots: Compact,
        /// The first cell of each group.
        starts: Bits,
    },
}

impl Table {
    /// Whether a formula leads from a row to its group.
    pub(crate) fn tells_groups(&self) -> bool {
        matches!(self, Self::Regular(_) | Self::Sparse { rows: Rows::Consecutive(_), .. })
    }
}

/// The row of each cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Rows {
    /// One after the other from this one on, as in a file sorted by group, or of groups with one row each.
    Consecutive(u64),
    /// Any.
    Listed(Vec<u32>),
}

impl Rows {
    /// The smaller form of a list that is not empty.
    pub(crate) fn new(rows: &[u32]) -> Self {
        let consecutive = rows.windows(2).all(|two| two[1] == two[0] + 1);
        if consecutive { Self::Consecutive(rows[0].into()) } else { Self::Listed(rows.to_vec()) }
    }

    pub(crate) fn get(&self, cell: u64) -> u64 {
        match self {
            Self::Consecutive(first) => first + cell,
            Self::Listed(rows) => rows[cell as usize].into(),
        }
    }
}

impl Source {
    /// The user's name of the source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of groups.
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.groups
    }

    /// The numbers of the languages that groups of this source have, ascending.
    #[must_use]
    pub fn languages(&self) -> &[u32] {
        &self.languages
    }

    /// Whether every group has every language of the source.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !matches!(self.table, Table::Sparse { .. })
    }

    /// The members of the language at `slot`.
    #[must_use]
    pub fn members(&self, slot: u32) -> &Arc<Order> {
        self.by_slot.get(slot as usize).unwrap_or(&self.all)
    }

    /// All groups.
    #[must_use]
    pub fn all(&self) -> &Arc<Order> {
        &self.all
    }

    /// The row of a member of the language at `slot`.
    #[must_use]
    pub fn row(&self, id: u64, slot: u32) -> u64 {
        match &self.table {
            Table::Regular(block) => block.row(id, slot),
            Table::Full(rows) => u64::from(rows[id as usize * self.languages.len() + slot as usize]),
            Table::Sparse { rows, .. } => rows.get(id),
        }
    }

    /// The row of a group in the language at `slot`, if it has one.
    #[must_use]
    pub fn version(&self, group: u64, slot: u32) -> Option<u64> {
        if self.is_complete() {
            return Some(self.row(group, slot));
        }
        let at = self.slots(group).position(|own| own == slot)?;
        Some(self.row(group + at as u64, slot))
    }

    /// Puts query row and passage row of each member of a stream into `out`. `slot` is the stream's language if it has
    /// one; else `slots` are those of query and passage.
    ///
    /// # Panics
    /// When a group lacks a language that it is drawn in.
    pub fn put_rows<O>(
        &self,
        slot: Option<u32>,
        ids: &[u64],
        slots: &[(u32, u32)],
        out: impl Iterator<Item = O>,
        put: impl Fn(O, u64, u64),
    ) {
        // One loop for each kind of table: the row is looked up millions of times a second.
        match (&self.table, slot) {
            (Table::Regular(block), Some(slot)) => {
                let first = block.row(0, slot);
                put_same(ids, out, put, |id| first + id * block.by_group);
            }
            (Table::Regular(block), None) => {
                let offsets = &block.offsets[..];
                put_each(ids, slots, out, put, |id, (query, passage)| {
                    let first = block.base + id * block.by_group;
                    (first + offsets[query as usize], first + offsets[passage as usize])
                });
            }
            (Table::Full(rows), Some(slot)) => {
                let count = self.languages.len();
                put_same(ids, out, put, |id| rows[id as usize * count + slot as usize].into());
            }
            (Table::Full(rows), None) => {
                let count = self.languages.len();
                put_each(ids, slots, out, put, |id, (query, passage)| {
                    let group = &rows[id as usize * count..][..count];
                    (group[query as usize].into(), group[passage as usize].into())
                });
            }
            (Table::Sparse { rows, .. }, Some(_)) => put_same(ids, out, put, |id| rows.get(id)),
            (Table::Sparse { .. }, None) => {
                let row = |id, slot| match self.version(id, slot) {
                    Some(row) => row,
                    None => unreachable!("a group is drawn in a language that it lacks"),
                };
                put_each(ids, slots, out, put, |id, (query, passage)| (row(id, query), row(id, passage)));
            }
        }
    }

    /// The slots that a group has a row in, ascending.
    #[must_use]
    pub fn slots(&self, group: u64) -> impl ExactSizeIterator<Item = u32> + Clone {
        let (first, last) = match &self.table {
            Table::Sparse { starts, .. } => (group as usize, starts.first_after(group) as usize),
            _ => (0, self.languages.len()),
        };
        (first..last).map(move |at| match &self.table {
            Table::Sparse { slots, .. } => slots.get(at as u64),
            _ => at as u32,
        })
    }

    /// Appends the rows of a group, by language, and tells how many there are.
    pub fn append_rows(&self, group: u64, out: &mut Vec<u64>) -> u64 {
        let before = out.len();
        match &self.table {
            Table::Regular(block) => {
                let first = block.base + group * block.by_group;
                out.extend(block.offsets.iter().map(|offset| first + offset));
            }
            Table::Full(rows) => {
                let count = self.languages.len();
                out.extend(rows[group as usize * count..][..count].iter().map(|&row| u64::from(row)));
            }
            Table::Sparse { rows, starts, .. } => {
                out.extend((group..starts.first_after(group)).map(|cell| rows.get(cell)));
            }
        }
        (out.len() - before) as u64
    }

    /// A row of a member: of the language at `slot`, or of a group.
    #[must_use]
    pub fn any_row(&self, id: u64, slot: Option<u32>) -> u64 {
        let first = || self.slots(id).next().unwrap_or_default();
        self.row(id, slot.unwrap_or_else(first))
    }

    /// The group of a member of a language.
    #[must_use]
    pub fn group(&self, id: u64) -> u64 {
        match &self.table {
            Table::Sparse { starts, .. } => starts.last_at_or_before(id),
            _ => id,
        }
    }

    /// The group of a row, if it is one of this source. `listed` is the id on record where no formula tells it.
    #[must_use]
    pub(crate) fn group_of(&self, row: u64, listed: impl FnOnce() -> Option<u64>) -> Option<u64> {
        match &self.table {
            Table::Regular(block) => block.holds(row).then(|| block.group_of(row)),
            Table::Full(_) => listed().filter(|&group| group < self.groups),
            Table::Sparse { rows: Rows::Consecutive(first), starts, .. } => {
                let cell = row.checked_sub(*first).filter(|&cell| cell < starts.len())?;
                Some(starts.last_at_or_before(cell))
            }
            Table::Sparse { starts, .. } => listed().filter(|&cell| cell < starts.len() && starts.get(cell)),
        }
    }

    /// The conflict class of a group, for a corpus with negatives.
    #[must_use]
    pub fn class_of(&self, group: u64) -> u64 {
        self.all.class(self.all.position(group))
    }

    /// Everything that batches depend on, as words.
    pub fn each_word(&self, word: &mut impl FnMut(u64)) {
        word(self.groups);
        word(self.languages.len() as u64);
        self.languages.iter().for_each(|&l| word(l.into()));
        word(match &self.table {
            Table::Regular(_) => 0,
            Table::Full(_) => 1,
            Table::Sparse { .. } => 2,
        });
        match &self.table {
            Table::Regular(block) => {
                [block.base, block.by_group].into_iter().chain(block.offsets.iter().copied()).for_each(&mut *word);
            }
            Table::Full(rows) => rows.iter().for_each(|&row| word(row.into())),
            Table::Sparse { rows, slots, starts } => {
                (0..slots.len()).map(|cell| rows.get(cell)).for_each(&mut *word);
                slots.iter().for_each(|slot| word(slot.into()));
                starts.words().iter().copied().for_each(&mut *word);
            }
        }
        for order in self.by_slot.iter().chain([&self.all]) {
            order.words().for_each(&mut *word);
        }
    }
}

fn put_same<O>(ids: &[u64], out: impl Iterator<Item = O>, put: impl Fn(O, u64, u64), row: impl Fn(u64) -> u64) {
    for (out, &id) in out.zip(ids) {
        let row = row(id);
        put(out, row, row);
    }
}

fn put_each<O>(
    ids: &[u64],
    slots: &[(u32, u32)],
    out: impl Iterator<Item = O>,
    put: impl Fn(O, u64, u64),
    rows: impl Fn(u64, (u32, u32)) -> (u64, u64),
) {
    for ((out, &id), &slots) in out.zip(ids).zip(slots) {
        let (query, passage) = rows(id, slots);
        put(out, query, passage);
    }
}
