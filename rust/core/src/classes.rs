//! Conflict classes: groups joined by a chain of shared passage keys.

use crate::columns::{Column, Numbering};
use crate::key::Key;

/// A forest in which the root of a group is the lowest group of its class.
#[derive(Debug)]
pub struct Classes {
    parent: Vec<u32>,
}

impl Classes {
    /// Each of `groups` groups in a class of its own.
    #[must_use]
    pub fn new(groups: usize) -> Self {
        Self { parent: (0..groups as u32).collect() }
    }

    /// Joins the groups of rows that are equal in `key`, inside a source. `place` tells source and group of a row.
    pub fn join(&mut self, key: &Column<'_>, sources: usize, place: impl Fn(usize) -> (usize, u32)) {
        let mut ranges = vec![(i64::MAX, i64::MIN, 0); sources];
        let rows = || (0..key.len()).filter(|&row| key.has(row));
        for row in rows() {
            let (value, range) = (key.get(row), &mut ranges[place(row).0]);
            *range = (range.0.min(value), range.1.max(value), range.2 + 1);
        }
        let mut seen: Vec<(Numbering, Vec<u32>)> =
            ranges.iter().map(|&(low, high, rows)| (Numbering::new(low, high, rows), Vec::new())).collect();
        for row in rows() {
            let (source, group) = place(row);
            let (numbers, first) = &mut seen[source];
            let number = numbers.number(key.get(row)) as usize;
            if number == first.len() {
                first.push(group);
            } else {
                self.unite(first[number], group);
            }
        }
    }

    /// The class of a group: the number of its lowest group.
    pub fn of(&mut self, mut group: u32) -> u32 {
        while self.parent[group as usize] != group {
            let above = self.parent[self.parent[group as usize] as usize];
            self.parent[group as usize] = above;
            group = above;
        }
        group
    }

    /// The class of every group.
    #[must_use]
    pub fn all(mut self) -> Vec<u32> {
        for group in 0..self.parent.len() as u32 {
            self.parent[group as usize] = self.of(group);
        }
        self.parent
    }

    fn unite(&mut self, one: u32, other: u32) {
        let (one, other) = (self.of(one), self.of(other));
        self.parent[one.max(other) as usize] = one.min(other);
    }
}

/// Sorts groups by hashed class. In the order of the file, groups of one topic would stay in one stripe for good and
/// never meet as negatives of each other.
pub fn sort_by_hash(groups: &mut [u32], class: impl Fn(u32) -> u32) {
    const HASH: Key = Key::from_seed(0);
    groups.sort_unstable_by_key(|&group| (HASH.word(u64::from(class(group))), class(group), group));
}
