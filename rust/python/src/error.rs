//! The one place where bad input becomes a Python exception.

use hybridsampler_core::Invalid;
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

/// The `ValueError` of an [`Invalid`].
pub fn value_error(invalid: Invalid) -> PyErr {
    PyValueError::new_err(invalid.0)
}
