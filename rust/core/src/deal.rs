//! Passes over an order: which members each batch gets, so that no batch holds two of a class.
//!
//! Batch `j` of pass `p` is known without the batches before it. A pass is `M = floor(N / B)` batches; the `r = N mod B`
//! members left over sit out, and who sits out moves on by `r` each pass, so after whole passes any two members' counts
//! differ by at most 1.
//!
//! Without classes a keyed permutation of `M B` places does; with classes [`Stripes`] keep them apart.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use std::ops::Range;
use std::sync::Arc;

use crate::bits::Bits;
use crate::kernels::{Loop, widest};
use crate::key::Key;
use crate::order::Order;
use crate::permutation::Permutation;
use crate::stripes::Stripes;

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
                let left_out = (self.first_left_out(key, pass), self.left_out());
                Stripes::new(starts, pass_key, left_out, (self.batches, self.batch_size)).fill(js, out);
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
}

/// Moves places on in a circle of `all`.
struct Shift<'a> {
    places: &'a mut [u64],
    offset: u64,
    all: u64,
}

impl Loop for Shift<'_> {
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
