//! The plan: step -> the pairs of its global batch. A pure function of corpus, mix, batch size, seed and step.
//!
//! A step is located first (its kind, source and language, and its number among the batches of that stream), then
//! filled: batch `m` of a stream is batch `m mod M` of pass `m div M`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::categories::{Categories, Draws};
use crate::corpus::Corpus;
use crate::error::{Invalid, invalid};
use crate::key::Key;
use crate::permutation::Permutation;
use crate::threads;

/// How query and passage languages relate inside a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// X-X-mono: every pair of the batch in one language.
    Monolingual,
    /// X-Y: query and passage in different languages, which vary inside the batch.
    CrossLingual,
    /// X-X: each pair in one language, and languages vary inside the batch.
    Mixed,
}

impl Kind {
    /// All kinds, in the order of [`Weights::kinds`].
    pub const ALL: [Self; 3] = [Self::Monolingual, Self::CrossLingual, Self::Mixed];

    /// The name in the public interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monolingual => "monolingual",
            Self::CrossLingual => "cross_lingual",
            Self::Mixed => "mixed",
        }
    }
}

/// The weights of a mix over a given corpus. Finite, not negative; what is not used has weight 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// One for each kind.
    pub kinds: [f64; 3],
    /// For each kind, one for each source.
    pub sources: [Vec<f64>; 3],
    /// For each source, one for each language slot.
    pub languages: Vec<Vec<f64>>,
    /// For each source, one for each ordered pair of slots `(query, passage)`, in the order of [`pair_of`].
    pub pairs: Vec<Vec<f64>>,
}

/// A sequence of batches with a shuffle of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    /// The kind of its batches.
    pub kind: Kind,
    /// The number of its source.
    pub source: u32,
    /// The slot of its language in the source; `None` unless monolingual.
    pub slot: Option<u32>,
}

/// Step -> pairs.
#[derive(Debug)]
pub struct Plan {
    corpus: Arc<Corpus>,
    batch_size: u64,
    key: Key,
    draws: Draws,
    kinds: Categories,
    /// For each kind.
    sources: [Option<Categories>; 3],
    /// For each source.
    languages: Vec<Option<Categories>>,
    /// For each source: the ordered pairs of its cross-lingual rows, and the languages of its mixed rows.
    pairs: Vec<Option<Categories>>,
    mixed: Vec<Option<Categories>>,
}

/// Below this many pairs, starting a thread costs more than it saves.
const PAIRS_PER_THREAD: usize = 1 << 15;

/// The uses of a key below the plan's seed.
#[derive(Clone, Copy)]
enum Use {
    Kinds,
    Sources,
    Languages,
    Pairs,
    MixedLanguages,
    Rows,
}

impl Plan {
    /// Builds the plan; checks that every stream with a weight above 0 fills a batch.
    pub fn new(
        corpus: Arc<Corpus>,
        weights: &Weights,
        draws: Draws,
        batch_size: u64,
        seed: u64,
    ) -> Result<Self, Invalid> {
        if batch_size == 0 {
            invalid!("batch_size must be at least 1, got 0");
        }
        check_fill(&corpus, weights, batch_size)?;
        let key = Key::from_seed(seed);
        let of = |what: Use, numbers: &[usize], weights: &[f64]| {
            let path = numbers.iter().fold(key.derive(what as u64), |key, &n| key.derive(n as u64));
            Categories::new(weights, draws, path)
        };
        let count = corpus.sources().len();
        let each =
            |what: Use, weights: &[Vec<f64>]| (0..count).map(|s| of(what, &[s], &weights[s])).collect::<Result<_, _>>();
        let Some(kinds) = of(Use::Kinds, &[], &weights.kinds)? else {
            invalid!("all kinds of batches have weight 0: give at least one kind a positive weight");
        };
        let mut sources = [None, None, None];
        for (k, slot) in sources.iter_mut().enumerate() {
            *slot = of(Use::Sources, &[k], &weights.sources[k])?;
        }
        Ok(Self {
            kinds,
            sources,
            languages: each(Use::Languages, &weights.languages)?,
            pairs: each(Use::Pairs, &weights.pairs)?,
            mixed: each(Use::MixedLanguages, &weights.languages)?,
            corpus,
            batch_size,
            key,
            draws,
        })
    }

    /// The corpus it was built over.
    #[must_use]
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// The number of pairs in a batch.
    #[must_use]
    pub fn batch_size(&self) -> u64 {
        self.batch_size
    }

    /// The shares in force: of the kinds; of the sources for each kind; of the language slots and of the ordered pairs
    /// for each source. Empty where nothing is drawn.
    #[must_use]
    pub fn shares(&self) -> Shares {
        let of = |c: &Option<Categories>| c.as_ref().map_or(Vec::new(), Categories::shares);
        Shares {
            kinds: self.kinds.shares(),
            sources: self.sources.iter().map(of).collect(),
            languages: self.languages.iter().map(of).collect(),
            pairs: self.pairs.iter().map(of).collect(),
        }
    }

    /// The stream that step `t` takes its batch from.
    #[must_use]
    pub fn stream(&self, t: u64) -> Stream {
        self.locate(t).0
    }

    /// Writes the pairs of the steps `first, first + 1, ...`: query row, passage row, query row, ..., `2 * batch_size`
    /// numbers a step. Long runs are shared among threads (all processors unless told); the result does not depend on it.
    pub fn fill(&self, first: u64, out: &mut [i64], threads: Option<usize>) {
        let width = 2 * self.batch_size as usize;
        let located = self.locate_many(first, out.len() / width);
        let useful = (out.len() / PAIRS_PER_THREAD).max(1);
        let run = located.len().div_ceil(threads::resolve(threads).min(useful)).max(1);
        if located.len() <= run {
            self.fill_located(&located, out);
            return;
        }
        // Scoped threads, not a global pool: a pool does not survive the fork of a DataLoader worker.
        std::thread::scope(|scope| {
            for (located, out) in located.chunks(run).zip(out.chunks_mut(run * width)) {
                scope.spawn(move || self.fill_located(located, out));
            }
        });
    }

    fn fill_located(&self, located: &[(Stream, u64)], out: &mut [i64]) {
        let width = 2 * self.batch_size as usize;
        let mut scratch = Scratch::new(self.batch_size as usize);
        for (&(stream, m), batch) in located.iter().zip(out.chunks_mut(width)) {
            self.fill_batch(stream, m, &mut scratch, batch);
        }
    }

    /// Step -> its stream and its number among the batches of that stream.
    fn locate(&self, t: u64) -> (Stream, u64) {
        match self.draws {
            Draws::Balanced => self.descend(t),
            Draws::Random => {
                let stream = self.descend(t).0;
                let earlier = (0..t).filter(|&u| self.descend(u).0 == stream).count();
                (stream, earlier as u64)
            }
        }
    }

    /// [`Self::locate`] for `count` steps from `first` on; random draws count the earlier steps once for all.
    fn locate_many(&self, first: u64, count: usize) -> Vec<(Stream, u64)> {
        let steps = first..first + count as u64;
        if self.draws == Draws::Balanced {
            return steps.map(|t| self.descend(t)).collect();
        }
        let mut tally: HashMap<Stream, u64> = HashMap::new();
        let mut next = |t: u64| {
            let stream = self.descend(t).0;
            let earlier = tally.entry(stream).or_default();
            *earlier += 1;
            (stream, *earlier - 1)
        };
        (0..first).for_each(|t| {
            next(t);
        });
        steps.map(next).collect()
    }

    /// Kind, then source, then language; each level's count is the position in the next. For random draws, which are
    /// independent, every level is read at `t` and the number is meaningless.
    fn descend(&self, t: u64) -> (Stream, u64) {
        let (kind, n) = self.kinds.at(t);
        let (source, n) = drawn(self.sources[kind].as_ref()).at(n);
        let kind = Kind::ALL[kind];
        let (slot, n) = if kind == Kind::Monolingual {
            let (slot, n) = drawn(self.languages[source].as_ref()).at(n);
            (Some(slot as u32), n)
        } else {
            (None, n)
        };
        let source = source as u32;
        (Stream { kind, source, slot }, n)
    }

    fn fill_batch(&self, stream: Stream, m: u64, scratch: &mut Scratch, out: &mut [i64]) {
        let s = stream.source as usize;
        let source = &self.corpus.sources()[s];
        let key = self
            .key
            .derive(Use::Rows as u64)
            .derive(stream.kind as u64)
            .derive(u64::from(stream.source))
            .derive(stream.slot.map_or(0, |slot| 1 + u64::from(slot)));
        deal_groups(source.groups(), self.batch_size, key, m, &mut scratch.groups);
        let drawn_languages = match stream.kind {
            Kind::Monolingual => None,
            Kind::CrossLingual => Some(drawn(self.pairs[s].as_ref())),
            Kind::Mixed => Some(drawn(self.mixed[s].as_ref())),
        };
        if let Some(categories) = drawn_languages {
            categories.fill(m * self.batch_size, &mut scratch.categories);
        }
        let width = source.languages().len() as u32;
        for (i, pair) in out.chunks_exact_mut(2).enumerate() {
            let (query, passage) = match (stream.kind, stream.slot) {
                (Kind::Monolingual, slot) => {
                    let slot = slot.unwrap_or_default();
                    (slot, slot)
                }
                (Kind::CrossLingual, _) => pair_of(scratch.categories[i], width),
                (Kind::Mixed, _) => (scratch.categories[i], scratch.categories[i]),
            };
            pair[0] = source.row(scratch.groups[i], query) as i64;
            pair[1] = source.row(scratch.groups[i], passage) as i64;
        }
    }
}

/// What [`Plan::shares`] tells. The inner vectors are empty where nothing is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// One for each kind.
    pub kinds: Vec<f64>,
    /// For each kind, one for each source.
    pub sources: Vec<Vec<f64>>,
    /// For each source, one for each language slot.
    pub languages: Vec<Vec<f64>>,
    /// For each source, one for each ordered pair of slots.
    pub pairs: Vec<Vec<f64>>,
}

/// The ordered pair `(query slot, passage slot)` with number `pair` among `slots`: query first, equal slots left out.
#[must_use]
pub fn pair_of(pair: u32, slots: u32) -> (u32, u32) {
    let (query, rest) = (pair / (slots - 1), pair % (slots - 1));
    (query, rest + u32::from(rest >= query))
}

/// The groups of batch `m` of a stream over `groups` groups.
///
/// A pass is a shuffle of `M * B` groups, with `M = groups / B`; the other `r = groups mod B` sit out. Those who sit out
/// move on by `r` each pass, so after whole passes two groups' counts differ by at most 1. No group comes twice in a
/// pass, hence none twice in a batch.
fn deal_groups(groups: u64, batch_size: u64, key: Key, m: u64, out: &mut [u64]) {
    let batches = groups / batch_size;
    let (pass, j) = (m / batches, m % batches);
    let order = Permutation::new(batches * batch_size, key.derive(pass));
    order.fill(j * batch_size, out);
    let left_out = u128::from(groups % batch_size);
    // Where the turns begin is keyed too, lest the same groups sit out first in every run.
    let begin = u128::from(key.word(u64::MAX));
    let offset = ((begin + (u128::from(pass) + 1) * left_out) % u128::from(groups)) as u64;
    for group in out {
        *group += offset;
        if *group >= groups {
            *group -= groups;
        }
    }
}

fn check_fill(corpus: &Corpus, weights: &Weights, batch_size: u64) -> Result<(), Invalid> {
    for (k, kind) in Kind::ALL.iter().enumerate() {
        for (source, weight) in corpus.sources().iter().zip(&weights.sources[k]) {
            if weights.kinds[k] > 0.0 && *weight > 0.0 && source.groups() < batch_size {
                invalid!(
                    "{} batches of source '{}' need batch_size={batch_size} groups but it has {}: use a batch size of \
                     at most {}, or give the source weight 0",
                    kind.name(),
                    source.name(),
                    source.groups(),
                    source.groups()
                );
            }
        }
    }
    Ok(())
}

/// The categories of a level that a positive weight leads to; `Plan::new` was given weights for it.
fn drawn(categories: Option<&Categories>) -> &Categories {
    categories.unwrap_or_else(|| unreachable!("a positive weight leads to a level where nothing can be drawn"))
}

/// Buffers of one batch.
struct Scratch {
    groups: Vec<u64>,
    categories: Vec<u32>,
}

impl Scratch {
    fn new(batch_size: usize) -> Self {
        Self { groups: vec![0; batch_size], categories: vec![0; batch_size] }
    }
}
