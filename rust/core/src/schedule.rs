//! Exact proportions: which category comes at position `n`, and how often it came before.
//!
//! A schedule answers for any `n` at once, without walking there, and at every prefix each category is within 1 of its
//! share. Schedules nest: the count of one level is the position of the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::error::{Invalid, invalid};
use crate::key::Key;
use crate::permutation::Permutation;

/// The finest share of a periodic schedule is `1 / PERIOD`.
pub const PERIOD: u64 = 1 << 14;

/// Categories in exact proportion to integer weights.
#[derive(Debug, Clone)]
pub struct Schedule {
    weights: Vec<u64>,
    total: u64,
    method: Method,
}

#[derive(Debug, Clone)]
enum Method {
    /// Equal weights: blocks in which each category comes once, in an order keyed by the block.
    Blocks { members: Vec<u32>, key: Key },
    /// At most four categories: two levels of rounding, each off by at most 1/2.
    Tree { members: Vec<u32> },
    /// Anything else: a table, made by earliest deadline first and repeated for ever.
    Table {
        members: Vec<u32>,
        /// Positions in `members`.
        category: Vec<u16>,
        earlier: Vec<u16>,
    },
}

impl Schedule {
    /// A schedule over `weights.len()` categories; see [`integer_weights`] for the sizes allowed.
    ///
    /// With more than four unequal positive weights the shares are rounded to multiples of `1 / PERIOD`, none to 0.
    ///
    /// An error when more than [`PERIOD`] unequal weights are positive.
    ///
    /// # Panics
    /// If all weights are 0.
    pub fn new(weights: &[u64], key: Key) -> Result<Self, Invalid> {
        let members: Vec<u32> = (0..weights.len() as u32).filter(|&k| weights[k as usize] > 0).collect();
        let first = weights[members[0] as usize];
        if members.iter().all(|&k| weights[k as usize] == first) {
            let weights: Vec<u64> = weights.iter().map(|&w| w.min(1)).collect();
            let total = members.len() as u64;
            return Ok(Self { weights, total, method: Method::Blocks { members, key } });
        }
        if members.len() <= 4 {
            let total = weights.iter().sum();
            return Ok(Self { weights: weights.to_vec(), total, method: Method::Tree { members } });
        }
        if members.len() as u64 > PERIOD {
            invalid!(
                "{} unequal positive weights: the finest share is 1/{PERIOD}, so give at most {PERIOD} of them, or equal \
                 weights",
                members.len()
            );
        }
        let weights = period_weights(weights);
        let positive: Vec<u64> = members.iter().map(|&k| weights[k as usize]).collect();
        let (category, earlier) = earliest_deadline_first(&positive, key);
        let total = category.len() as u64;
        Ok(Self { weights, total, method: Method::Table { members, category, earlier } })
    }

    /// The integer weights in force, and their sum: category `k` has the share `weights[k] / total`.
    #[must_use]
    pub fn shares(&self) -> (&[u64], u64) {
        (&self.weights, self.total)
    }

    /// The category at position `n`, and how often it came at the positions before.
    #[must_use]
    pub fn at(&self, n: u64) -> (usize, u64) {
        match &self.method {
            Method::Blocks { members, key } => {
                if let [member] = members[..] {
                    return (member as usize, n);
                }
                let (block, i) = (n / self.total, n % self.total);
                let order = Permutation::new(self.total, key.derive(block));
                (members[order.apply(i) as usize] as usize, block)
            }
            Method::Tree { members } => self.descend(members, n),
            Method::Table { members, category, earlier } => {
                let (block, i) = (n / self.total, (n % self.total) as usize);
                let k = members[usize::from(category[i])] as usize;
                (k, block * self.weights[k] + u64::from(earlier[i]))
            }
        }
    }

    /// `out[i] = at(start + i).0`, many at once.
    pub fn fill(&self, start: u64, out: &mut [u32]) {
        let Method::Blocks { members, key } = &self.method else {
            for (n, slot) in (start..).zip(out) {
                *slot = self.at(n).0 as u32;
            }
            return;
        };
        // Of a block no more than is wanted: pairs of many languages make long ones.
        let mut order = vec![0; out.len().min(self.total as usize)];
        let (mut block, mut first) = (start / self.total, start % self.total);
        let mut rest = out;
        while !rest.is_empty() {
            let (now, later) = rest.split_at_mut(rest.len().min((self.total - first) as usize));
            let order = &mut order[..now.len()];
            Permutation::new(self.total, key.derive(block)).fill(first, order);
            for (slot, &i) in now.iter_mut().zip(&*order) {
                *slot = members[i as usize];
            }
            (rest, block, first) = (later, block + 1, 0);
        }
    }

    /// Two levels of [`left_of`]: {0, 1} against {2, 3}, then one against the other. The error of the inner level is
    /// at most `1/2 + p/2` with `p < 1`.
    fn descend(&self, members: &[u32], n: u64) -> (usize, u64) {
        let w = |k: usize| members.get(k).map_or(0, |&k| self.weights[k as usize]);
        let (n, first) = side(n, w(0) + w(1), w(2) + w(3));
        let first = 2 * usize::from(first);
        let (n, second) = side(n, w(first), w(first + 1));
        (members[first + usize::from(second)] as usize, n)
    }
}

/// Of the first `n` positions, how many go left: `n left / (left + right)`, rounded half up.
fn left_of(n: u64, left: u64, right: u64) -> u64 {
    let total = u128::from(left) + u128::from(right);
    ((2 * u128::from(n) * u128::from(left) + total) / (2 * total)) as u64
}

/// Whether position `n` goes right, and its position among those of its side.
fn side(n: u64, left: u64, right: u64) -> (u64, bool) {
    let before = left_of(n, left, right);
    if left_of(n + 1, left, right) > before { (before, false) } else { (n - before, true) }
}

/// Real weights as integers with a sum below 2^62: as they are where they are whole, else scaled.
///
/// A positive weight never becomes 0. The weights must be finite, not negative and not all 0.
#[must_use]
pub fn integer_weights(weights: &[f64]) -> Vec<u64> {
    const LIMIT: f64 = (1_u64 << 61) as f64;
    let largest = weights.iter().copied().fold(0.0, f64::max);
    // Dividing by the largest first keeps the sum finite for weights near the largest float.
    let total: f64 = weights.iter().map(|w| w / largest).sum();
    if weights.iter().all(|w| w.fract() == 0.0) && total * largest < LIMIT {
        return weights.iter().map(|&w| w as u64).collect();
    }
    weights
        .iter()
        .map(|w| {
            let scaled = (w / largest / total * LIMIT).round() as u64;
            scaled.max(u64::from(*w > 0.0))
        })
        .collect()
}

/// Weights with a sum of at most [`PERIOD`]: reduced by their common divisor where that is enough, else rounded by
/// largest remainder, with at least 1 for every positive weight.
fn period_weights(weights: &[u64]) -> Vec<u64> {
    let divisor = weights.iter().copied().fold(0, gcd);
    let total: u64 = weights.iter().sum();
    if total / divisor <= PERIOD {
        return weights.iter().map(|w| w / divisor).collect();
    }
    let wide = u128::from(total);
    let exact = |w: u64| u128::from(w) * u128::from(PERIOD);
    let mut rounded: Vec<u64> = weights.iter().map(|&w| ((exact(w) / wide) as u64).max(u64::from(w > 0))).collect();
    // A weight that was lifted to 1 has more than its share already.
    let mut by_remainder: Vec<usize> = (0..weights.len()).filter(|&k| exact(weights[k]) >= wide).collect();
    by_remainder.sort_by_key(|&k| Reverse(exact(weights[k]) % wide));
    let mut missing = PERIOD as i64 - rounded.iter().sum::<u64>() as i64;
    for &k in by_remainder.iter().cycle() {
        if missing <= 0 {
            break;
        }
        rounded[k] += 1;
        missing -= 1;
    }
    while missing < 0 {
        // Small weights were lifted to 1: the largest one pays.
        let largest = (0..rounded.len()).max_by_key(|&k| rounded[k]).unwrap_or(0);
        rounded[largest] -= 1;
        missing += 1;
    }
    rounded
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One period in which the `j`-th occurrence of category `k` (counted from 1) lies after position
/// `floor((j - 1) P / w)` and not after `ceil(j P / w)`: then every prefix is within 1 of its share. Such a sequence
/// always exists and the earliest deadline finds it (Tijdeman 1980, "The chairman assignment problem").
fn earliest_deadline_first(weights: &[u64], key: Key) -> (Vec<u16>, Vec<u16>) {
    let period: u64 = weights.iter().sum();
    let ties = Permutation::new(weights.len() as u64, key);
    let due = |k: usize, j: u64| (j * period).div_ceil(weights[k]);
    let mut released: Vec<Vec<usize>> = vec![Vec::new(); period as usize];
    released[0] = (0..weights.len()).filter(|&k| weights[k] > 0).collect();
    let mut used = vec![0_u64; weights.len()];
    let mut ready = BinaryHeap::new();
    let (mut category, mut earlier) = (Vec::new(), Vec::new());
    for n in 0..period {
        for k in std::mem::take(&mut released[n as usize]) {
            ready.push(Reverse((due(k, used[k] + 1), ties.apply(k as u64), k)));
        }
        let Some(Reverse((_, _, k))) = ready.pop() else { unreachable!("the weights sum to the period") };
        category.push(k as u16);
        earlier.push(used[k] as u16);
        used[k] += 1;
        if used[k] < weights[k] {
            released[(used[k] * period / weights[k]).max(n + 1) as usize].push(k);
        }
    }
    (category, earlier)
}
