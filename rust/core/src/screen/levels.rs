//! The scores of the judged candidates, as screens compare them.

use super::bounds::gamma_of_score;
use super::rows::{down, up};
use super::{Arithmetic, Queries, Screen};
use crate::kernels::Thresholds;
use crate::score::dot;

/// The thresholds of queries as screens compare them.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    above: Vec<f32>,
    below: Vec<f32>,
    /// As they are.
    exact: Vec<f64>,
    /// Where those of a query end.
    ends: Vec<usize>,
    /// The product of each query with the centre of the candidates, and how far that and the score's part of it may be off.
    pub(super) centres: Vec<(f64, f64)>,
}

impl Screen<'_> {
    /// Prepares the thresholds of queries: `queries` are rows, `thresholds` gives the ascending scores of each.
    pub fn levels<'t>(&self, packed: &Queries, queries: &[f32], thresholds: impl Iterator<Item = &'t [f64]>) -> Levels {
        let mut out = Levels::default();
        for ((query, form), thresholds) in queries.chunks_exact(self.dimension).zip(&packed.each).zip(thresholds) {
            let (mut centre, mut margin, mut room) = (0.0, 0.0, 0.0);
            if self.arithmetic != Arithmetic::Float32 {
                centre = dot(query, self.candidate_centre);
                // The score's own rounding for the part of d that is the centre, and that of q.m itself.
                margin = 4.0 * gamma_of_score(self.dimension) * form.norm * self.candidate_norm;
                // What is added and divided below is rounded.
                room = 4.0 * f64::EPSILON;
            }
            // What is taken off and added is the same for all, so that levels ascend as thresholds do, on which their searches
            // rely: sums of a threshold's own margin with the others', rounded, could change the order of two neighbours.
            let all = margin + room * centre.abs();
            for &threshold in thresholds {
                let own = room * threshold.abs();
                out.above.push(up((threshold + own - centre + all) / form.scale));
                out.below.push(down((threshold - own - centre - all) / form.scale));
            }
            out.exact.extend(thresholds);
            out.ends.push(out.above.len());
            out.centres.push((centre, margin));
        }
        out
    }
}

impl Levels {
    /// How many there are of all queries.
    #[must_use]
    pub fn count(&self) -> usize {
        self.above.len()
    }

    /// Where those of query `q` stand among all.
    #[must_use]
    pub fn place(&self, q: usize) -> std::ops::Range<usize> {
        q.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[q]
    }

    /// The thresholds of query `q`, ascending.
    #[must_use]
    pub fn exact(&self, q: usize) -> &[f64] {
        &self.exact[self.place(q)]
    }

    pub(super) fn of(&self, q: usize) -> Thresholds<'_> {
        let place = self.place(q);
        Thresholds { above: &self.above[place.clone()], below: &self.below[place] }
    }
}
