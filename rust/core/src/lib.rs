//! The algorithms of hybridsampler: which pairs make a batch, and at which rank a candidate stands.
//!
//! Two halves that know nothing of each other:
//!
//! * batches: [`key`] -> [`permutation`], [`schedule`] -> [`categories`] -> [`plan`] over a [`corpus`];
//! * rankings: [`score`] -> [`vectors`], [`judged`] -> [`tally`] -> [`ranking`].
//!
//! [`ngram`] turns texts into integer bags for the small encoder of the quick study.

pub mod categories;
pub mod corpus;
mod error;
pub mod judged;
mod kernels;
pub mod key;
pub mod ngram;
pub mod permutation;
pub mod plan;
pub mod ranking;
pub mod schedule;
pub mod score;
pub mod tally;
mod threads;
pub mod vectors;

pub use error::Invalid;
