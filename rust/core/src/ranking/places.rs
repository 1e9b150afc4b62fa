//! Where each candidate is judged: found at once for ids that come in order, as those of blocks mostly do.

use crate::judged::Judged;

/// Where a candidate is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub query: u32,
    /// In the judged lists.
    pub position: u32,
}

/// The judged candidates, numbered as their ids ascend, with their places.
#[derive(Debug)]
pub(super) struct Places {
    ids: Vec<i64>,
    /// Where the places of each begin, and the end.
    starts: Vec<u32>,
    all: Vec<Place>,
}

/// Looks ids up, one after the other.
pub(super) struct Finder<'a> {
    ids: &'a [i64],
    /// The judged candidate behind the one that was found last.
    next: usize,
}

impl Places {
    pub fn new(judged: &Judged) -> Self {
        let place = |q: usize, position: usize| Place { query: q as u32, position: position as u32 };
        let mut all: Vec<(i64, Place)> = (0..judged.queries())
            .flat_map(|q| judged.of(q).map(move |position| (judged.ids()[position], place(q, position))))
            .collect();
        all.sort_unstable_by_key(|&(id, Place { position, .. })| (id, position));
        let (mut ids, mut starts) = (Vec::new(), Vec::new());
        for (at, same) in all.iter().enumerate() {
            if ids.last() != Some(&same.0) {
                ids.push(same.0);
                starts.push(at as u32);
            }
        }
        starts.push(all.len() as u32);
        Self { ids, starts, all: all.into_iter().map(|(_, place)| place).collect() }
    }

    /// The ids, ascending.
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// The places of the judged candidate of this number.
    pub fn of(&self, number: usize) -> &[Place] {
        &self.all[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    pub fn finder(&self) -> Finder<'_> {
        Finder { ids: &self.ids, next: 0 }
    }
}

impl Finder<'_> {
    /// The number of the judged candidate with this id.
    pub fn find(&mut self, id: i64) -> Option<usize> {
        let behind = self.next == 0 || self.ids[self.next - 1] < id;
        if !behind || self.ids.get(self.next).is_some_and(|&next| next < id) {
            self.next = self.ids.partition_point(|&judged| judged < id);
        }
        let found = self.ids.get(self.next) == Some(&id);
        let number = self.next;
        self.next += usize::from(found);
        found.then_some(number)
    }
}
