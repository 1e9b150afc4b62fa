//! A screen settles nothing that the score would settle otherwise, where float32 is at its ends.

mod common;

use common::{at_every_level, naive_score};
use hybridsampler_core::score::simd;
use hybridsampler_core::screen::{Arithmetic, Candidates, Queries, Screen, Verdict, beaten};
use proptest::prelude::*;

/// Screens candidates for one query whose thresholds are given, ascending, and holds what is settled to the scores.
/// Returns how many are open, after int8 those that the look in int16 leaves open.
fn settles_rightly(arithmetic: Arithmetic, query: &[f32], candidates: &[Vec<f32>], thresholds: &[f64]) -> usize {
    settles_around(0.5, arithmetic, query, candidates, thresholds)
}

/// The same if the queries' centre is this times the query.
fn settles_around(
    share: f32,
    arithmetic: Arithmetic,
    query: &[f32],
    candidates: &[Vec<f32>],
    thresholds: &[f64],
) -> usize {
    // The mean of the candidates, as the counter takes it, and the query itself, which is that of one query.
    let mean = |k: usize| candidates.iter().map(|row| f64::from(row[k])).sum::<f64>() / candidates.len() as f64;
    let centre: Vec<f32> = (0..query.len()).map(|k| mean(k) as f32).collect();
    let query_centre: Vec<f32> = query.iter().map(|x| x * share).collect();
    let screen = Screen::new(arithmetic, &query_centre, &centre);
    let (mut queries, mut packed) = (Queries::default(), Candidates::default());
    screen.pack_queries(query, &mut queries);
    screen.pack(candidates.iter().map(Vec::as_slice), |_, _| (), &mut packed);
    let levels = screen.levels(&queries, query, std::iter::once(thresholds));
    let (mut products, mut verdict) = (Vec::new(), Verdict::default());
    screen.multiply(&queries, 0, query, &packed, &mut products);
    let mut counts = vec![0; thresholds.len()];
    screen.judge((&queries, 0), &levels, &packed, &mut products, &mut counts, &mut verdict);
    let is_open = |c: usize| verdict.open.iter().any(|&[open, _]| open as usize == c);
    let scores: Vec<f64> = candidates.iter().map(|row| naive_score(query, row)).collect();
    for (k, &threshold) in thresholds.iter().enumerate() {
        let told = counts[k..].iter().sum::<u32>() as usize;
        let open = verdict.open.iter().filter(|&&[_, beaten]| beaten as usize > k).count();
        let settled = |&c: &usize| !is_open(c) && scores[c] > threshold;
        assert_eq!(told - open, (0..scores.len()).filter(settled).count(), "{arithmetic:?}, threshold {threshold}");
    }
    let bits: Vec<u64> = thresholds.iter().map(|threshold| threshold.to_bits()).collect();
    for (c, score) in scores.iter().enumerate() {
        assert!(is_open(c) || !bits.contains(&score.to_bits()), "{arithmetic:?}: a tie is settled");
    }
    if arithmetic != Arithmetic::Int8 {
        return verdict.open.len();
    }
    let pairs: Vec<(u32, u32)> = verdict.open.iter().map(|&[c, _]| (0, c)).collect();
    let mut products = Vec::new();
    screen.multiply_pairs(&queries, &packed, &pairs, &mut products);
    let look = screen.look((&queries, 0), &levels, &packed);
    let mut open = 0;
    for (&[c, known], &product) in verdict.open.iter().zip(&products) {
        let (score, error) = look.score(c as usize, product);
        let exact = scores[c as usize];
        let off = (score - exact).abs();
        assert!(off <= error || error.is_nan(), "look in int16: {score} is off {exact} by more than {error}");
        match beaten(score, error, thresholds, known as usize) {
            Some(beaten) => {
                assert_eq!(beaten, thresholds.iter().filter(|&&threshold| threshold < exact).count(), "look in int16");
                assert!(!bits.contains(&exact.to_bits()), "look in int16: a tie is settled");
            }
            None => open += 1,
        }
    }
    open
}

/// All that can be screened with.
const ALL: [Arithmetic; 3] = [Arithmetic::Float32, Arithmetic::Int16, Arithmetic::Int8];

fn rows_around(centre: f32, spread: f32, exponent: i32) -> impl Strategy<Value = (Vec<f32>, Vec<Vec<f32>>)> {
    let component = (-64_i8..=64).prop_map(move |n| (centre + f32::from(n) * spread) * 2.0_f32.powi(exponent));
    (1_usize..70).prop_flat_map(move |dimension| {
        let row = prop::collection::vec(component.clone(), dimension);
        (row.clone(), prop::collection::vec(row, 1..40))
    })
}

fn case() -> impl Strategy<Value = (Vec<f32>, Vec<Vec<f32>>)> {
    let exponent = prop_oneof![3 => Just(0), 1 => -75..=-70_i32, 1 => 50..=62_i32];
    // Integers are exact with these, far from the centre and near it: only roundings are left to be bounded.
    let shape = prop_oneof![Just((0.0, 1.0)), Just((1000.0, 1.0)), Just((1.0, 1e-6)), Just((3e6, 0.25))];
    (exponent, shape).prop_flat_map(|(exponent, (centre, spread))| rows_around(centre, spread, exponent))
}

/// How far the queries' centre is from a query, and how much shorter or longer that is than its candidates.
fn apart() -> impl Strategy<Value = (f32, i32)> {
    let share = prop_oneof![Just(0.5_f32), Just(0.0), Just(1.0), Just(1023.0 / 1024.0), Just(1.0 + f32::EPSILON)];
    (share, prop_oneof![3 => Just(0), 1 => -149..=60_i32])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_settled_is_settled_by_the_score(
        (query, candidates) in case(), (share, lift) in apart(), steps in -3_i64..=3,
    ) {
        let query: Vec<f32> = query.iter().map(|&x| (f64::from(x) * 2.0_f64.powi(lift)) as f32).collect();
        prop_assume!(query.iter().all(|x| x.is_finite()));
        for arithmetic in ALL {
            let mut thresholds: Vec<f64> = (candidates.iter().take(5))
                .map(|row| {
                    let score = naive_score(&query, row);
                    f64::from_bits((score.to_bits() as i64 + steps) as u64)
                })
                .filter(|threshold| threshold.is_finite())
                .collect();
            thresholds.sort_by(f64::total_cmp);
            settles_around(share, arithmetic, &query, &candidates, &thresholds);
        }
    }
}

/// Rows in which few components stand out, or none, of lengths that are rotated in one block and in many.
fn rotated() -> impl Strategy<Value = (Vec<f32>, Vec<Vec<f32>>)> {
    let dimension = prop_oneof![Just(96_usize), Just(160), Just(256), Just(768), Just(1000), Just(1056)];
    dimension.prop_flat_map(|dimension| {
        let component = prop_oneof![20 => -1.0_f32..1.0, 20 => Just(1.0), 20 => Just(-1.0), 1 => -300.0_f32..300.0];
        let row = prop::collection::vec(component, dimension);
        (row.clone(), prop::collection::vec(row, 1..6))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_settled_of_rotated_rows((query, candidates) in rotated(), near in 0.0_f64..1e-2) {
        // Thresholds within and around what the integers leave out.
        let norm = naive_score(&query, &query).sqrt();
        let mut thresholds: Vec<f64> = (candidates.iter())
            .map(|row| naive_score(&query, row) + near * norm * naive_score(row, row).sqrt())
            .collect();
        thresholds.sort_by(f64::total_cmp);
        settles_rightly(Arithmetic::Int8, &query, &candidates, &thresholds);
    }
}

#[test]
fn what_is_settled_where_all_lies_in_one_sum() {
    // Of 32 components rotated ones stay as large, and one sum of the look in int16 holds all; of 768 they become many of one
    // size, nine of which share a sum.
    for (length, exponent) in [(32, 0), (64, 0), (200, 0), (768, 0), (768, -90), (768, 60), (768, 90)] {
        for (even, odd) in [(1.0, 1.0), (1.0, -1.0), (3.0, 1e-3), (1.0, 0.0)] {
            let unit = 2.0_f32.powi(exponent);
            let mut row = vec![0.0; length];
            (row[0], row[1]) = (even * unit, odd * unit);
            let negative: Vec<f32> = row.iter().map(|x| -x).collect();
            let query: Vec<f32> = row.iter().map(|x| x / unit).collect();
            let score = naive_score(&query, &row);
            for near in [-1e-4, 0.0, 1e-4] {
                settles_rightly(Arithmetic::Int8, &query, &[row.clone(), negative.clone()], &[score * (1.0 + near)]);
            }
        }
    }
}

#[test]
fn what_is_settled_where_the_centre_is_far_longer_than_the_rest() {
    // Sums of these products lose nearly half a unit with most additions, all in one direction, which only the bound of the
    // centre's part allows for: all else is exact or shorter by a thousand.
    let unit = 2.0_f32.powi(-22);
    let query = vec![1.0 + 15.0 * unit; 4096];
    let candidates = [vec![1.0; 4096], vec![-1.0; 4096]];
    let score = naive_score(&query, &candidates[0]);
    for arithmetic in ALL {
        for near in -40_i32..=40 {
            let threshold = score * (1.0 + f64::from(near) * 2.0_f64.powi(-24));
            settles_around(1023.0 / 1024.0, arithmetic, &query, &candidates, &[threshold]);
        }
    }
}

#[test]
fn what_is_settled_where_the_centre_is_all_of_a_query() {
    // As where there is one query, or all are equal: nothing is left that would give its part of the score a scale. From the
    // smallest number to the largest whose scores are finite float32 numbers.
    let number = |at: usize| ((at * 2_654_435_761) % 1001) as f32 / 500.0 - 1.0;
    let candidates: Vec<Vec<f32>> = (1..60).map(|c| (0..8).map(|k| number(c * 7919 + k)).collect()).collect();
    for exponent in -149..=124 {
        let query: Vec<f32> = (0..8).map(|k| (f64::from(1 + k % 2) * 2.0_f64.powi(exponent)) as f32).collect();
        let mut thresholds: Vec<f64> = candidates[..5].iter().map(|row| naive_score(&query, row)).collect();
        thresholds.sort_by(f64::total_cmp);
        for arithmetic in ALL {
            settles_around(1.0, arithmetic, &query, &candidates, &thresholds);
        }
        let open = settles_around(1.0, Arithmetic::Int16, &query, &candidates, &thresholds);
        assert!(open < 10, "the query's scale does not matter: {open} are open at 2^{exponent}");
    }
}

#[test]
fn what_is_settled_by_the_look_in_int16() {
    // Thresholds as near as int8 cannot tell and int16 can.
    let number = |at: usize| ((at * 2_654_435_761) % 1001) as f32 / 500.0 - 1.0;
    let query: Vec<f32> = (0..768).map(number).collect();
    let candidates: Vec<Vec<f32>> = (1..30).map(|c| (0..768).map(|k| number(c * 7919 + k)).collect()).collect();
    let norm = naive_score(&query, &query).sqrt();
    let apart = |row: &Vec<f32>| naive_score(&query, row) + 4e-4 * norm * naive_score(row, row).sqrt();
    let mut thresholds: Vec<f64> = candidates.iter().map(apart).collect();
    thresholds.sort_by(f64::total_cmp);
    assert!(settles_rightly(Arithmetic::Int8, &query, &candidates, &thresholds) < 3);
}

#[test]
fn what_is_settled_where_sums_overflow() {
    // 2^127 four times, with both signs: the sums are infinite on the way to a score of 1.
    let query = [2.0_f32.powi(100), 2.0_f32.powi(100), 2.0_f32.powi(100), 2.0_f32.powi(100), 1.0];
    let (up, one) = (2.0_f32.powi(27), 1.0);
    let candidates = vec![vec![up, up, -up, -up, one], vec![-up, -up, up, up, one], vec![up, -up, up, -up, one]];
    for arithmetic in ALL {
        for threshold in [-2.0, 0.5, 2.0, 1e30] {
            settles_rightly(arithmetic, &query, &candidates, &[threshold]);
        }
    }
}

#[test]
fn what_is_settled_where_products_underflow() {
    // Each product is .7 of the smallest float32 and rounds up to it, or .4 and rounds down to 0.
    for (part, between) in [(0.7_f32, 0.85_f64), (0.4, 0.2)] {
        let query = vec![2.0_f32.powi(-75); 100];
        let candidates = vec![vec![part * 2.0_f32.powi(-74); 100]; 3];
        let threshold = 100.0 * between * 2.0_f64.powi(-149);
        for arithmetic in ALL {
            settles_rightly(arithmetic, &query, &candidates, &[threshold]);
        }
    }
}

#[test]
fn what_is_settled_where_levels_could_fall() {
    // Two neighbouring thresholds; where the margin of each was summed up and rounded by itself, the lower one's level came to
    // lie above the higher one's. Fifteen are searched together, so the two are told apart in different searches.
    let row = |bits: [u32; 6]| bits.map(f32::from_bits);
    let query = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0];
    let centre = row([0xbf66_6667, 0x32d9_999d, 0xa580_0000, 0x3ee4_0a0c, 0x3942_af36, 0x33c4_cb71]);
    let candidate = row([0xbe4c_c0a4, 0x32d9_999d, 0xa580_0000, 0x3ee4_0a0c, 0x3942_af36, 0x33c4_cb71]);
    let pair = [0xbfc9_9999_9999_99ad, 0xbfc9_9999_9999_99ab].map(f64::from_bits);
    let thresholds: Vec<f64> = (0..14).map(|k| f64::from(k) - 20.0).chain(pair).collect();
    let score = naive_score(&query, &candidate);
    assert!(score > pair[1]);
    let screen = Screen::new(Arithmetic::Int16, &[0.0; 6], &centre);
    let (mut queries, mut packed) = (Queries::default(), Candidates::default());
    screen.pack_queries(&query, &mut queries);
    screen.pack(std::iter::once(&candidate[..]), |_, _| (), &mut packed);
    let levels = screen.levels(&queries, &query, std::iter::once(&thresholds[..]));
    let (mut products, mut verdict) = (Vec::new(), Verdict::default());
    screen.multiply(&queries, 0, &query, &packed, &mut products);
    let mut counts = [0; 16];
    screen.judge((&queries, 0), &levels, &packed, &mut products, &mut counts, &mut verdict);
    let beaten = verdict.open.first().map_or(16, |&[_, beaten]| beaten as usize);
    let told: [u32; 16] = std::array::from_fn(|k| u32::from(k + 1 == beaten));
    assert_eq!(counts, told, "a candidate is counted where it is said to be: {:?}", verdict.open);
}

#[test]
fn screens_are_right_at_every_level() {
    at_every_level("what_is_settled", simd);
}

#[test]
fn screens_settle_what_is_far_from_all_thresholds() {
    let query: Vec<f32> = (0..64_u8).map(f32::from).collect();
    let candidates: Vec<Vec<f32>> =
        (0..40_u8).map(|c| (0..64_u8).map(|k| f32::from(k % (1 + c)) - f32::from(c)).collect()).collect();
    let mut scores: Vec<f64> = candidates.iter().map(|row| naive_score(&query, row)).collect();
    scores.sort_by(f64::total_cmp);
    let between = f64::midpoint(scores[19], scores[20]);
    assert_eq!(settles_rightly(Arithmetic::Float32, &query, &candidates, &[between]), 0);
    assert_eq!(settles_rightly(Arithmetic::Int16, &query, &candidates, &[between]), 0);
}
