//! Passes over an order: which members each batch gets, so that no batch holds two of a class.
//!
//! Batch `j` of pass `p` is known without the batches before it. A pass is `M = floor(N / B)` batches; the `r = N mod B`
//! members left over sit out, and who sits out moves on by `r` each pass, so after whole passes any two members' counts
//! differ by at most 1.
//!
//! Without classes a keyed permutation of `M B` places does. With classes the places are cut into `B` stripes of `M`, and
//! a batch takes one of each stripe: a class of at most `M` members lies in one stripe or straddles one boundary, and the
//! permutation that leads from a stripe to the next keeps the members before the boundary away from those behind it.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use std::ops::Range;
use std::sync::Arc;

use crate::bits::Bits;
use crate::kernels::{Work, widest};
use crate::key::Key;
use crate::order::Order;
use crate::permutation::Permutation;

/// The passes of one stream.
#[derive(Debug)]
pub struct Deal {
    order: Arc<Order>,
    batch_size: u64,
    /// Batches in a pass.
    batches: u64,
    excess: Option<Excess>,
}

/// Classes with more members than a pass has batches: each pass uses as many of them as it has batches, in turn.
#[derive(Debug)]
struct Excess {
    /// Ascending.
    classes: Vec<TooLarge>,
    /// The class starts among the places.
    starts: Bits,
}

/// A class with more members than a pass has batches.
#[derive(Debug)]
struct TooLarge {
    /// Where it begins among the places; it has as many as a pass has batches.
    place: u64,
    /// Where it begins among the positions.
    position: u64,
    members: u64,
}

/// The places of a pass in one line, and which classes straddle the boundaries of its stripes.
#[derive(Debug)]
struct Layout<'a> {
    starts: &'a Bits,
    stretches: Vec<Range<u64>>,
    /// Of the class at the end of stripe `q`: its members there, and those at the head of stripe `q + 1`; 0 and 0 when
    /// the boundary divides no class.
    straddling: Vec<(u64, u64)>,
}

impl Deal {
    /// Passes over all members of `order`, each class of which has at most `order.len() / batch_size` members.
    ///
    /// # Panics
    /// If a batch does not fill, or a class is too large.
    #[must_use]
    pub fn new(order: Arc<Order>, batch_size: u64) -> Self {
        let batches = order.len() / batch_size;
        assert!(order.largest().map_or(1, |class| class.members) <= batches, "a class too large");
        Self { order, batch_size, batches, excess: None }
    }

    /// Passes that leave out, in turn, the members that a class has beyond the batches of a pass. `None` when fewer than
    /// `batch_size` classes exist.
    #[must_use]
    pub fn leaving_out(order: Arc<Order>, batch_size: u64) -> Option<Self> {
        let classes = classes(&order);
        let usable = |batches: u64| classes.iter().map(|&(_, members)| members.min(batches)).sum::<u64>();
        // The more batches, the harder they are to fill; the most that can be filled are wanted.
        let (mut some, mut none) = (0, order.len() / batch_size + 1);
        while none - some > 1 {
            let middle = u64::midpoint(some, none);
            if usable(middle) >= middle * batch_size { some = middle } else { none = middle }
        }
        let batches = some;
        if batches == 0 {
            return None;
        }
        let mut excess = Excess { classes: Vec::new(), starts: Bits::new(usable(batches)) };
        let mut place = 0;
        for (first, members) in classes {
            excess.starts.set(place);
            if members > batches {
                excess.classes.push(TooLarge { place, position: first, members });
            }
            place += members.min(batches);
        }
        Some(Self { order, batch_size, batches, excess: Some(excess) })
    }

    /// What is dealt.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Batches in a pass.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// Places that members take turns at: as many as members, but for classes too large.
    fn places(&self) -> u64 {
        self.excess.as_ref().map_or(self.order.len(), |excess| excess.starts.len())
    }

    fn starts(&self) -> Option<&Bits> {
        self.excess.as_ref().map(|excess| &excess.starts).or(self.order.starts())
    }

    /// How many places sit out a pass.
    fn left_out(&self) -> u64 {
        self.places() - self.batches * self.batch_size
    }

    /// Where the turns to sit out begin. Keyed, lest the same members sit out first in every run.
    fn begin(&self, key: Key) -> u64 {
        key.word(u64::MAX) % self.places()
    }

    fn first_left_out(&self, key: Key, pass: u64) -> u64 {
        let moved = u128::from(pass) * u128::from(self.left_out());
        ((u128::from(self.begin(key)) + moved) % u128::from(self.places())) as u64
    }

    /// Writes the positions of the members of batches `js` of a pass, `batch_size` numbers a batch, in random order.
    pub fn fill(&self, key: Key, pass: u64, js: &[u64], out: &mut [u64]) {
        let pass_key = key.derive(pass);
        match self.starts() {
            None => self.fill_shuffled(key, pass, js, out),
            Some(starts) => {
                let layout = self.layout(starts, key, pass);
                self.fill_striped(&layout, pass_key, js, out);
                for (batch, &j) in out.chunks_mut(self.batch_size as usize).zip(js) {
                    // So that every rank sees every stripe.
                    pass_key.derive(u64::MAX).derive(j).shuffle(batch);
                }
                if let Some(excess) = &self.excess {
                    for place in out {
                        *place = self.position(excess, key, pass, *place);
                    }
                }
            }
        }
    }

    /// In how many passes before `pass` the member at `position` took part.
    #[must_use]
    pub fn turns(&self, key: Key, pass: u64, position: u64) -> u64 {
        let mut place = position;
        if let Some(excess) = &self.excess
            && let Some(class) = excess.before(|class| class.position, position)
        {
            let offset = position - class.position;
            if offset < class.members {
                return ticks(self.uses_before(key, pass, class.place), class.members, offset);
            }
            place = class.place + self.batches + (offset - class.members);
        }
        let from_begin = (place + self.places() - self.begin(key)) % self.places();
        pass - ticks(u128::from(pass) * u128::from(self.left_out()), self.places(), from_begin)
    }

    /// The position of the member that has a place in a pass. The places of a class too large go to its members in turn,
    /// those that sit out left aside.
    fn position(&self, excess: &Excess, key: Key, pass: u64, place: u64) -> u64 {
        let Some(class) = excess.before(|class| class.place, place) else {
            return place;
        };
        let offset = place - class.place;
        if offset >= self.batches {
            return class.position + class.members + (offset - self.batches);
        }
        let out_first = self.first_left_out(key, pass);
        let out = overlap(out_first, self.left_out(), self.places(), class.place..place);
        let turn = self.uses_before(key, pass, class.place) + u128::from(offset - out);
        class.position + (turn % u128::from(class.members)) as u64
    }

    /// How many members of the class too large at `place` took part in the passes before `pass`.
    fn uses_before(&self, key: Key, pass: u64, place: u64) -> u128 {
        let left_out = u128::from(pass) * u128::from(self.left_out());
        let (rounds, rest) = (left_out / u128::from(self.places()), left_out % u128::from(self.places()));
        let out = overlap(self.begin(key), rest as u64, self.places(), place..place + self.batches);
        u128::from(self.batches) * (u128::from(pass) - rounds) - u128::from(out)
    }

    /// How often the member at a position comes in a pass, in the long run, beside one of a class that is not too large.
    #[must_use]
    pub fn frequency(&self, position: u64) -> f64 {
        let class = self.excess.as_ref().and_then(|excess| excess.before(|class| class.position, position));
        match class {
            Some(class) if position - class.position < class.members => self.batches as f64 / class.members as f64,
            _ => 1.0,
        }
    }

    fn fill_shuffled(&self, key: Key, pass: u64, js: &[u64], out: &mut [u64]) {
        let all = self.order.len();
        let order = Permutation::new(self.batches * self.batch_size, key.derive(pass));
        // Behind those that sit out.
        let offset = (self.first_left_out(key, pass) + self.left_out()) % all;
        for (batch, &j) in out.chunks_mut(self.batch_size as usize).zip(js) {
            order.fill(j * self.batch_size, batch);
            widest(Shift { places: batch, offset, all });
        }
    }

    fn fill_striped(&self, layout: &Layout<'_>, key: Key, js: &[u64], out: &mut [u64]) {
        let (batches, size) = (self.batches, self.batch_size as usize);
        let mut lanes = js.to_vec();
        let mut spare = lanes.clone();
        Permutation::new(batches, key.derive(0)).apply_each(&mut lanes);
        for q in 0..size {
            let stripe = q as u64 * batches;
            for (batch, &lane) in out.chunks_mut(size).zip(&lanes) {
                batch[q] = layout.place(stripe + lane);
            }
            if let Some(&(before, behind)) = layout.straddling.get(q) {
                next_stripe(batches, before, behind, key.derive(1 + q as u64), &mut lanes, &mut spare);
            }
        }
    }

    fn layout<'a>(&self, starts: &'a Bits, key: Key, pass: u64) -> Layout<'a> {
        let (places, left_out) = (self.places(), self.left_out());
        // All places in a circle but those left out.
        let end = self.first_left_out(key, pass);
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
        let mut layout = Layout { starts, stretches, straddling: Vec::new() };
        layout.stretches.retain(|stretch| !stretch.is_empty());
        // Begin at a random class, lest neighbours share a stripe, and so never a batch, in every pass.
        let at = key.derive(pass).derive(u64::MAX - 1).below(0, self.batches * self.batch_size);
        layout.rotate(at + 1 - layout.run_before(at + 1));
        layout.straddling = (1..self.batch_size).map(|q| layout.straddling_at(q * self.batches)).collect();
        layout
    }
}

impl Layout<'_> {
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

/// Moves places on in a circle of `all`.
struct Shift<'a> {
    places: &'a mut [u64],
    offset: u64,
    all: u64,
}

impl Work for Shift<'_> {
    #[inline(always)]
    fn run(self) {
        for place in self.places {
            let moved = *place + self.offset;
            // Below 0 comes out huge.
            *place = moved.min(moved.wrapping_sub(self.all));
        }
    }
}

impl Excess {
    /// The class too large that begins at or before a place or a position.
    fn before(&self, key: impl Fn(&TooLarge) -> u64, at: u64) -> Option<&TooLarge> {
        self.classes[..self.classes.partition_point(|class| key(class) <= at)].last()
    }
}

/// First position and members of every class.
fn classes(order: &Order) -> Vec<(u64, u64)> {
    match order.starts() {
        None => (0..order.len()).map(|at| (at, 1)).collect(),
        Some(starts) => starts.ones().map(|first| (first, starts.first_after(first) - first)).collect(),
    }
}

/// How many of `len` positions from `begin` on, in a circle of `all`, lie in `range`.
fn overlap(begin: u64, len: u64, all: u64, range: Range<u64>) -> u64 {
    let within = |first: u64, end: u64| end.min(range.end).saturating_sub(first.max(range.start));
    within(begin, (begin + len).min(all)) + within(0, (begin + len).saturating_sub(all))
}

/// How many of the numbers below `end` leave `rest` when divided by `divisor`.
fn ticks(end: u128, divisor: u64, rest: u64) -> u64 {
    end.saturating_sub(rest.into()).div_ceil(divisor.into()) as u64
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
