//! What a plan reaches: counted over its first steps, beside what is expected.

use crate::categories::Categories;
use crate::columns::Lent;
use crate::error::Invalid;
use crate::plan::Plan;
use crate::streams::Stream;
use crate::weights::{Kind, number_of};

/// Numbers that are drawn together, about: enough to share work, in a few megabytes.
const NUMBERS: u64 = 1 << 20;

/// Counts over the steps `0..n`.
#[derive(Debug, Clone, Default)]
pub struct Reached {
    /// Batches of each kind.
    pub kinds: Vec<u64>,
    /// For each kind, batches of each source.
    pub sources: Vec<Vec<u64>>,
    /// For each source, monolingual batches of each language slot.
    pub languages: Vec<Vec<u64>>,
    /// For each source, cross-lingual pairs by ordered pair of slots; empty where none are drawn.
    pub pairs: Vec<Vec<u64>>,
    /// For each source, pairs of mixed batches by language slot.
    pub mixed: Vec<Vec<u64>>,
    /// Tokens of all pairs, and with every pair as long as the longest of its batch; twice, for halves count.
    pub tokens: Option<(u64, u64)>,
    /// Hard negatives that are random for want of listed ones.
    pub random_negatives: u64,
}

/// The largest class of a stream, beside the batches in a pass.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The stream.
    pub stream: Stream,
    /// Its members.
    pub members: u64,
    /// The most that are kept apart.
    pub batches: u64,
    /// A row of it.
    pub row: u64,
}

impl Plan {
    /// Counts what the steps `0..steps` hold. `lent` is what the corpus was built from. Errors: as [`Plan::fill`].
    pub fn reached(&self, steps: u64, lent: &Lent<'_>) -> Result<Reached, Invalid> {
        self.corpus.check_lent(lent, self.options.negatives > 0)?;
        let sources = self.corpus.sources();
        let widths = || sources.iter().map(|source| source.languages().len());
        let mut reached = Reached {
            kinds: vec![0; Kind::ALL.len()],
            sources: vec![vec![0; sources.len()]; Kind::ALL.len()],
            languages: widths().map(|width| vec![0; width]).collect(),
            pairs: widths()
                .zip(&self.pairs)
                .map(|(width, pairs)| vec![0; pairs.as_ref().map_or(0, |_| width * (width - 1))])
                .collect(),
            mixed: widths().map(|width| vec![0; width]).collect(),
            tokens: lent.length.as_ref().map(|_| (0, 0)),
            random_negatives: 0,
        };
        let width = (self.width() * self.batch_size()) as usize;
        let at_once = (NUMBERS / width as u64).clamp(1, steps) as usize;
        let mut rows = vec![0; at_once * width];
        for first in (0..steps).step_by(at_once) {
            let count = at_once.min((steps - first) as usize);
            self.each_batch(first, lent, &mut rows[..count * width], |stream, slots, rows, random| {
                let (kind, s) = (stream.kind as usize, stream.source as usize);
                let languages = sources[s].languages().len() as u32;
                reached.kinds[kind] += 1;
                reached.sources[kind][s] += 1;
                reached.random_negatives += random as u64;
                match stream.slot {
                    Some(slot) => reached.languages[s][slot as usize] += 1,
                    None => {
                        for &(query, passage) in slots {
                            if stream.kind == Kind::CrossLingual {
                                reached.pairs[s][number_of(query, passage, languages)] += 1;
                            } else {
                                reached.mixed[s][query as usize] += 1;
                            }
                        }
                    }
                }
                if let (Some(lengths), Some(tokens)) = (&lent.length, &mut reached.tokens) {
                    let length = |row: i64| u64::from(lengths.get(row as usize) as u32);
                    let pairs = || rows.chunks_exact(self.width() as usize).map(|row| length(row[0]) + length(row[1]));
                    tokens.0 += pairs().sum::<u64>();
                    tokens.1 += pairs().max().unwrap_or(0) * self.batch_size();
                }
            })?;
        }
        Ok(reached)
    }

    /// The share of each ordered pair of slots among the cross-lingual pairs of a source, or of each language among its
    /// mixed pairs, over many passes: every group comes equally often and takes turns at its own choices.
    #[must_use]
    pub fn expected(&self, source: usize, kind: Kind) -> Vec<f64> {
        let categories = if kind == Kind::CrossLingual { &self.pairs[source] } else { &self.mixed[source] };
        let shares = categories.as_ref().map_or(Vec::new(), Categories::shares);
        let data = &self.corpus.sources()[source];
        let stream = self.streams.iter().find(|(stream, ..)| stream.kind == kind && stream.source as usize == source);
        let Some((_, _, deal)) = stream.filter(|_| !data.is_complete()) else {
            return shares;
        };
        let width = data.languages().len() as u32;
        let mut expected = vec![0.0; shares.len()];
        let (order, mut turns) = (deal.order(), 0.0);
        for at in 0..order.len() {
            let frequency = deal.frequency(at);
            turns += frequency;
            let slots = data.slots(order.id(at));
            if slots.len() == width as usize {
                expected.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share * frequency);
                continue;
            }
            let choices: Vec<(u32, u32)> = self.weights.choices(source, kind, slots).collect();
            for &(query, passage) in &choices {
                let number = if kind == Kind::CrossLingual { number_of(query, passage, width) } else { query as usize };
                expected[number] += frequency / choices.len() as f64;
            }
        }
        expected.iter().map(|sum| sum / turns).collect()
    }

    /// The largest class of every stream that has one of several members.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        (self.streams.iter())
            .filter_map(|(stream, _, deal)| {
                let largest = deal.order().largest()?;
                let source = &self.corpus.sources()[stream.source as usize];
                let row = source.any_row(deal.order().id(largest.first), stream.slot);
                Some(Limit { stream: *stream, members: largest.members, batches: deal.batches(), row })
            })
            .collect()
    }
}
