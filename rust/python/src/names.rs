//! Names, such as languages, and the numbers that stand for them.

use std::collections::HashMap;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

/// Names that were seen lately and are found without a hash, which takes twice as long as all the rest.
const LATELY: usize = 64;

/// The names by number, new ones behind those that are known, and the number of each value. A value that is no text is a
/// `TypeError`, half of a surrogate pair in it a `UnicodeEncodeError`.
#[pyfunction]
pub fn number_names<'py>(
    values: &Bound<'py, PyAny>,
    known: Bound<'py, PyTuple>,
) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyArray1<u32>>)> {
    let py = values.py();
    let texts: Vec<String> = known.extract()?;
    let mut numbers = Numbers { of: texts.iter().cloned().zip(0..).collect(), texts, lately: [0; LATELY] };
    let mut found = Vec::with_capacity(values.len()?);
    let mut take = |value: &Bound<'py, PyAny>| {
        found.push(numbers.of(value.cast::<PyString>()?.to_str()?));
        PyResult::Ok(())
    };
    if let Ok(list) = values.cast_exact::<PyList>() {
        list.iter().try_for_each(|value| take(&value))?;
    } else {
        values.try_iter()?.try_for_each(|value| take(&value?))?;
    }
    // Texts, also where a value was of a class of its own, which may compare otherwise.
    let names = if numbers.texts.len() == known.len() { known } else { PyTuple::new(py, numbers.texts)? };
    Ok((names, found.into_pyarray(py)))
}

struct Numbers {
    texts: Vec<String>,
    of: HashMap<String, u32>,
    lately: [u32; LATELY],
}

impl Numbers {
    fn of(&mut self, text: &str) -> u32 {
        let bytes = text.as_bytes();
        let letter = |at: usize| bytes.get(at).map_or(0, |&byte| byte.into());
        let place = (text.len() + 3 * letter(0) + 7 * letter(1) + 5 * letter(bytes.len().saturating_sub(1))) % LATELY;
        let lately = self.lately[place];
        if self.texts.get(lately as usize).is_some_and(|known| known == text) {
            return lately;
        }
        let number = if let Some(&number) = self.of.get(text) {
            number
        } else {
            let number = self.texts.len() as u32;
            self.of.insert(text.to_owned(), number);
            self.texts.push(text.to_owned());
            number
        };
        self.lately[place] = number;
        number
    }
}
