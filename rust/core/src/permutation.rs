//! A keyed bijection of `0..n`: computed, not stored.

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
        let mut keys = [(0, 0); MAX_ROUNDS];
        for (i, k) in keys.iter_mut().enumerate() {
            let word = key.word(i as u64);
            *k = (word as u32, (word >> 32) as u32);
        }
        Self(Method::Feistel(Feistel { n, a: a as u32, b: b as u32, round_count: round_count(a), keys }))
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
            Method::Feistel(f) => {
                for lanes in values.chunks_mut(LANES) {
                    f.pass_each(lanes);
                    for slot in lanes {
                        *slot = f.walk(*slot);
                    }
                }
            }
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
            Method::Feistel(f) => {
                for (first, lanes) in (start..).step_by(LANES).zip(out.chunks_mut(LANES)) {
                    f.pass_lanes(first, lanes);
                    for slot in lanes {
                        *slot = f.walk(*slot);
                    }
                }
            }
        }
    }
}

/// Two rounds that meet a pair of inputs leave a trace of about `1 / a`; take as many as bring it below 2^-20.
fn round_count(a: u64) -> usize {
    let bits = u64::BITS - (a - 1).leading_zeros();
    (2 * 21_usize.div_ceil(bits as usize)).clamp(6, MAX_ROUNDS)
}

/// A hash of a digit to 32 bits. The multipliers are those of `lowbias32` (Wellons, hash prospector, 2018).
const fn digest(digit: u32, key: (u32, u32)) -> u32 {
    let mut x = (digit ^ key.0).wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x.wrapping_add(key.1).wrapping_mul(0x846c_a68b)
}

/// `digit + digest` modulo `radix`, the digest scaled to `0..radix` by a multiplication.
const fn turn(digit: u32, other: u32, key: (u32, u32), radix: u32) -> u32 {
    let step = (digest(other, key) as u64 * radix as u64) >> 32;
    let sum = digit as u64 + step;
    let wrapped = sum.wrapping_sub(radix as u64);
    (if sum < radix as u64 { sum } else { wrapped }) as u32
}

impl Feistel {
    fn pass(&self, x: u64) -> u64 {
        let mut out = [x];
        self.pass_each(&mut out);
        out[0]
    }

    /// One pass over each of at most [`LANES`] values.
    fn pass_each(&self, values: &mut [u64]) {
        let (mut left, mut right) = ([0_u32; LANES], [0_u32; LANES]);
        let radix = u64::from(self.b);
        for (i, x) in values.iter().enumerate() {
            (left[i], right[i]) = ((x / radix) as u32, (x % radix) as u32);
        }
        self.rounds(&mut left, &mut right, values);
    }

    /// One pass over `first, first + 1, ...`, all lanes round by round.
    fn pass_lanes(&self, first: u64, out: &mut [u64]) {
        let (mut left, mut right) = ([0_u32; LANES], [0_u32; LANES]);
        let radix = u64::from(self.b);
        let (mut l, mut r) = (first / radix, first % radix);
        for i in 0..out.len() {
            (left[i], right[i]) = (l as u32, r as u32);
            r += 1;
            if r == radix {
                (l, r) = (l + 1, 0);
            }
        }
        self.rounds(&mut left, &mut right, out);
    }

    /// All lanes round by round; the digits are put together in `out`.
    fn rounds(&self, left: &mut [u32; LANES], right: &mut [u32; LANES], out: &mut [u64]) {
        let radix = u64::from(self.b);
        let n = if out.len() == 1 { 1 } else { LANES };
        for pair in self.keys[..self.round_count].chunks_exact(2) {
            for i in 0..n {
                left[i] = turn(left[i], right[i], pair[0], self.a);
            }
            for i in 0..n {
                right[i] = turn(right[i], left[i], pair[1], self.b);
            }
        }
        for (i, slot) in out.iter_mut().enumerate() {
            *slot = u64::from(left[i]) * radix + u64::from(right[i]);
        }
    }

    fn walk(&self, mut x: u64) -> u64 {
        while x >= self.n {
            x = self.pass(x);
        }
        x
    }
}
