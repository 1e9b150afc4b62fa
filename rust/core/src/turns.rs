//! Turns of groups that lack languages: which of its own pairs a group is drawn in, and how often a query came before.

use crate::key::Key;
use crate::plan::Plan;
use crate::source::Source;
use crate::weights::{Kind, pair_of};

impl Plan {
    /// How often a query came before, when its group had `turns` turns: all of them in a monolingual stream, and of a
    /// group that lacks languages those in which the query's language was its choice. Where the schedule of pairs
    /// decides, nothing tells which they were, and the group's turns stand for the query's.
    pub(crate) fn visits(&self, stream: usize, id: u64, query: u32, turns: u64) -> u64 {
        let (stream, key, _) = self.streams.get(stream);
        let (s, source) = (stream.source as usize, &self.corpus.sources()[stream.source as usize]);
        if stream.slot.is_some() || source.slots(id).len() == source.languages().len() {
            return turns;
        }
        let own: Vec<bool> =
            self.weights.choices(s, stream.kind, source.slots(id)).map(|choice| choice.0 == query).collect();
        let all = own.iter().filter(|&&own| own).count() as u64;
        let before = |turn: u64| {
            let (rounds, rest) = (turn / own.len() as u64, (turn % own.len() as u64) as usize);
            rounds * all + own[..rest].iter().filter(|&&own| own).count() as u64
        };
        let first = first_choice(*key, source, id);
        before(first + turns) - before(first)
    }

    /// The choice of a group that lacks languages at one of its turns.
    pub(crate) fn rotate(&self, source: &Source, s: usize, kind: Kind, group: u64, turn: u64) -> (u32, u32) {
        let slots = source.slots(group);
        let slot = |at: u32| slots.clone().nth(at as usize).unwrap_or_default();
        let own = slots.len() as u64;
        if self.weights.all_chosen(s, kind) {
            // The common case, without listing all pairs.
            return if kind == Kind::CrossLingual {
                let (query, passage) = pair_of((turn % (own * (own - 1))) as u32, own as u32);
                (slot(query), slot(passage))
            } else {
                let at = (turn % own) as u32;
                (slot(at), slot(at))
            };
        }
        let choices: Vec<(u32, u32)> = self.weights.choices(s, kind, slots.clone()).collect();
        choices[(turn % choices.len() as u64) as usize]
    }
}

/// Where a group begins among its choices: told by its first row, lest it depend on how the rows are kept.
pub(crate) fn first_choice(key: Key, source: &Source, group: u64) -> u64 {
    key.derive(u64::MAX - 4).below(source.any_row(group, None), 1 << 32)
}
