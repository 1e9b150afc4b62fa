//! What a stream draws from: members in an order that keeps conflict classes together.

use serde::{Deserialize, Serialize};

use crate::bits::Bits;
use crate::compact::Compact;

/// Members of a stream, as ids of their source, sorted by hashed conflict class.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// `None`: the ids `0..len` as they are.
    ids: Option<Compact>,
    len: u64,
    /// Where each class begins; `None` when every class has one member.
    starts: Option<Bits>,
    largest: Option<Largest>,
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
        Self { ids: None, len, starts: None, largest: None }
    }

    /// Ids with the class of each, equal classes next to each other.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut ids = Vec::new();
        let mut begins = Vec::new();
        let mut last = None;
        for (id, class) in members {
            if last != Some(class) {
                begins.push(ids.len() as u32);
                last = Some(class);
            }
            ids.push(id);
        }
        let len = ids.len() as u64;
        let single = begins.len() == ids.len();
        let ids = Some(Compact::new(ids.iter().copied().max().unwrap_or(0).into(), ids.into_iter()));
        if single {
            return Self { ids, len, starts: None, largest: None };
        }
        let mut starts = Bits::new(len);
        let mut largest = Largest { members: 0, first: 0 };
        for (k, &first) in begins.iter().enumerate() {
            starts.set(u64::from(first));
            let end = begins.get(k + 1).map_or(len, |&next| u64::from(next));
            if end - u64::from(first) > largest.members {
                largest = Largest { members: end - u64::from(first), first: u64::from(first) };
            }
        }
        Self { ids, len, starts: Some(starts), largest: Some(largest) }
    }

    /// Those members whose id passes, in the same order.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(u32) -> bool) -> Self {
        let mut class = 0;
        let members = (0..self.len).filter_map(|at| {
            class += u32::from(self.starts_class(at));
            let id = self.id(at) as u32;
            keep(id).then_some((id, class))
        });
        Self::new(members)
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
        self.ids.as_ref().map_or(at, |ids| u64::from(ids.get(at)))
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

    fn starts_class(&self, at: u64) -> bool {
        self.starts.as_ref().is_none_or(|starts| starts.get(at))
    }

    /// Everything that batches depend on, as words.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        let ids = self.ids.iter().flat_map(Compact::iter).map(u64::from);
        let starts = self.starts.iter().flat_map(|starts| starts.words().iter().copied());
        let given = u64::from(self.ids.is_some()) + 2 * u64::from(self.starts.is_some());
        [self.len, given].into_iter().chain(ids).chain(starts)
    }
}
