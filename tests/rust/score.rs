//! The reference score has the bits of its definition, whatever the processor.

mod common;

use common::{at_every_level, naive_score};
use hybridsampler_core::key::Key;
use hybridsampler_core::score::{dot, normalise, simd};
use proptest::prelude::*;

/// A vector of a kind each that has been, or could be, trouble: the kinds differ in how large their components are.
fn vector(kind: usize, key: Key, dimension: usize) -> Vec<f32> {
    let component = |at: usize| {
        let word = key.word(at as u64);
        let uniform = (word >> 11) as f32 / (1_u64 << 53) as f32 - 0.5;
        match kind {
            0 => uniform,
            1 => f32::from_bits((word as u32) & 0x807f_ffff),
            2 => uniform * 1e-30,
            3 => uniform * 1e30,
            4 => f32::MAX.copysign(uniform),
            5 => [0.0, -0.0, 1.0, -1.0][word as usize % 4],
            // Any finite number.
            _ => {
                let any = f32::from_bits(word as u32);
                if any.is_finite() { any } else { uniform }
            }
        }
    };
    (0..dimension).map(component).collect()
}

const KINDS: usize = 7;

#[test]
fn score_of_every_dimension_and_kind() {
    for dimension in 1..=1100 {
        for kind in 0..KINDS {
            let key = Key::from_seed(dimension as u64).derive(kind as u64);
            let (a, b) = (vector(kind, key.derive(0), dimension), vector(kind, key.derive(1), dimension));
            assert_eq!(dot(&a, &b).to_bits(), naive_score(&a, &b).to_bits(), "dimension {dimension}, kind {kind}");
        }
    }
}

#[test]
fn score_normalises_by_one_division() {
    for dimension in 1..=200 {
        for kind in 0..KINDS {
            let row = vector(kind, Key::from_seed(dimension as u64), dimension);
            let norm = naive_score(&row, &row).sqrt();
            let mut normalised = row.clone();
            assert_eq!(normalise(&mut normalised), norm == 0.0);
            for (new, old) in normalised.iter().zip(&row) {
                let expected = if norm == 0.0 { *old } else { (f64::from(*old) / norm) as f32 };
                assert_eq!(new.to_bits(), expected.to_bits(), "dimension {dimension}, kind {kind}");
            }
        }
    }
}

proptest! {
    #[test]
    fn score_of_mixed_kinds(dimension in 0_usize..1200, seed: u64, a in 0..KINDS, b in 0..KINDS) {
        let key = Key::from_seed(seed);
        let (a, b) = (vector(a, key.derive(0), dimension), vector(b, key.derive(1), dimension));
        prop_assert_eq!(dot(&a, &b).to_bits(), naive_score(&a, &b).to_bits());
    }
}

#[test]
fn every_level_passes_the_same_tests() {
    at_every_level("score_", simd);
}
