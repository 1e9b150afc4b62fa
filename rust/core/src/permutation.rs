//! A keyed bijection of `0..n`: computed, not stored.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use crate::kernels::{Work, widest};
use crate::key::Key;

/// Below this a Fisher-Yates table is both cheaper and exactly uniform over the `n!` orders.
const TABLE: u64 = 128;
const MAX_ROUNDS: usize = 16;
/// Lanes that go through the rounds together, so that the compiler can use vector registers.
const LANES: usize = 32;

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
            let mut table = [0; TABLE as usize];
            for i in 0..n {
                // "Inside-out" Fisher-Yates: place i, move what was there to the end.
                let j = key.below(i, i + 1);
                table[i as usize] = table[j as usize];
                table[j as usize] = i as u8;
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
                for (x, slot) in (start..).zip(out) {
                    *slot = u64::from(table[x as usize]);
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

impl Work for Each<'_> {
    #[inline(always)]
    fn run(self) {
        for values in self.values.chunks_mut(LANES) {
            let mut digits = self.network.split(values);
            self.network.rounds(&mut digits);
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

impl Work for Fill<'_> {
    #[inline(always)]
    fn run(self) {
        for (first, out) in (self.start..).step_by(LANES).zip(self.out.chunks_mut(LANES)) {
            let mut digits = self.network.split_from(first, out);
            self.network.rounds(&mut digits);
            self.network.join(&digits, out);
        }
    }
}

/// The two digits of numbers in the mixed radix, one number a lane.
struct Digits {
    left: [u32; LANES],
    right: [u32; LANES],
}

/// A hash of a digit to 32 bits. The multipliers are those of `lowbias32` (Wellons, hash prospector, 2018).
#[inline(always)]
const fn digest(digit: u32, key: (u32, u32)) -> u32 {
    let mut x = (digit ^ key.0).wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x.wrapping_add(key.1).wrapping_mul(0x846c_a68b)
}

/// `digit + digest` modulo `radix`, the digest scaled to `0..radix` by a multiplication.
#[inline(always)]
const fn turn(digit: u32, other: u32, key: (u32, u32), radix: u32) -> u32 {
    let step = ((digest(other, key) as u64 * radix as u64) >> 32) as u32;
    // Compared with what is left to the radix, for the sum may leave 32 bits.
    let left = radix - step;
    if digit >= left { digit - left } else { digit.wrapping_add(step) }
}

impl Feistel {
    fn pass(&self, x: u64) -> u64 {
        let radix = u64::from(self.b);
        let (mut left, mut right) = ((x / radix) as u32, (x % radix) as u32);
        for pair in self.keys[..self.round_count].chunks_exact(2) {
            left = turn(left, right, pair[0], self.a);
            right = turn(right, left, pair[1], self.b);
        }
        u64::from(left) * radix + u64::from(right)
    }

    /// Sends values that left the range through the rounds again.
    fn walk(&self, mut x: u64) -> u64 {
        while x >= self.n {
            x = self.pass(x);
        }
        x
    }

    /// The digits of `first, first + 1, ...`; `out` is where they go in the end.
    #[inline(always)]
    fn split_from(&self, first: u64, out: &mut [u64]) -> Digits {
        let mut digits = Digits { left: [0; LANES], right: [0; LANES] };
        let radix = u64::from(self.b);
        if radix < LANES as u64 {
            (first..).zip(&mut *out).for_each(|(x, slot)| *slot = x);
            return self.split(out);
        }
        // At least LANES numbers share a left digit, so the right one overflows at most once.
        let (l, r) = ((first / radix) as u32, (first % radix) as u32);
        for i in 0..LANES {
            let right = u64::from(r) + i as u64;
            let over = right >= radix;
            digits.left[i] = l + u32::from(over);
            digits.right[i] = (if over { right - radix } else { right }) as u32;
        }
        digits
    }

    /// The digits of given values.
    #[inline(always)]
    fn split(&self, values: &[u64]) -> Digits {
        let mut digits = Digits { left: [0; LANES], right: [0; LANES] };
        let radix = u64::from(self.b);
        // Division of doubles, by the vector, was no faster: few lanes come here at a time.
        for (i, &x) in values.iter().enumerate() {
            digits.left[i] = (x / radix) as u32;
            digits.right[i] = (x % radix) as u32;
        }
        digits
    }

    /// All lanes round by round.
    #[inline(always)]
    fn rounds(&self, digits: &mut Digits) {
        for pair in self.keys[..self.round_count].chunks_exact(2) {
            for i in 0..LANES {
                digits.left[i] = turn(digits.left[i], digits.right[i], pair[0], self.a);
            }
            for i in 0..LANES {
                digits.right[i] = turn(digits.right[i], digits.left[i], pair[1], self.b);
            }
        }
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
