//! `hybridsampler_core::ranking` for Python.

use hybridsampler_core::judged::{Excluded, Judged};
use hybridsampler_core::ranking;
use hybridsampler_core::score::simd;
use hybridsampler_core::tally::Ties;
use hybridsampler_core::vectors::{Similarity, Vectors};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::error::value_error;

type Ints<'py> = PyReadonlyArray1<'py, i64>;
type Ranks<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// Counts that give exact ranks.
#[pyclass(module = "hybridsampler._core")]
pub struct RankCounter {
    /// Missing while it works, and after a panic.
    counter: Option<ranking::RankCounter<'static>>,
    /// What the counter borrows when it works; nothing where it has queries of its own.
    queries: Option<Py<PyArray2<f32>>>,
    /// The names of the languages that were counted, by number: they change with the counts, or callers that come
    /// between would give numbers to other names.
    names: Py<PyTuple>,
}

/// The names that a caller knew when it gave numbers to names, and those with the new ones.
type Named<'py> = (Bound<'py, PyTuple>, Bound<'py, PyTuple>);

const LOST: &str = "a counter does one piece of work at a time, and none after a panic";

impl RankCounter {
    /// Refuses numbers that were given before another caller changed the names.
    fn check_names(&self, known: &Bound<'_, PyTuple>) -> PyResult<()> {
        if self.names.is(known) {
            return Ok(());
        }
        let message = "another caller has changed this counter meanwhile: let it do one piece of work at a time";
        Err(PyRuntimeError::new_err(message))
    }

    fn known(&self) -> &ranking::RankCounter<'static> {
        self.counter.as_ref().expect(LOST)
    }

    /// Does some work without the GIL, on the counter with its queries.
    fn work<R: Send>(
        &mut self,
        py: Python<'_>,
        work: impl FnOnce(&mut ranking::RankCounter<'_>) -> R + Send,
    ) -> PyResult<R> {
        let Some(queries) = &self.queries else {
            let counter = self.counter.as_mut().expect(LOST);
            return Ok(py.detach(|| work(counter)));
        };
        let queries = queries.bind(py).try_readonly()?;
        let values = queries.as_slice()?;
        let mut counter = self.counter.take().expect(LOST).lend(values);
        let (counter, found) = py.detach(move || {
            let found = work(&mut counter);
            (counter.give_back(), found)
        });
        self.counter = Some(counter);
        Ok(found)
    }
}

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
    /// Keeps the array, which is not to be changed; under the cosine a copy of its own.
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
        let values = vectors(&queries)?;
        let counter = py.detach(|| {
            let counter = ranking::RankCounter::borrowing(values, judged, excluded, similarity);
            counter.map(ranking::RankCounter::give_back)
        });
        let queries = (!cosine).then(|| queries.as_any().clone().cast_into().map(Bound::unbind)).transpose()?;
        Ok(Self { counter: Some(counter.map_err(value_error)?), queries, names: PyTuple::empty(py).unbind() })
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
        self.work(py, |counter| counter.anchor(block, ids, threads))?.map_err(value_error)
    }

    /// Second phase: counts the candidates of a block; where a signal is raised as an exception meanwhile, none of them.
    fn add(
        &mut self,
        py: Python<'_>,
        block: PyReadonlyArray2<'_, f32>,
        ids: Ints<'_>,
        languages: PyReadonlyArray1<'_, u32>,
        names: Named<'_>,
        threads: Option<usize>,
    ) -> PyResult<()> {
        self.check_names(&names.0)?;
        let (block, ids, languages) = (vectors(&block)?, ids.as_slice()?, languages.as_slice()?);
        let mut raised = None;
        let mut go_on = || {
            raised = Python::attach(|py| py.check_signals().err());
            raised.is_none()
        };
        self.work(py, |counter| counter.add_while(block, ids, languages, threads, &mut go_on))?.map_err(value_error)?;
        if let Some(error) = raised {
            return Err(error);
        }
        self.names = names.1.unbind();
        Ok(())
    }

    /// Second phase, for a block that was screened elsewhere; `undecided` has the queries and the rows of the open pairs.
    #[expect(clippy::too_many_arguments, reason = "columns of one block")]
    fn add_screened(
        &mut self,
        py: Python<'_>,
        ids: Ints<'_>,
        languages: PyReadonlyArray1<'_, u32>,
        names: Named<'_>,
        rows: Ints<'_>,
        block: PyReadonlyArray2<'_, f32>,
        higher: PyReadonlyArray2<'_, u32>,
        undecided: (Ints<'_>, Ints<'_>),
        zero_rows: u64,
    ) -> PyResult<()> {
        self.check_names(&names.0)?;
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
        self.work(py, |counter| counter.add_screened(&screened))?.map_err(value_error)?;
        self.names = names.1.unbind();
        Ok(())
    }

    /// The ids that any query judges, ascending, each once.
    #[getter]
    fn judged<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.known().judged().to_vec().into_pyarray(py)
    }

    /// The scores of the judged candidates, at their positions; NaN before they are anchored.
    #[getter]
    fn thresholds<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.known().thresholds().to_vec().into_pyarray(py)
    }

    /// Adds what another counter knows and counted; its language `l`, of the names `theirs`, is `renumbered[l]` here.
    fn merge(
        &mut self,
        py: Python<'_>,
        mut other: PyRefMut<'_, Self>,
        theirs: Bound<'_, PyTuple>,
        renumbered: Vec<u32>,
        names: Named<'_>,
    ) -> PyResult<()> {
        self.check_names(&names.0)?;
        other.check_names(&theirs)?;
        let array = other.queries.as_ref().map(|queries| queries.clone_ref(py).into_bound(py));
        let lender = array.as_ref().map(PyArrayMethods::try_readonly).transpose()?;
        let values = lender.as_ref().map(|queries| queries.as_slice()).transpose()?;
        // Kept outside of the work, which may be refused before it begins.
        let mut theirs = Some(other.counter.take().expect(LOST));
        let merged = self.work(py, |counter| {
            let lent = theirs.take().expect("nobody has taken it");
            let Some(values) = values else {
                let merged = counter.merge(&lent, &renumbered);
                theirs = Some(lent);
                return merged;
            };
            let lent = lent.lend(values);
            let merged = counter.merge(&lent, &renumbered);
            theirs = Some(lent.give_back());
            merged
        });
        other.counter = theirs;
        merged?.map_err(value_error)?;
        self.names = names.1.unbind();
        Ok(())
    }

    /// A counter of the same evaluation that knows nothing yet.
    fn blank(&self, py: Python<'_>) -> Self {
        let queries = self.queries.as_ref().map(|queries| queries.clone_ref(py));
        Self { counter: Some(self.known().blank()), queries, names: PyTuple::empty(py).unbind() }
    }

    /// What the counter knows.
    #[expect(clippy::wrong_self_convention, reason = "the counter is lent its queries meanwhile")]
    fn to_bytes<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let names: Vec<String> = self.names.bind(py).extract()?;
        let bytes = self.work(py, |counter| counter.to_bytes(&names))?.map_err(value_error)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// A counter of the same evaluation that knows what the data hold.
    fn read_bytes(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let read = self.work(py, |counter| {
            let read = counter.read_bytes(data);
            read.map(|(counter, names)| (counter.give_back(), names))
        })?;
        let (counter, names) = read.map_err(value_error)?;
        let queries = self.queries.as_ref().map(|queries| queries.clone_ref(py));
        Ok(Self { counter: Some(counter), queries, names: PyTuple::new(py, names)?.unbind() })
    }

    /// Of each judged candidate: rank within its language, rank overall, number of its language.
    fn ranks<'py>(&self, py: Python<'py>, ties: &str) -> PyResult<Ranks<'py>> {
        let ties = parse_ties(ties)?;
        let ranks = py.detach(|| self.known().ranks(ties)).map_err(value_error)?;
        // Ranks are below 2^33.
        let within: Vec<i64> = ranks.iter().map(|rank| rank.within as i64).collect();
        let overall: Vec<i64> = ranks.iter().map(|rank| rank.overall as i64).collect();
        let languages: Vec<i64> = self.known().languages().iter().map(|&l| l.into()).collect();
        Ok((within.into_pyarray(py), overall.into_pyarray(py), languages.into_pyarray(py)))
    }

    /// Candidates counted so far.
    #[getter]
    fn candidates(&self) -> u64 {
        self.known().candidates()
    }

    /// The queries as they are scored.
    #[getter]
    fn queries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        if let Some(queries) = &self.queries {
            return Ok(queries.bind(py).clone());
        }
        let queries = self.known().queries();
        queries.values.to_vec().into_pyarray(py).reshape([queries.rows(), queries.dimension])
    }

    /// The names of the languages of the candidates counted so far, by number.
    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        self.names.bind(py).clone()
    }

    /// Pairs of a judged and another candidate with equal scores for a query.
    #[getter]
    fn ties(&self) -> u64 {
        self.known().ties()
    }

    /// How many comparisons were decided by int8, int16 and float32 products, by a screen elsewhere, by the score.
    #[getter]
    fn decided(&self) -> [u64; ranking::Report::COUNTS] {
        self.known().report().counts()
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
        self.known().zero_rows()
    }
}
