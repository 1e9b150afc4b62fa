//! What is drawn at a position: a kind, a source, a language, a pair of languages.

use crate::error::Invalid;
use crate::key::Key;
use crate::schedule::{Schedule, integer_weights};

/// How categories follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draws {
    /// Every prefix is within 1 of its share.
    Balanced,
    /// Independent draws.
    Random,
}

/// What is drawn at a position, balanced or at random.
#[derive(Debug)]
pub enum Categories {
    /// In exact proportion at every prefix.
    Balanced(Schedule),
    /// One at a time.
    Random {
        /// The sum of the weights up to and with each category.
        upto: Vec<u64>,
        /// Of the draws.
        key: Key,
    },
}

impl Categories {
    /// `None` when nothing can be drawn.
    pub fn new(weights: &[f64], draws: Draws, key: Key) -> Result<Option<Self>, Invalid> {
        if !weights.iter().any(|&w| w > 0.0) {
            return Ok(None);
        }
        let weights = integer_weights(weights);
        Ok(Some(match draws {
            Draws::Balanced => Self::Balanced(Schedule::new(&weights, key)?),
            Draws::Random => {
                let upto = weights.iter().scan(0, |sum, w| {
                    *sum += w;
                    Some(*sum)
                });
                Self::Random { upto: upto.collect(), key }
            }
        }))
    }

    /// The category at `n` and the position to read the next level at.
    #[must_use]
    pub fn at(&self, n: u64) -> (usize, u64) {
        match self {
            Self::Balanced(schedule) => schedule.at(n),
            Self::Random { upto, key } => {
                let x = key.below(n, upto[upto.len() - 1]);
                (upto.partition_point(|&end| end <= x), n)
            }
        }
    }

    /// `out[i] = at(start + i).0`, many at once.
    pub fn fill(&self, start: u64, out: &mut [u32]) {
        match self {
            Self::Balanced(schedule) => schedule.fill(start, out),
            Self::Random { .. } => {
                for (n, slot) in (start..).zip(out) {
                    *slot = self.at(n).0 as u32;
                }
            }
        }
    }

    /// The share of each category.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        match self {
            Self::Balanced(schedule) => {
                let (weights, total) = schedule.shares();
                weights.iter().map(|&w| w as f64 / total as f64).collect()
            }
            Self::Random { upto, .. } => {
                let total = upto[upto.len() - 1] as f64;
                let before = std::iter::once(&0).chain(upto);
                before.zip(upto).map(|(a, b)| (b - a) as f64 / total).collect()
            }
        }
    }
}
