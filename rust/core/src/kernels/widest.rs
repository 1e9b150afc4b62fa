//! Portable loops, compiled once for each width of vector registers; the widest that the processor has runs.

use std::sync::OnceLock;

/// A loop that the compiler can turn into vector instructions. Implementations mark `run` and what it calls
/// `#[inline(always)]`, else the call leaves the function that was compiled for the wide registers.
pub trait Work {
    /// Does the work.
    fn run(self);
}

/// Instructions that the processor has and [`widest`] uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The best level of this processor, or a lower one that the environment variable `HYBRIDSAMPLER_SIMD` names: tests run
/// each level on one machine.
fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let mut level = Level::Portable;
        #[cfg(target_arch = "x86_64")]
        {
            let wanted = std::env::var("HYBRIDSAMPLER_SIMD").unwrap_or_default();
            if is_x86_feature_detected!("avx2") && wanted != "portable" {
                level = Level::Avx2;
                let wide = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl");
                if wide && wanted != "avx2" {
                    level = Level::Avx512;
                }
            }
        }
        level
    })
}

/// Runs `work` with the widest vector registers of this processor. The result is the same with any.
pub fn widest(work: impl Work) {
    match level() {
        Level::Portable => work.run(),
        // SAFETY: `level` found that the processor has the features that the function was compiled for.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(work) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(work) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
fn avx512(work: impl Work) {
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(work: impl Work) {
    work.run();
}
