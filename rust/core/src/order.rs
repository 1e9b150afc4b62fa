//! What a stream draws from: members in an order that keeps conflict classes together.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bits::Bits;
use crate::compact::Compact;
use crate::inverse::Inverse;
use crate::marks::Marks;
use crate::rising::Rising;

/// Members of a stream, as ids of their source, sorted by hashed conflict class.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    ids: Ids,
    len: u64,
    /// Where each class begins; `None` when every class has one member.
    starts: Option<Bits>,
    largest: Option<Largest>,
}

/// The id at each position.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Ids {
    /// The position.
    All,
    /// Any, and where asked for the position of each.
    Listed(Compact, Option<Inverse>),
    /// Ascending.
    Rising(Rising),
    /// Those at some positions of another order, marked there.
    Part(Arc<Order>, Marks),
}

/// The class with the most members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Largest {
    /// Its members.
    pub members: u64,
    /// The position of the first.
    pub first: u64,
}

impl Order {
    /// The ids `0..len`, each a class of its own.
    #[must_use]
    pub fn all(len: u64) -> Self {
        Self { ids: Ids::All, len, starts: None, largest: None }
    }

    /// All ids from 0 on with the class of each, equal classes next to each other.
    #[must_use]
    pub fn whole(classes: impl IntoIterator<Item = u32>) -> Self {
        Self::with_classes(Ids::All, &classes.into_iter().collect::<Vec<_>>())
    }

    /// Ids with the class of each, equal classes next to each other.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let (ids, classes): (Vec<u32>, Vec<u32>) = members.into_iter().unzip();
        let ids = Compact::new(ids.iter().copied().max().unwrap_or(0), ids.into_iter());
        Self::with_classes(Ids::Listed(ids, None), &classes)
    }

    /// Ascending ids below `below`, with the class of each, equal classes next to each other.
    #[must_use]
    pub fn rising(members: impl IntoIterator<Item = (u32, u32)>, below: u64) -> Self {
        let (ids, classes): (Vec<u32>, Vec<u32>) = members.into_iter().unzip();
        Self::with_classes(Ids::Rising(Rising::new(&ids, below)), &classes)
    }

    /// Makes [`Self::position`] work, for an order that holds each of the ids `0..len` once.
    #[must_use]
    pub fn with_positions(mut self) -> Self {
        if let Ids::Listed(ids, inverse) = &mut self.ids {
            *inverse = Some(Inverse::new(ids));
        }
        self
    }

    /// Those members, in the same order, whose position gives a class; equal classes next to each other. Takes a
    /// bit a member where a list takes 32.
    #[must_use]
    pub fn part(self: &Arc<Self>, mut class: impl FnMut(u64) -> Option<u32>) -> Self {
        let mut marks = Bits::new(self.len);
        let mut classes = Vec::new();
        for at in 0..self.len {
            if let Some(class) = class(at) {
                marks.set(at);
                classes.push(class);
            }
        }
        Self::with_classes(Ids::Part(Arc::clone(self), Marks::new(marks)), &classes)
    }

    /// Those members whose id passes, in the same order.
    #[must_use]
    pub fn filtered(self: &Arc<Self>, keep: impl Fn(u64) -> bool) -> Self {
        self.part(|at| keep(self.id(at)).then(|| self.class(at) as u32))
    }

    fn with_classes(ids: Ids, classes: &[u32]) -> Self {
        let len = classes.len() as u64;
        let mut starts = Bits::new(len);
        let mut largest = Largest { members: 0, first: 0 };
        let mut first = 0;
        for class in classes.chunk_by(PartialEq::eq) {
            starts.set(first);
            if class.len() as u64 > largest.members {
                largest = Largest { members: class.len() as u64, first };
            }
            first += class.len() as u64;
        }
        if largest.members <= 1 {
            return Self { ids, len, starts: None, largest: None };
        }
        Self { ids, len, starts: Some(starts), largest: Some(largest) }
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The id at a position.
    #[must_use]
    pub fn id(&self, at: u64) -> u64 {
        match &self.ids {
            Ids::All => at,
            Ids::Listed(ids, _) => ids.get(at).into(),
            Ids::Rising(ids) => ids.get(at),
            Ids::Part(of, marks) => of.id(marks.position(at)),
        }
    }

    /// The ids at some positions, in place of what `ids` holds.
    pub fn ids(&self, positions: &[u64], ids: &mut Vec<u64>) {
        ids.clear();
        match &self.ids {
            Ids::All => ids.extend_from_slice(positions),
            _ => ids.extend(positions.iter().map(|&at| self.id(at))),
        }
    }

    /// The position of a member.
    ///
    /// # Panics
    /// Where the ids are a list made without [`Self::with_positions`].
    #[must_use]
    pub fn position(&self, id: u64) -> u64 {
        match &self.ids {
            Ids::All => id,
            Ids::Listed(ids, Some(inverse)) => inverse.position(ids, id),
            Ids::Listed(..) | Ids::Rising(_) => unreachable!("ids in an order without an inverse"),
            Ids::Part(of, marks) => marks.number(of.position(id)),
        }
    }

    /// Where classes begin; `None` when every class has one member.
    #[must_use]
    pub fn starts(&self) -> Option<&Bits> {
        self.starts.as_ref()
    }

    /// The position where the class of the member at `at` begins: the class's number in this order.
    #[must_use]
    pub fn class(&self, at: u64) -> u64 {
        self.starts.as_ref().map_or(at, |starts| starts.last_at_or_before(at))
    }

    /// The class with the most members; `None` when every class has one.
    #[must_use]
    pub fn largest(&self) -> Option<Largest> {
        self.largest
    }

    /// Everything that batches depend on, as words.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        let (form, listed, rising, marks) = match &self.ids {
            Ids::All => (0, None, None, None),
            Ids::Listed(ids, _) => (1, Some(ids), None, None),
            // How a list is kept is not told.
            Ids::Rising(ids) => (1, None, Some(ids), None),
            Ids::Part(_, marks) => (2, None, None, Some(marks)),
        };
        let listed = listed.into_iter().flat_map(Compact::iter).map(u64::from);
        let ids = listed.chain(rising.into_iter().flat_map(Rising::iter));
        let starts = self.starts.iter().flat_map(|starts| starts.words().iter().copied());
        [self.len, form].into_iter().chain(ids).chain(marks.into_iter().flat_map(Marks::words)).chain(starts)
    }
}
