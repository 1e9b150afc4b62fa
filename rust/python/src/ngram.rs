//! `hybridsampler_core::ngram` for Python.

use hybridsampler_core::ngram::Ngrams;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::error::value_error;

type Bags<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i32>>);

/// The hashed character n-grams of each text, in CSR form.
#[pyfunction]
pub fn hash_ngrams(
    py: Python<'_>,
    texts: Vec<PyBackedStr>,
    shortest: usize,
    longest: usize,
    buckets: u32,
) -> PyResult<Bags<'_>> {
    let ngrams = Ngrams::new(shortest, longest, buckets).map_err(value_error)?;
    let bags = py.detach(|| ngrams.hash(&texts));
    Ok((bags.indptr.into_pyarray(py), bags.ids.into_pyarray(py)))
}
