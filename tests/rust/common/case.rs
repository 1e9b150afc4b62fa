//! Sets of queries and candidates, and the ranks that the naive oracle finds in them.

use std::cmp::Ordering;

use hybridsampler_core::judged::{Excluded, Judged};
use hybridsampler_core::key::Key;
use hybridsampler_core::ranking::RankCounter;
use hybridsampler_core::tally::Ties;
use hybridsampler_core::vectors::{Similarity, Vectors};
use proptest::prelude::*;

use super::naive_score;

#[derive(Debug, Clone)]
pub struct Case {
    pub dimension: usize,
    pub queries: Vec<f32>,
    pub candidates: Vec<f32>,
    pub languages: Vec<u32>,
    /// For each query: (candidate, grade).
    pub judged: Vec<Vec<(i64, i64)>>,
    pub excluded: Vec<Vec<i64>>,
}

/// Few values, so that ties abound; or any finite values, of any size.
pub fn component() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => prop::sample::select(vec![0.0_f32, 1.0, -1.0, -0.0]),
        1 => prop::sample::select(vec![1e30_f32, -1e30, 1e-30, 1e-45, f32::MAX, 1.000_000_1, 0.333_333_34]),
        1 => prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
    ]
}

pub fn cases() -> impl Strategy<Value = Case> {
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
pub fn large_cases(dimensions: std::ops::Range<usize>) -> impl Strategy<Value = Case> {
    (dimensions, 1_usize..60, 20_usize..400, any::<u64>(), 0_usize..13).prop_map(
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
                            7 => {
                                if at % dimension < 2 {
                                    x + 1e4
                                } else {
                                    x * 1e-3
                                }
                            }
                            // Few directions, which queries and candidates share, and a common offset: as a model's.
                            8 => {
                                let shared = Key::from_seed(seed).derive(9);
                                let topic = normal(shared, at % dimension + row % 7 * dimension);
                                topic + 0.3 * x + 2.0 * normal(shared.derive(1), at % dimension)
                            }
                            // Denormal numbers; zero rows among others; numbers as large as there are; any numbers.
                            9 => (x * 3.0).trunc() * f32::from_bits(1),
                            10 => x * f32::from(u8::from(row % 3 != 0)),
                            11 => f32::MAX.copysign(x),
                            _ => x * 10.0_f32.powf((normal(key.derive(7), at) * 12.0).clamp(-37.0, 37.0)),
                        }
                    })
                    .collect()
            };
            let list = |q: usize| -> Vec<i64> {
                // Thresholds are compared fifteen at a time where registers are wide.
                let most = [9, 15, 16, 17, 18, 70][key.derive(4).below(q as u64, 6) as usize];
                let mut ids: Vec<i64> =
                    (0..most).map(|i| key.derive(q as u64).below(i, candidates as u64) as i64).collect();
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
    pub fn counter(&self) -> RankCounter<'static> {
        self.counter_by(Similarity::Dot)
    }

    pub fn counter_by(&self, similarity: Similarity) -> RankCounter<'static> {
        let (queries, judged, excluded) = self.evaluation();
        RankCounter::new(queries, judged, Some(excluded), similarity).expect("sound")
    }

    pub fn borrowing(&self, similarity: Similarity) -> RankCounter<'_> {
        let (queries, judged, excluded) = self.evaluation();
        RankCounter::borrowing(queries, judged, Some(excluded), similarity).expect("sound")
    }

    fn evaluation(&self) -> (Vectors<'_>, Judged, Excluded) {
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
        (Vectors { values: &self.queries, dimension: self.dimension }, judged, excluded)
    }

    pub fn block(&self, rows: std::ops::Range<usize>) -> (Vectors<'_>, Vec<i64>, &[u32]) {
        let values = &self.candidates[rows.start * self.dimension..rows.end * self.dimension];
        let ids = rows.clone().map(|row| row as i64).collect();
        (Vectors { values, dimension: self.dimension }, ids, &self.languages[rows])
    }

    pub fn row<'a>(&self, vectors: &'a [f32], i: usize) -> &'a [f32] {
        &vectors[i * self.dimension..][..self.dimension]
    }

    pub fn scores(&self) -> Vec<Vec<f64>> {
        let of = |query: &[f32]| self.candidates.chunks(self.dimension).map(|row| naive_score(query, row)).collect();
        self.queries.chunks(self.dimension).map(of).collect()
    }

    /// The ranks by counting, for sets too large to sort a pool for each rank; equal scores by id.
    pub fn counted_ranks(&self) -> Vec<(u64, u64)> {
        let total = self.languages.len();
        let scores: Vec<Vec<f64>> = self.scores();
        let mut expected = Vec::new();
        for (q, judged) in self.judged.iter().enumerate() {
            for (id, _) in judged {
                let own = scores[q][*id as usize];
                let before = |c: &usize| match scores[q][*c].partial_cmp(&own).expect("finite") {
                    Ordering::Greater => true,
                    Ordering::Equal => (*c as i64) < *id,
                    Ordering::Less => false,
                };
                let pool = || (0..total).filter(|c| !self.excluded[q].contains(&(*c as i64))).filter(before);
                let within = pool().filter(|&c| self.languages[c] == self.languages[*id as usize]).count();
                expected.push((1 + within as u64, 1 + pool().count() as u64));
            }
        }
        expected
    }

    /// Sorts the pool and looks each judged candidate up: (within, overall) in the order of the lists.
    pub fn naive_ranks(&self, ties: Ties) -> Vec<(u64, u64)> {
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

pub fn ranks(counter: &RankCounter, ties: Ties) -> Vec<(u64, u64)> {
    counter.ranks(ties).expect("all added").iter().map(|rank| (rank.within, rank.overall)).collect()
}

pub const POLICIES: [Ties; 4] = [Ties::Pessimistic, Ties::Optimistic, Ties::Trec, Ties::Docid];
