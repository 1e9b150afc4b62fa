//! Counters that are merged, saved and sent know what one counter would.

mod common;

use common::case::{Case, POLICIES, cases, ranks};
use hybridsampler_core::ranking::RankCounter;
use hybridsampler_core::tally::Ties;
use hybridsampler_core::vectors::{Similarity, Vectors};
use proptest::prelude::*;

/// Some work of a counter on the queries of a case; under the cosine it has queries of its own.
fn on_loan(
    counter: RankCounter<'static>,
    case: &Case,
    cosine: bool,
    work: impl FnOnce(&mut RankCounter<'_>),
) -> RankCounter<'static> {
    let mut counter = if cosine { counter } else { counter.lend(&case.queries) };
    work(&mut counter);
    counter.give_back()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Two counters, each with a part of the candidates: anchors shared, then counts merged, either way round.
    #[test]
    fn shards_merge(case in cases(), cut: prop::sample::Index, swap: bool) {
        let total = case.languages.len();
        let cut = cut.index(total + 1);
        let mut shards = [case.counter(), case.counter()];
        for (counter, rows) in shards.iter_mut().zip([0..cut, cut..total]) {
            let (vectors, ids, _) = case.block(rows);
            counter.anchor(vectors, &ids, Some(2)).expect("sound");
        }
        let [mut a, mut b] = shards;
        a.merge(&b, &[]).expect("disjoint");
        b.merge(&a, &[]).expect("disjoint");
        for (counter, rows) in [(&mut a, 0..cut), (&mut b, cut..total)] {
            let (vectors, ids, languages) = case.block(rows);
            counter.add(vectors, &ids, languages, Some(1)).expect("sound");
        }
        let (mut into, from) = if swap { (b, a) } else { (a, b) };
        into.merge(&from, &[0, 1, 2]).expect("disjoint");
        for ties in POLICIES {
            prop_assert_eq!(ranks(&into, ties), case.naive_ranks(ties));
        }
        prop_assert_eq!(into.candidates(), total as u64);
    }

    /// A counter that is lent its queries for each piece of work, against one with a copy of them.
    #[test]
    fn borrowed_queries_count_the_same(case in cases(), cosine: bool) {
        let similarity = if cosine { Similarity::Cosine } else { Similarity::Dot };
        let mut owning = case.counter_by(similarity);
        let mut kept = case.borrowing(similarity).give_back();
        for rows in [0..case.languages.len() / 2, case.languages.len() / 2..case.languages.len()] {
            let (vectors, ids, _) = case.block(rows);
            owning.anchor(vectors, &ids, Some(1)).expect("sound");
            kept = on_loan(kept, &case, cosine, |counter| counter.anchor(vectors, &ids, Some(1)).expect("sound"));
        }
        let (vectors, ids, languages) = case.block(0..case.languages.len());
        owning.add(vectors, &ids, languages, Some(1)).expect("sound");
        kept = on_loan(kept, &case, cosine, |counter| {
            counter.add(vectors, &ids, languages, Some(2)).expect("sound");
        });
        let names: Vec<String> = (0..owning.language_count()).map(|l| l.to_string()).collect();
        let bytes = owning.to_bytes(&names).expect("as many");
        on_loan(kept, &case, cosine, |counter| {
            assert_eq!(counter.queries().values, owning.queries().values);
            assert_eq!(counter.to_bytes(&names).expect("as many"), bytes);
        });
    }

    /// Shards again, with nothing but bytes going between them.
    #[test]
    fn bytes_hold_what_a_counter_knows(case in cases(), cut: prop::sample::Index, cosine: bool) {
        let similarity = if cosine { Similarity::Cosine } else { Similarity::Dot };
        let names = ["a".to_owned(), "ß語".to_owned(), String::new()];
        let total = case.languages.len();
        let cut = cut.index(total + 1);
        let (whole, ids, _) = case.block(0..total);
        let mut single = case.counter_by(similarity);
        single.anchor(whole, &ids, Some(2)).expect("sound");
        single.add(whole, &ids, &case.languages, Some(1)).expect("sound");
        let mut merged = case.counter_by(similarity);
        for rows in [0..cut, cut..total] {
            let (vectors, ids, _) = case.block(rows);
            let mut shard = case.counter_by(similarity);
            shard.anchor(vectors, &ids, Some(2)).expect("sound");
            let bytes = shard.to_bytes(&[]).expect("no languages yet");
            let (read, none) = merged.read_bytes(&bytes).expect("sound");
            prop_assert!(none.is_empty());
            prop_assert_eq!(read.to_bytes(&[]).expect("no languages yet"), bytes);
            merged.merge(&read, &[]).expect("disjoint");
        }
        let anchors = merged.to_bytes(&[]).expect("no languages yet");
        for rows in [cut..total, 0..cut] {
            let (vectors, ids, languages) = case.block(rows);
            let (mut shard, _) = single.read_bytes(&anchors).expect("sound");
            shard.add(vectors, &ids, languages, Some(1)).expect("sound");
            let known = languages.iter().max().map_or(0, |&l| l as usize + 1);
            let bytes = shard.to_bytes(&names[..known]).expect("as many");
            let (read, found) = merged.read_bytes(&bytes).expect("sound");
            prop_assert_eq!(&found, &names[..known]);
            prop_assert_eq!(read.to_bytes(&found).expect("as many"), bytes);
            merged.merge(&read, &[0, 1, 2][..known]).expect("disjoint");
        }
        for ties in POLICIES {
            prop_assert_eq!(ranks(&merged, ties), ranks(&single, ties));
        }
        let counts = |counter: &RankCounter| (counter.candidates(), counter.ties(), counter.zero_rows());
        let compared = |counter: &RankCounter| counter.report().counts().iter().sum::<u64>();
        prop_assert_eq!(compared(&merged), compared(&single));
        prop_assert_eq!(counts(&merged), counts(&single));
        prop_assert_eq!(merged.languages(), single.languages());
    }

    /// Any change of any byte, and any other length, is refused; nothing panics.
    #[test]
    fn changed_bytes_are_refused(case in cases(), at: prop::sample::Index, flip in 1_u8..=255, lost in 0_usize..5) {
        let mut counter = case.counter();
        let (whole, ids, languages) = case.block(0..case.languages.len());
        counter.anchor(whole, &ids, Some(2)).expect("sound");
        counter.add(whole, &ids, languages, Some(1)).expect("sound");
        let most = languages.iter().max().map_or(0, |&l| l as usize + 1);
        let names: Vec<String> = (0..most).map(|l| l.to_string()).collect();
        let sound = counter.to_bytes(&names).expect("as many");
        let at = at.index(sound.len());
        let mut changed = sound.clone();
        changed[at] ^= flip;
        prop_assert!(counter.read_bytes(&changed).is_err());
        prop_assert!(counter.read_bytes(&sound[..at]).is_err());
        // With a checksum that fits, what is inside may be wrong in any way; it must not panic.
        let mut forged = changed[..sound.len() - 8 - lost].to_vec();
        forged.extend(twox_hash::XxHash3_64::oneshot(&forged).to_le_bytes());
        if let Ok((read, names)) = counter.read_bytes(&forged) {
            let numbers: Vec<u32> = (0..names.len() as u32).collect();
            let _ = counter.blank().merge(&read, &numbers);
        }
    }
}

/// However many counters are made of one, they share its queries.
#[test]
fn queries_are_shared_and_not_copied() {
    let case = Case {
        dimension: 2,
        queries: vec![3.0, 4.0],
        candidates: vec![1.0, 0.0],
        languages: vec![0],
        judged: vec![vec![(0, 1)]],
        excluded: vec![vec![]],
    };
    for similarity in [Similarity::Dot, Similarity::Cosine] {
        let counter = case.counter_by(similarity);
        let bytes = counter.to_bytes(&[]).expect("no languages yet");
        let (read, _) = counter.read_bytes(&bytes).expect("sound");
        let all = [counter.blank(), counter.clone().give_back(), read.clone(), read.give_back()];
        assert!(all.iter().all(|other| std::ptr::eq(other.queries().values, counter.queries().values)));
    }
}

/// What bytes claim takes no room before it is there.
#[test]
fn bytes_that_claim_many_languages_are_refused() {
    let (judged, names) = (30_000, 1_000_000_u64);
    let case = Case {
        dimension: 1,
        queries: vec![1.0],
        candidates: vec![1.0; judged],
        languages: vec![0; judged],
        judged: vec![(0..judged as i64).map(|id| (id, 1)).collect()],
        excluded: vec![vec![]],
    };
    let (whole, ids, _) = case.block(0..judged);
    let mut counter = case.counter();
    counter.anchor(whole, &ids, None).expect("sound");
    // Now there are tallies, but nothing is in them.
    counter.add(Vectors { values: &[], dimension: 1 }, &[], &[], None).expect("an empty block");
    let sound = counter.to_bytes(&[]).expect("no languages yet");
    // A mark, a version and an identity come first, then the names and, of each, its length: 0.
    let (head, rest) = (&sound[..28], &sound[36..sound.len() - 8]);
    let mut claims = [head, &names.to_le_bytes(), &vec![0; 8 * names as usize], rest].concat();
    claims.extend(twox_hash::XxHash3_64::oneshot(&claims).to_le_bytes());
    assert!(counter.read_bytes(&claims).unwrap_err().0.contains("is damaged"));
}

#[test]
fn merging_renumbers_languages() {
    let case = Case {
        dimension: 1,
        queries: vec![1.0],
        candidates: vec![3.0, 2.0, 2.0, 1.0],
        languages: vec![0, 1, 0, 1],
        judged: vec![vec![(0, 1), (3, 1)]],
        excluded: vec![vec![]],
    };
    let (whole, ids, _) = case.block(0..4);
    let mut a = case.counter();
    a.anchor(whole, &ids, Some(2)).expect("sound");
    let mut b = a.clone();
    let (vectors, ids, languages) = case.block(0..2);
    a.add(vectors, &ids, languages, None).expect("sound");
    let (vectors, ids, languages) = case.block(2..4);
    let swapped: Vec<u32> = languages.iter().map(|l| 1 - l).collect();
    b.add(vectors, &ids, &swapped, None).expect("sound");
    a.merge(&b, &[1, 0]).expect("disjoint");
    assert_eq!(ranks(&a, Ties::Docid), case.naive_ranks(Ties::Docid));
    assert_eq!(a.languages(), [0, 1]);
}

#[test]
fn a_block_with_an_error_counts_nothing() {
    let case = Case {
        dimension: 2,
        queries: vec![1.0, 0.0],
        candidates: vec![1.0, 0.0, 2.0, 0.0, 3.0, 0.0],
        languages: vec![0, 0, 0],
        judged: vec![vec![(0, 1)]],
        excluded: vec![vec![]],
    };
    let (whole, ids, languages) = case.block(0..3);
    let mut counter = case.counter();
    assert!(counter.add(whole, &ids, languages, None).unwrap_err().0.contains("candidate 0 has no anchor"));
    counter.anchor(whole, &ids, Some(2)).expect("sound");
    let bad = [1.0, 0.0, 2.0, f32::NAN, 3.0, 0.0];
    let bad = Vectors { values: &bad, dimension: 2 };
    assert!(counter.add(bad, &ids, languages, None).unwrap_err().0.contains("candidate 1 (row 1 of its block)"));
    assert!(counter.add(whole, &[0, 1, 1], languages, None).unwrap_err().0.contains("candidate 1 was added twice"));
    let moved = [1.5, 0.0, 2.0, 0.0, 3.0, 0.0];
    let moved = Vectors { values: &moved, dimension: 2 };
    assert!(counter.add(moved, &ids, languages, None).unwrap_err().0.contains("candidate 0 changed"));
    assert!(counter.anchor(moved, &ids, Some(2)).unwrap_err().0.contains("candidate 0 changed"));
    assert_eq!(counter.candidates(), 0);
    counter.add(whole, &ids, languages, None).expect("sound");
    assert_eq!(ranks(&counter, Ties::Pessimistic), [(3, 3)]);
    assert!(counter.add(whole, &ids, languages, None).unwrap_err().0.contains("candidate 0 was added twice"));
    assert_eq!(ranks(&counter, Ties::Pessimistic), [(3, 3)]);
}

/// Wherever a large block is given up, what was counted before stays, and the block can be added again.
#[test]
fn a_block_that_does_not_go_on_counts_nothing() {
    let (dimension, total) = (48, 100_000);
    // Whole numbers, so that many scores are equal.
    let number = |at: usize| (twox_hash::XxHash3_64::oneshot(&at.to_le_bytes()) % 7) as f32 - 3.0;
    let case = Case {
        dimension,
        queries: (0..5 * dimension).map(number).collect(),
        candidates: (5 * dimension..(5 + total) * dimension).map(number).collect(),
        languages: (0..total).map(|row| (row % 3) as u32).collect(),
        judged: (0..5).map(|q| vec![(q, 1), (70_000 + q, 2)]).collect(),
        excluded: (0..5).map(|q| vec![60_000 + q]).collect(),
    };
    let (whole, ids, _) = case.block(0..total);
    let (small, few, their) = case.block(0..100);
    let (large, many, languages) = case.block(100..total);
    for similarity in [Similarity::Dot, Similarity::Cosine] {
        let mut counter = case.counter_by(similarity);
        counter.anchor(whole, &ids, None).expect("sound");
        counter.add(small, &few, their, None).expect("sound");
        let names = ["a", "b", "c"].map(String::from);
        let before = counter.to_bytes(&names).expect("three languages");
        let mut expected = counter.clone();
        let mut asked = 0;
        let mut count = || {
            asked += 1;
            true
        };
        assert!(expected.add_while(large, &many, languages, None, &mut count).expect("sound"));
        assert!(asked > 1, "{asked}");
        for last in 0..asked {
            let mut left = last;
            let mut go_on = || {
                left -= 1;
                left >= 0
            };
            assert!(!counter.add_while(large, &many, languages, None, &mut go_on).expect("sound"));
            assert_eq!(counter.to_bytes(&names).expect("three languages"), before);
        }
        counter.add(large, &many, languages, None).expect("sound");
        assert_eq!(counter.to_bytes(&names), expected.to_bytes(&names));
        for ties in POLICIES {
            assert_eq!(ranks(&counter, ties), ranks(&expected, ties));
        }
    }
    // Blocks as they are read from files are not given up.
    let mut never = || unreachable!("4 MiB are counted in one go");
    assert!(case.counter().add_while(small, &[], &[], None, &mut never).is_err());
}

#[test]
fn bytes_of_another_version_or_evaluation_are_refused() {
    let mut case = Case {
        dimension: 2,
        queries: vec![1.0, -0.0],
        candidates: vec![1.0, 0.0, 2.0, 0.0],
        languages: vec![0, 0],
        judged: vec![vec![(0, 1)]],
        excluded: vec![vec![]],
    };
    let counter = case.counter();
    let sound = counter.to_bytes(&[]).expect("no languages yet");
    let refused = |bytes: &[u8]| counter.read_bytes(bytes).unwrap_err().0;
    let mut newer = sound[..sound.len() - 8].to_vec();
    newer[8] += 1;
    newer.extend(twox_hash::XxHash3_64::oneshot(&newer).to_le_bytes());
    assert_eq!(
        refused(&newer),
        "the counter has format 3 but this release reads 2: read it with the one that wrote it"
    );
    assert_eq!(refused(b"PK"), "the 2 bytes are no counter: give what to_bytes() or save() wrote");
    assert_eq!(
        refused(&sound[..11]),
        "the counter is damaged (its 11 bytes do not fit its checksum): write or send it again"
    );
    assert_eq!(counter.to_bytes(&[String::new()]).unwrap_err().0, "0 languages have 1 names: give one each");
    // Zeros of either sign are one query, as merge() has it.
    case.queries[1] = 0.0;
    assert!(case.counter().read_bytes(&sound).is_ok());
    case.queries[1] = 1e-45;
    assert!(case.counter().read_bytes(&sound).unwrap_err().0.contains("differ in queries"));
}
