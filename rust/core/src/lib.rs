//! The algorithms of hybridsampler: which pairs make a batch, and at which rank a candidate stands.
//!
//! Two halves that know nothing of each other, batches and rankings:
//!
//! * corpus: [`columns`] -> [`regular`] or tables, [`classes`] -> [`order`] -> [`source`] -> [`corpus`]; lists in few bits:
//!   [`bits`], [`compact`], [`marks`], [`rising`], [`inverse`];
//! * batches: [`key`] -> [`permutation`], [`schedule`] -> [`categories`]; [`deal`] -> [`streams`] -> [`plan`] -> [`fill`]
//!   with `turns`, [`window`] and [`negatives`]; [`stats`];
//! * rankings: [`score`] -> [`vectors`], [`judged`] -> [`tally`], [`screen`] -> [`ranking`]; of runs: [`trec`].
//!
//! [`ngram`] turns texts into integer bags for the small encoder of the quick study.

pub mod bits;
pub mod categories;
pub mod classes;
pub mod columns;
pub mod compact;
pub mod corpus;
pub mod deal;
mod error;
pub mod fill;
mod index;
pub mod inverse;
pub mod judged;
mod kernels;
pub mod key;
pub mod marks;
pub mod negatives;
pub mod ngram;
pub mod order;
pub mod permutation;
pub mod plan;
pub mod ranking;
pub mod regular;
pub mod rising;
pub mod schedule;
pub mod score;
pub mod screen;
pub mod source;
pub mod stats;
pub mod streams;
mod stripes;
pub mod tally;
mod threads;
pub mod trec;
mod turns;
pub mod vectors;
pub mod weights;
pub mod window;

pub use error::Invalid;
