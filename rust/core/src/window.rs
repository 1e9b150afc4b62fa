//! Length buckets: the batches of a window exchange members until rows of like length share a batch.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::columns::Column;
use crate::key::Key;
use crate::source::Source;

/// Batches in a window. Padding falls with the logarithm of it, randomness between batches with it.
pub const WINDOW: u64 = 64;

/// Windows dealt lately: a loader asks for a few batches of each stream at a time, and a window has many.
#[derive(Debug, Default)]
pub struct Windows(Mutex<VecDeque<(WindowKey, Arc<Vec<u64>>)>>);

/// Number of the stream, pass, number of the window in the pass.
type WindowKey = (usize, u64, u64);

/// Positions kept, 8 MB, and where each of many streams has a window in use, 32 MB.
const KEPT: usize = 1 << 20;
const KEPT_OF_MANY: usize = 1 << 22;

impl Windows {
    /// The positions of a window, if they are kept.
    #[must_use]
    pub fn get(&self, key: WindowKey) -> Option<Arc<Vec<u64>>> {
        let kept = self.0.lock().ok()?;
        kept.iter().find(|(own, _)| *own == key).map(|(_, positions)| positions.clone())
    }

    /// Keeps the positions of a window. For them it gives up the oldest of the same stream, and those of other streams,
    /// which take turns and come back to theirs, only when these take much.
    pub fn keep(&self, key: WindowKey, positions: Vec<u64>) {
        let Ok(mut kept) = self.0.lock() else { return };
        let mut all = positions.len() + kept.iter().map(|(_, positions)| positions.len()).sum::<usize>();
        while all > KEPT {
            let own = kept.iter().position(|&((stream, _, _), _)| stream == key.0);
            let oldest = own.or_else(|| (all > KEPT_OF_MANY).then_some(0));
            let Some((_, given_up)) = oldest.and_then(|at| kept.remove(at)) else { break };
            all -= given_up.len();
        }
        kept.push_back((key, Arc::new(positions)));
    }
}

/// A member of a window.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Its position in the order of its stream.
    pub position: u64,
    /// Its conflict class.
    pub class: u64,
    /// Its tokens, in any unit.
    pub length: u64,
}

/// Deals members, at most `WINDOW` batches of `batch_size`, anew: like lengths together, never two of a class in a
/// batch, batches in random order and members in random order inside.
///
/// The longest comes first, into the first batch that has room and lacks its class. When every batch with room holds the
/// class, a full batch that lacks it gives up a member to one with room: such a batch exists, for a class has at most as
/// many members here as there are batches; and such a member exists, for a batch with room has fewer classes than a
/// full one.
pub fn bucket(members: &mut [Member], batch_size: usize, key: Key) {
    let count = members.len() / batch_size;
    // Ties in length fall where they fall: members come in random order.
    members.sort_by_key(|member| std::cmp::Reverse(member.length));
    let mut batches: Vec<Vec<Member>> = vec![Vec::with_capacity(batch_size); count];
    let mut holders: HashMap<u64, u64> = HashMap::new();
    let mut with_room = u64::MAX >> (64 - count);
    for &member in &*members {
        let holding = holders.entry(member.class).or_default();
        let mut free = with_room & !*holding;
        if free == 0 {
            let full = !with_room & !*holding & (u64::MAX >> (64 - count));
            let (from, to) = (full.leading_zeros() ^ 63, with_room.trailing_zeros());
            make_room(&mut batches, &mut holders, from as usize, to as usize);
            if batches[to as usize].len() == batch_size {
                with_room &= !(1 << to);
            }
            free = 1 << from;
        }
        let at = free.trailing_zeros() as usize;
        *holders.entry(member.class).or_default() |= 1 << at;
        batches[at].push(member);
        if batches[at].len() == batch_size {
            with_room &= !(1 << at);
        }
    }
    key.shuffle(&mut batches);
    for (b, (batch, out)) in batches.iter_mut().zip(members.chunks_mut(batch_size)).enumerate() {
        key.derive(b as u64).shuffle(batch);
        out.copy_from_slice(batch);
    }
}

/// Moves a member whose class batch `to` lacks from batch `from` to it: the shortest, for `to` is the later one.
fn make_room(batches: &mut [Vec<Member>], holders: &mut HashMap<u64, u64>, from: usize, to: usize) {
    let lacks = |member: &Member| holders[&member.class] >> to & 1 == 0;
    let Some(at) = batches[from].iter().rposition(lacks) else {
        unreachable!("a full batch has a class that a batch with room lacks")
    };
    let member = batches[from].remove(at);
    let holding = holders.entry(member.class).or_default();
    *holding = *holding & !(1 << from) | 1 << to;
    batches[to].push(member);
}

/// Tokens by which members are bucketed, times 2^16: of the row in a monolingual stream, else the mean over a group's
/// versions.
pub(crate) fn measure(
    source: &Source,
    lengths: &Column<'_>,
    ids: impl Iterator<Item = u64>,
    slot: Option<u32>,
    measured: &mut Vec<u64>,
) {
    let (mut rows, mut tokens) = (Vec::new(), Vec::new());
    measured.clear();
    measured.extend(ids.map(|id| match slot {
        Some(slot) => {
            rows.push(source.row(id, slot));
            1
        }
        None => source.append_rows(id, &mut rows),
    }));
    lengths.gather(&rows, &mut tokens);
    let mut tokens = tokens.into_iter();
    for length in measured {
        let count = *length;
        *length = tokens.by_ref().take(count as usize).map(|tokens| (tokens as u64) << 16).sum::<u64>() / count;
    }
}
