//! `hybridsampler_core::corpus` for Python.

use std::sync::Arc;

use hybridsampler_core::columns::{self, Column, Columns, Integers, Lists, Meaning};
use hybridsampler_core::corpus;
use hybridsampler_core::source::Source;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;

use crate::error::value_error;

/// A piece of a column, as `NumPy` has it.
#[derive(FromPyObject)]
enum Piece<'py> {
    I64(PyReadonlyArray1<'py, i64>),
    I32(PyReadonlyArray1<'py, i32>),
    I16(PyReadonlyArray1<'py, i16>),
    I8(PyReadonlyArray1<'py, i8>),
    U64(PyReadonlyArray1<'py, u64>),
    U32(PyReadonlyArray1<'py, u32>),
    U16(PyReadonlyArray1<'py, u16>),
    U8(PyReadonlyArray1<'py, u8>),
}

/// What the numbers in the pieces stand for: whether they are codes, or codes of what a list holds.
#[derive(FromPyObject)]
enum Stand {
    Coded(bool),
    Numbers(Vec<i64>),
    Texts(Vec<PyBackedStr>),
}

type Pieces<'py> = (Vec<Piece<'py>>, Stand);

impl Piece<'_> {
    fn integers(&self) -> PyResult<Integers<'_>> {
        Ok(match self {
            Self::I64(array) => Integers::I64(array.as_slice()?),
            Self::I32(array) => Integers::I32(array.as_slice()?),
            Self::I16(array) => Integers::I16(array.as_slice()?),
            Self::I8(array) => Integers::I8(array.as_slice()?),
            Self::U64(array) => Integers::U64(array.as_slice()?),
            Self::U32(array) => Integers::U32(array.as_slice()?),
            Self::U16(array) => Integers::U16(array.as_slice()?),
            Self::U8(array) => Integers::U8(array.as_slice()?),
        })
    }
}

fn column<'a>((pieces, stand): &'a Pieces<'_>) -> PyResult<Column<'a>> {
    let meaning = match stand {
        Stand::Coded(false) => Meaning::Values,
        Stand::Coded(true) => Meaning::Codes,
        Stand::Numbers(numbers) => Meaning::Numbers(numbers.clone()),
        Stand::Texts(texts) => Meaning::Texts(texts.iter().map(|text| corpus::text_hash(text)).collect()),
    };
    Ok(Column::new(pieces.iter().map(Piece::integers).collect::<PyResult<_>>()?, meaning))
}

/// A piece of a column that is kept, and read now and then.
#[derive(FromPyObject)]
enum Kept {
    I64(Py<PyArray1<i64>>),
    I32(Py<PyArray1<i32>>),
    I16(Py<PyArray1<i16>>),
    I8(Py<PyArray1<i8>>),
    U64(Py<PyArray1<u64>>),
    U32(Py<PyArray1<u32>>),
    U16(Py<PyArray1<u16>>),
    U8(Py<PyArray1<u8>>),
}

impl Kept {
    fn borrow<'py>(&self, py: Python<'py>) -> PyResult<Piece<'py>> {
        Ok(match self {
            Self::I64(array) => Piece::I64(array.bind(py).try_readonly()?),
            Self::I32(array) => Piece::I32(array.bind(py).try_readonly()?),
            Self::I16(array) => Piece::I16(array.bind(py).try_readonly()?),
            Self::I8(array) => Piece::I8(array.bind(py).try_readonly()?),
            Self::U64(array) => Piece::U64(array.bind(py).try_readonly()?),
            Self::U32(array) => Piece::U32(array.bind(py).try_readonly()?),
            Self::U16(array) => Piece::U16(array.bind(py).try_readonly()?),
            Self::U8(array) => Piece::U8(array.bind(py).try_readonly()?),
        })
    }
}

/// The columns that a corpus reads where they lie: lengths, and the ends and entries of the lists of negatives.
#[pyclass(frozen, module = "hybridsampler._core")]
pub struct Lent {
    length: Option<Vec<Kept>>,
    negatives: Option<(Vec<Kept>, Vec<Kept>)>,
}

#[pymethods]
impl Lent {
    #[new]
    fn new(length: Option<Vec<Kept>>, negatives: Option<(Vec<Kept>, Vec<Kept>)>) -> Self {
        Self { length, negatives }
    }
}

impl Lent {
    /// Calls `read` with the columns, without the GIL.
    pub fn read<T: Send>(&self, py: Python<'_>, read: impl Send + FnOnce(&columns::Lent<'_>) -> T) -> PyResult<T> {
        let borrow = |kept: &Vec<Kept>| kept.iter().map(|piece| piece.borrow(py)).collect::<PyResult<Vec<_>>>();
        let length = self.length.as_ref().map(borrow).transpose()?;
        let ends = self.negatives.as_ref().map(|(ends, _)| borrow(ends)).transpose()?;
        let rows = self.negatives.as_ref().map(|(_, rows)| borrow(rows)).transpose()?;
        let lent = columns::Lent {
            length: length.as_deref().map(values).transpose()?,
            negatives: match (&ends, &rows) {
                (Some(ends), Some(rows)) => Some(Lists { ends: values(ends)?, rows: values(rows)? }),
                _ => None,
            },
        };
        Ok(py.detach(|| read(&lent)))
    }
}

fn values<'a>(pieces: &'a [Piece<'_>]) -> PyResult<Column<'a>> {
    Ok(Column::new(pieces.iter().map(Piece::integers).collect::<PyResult<_>>()?, Meaning::Values))
}

/// Calls `name(column, row)`, with the GIL taken for that long; its failure is no reason to lose the message.
pub fn called(name: &Py<PyAny>) -> impl Fn(&str, usize) -> String + '_ {
    move |column, row| {
        Python::attach(|py| match name.bind(py).call1((column, row)) {
            Ok(name) => name.to_string(),
            Err(_) => format!("of row {row}"),
        })
    }
}

/// The index of a parallel corpus.
#[pyclass(frozen, module = "hybridsampler._core")]
pub struct Corpus(pub Arc<corpus::Corpus>);

#[pymethods]
impl Corpus {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "the columns, one by one")]
    fn new(
        py: Python<'_>,
        group: Pieces<'_>,
        language: Pieces<'_>,
        source: Option<Pieces<'_>>,
        keys: Vec<Pieces<'_>>,
        lent: &Lent,
        languages: Vec<String>,
        sources: Vec<String>,
        name: Py<PyAny>,
    ) -> PyResult<Self> {
        let columns = Columns {
            group: column(&group)?,
            language: column(&language)?,
            source: source.as_ref().map(column).transpose()?,
            keys: keys.iter().map(column).collect::<PyResult<_>>()?,
            lent: columns::Lent::default(),
        };
        let corpus = lent.read(py, |lent| {
            let columns = Columns { lent: lent.clone(), ..columns };
            corpus::Corpus::new(&columns, languages, sources, &called(&name))
        })?;
        Ok(Self(Arc::new(corpus.map_err(value_error)?)))
    }

    /// The corpus that `to_bytes` wrote, with the columns that it was built from.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8], lent: &Lent) -> PyResult<Self> {
        let corpus = lent.read(py, |lent| corpus::Corpus::from_bytes(data, lent))?;
        Ok(Self(Arc::new(corpus.map_err(value_error)?)))
    }

    /// The corpus as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.to_bytes()))
    }

    /// Number of rows.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    /// For each source: number of groups, the numbers of its languages, and the rows in each of them.
    #[getter]
    fn sources(&self) -> Vec<(u64, Vec<u32>, Vec<u64>)> {
        let of = |source: &Source| {
            let slots = 0..source.languages().len() as u32;
            let rows = slots.map(|slot| source.members(slot).len()).collect();
            (source.groups(), source.languages().to_vec(), rows)
        };
        self.0.sources().iter().map(of).collect()
    }

    /// Whether every group has every language of its source, for each source.
    #[getter]
    fn complete(&self) -> Vec<bool> {
        self.0.sources().iter().map(Source::is_complete).collect()
    }

    /// Whether rows have lists of hard negatives.
    #[getter]
    fn has_negatives(&self) -> bool {
        self.0.has_negatives()
    }

    /// Hexadecimal hash of names and columns.
    #[getter]
    fn fingerprint(&self) -> String {
        format!("{:032x}", self.0.fingerprint())
    }
}
