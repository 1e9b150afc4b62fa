//! Lists kept in few bits, beside plain ones.

use hybridsampler_core::compact::Compact;
use hybridsampler_core::inverse::Inverse;
use hybridsampler_core::key::Key;
use hybridsampler_core::rising::Rising;
use proptest::prelude::*;

/// Numbers of any width up to 32 bits.
fn numbers() -> impl Strategy<Value = Vec<u32>> {
    (0_u32..33).prop_flat_map(|bits| {
        let largest = ((1_u64 << bits) - 1) as u32;
        prop::collection::vec(0..=largest, 0..300)
    })
}

/// Ascending numbers with long gaps and long runs.
fn ascending() -> impl Strategy<Value = Vec<u32>> {
    let step = prop_oneof![8 => Just(1_u32), 2 => 2_u32..70, 1 => 500_u32..5000, 1 => Just(20_000_000)];
    prop::collection::vec((step, 1_usize..200), 0..12).prop_map(|runs| {
        let steps = runs.into_iter().flat_map(|(step, times)| std::iter::repeat_n(step, times));
        steps.scan(0_u32, |at, step| Some(std::mem::replace(at, at.checked_add(step)?))).collect()
    })
}

proptest! {
    #[test]
    fn compact_holds_any_numbers(numbers in numbers()) {
        let compact = Compact::new(numbers.iter().copied().max().unwrap_or(0), numbers.iter().copied());
        prop_assert_eq!(compact.len(), numbers.len() as u64);
        prop_assert_eq!(compact.iter().collect::<Vec<_>>(), numbers);
    }

    #[test]
    fn rising_holds_ascending_numbers(numbers in ascending(), behind in prop_oneof![0_u64..3, 0_u64..1 << 31]) {
        let below = (numbers.last().map_or(0, |&last| u64::from(last) + 1) + behind).min(1 << 32);
        let rising = Rising::new(&numbers, below);
        let plain: Vec<u64> = numbers.iter().map(|&number| number.into()).collect();
        prop_assert_eq!(rising.iter().collect::<Vec<_>>(), plain.clone());
        for (at, number) in (0..).zip(plain) {
            prop_assert_eq!(rising.get(at), number);
        }
    }

    /// Cycles of one step, of two, of any; one long cycle.
    #[test]
    fn inverse_finds_every_number(len in 0_usize..3000, seed: u64, kept in 0_usize..100, long: bool) {
        let mut list: Vec<u32> = (0..len as u32).collect();
        let key = Key::from_seed(seed);
        if long {
            list.rotate_left(1.min(len));
        } else {
            let shuffled = len * (100 - kept) / 100;
            key.shuffle(&mut list[..shuffled]);
        }
        let compact = Compact::new(len.saturating_sub(1) as u32, list.iter().copied());
        let inverse = Inverse::new(&compact);
        for (at, &number) in (0..).zip(&list) {
            prop_assert_eq!(inverse.position(&compact, number.into()), at);
        }
    }
}
