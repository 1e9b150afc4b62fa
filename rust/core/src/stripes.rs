//! A pass over an order with classes: places in stripes, of each of which a batch takes one, so that classes stay apart.
//!
//! The `M B` places of a pass are cut into `B` stripes of `M`. A class of at most `M` members lies in one stripe or
//! straddles one boundary, and the permutation that leads from a stripe to the next keeps the members before the boundary
//! away from those behind it.

use std::ops::Range;

use crate::bits::Bits;
use crate::key::Key;
use crate::permutation::Permutation;

/// The places of a pass in one line, and which classes straddle the boundaries of its stripes.
#[derive(Debug)]
pub(crate) struct Stripes<'a> {
    starts: &'a Bits,
    /// Of the pass.
    key: Key,
    /// The length of a stripe.
    batches: u64,
    stretches: Vec<Range<u64>>,
    /// Of the class at the end of stripe `q`: its members there, and those at the head of stripe `q + 1`; 0 and 0 when
    /// the boundary divides no class.
    straddling: Vec<(u64, u64)>,
}

impl<'a> Stripes<'a> {
    /// All places but `left_out` of them from `end` on, around the circle; `starts` tells where classes begin.
    pub(crate) fn new(
        starts: &'a Bits,
        key: Key,
        (end, left_out): (u64, u64),
        (batches, batch_size): (u64, u64),
    ) -> Self {
        let places = starts.len();
        let begin = if left_out == 0 { 0 } else { (end + left_out) % places };
        let (first, next) = (starts.last_at_or_before(end), starts.first_after(end));
        let mut stretches: Vec<Range<u64>> = Vec::new();
        if left_out > 0 && first < end && end < begin && begin < next {
            // Those left out lie inside one class: read the rest of it in one go.
            stretches.extend([begin..next, first..end, next..places, 0..first]);
        } else if left_out > 0 && end < begin {
            stretches.extend([begin..places, 0..end]);
        } else {
            // Those left out lie at both ends of the places, or none are.
            stretches.push(begin..if left_out == 0 { places } else { end });
        }
        let mut stripes = Self { starts, key, batches, stretches, straddling: Vec::new() };
        stripes.stretches.retain(|stretch| !stretch.is_empty());
        // Begin at a random class, lest neighbours share a stripe, and so never a batch, in every pass.
        let at = key.derive(u64::MAX - 1).below(0, batches * batch_size);
        stripes.rotate(at + 1 - stripes.run_before(at + 1));
        stripes.straddling = (1..batch_size).map(|q| stripes.straddling_at(q * batches)).collect();
        stripes
    }

    /// Writes the places of batches `js`, one of each stripe in their order.
    pub(crate) fn fill(&self, js: &[u64], out: &mut [u64]) {
        let size = self.straddling.len() + 1;
        let mut lanes = js.to_vec();
        let mut spare = lanes.clone();
        Permutation::new(self.batches, self.key.derive(0)).apply_each(&mut lanes);
        for q in 0..size {
            let stripe = q as u64 * self.batches;
            for (batch, &lane) in out.chunks_mut(size).zip(&lanes) {
                batch[q] = self.place(stripe + lane);
            }
            if let Some(&(before, behind)) = self.straddling.get(q) {
                next_stripe(self.batches, before, behind, self.key.derive(1 + q as u64), &mut lanes, &mut spare);
            }
        }
    }

    /// The place at an index of the line that the stretches make.
    fn place(&self, index: u64) -> u64 {
        let (k, offset) = self.find(index);
        self.stretches[k].start + offset
    }

    /// The stretch that an index of the line lies in, and the offset in there.
    fn find(&self, mut index: u64) -> (usize, u64) {
        for (k, stretch) in self.stretches.iter().enumerate() {
            let len = stretch.end - stretch.start;
            if index < len {
                return (k, index);
            }
            index -= len;
        }
        unreachable!("an index behind the line");
    }

    /// Of the class of the member before `index`, how many members stand directly before `index`.
    fn run_before(&self, index: u64) -> u64 {
        let (mut k, offset) = self.find(index - 1);
        let mut last = self.stretches[k].start + offset;
        let class = self.starts.last_at_or_before(last);
        let mut run = 0;
        loop {
            let from = class.max(self.stretches[k].start);
            run += last + 1 - from;
            if from > self.stretches[k].start || k == 0 {
                return run;
            }
            k -= 1;
            last = self.stretches[k].end - 1;
            if self.starts.last_at_or_before(last) != class {
                return run;
            }
        }
    }

    /// Of the class of the member at `index`, how many members stand from there on.
    fn run_behind(&self, index: u64) -> u64 {
        let (mut k, offset) = self.find(index);
        let mut first = self.stretches[k].start + offset;
        let (class, next) = (self.starts.last_at_or_before(first), self.starts.first_after(first));
        let mut run = 0;
        loop {
            let to = next.min(self.stretches[k].end);
            run += to - first;
            k += 1;
            if to < self.stretches[k - 1].end || k == self.stretches.len() {
                return run;
            }
            first = self.stretches[k].start;
            if self.starts.last_at_or_before(first) != class {
                return run;
            }
        }
    }

    fn straddling_at(&self, index: u64) -> (u64, u64) {
        let class = |index| self.starts.last_at_or_before(self.place(index));
        if class(index - 1) == class(index) { (self.run_before(index), self.run_behind(index)) } else { (0, 0) }
    }

    /// Makes the line begin at `index`, where a class begins.
    fn rotate(&mut self, index: u64) {
        let (k, offset) = self.find(index);
        let cut = self.stretches[k].start + offset;
        let head = self.stretches[k].start..cut;
        self.stretches[k].start = cut;
        self.stretches.rotate_left(k);
        if !head.is_empty() {
            self.stretches.push(head);
        }
    }
}

/// Leads each batch from its member of one stripe to its member of the next: a bijection of `0..len`.
///
/// The last `before` members of this stripe and the first `behind` of the next are one class, so none of the former leads
/// to one of the latter. Both lead to the `len - behind` others; those that are free for the class behind the boundary
/// are told by a rotation, for each batch stands at a random member already. `others` is room for as many lanes.
fn next_stripe(len: u64, before: u64, behind: u64, key: Key, lanes: &mut [u64], others: &mut [u64]) {
    if before == 0 {
        Permutation::new(len, key).apply_each(lanes);
        return;
    }
    let free = len - before;
    let turn = key.below(u64::MAX, free);
    let target = |lane: u64| {
        let rotated = if lane + turn >= free { lane + turn - free } else { lane + turn };
        if lane >= free {
            behind + (lane - free)
        } else if rotated < behind {
            rotated
        } else {
            before + rotated
        }
    };
    // Now those that lead to the class are below `behind`, and the others, permuted, above.
    for (other, lane) in others.iter_mut().zip(lanes.iter_mut()) {
        *lane = target(*lane);
        *other = lane.saturating_sub(behind);
    }
    Permutation::new(len - behind, key).apply_each(others);
    for (lane, other) in lanes.iter_mut().zip(others) {
        if *lane >= behind {
            *lane = behind + *other;
        }
    }
}
