//! The second phase: blocks are checked, taken in and counted, whole or not at all.

use roaring::RoaringTreemap;

use super::RankCounter;
use super::counting::{Counted, PIECE};
use crate::error::{Invalid, invalid};
use crate::kernels::DefaultFloatState;
use crate::tally::Tally;
use crate::threads;
use crate::vectors::Vectors;

impl RankCounter<'_> {
    /// Second phase: counts the candidates of this block, in parallel over the queries. `languages` holds a number for
    /// each. On an error nothing of the block is counted.
    pub fn add(
        &mut self,
        block: Vectors<'_>,
        ids: &[i64],
        languages: &[u32],
        threads: Option<usize>,
    ) -> Result<(), Invalid> {
        self.add_while(block, ids, languages, threads, &mut || true).map(|_| ())
    }

    /// As [`Self::add`], but asks between pieces of a large block whether to go on, and says whether it has. Where not,
    /// nothing of the block is counted.
    pub fn add_while(
        &mut self,
        block: Vectors<'_>,
        ids: &[i64],
        languages: &[u32],
        threads: Option<usize>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Invalid> {
        let _state = DefaultFloatState::take();
        if languages.len() != ids.len() {
            invalid!("{} candidates have {} languages: give one each", ids.len(), languages.len());
        }
        let threads = threads::resolve(threads);
        let large = size_of_val(block.values) > PIECE;
        // To read a large block takes time, so its vectors are checked when they are read to be counted.
        self.check_shape(block, ids)?;
        let inspected = if large { None } else { Some(self.inspect(block, ids, threads, |(): &mut (), _, _| ())?.0) };
        self.check_anchored()?;
        let new = self.check_new(ids)?;
        self.check_same(inspected.iter().flatten())?;
        drop(inspected);
        let before = large.then(|| self.set_aside());
        self.admit(&new, ids, languages);
        let mut go_on = || !large || go_on();
        let counted = self.count(block, ids, languages, large, threads, &mut go_on);
        if let Some(before) = before.filter(|_| counted != Counted::All) {
            let (scores, digests) = (std::mem::take(&mut self.scores), std::mem::take(&mut self.digests));
            *self = Self { scores, digests, ..before };
        }
        if counted == Counted::Unsound {
            let (inspected, _) = self.inspect(block, ids, threads, |(): &mut (), _, _| ())?;
            self.check_same(&inspected)?;
            invalid!("the block changed while it was counted: leave it as it is until add() returns");
        }
        Ok(counted == Counted::All)
    }

    /// A copy of what adding a block changes, but for what is held from block to block, which can be made anew.
    fn set_aside(&mut self) -> Self {
        let (scores, digests) = (std::mem::take(&mut self.scores), std::mem::take(&mut self.digests));
        let held = self.held.take();
        let aside = self.clone();
        (self.scores, self.digests, self.held) = (scores, digests, held);
        aside
    }

    /// Takes the candidates of a checked block in, before they are counted.
    pub(super) fn admit(&mut self, new: &RoaringTreemap, ids: &[i64], languages: &[u32]) {
        self.seen |= new;
        let mut finder = self.places.finder();
        for (&id, &language) in ids.iter().zip(languages) {
            for place in finder.find(id).into_iter().flat_map(|number| self.places.of(number)) {
                self.languages[place.position as usize] = language;
            }
        }
        let most = languages.iter().max().map_or(0, |&l| l as usize + 1);
        self.reserve(self.language_count.max(most));
    }

    pub(super) fn reserve(&mut self, languages: usize) {
        if self.tallies.is_empty() {
            let of = |q| Tally::new(self.judged.of(q).start, &self.scores[self.judged.of(q)]);
            self.tallies = (0..self.judged.queries()).map(of).collect();
        }
        self.language_count = languages;
        for tally in &mut self.tallies {
            tally.reserve_languages(languages);
        }
    }
}
