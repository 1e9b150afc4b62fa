//! What the tests of the scorer share: the score by its definition, and every level of processor instructions.

#![allow(dead_code, reason = "no test needs all")]

pub mod case;

use std::process::Command;

/// The reference score by its definition: 32 sums, zero-padded, then halved.
pub fn naive_score(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0; 32];
    let padded = a.len().div_ceil(32) * 32;
    for k in 0..padded {
        let of = |v: &[f32]| f64::from(v.get(k).copied().unwrap_or(0.0));
        lanes[k % 32] += of(a) * of(b);
    }
    for width in [16, 8, 4, 2, 1] {
        for j in 0..width {
            lanes[j] += lanes[j + width];
        }
    }
    lanes[0]
}

/// Runs the tests of this file whose names hold `filter` once for each level of processor instructions, in processes of
/// their own: a process finds its level once. A level that the processor has not is told and left out.
pub fn at_every_level(filter: &str, level: fn() -> &'static str) {
    if std::env::var_os("HYBRIDSAMPLER_SIMD").is_some() {
        return;
    }
    for name in ["portable", "avx2", "avxvnni", "avx512", "avx512vnni"] {
        let tests = std::env::current_exe().expect("running");
        let done = Command::new(tests)
            .args([filter, "--test-threads", "2"])
            .env("HYBRIDSAMPLER_SIMD", name)
            .output()
            .expect("starts");
        let told = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "with {name}:\n{told}");
        if name == level() {
            return;
        }
    }
}
