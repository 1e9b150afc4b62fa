//! The one place where bad input becomes a Python exception.

use hybridsampler_core::Invalid;
use pyo3::PyErr;
use pyo3::exceptions::{PyImportError, PyValueError};

/// The `ValueError` of an [`Invalid`].
pub fn value_error(invalid: Invalid) -> PyErr {
    PyValueError::new_err(invalid.0)
}

/// The same where the module cannot be imported because of it.
pub fn import_error(invalid: Invalid) -> PyErr {
    PyImportError::new_err(invalid.0)
}
