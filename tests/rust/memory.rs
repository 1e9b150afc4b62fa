//! What a corpus holds beyond the caller's columns, as the allocator counts it.

use std::sync::Arc;

use hybridsampler_core::categories::Draws;
use hybridsampler_core::columns::Columns;
use hybridsampler_core::corpus::Corpus;
use hybridsampler_core::key::Key;
use hybridsampler_core::negatives::Lists;
use hybridsampler_core::plan::{Options, Plan};
use hybridsampler_core::streams::Excess;
use hybridsampler_core::weights::Weights;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const ROWS: usize = 100_000;
/// Between one byte and two for the number of a language.
const LANGUAGES: usize = 300;

fn called(column: &str, row: usize) -> String {
    format!("{column} of {row}")
}

/// Groups of which `single` in 100 have one language and the others up to `most`, in the order of the file or shuffled.
fn rows(count: usize, single: u64, most: u64, shuffled: bool) -> (Vec<i64>, Vec<i64>) {
    let key = Key::from_seed(7);
    let (mut group, mut language) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut number = 0;
    while group.len() < count {
        let word = key.word(number);
        let size = if word % 100 < single { 1 } else { 2 + word / 100 % (most - 1) };
        let first = key.derive(1).word(number) % LANGUAGES as u64;
        for step in 0..size.min((count - group.len()) as u64) {
            group.push(number as i64);
            language.push(((first + step) % LANGUAGES as u64) as i64);
        }
        number += 1;
    }
    if shuffled {
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&row| key.derive(2).word(row as u64));
        (group, language) = order.iter().map(|&row| (group[row], language[row])).unzip();
    }
    (group, language)
}

/// Bytes that a corpus of these rows holds, with a plan of all kinds that leaves a language out.
fn held(count: usize, single: u64, shuffled: bool, keyed: bool, negatives: usize) -> usize {
    let (group, language) = rows(count, single, 4, shuffled);
    // Pairs of groups share a passage.
    let key: Vec<i64> = group.iter().map(|group| group / 2).collect();
    let ends: Vec<i64> = (1..=count as i64).map(|row| row * negatives as i64).collect();
    let listed = vec![0_i64; count * negatives];
    let names = (0..LANGUAGES).map(|l| format!("l{l}")).collect();
    let heap = || dhat::HeapStats::get().curr_bytes;
    let before = heap();
    let mut columns = Columns::new(group[..].into(), language[..].into());
    if keyed {
        columns.keys.push(key[..].into());
    }
    if negatives > 0 {
        columns.negatives = Some(Lists { ends: ends[..].into(), rows: listed[..].into() });
    }
    let corpus = Corpus::new(&columns, names, vec!["s".to_owned()], &called).expect("a sound corpus");
    drop(columns);
    let mut languages = vec![1.0; LANGUAGES];
    languages[0] = 0.0;
    let pair = |n: usize| f64::from(n >= LANGUAGES);
    let weights = Weights {
        kinds: [1.0; 3],
        sources: [const { vec![] }; 3].map(|_: Vec<f64>| vec![1.0]),
        languages: vec![languages],
        pairs: vec![(0..LANGUAGES * (LANGUAGES - 1)).map(pair).collect()],
    };
    let options = Options { draws: Draws::Balanced, batch_size: 16, seed: 0, excess: Excess::Refuse, negatives: 0 };
    let plan = Plan::new(Arc::new(corpus), weights, options, &called).expect("a sound plan");
    let bytes = heap() - before;
    drop(plan);
    bytes
}

/// What a row adds: languages and their ordered pairs take room once.
fn bytes_a_row(single: u64, shuffled: bool, keyed: bool, negatives: usize) -> f64 {
    let held = |count| held(count, single, shuffled, keyed, negatives) as f64;
    (held(2 * ROWS) - held(ROWS)) / ROWS as f64
}

#[test]
fn irregular_files_take_at_most_12_bytes_a_row() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for single in [0, 50, 90, 99] {
        for (shuffled, keyed) in [(false, false), (false, true), (true, false), (true, true)] {
            let bytes = bytes_a_row(single, shuffled, keyed, 0);
            assert!(bytes <= 12.0, "{bytes} with {single} % of one language, shuffled {shuffled}, keyed {keyed}");
            // A list of negatives takes what it lists, and a byte or two.
            let bytes = bytes_a_row(single, shuffled, keyed, 1);
            assert!(bytes <= 12.0 + 4.0 + 2.0, "{bytes} with {single} % of one language and negatives");
        }
    }
}
