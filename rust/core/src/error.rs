//! Bad input, told in one sentence.

use std::fmt;

/// Input that the caller has to change. The message names the value and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// Leaves the enclosing function with an [`Invalid`] made from a format string.
macro_rules! invalid {
    ($($arg:tt)*) => {
        return Err($crate::Invalid(format!($($arg)*)))
    };
}

pub(crate) use invalid;
