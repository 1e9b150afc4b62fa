//! How many threads to use.

use std::num::NonZero;
use std::thread::available_parallelism;

/// The number asked for, at least 1; else one for each processor that this process may use.
#[must_use]
pub fn resolve(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get)).max(1)
}
