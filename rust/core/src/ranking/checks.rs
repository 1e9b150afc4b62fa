//! What is checked of a block before any of it is counted.

use roaring::RoaringTreemap;
use twox_hash::XxHash3_64;

use super::places::{Finder, Places};
use super::{CHUNK, RankCounter};
use crate::error::{Invalid, invalid};
use crate::kernels::{bytes, prefetch};
use crate::threads::share;
use crate::vectors::{Vectors, finite};

/// A judged candidate, by its number, and a hash of its vector.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inspected {
    pub number: usize,
    pub digest: u64,
}

/// What vectors are checked against.
pub(super) struct Anchored<'a> {
    pub places: &'a Places,
    pub digests: &'a [Option<u64>],
}

impl<'a> Anchored<'a> {
    /// A check of vectors, one after the other.
    pub fn check(&self) -> Check<'a> {
        Check { finder: self.places.finder(), digests: self.digests }
    }
}

/// A check of vectors, fastest when ids come in order.
pub(super) struct Check<'a> {
    finder: Finder<'a>,
    digests: &'a [Option<u64>],
}

impl Check<'_> {
    /// Whether a vector is finite and, if the candidate is judged, the one that was anchored.
    pub fn sound(&mut self, id: i64, row: &[f32]) -> bool {
        let same = |number: usize| self.digests[number] == Some(digest(row));
        finite(row) && self.finder.find(id).is_none_or(same)
    }
}

impl RankCounter<'_> {
    /// Checks the shape of a block and its ids.
    pub(super) fn check_shape(&self, block: Vectors<'_>, ids: &[i64]) -> Result<(), Invalid> {
        if block.dimension != self.dimension {
            invalid!(
                "the candidates have dimension {} but the queries {}: encode both with one model",
                block.dimension,
                self.dimension
            );
        }
        if block.rows() != ids.len() {
            invalid!("a block of {} candidates has {} ids: give one each", block.rows(), ids.len());
        }
        if let Some(id) = ids.iter().find(|&&id| id < 0) {
            invalid!("candidate id {id} is negative: ids are 0 or more");
        }
        Ok(())
    }

    /// Checks the shape of a block, its ids and that its vectors are finite; returns which rows are judged, and what
    /// `also` made of these in each thread.
    pub(super) fn inspect<S: Default + Send>(
        &self,
        block: Vectors<'_>,
        ids: &[i64],
        threads: usize,
        also: impl Fn(&mut S, &[f32], usize) + Sync,
    ) -> Result<(Vec<Option<Inspected>>, Vec<S>), Invalid> {
        self.check_shape(block, ids)?;
        let mut inspected = vec![None; ids.len()];
        let own = || (true, S::default());
        let inspect = |own: &mut (bool, S), (chunk, inspected): (usize, &mut [Option<Inspected>])| {
            let (sound, made) = own;
            let mut finder = self.places.finder();
            for (i, inspected) in (chunk * CHUNK..).zip(inspected) {
                let row = block.row(i);
                // In two parts, for there is room for half as many lines on their way.
                let next = if i + 1 < ids.len() { block.row(i + 1) } else { &[] };
                let next = next.split_at(next.len() / 2);
                prefetch(next.0);
                *sound &= finite(row);
                prefetch(next.1);
                let Some(number) = finder.find(ids[i]) else { continue };
                *inspected = Some(Inspected { number, digest: digest(row) });
                also(made, row, number);
            }
        };
        let made = share(threads, inspected.chunks_mut(CHUNK).enumerate(), own, inspect);
        if made.iter().any(|(sound, ..)| !sound) {
            block.check_finite(&|row| format!("candidate {} (row {row} of its block)", ids[row]))?;
        }
        Ok((inspected, made.into_iter().map(|(.., made)| made).collect()))
    }

    pub(super) fn check_anchored(&self) -> Result<(), Invalid> {
        let Some(position) = self.scores.iter().position(|score| score.is_nan()) else {
            return Ok(());
        };
        let unknown = self.digests.iter().filter(|digest| digest.is_none()).count();
        invalid!(
            "judged candidate {} has no anchor ({unknown} of {} judged candidates have none): call anchor() with the \
             blocks that hold the judged candidates before the first add()",
            self.judged.ids()[position],
            self.digests.len()
        )
    }

    /// The judged candidates have the vectors with which they were anchored.
    pub(super) fn check_same<'l>(
        &self,
        inspected: impl IntoIterator<Item = &'l Option<Inspected>>,
    ) -> Result<(), Invalid> {
        let differs = |inspected: &&Inspected| self.digests[inspected.number] != Some(inspected.digest);
        match inspected.into_iter().flatten().find(differs) {
            Some(inspected) => invalid!("{}", changed(self.places.ids()[inspected.number])),
            None => Ok(()),
        }
    }

    pub(super) fn check_new(&self, ids: &[i64]) -> Result<RoaringTreemap, Invalid> {
        // Mostly they come in order.
        let ordered = ids.is_sorted_by(|a, b| a < b).then(|| ids.iter().map(|&id| id as u64));
        let ordered = ordered.and_then(|ids| RoaringTreemap::from_sorted_iter(ids).ok());
        let new = if let Some(new) = ordered.filter(|new| self.seen.is_disjoint(new)) {
            new
        } else {
            let mut new = RoaringTreemap::new();
            for &id in ids {
                if self.seen.contains(id as u64) || !new.insert(id as u64) {
                    invalid!("candidate {id} was added twice: every id stands for one candidate");
                }
            }
            new
        };
        check_total(self.seen.len() + new.len())?;
        Ok(new)
    }
}

pub(super) fn check_total(candidates: u64) -> Result<(), Invalid> {
    if candidates > u64::from(u32::MAX) {
        invalid!("{candidates} candidates: counts are kept in 32 bits, so at most {} fit", u32::MAX);
    }
    Ok(())
}

pub(super) fn changed(id: i64) -> String {
    format!(
        "the vector of judged candidate {id} changed between two blocks: encode each candidate once (an encoder in \
         training mode, or different batching, changes it)"
    )
}

/// A hash of a row's bytes, as this machine keeps them.
fn digest(row: &[f32]) -> u64 {
    XxHash3_64::oneshot(bytes(row))
}
