//! A keyed bijection of `0..n`: computed, not stored.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use crate::kernels::{AT_ONCE, Digits, Loop, Network, round_one, rounds, widest};
use crate::key::Key;

/// Below this a Fisher-Yates table is both cheaper and exactly uniform over the `n!` orders.
const TABLE: u64 = 128;
const MAX_ROUNDS: usize = 16;

/// A shuffle of `0..n` for any `1 <= n <= 2^63`.
///
/// Small `n` use a table. The others use a Feistel network over the mixed radix `a * b >= n` with `a = ceil(sqrt n)`
/// and `b = ceil(n / a)`: odd rounds add a hash of the right digit to the left one modulo `a`, even rounds the reverse
/// modulo `b`. Fewer than `a` of the `a * b` values lie outside `0..n`; such a value goes through the rounds again
/// (cycle walking, Black and Rogaway 2002), which keeps it a bijection.
#[derive(Debug, Clone)]
pub struct Permutation(Method);

#[derive(Debug, Clone)]
enum Method {
    Table([u8; TABLE as usize]),
    Feistel(Feistel),
}

#[derive(Debug, Clone)]
struct Feistel {
    n: u64,
    /// Radix of the left digit.
    a: u32,
    /// Radix of the right digit.
    b: u32,
    round_count: usize,
    keys: [(u32, u32); MAX_ROUNDS],
}

impl Permutation {
    /// The permutation of `0..n` that `key` stands for.
    ///
    /// # Panics
    /// If `n` is 0 or above 2^63.
    #[must_use]
    pub fn new(n: u64, key: Key) -> Self {
        assert!((1..=1 << 63).contains(&n), "no permutation of 0..{n}");
        if n <= TABLE {
            let (mut table, mut places) = ([0; TABLE as usize], [0; TABLE as usize]);
            key.places(0, &mut places[..n as usize]);
            for (i, &j) in places[..n as usize].iter().enumerate() {
                // "Inside-out" Fisher-Yates: place i, move what was there to the end.
                let j = j as usize % TABLE as usize;
                table[i] = table[j];
                table[j] = i as u8;
            }
            return Self(Method::Table(table));
        }
        let a = n.isqrt() + u64::from(n.isqrt().pow(2) < n);
        let b = n.div_ceil(a);
        let round_count = round_count(a);
        let mut keys = [(0, 0); MAX_ROUNDS];
        for (i, k) in keys[..round_count].iter_mut().enumerate() {
            let word = key.word(i as u64);
            *k = (word as u32, (word >> 32) as u32);
        }
        Self(Method::Feistel(Feistel { n, a: a as u32, b: b as u32, round_count, keys }))
    }

    /// Where `x` goes; `x` must be below `n`.
    #[must_use]
    pub fn apply(&self, x: u64) -> u64 {
        match &self.0 {
            Method::Table(table) => u64::from(table[x as usize]),
            Method::Feistel(f) => f.walk(f.pass(x)),
        }
    }

    /// `x = apply(x)` for each, many at once.
    pub fn apply_each(&self, values: &mut [u64]) {
        match &self.0 {
            Method::Table(table) => values.iter_mut().for_each(|x| *x = u64::from(table[*x as usize])),
            Method::Feistel(f) => widest(Each { network: f, values }),
        }
    }

    /// `out[i] = apply(start + i)`, many at once.
    pub fn fill(&self, start: u64, out: &mut [u64]) {
        match &self.0 {
            Method::Table(table) => {
                for (slot, &to) in out.iter_mut().zip(&table[start as usize..]) {
                    *slot = to.into();
                }
            }
            Method::Feistel(f) => widest(Fill { network: f, start, out }),
        }
    }
}

/// Two rounds that meet a pair of inputs leave a trace of about `1 / a`; take as many as bring it below 2^-20.
fn round_count(a: u64) -> usize {
    let bits = u64::BITS - (a - 1).leading_zeros();
    (2 * 21_usize.div_ceil(bits as usize)).clamp(6, MAX_ROUNDS)
}

/// `x = apply(x)` for each.
struct Each<'a> {
    network: &'a Feistel,
    values: &'a mut [u64],
}

impl Loop for Each<'_> {
    #[inline(always)]
    fn run(self) {
        for values in self.values.chunks_mut(AT_ONCE) {
            let mut digits = self.network.split(values);
            rounds(&mut digits, values.len(), self.network.network());
            self.network.join(&digits, values);
        }
    }
}

/// `out[i] = apply(start + i)`.
struct Fill<'a> {
    network: &'a Feistel,
    start: u64,
    out: &'a mut [u64],
}

impl Loop for Fill<'_> {
    #[inline(always)]
    fn run(self) {
        for (first, out) in (self.start..).step_by(AT_ONCE).zip(self.out.chunks_mut(AT_ONCE)) {
            let mut digits = self.network.split_from(first);
            rounds(&mut digits, out.len(), self.network.network());
            self.network.join(&digits, out);
        }
    }
}

impl Feistel {
    fn network(&self) -> Network<'_> {
        Network { radices: (self.a, self.b), keys: self.keys[..self.round_count].as_chunks().0 }
    }

    fn pass(&self, x: u64) -> u64 {
        let radix = u64::from(self.b);
        let (left, right) = round_one(((x / radix) as u32, (x % radix) as u32), self.network());
        u64::from(left) * radix + u64::from(right)
    }

    /// Sends values that left the range through the rounds again.
    fn walk(&self, mut x: u64) -> u64 {
        while x >= self.n {
            x = self.pass(x);
        }
        x
    }

    /// The digits of `first, first + 1, ...`.
    #[inline(always)]
    fn split_from(&self, first: u64) -> Digits {
        let mut digits = Digits { left: [0; AT_ONCE], right: [0; AT_ONCE] };
        let radix = u64::from(self.b);
        let (mut left, mut right) = ((first / radix) as u32, (first % radix) as u32);
        if radix < AT_ONCE as u64 {
            for i in 0..AT_ONCE {
                (digits.left[i], digits.right[i]) = (left, right);
                (left, right) = if right + 1 == self.b { (left + 1, 0) } else { (left, right + 1) };
            }
            return digits;
        }
        // At least AT_ONCE numbers share a left digit, so the right one overflows at most once.
        let until_over = self.b - right;
        for i in 0..AT_ONCE as u32 {
            let over = i >= until_over;
            digits.left[i as usize] = left.wrapping_add(u32::from(over));
            digits.right[i as usize] = if over { i - until_over } else { right + i };
        }
        digits
    }

    /// The digits of given values.
    #[inline(always)]
    fn split(&self, values: &[u64]) -> Digits {
        let mut digits = Digits { left: [0; AT_ONCE], right: [0; AT_ONCE] };
        let radix = u64::from(self.b);
        if u32::try_from(self.n).is_ok() {
            // The quotient of two numbers of 32 bits, as a product with the rounded up inverse (Granlund and Montgomery
            // 1994): a division takes several times as long.
            let inverse = u64::MAX / radix + 1;
            for (i, &x) in values.iter().enumerate() {
                let left = ((u128::from(x) * u128::from(inverse)) >> 64) as u64;
                digits.left[i] = left as u32;
                digits.right[i] = (x - left * radix) as u32;
            }
            return digits;
        }
        for (i, &x) in values.iter().enumerate() {
            digits.left[i] = (x / radix) as u32;
            digits.right[i] = (x % radix) as u32;
        }
        digits
    }

    /// The numbers that the digits make, walked back into the range.
    #[inline(always)]
    fn join(&self, digits: &Digits, out: &mut [u64]) {
        let radix = u64::from(self.b);
        let mut outside = false;
        for (i, slot) in out.iter_mut().enumerate() {
            *slot = u64::from(digits.left[i]) * radix + u64::from(digits.right[i]);
            outside |= *slot >= self.n;
        }
        if outside {
            for slot in out {
                *slot = self.walk(*slot);
            }
        }
    }
}
