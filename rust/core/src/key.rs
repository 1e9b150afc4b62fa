//! Keys: where all randomness of a plan comes from.
//!
//! A key is hashed from its parent and a word, so (seed 1, pass 1) and (seed 2, pass 0) share nothing. Adding seeds
//! instead makes them equal, which is a bug seen in the field.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use crate::kernels::{Loop, widest};

/// A 64-bit key. Derive one key for each use; never use the same key twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

/// The finaliser "variant 13" of David Stafford's search ("Better Bit Mixing", 2011): a bijection of 64-bit words.
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// 2^64 divided by the golden ratio, made odd: the usual increment that separates neighbouring words.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Key {
    /// The key that a user's seed stands for.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GOLDEN)))
    }

    /// A key of its own for `word` below this key. Order matters: `derive(a).derive(b)` is not `derive(b).derive(a)`.
    #[must_use]
    pub const fn derive(self, word: u64) -> Self {
        Self(mix(self.0.wrapping_mul(GOLDEN) ^ mix(word.wrapping_add(GOLDEN)).rotate_left(32)))
    }

    /// The `n`-th of an endless row of random 64-bit words.
    #[must_use]
    pub const fn word(self, n: u64) -> u64 {
        mix(self.0.wrapping_add(mix(n ^ GOLDEN)).wrapping_add(n.wrapping_mul(GOLDEN)))
    }

    /// The `n`-th random integer in `0..bound`.
    ///
    /// Multiply-high (Lemire, arXiv 1805.10941, without the rejection step): the bias is below `bound / 2^64`.
    #[must_use]
    pub const fn below(self, n: u64, bound: u64) -> u64 {
        ((self.word(n) as u128 * bound as u128) >> 64) as u64
    }

    /// `out[i] = below(first + i, first + i + 1)`, many at once: where a shuffle puts each of its values.
    ///
    /// # Panics
    /// For bounds beyond 32 bits.
    pub fn places(self, first: u64, out: &mut [u32]) {
        assert!(u32::try_from(first + out.len() as u64).is_ok(), "no shuffle of so many");
        widest(Places { key: self, first, out });
    }

    /// Shuffles values: Fisher and Yates.
    ///
    /// # Panics
    /// With 2^32 values or more.
    pub fn shuffle<T>(self, values: &mut [T]) {
        let mut places = [0; 64];
        let mut left = values.len();
        while left > 1 {
            let first = left.saturating_sub(places.len());
            self.places(first as u64, &mut places[..left - first]);
            for at in (first..left).rev() {
                values.swap(at, places[at - first] as usize);
            }
            left = first;
        }
    }
}

/// The work of [`Key::places`].
struct Places<'a> {
    key: Key,
    first: u64,
    out: &'a mut [u32],
}

impl Loop for Places<'_> {
    #[inline(always)]
    fn run(self) {
        for (n, place) in (self.first..).zip(self.out) {
            let (word, bound) = (self.key.word(n), n + 1);
            // Two products of 32 bits: vector registers have none of 64.
            let high = (word >> 32) * bound + (((word & u64::from(u32::MAX)) * bound) >> 32);
            *place = (high >> 32) as u32;
        }
    }
}
