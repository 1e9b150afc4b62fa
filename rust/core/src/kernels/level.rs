//! What this processor can do, found once.

use std::sync::OnceLock;

/// Instructions that kernels are written or compiled for; each level has those of the ones before it, but AVX-VNNI, which is
/// for processors without AVX-512.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Those that every processor of the platform has.
    Portable,
    /// AVX2 with fused multiply-add and popcnt.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2 with the integer products of AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX-512 F, DQ, BW and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// The same with the integer products of AVX-512 VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Level {
    /// The name by which `HYBRIDSAMPLER_SIMD` asks for the level and reports tell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512vnni",
        }
    }
}

/// All levels, ascending.
pub const ALL: &[Level] = &[
    Level::Portable,
    #[cfg(target_arch = "x86_64")]
    Level::Avx2,
    #[cfg(target_arch = "x86_64")]
    Level::AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Level::Avx512,
    #[cfg(target_arch = "x86_64")]
    Level::Avx512Vnni,
];

/// The best level of this processor, or the best that is not above the one that the environment variable
/// `HYBRIDSAMPLER_SIMD` names: so tests run each level on one machine.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let most = asked().ok().flatten().unwrap_or(ALL[ALL.len() - 1]);
        let there = |level: &&Level| **level <= most && found(**level);
        ALL.iter().rfind(there).copied().unwrap_or(Level::Portable)
    })
}

/// The level that the environment variable names, or as an error its value where that is none.
pub fn asked() -> Result<Option<Level>, String> {
    let name = std::env::var_os("HYBRIDSAMPLER_SIMD").unwrap_or_default();
    let known = ALL.iter().find(|level| *level.name() == *name);
    if known.is_none() && !name.is_empty() { Err(name.to_string_lossy().into_owned()) } else { Ok(known.copied()) }
}

/// Whether the processor has a level.
#[cfg(not(target_arch = "x86_64"))]
fn found(_: Level) -> bool {
    true
}

/// Whether the processor has a level.
#[cfg(target_arch = "x86_64")]
fn found(level: Level) -> bool {
    use std::arch::is_x86_feature_detected as has;
    let avx2 = || has!("avx2") && has!("fma") && has!("popcnt");
    let avx512 = || avx2() && has!("avx512f") && has!("avx512dq") && has!("avx512bw") && has!("avx512vl");
    match level {
        Level::Portable => true,
        Level::Avx2 => avx2(),
        Level::AvxVnni => avx2() && has!("avxvnni"),
        Level::Avx512 => avx512(),
        Level::Avx512Vnni => avx512() && has!("avx512vnni"),
    }
}

/// Whether the level has an instruction for products of int8: without, they are slower than those of int16.
#[must_use]
pub fn multiplies_int8() -> bool {
    #[cfg(target_arch = "x86_64")]
    return matches!(level(), Level::AvxVnni | Level::Avx512Vnni);
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
