//! Bags of n-grams, against the obvious way with vectors of characters.

use hybridsampler_core::ngram::Ngrams;
use proptest::prelude::*;
use twox_hash::XxHash3_64;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// All n-grams of a text as strings, from its characters.
fn naive(text: &str, shortest: usize, longest: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = vec![' '];
    for c in text.chars().chain(['.']) {
        use GeneralCategoryGroup::{Letter, Mark, Number};
        if [Letter, Mark, Number].contains(&c.general_category_group()) {
            word.extend(c.to_lowercase());
            continue;
        }
        word.push(' ');
        for first in 0..word.len() {
            for n in shortest..=longest {
                if word.len() > 2 && first + n <= word.len() {
                    found.push(word[first..first + n].iter().collect());
                }
            }
        }
        word.truncate(1);
    }
    found
}

proptest! {
    #[test]
    fn equals_the_obvious_way(texts in prop::collection::vec("\\PC{0,20}[ \t\n]{0,2}\\PC{0,20}", 0..5),
                              shortest in 1_usize..4, more in 0_usize..4, buckets in 1_u32..1 << 20) {
        let bags = Ngrams::new(shortest, shortest + more, buckets).expect("sound").hash(&texts);
        prop_assert_eq!(bags.indptr.len(), texts.len() + 1);
        for (text, at) in texts.iter().zip(bags.indptr.windows(2)) {
            let bucket = |gram: &String| ((u128::from(XxHash3_64::oneshot(gram.as_bytes())) * u128::from(buckets)) >> 64) as i32;
            let expected: Vec<i32> = naive(text, shortest, shortest + more).iter().map(bucket).collect();
            prop_assert_eq!(&bags.ids[at[0] as usize..at[1] as usize], expected);
        }
    }
}

/// Marks belong to their letters: a virama or a tone does not cut a word.
#[test]
fn words_end_at_punctuation_and_not_at_marks() {
    let whole = |text: &str| naive(text, text.chars().count() + 2, text.chars().count() + 2);
    assert_eq!(whole("हिन्दी"), [" हिन्दी "]);
    assert_eq!(whole("ที่นี่"), [" ที่นี่ "]);
    let both = Ngrams::new(2, 2, 1 << 20).expect("sound");
    assert_eq!(both.hash(&["ab-cd"]).ids, both.hash(&["AB, cd!"]).ids);
}

#[test]
fn buckets_are_filled_evenly() {
    let texts: Vec<String> = (0..20_000).map(|i| format!("{i:x}")).collect();
    let bags = Ngrams::new(2, 4, 64).expect("sound").hash(&texts);
    let mut distinct: Vec<String> = texts.iter().flat_map(|text| naive(text, 2, 4)).collect();
    distinct.sort();
    distinct.dedup();
    let one_each = Ngrams::new(4, 4, 64).expect("sound");
    let fours: Vec<&String> = distinct.iter().filter(|gram| gram.len() == 4 && !gram.contains(' ')).collect();
    let mut counts = [0_u64; 64];
    for gram in &fours {
        counts[one_each.hash(&[gram]).ids[1] as usize] += 1;
    }
    let expected = fours.len() as f64 / 64.0;
    let statistic: f64 = counts.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
    // 63 degrees of freedom: mean 63, standard deviation 11.2; 130 is six of them above.
    assert!(statistic < 130.0, "{statistic}");
    assert!(bags.ids.iter().all(|id| (0..64).contains(id)));
}

#[test]
fn refuses_what_makes_no_sense() {
    for (shortest, longest, buckets) in [(0, 2, 8), (3, 2, 8), (1, 2, 0)] {
        assert!(Ngrams::new(shortest, longest, buckets).is_err());
    }
}
