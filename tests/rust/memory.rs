//! What a corpus holds beyond the caller's columns, and what a batch takes, as the allocator counts it.

use std::sync::Arc;

use hybridsampler_core::categories::Draws;
use hybridsampler_core::columns::{Columns, Lent, Lists};
use hybridsampler_core::corpus::Corpus;
use hybridsampler_core::key::Key;
use hybridsampler_core::plan::{Options, Plan};
use hybridsampler_core::schedule::Schedule;
use hybridsampler_core::streams::Excess;
use hybridsampler_core::weights::Weights;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Between one byte and two for the number of a language.
const LANGUAGES: usize = 300;

const KEYS: [Keys; 3] = [Keys::None, Keys::Four, Keys::Half];

fn called(column: &str, row: usize) -> String {
    format!("{column} of {row}")
}

/// Numbers of groups, languages and sources.
type Rows = Vec<(i64, usize, usize)>;

/// Groups of which `single` in 100 have one language and the others up to 4.
fn uneven(count: usize, single: u64) -> Rows {
    let key = Key::from_seed(7);
    let mut rows = Vec::with_capacity(count);
    for number in 0.. {
        let word = key.word(number);
        let size = if word % 100 < single { 1 } else { 2 + word as usize / 100 % 3 };
        let first = key.derive(1).below(number, LANGUAGES as u64) as usize;
        rows.extend((0..size).map(|step| (number as i64, (first + step) % LANGUAGES, 0)));
        if rows.len() >= count {
            rows.truncate(count);
            return rows;
        }
    }
    unreachable!("numbers without end")
}

/// Groups with all of a number of languages, of sources in turn.
fn complete(count: usize, languages: usize, sources: usize) -> Rows {
    (0..count).map(|row| (row / languages, row % languages)).map(|(g, l)| (g as i64, l, g % sources)).collect()
}

fn shuffled(mut rows: Rows) -> Rows {
    Key::from_seed(3).shuffle(&mut rows);
    rows
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Keys {
    None,
    /// Four groups share a passage.
    Four,
    /// Half of all groups share one, more than a pass keeps apart.
    Half,
}

/// What there is besides groups, languages and sources.
#[derive(Debug, Clone, Copy)]
struct Further {
    keys: Keys,
    /// The longest length.
    longest: Option<i64>,
    /// How many are listed for each row.
    negatives: usize,
}

fn further(keys: Keys) -> impl Iterator<Item = Further> {
    let each = [None, Some(255), Some(i64::from(u32::MAX))].into_iter();
    each.flat_map(move |longest| [0, 1, 4].map(|negatives| Further { keys, longest, negatives }))
}

/// Bytes that a corpus holds, with a plan of all kinds that leaves a language out if it can.
fn held(rows: &Rows, further: Further) -> usize {
    let column = |of: fn(&(i64, usize, usize)) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
    let (group, language, source) = (column(|row| row.0), column(|row| row.1 as i64), column(|row| row.2 as i64));
    let key_of = |group: &i64| if further.keys == Keys::Half { group / 2 % 2 * group } else { group / 4 };
    let key: Vec<i64> = group.iter().map(key_of).collect();
    let count = rows.len() as i64;
    let length: Vec<i64> =
        (0..count).map(|row| further.longest.map_or(0, |longest| row * 104_729 % (longest + 1))).collect();
    let listed = further.negatives as i64;
    let ends: Vec<i64> = (1..=count).map(|row| row * listed).collect();
    let negatives: Vec<i64> = (0..count).flat_map(|row| (0..listed).map(move |_| row)).collect();
    let number = |column: &[i64]| column.iter().max().map_or(0, |&largest| largest as usize + 1);
    let (languages, sources) = (number(&language), number(&source));
    let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect();
    let mut by_language = vec![1.0; languages];
    by_language[0] = if languages > 2 { 0.0 } else { 1.0 };
    let pair = |n: usize| f64::from(languages == 2 || n >= languages);
    let pairs: Vec<f64> = (0..languages * (languages - 1)).map(pair).collect();
    let by_source = vec![1.0; sources];

    let heap = || dhat::HeapStats::get().curr_bytes;
    let before = heap();
    let columns = Columns {
        source: (sources > 1).then(|| source[..].into()),
        keys: if further.keys == Keys::None { vec![] } else { vec![key[..].into()] },
        lent: Lent {
            length: further.longest.map(|_| length[..].into()),
            negatives: (listed > 0).then(|| Lists { ends: ends[..].into(), rows: negatives[..].into() }),
        },
        ..Columns::new(group[..].into(), language[..].into())
    };
    let corpus = Corpus::new(&columns, names(languages), names(sources), &called).expect("a sound corpus");
    drop(columns);
    let weights = Weights {
        kinds: [1.0, if languages > 1 { 1.0 } else { 0.0 }, 1.0],
        sources: [by_source.clone(), by_source.clone(), by_source],
        languages: vec![by_language; sources],
        pairs: vec![pairs; sources],
    };
    let negatives = further.negatives as u64;
    let options = Options { draws: Draws::Balanced, batch_size: 8, seed: 0, excess: Excess::Rotate, negatives };
    let plan = Plan::new(Arc::new(corpus), weights, options, &called).expect("a sound plan");
    let bytes = heap() - before;
    drop(plan);
    bytes
}

/// What a row adds: languages and their ordered pairs take room once.
fn bytes_a_row(count: usize, rows: impl Fn(usize) -> Rows, further: Further) -> f64 {
    (held(&rows(2 * count), further) as f64 - held(&rows(count), further) as f64) / count as f64
}

/// The bits of a number below `count`.
fn bits(count: usize) -> f64 {
    (count as f64).log2().ceil()
}

/// The most bits a row that docs/sampler.md works out for groups that may lack languages, where a list of cells takes
/// `bits` a row.
fn worst(bits: f64, languages: usize, negatives: bool) -> f64 {
    // Rows, and languages; the groups among cells, and their classes; groups and classes of two plans.
    let table = 32.0 + self::bits(languages) + (1.0 + 1.13 + 1.0) + 2.0 * 2.13;
    // The members of languages, and the classes of each; with negatives the group of each row.
    table + 1.0 + if negatives { bits + 2.25 + (languages as f64).log2() } else { bits }
}

#[test]
fn what_a_corpus_holds_and_a_batch_takes() {
    let _profiler = dhat::Profiler::builder().testing().build();

    // Groups that lack languages.
    let count = 21_000;
    for single in [0, 50, 90, 99] {
        for (in_order, keys) in [true, false].into_iter().flat_map(|order| KEYS.map(|keys| (order, keys))) {
            for further in further(keys) {
                let rows = |count| if in_order { uneven(count, single) } else { shuffled(uneven(count, single)) };
                let bytes = bytes_a_row(count, rows, further);
                let told = format!("{bytes} with {single} % of one language, in order {in_order}, {further:?}");
                assert!(bytes <= 12.0, "{told}");
                // As worked out, and so below 2^32 rows.
                let worst = worst(bits(2 * count), LANGUAGES, further.negatives > 0);
                assert!(8.0 * bytes <= worst + if keys == Keys::Half { 3.0 } else { 0.0 }, "{told}");
            }
        }
    }
    assert!(worst(32.0, 1_300, true) <= 96.0 && worst(32.0, 1 << 23, false) <= 96.0);
    assert!(worst(32.0, 1_400, true) > 96.0);

    // Groups that have all languages, in no regular order: a list of rows, with negatives the group of each.
    for (languages, sources) in [(2, 1), (1, 2), (3, 2)] {
        for further in KEYS.into_iter().flat_map(further) {
            let held = |count| held(&shuffled(complete(count, languages, sources)), further) as f64;
            let bytes = (held(count) - held(1_050)) / (count - 1_050) as f64;
            let by_group = if further.keys != Keys::None && further.negatives == 0 { 4.0 } else { 0.0 } + 0.5;
            let most = 4.0 + by_group / languages as f64 + if further.negatives > 0 { 4.0 } else { 0.0 };
            assert!(bytes <= most, "{bytes} with {languages} languages, {sources} sources, {further:?}");
        }
    }

    // Files sorted by group: nothing without keys, and with keys 4 bytes a group.
    let regular = |count, further| held(&complete(2 * count, 2, 1), further) - held(&complete(2 * 128, 2, 1), further);
    for further in further(Keys::None) {
        assert_eq!(regular(count, further), 0, "{further:?}");
    }
    for count in [5_000, 200_000] {
        for further in further(Keys::Four).filter(|further| further.longest != Some(255)) {
            let bytes = regular(count, further);
            assert!(bytes <= 4 * count, "{bytes} for {count} groups, {further:?}");
        }
    }

    // A batch of a thousand languages, which have a million pairs, takes the room of its own.
    let schedule = Schedule::new(&vec![1; 999_000], Key::from_seed(0)).expect("equal weights");
    let mut batch = [0; 128];
    let before = dhat::HeapStats::get().total_bytes;
    schedule.fill(1_000_000_000, &mut batch);
    let taken = dhat::HeapStats::get().total_bytes - before;
    assert!(taken <= 4_096, "{taken} for {} pairs", batch.len());
}
