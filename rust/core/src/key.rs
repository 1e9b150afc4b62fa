//! Keys: where all randomness of a plan comes from.
//!
//! A key is hashed from its parent and a word, so (seed 1, pass 1) and (seed 2, pass 0) share nothing. Adding seeds
//! instead makes them equal, which is a bug seen in the field.

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

    /// Shuffles values: Fisher and Yates.
    pub fn shuffle<T>(self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, self.below(i as u64, i as u64 + 1) as usize);
        }
    }
}
