//! At every prefix every category is within 1 of its share, and the counts told are the counts seen.

use hybridsampler_core::key::Key;
use hybridsampler_core::schedule::{PERIOD, Schedule, integer_weights};
use proptest::prelude::*;

/// Walks from 0 and checks each answer against a plain count. The bound is exact: |count * total - n * weight| < total.
fn walk(schedule: &Schedule, steps: u64) -> Result<(), TestCaseError> {
    let (weights, total) = schedule.shares();
    let mut counts = vec![0_u64; weights.len()];
    for n in 0..steps {
        let (category, earlier) = schedule.at(n);
        prop_assert_eq!(earlier, counts[category], "position {}", n);
        counts[category] += 1;
        for (count, weight) in counts.iter().zip(weights) {
            let (have, due) = (u128::from(*count) * u128::from(total), u128::from(n + 1) * u128::from(*weight));
            prop_assert!(have.abs_diff(due) < u128::from(total), "{} of {:?} after {}", count, weights, n + 1);
        }
    }
    Ok(())
}

fn positive(weights: &[u64]) -> bool {
    weights.iter().any(|&w| w > 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn up_to_four_categories(weights in prop::collection::vec(0_u64..1 << 60, 1..=4), seed: u64) {
        prop_assume!(positive(&weights));
        let schedule = Schedule::new(&weights, Key::from_seed(seed)).expect("few weights");
        walk(&schedule, 500)?;
        let (kept, total) = schedule.shares();
        for (kept, given) in kept.iter().zip(&weights) {
            let sum = weights.iter().map(|&w| u128::from(w)).sum::<u128>();
            prop_assert_eq!(u128::from(*kept) * sum, u128::from(*given) * u128::from(total), "shares are exact");
        }
    }

    #[test]
    fn small_weights_share_prefixes_exactly(weights in prop::collection::vec(0_u64..20, 1..=12), seed: u64) {
        prop_assume!(positive(&weights));
        walk(&Schedule::new(&weights, Key::from_seed(seed)).expect("few weights"), 700)?;
    }

    #[test]
    fn many_real_weights(weights in prop::collection::vec(0.0_f64..1.0, 5..60), seed: u64) {
        let weights = integer_weights(&weights);
        prop_assume!(positive(&weights));
        let schedule = Schedule::new(&weights, Key::from_seed(seed)).expect("few weights");
        walk(&schedule, 2_000)?;
        let (kept, total) = schedule.shares();
        let sum = weights.iter().sum::<u64>() as f64;
        for (kept, given) in kept.iter().zip(&weights) {
            prop_assert_eq!(*kept > 0, *given > 0, "no category vanishes");
            let off = (*kept as f64 / total as f64 - *given as f64 / sum).abs();
            // Largest remainder is off by less than one place; a category lifted to one place takes it from the largest.
            prop_assert!(off < 60.0 / PERIOD as f64);
        }
    }

    #[test]
    fn equal_weights(count in 1_usize..300, weight in 1_u64..1 << 50, seed: u64) {
        walk(&Schedule::new(&vec![weight; count], Key::from_seed(seed)).expect("few weights"), 1_500)?;
    }

    #[test]
    fn bulk_equals_one_by_one(weights in prop::collection::vec(0_u64..4, 1..=10), seed: u64, start in 0_u64..1 << 50) {
        prop_assume!(positive(&weights));
        let schedule = Schedule::new(&weights, Key::from_seed(seed)).expect("few weights");
        let mut out = vec![0; 300];
        schedule.fill(start, &mut out);
        for (n, category) in (start..).zip(out) {
            prop_assert_eq!(category as usize, schedule.at(n).0);
        }
    }

    /// Blocks longer than what is asked for, or shorter, and some that end in between.
    #[test]
    fn bulk_equals_one_by_one_in_long_blocks(count in 100_usize..2_000, asked in 1_usize..1_000, seed: u64, start in 0_u64..1 << 50) {
        let schedule = Schedule::new(&vec![1; count], Key::from_seed(seed)).expect("few weights");
        let mut out = vec![0; asked];
        schedule.fill(start, &mut out);
        for (n, category) in (start..).zip(out) {
            prop_assert_eq!(category as usize, schedule.at(n).0);
        }
    }

    /// Far away the count can only be checked against the share and against the next steps.
    #[test]
    fn far_positions_go_on_counting(weights in prop::collection::vec(0_u64..1000, 2..=9), seed: u64, start in 0_u64..1 << 60) {
        prop_assume!(positive(&weights));
        let schedule = Schedule::new(&weights, Key::from_seed(seed)).expect("few weights");
        let (weights, total) = schedule.shares();
        let mut next = vec![None; weights.len()];
        for n in start..start + 3 * weights.len() as u64 {
            let (category, earlier) = schedule.at(n);
            prop_assert!(next[category].is_none_or(|expected| expected == earlier));
            next[category] = Some(earlier + 1);
            let due = u128::from(n) * u128::from(weights[category]);
            prop_assert!((u128::from(earlier) * u128::from(total)).abs_diff(due) <= u128::from(total));
        }
    }
}

/// The number of a category may be far above the number of those with a weight.
#[test]
fn few_weights_among_many_categories() {
    for count in [255, 256, 257, 65_535, 65_537, 90_000] {
        let mut weights = vec![0; count];
        for (k, weight) in [3, 5, 7, 11, 13, 17].into_iter().enumerate() {
            weights[count - 1 - 7 * k] = weight;
        }
        let schedule = Schedule::new(&weights, Key::from_seed(1)).expect("few weights");
        walk_over(&schedule, 200).expect("a promise was broken");
    }
}

/// Like [`walk`], for many categories: only those that came are compared.
fn walk_over(schedule: &Schedule, steps: u64) -> Result<(), TestCaseError> {
    let (weights, total) = schedule.shares();
    let mut counts = std::collections::HashMap::new();
    for n in 0..steps {
        let (category, earlier) = schedule.at(n);
        prop_assert!(weights[category] > 0);
        let count = counts.entry(category).or_insert(0);
        prop_assert_eq!(earlier, *count);
        *count += 1;
        prop_assert!((*count * total).abs_diff((n + 1) * weights[category]) < total);
    }
    Ok(())
}

#[test]
fn whole_periods_of_the_rounded_shares() {
    let weights: Vec<u64> = (1..=37).map(|k| 1_000_003 * k * k + 17).collect();
    let schedule = Schedule::new(&weights, Key::from_seed(3)).expect("few weights");
    assert_eq!(schedule.shares().1, PERIOD);
    walk(&schedule, 2 * PERIOD + 5).expect("a promise was broken");
}

#[test]
fn real_weights_keep_their_ratio() {
    assert_eq!(integer_weights(&[3.0, 0.0, 5.0]), [3, 0, 5]);
    let scaled = integer_weights(&[0.7, 0.3, 0.0]);
    assert!((scaled[0] as f64 / scaled[1] as f64 - 0.7 / 0.3).abs() < 1e-15);
    assert_eq!(scaled[2], 0);
    let extreme = integer_weights(&[1e308, 1e308, 1e-300]);
    assert_eq!(extreme[0], extreme[1]);
    assert_eq!(extreme[2], 1, "a positive weight stays positive");
    assert!(extreme.iter().all(|&w| w < 1 << 62));
}
