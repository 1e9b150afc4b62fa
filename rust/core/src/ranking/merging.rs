//! Counters of one evaluation that saw other candidates, added up.

use super::checks::{changed, check_total};
use super::{DIFFER, RankCounter, UNKNOWN};
use crate::error::{Invalid, invalid};
use crate::kernels::DefaultFloatState;

impl RankCounter<'_> {
    /// Takes over what `other`, a counter of the same queries and judgements, knows and counted; its language `l` is
    /// `renumbered[l]` here. On an error nothing is taken over. In the first phase this shares the judged scores, in the
    /// second it adds the counts.
    pub fn merge(&mut self, other: &RankCounter<'_>, renumbered: &[u32]) -> Result<(), Invalid> {
        let _state = DefaultFloatState::take();
        let same = *self.queries == *other.queries
            && self.dimension == other.dimension
            && self.similarity == other.similarity
            && self.judged == other.judged
            && self.excluded == other.excluded;
        if !same {
            invalid!("{DIFFER}");
        }
        if let Some(id) = (&self.seen & &other.seen).min() {
            invalid!("candidate {id} was added to both counters: add each candidate to one");
        }
        check_total(self.seen.len() + other.seen.len())?;
        let differs =
            |(mine, theirs): (&Option<u64>, &Option<u64>)| mine.is_some() && theirs.is_some() && mine != theirs;
        if let Some(number) = self.digests.iter().zip(&other.digests).position(differs) {
            invalid!("{}", changed(self.places.ids()[number]));
        }
        for (mine, theirs) in self.scores.iter_mut().zip(&other.scores) {
            if mine.is_nan() {
                *mine = *theirs;
            }
        }
        for (mine, theirs) in self.languages.iter_mut().zip(&other.languages) {
            if *mine == UNKNOWN && *theirs != UNKNOWN {
                *mine = renumbered[*theirs as usize];
            }
        }
        for (mine, theirs) in self.digests.iter_mut().zip(&other.digests) {
            *mine = mine.or(*theirs);
        }
        self.seen |= &other.seen;
        self.zero_rows += other.zero_rows - other.zero_queries();
        self.report += other.report;
        // Without queries there are candidates, and so languages, but no tallies.
        if !other.tallies.is_empty() || other.language_count > 0 {
            let most = renumbered.iter().max().map_or(0, |&l| l as usize + 1);
            self.reserve(self.language_count.max(most));
            for (mine, theirs) in self.tallies.iter_mut().zip(&other.tallies) {
                mine.merge(theirs, renumbered);
            }
        }
        Ok(())
    }
}
