//! The plan: step -> the pairs of its global batch. A pure function of corpus, mix, batch size, seed and step.
//!
//! A step is located first (its stream, and its number among the batches of that stream), then filled ([`crate::fill`]).

use std::collections::HashMap;
use std::sync::Arc;

use crate::categories::{Categories, Draws};
use crate::columns::Names;
use crate::corpus::Corpus;
use crate::error::{Invalid, invalid};
use crate::key::Key;
use crate::negatives::check_enough;
use crate::streams::{Excess, Stream, Streams};
use crate::weights::{Kind, Weights, pair_of};
use crate::window::Windows;

/// What a plan is asked for, besides corpus and weights.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How kinds, sources, languages and pairs follow each other.
    pub draws: Draws,
    /// Pairs in a global batch.
    pub batch_size: u64,
    /// Where all randomness comes from.
    pub seed: u64,
    /// What to do with classes too large.
    pub excess: Excess,
    /// Hard negatives of each pair.
    pub negatives: u64,
}

/// Step -> pairs.
#[derive(Debug)]
pub struct Plan {
    pub(crate) corpus: Arc<Corpus>,
    pub(crate) options: Options,
    pub(crate) weights: Weights,
    pub(crate) streams: Streams,
    kinds: Categories,
    /// For each kind.
    sources: [Option<Categories>; 3],
    /// For each source.
    languages: Vec<Option<Categories>>,
    /// For each source: the ordered pairs of its cross-lingual rows, and the languages of its mixed rows.
    pub(crate) pairs: Vec<Option<Categories>>,
    pub(crate) mixed: Vec<Option<Categories>>,
    /// For each source with cross-lingual batches its ordered pairs of slots, by number.
    pub(crate) ordered_pairs: Vec<Vec<(u32, u32)>>,
    /// Lately dealt, for those who ask for one step after the other.
    pub(crate) windows: Windows,
}

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
    /// Builds the plan; checks that every stream with a weight above 0 fills a batch and keeps its classes apart.
    pub fn new(corpus: Arc<Corpus>, weights: Weights, options: Options, called: &Names<'_>) -> Result<Self, Invalid> {
        if options.batch_size == 0 {
            invalid!("batch_size must be at least 1, got 0");
        }
        let key = Key::from_seed(options.seed);
        let rows = key.derive(Use::Rows as u64);
        let streams = Streams::new(&corpus, &weights, options.batch_size, options.excess, rows, called)?;
        let of = |what: Use, numbers: &[usize], weights: &[f64]| {
            let path = numbers.iter().fold(key.derive(what as u64), |key, &n| key.derive(n as u64));
            Categories::new(weights, options.draws, path)
        };
        let count = corpus.sources().len();
        let each = |what: Use, inner: &[Vec<f64>]| {
            (0..count).map(|s| of(what, &[s], &inner[s])).collect::<Result<Vec<_>, _>>()
        };
        let Some(kinds) = of(Use::Kinds, &[], &weights.kinds)? else {
            invalid!("all kinds of batches have weight 0: give at least one kind a positive weight");
        };
        let mut sources = [None, None, None];
        for (k, slot) in sources.iter_mut().enumerate() {
            *slot = of(Use::Sources, &[k], &weights.sources[k])?;
        }
        // There are many pairs of many languages: a plan without cross-lingual batches does without.
        let pairs = match weights.kinds[Kind::CrossLingual as usize] {
            0.0 => (0..count).map(|_| None).collect(),
            _ => each(Use::Pairs, &weights.pairs)?,
        };
        let listed = |(s, pairs): (usize, &Option<Categories>)| match pairs {
            Some(_) => {
                (0..weights.pairs[s].len() as u32).map(|n| pair_of(n, weights.languages[s].len() as u32)).collect()
            }
            None => Vec::new(),
        };
        let plan = Self {
            kinds,
            sources,
            languages: each(Use::Languages, &weights.languages)?,
            ordered_pairs: pairs.iter().enumerate().map(listed).collect(),
            pairs,
            mixed: each(Use::MixedLanguages, &weights.languages)?,
            windows: Windows::default(),
            streams,
            corpus,
            weights,
            options,
        };
        if options.negatives > 0 {
            check_enough(&plan)?;
        }
        Ok(plan)
    }

    /// The corpus it was built over.
    #[must_use]
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// The number of pairs in a batch.
    #[must_use]
    pub fn batch_size(&self) -> u64 {
        self.options.batch_size
    }

    /// Numbers that a pair takes: query row, passage row and hard negatives.
    #[must_use]
    pub fn width(&self) -> u64 {
        2 + self.options.negatives
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
        self.descend(t).0
    }

    /// Goes through the steps from `first` on.
    pub(crate) fn locate(&self, first: u64) -> Located<'_> {
        let mut located = Located { plan: self, next: 0, tally: HashMap::new() };
        match self.options.draws {
            Draws::Balanced => located.next = first,
            // Random draws count the earlier steps, once for all that follow.
            Draws::Random => (0..first).for_each(|_| {
                located.step();
            }),
        }
        located
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
}

/// Steps with their streams, and their numbers among the batches of these.
pub(crate) struct Located<'a> {
    plan: &'a Plan,
    next: u64,
    /// Of random draws: how often each stream came.
    tally: HashMap<Stream, u64>,
}

impl Located<'_> {
    /// The stream of the next step, and its number among the batches of that stream.
    pub(crate) fn step(&mut self) -> (Stream, u64) {
        let (stream, mut number) = self.plan.descend(self.next);
        self.next += 1;
        if self.plan.options.draws == Draws::Random {
            let earlier = self.tally.entry(stream).or_default();
            number = *earlier;
            *earlier += 1;
        }
        (stream, number)
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

/// The categories of a level that a positive weight leads to; `Plan::new` was given weights for it.
pub(crate) fn drawn(categories: Option<&Categories>) -> &Categories {
    categories.unwrap_or_else(|| unreachable!("a positive weight leads to a level where nothing can be drawn"))
}
