//! `hybridsampler_core::ranking` for Python.

use hybridsampler_core::judged::{Excluded, Judged};
use hybridsampler_core::ranking;
use hybridsampler_core::score::simd;
use hybridsampler_core::tally::Ties;
use hybridsampler_core::vectors::{Similarity, Vectors};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::value_error;

type Ints<'py> = PyReadonlyArray1<'py, i64>;
type Ranks<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u32>>);

/// Counts that give exact ranks.
#[pyclass(module = "hybridsampler._core")]
pub struct RankCounter(ranking::RankCounter);

fn vectors<'a>(array: &'a PyReadonlyArray2<'_, f32>) -> PyResult<Vectors<'a>> {
    Ok(Vectors { values: array.as_slice()?, dimension: array.shape()[1] })
}

/// The policy of this name.
pub fn parse_ties(name: &str) -> PyResult<Ties> {
    match name {
        "pessimistic" => Ok(Ties::Pessimistic),
        "optimistic" => Ok(Ties::Optimistic),
        "trec" => Ok(Ties::Trec),
        "docid" => Ok(Ties::Docid),
        other => {
            let message = format!("ties={other:?}: choose 'pessimistic', 'optimistic', 'trec' or 'docid'");
            Err(PyValueError::new_err(message))
        }
    }
}

#[pymethods]
impl RankCounter {
    #[new]
    fn new(
        py: Python<'_>,
        queries: PyReadonlyArray2<'_, f32>,
        judged: (Ints<'_>, Ints<'_>, Ints<'_>),
        excluded: Option<(Ints<'_>, Ints<'_>)>,
        cosine: bool,
    ) -> PyResult<Self> {
        let (indptr, ids, grades) = (judged.0.as_slice()?, judged.1.as_slice()?, judged.2.as_slice()?);
        let judged = Judged::new(indptr, ids, grades).map_err(value_error)?;
        let excluded = match &excluded {
            Some((indptr, ids)) => {
                let lists = Excluded::new(indptr.as_slice()?, ids.as_slice()?, &judged);
                Some(lists.map_err(value_error)?)
            }
            None => None,
        };
        let similarity = if cosine { Similarity::Cosine } else { Similarity::Dot };
        let queries = vectors(&queries)?;
        let counter = py.detach(|| ranking::RankCounter::new(queries, judged, excluded, similarity));
        Ok(Self(counter.map_err(value_error)?))
    }

    /// First phase: scores of the judged candidates in a block.
    fn anchor(
        &mut self,
        py: Python<'_>,
        block: PyReadonlyArray2<'_, f32>,
        ids: Ints<'_>,
        threads: Option<usize>,
    ) -> PyResult<()> {
        let (block, ids) = (vectors(&block)?, ids.as_slice()?);
        py.detach(|| self.0.anchor(block, ids, threads)).map_err(value_error)
    }

    /// Second phase: counts the candidates of a block; where a signal is raised as an exception meanwhile, none of them.
    fn add(
        &mut self,
        py: Python<'_>,
        block: PyReadonlyArray2<'_, f32>,
        ids: Ints<'_>,
        languages: PyReadonlyArray1<'_, u32>,
        threads: Option<usize>,
    ) -> PyResult<()> {
        let (block, ids, languages) = (vectors(&block)?, ids.as_slice()?, languages.as_slice()?);
        let mut raised = None;
        let mut go_on = || {
            raised = Python::attach(|py| py.check_signals().err());
            raised.is_none()
        };
        py.detach(|| self.0.add_while(block, ids, languages, threads, &mut go_on)).map_err(value_error)?;
        raised.map_or(Ok(()), Err)
    }

    /// Second phase, for a block that was screened elsewhere; `undecided` has the queries and the rows of the open pairs.
    #[expect(clippy::too_many_arguments, reason = "columns of one block")]
    fn add_screened(
        &mut self,
        py: Python<'_>,
        ids: Ints<'_>,
        languages: PyReadonlyArray1<'_, u32>,
        rows: Ints<'_>,
        block: PyReadonlyArray2<'_, f32>,
        higher: PyReadonlyArray2<'_, u32>,
        undecided: (Ints<'_>, Ints<'_>),
        zero_rows: u64,
    ) -> PyResult<()> {
        let screened = ranking::Screened {
            ids: ids.as_slice()?,
            languages: languages.as_slice()?,
            rows: rows.as_slice()?,
            vectors: vectors(&block)?,
            higher: higher.as_slice()?,
            open_queries: undecided.0.as_slice()?,
            open_rows: undecided.1.as_slice()?,
            zero_rows,
        };
        py.detach(|| self.0.add_screened(&screened)).map_err(value_error)
    }

    /// The scores of the judged candidates, at their positions; NaN before they are anchored.
    #[getter]
    fn thresholds<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.0.thresholds().to_vec().into_pyarray(py)
    }

    /// Adds what another counter knows and counted; its language `l` is `renumbered[l]` here.
    fn merge(&mut self, py: Python<'_>, other: PyRef<'_, Self>, renumbered: Vec<u32>) -> PyResult<()> {
        let other = &other.0;
        py.detach(|| self.0.merge(other, &renumbered)).map_err(value_error)
    }

    /// A counter of the same evaluation that knows nothing yet.
    fn blank(&self) -> Self {
        Self(self.0.blank())
    }

    /// What the counter knows, its languages by these names.
    fn to_bytes<'py>(&self, py: Python<'py>, names: Vec<String>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.0.to_bytes(&names)).map_err(value_error)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// A counter of the same evaluation that knows what the data hold, and the names of its languages.
    fn read_bytes(&self, py: Python<'_>, data: &[u8]) -> PyResult<(Self, Vec<String>)> {
        let (counter, names) = py.detach(|| self.0.read_bytes(data)).map_err(value_error)?;
        Ok((Self(counter), names))
    }

    /// Of each judged candidate: rank within its language, rank overall, number of its language.
    fn ranks<'py>(&self, py: Python<'py>, ties: &str) -> PyResult<Ranks<'py>> {
        let ties = parse_ties(ties)?;
        let ranks = py.detach(|| self.0.ranks(ties)).map_err(value_error)?;
        let within: Vec<u64> = ranks.iter().map(|rank| rank.within).collect();
        let overall: Vec<u64> = ranks.iter().map(|rank| rank.overall).collect();
        let languages = self.0.languages().to_vec();
        Ok((within.into_pyarray(py), overall.into_pyarray(py), languages.into_pyarray(py)))
    }

    /// Candidates counted so far.
    #[getter]
    fn candidates(&self) -> u64 {
        self.0.candidates()
    }

    /// The queries as they are scored.
    #[getter]
    fn queries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let queries = self.0.queries();
        queries.values.to_vec().into_pyarray(py).reshape([queries.rows(), queries.dimension])
    }

    /// Languages of candidates counted so far.
    #[getter]
    fn languages(&self) -> usize {
        self.0.language_count()
    }

    /// Pairs of a judged and another candidate with equal scores for a query.
    #[getter]
    fn ties(&self) -> u64 {
        self.0.ties()
    }

    /// How many comparisons were decided by int8, int16 and float32 products, by a screen elsewhere, by the score.
    #[getter]
    fn decided(&self) -> [u64; ranking::Report::COUNTS] {
        self.0.report().counts()
    }

    /// The level of processor instructions in use.
    #[staticmethod]
    #[pyo3(name = "simd")]
    fn simd_level() -> &'static str {
        simd()
    }

    /// Queries and candidates that are all zero under the cosine.
    #[getter]
    fn zero_rows(&self) -> u64 {
        self.0.zero_rows()
    }
}
