//! How large the chunks of a row are: what the scale of its integers follows from.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use crate::kernels::halves::halved;
use crate::kernels::line::{LANES, Line};
use crate::kernels::widest::{Loop, widest};

/// The largest sum of the squares of a chunk of so many lines, for a row that is multiplied with `unit`, so that its
/// squares stay away from the ends of float32. Every level does the same operations in the same order, so it gives the same
/// bits. A sum meets the roundings of a product, of a square, and of `lines + 4` additions.
#[must_use]
pub fn largest_chunk(row: &[Line<f32>], lines: usize, unit: f32) -> f32 {
    let mut largest = 0.0;
    widest(Chunks { row, lines, unit, largest: &mut largest });
    largest
}

struct Chunks<'a> {
    row: &'a [Line<f32>],
    lines: usize,
    unit: f32,
    largest: &'a mut f32,
}

impl Loop for Chunks<'_> {
    #[inline(always)]
    fn run(self) {
        for chunk in self.row.chunks(self.lines) {
            let mut squares = [0.0; LANES];
            for line in chunk {
                for (square, x) in squares.iter_mut().zip(line.0) {
                    let x = x * self.unit;
                    *square += x * x;
                }
            }
            *self.largest = self.largest.max(halved(squares));
        }
    }
}
