//! What a line says of a document: a score in a run, a grade in qrels.

use std::fmt::Display;

use crate::error::{Invalid, invalid};

/// A score or a grade, and the lines that carry it.
pub trait Value: Copy + Display + Send + Sync + 'static {
    /// The columns of a line. The first is the query, the third the document.
    const COLUMNS: &'static [&'static str];
    /// Which column is the value.
    const AT: usize;
    /// Whether what stands behind the last column belongs to it and is ignored.
    const OPEN_END: bool;
    /// What a document that comes twice is called.
    const TWICE: &'static str;

    /// Reads a column.
    fn read(text: &str) -> Result<Self, Invalid>;

    /// Refuses a value that no document can have.
    fn check(self) -> Result<(), Invalid>;
}

/// A score.
impl Value for f64 {
    const COLUMNS: &'static [&'static str] = &["query", "Q0", "document", "rank", "score", "tag"];
    const AT: usize = 4;
    const OPEN_END: bool = true;
    const TWICE: &'static str = "is ranked twice";

    fn read(text: &str) -> Result<Self, Invalid> {
        // The nearest double, as strtod gives it; unlike strtod, nothing is taken that merely begins like a number.
        match text.parse() {
            Ok(score) => Ok(score),
            Err(_) => invalid!("score {text:?} is no number: write it like 12.5 or 1e-3"),
        }
    }

    fn check(self) -> Result<(), Invalid> {
        if !self.is_finite() {
            invalid!(
                "score {self} is not finite and has no place in a ranking: leave the document out or give it a number"
            );
        }
        Ok(())
    }
}

/// A grade.
impl Value for i64 {
    const COLUMNS: &'static [&'static str] = &["query", "iteration", "document", "grade"];
    const AT: usize = 3;
    const OPEN_END: bool = false;
    const TWICE: &'static str = "is judged twice";

    fn read(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(grade) => Ok(grade),
            Err(_) => invalid!(
                "grade {text:?} is no whole number of 64 bits: write 0 for not relevant, 1 and above for relevant"
            ),
        }
    }

    fn check(self) -> Result<(), Invalid> {
        if self < 0 {
            invalid!(
                "grade {self} is negative, which every collection uses in its own way: write 0 for judged and not relevant, \
                 or leave it out for not judged, as trec_eval takes it"
            );
        }
        Ok(())
    }
}
