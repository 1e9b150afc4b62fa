//! Files so regular that a formula tells the row of a group in a language.
//!
//! Sorted by group (all languages of a group in one fixed order) or by language (the same order of groups in each), one
//! source after the other: then a corpus of any size needs no table and no memory to build one.

use serde::{Deserialize, Serialize};

use crate::columns::{Columns, Numbering};

/// A source whose rows lie together: row of (group, slot) is `base + group * by_group + offsets[slot]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Block {
    /// Its first row.
    pub base: u64,
    /// Rows from a group to the next.
    pub by_group: u64,
    /// Rows from a group's first to its version in each slot.
    pub offsets: Vec<u64>,
    /// The number of groups.
    pub groups: u64,
    /// The languages, ascending: one for each slot.
    pub languages: Vec<u32>,
}

impl Block {
    /// The row of a group in the language at `slot`.
    #[must_use]
    pub fn row(&self, group: u64, slot: u32) -> u64 {
        self.base + group * self.by_group + self.offsets[slot as usize]
    }

    /// Whether a row is one of this block.
    #[must_use]
    pub fn holds(&self, row: u64) -> bool {
        row.checked_sub(self.base).is_some_and(|at| at < self.groups * self.languages.len() as u64)
    }

    /// The group of a row of this block.
    #[must_use]
    pub fn group_of(&self, row: u64) -> u64 {
        let at = row - self.base;
        // Sorted by group, or by language.
        if self.by_group > 1 { at / self.by_group } else { at % self.groups }
    }
}

/// One block for each source, in the order of the sources; `None` if a source is not regular.
#[must_use]
pub fn regular(columns: &Columns<'_>, sources: usize, languages: usize) -> Option<Vec<Block>> {
    let mut blocks: Vec<Option<Block>> = vec![None; sources];
    let mut first = 0;
    while first < columns.rows() {
        let source = columns.source_of(first);
        let same = |row: &usize| columns.source_of(*row) == source;
        let last = if columns.source.is_none() {
            columns.rows()
        } else {
            (first..columns.rows()).find(|row| !same(row)).unwrap_or(columns.rows())
        };
        if blocks[source].is_some() {
            return None;
        }
        blocks[source] = Some(block(columns, first, last, languages)?);
        first = last;
    }
    let blocks: Vec<Block> = blocks.into_iter().collect::<Option<_>>()?;
    groups_differ(columns, &blocks).then_some(blocks)
}

fn block(columns: &Columns<'_>, first: usize, last: usize, languages: usize) -> Option<Block> {
    let mut spoken = vec![false; languages];
    for row in first..last {
        spoken[columns.language.get(row) as usize] = true;
    }
    let spoken: Vec<u32> = (0..languages as u32).filter(|&l| spoken[l as usize]).collect();
    let (width, rows) = (spoken.len(), last - first);
    let groups = rows / width;
    if groups * width != rows {
        return None;
    }
    // The place of each language in a group, and the rows from one place and from one group to the next.
    [(1, width), (groups, 1)].into_iter().find_map(|(by_place, by_group)| {
        let mut offsets = vec![None; languages];
        for place in 0..width {
            let offset = &mut offsets[columns.language.get(first + place * by_place) as usize];
            if offset.replace((place * by_place) as u64).is_some() {
                return None;
            }
        }
        let all = (0..groups).all(|group| {
            let head = first + group * by_group;
            (0..width).all(|place| {
                let row = head + place * by_place;
                columns.group.get(row) == columns.group.get(head)
                    && columns.language.get(row) == columns.language.get(first + place * by_place)
            })
        });
        all.then(|| Block {
            base: first as u64,
            by_group: by_group as u64,
            offsets: spoken.iter().filter_map(|&l| offsets[l as usize]).collect(),
            groups: groups as u64,
            languages: spoken.clone(),
        })
    })
}

/// Whether no group comes twice, in one block or in two.
fn groups_differ(columns: &Columns<'_>, blocks: &[Block]) -> bool {
    let heads = |block: &Block| {
        let (base, step) = (block.base as usize, block.by_group as usize);
        (0..block.groups as usize).map(move |group| columns.group.get(base + group * step))
    };
    let mut ordered: Vec<&Block> = blocks.iter().collect();
    ordered.sort_by_key(|block| block.base);
    let all = || ordered.iter().flat_map(|&block| heads(block));
    if all().is_sorted_by(|a, b| a < b) {
        return true;
    }
    let (low, high) = all().fold((i64::MAX, i64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let total: u64 = blocks.iter().map(|block| block.groups).sum();
    let mut numbers = Numbering::new(low, high, columns.rows());
    all().for_each(|value| {
        numbers.number(value);
    });
    numbers.count() as u64 == total
}
