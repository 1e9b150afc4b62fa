//! How large a row is: what the scale of its integers follows from.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _mm512_abs_ps, _mm512_add_pd, _mm512_castps512_ps256, _mm512_cvtps_pd, _mm512_extractf32x8_ps, _mm512_loadu_ps,
    _mm512_max_ps, _mm512_mul_pd, _mm512_reduce_add_pd, _mm512_reduce_max_ps, _mm512_setzero_pd, _mm512_setzero_ps,
};

use crate::kernels::halves::halved;
use crate::kernels::level::{Level, level};
use crate::kernels::widest::{Work, widest};

/// Numbers side by side.
const LANES: usize = 16;

/// How large a row is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Extent {
    /// The largest absolute value; not to be used where the row holds NaN.
    pub largest: f32,
    /// The sum of the squares.
    pub squares: f64,
    /// The largest sum of the squares of a chunk.
    pub chunk: f64,
}

impl Extent {
    /// That of a row of a multiple of sixteen numbers, in chunks of `CHUNK`. Every level does the same operations in the
    /// same order, so it gives the same bits.
    ///
    /// # Panics
    /// When the row has another length.
    #[must_use]
    pub fn of<const CHUNK: usize>(row: &[f32]) -> Self {
        let mut extent = Self::default();
        let (row, rest) = row.as_chunks::<LANES>();
        assert!(rest.is_empty(), "another length");
        let chunks = row.chunks(CHUNK / LANES);
        match level() {
            // SAFETY: `level` found that the processor has the features that this was compiled for.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => unsafe { extent.avx512(chunks) },
            _ => widest(Portable { chunks, extent: &mut extent }),
        }
        extent
    }

    fn add(&mut self, chunk: f64) {
        self.squares += chunk;
        self.chunk = self.chunk.max(chunk);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn avx512<'r>(&mut self, chunks: impl Iterator<Item = &'r [[f32; LANES]]>) {
        let mut largest = _mm512_setzero_ps();
        for chunk in chunks {
            let mut squares = [_mm512_setzero_pd(); 2];
            for row in chunk {
                // SAFETY: sixteen numbers.
                let row = unsafe { _mm512_loadu_ps(row.as_ptr()) };
                largest = _mm512_max_ps(largest, _mm512_abs_ps(row));
                let halves =
                    [_mm512_castps512_ps256(row), _mm512_extractf32x8_ps::<1>(row)].map(|x| _mm512_cvtps_pd(x));
                for (squares, half) in squares.iter_mut().zip(halves) {
                    *squares = _mm512_add_pd(*squares, _mm512_mul_pd(half, half));
                }
            }
            // In halves, as `halved` adds.
            self.add(_mm512_reduce_add_pd(_mm512_add_pd(squares[0], squares[1])));
        }
        self.largest = _mm512_reduce_max_ps(largest);
    }
}

struct Portable<'a, C> {
    chunks: C,
    extent: &'a mut Extent,
}

impl<'r, C: Iterator<Item = &'r [[f32; LANES]]>> Work for Portable<'_, C> {
    #[inline(always)]
    fn run(self) {
        // Absolute values are ordered as their bits.
        let mut largest = [0; LANES];
        for chunk in self.chunks {
            let mut squares = [0.0_f64; LANES];
            for row in chunk {
                for lane in 0..LANES {
                    largest[lane] = largest[lane].max(row[lane].to_bits() & !(1 << 31));
                    squares[lane] += f64::from(row[lane]) * f64::from(row[lane]);
                }
            }
            self.extent.add(halved(squares));
        }
        self.extent.largest = f32::from_bits(largest.into_iter().max().unwrap_or(0));
    }
}
