//! The plan keeps its promises, checked by brute force on random corpora.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hybridsampler_core::categories::Draws;
use hybridsampler_core::columns::{Columns, Lent, Lists};
use hybridsampler_core::corpus::Corpus;
use hybridsampler_core::plan::{Options, Plan};
use hybridsampler_core::streams::{Excess, Stream};
use hybridsampler_core::weights::{Kind, Weights, pair_of};
use proptest::prelude::*;

/// The columns of a corpus in shuffled order, and what the plan is asked for.
#[derive(Debug, Clone)]
struct Case {
    group: Vec<i64>,
    language: Vec<i64>,
    source: Vec<i64>,
    weights: Weights,
    batch_size: u64,
    seed: u64,
}

const LANGUAGES: usize = 4;

fn called(column: &str, row: usize) -> String {
    format!("{column} of {row}")
}

impl Case {
    fn corpus(&self) -> Corpus {
        let names = |word: &str, count: usize| (0..count).map(|i| format!("{word}{i}")).collect();
        let columns = Columns {
            source: Some(self.source[..].into()),
            ..Columns::new(self.group[..].into(), self.language[..].into())
        };
        let sources = self.weights.languages.len();
        Corpus::new(&columns, names("l", LANGUAGES), names("s", sources), &called).expect("a sound corpus")
    }

    fn plan(&self, draws: Draws) -> Plan {
        let options =
            Options { draws, batch_size: self.batch_size, seed: self.seed, excess: Excess::Refuse, negatives: 0 };
        Plan::new(Arc::new(self.corpus()), self.weights.clone(), options, &called).expect("a sound plan")
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let source = (prop::sample::subsequence((0..LANGUAGES).collect::<Vec<_>>(), 2..=LANGUAGES), 0_i64..20, 1_u32..5);
    let kinds = prop::array::uniform3(0_u32..4).prop_filter("a kind", |kinds| kinds.iter().any(|&k| k > 0));
    (prop::collection::vec(source, 1..4), kinds, 1_u64..7, any::<u64>(), any::<prop::sample::Index>()).prop_map(
        |(sources, kinds, batch_size, seed, rotate)| {
            let mut rows = Vec::new();
            let mut group = 0;
            for (s, (languages, extra, _)) in sources.iter().enumerate() {
                for _ in 0..batch_size as i64 + extra {
                    rows.extend(languages.iter().map(|&l| (group, l as i64, s as i64)));
                    group += 1;
                }
            }
            let middle = rotate.index(rows.len());
            rows.rotate_left(middle);
            if seed % 2 == 0 {
                rows.reverse();
            }
            let by_source: Vec<f64> = sources.iter().map(|(_, _, w)| f64::from(*w)).collect();
            let width = |languages: &[usize]| languages.len();
            Case {
                group: rows.iter().map(|row| row.0).collect(),
                language: rows.iter().map(|row| row.1).collect(),
                source: rows.iter().map(|row| row.2).collect(),
                weights: Weights {
                    kinds: kinds.map(f64::from),
                    sources: [by_source.clone(), by_source.clone(), by_source],
                    languages: sources.iter().map(|(l, _, _)| vec![1.0; width(l)]).collect(),
                    pairs: sources.iter().map(|(l, _, _)| vec![1.0; width(l) * (width(l) - 1)]).collect(),
                },
                batch_size,
                seed,
            }
        },
    )
}

/// What a batch is, from its rows alone.
fn classify(case: &Case, batch: &[i64]) -> (HashSet<i64>, HashSet<(i64, i64)>) {
    let at = |column: &[i64], row: i64| column[row as usize];
    let mut sources = HashSet::new();
    let mut pairs = HashSet::new();
    for pair in batch.chunks(2) {
        assert_eq!(at(&case.group, pair[0]), at(&case.group, pair[1]), "query and passage of one group");
        sources.insert(at(&case.source, pair[0]));
        pairs.insert((at(&case.language, pair[0]), at(&case.language, pair[1])));
    }
    (sources, pairs)
}

fn steps(case: &Case) -> usize {
    6 * case.group.len() / case.batch_size as usize
}

fn batches(plan: &Plan, first: u64, count: usize, threads: Option<usize>) -> Vec<i64> {
    let mut out = vec![0; count * 2 * plan.batch_size() as usize];
    plan.fill(first, &Lent::default(), &mut out, threads).expect("what the corpus was built from");
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn batches_are_what_their_stream_says(case in cases(), random: bool) {
        let plan = case.plan(if random { Draws::Random } else { Draws::Balanced });
        let width = 2 * case.batch_size as usize;
        for (t, batch) in batches(&plan, 0, 60, Some(1)).chunks(width).enumerate() {
            let stream = plan.stream(t as u64);
            let (sources, pairs) = classify(&case, batch);
            prop_assert_eq!(sources, HashSet::from([i64::from(stream.source)]));
            match stream.kind {
                Kind::Monolingual => {
                    let slot = stream.slot.expect("a language") as usize;
                    let corpus = case.corpus();
                    let language = i64::from(corpus.sources()[stream.source as usize].languages()[slot]);
                    prop_assert_eq!(pairs, HashSet::from([(language, language)]));
                }
                Kind::CrossLingual => prop_assert!(pairs.iter().all(|(q, p)| q != p)),
                Kind::Mixed => prop_assert!(pairs.iter().all(|(q, p)| q == p)),
            }
            let groups: HashSet<i64> = batch.chunks(2).map(|pair| case.group[pair[0] as usize]).collect();
            prop_assert_eq!(groups.len() as u64, case.batch_size, "a group comes once in a batch");
        }
    }

    /// A stream is a row of passes: no group twice in one, and the groups left out take turns.
    #[test]
    fn passes_cover(case in cases(), random: bool) {
        let plan = case.plan(if random { Draws::Random } else { Draws::Balanced });
        let width = 2 * case.batch_size as usize;
        let mut streams: HashMap<Stream, Vec<Vec<i64>>> = HashMap::new();
        for (t, batch) in batches(&plan, 0, steps(&case), Some(1)).chunks(width).enumerate() {
            let groups = batch.chunks(2).map(|pair| case.group[pair[0] as usize]).collect();
            streams.entry(plan.stream(t as u64)).or_default().push(groups);
        }
        for (stream, batches) in streams {
            let all: HashSet<i64> = (case.group.iter().zip(&case.source))
                .filter(|(_, source)| **source == i64::from(stream.source))
                .map(|(group, _)| *group)
                .collect();
            let per_pass = all.len() / case.batch_size as usize;
            let mut counts: HashMap<i64, u32> = all.iter().map(|&g| (g, 0)).collect();
            for pass in batches.chunks(per_pass) {
                let members: HashSet<i64> = pass.iter().flatten().copied().collect();
                prop_assert_eq!(members.len(), pass.len() * case.batch_size as usize, "a group comes once in a pass");
                for group in members {
                    *counts.get_mut(&group).expect("a group of the source") += 1;
                }
                if pass.len() == per_pass {
                    let (least, most) = (counts.values().min(), counts.values().max());
                    prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
                }
            }
        }
    }

    #[test]
    fn any_slice_in_any_threads_is_the_same(case in cases(), random: bool, a in 0_usize..30, len in 0_usize..30) {
        let draws = if random { Draws::Random } else { Draws::Balanced };
        let plan = case.plan(draws);
        let width = 2 * case.batch_size as usize;
        let whole = batches(&plan, 0, a + len, Some(1));
        prop_assert_eq!(&batches(&case.plan(draws), a as u64, len, None), &whole[a * width..]);
        for t in (0..a + len).rev() {
            prop_assert_eq!(&batches(&plan, t as u64, 1, Some(1)), &whole[t * width..][..width]);
        }
    }

    #[test]
    fn codes_are_those_of_the_pairs(case in cases(), random: bool, first in 0_u64..30, begin: prop::sample::Index, len: prop::sample::Index) {
        let plan = case.plan(if random { Draws::Random } else { Draws::Balanced });
        let size = case.batch_size as usize;
        let begin = begin.index(size);
        let own = begin..begin + 1 + len.index(size - begin);
        let mut codes = vec![0; 20 * own.len()];
        plan.fill_codes(first, own.start as u64..own.end as u64, &Lent::default(), &mut codes, Some(1)).expect("few rows");
        let rows = case.group.len() as i64;
        let pairs = batches(&plan, first, 20, Some(1));
        let of = |batch: &[i64]| batch.chunks(2).map(|pair| if pair[0] == pair[1] { pair[0] } else { rows + pair[0] * rows + pair[1] }).collect::<Vec<_>>();
        let expected: Vec<i64> = pairs.chunks(2 * size).flat_map(|batch| of(batch)[own.clone()].to_vec()).collect();
        prop_assert_eq!(codes, expected);
    }
}

#[test]
fn threads_do_not_matter() {
    let group: Vec<i64> = (0..4_000).flat_map(|g| [g, g]).collect();
    let language: Vec<i64> = (0..8_000).map(|row| row % 2).collect();
    let columns = Columns::new(group[..].into(), language[..].into());
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let corpus = Corpus::new(&columns, names(&["de", "en"]), names(&["all"]), &called).expect("sound");
    let weights = Weights {
        kinds: [1.0, 1.0, 1.0],
        sources: [vec![1.0], vec![1.0], vec![1.0]],
        languages: vec![vec![1.0, 1.0]],
        pairs: vec![vec![1.0, 1.0]],
    };
    let options = Options { draws: Draws::Balanced, batch_size: 128, seed: 5, excess: Excess::Refuse, negatives: 0 };
    let plan = Plan::new(Arc::new(corpus), weights, options, &called).expect("sound");
    let alone = batches(&plan, 17, 3_001, Some(1));
    for threads in [2, 3, 8] {
        assert!(batches(&plan, 17, 3_001, Some(threads)) == alone, "{threads} threads");
    }
}

#[test]
fn pairs_are_numbered_query_first() {
    let pairs: Vec<_> = (0..6).map(|pair| pair_of(pair, 3)).collect();
    assert_eq!(pairs, [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]);
}

/// A corpus goes to another process as bytes, and nothing else passes for one.
#[test]
fn bytes_make_an_equal_corpus() {
    proptest!(|(case in cases(), at: prop::sample::Index, bit in 0_u8..8)| {
        let (corpus, lent) = (case.corpus(), Lent::default());
        let mut bytes = corpus.to_bytes();
        let again = Corpus::from_bytes(&bytes, &lent).expect("its own bytes");
        prop_assert_eq!(again.fingerprint(), corpus.fingerprint());
        prop_assert_eq!(again.to_bytes(), bytes.clone());
        prop_assert!(Corpus::from_bytes(&bytes[..at.index(bytes.len())], &lent).is_err());
        bytes[at.index(corpus.to_bytes().len())] ^= 1 << bit;
        prop_assert!(Corpus::from_bytes(&bytes, &lent).is_err());
    });
}

/// Three groups in two languages with lengths and negatives, and the same with other ones.
#[test]
fn lent_columns_are_those_that_the_corpus_was_built_from() {
    let (group, language) = ([0, 0, 1, 1, 2, 2_i64], [0, 1, 0, 1, 0, 1_i64]);
    let lengths: [&[i64]; 3] = [&[5, 6, 7, 8, 9, 10], &[5, 6, 7, 8, 9, 11], &[5, 6, 7, 8, 9]];
    let lists: [(&[i64], &[i64]); 3] = [
        (&[1, 2, 3, 3, 4, 5], &[2, 3, 4, 0, 1]),
        (&[1, 2, 3, 4, 5, 5], &[2, 3, 4, 0, 1]),
        (&[1, 2, 3, 3, 4, 4], &[2, 3, 4, 0]),
    ];
    let lent = |length: Option<usize>, negatives: Option<usize>| Lent {
        length: length.map(|n| lengths[n].into()),
        negatives: negatives.map(|n| Lists { ends: lists[n].0.into(), rows: lists[n].1.into() }),
    };
    let columns = Columns { lent: lent(Some(0), Some(0)), ..Columns::new(group[..].into(), language[..].into()) };
    let corpus = Corpus::new(&columns, vec!["a".into(), "b".into()], vec!["s".into()], &called).expect("sound");
    let bytes = corpus.to_bytes();
    assert!(Corpus::from_bytes(&bytes, &columns.lent).is_ok());
    let weights = Weights {
        kinds: [1.0, 1.0, 0.0],
        sources: [vec![1.0], vec![1.0], vec![1.0]],
        languages: vec![vec![1.0, 1.0]],
        pairs: vec![vec![1.0, 1.0]],
    };
    let options = Options { draws: Draws::Balanced, batch_size: 2, seed: 5, excess: Excess::Refuse, negatives: 1 };
    let plan = Plan::new(Arc::new(corpus), weights, options, &called).expect("sound");
    let fill = |lent: &Lent<'_>| plan.fill(0, lent, &mut [0; 60], Some(1)).map_err(|error| error.to_string());
    assert_eq!(fill(&columns.lent), Ok(()));
    let remedy = "lend the columns that it was built from";
    for (other, told) in [
        (lent(None, Some(0)), "length: none are lent, and the corpus was built from 6"),
        (lent(Some(2), Some(0)), "length: 5 are lent, and the corpus was built from 6"),
        (lent(Some(0), None), "negatives: none are lent, and the corpus was built from 6"),
        (lent(Some(0), Some(2)), "negatives in all: 4 are lent, and the corpus was built from 5"),
    ] {
        let told = format!("{told}: {remedy}");
        assert_eq!(fill(&other), Err(told.clone()));
        assert_eq!(plan.reached(3, &other).map(|_| ()).map_err(|error| error.to_string()), Err(told.clone()));
        assert_eq!(Corpus::from_bytes(&bytes, &other).map(|_| ()).map_err(|error| error.to_string()), Err(told));
    }
    // Of the same shape with other values: seen where the whole is read.
    for other in [lent(Some(1), Some(0)), lent(Some(0), Some(1))] {
        let refused = Corpus::from_bytes(&bytes, &other).map(|_| ()).map_err(|error| error.to_string());
        let told = "not the lengths and negatives that the corpus was built from: build it anew";
        assert_eq!(refused, Err(told.to_owned()));
    }
    // Written to behind the corpus's back: never read beyond the columns.
    for (ends, rows) in
        [([9; 6], [2; 5]), ([-1; 6], [2; 5]), ([5, 1, 0, 5, 0, 5], [2; 5]), ([0, 0, 5, 5, 5, 5], [6; 5])]
    {
        let negatives = Some(Lists { ends: ends[..].into(), rows: rows[..].into() });
        let told = fill(&Lent { negatives, ..columns.lent.clone() }).expect_err("lists that do not fit");
        assert!(told.starts_with("the negatives of row "), "{told}");
        let remedy = " are not what the corpus was built from: leave the columns as they are, or give copies";
        assert!(told.ends_with(remedy), "{told}");
    }
}

/// Files sorted by group or by language need no table; any other order does, and gives the same groups.
#[test]
fn every_layout_finds_its_rows() {
    let (groups, languages) = (50_i64, 3_i64);
    let cells: Vec<(i64, i64)> = (0..groups).flat_map(|g| (0..languages).map(move |l| (g, l))).collect();
    let by_language: Vec<_> = (0..languages).flat_map(|l| (0..groups).map(move |g| (g, l))).collect();
    let mut scattered = cells.clone();
    scattered.sort_by_key(|(g, l)| (g * 7 + l * 31) % 53);
    let mut backwards = cells.clone();
    backwards.reverse();
    for rows in [cells, by_language, scattered, backwards] {
        let group: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let language: Vec<i64> = rows.iter().map(|row| row.1).collect();
        let columns = Columns::new(group[..].into(), language[..].into());
        let names = (0..languages).map(|l| l.to_string()).collect();
        let corpus = Corpus::new(&columns, names, vec!["all".into()], &called).expect("sound");
        let source = &corpus.sources()[0];
        // Groups are numbered in the order of their first rows.
        let mut order: Vec<i64> = Vec::new();
        for &(g, _) in &rows {
            if !order.contains(&g) {
                order.push(g);
            }
        }
        for (row, (g, l)) in rows.iter().enumerate() {
            let number = order.iter().position(|other| other == g).expect("a group");
            assert_eq!(source.row(number as u64, *l as u32), row as u64);
        }
    }
}
