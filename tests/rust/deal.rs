//! The deal keeps its promises, checked by brute force: whole passes, classes exactly at the limit and above it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hybridsampler_core::deal::Deal;
use hybridsampler_core::key::Key;
use hybridsampler_core::order::Order;
use hybridsampler_core::window::{Member, WINDOW, Windows, bucket};
use proptest::prelude::*;

/// The class of each position, and the batch size.
#[derive(Debug, Clone)]
struct Case {
    class: Vec<u32>,
    batch_size: u64,
    seed: u64,
}

impl Case {
    fn order(&self) -> Arc<Order> {
        Arc::new(Order::new(self.class.iter().enumerate().map(|(id, &class)| (id as u32, class))))
    }

    fn deal(&self) -> Deal {
        Deal::new(self.order(), self.batch_size)
    }

    fn key(&self) -> Key {
        Key::from_seed(self.seed)
    }
}

/// Classes of sizes up to `limit(members, batch size)`, in order.
fn cases(largest: impl Fn(u64) -> u64 + Clone + 'static) -> impl Strategy<Value = Case> {
    (1_u64..13, 1_u64..14, 0_u64..12, any::<u64>(), prop::collection::vec(any::<prop::sample::Index>(), 200)).prop_map(
        move |(batch_size, batches, rest, seed, draws)| {
            let members = batches * batch_size + rest % batch_size;
            let mut class = Vec::new();
            for (number, draw) in draws.iter().cycle().enumerate() {
                let left = members - class.len() as u64;
                if left == 0 {
                    break;
                }
                // Often as many as there may be, often one, else between.
                let most = largest(batches).min(left);
                let size = match draw.index(3) {
                    0 => most,
                    1 => 1,
                    _ => 1 + draw.index(most as usize) as u64,
                };
                class.extend(std::iter::repeat_n(number as u32, size as usize));
            }
            Case { class, batch_size, seed }
        },
    )
}

/// All batches of a pass.
fn pass(deal: &Deal, key: Key, number: u64, batch_size: u64) -> Vec<Vec<u64>> {
    let js: Vec<u64> = (0..deal.batches()).collect();
    let mut out = vec![0; (deal.batches() * batch_size) as usize];
    deal.fill(key, number, &js, &mut out);
    out.chunks(batch_size as usize).map(<[u64]>::to_vec).collect()
}

fn apart(case: &Case, batch: &[u64]) -> bool {
    let classes: HashSet<u32> = batch.iter().map(|&at| case.class[at as usize]).collect();
    classes.len() == batch.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn classes_stay_apart_and_counts_stay_level(case in cases(|batches| batches)) {
        let deal = case.deal();
        let mut counts = vec![0_u64; case.class.len()];
        for number in 0..25 {
            for (at, &count) in counts.iter().enumerate() {
                prop_assert_eq!(deal.turns(case.key(), number, at as u64), count, "turns before pass {}", number);
            }
            let mut once = HashSet::new();
            for batch in pass(&deal, case.key(), number, case.batch_size) {
                prop_assert!(apart(&case, &batch), "a class twice in {:?}", batch);
                for at in batch {
                    prop_assert!(once.insert(at), "{} twice in pass {}", at, number);
                    counts[at as usize] += 1;
                }
            }
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
        }
    }

    #[test]
    fn a_batch_does_not_depend_on_what_is_dealt_with_it(case in cases(|batches| batches), number in 0_u64..1 << 40) {
        let deal = case.deal();
        let whole = pass(&deal, case.key(), number, case.batch_size);
        for (j, expected) in (0..).zip(&whole) {
            let mut alone = vec![0; case.batch_size as usize];
            deal.fill(case.key(), number, &[j], &mut alone);
            prop_assert_eq!(&alone, expected);
        }
    }

    #[test]
    fn surplus_copies_take_turns(case in cases(|batches| 3 * batches)) {
        let classes = case.class.iter().collect::<HashSet<_>>().len() as u64;
        let Some(deal) = Deal::leaving_out(case.order(), case.batch_size) else {
            prop_assert!(classes < case.batch_size, "{} classes are enough", classes);
            return Ok(());
        };
        // No more batches could be filled: the naive count of what a pass may use.
        let mut sizes: HashMap<u32, u64> = HashMap::new();
        for &class in &case.class {
            *sizes.entry(class).or_default() += 1;
        }
        let fills = |batches: u64| sizes.values().map(|&size| size.min(batches)).sum::<u64>() >= batches * case.batch_size;
        prop_assert!(fills(deal.batches()) && !fills(deal.batches() + 1));
        let mut counts = vec![0_u64; case.class.len()];
        for number in 0..25 {
            for (at, &count) in counts.iter().enumerate() {
                prop_assert_eq!(deal.turns(case.key(), number, at as u64), count, "turns before pass {}", number);
            }
            let mut once = HashSet::new();
            for batch in pass(&deal, case.key(), number, case.batch_size) {
                prop_assert!(apart(&case, &batch), "a class twice in {:?}", batch);
                for at in batch {
                    prop_assert!(once.insert(at), "{} twice in pass {}", at, number);
                    counts[at as usize] += 1;
                }
            }
            for class in sizes.keys() {
                let own = || counts.iter().zip(&case.class).filter(|(_, c)| *c == class).map(|(count, _)| count);
                prop_assert!(own().max().unwrap() - own().min().unwrap() <= 1, "class {}: {:?}", class, counts);
            }
        }
    }

    #[test]
    fn windows_exchange_members_and_keep_classes_apart(case in cases(|batches| batches), lengths: u64) {
        let deal = case.deal();
        let count = deal.batches().min(WINDOW);
        let mut positions = vec![0; (count * case.batch_size) as usize];
        deal.fill(case.key(), 0, &(0..count).collect::<Vec<_>>(), &mut positions);
        let key = Key::from_seed(lengths);
        let length = |at: u64| key.below(at, 40);
        let of = |&position: &u64| Member {
            position,
            class: u64::from(case.class[position as usize]),
            length: length(position),
        };
        let mut members: Vec<Member> = positions.iter().map(of).collect();
        bucket(&mut members, case.batch_size as usize, key);
        let mut dealt: Vec<u64> = members.iter().map(|member| member.position).collect();
        let padded = |positions: &[u64]| -> u64 {
            positions.chunks(case.batch_size as usize).map(|batch| batch.iter().map(|&at| length(at)).max().unwrap()).sum()
        };
        prop_assert!(dealt.chunks(case.batch_size as usize).all(|batch| apart(&case, batch)));
        let alone = case.class.iter().collect::<HashSet<_>>().len() == case.class.len();
        // Without classes nothing pads less than to sort and cut.
        if alone {
            let mut sorted = positions.clone();
            sorted.sort_unstable_by_key(|&at| std::cmp::Reverse(length(at)));
            prop_assert_eq!(padded(&dealt), padded(&sorted));
        }
        dealt.sort_unstable();
        positions.sort_unstable();
        prop_assert_eq!(dealt, positions);
    }
}

/// Members near each other share a stripe in some passes only: over many passes any two of different classes meet.
#[test]
fn neighbours_meet() {
    let case = Case { class: (0..60).flat_map(|class| [class, class]).collect(), batch_size: 10, seed: 3 };
    let deal = case.deal();
    let mut met: HashMap<(u64, u64), u32> = HashMap::new();
    for number in 0..4000 {
        for mut batch in pass(&deal, case.key(), number, 10) {
            batch.sort_unstable();
            for (i, &one) in batch.iter().enumerate() {
                for &other in &batch[i + 1..] {
                    *met.entry((one, other)).or_default() += 1;
                }
            }
        }
    }
    for one in 0..120_u64 {
        for other in one + 1..120 {
            let count = met.get(&(one, other)).copied().unwrap_or(0);
            assert_eq!(count == 0, one / 2 == other / 2, "{one} and {other} met {count} times");
        }
    }
}

/// Every rank gets every stripe: the place of a member in its batch is uniform.
#[test]
fn places_in_a_batch_are_uniform() {
    let case = Case { class: (0..40).flat_map(|class| [class; 3]).collect(), batch_size: 8, seed: 5 };
    let deal = case.deal();
    let mut counts = vec![[0_u32; 8]; 120];
    let passes = 2000;
    for number in 0..passes {
        for batch in pass(&deal, case.key(), number, 8) {
            for (place, at) in batch.into_iter().enumerate() {
                counts[at as usize][place] += 1;
            }
        }
    }
    let expected = passes as f64 / 8.0;
    let statistic: f64 = counts.iter().flatten().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    // 120 x 7 degrees of freedom; Laurent and Massart's bound leaves 1e-7 for chance.
    let degrees: f64 = 840.0;
    assert!(statistic < degrees + 2.0 * (degrees * 16.0).sqrt() + 32.0, "{statistic}");
}

/// Streams take turns, and a window has 64 batches: giving a window up before its stream comes back makes each batch cost
/// a window.
#[test]
fn windows_of_many_streams_are_kept_and_take_no_more_than_32_mb() {
    let size = WINDOW as usize * 128;
    let windows = Windows::default();
    let kept = |stream, pass, window| windows.get((stream, pass, window)).is_some();
    for window in 0..2 {
        for stream in 0..400 {
            windows.keep((stream, 0, window), vec![0; size]);
        }
        assert!((0..400).all(|stream| kept(stream, 0, window)));
    }
    for stream in 0..1000 {
        windows.keep((stream, 1, 0), vec![0; size]);
    }
    let count = (0..1000).filter(|&stream| kept(stream, 0, 0) || kept(stream, 0, 1) || kept(stream, 1, 0)).count();
    assert_eq!(count, (1 << 22) / size);
    assert!(kept(999, 1, 0));
}

#[test]
fn windows_of_one_stream_take_no_more_than_8_mb_and_one_of_any_size_is_kept() {
    let (windows, size) = (Windows::default(), WINDOW as usize * 128);
    for window in 0..1000 {
        windows.keep((0, 0, window), vec![0; size]);
    }
    let kept: Vec<u64> = (0..1000).filter(|&window| windows.get((0, 0, window)).is_some()).collect();
    assert_eq!(kept, (1000 - (1 << 20) / size as u64..1000).collect::<Vec<_>>());
    for window in 0..2 {
        windows.keep((1, 0, window), vec![0; 1 << 23]);
        assert!(windows.get((1, 0, window)).is_some());
    }
    assert!(windows.get((1, 0, 0)).is_none());
}
