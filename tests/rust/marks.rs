//! Set bits by number, beside a list of them.

use hybridsampler_core::bits::Bits;
use hybridsampler_core::marks::Marks;
use proptest::prelude::*;

/// Positions with long gaps and long runs, which blocks and hints have to find their way through.
fn positions() -> impl Strategy<Value = Vec<u64>> {
    let step = prop_oneof![8 => Just(1_u64), 2 => 1_u64..70, 1 => 500_u64..5000];
    let run = (step, 1_usize..900);
    prop::collection::vec(run, 0..12).prop_map(|runs| {
        let steps = runs.into_iter().flat_map(|(step, times)| std::iter::repeat_n(step, times));
        steps.scan(0, |at, step| Some(std::mem::replace(at, *at + step))).collect()
    })
}

proptest! {
    #[test]
    fn finds_what_a_list_holds(positions in positions(), behind in 0_u64..2000) {
        let len = positions.last().map_or(0, |&last| last + 1) + behind;
        let mut bits = Bits::new(len);
        for &at in &positions {
            bits.set(at);
        }
        let marks = Marks::new(bits);
        prop_assert_eq!(marks.count(), positions.len() as u64);
        for (number, &at) in (0..).zip(&positions) {
            prop_assert_eq!(marks.position(number), at);
        }
        for at in (0..len).step_by(7).chain([len]) {
            prop_assert_eq!(marks.number(at), positions.partition_point(|&set| set < at) as u64);
        }
    }
}
