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
        let mut drawn = Vec::new();
        let mut numbers = [const { Vec::new() }; 3];
        for (k, kind) in Kind::ALL.into_iter().enumerate() {
            for (s, source) in corpus.sources().iter().enumerate() {
                let slots = match kind {
                    Kind::Monolingual => (0..source.languages().len() as u32).map(Some).collect(),
                    _ => vec![None],
                };
                let source_drawn = weights.kinds[k] > 0.0 && weights.sources[k][s] > 0.0;
                let mut own = Vec::with_capacity(slots.len());
                for slot in slots {
                    let language_drawn = slot.is_none_or(|slot| weights.languages[s][slot as usize] > 0.0);
                    own.push((source_drawn && language_drawn).then_some(drawn.len() as u32));
                    if source_drawn && language_drawn {
                        let stream = Stream { kind, source: s as u32, slot };
                        drawn.push((stream, members(source, weights, stream)));
                    }
                }
                numbers[k].push(own);
            }
        }
        // The remedy has to hold for all streams, not only for the first that fails.
        let limit = |(_, order): &(Stream, Arc<Order>)| match excess {
            Excess::Refuse => order.len() / order.largest().map_or(1, |largest| largest.members),
            Excess::Rotate => classes(order),
        };
        let largest_size = drawn.iter().map(limit).filter(|&limit| limit > 0).min().unwrap_or(0);
        let deal = |(stream, order): (Stream, Arc<Order>)| {
            let source = &corpus.sources()[stream.source as usize];
            let named = Named { corpus, source, stream, batch_size, largest_size };
            named.check_fill(&order)?;
            let deal = match excess {
                // Where no class is too large there is nothing to leave out.
                _ if named.is_apart(&order) => Deal::new(order, batch_size),
                Excess::Refuse => return Err(named.too_large(&order, called)),
                Excess::Rotate => named.deal_leaving_out(order)?,
            };
            let key = key.derive(stream.kind as u64).derive(stream.source.into());
            Ok((stream, key.derive(stream.slot.map_or(0, |slot| 1 + u64::from(slot))), deal))
        };
        Ok(Self { deals: drawn.into_iter().map(deal).collect::<Result<_, _>>()?, numbers })
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
    let has_turn = |group| weights.choices(s, stream.kind, source.slots(group)).next().is_some();
    let able = source.all().filtered(has_turn);
    if able.len() == source.all().len() { source.all().clone() } else { Arc::new(able) }
}

/// A stream with what its errors name.
struct Named<'a> {
    corpus: &'a Corpus,
    source: &'a Source,
    stream: Stream,
    batch_size: u64,
    /// The largest batch size that all streams allow.
    largest_size: u64,
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
            let of_rows = self.stream.slot.is_some() && !self.source.is_complete();
            let (members, what) = if of_rows { ("rows", "language") } else { ("groups", "source") };
            let most = match order.len() {
                0 => String::new(),
                _ => format!("use a batch size of at most {}, or ", self.largest_size),
            };
            invalid!(
                "{} need batch_size={} {members} but it has {}: {most}give the {what} weight 0",
                self.name(),
                self.batch_size,
                order.len()
            );
        }
        Ok(())
    }

    /// Whether a pass has a batch for each member of every class.
    fn is_apart(&self, order: &Order) -> bool {
        order.largest().is_none_or(|largest| largest.members <= order.len() / self.batch_size)
    }

    fn too_large(&self, order: &Order, called: &Names<'_>) -> Invalid {
        let largest = order.largest().map_or((0, 0), |largest| (largest.first, largest.members));
        let (row, key) = self.keyed_row(order, largest.0, largest.1, called);
        Invalid(format!(
            "{}: {} of {} members are joined by passage key {key} (row {row}), but a pass has only {} batches of \
             batch_size={} to keep them apart: use a batch size of at most {}, drop some of them, or pass \
             excess=\"rotate\" to leave surplus copies out in turn",
            self.name(),
            largest.1,
            order.len(),
            order.len() / self.batch_size,
            self.batch_size,
            self.largest_size
        ))
    }

    /// A row of a class that has a key to name, and the key.
    fn keyed_row(&self, order: &Order, first: u64, members: u64, called: &Names<'_>) -> (u64, String) {
        let rows = (first..first + members).flat_map(|at| {
            let id = order.id(at);
            let slots: Vec<u32> = self.stream.slot.map_or_else(|| self.source.slots(id).collect(), |slot| vec![slot]);
            slots.into_iter().filter_map(move |slot| match self.stream.slot {
                Some(_) => Some(self.source.row(id, slot)),
                None => self.source.version(id, slot),
            })
        });
        let mut named = rows.map(|row| (row, called("passage_key", row as usize)));
        let first = named.next().unwrap_or_default();
        // A class may be joined by other languages than the stream's; then its rows have no key of their own.
        if first.1 == "None" { named.find(|(_, key)| key != "None").unwrap_or(first) } else { first }
    }

    fn deal_leaving_out(&self, order: Arc<Order>) -> Result<Deal, Invalid> {
        let classes = classes(&order);
        let Some(deal) = Deal::leaving_out(order, self.batch_size) else {
            invalid!(
                "{}: passage keys leave {classes} classes for batches of batch_size={}: use a batch size of at most {}",
                self.name(),
                self.batch_size,
                self.largest_size
            );
        };
        Ok(deal)
    }
}

fn classes(order: &Order) -> u64 {
    order.starts().map_or(order.len(), |starts| starts.ones().count() as u64)
}
