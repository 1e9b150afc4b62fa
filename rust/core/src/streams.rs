//! Streams: sequences of batches with a shuffle of their own, and whether the corpus can serve them.

use std::sync::Arc;

use crate::columns::Names;
use crate::corpus::Corpus;
use crate::deal::Deal;
use crate::error::{Invalid, invalid};
use crate::key::Key;
use crate::order::Order;
use crate::source::Source;
use crate::weights::{Kind, Weights};

/// Where a step takes its batch from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    /// The kind of its batches.
    pub kind: Kind,
    /// The number of its source.
    pub source: u32,
    /// The slot of its language in the source; `None` unless monolingual.
    pub slot: Option<u32>,
}

/// What to do with classes that have more members than a pass has batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Refuse to build the plan.
    Refuse,
    /// Leave surplus members out of each pass, in turn.
    Rotate,
}

/// All streams that a mix has weight for.
#[derive(Debug)]
pub struct Streams {
    deals: Vec<(Stream, Key, Deal)>,
    /// For each kind and source: the number of the stream, of its first language when it has several.
    numbers: [Vec<Vec<Option<u32>>>; 3],
}

impl Streams {
    /// Builds the streams with positive weight. Errors: one that does not fill a batch, or whose largest class cannot be
    /// kept apart.
    pub fn new(
        corpus: &Corpus,
        weights: &Weights,
        batch_size: u64,
        excess: Excess,
        key: Key,
        called: &Names<'_>,
    ) -> Result<Self, Invalid> {
        let mut streams = Self { deals: Vec::new(), numbers: [const { Vec::new() }; 3] };
        for (k, kind) in Kind::ALL.into_iter().enumerate() {
            for (s, source) in corpus.sources().iter().enumerate() {
                let slots = match kind {
                    Kind::Monolingual => (0..source.languages().len() as u32).map(Some).collect(),
                    _ => vec![None],
                };
                let drawn = weights.kinds[k] > 0.0 && weights.sources[k][s] > 0.0;
                let mut numbers = Vec::with_capacity(slots.len());
                for slot in slots {
                    if !drawn || slot.is_some_and(|slot| weights.languages[s][slot as usize] == 0.0) {
                        numbers.push(None);
                        continue;
                    }
                    let stream = Stream { kind, source: s as u32, slot };
                    let order = members(source, weights, stream);
                    let named = Named { corpus, source, stream, batch_size };
                    named.check_fill(&order)?;
                    let deal = match excess {
                        Excess::Refuse => {
                            named.check_classes(&order, called)?;
                            Deal::new(order, batch_size)
                        }
                        Excess::Rotate => named.deal_leaving_out(order)?,
                    };
                    numbers.push(Some(streams.deals.len() as u32));
                    let key = key.derive(kind as u64).derive(s as u64);
                    streams.deals.push((stream, key.derive(slot.map_or(0, |slot| 1 + u64::from(slot))), deal));
                }
                streams.numbers[k].push(numbers);
            }
        }
        Ok(streams)
    }

    /// The number of a stream with positive weight.
    #[must_use]
    pub fn number(&self, stream: Stream) -> usize {
        let slot = stream.slot.unwrap_or(0) as usize;
        match self.numbers[stream.kind as usize][stream.source as usize][slot] {
            Some(number) => number as usize,
            None => unreachable!("a stream without weight is never drawn"),
        }
    }

    /// A stream, the key of its shuffle, and its passes.
    #[must_use]
    pub fn get(&self, number: usize) -> &(Stream, Key, Deal) {
        &self.deals[number]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(Stream, Key, Deal)> {
        self.deals.iter()
    }
}

/// What a stream draws from: groups without anything of positive weight get no turn.
fn members(source: &Source, weights: &Weights, stream: Stream) -> Arc<Order> {
    let s = stream.source as usize;
    if let Some(slot) = stream.slot {
        return source.members(slot).clone();
    }
    if source.is_complete() {
        return source.all().clone();
    }
    let has_turn = |group: u32| weights.choices(s, stream.kind, source.slots(group.into())).next().is_some();
    let able = source.all().filtered(has_turn);
    if able.len() == source.all().len() { source.all().clone() } else { Arc::new(able) }
}

/// A stream with what its errors name.
struct Named<'a> {
    corpus: &'a Corpus,
    source: &'a Source,
    stream: Stream,
    batch_size: u64,
}

impl Named<'_> {
    fn name(&self) -> String {
        let kind = self.stream.kind.name();
        match self.stream.slot {
            Some(slot) if !self.source.is_complete() || self.source.all().starts().is_some() => {
                let language = self.source.languages()[slot as usize] as usize;
                format!("{kind} batches of source '{}' in '{}'", self.source.name(), self.corpus.languages()[language])
            }
            _ => format!("{kind} batches of source '{}'", self.source.name()),
        }
    }

    fn check_fill(&self, order: &Order) -> Result<(), Invalid> {
        if order.len() < self.batch_size {
            let members = if self.stream.slot.is_some() && !self.source.is_complete() { "rows" } else { "groups" };
            let most = match order.len() {
                0 => String::new(),
                len => format!("use a batch size of at most {len}, or "),
            };
            let what = if self.stream.slot.is_some() && !self.source.is_complete() { "language" } else { "source" };
            invalid!(
                "{} need batch_size={} {members} but it has {}: {most}give the {what} weight 0",
                self.name(),
                self.batch_size,
                order.len()
            );
        }
        Ok(())
    }

    fn check_classes(&self, order: &Order, called: &Names<'_>) -> Result<(), Invalid> {
        let batches = order.len() / self.batch_size;
        let Some(largest) = order.largest().filter(|largest| largest.members > batches) else {
            return Ok(());
        };
        let row = self.source.any_row(order.id(largest.first), self.stream.slot) as usize;
        invalid!(
            "{}: {} of {} members are joined by passage key {} (row {row}), but a pass has only {batches} batches of \
             batch_size={} to keep them apart: use a batch size of at most {}, drop some of them, or pass \
             excess=\"rotate\" to leave surplus copies out in turn",
            self.name(),
            largest.members,
            order.len(),
            called("passage_key", row),
            self.batch_size,
            order.len() / largest.members
        );
    }

    fn deal_leaving_out(&self, order: Arc<Order>) -> Result<Deal, Invalid> {
        let classes = order.starts().map_or(order.len(), |starts| starts.ones().count() as u64);
        let Some(deal) = Deal::leaving_out(order, self.batch_size) else {
            invalid!(
                "{}: passage keys leave {classes} classes for batches of batch_size={}: use a batch size of at most \
                 {classes}",
                self.name(),
                self.batch_size
            );
        };
        Ok(deal)
    }
}
