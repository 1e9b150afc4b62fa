//! `hybridsampler_core::{corpus, plan}` for Python.

use std::sync::Arc;

use hybridsampler_core::categories::Draws;
use hybridsampler_core::corpus::{self, Columns};
use hybridsampler_core::plan::{self, Weights};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadwriteArray1};
use pyo3::prelude::*;

use crate::error::value_error;

type Shares = (Vec<f64>, Vec<Vec<f64>>, Vec<Vec<f64>>, Vec<Vec<f64>>);

/// The index of a parallel corpus.
#[pyclass(frozen, module = "hybridsampler._core")]
pub struct Corpus(Arc<corpus::Corpus>);

#[pymethods]
impl Corpus {
    #[new]
    fn new(
        group: PyReadonlyArray1<'_, i64>,
        language: PyReadonlyArray1<'_, i64>,
        source: Option<PyReadonlyArray1<'_, i64>>,
        languages: Vec<String>,
        sources: Vec<String>,
        group_name: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let columns = Columns {
            group: group.as_slice()?,
            language: language.as_slice()?,
            source: source.as_ref().map(PyReadonlyArray1::as_slice).transpose()?,
        };
        let name = |group: i64| match group_name.call1((group,)) {
            Ok(name) => name.to_string(),
            Err(_) => format!("number {group}"),
        };
        let corpus = corpus::Corpus::new(columns, languages, sources, &name);
        Ok(Self(Arc::new(corpus.map_err(value_error)?)))
    }

    /// Number of rows.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    /// For each source: number of groups, and the numbers of its languages.
    #[getter]
    fn sources(&self) -> Vec<(u64, Vec<u32>)> {
        let sources = self.0.sources().iter();
        sources.map(|source| (source.groups(), source.languages().to_vec())).collect()
    }

    /// Columns that make an equal corpus: group, language, source.
    fn columns<'py>(&self, py: Python<'py>) -> [Bound<'py, PyArray1<i64>>; 3] {
        py.detach(|| self.0.columns()).map(|column| column.into_pyarray(py))
    }

    /// Hexadecimal hash of names and columns.
    #[getter]
    fn fingerprint(&self) -> String {
        format!("{:032x}", self.0.fingerprint())
    }
}

/// Step -> pairs.
#[pyclass(frozen, module = "hybridsampler._core")]
pub struct Plan(plan::Plan);

#[pymethods]
impl Plan {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "the fields of core's Weights, one by one")]
    fn new(
        corpus: &Corpus,
        kinds: [f64; 3],
        sources: [Vec<f64>; 3],
        languages: Vec<Vec<f64>>,
        pairs: Vec<Vec<f64>>,
        random: bool,
        batch_size: u64,
        seed: u64,
    ) -> PyResult<Self> {
        let weights = Weights { kinds, sources, languages, pairs };
        let draws = if random { Draws::Random } else { Draws::Balanced };
        let plan = plan::Plan::new(corpus.0.clone(), &weights, draws, batch_size, seed);
        Ok(Self(plan.map_err(value_error)?))
    }

    /// Writes the pairs of the steps from `first` on.
    fn fill(
        &self,
        py: Python<'_>,
        first: u64,
        mut out: PyReadwriteArray1<'_, i64>,
        threads: Option<usize>,
    ) -> PyResult<()> {
        let out = out.as_slice_mut()?;
        py.detach(|| self.0.fill(first, out, threads));
        Ok(())
    }

    /// The stream of a step: name of the kind, number of the source, slot of the language.
    fn stream(&self, py: Python<'_>, step: u64) -> (&'static str, u32, Option<u32>) {
        let stream = py.detach(|| self.0.stream(step));
        (stream.kind.name(), stream.source, stream.slot)
    }

    /// Shares of the kinds; of the sources by kind; of the language slots and of the pairs by source.
    fn shares(&self) -> Shares {
        let shares = self.0.shares();
        (shares.kinds, shares.sources, shares.languages, shares.pairs)
    }
}
