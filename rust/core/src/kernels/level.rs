//! What this processor can do, found once.

use std::sync::OnceLock;

/// Instructions that kernels are written or compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Those that every processor of the platform has.
    Portable,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, DQ, BW and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The best level of this processor, or a lower one that the environment variable `HYBRIDSAMPLER_SIMD` names (`portable`
/// or `avx2`): so tests run each level on one machine.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let mut level = Level::Portable;
        #[cfg(target_arch = "x86_64")]
        {
            let wanted = std::env::var("HYBRIDSAMPLER_SIMD").unwrap_or_default();
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && wanted != "portable" {
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
