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
mod float_state;
mod halves;
mod interleave;
mod judge;
mod level;
mod line;
mod near;
mod pairs;
mod portable;
mod prefetch;
mod quantise;
mod rounds;
mod score;
mod tile;
mod turn;
mod widest;

pub use centre::{Centred, centre};
pub use chunks::largest_chunk;
pub use float_state::DefaultFloatState;
pub use interleave::{SIDE, interleave};
pub use judge::{Factors, Thresholds, TileBounds, Verdict, judge};
pub use level::{ALL, asked, level, multiplies_int8};
pub use line::{LANES, Line, bytes};
pub use near::{ROWS, near, near_roundings};
pub use pairs::{Int16Rows, SLOTS, int16_products};
pub use prefetch::{Ahead, prefetch};
pub use quantise::{Quantise, Sums};
pub use rounds::{AT_ONCE, Digits, Network, round_one, rounds};
pub use score::dot;
pub use tile::{
    Arithmetic, Cell, FLOAT32_CHUNK, INT16_CHUNK, QUERIES, QueryCells, TILE, TileCells, TileFloats, products,
};
pub use turn::Turn;
pub use widest::{Work, widest};
