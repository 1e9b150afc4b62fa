//! Ranks equal those of a naive oracle digit for digit, however the work is cut.

mod common;

use std::cmp::Ordering;

use common::{at_every_level, naive_score};
use hybridsampler_core::judged::{Excluded, Judged};
use hybridsampler_core::key::Key;
use hybridsampler_core::ranking::RankCounter;
use hybridsampler_core::score::simd;
use hybridsampler_core::tally::Ties;
use hybridsampler_core::vectors::{Similarity, Vectors};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    dimension: usize,
    queries: Vec<f32>,
    candidates: Vec<f32>,
    languages: Vec<u32>,
    /// For each query: (candidate, grade).
    judged: Vec<Vec<(i64, i64)>>,
    excluded: Vec<Vec<i64>>,
}

/// Few values, so that ties abound; or any finite values, of any size.
fn component() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => prop::sample::select(vec![0.0_f32, 1.0, -1.0, -0.0]),
        1 => prop::sample::select(vec![1e30_f32, -1e30, 1e-30, 1e-45, f32::MAX, 1.000_000_1, 0.333_333_34]),
        1 => prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    (1_usize..70, 1_usize..40, 1_usize..30).prop_flat_map(|(dimension, queries, candidates)| {
        let ids: Vec<i64> = (0..candidates as i64).collect();
        let lists = prop::sample::subsequence(ids, 0..=candidates.min(8)).prop_shuffle();
        let judged = (lists, prop::collection::vec(0_i64..3, 8), 0_usize..3);
        (
            prop::collection::vec(component(), queries * dimension),
            prop::collection::vec(component(), candidates * dimension),
            prop::collection::vec(0_u32..3, candidates),
            prop::collection::vec(judged, queries),
        )
            .prop_map(move |(queries, candidates, languages, lists)| {
                let mut judged = Vec::new();
                let mut excluded = Vec::new();
                for (ids, grades, exclude) in lists {
                    let split = exclude.min(ids.len());
                    excluded.push(ids[..split].to_vec());
                    judged.push(ids[split..].iter().copied().zip(grades).collect());
                }
                Case { dimension, queries, candidates, languages, judged, excluded }
            })
    })
}

/// Sets that go beyond a chunk of components, a tile of candidates and a run of queries, of a kind each.
fn large_cases() -> impl Strategy<Value = Case> {
    (1_usize..400, 1_usize..60, 20_usize..400, any::<u64>(), 0_usize..8).prop_map(
        |(dimension, queries, candidates, seed, kind)| {
            let key = Key::from_seed(seed);
            // Roughly normal: the sum of twelve uniform numbers.
            let normal = |key: Key, at: usize| {
                let uniform = |i: u64| key.word(12 * at as u64 + i) as f64 / 2.0_f64.powi(64);
                ((0..12).map(uniform).sum::<f64>() - 6.0) as f32
            };
            let draw = |key: Key, rows: usize| -> Vec<f32> {
                (0..rows * dimension)
                    .map(|at| {
                        let (x, row) = (normal(key, at), at / dimension);
                        match kind {
                            0 => x,
                            // Copies of a few rows, some of them one unit in the last place apart in one component.
                            1 => {
                                let copied = normal(key, at % dimension + row % 5 * dimension);
                                let moved = at % dimension == row % dimension && row % 3 == 0;
                                if moved { copied.next_up() } else { copied }
                            }
                            2 => x.signum(),
                            3 => f32::from(u8::from(at % dimension == row % dimension)),
                            4 => x * 1e30,
                            5 => x * 1e-30,
                            // Rows of mixed scale, beyond what float32 sums hold at one end.
                            6 => x * 10.0_f32.powi(row as i32 % 7 * 12 - 36),
                            // Two components that outweigh the others.
                            _ => {
                                if at % dimension < 2 {
                                    x + 1e4
                                } else {
                                    x * 1e-3
                                }
                            }
                        }
                    })
                    .collect()
            };
            let list = |q: usize| -> Vec<i64> {
                let mut ids: Vec<i64> =
                    (0..9).map(|i| key.derive(q as u64).below(i, candidates as u64) as i64).collect();
                ids.sort_unstable();
                ids.dedup();
                ids
            };
            Case {
                dimension,
                queries: draw(key.derive(1), queries),
                candidates: draw(key.derive(2), candidates),
                languages: (0..candidates).map(|c| key.derive(3).below(c as u64, 3) as u32).collect(),
                judged: (0..queries).map(|q| list(q).into_iter().skip(1).map(|id| (id, id % 3)).collect()).collect(),
                excluded: (0..queries).map(|q| list(q)[..1].to_vec()).collect(),
            }
        },
    )
}

impl Case {
    fn counter(&self) -> RankCounter {
        self.counter_by(Similarity::Dot)
    }

    fn counter_by(&self, similarity: Similarity) -> RankCounter {
        let mut indptr = vec![0];
        let (mut ids, mut grades) = (Vec::new(), Vec::new());
        for list in &self.judged {
            ids.extend(list.iter().map(|(id, _)| id));
            grades.extend(list.iter().map(|(_, grade)| grade));
            indptr.push(ids.len() as i64);
        }
        let judged = Judged::new(&indptr, &ids, &grades).expect("sound");
        let ends = self.excluded.iter().scan(0, |end, list| {
            *end += list.len() as i64;
            Some(*end)
        });
        let indptr: Vec<i64> = std::iter::once(0).chain(ends).collect();
        let excluded = Excluded::new(&indptr, &self.excluded.concat(), &judged).expect("sound");
        let queries = Vectors { values: &self.queries, dimension: self.dimension };
        RankCounter::new(queries, judged, Some(excluded), similarity).expect("sound")
    }

    fn block(&self, rows: std::ops::Range<usize>) -> (Vectors<'_>, Vec<i64>, &[u32]) {
        let values = &self.candidates[rows.start * self.dimension..rows.end * self.dimension];
        let ids = rows.clone().map(|row| row as i64).collect();
        (Vectors { values, dimension: self.dimension }, ids, &self.languages[rows])
    }

    fn row<'a>(&self, vectors: &'a [f32], i: usize) -> &'a [f32] {
        &vectors[i * self.dimension..][..self.dimension]
    }

    fn scores(&self) -> Vec<Vec<f64>> {
        let of = |query: &[f32]| self.candidates.chunks(self.dimension).map(|row| naive_score(query, row)).collect();
        self.queries.chunks(self.dimension).map(of).collect()
    }

    /// Sorts the pool and looks each judged candidate up: (within, overall) in the order of the lists.
    fn naive_ranks(&self, ties: Ties) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for (q, judged) in self.judged.iter().enumerate() {
            let grade = |id: i64| judged.iter().find(|(judged, _)| *judged == id).map_or(-1, |(_, grade)| *grade);
            let order = |language: Option<u32>| {
                let mut pool: Vec<i64> = (0..self.languages.len() as i64)
                    .filter(|id| language.is_none_or(|l| self.languages[*id as usize] == l))
                    .filter(|id| !self.excluded[q].contains(id))
                    .collect();
                let query = self.row(&self.queries, q);
                pool.sort_by(|&a, &b| {
                    let score = |id: i64| naive_score(query, self.row(&self.candidates, id as usize));
                    let policy = match ties {
                        Ties::Pessimistic => grade(a).cmp(&grade(b)).then(a.cmp(&b)),
                        Ties::Optimistic => grade(b).cmp(&grade(a)).then(a.cmp(&b)),
                        Ties::Trec => b.cmp(&a),
                        Ties::Docid => a.cmp(&b),
                    };
                    score(b).partial_cmp(&score(a)).expect("finite").then(policy)
                });
                pool
            };
            for (id, _) in judged {
                let rank = |pool: Vec<i64>| 1 + pool.iter().position(|other| other == id).expect("in its pool") as u64;
                found.push((rank(order(Some(self.languages[*id as usize]))), rank(order(None))));
            }
        }
        found
    }
}

fn ranks(counter: &RankCounter, ties: Ties) -> Vec<(u64, u64)> {
    counter.ranks(ties).expect("all added").iter().map(|rank| (rank.within, rank.overall)).collect()
}

const POLICIES: [Ties; 4] = [Ties::Pessimistic, Ties::Optimistic, Ties::Trec, Ties::Docid];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn ranks_equal_the_oracle(case in cases(), block in 1_usize..40, threads in 1_usize..4) {
        let mut counter = case.counter();
        let total = case.languages.len();
        let (whole, ids, _) = case.block(0..total);
        counter.anchor(whole, &ids).expect("sound");
        for first in (0..total).step_by(block) {
            let (vectors, ids, languages) = case.block(first..total.min(first + block));
            counter.add(vectors, &ids, languages, Some(threads)).expect("sound");
        }
        for ties in POLICIES {
            prop_assert_eq!(ranks(&counter, ties), case.naive_ranks(ties));
        }
    }

    #[test]
    fn large_sets_equal_the_oracle(case in large_cases(), block in 1_usize..500, threads in 1_usize..4) {
        let total = case.languages.len();
        let mut counter = case.counter();
        let (whole, ids, _) = case.block(0..total);
        counter.anchor(whole, &ids).expect("sound");
        for first in (0..total).step_by(block) {
            let (vectors, ids, languages) = case.block(first..total.min(first + block));
            counter.add(vectors, &ids, languages, Some(threads)).expect("sound");
        }
        let scores: Vec<Vec<f64>> = case.scores();
        let mut expected = Vec::new();
        for (q, judged) in case.judged.iter().enumerate() {
            for (id, _) in judged {
                let own = scores[q][*id as usize];
                let before = |c: &usize| match scores[q][*c].partial_cmp(&own).expect("finite") {
                    Ordering::Greater => true,
                    Ordering::Equal => (*c as i64) < *id,
                    Ordering::Less => false,
                };
                let pool = || (0..total).filter(|c| !case.excluded[q].contains(&(*c as i64))).filter(before);
                let within = pool().filter(|&c| case.languages[c] == case.languages[*id as usize]).count();
                expected.push((1 + within as u64, 1 + pool().count() as u64));
            }
        }
        prop_assert_eq!(ranks(&counter, Ties::Docid), expected);
    }

    /// Two counters, each with a part of the candidates: anchors shared, then counts merged, either way round.
    #[test]
    fn shards_merge(case in cases(), cut: prop::sample::Index, swap: bool) {
        let total = case.languages.len();
        let cut = cut.index(total + 1);
        let mut shards = [case.counter(), case.counter()];
        for (counter, rows) in shards.iter_mut().zip([0..cut, cut..total]) {
            let (vectors, ids, _) = case.block(rows);
            counter.anchor(vectors, &ids).expect("sound");
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

    /// Shards again, with nothing but bytes going between them.
    #[test]
    fn bytes_hold_what_a_counter_knows(case in cases(), cut: prop::sample::Index, cosine: bool) {
        let similarity = if cosine { Similarity::Cosine } else { Similarity::Dot };
        let names = ["a".to_owned(), "ß語".to_owned(), String::new()];
        let total = case.languages.len();
        let cut = cut.index(total + 1);
        let (whole, ids, _) = case.block(0..total);
        let mut single = case.counter_by(similarity);
        single.anchor(whole, &ids).expect("sound");
        single.add(whole, &ids, &case.languages, Some(1)).expect("sound");
        let mut merged = case.counter_by(similarity);
        for rows in [0..cut, cut..total] {
            let (vectors, ids, _) = case.block(rows);
            let mut shard = case.counter_by(similarity);
            shard.anchor(vectors, &ids).expect("sound");
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
        prop_assert_eq!(counts(&merged), counts(&single));
        prop_assert_eq!(merged.languages(), single.languages());
    }

    /// Any change of any byte, and any other length, is refused; nothing panics.
    #[test]
    fn changed_bytes_are_refused(case in cases(), at: prop::sample::Index, flip in 1_u8..=255, lost in 0_usize..5) {
        let mut counter = case.counter();
        let (whole, ids, languages) = case.block(0..case.languages.len());
        counter.anchor(whole, &ids).expect("sound");
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
        forged.extend(xxhash_rust::xxh3::xxh3_64(&forged).to_le_bytes());
        if let Ok((read, names)) = counter.read_bytes(&forged) {
            let numbers: Vec<u32> = (0..names.len() as u32).collect();
            let _ = counter.blank().merge(&read, &numbers);
        }
    }
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
    a.anchor(whole, &ids).expect("sound");
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
    counter.anchor(whole, &ids).expect("sound");
    let bad = [1.0, 0.0, 2.0, f32::NAN, 3.0, 0.0];
    let bad = Vectors { values: &bad, dimension: 2 };
    assert!(counter.add(bad, &ids, languages, None).unwrap_err().0.contains("candidate 1 (row 1 of its block)"));
    assert!(counter.add(whole, &[0, 1, 1], languages, None).unwrap_err().0.contains("candidate 1 was added twice"));
    let moved = [1.5, 0.0, 2.0, 0.0, 3.0, 0.0];
    let moved = Vectors { values: &moved, dimension: 2 };
    assert!(counter.add(moved, &ids, languages, None).unwrap_err().0.contains("candidate 0 changed"));
    assert!(counter.anchor(moved, &ids).unwrap_err().0.contains("candidate 0 changed"));
    assert_eq!(counter.candidates(), 0);
    counter.add(whole, &ids, languages, None).expect("sound");
    assert_eq!(ranks(&counter, Ties::Pessimistic), [(3, 3)]);
    assert!(counter.add(whole, &ids, languages, None).unwrap_err().0.contains("candidate 0 was added twice"));
    assert_eq!(ranks(&counter, Ties::Pessimistic), [(3, 3)]);
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
    newer.extend(xxhash_rust::xxh3::xxh3_64(&newer).to_le_bytes());
    assert_eq!(
        refused(&newer),
        "the counter has format 2 but this release reads 1: read it with the one that wrote it"
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

#[test]
fn every_level_passes_the_same_tests() {
    at_every_level("equal_the_oracle", simd);
}
