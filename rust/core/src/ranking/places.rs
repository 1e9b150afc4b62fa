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
        let queries: Vec<u32> = (0..judged.queries()).flat_map(|q| judged.of(q).map(move |_| q as u32)).collect();
        let sorted = sorted(judged.ids());
        let (mut ids, mut starts) = (Vec::new(), Vec::new());
        for (at, &position) in (0..).zip(&sorted) {
            let id = judged.ids()[position as usize];
            if ids.last() != Some(&id) {
                ids.push(id);
                starts.push(at);
            }
        }
        starts.push(sorted.len() as u32);
        let place = |position: u32| Place { query: queries[position as usize], position };
        Self { ids, starts, all: sorted.into_iter().map(place).collect() }
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

/// The positions of ids, none of them negative, as the ids ascend, equal ones as they stand. Digit by digit, because this is
/// done before anything is ranked, on one thread: a third of the time of comparing.
fn sorted(ids: &[i64]) -> Vec<u32> {
    const BITS: u32 = 11;
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    let mut next = order.clone();
    let most = ids.iter().max().copied().unwrap_or(0);
    for shift in (0..i64::BITS).step_by(BITS as usize).take_while(|shift| most >> shift > 0) {
        let digit = |position: u32| (ids[position as usize] >> shift) as usize % (1 << BITS);
        let mut starts = [0_u32; 1 << BITS];
        for &position in &order {
            starts[digit(position)] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += std::mem::replace(start, end);
        }
        for &position in &order {
            let start = &mut starts[digit(position)];
            next[*start as usize] = position;
            *start += 1;
        }
        std::mem::swap(&mut order, &mut next);
    }
    order
}
