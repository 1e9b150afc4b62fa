//! Ranks equal those of a naive oracle digit for digit, whatever screens the comparisons and however the work is cut.

mod common;

use common::at_every_level;
use common::case::{Case, POLICIES, cases, large_cases, ranks};
use hybridsampler_core::ranking::{RankCounter, Report};
use hybridsampler_core::score::{normalise, simd};
use hybridsampler_core::screen::Arithmetic;
use hybridsampler_core::tally::Ties;
use hybridsampler_core::vectors::Similarity;
use proptest::prelude::*;

/// Chosen by the counter, or forced.
fn arithmetics() -> impl Strategy<Value = Option<Arithmetic>> {
    prop::sample::select(vec![None, Some(Arithmetic::Int8), Some(Arithmetic::Int16), Some(Arithmetic::Float32)])
}

/// A counter that has seen all candidates, in blocks.
fn counted(case: &Case, arithmetic: Option<Arithmetic>, block: usize, threads: usize) -> RankCounter<'static> {
    counted_by(Similarity::Dot, case, arithmetic, block, threads)
}

fn counted_by(
    similarity: Similarity,
    case: &Case,
    arithmetic: Option<Arithmetic>,
    block: usize,
    threads: usize,
) -> RankCounter<'static> {
    let total = case.languages.len();
    let mut counter = case.counter_by(similarity);
    if let Some(arithmetic) = arithmetic {
        counter.screen_with(arithmetic);
    }
    let (whole, ids, _) = case.block(0..total);
    counter.anchor(whole, &ids, Some(2)).expect("sound");
    for first in (0..total).step_by(block) {
        let (vectors, ids, languages) = case.block(first..total.min(first + block));
        counter.add(vectors, &ids, languages, Some(threads)).expect("sound");
    }
    counter
}

fn all(report: Report) -> u64 {
    report.counts().iter().sum()
}

/// Comparisons of the queries that judge a candidate.
fn comparisons(case: &Case) -> u64 {
    (case.judged.iter().filter(|list| !list.is_empty()).count() * case.languages.len()) as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn ranks_equal_the_oracle(case in cases(), arithmetic in arithmetics(), block in 1_usize..40, threads in 1_usize..4) {
        let counter = counted(&case, arithmetic, block, threads);
        for ties in POLICIES {
            prop_assert_eq!(ranks(&counter, ties), case.naive_ranks(ties));
        }
        prop_assert_eq!(all(counter.report()), comparisons(&case));
    }

    #[test]
    fn ids_of_any_size_have_the_same_ranks(case in cases(), shift in 0_u32..58) {
        let wide = |id: &i64| id << shift;
        let judged = case.judged.iter().map(|list| list.iter().map(|(id, grade)| (wide(id), *grade)).collect());
        let excluded = case.excluded.iter().map(|list| list.iter().map(wide).collect());
        let mut counter = Case { judged: judged.collect(), excluded: excluded.collect(), ..case.clone() }.counter();
        let (vectors, ids, languages) = case.block(0..case.languages.len());
        let ids: Vec<i64> = ids.iter().map(wide).collect();
        counter.anchor(vectors, &ids, Some(1)).expect("sound");
        counter.add(vectors, &ids, languages, Some(1)).expect("sound");
        for ties in POLICIES {
            prop_assert_eq!(ranks(&counter, ties), case.naive_ranks(ties));
        }
    }

    #[test]
    fn large_sets_equal_the_oracle(
        case in large_cases(1..300),
        arithmetic in arithmetics(),
        block in 1_usize..500,
        threads in 1_usize..4,
    ) {
        let counter = counted(&case, arithmetic, block, threads);
        prop_assert_eq!(ranks(&counter, Ties::Docid), case.counted_ranks());
        prop_assert_eq!(all(counter.report()), comparisons(&case));
    }

    #[test]
    fn under_the_cosine_normalised_rows_equal_the_oracle(
        case in large_cases(1..300),
        arithmetic in arithmetics(),
        block in 1_usize..500,
        threads in 1_usize..4,
    ) {
        let counter = counted_by(Similarity::Cosine, &case, arithmetic, block, threads);
        let mut normalised = case.clone();
        let rows = normalised.queries.chunks_mut(case.dimension).chain(normalised.candidates.chunks_mut(case.dimension));
        let zero = rows.map(|row| u64::from(normalise(row))).sum::<u64>();
        prop_assert_eq!(ranks(&counter, Ties::Docid), normalised.counted_ranks());
        prop_assert_eq!(all(counter.report()), comparisons(&case));
        prop_assert_eq!(counter.zero_rows(), zero);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn long_vectors_equal_the_oracle(case in large_cases(300..1101), arithmetic in arithmetics(), block in 1_usize..500) {
        let counter = counted(&case, arithmetic, block, 2);
        prop_assert_eq!(ranks(&counter, Ties::Docid), case.counted_ranks());
    }
}

#[test]
fn every_level_passes_the_same_tests() {
    at_every_level("equal_the_oracle", simd);
}
