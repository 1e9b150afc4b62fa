//! `hybridsampler_core::trec` for Python.

use std::fmt::Display;
use std::path::PathBuf;

use hybridsampler_core::Invalid;
use hybridsampler_core::trec::Value;
use hybridsampler_core::trec::build::Builder;
use hybridsampler_core::trec::file;
use hybridsampler_core::trec::lists::{self, Lists};
use hybridsampler_core::trec::ranks::{Precision, rank};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyString};

use crate::error::value_error;
use crate::ranking::parse_ties;

/// Texts one after the other, and where each begins and the last ends.
type Texts<'py> = (PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, u8>);
type Ints<'py> = Bound<'py, PyArray1<i64>>;

fn parse<V: Value>(py: Python<'_>, data: PyBackedBytes, name: &str, threads: Option<usize>) -> PyResult<Lists<V>> {
    py.detach(|| Lists::parse(Box::new(data), name, threads)).map_err(value_error)
}

fn read<V: Value>(py: Python<'_>, path: PathBuf, name: &str, threads: Option<usize>) -> PyResult<Lists<V>> {
    py.detach(|| {
        let data = file::read(&path, threads)?;
        Lists::parse(Box::new(data), name, threads).map_err(value_error)
    })
}

/// `{query: {document: value}}`; `what` a value is called, and what it has to be.
fn from_dict<'py, V>(
    py: Python<'py>,
    queries: &Bound<'py, PyDict>,
    what: [&str; 2],
    threads: Option<usize>,
) -> PyResult<Lists<V>>
where
    V: Value + for<'a> FromPyObject<'a, 'py>,
{
    let mut builder = Builder::default();
    let mut items = Vec::new();
    for (query, documents) in queries.iter().collect::<Vec<_>>() {
        let id = text("the id of a query", &query)?;
        builder.query(id).map_err(value_error)?;
        let documents = documents.cast::<PyDict>().map_err(|_| {
            let found = type_name(&documents);
            PyTypeError::new_err(format!("query {id:?} has documents of type {found}: give it a dict of documents"))
        })?;
        // Taken out first: the ids lie anywhere in memory, and so the processor waits for many of them at a time. Nor can a
        // score that is worked out in Python change what is gone through.
        items.extend(documents);
        for (document, value) in items.drain(..) {
            let name = text(format_args!("query {id:?}: the id of a document"), &document)?;
            let number = value.extract().map_err(Into::<PyErr>::into).map_err(|error| {
                let place = format!("query {id:?}, document {name:?}");
                no_number(py, &place, &value, what, &error)
            })?;
            let added = builder.document(name, number);
            added.map_err(|error| PyValueError::new_err(format!("query {id:?}, document {name:?}: {error}")))?;
        }
    }
    py.detach(|| builder.finish(threads)).map_err(value_error)
}

/// What is wrong with a value that is no number, or one that is too large.
fn no_number(py: Python<'_>, place: &str, value: &Bound<'_, PyAny>, what: [&str; 2], error: &PyErr) -> PyErr {
    let [what, needed] = what;
    if error.is_instance_of::<PyTypeError>(py) {
        let found = type_name(value);
        return PyTypeError::new_err(format!("{place}: the {what} {value} is of type {found}: give {needed}"));
    }
    PyValueError::new_err(format!("{place}: the {what} cannot be read ({}): give {needed}", error.value(py)))
}

/// The name of the type of a value, as messages have it.
fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string())
}

/// An id as it is, when it is text.
fn text<'a>(what: impl Display, id: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    let Ok(text) = id.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!("{what} is {}: give ids as str", id.repr()?)));
    };
    text.to_str().map_err(|_| {
        let shown = id.repr().map_or_else(|_| "an id".into(), |repr| repr.to_string_lossy().into_owned());
        PyValueError::new_err(format!(
            "{what} is {shown}, which has half of a surrogate pair and is no text: change it"
        ))
    })
}

fn from_columns<V: Value>(
    py: Python<'_>,
    name: &str,
    queries: &Texts<'_>,
    documents: &Texts<'_>,
    values: &[V],
    threads: Option<usize>,
) -> PyResult<Lists<V>> {
    let (queries, documents) = (Column::new(name, "query_id", queries)?, Column::new(name, "doc_id", documents)?);
    py.detach(|| {
        let mut builder = Builder::default();
        for (row, &value) in values.iter().enumerate() {
            let at = |error: Invalid| PyValueError::new_err(format!("{name}, row {}: {error}", row + 1));
            let query = queries.text(row)?;
            if row == 0 || query != queries.text(row - 1)? {
                builder.query(query).map_err(at)?;
            }
            builder.document(documents.text(row)?, value).map_err(at)?;
        }
        builder.finish(threads).map_err(|error| PyValueError::new_err(format!("{name}, {error}")))
    })
}

struct Column<'a> {
    /// What errors call the table and the column.
    names: [&'a str; 2],
    ends: &'a [i64],
    bytes: &'a [u8],
}

impl<'a> Column<'a> {
    fn new(table: &'a str, name: &'a str, texts: &'a Texts<'_>) -> PyResult<Self> {
        Ok(Self { names: [table, name], ends: texts.0.as_slice()?, bytes: texts.1.as_slice()? })
    }

    fn text(&self, row: usize) -> PyResult<&'a str> {
        let range = self.ends[row] as usize..self.ends[row + 1] as usize;
        std::str::from_utf8(&self.bytes[range]).map_err(|_| {
            let [table, name] = self.names;
            PyValueError::new_err(format!("{table}, row {}: {name} is no UTF-8: write it as such", row + 1))
        })
    }
}

/// A run that was read: documents with their scores by query. `hybridsampler.trec.read_run` makes one.
#[pyclass(module = "hybridsampler.trec", frozen)]
pub struct Run(lists::Run);

/// Qrels that were read: documents with their grades by query. `hybridsampler.trec.read_qrels` makes them.
#[pyclass(module = "hybridsampler.trec", frozen)]
pub struct Qrels(lists::Qrels);

#[pymethods]
impl Run {
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf, name: &str, threads: Option<usize>) -> PyResult<Self> {
        read(py, path, name, threads).map(Self)
    }

    #[staticmethod]
    fn parse(py: Python<'_>, data: PyBackedBytes, name: &str, threads: Option<usize>) -> PyResult<Self> {
        parse(py, data, name, threads).map(Self)
    }

    #[staticmethod]
    fn from_dict(py: Python<'_>, queries: Bound<'_, PyDict>, threads: Option<usize>) -> PyResult<Self> {
        from_dict(py, &queries, ["score", "a number that float64 holds"], threads).map(Self)
    }

    #[staticmethod]
    fn from_columns(
        py: Python<'_>,
        name: &str,
        queries: Texts<'_>,
        documents: Texts<'_>,
        scores: PyReadonlyArray1<'_, f64>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        from_columns(py, name, &queries, &documents, scores.as_slice()?, threads).map(Self)
    }

    /// The ids of the queries, in the order in which they first came.
    #[getter]
    fn queries(&self) -> Vec<&str> {
        self.0.queries().iter().map(AsRef::as_ref).collect()
    }

    /// How many documents all queries have.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Of each judged document, in the order of the qrels: query, grade and rank; of each query, its documents.
    fn rank<'py>(
        &self,
        py: Python<'py>,
        qrels: &Qrels,
        ties: &str,
        single: bool,
        threads: Option<usize>,
    ) -> PyResult<(Ints<'py>, Ints<'py>, Ints<'py>, Ints<'py>)> {
        let ties = parse_ties(ties)?;
        let precision = if single { Precision::Single } else { Precision::Double };
        let ranks = py.detach(|| rank(&self.0, &qrels.0, ties, precision, threads));
        Ok((
            ranks.query.into_pyarray(py),
            ranks.grade.into_pyarray(py),
            ranks.rank.into_pyarray(py),
            ranks.pool.into_pyarray(py),
        ))
    }
}

#[pymethods]
impl Qrels {
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf, name: &str, threads: Option<usize>) -> PyResult<Self> {
        read(py, path, name, threads).map(Self)
    }

    #[staticmethod]
    fn parse(py: Python<'_>, data: PyBackedBytes, name: &str, threads: Option<usize>) -> PyResult<Self> {
        parse(py, data, name, threads).map(Self)
    }

    #[staticmethod]
    fn from_dict(py: Python<'_>, queries: Bound<'_, PyDict>, threads: Option<usize>) -> PyResult<Self> {
        from_dict(py, &queries, ["grade", "a whole number of 64 bits"], threads).map(Self)
    }

    #[staticmethod]
    fn from_columns(
        py: Python<'_>,
        name: &str,
        queries: Texts<'_>,
        documents: Texts<'_>,
        grades: PyReadonlyArray1<'_, i64>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        from_columns(py, name, &queries, &documents, grades.as_slice()?, threads).map(Self)
    }

    /// The ids of the queries, in the order in which they first came.
    #[getter]
    fn queries(&self) -> Vec<&str> {
        self.0.queries().iter().map(AsRef::as_ref).collect()
    }

    /// How many judgements all queries have.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// All judgements by query: query, document, grade, and the number, from 1, of the line or row that it came from.
    fn rows(&self) -> Vec<(&str, &str, i64, usize)> {
        let ids = self.0.queries().iter().enumerate();
        let rows = ids.flat_map(|(query, id)| self.0.rows(query).iter().map(move |row| (id.as_ref(), row)));
        rows.zip(self.0.places()).map(|((id, row), place)| (id, self.0.name(row), row.value, place)).collect()
    }
}
