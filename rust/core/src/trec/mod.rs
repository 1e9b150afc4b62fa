//! Runs and qrels, as TREC and its tools write them: who retrieved what with which score, and what is relevant.
//!
//! [`text`] reads what stands in a [`file`], between its white `spaces`, [`build`] takes ids and values one by one; both make
//! [`lists`], in which each query has its documents once. [`ranks`] ranks the judged documents of qrels in a run.

pub mod build;
pub mod file;
pub mod lists;
mod parallel;
pub mod ranks;
mod spaces;
pub mod text;
mod value;

pub use lists::{Qrels, Run};
pub use value::Value;
