//! Code for particular processors: the one folder in which `unsafe` may stand.
#![allow(unsafe_code, reason = "processor instructions; every block says why it is sound")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
mod centre;
mod chunks;
mod float32_pairs;
mod float_state;
mod halves;
mod int16_pairs;
mod interleave;
mod judge;
mod level;
mod line;
mod portable;
mod prefetch;
mod quantise;
mod register;
mod rotate;
mod rounds;
mod score;
mod tile;
mod widest;

pub use centre::{Centred, centre};
pub use chunks::largest_chunk;
pub use float_state::DefaultFloatState;
pub use float32_pairs::{ROWS, float32_products, float32_roundings};
pub use int16_pairs::{Int16Rows, SLOTS, int16_products};
pub use interleave::{SIDE, interleave};
pub use judge::{Factors, Thresholds, TileBounds, Verdict, judge};
pub use level::{ALL, asked, level, multiplies_int8};
pub use line::{LANES, Line, bytes};
pub use prefetch::{Ahead, prefetch};
pub use quantise::{Quantise, Sums};
pub use rotate::Rotate;
pub use rounds::{AT_ONCE, Digits, Network, round_one, rounds};
pub use score::dot;
pub use tile::{
    Arithmetic, Cell, FLOAT32_CHUNK, INT16_CHUNK, QUERIES, QueryCells, TILE, TileCells, TileFloats, products,
};
pub use widest::{Loop, widest};
