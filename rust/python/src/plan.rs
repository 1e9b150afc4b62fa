//! `hybridsampler_core::plan` for Python.

use hybridsampler_core::categories::Draws;
use hybridsampler_core::plan::{self, Options};
use hybridsampler_core::streams::{Excess, Stream};
use hybridsampler_core::weights::{Kind, Weights};
use numpy::PyReadwriteArray1;
use pyo3::prelude::*;

use crate::corpus::{Corpus, Lent, called};
use crate::error::value_error;

/// Name of the kind, number of the source, slot of the language.
type Named = (&'static str, u32, Option<u32>);
type Counts = (Vec<u64>, Vec<Vec<u64>>, Vec<Vec<u64>>, Vec<Vec<u64>>, Vec<Vec<u64>>);
type Reached = (Counts, Option<(u64, u64)>, u64);
type Shares = (Vec<f64>, Vec<Vec<f64>>, Vec<Vec<f64>>, Vec<Vec<f64>>);

/// Step -> pairs.
#[pyclass(frozen, module = "hybridsampler._core")]
pub struct Plan(plan::Plan);

#[pymethods]
impl Plan {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "the fields of core's Weights and Options, one by one")]
    fn new(
        py: Python<'_>,
        corpus: &Corpus,
        kinds: [f64; 3],
        sources: [Vec<f64>; 3],
        languages: Vec<Vec<f64>>,
        pairs: Vec<Vec<f64>>,
        random: bool,
        batch_size: u64,
        seed: u64,
        rotate: bool,
        negatives: u64,
        name: Py<PyAny>,
    ) -> PyResult<Self> {
        let weights = Weights { kinds, sources, languages, pairs };
        let draws = if random { Draws::Random } else { Draws::Balanced };
        let excess = if rotate { Excess::Rotate } else { Excess::Refuse };
        let options = Options { draws, batch_size, seed, excess, negatives };
        let plan = py.detach(|| plan::Plan::new(corpus.0.clone(), weights, options, &called(&name)));
        Ok(Self(plan.map_err(value_error)?))
    }

    /// Writes the pairs of the steps from `first` on.
    fn fill(
        &self,
        py: Python<'_>,
        first: u64,
        lent: &Lent,
        mut out: PyReadwriteArray1<'_, i64>,
        threads: Option<usize>,
    ) -> PyResult<()> {
        let out = out.as_slice_mut()?;
        lent.read(py, |lent| self.0.fill(first, lent, out, threads))?.map_err(value_error)
    }

    /// Writes the pairs at the places from `own.0` to before `own.1` of the batches from `first` on, each as one integer.
    fn fill_codes(
        &self,
        py: Python<'_>,
        first: u64,
        own: (u64, u64),
        lent: &Lent,
        mut out: PyReadwriteArray1<'_, i64>,
        threads: Option<usize>,
    ) -> PyResult<()> {
        let out = out.as_slice_mut()?;
        lent.read(py, |lent| self.0.fill_codes(first, own.0..own.1, lent, out, threads))?.map_err(value_error)
    }

    /// The stream of a step: name of the kind, number of the source, slot of the language.
    fn stream(&self, py: Python<'_>, step: u64) -> Named {
        named(py.detach(|| self.0.stream(step)))
    }

    /// Shares of the kinds; of the sources by kind; of the language slots and of the pairs by source.
    fn shares(&self) -> Shares {
        let shares = self.0.shares();
        (shares.kinds, shares.sources, shares.languages, shares.pairs)
    }

    /// Batches of the kinds, of the sources by kind, of the languages by source; pairs and mixed languages by source;
    /// tokens and padded tokens; random negatives; over the first `steps` steps.
    fn reached(&self, py: Python<'_>, steps: u64, lent: &Lent) -> PyResult<Reached> {
        let reached = lent.read(py, |lent| self.0.reached(steps, lent))?.map_err(value_error)?;
        Ok((
            (reached.kinds, reached.sources, reached.languages, reached.pairs, reached.mixed),
            reached.tokens,
            reached.random_negatives,
        ))
    }

    /// For each source the shares to expect of its ordered pairs in cross-lingual batches, and of its languages in mixed
    /// ones.
    fn expected(&self, py: Python<'_>) -> Vec<(Vec<f64>, Vec<f64>)> {
        let of = |s| (self.0.expected(s, Kind::CrossLingual), self.0.expected(s, Kind::Mixed));
        py.detach(|| (0..self.0.corpus().sources().len()).map(of).collect())
    }

    /// The largest class of each stream that has one: the stream, the class's members, the most that are kept apart,
    /// and a row of it.
    fn limits(&self) -> Vec<(Named, u64, u64, u64)> {
        let limits = self.0.limits().into_iter();
        limits.map(|limit| (named(limit.stream), limit.members, limit.batches, limit.row)).collect()
    }
}

fn named(stream: Stream) -> Named {
    (stream.kind.name(), stream.source, stream.slot)
}
