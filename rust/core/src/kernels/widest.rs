//! Portable loops, compiled once for each width of vector registers; the widest that the processor has runs.

use crate::kernels::level::{Level, level};

/// A loop that the compiler can turn into vector instructions. Implementations mark `run` and what it calls
/// `#[inline(always)]`, else the call leaves the function that was compiled for the wide registers.
pub trait Loop {
    /// Does the work.
    fn run(self);
}

/// Runs `work` with the widest vector registers of this processor. The result is the same with any.
pub fn widest(work: impl Loop) {
    match level() {
        Level::Portable => work.run(),
        // SAFETY: `level` found that the processor has the features that the function was compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni => unsafe { avx2(work) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { avx512(work) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
fn avx512(work: impl Loop) {
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(work: impl Loop) {
    work.run();
}
