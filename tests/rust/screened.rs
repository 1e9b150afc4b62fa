//! A block that was screened elsewhere counts as one that was screened here.

mod common;

use common::case::{Case, POLICIES, cases, ranks};
use hybridsampler_core::key::Key;
use hybridsampler_core::ranking::{RankCounter, Screened};
use hybridsampler_core::vectors::Vectors;
use proptest::prelude::*;

/// What a screen elsewhere has to tell of a block; owned, so that tests can spoil it.
#[derive(Debug, Clone)]
struct Told {
    ids: Vec<i64>,
    languages: Vec<u32>,
    rows: Vec<i64>,
    vectors: Vec<f32>,
    dimension: usize,
    higher: Vec<u32>,
    open_queries: Vec<i64>,
    open_rows: Vec<i64>,
}

impl Told {
    /// A screen that is certain of all scores but equal ones and some others.
    #[expect(clippy::float_cmp, reason = "a tie is an equal score, to the last bit")]
    fn of(case: &Case, rows: std::ops::Range<usize>, doubts: Key) -> Self {
        let (_, ids, languages) = case.block(rows.clone());
        let scores = case.scores();
        let positions: usize = case.judged.iter().map(Vec::len).sum();
        let count = languages.iter().max().map_or(0, |&l| l as usize + 1);
        let mut higher = vec![0; count * positions];
        let (mut open_queries, mut open_rows) = (Vec::new(), Vec::new());
        let mut first = 0;
        for (q, judged) in case.judged.iter().enumerate() {
            for (row, c) in rows.clone().enumerate() {
                let equal = judged.iter().any(|&(id, _)| scores[q][id as usize] == scores[q][c]);
                if equal || doubts.derive(q as u64).below(c as u64, 5) == 0 {
                    open_queries.push(q as i64);
                    open_rows.push(row as i64);
                    continue;
                }
                for (k, &(id, _)) in judged.iter().enumerate() {
                    let beats = scores[q][c] > scores[q][id as usize];
                    higher[languages[row] as usize * positions + first + k] += u32::from(beats);
                }
            }
            first += judged.len();
        }
        let known = |row: &i64| {
            let id = ids[*row as usize];
            open_rows.contains(row)
                || case.excluded.iter().flatten().any(|excluded| *excluded == id)
                || case.judged.iter().flatten().any(|(judged, _)| *judged == id)
        };
        let given: Vec<i64> = (0..ids.len() as i64).filter(known).collect();
        let vectors = given.iter().flat_map(|&row| case.row(&case.candidates, rows.start + row as usize)).copied();
        Self {
            languages: languages.to_vec(),
            vectors: vectors.collect(),
            dimension: case.dimension,
            rows: given,
            ids,
            higher,
            open_queries,
            open_rows,
        }
    }

    fn add(&self, counter: &mut RankCounter) -> Result<(), String> {
        let screened = Screened {
            ids: &self.ids,
            languages: &self.languages,
            rows: &self.rows,
            vectors: Vectors { values: &self.vectors, dimension: self.dimension },
            higher: &self.higher,
            open_queries: &self.open_queries,
            open_rows: &self.open_rows,
            zero_rows: 0,
        };
        counter.add_screened(&screened).map_err(|error| error.0)
    }
}

fn anchored(case: &Case) -> RankCounter<'static> {
    let mut counter = case.counter();
    let (whole, ids, _) = case.block(0..case.languages.len());
    counter.anchor(whole, &ids, Some(2)).expect("sound");
    counter
}

proptest! {
    #[test]
    fn blocks_screened_elsewhere_count_the_same(case in cases(), cut: prop::sample::Index, seed: u64) {
        let total = case.languages.len();
        let cut = cut.index(total + 1);
        let mut counter = anchored(&case);
        let (block, ids, languages) = case.block(0..cut);
        counter.add(block, &ids, languages, Some(1)).expect("sound");
        let told = Told::of(&case, cut..total, Key::from_seed(seed));
        told.add(&mut counter).expect("sound");
        for ties in POLICIES {
            prop_assert_eq!(ranks(&counter, ties), case.naive_ranks(ties));
        }
        let mut here = anchored(&case);
        let (whole, ids, languages) = case.block(0..total);
        here.add(whole, &ids, languages, Some(1)).expect("sound");
        prop_assert_eq!(counter.ties(), here.ties());
        let compared = |counter: &RankCounter| counter.report().counts().iter().sum::<u64>();
        prop_assert_eq!(compared(&counter), compared(&here));
        prop_assert!(told.add(&mut counter).is_err() || cut == total);
    }
}

/// One query that judges candidate 1 of four with the scores 4, 3, 2, 1, and leaves out candidate 3.
fn four() -> Case {
    Case {
        dimension: 1,
        queries: vec![1.0],
        candidates: vec![4.0, 3.0, 2.0, 1.0],
        languages: vec![0, 0, 1, 1],
        judged: vec![vec![(1, 1)]],
        excluded: vec![vec![3]],
    }
}

#[test]
fn what_cannot_be_is_refused_and_counts_nothing() {
    let case = four();
    let mut counter = anchored(&case);
    let sound = Told {
        ids: vec![0, 1, 2, 3],
        languages: case.languages.clone(),
        rows: vec![1, 3],
        vectors: vec![3.0, 1.0],
        dimension: 1,
        higher: vec![1, 0],
        open_queries: vec![0],
        open_rows: vec![1],
    };
    let mut refused = |spoil: fn(&mut Told)| {
        let mut told = sound.clone();
        spoil(&mut told);
        told.add(&mut counter).unwrap_err()
    };
    for (spoil, message) in [
        ((|told| told.languages.truncate(3)) as fn(&mut Told), "4 candidates have 3 languages: give one each"),
        (|told| told.rows = vec![3, 1], "rows: give places in the block of 4 candidates, ascending, each once"),
        (|told| told.rows = vec![1, 4], "rows: give places in the block of 4 candidates, ascending, each once"),
        (|told| told.ids[0] = -1, "candidate id -1 is negative: ids are 0 or more"),
        (|told| told.ids[0] = 2, "candidate 2 was added twice: every id stands for one candidate"),
        (
            |told| told.vectors[1] = f32::NAN,
            "candidate 3 (row 1 of its block) holds NaN or infinity: scores need finite vectors; check the encoder's \
             output",
        ),
        (
            |told| told.vectors[0] = 3.5,
            "the vector of judged candidate 1 changed between two blocks: encode each candidate once (an encoder in \
             training mode, or different batching, changes it)",
        ),
        (
            |told| (told.rows, told.vectors) = (vec![3], vec![1.0]),
            "candidate 1 is judged but its vector is not among those given: give it",
        ),
        (
            |told| (told.rows, told.vectors) = (vec![1], vec![3.0]),
            "candidate 3 is excluded but its vector is not among those given: give it",
        ),
        (|told| told.open_rows.clear(), "open pairs have 1 queries and 0 rows: give one each"),
        (
            |told| told.open_queries[0] = 1,
            "query 1 is open for row 1: name queries that exist and rows whose vectors are given",
        ),
        (
            |told| told.open_rows[0] = 2,
            "query 0 is open for row 2: name queries that exist and rows whose vectors are given",
        ),
        (
            |told| (told.open_queries, told.open_rows) = (vec![0, 0], vec![1, 1]),
            "query 0 is open for row 1 twice: name each pair once",
        ),
        (|told| told.open_rows[0] = 3, "candidate 1 is judged for query 0 but not open for it: name the pair"),
        (
            |told| told.higher.truncate(1),
            "higher has 1 counts: give one for each of 2 languages and 1 judged positions",
        ),
        (
            |told| told.higher[0] = 2,
            "higher: of query 0 and language 0 the counts are [2], from the lowest judged score to the highest: they \
             never rise, and 1 candidates are not open",
        ),
    ] {
        assert_eq!(refused(spoil), message);
    }
    assert_eq!((counter.candidates(), counter.report().counts()), (0, [0; 5]));
    sound.add(&mut counter).expect("sound");
    assert_eq!(ranks(&counter, POLICIES[0]), case.naive_ranks(POLICIES[0]));
    assert_eq!(counter.thresholds(), [3.0]);
}
