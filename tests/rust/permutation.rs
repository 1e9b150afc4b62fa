//! The shuffle is a bijection for every size, the same one by one and in bulk, and shows no structure.

mod common;

use common::at_every_level;
use hybridsampler_core::key::Key;
use hybridsampler_core::permutation::Permutation;
use hybridsampler_core::score::simd;
use proptest::prelude::*;

fn all(n: u64, key: Key) -> Vec<u64> {
    let mut out = vec![0; n as usize];
    Permutation::new(n, key).fill(0, &mut out);
    out
}

fn assert_bijection(n: u64, key: Key) {
    let mut seen = vec![false; n as usize];
    for x in all(n, key) {
        assert!(!std::mem::replace(&mut seen[x as usize], true), "n={n}: {x} comes twice");
    }
}

/// Between them, two threads go through 2.4 billion images.
#[test]
fn is_a_bijection_for_every_size_up_to_70_000() {
    std::thread::scope(|scope| {
        for first in [1, 2] {
            scope.spawn(move || {
                let (mut images, mut seen) = (vec![0; 70_000], vec![0_u32; 70_000]);
                for n in (first..=70_000).step_by(2) {
                    let images = &mut images[..n as usize];
                    Permutation::new(n, Key::from_seed(n)).fill(0, images);
                    // A value counts as seen for this n alone, so nothing has to be cleared.
                    for &x in &*images {
                        assert!(
                            std::mem::replace(&mut seen[x as usize], n as u32) != n as u32,
                            "n={n}: {x} comes twice"
                        );
                    }
                    assert!(images.iter().all(|&x| x < n), "n={n}");
                }
            });
        }
    });
}

/// A peer's shuffle fails at 65,537, 262,145 and 1,048,577.
#[test]
fn is_a_bijection_around_powers_of_two() {
    for power in 16..=24 {
        for n in (1_u64 << power) - 2..=(1 << power) + 2 {
            assert_bijection(n, Key::from_seed(n));
        }
    }
}

/// Two inputs meet for every pair of a sample, so a fault would show; the inputs' own images must be in range.
#[test]
fn does_not_collide_for_huge_sizes() {
    for power in 21..=63 {
        for n in [(1_u64 << power) - 1, 1 << power, ((1_u64 << power) + 1).min(1 << 63)] {
            let permutation = Permutation::new(n, Key::from_seed(n));
            let middle = n / 2;
            let inputs = (0..20_000).chain(middle..middle + 20_000).chain(n - 20_000..n);
            let mut images: Vec<u64> = inputs.map(|x| permutation.apply(x)).collect();
            assert!(images.iter().all(|&x| x < n));
            images.sort_unstable();
            assert!(images.windows(2).all(|two| two[0] != two[1]), "n={n}");
        }
    }
}

/// Of all magnitudes, those beyond 2^32 and 2^62 included, where the arithmetic changes.
fn sizes() -> impl Strategy<Value = u64> {
    (0_u32..64, any::<u64>()).prop_map(|(power, word)| (1_u64 << power) - word % (1 << power) / 2)
}

proptest! {
    #[test]
    fn bulk_equals_one_by_one(n in sizes(), seed: u64, at: prop::sample::Index, len in 0_usize..200) {
        let permutation = Permutation::new(n, Key::from_seed(seed));
        let start = at.index(n as usize) as u64;
        let mut out = vec![0; len.min((n - start) as usize)];
        permutation.fill(start, &mut out);
        let inputs: Vec<u64> = (start..).take(out.len()).collect();
        let images: Vec<u64> = inputs.iter().map(|&x| permutation.apply(x)).collect();
        prop_assert_eq!(&out, &images);
        let mut values = inputs;
        permutation.apply_each(&mut values);
        prop_assert_eq!(values, images);
    }

    #[test]
    fn bulk_places_equal_one_by_one(seed: u64, first in 0_u64..1 << 31, len in 0_usize..200) {
        let key = Key::from_seed(seed);
        let mut places = vec![0; len];
        key.places(first, &mut places);
        for (n, &place) in (first..).zip(&places) {
            prop_assert_eq!(u64::from(place), key.below(n, n + 1));
        }
    }

    #[test]
    fn bulk_shuffles_equal_those_of_fisher_and_yates(seed: u64, len in 0_usize..300) {
        let key = Key::from_seed(seed);
        let (mut naive, mut values): (Vec<usize>, Vec<usize>) = ((0..len).collect(), (0..len).collect());
        for at in (1..len).rev() {
            naive.swap(at, key.below(at as u64, at as u64 + 1) as usize);
        }
        key.shuffle(&mut values);
        prop_assert_eq!(values, naive);
    }
}

#[test]
fn every_level_passes_the_same_tests() {
    at_every_level("bulk_", simd);
}

/// Pearson's statistic of counts that should be equal.
fn chi_square(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    counts.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum()
}

/// The mean of chi-square is its degrees of freedom f, its variance 2 f; 6 standard deviations are one false alarm in
/// a billion for a sound shuffle, and the keys are fixed.
fn assert_uniform(counts: &[u64], what: &str) {
    let freedom = (counts.len() - 1) as f64;
    let statistic = chi_square(counts);
    assert!(statistic < freedom + 6.0 * (2.0 * freedom).sqrt(), "{what}: {statistic} at {freedom} degrees of freedom");
}

/// Over keys: where each input lands, where its neighbour lands relative to it, and the order of three inputs.
#[test]
fn positions_and_neighbours_are_uniform() {
    let keys = 40_000;
    // Small sizes at full resolution; large ones in 50 bins, for which the number of values must be a multiple of 50.
    for n in [2_u64, 3, 7, 97, 128, 129, 150, 200, 401, 1_000, 1_001, 5_000, 5_001] {
        let bins = |values: u64| if values <= 401 { values } else { 50 };
        for input in [0, n / 2, n - 1] {
            let next = (input + 1) % n;
            let mut position = vec![0; bins(n) as usize];
            let mut distance = vec![0; bins(n - 1) as usize];
            for seed in 0..keys {
                let permutation = Permutation::new(n, Key::from_seed(seed).derive(n));
                let (a, b) = (permutation.apply(input), permutation.apply(next));
                position[(a * bins(n) / n) as usize] += 1;
                // The distance from one image to the other is uniform over 1..n.
                distance[(((b + n - a) % n - 1) * bins(n - 1) / (n - 1)) as usize] += 1;
            }
            if n % bins(n) == 0 {
                assert_uniform(&position, &format!("position of {input} among {n}"));
            }
            if n > 2 && (n - 1) % bins(n - 1) == 0 {
                assert_uniform(&distance, &format!("neighbour of {input} among {n}"));
            }
        }
    }
}

#[test]
fn keys_that_add_up_to_the_same_share_nothing() {
    let order = |seed: u64, pass: u64| all(1_000, Key::from_seed(seed).derive(pass));
    let (a, b) = (order(1, 1), order(2, 0));
    let fixed = a.iter().zip(&b).filter(|(x, y)| x == y).count();
    assert!(fixed < 10, "{fixed} of 1000 places agree");
}
