//! Code for particular processors: the one folder in which `unsafe` may stand.
#![allow(unsafe_code, reason = "processor instructions; every block says why it is sound")]

mod float_state;
mod level;
mod products;
mod score;
mod widest;

pub use float_state::DefaultFloatState;
pub use level::level;
pub use products::{CHUNK, TILE, products};
pub use score::dot;
pub use widest::{Work, widest};
