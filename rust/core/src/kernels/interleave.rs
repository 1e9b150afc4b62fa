//! Cells of rows that lie one after the other, put side by side.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_shuffle_i32x4, _mm512_store_si512, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

#[cfg(target_arch = "x86_64")]
use crate::kernels::level::Level;
use crate::kernels::level::level;
use crate::kernels::tile::{Cell, TILE, TileCells};

/// Rows that are put side by side together: as many as cells fit into a line of the cache, so that lines are written whole.
pub const SIDE: usize = 16;

/// Writes to the places of `tile` from `lane` on, a multiple of [`SIDE`], the first cells of as many rows of one length.
///
/// # Panics
/// When the sizes do not fit.
pub fn interleave(rows: &[Cell], tile: &mut [TileCells], lane: usize) {
    let length = rows.len() / SIDE;
    let fit = rows.len().is_multiple_of(SIDE) && length >= tile.len() && lane.is_multiple_of(SIDE) && lane < TILE;
    assert!(fit, "sizes that do not fit");
    let done = match level() {
        // SAFETY: `level` found that the processor has the features that this was compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { avx512(rows, tile, lane) },
        _ => 0,
    };
    for (step, cells) in tile.iter_mut().enumerate().skip(done) {
        for (row, cell) in cells.0[lane..lane + SIDE].iter_mut().enumerate() {
            *cell = rows[row * length + step];
        }
    }
}

/// The same for whole squares of cells; returns how many steps these are.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(rows: &[Cell], tile: &mut [TileCells], lane: usize) -> usize {
    let (steps, length) = (tile.len(), rows.len() / SIDE);
    for (square, cells) in tile.as_chunks_mut::<SIDE>().0.iter_mut().enumerate() {
        let load = |row: usize| {
            let cells: &[Cell; SIDE] =
                rows[row * length + square * SIDE..].first_chunk().expect("a row has cells for all squares");
            // SAFETY: sixteen cells.
            unsafe { _mm512_loadu_si512(cells.as_ptr().cast()) }
        };
        // In each quarter of a register: one cell each of four rows.
        let fours: [[__m512i; 4]; 4] = std::array::from_fn(|four| {
            let [a, b, c, d] = std::array::from_fn(|row| load(4 * four + row));
            let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (low_too, high_too) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            [
                _mm512_unpacklo_epi64(low, low_too),
                _mm512_unpackhi_epi64(low, low_too),
                _mm512_unpacklo_epi64(high, high_too),
                _mm512_unpackhi_epi64(high, high_too),
            ]
        });
        for step in 0..4 {
            let [a, b, c, d] = fours.map(|four| four[step]);
            let even = [_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d)];
            let odd = [_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d)];
            let quarters = [
                _mm512_shuffle_i32x4::<0x88>(even[0], even[1]),
                _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]),
                _mm512_shuffle_i32x4::<0xdd>(even[0], even[1]),
                _mm512_shuffle_i32x4::<0xdd>(odd[0], odd[1]),
            ];
            for (quarter, cells_of_rows) in quarters.into_iter().enumerate() {
                // SAFETY: sixteen places from `lane` on, where a line of the cache starts.
                unsafe { _mm512_store_si512(cells[4 * quarter + step].0.as_mut_ptr().add(lane).cast(), cells_of_rows) };
            }
        }
    }
    steps - steps % SIDE
}
