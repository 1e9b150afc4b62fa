//! The extension module `hybridsampler._core`: extract arguments, release the GIL, wrap the result. No arithmetic.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 hands extracted arguments over by value")]

use hybridsampler_core::score::check_simd;
use pyo3::prelude::*;

mod corpus;
mod error;
mod names;
mod ngram;
mod plan;
mod ranking;
mod trec;

/// The Rust core of hybridsampler. Not public: import from `hybridsampler`.
#[pymodule(gil_used = true)]
mod _core {
    #[pymodule_export]
    use super::corpus::{Corpus, Lent};
    #[pymodule_export]
    use super::names::number_names;
    #[pymodule_export]
    use super::ngram::hash_ngrams;
    #[pymodule_export]
    use super::plan::Plan;
    #[pymodule_export]
    use super::ranking::RankCounter;
    #[pymodule_export]
    use super::trec::{Qrels, Run};

    use super::{Bound, PyModule, PyResult, check_simd, error};

    #[pymodule_init]
    fn check(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        check_simd().map_err(error::import_error)
    }
}
