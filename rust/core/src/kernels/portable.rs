//! Products without instructions of a particular processor: the compiler makes vectors of the lanes.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

use std::mem::transmute;

use crate::kernels::tile::{Cell, FLOAT32_CHUNK, INT16_CHUNK, Multiply, TILE};

/// Cells or integer sums.
type Lanes = [Cell; TILE];

/// Two int16 a cell.
pub struct Int16s;

/// Four int8 a cell; of queries uint8.
pub struct Int8s;

/// One float32 a cell.
pub struct Floats;

// SAFETY: no features are used.
unsafe impl Multiply for Int16s {
    type Register = Lanes;
    const CHUNK: usize = INT16_CHUNK;

    #[inline(always)]
    unsafe fn multiply_add(mut sums: Lanes, query: Lanes, candidates: Lanes) -> Lanes {
        // SAFETY: any bytes are int16; which of a cell comes first makes no difference to the sum of the two products.
        let pairs = |cells: Lanes| unsafe { transmute::<Lanes, [i16; 2 * TILE]>(cells) };
        let (x, y) = (pairs(query), pairs(candidates));
        for (lane, sum) in sums.iter_mut().enumerate() {
            // Written so that compilers see the instruction that multiplies and adds pairs, where there is one.
            let product = |at: usize| i32::from(x[at]) * i32::from(y[at]);
            let more = product(2 * lane).wrapping_add(product(2 * lane + 1));
            *sum = sum.wrapping_add(more as Cell);
        }
        sums
    }
}

// SAFETY: as above.
unsafe impl Multiply for Int8s {
    type Register = Lanes;
    const CHUNK: usize = usize::MAX;

    #[inline(always)]
    unsafe fn multiply_add(mut sums: Lanes, query: Lanes, candidates: Lanes) -> Lanes {
        for lane in 0..TILE {
            let (x, y) = (query[lane].to_le_bytes(), candidates[lane].to_le_bytes());
            for byte in 0..4 {
                let product = i32::from(x[byte]) * i32::from(y[byte] as i8);
                sums[lane] = sums[lane].wrapping_add(product as Cell);
            }
        }
        sums
    }
}

// SAFETY: as above.
unsafe impl Multiply for Floats {
    type Register = [f32; TILE];
    const CHUNK: usize = FLOAT32_CHUNK;

    #[inline(always)]
    unsafe fn multiply_add(mut sums: [f32; TILE], query: [f32; TILE], candidates: [f32; TILE]) -> [f32; TILE] {
        for lane in 0..TILE {
            sums[lane] += query[lane] * candidates[lane];
        }
        sums
    }
}
