//! The weights of a mix, by number.

/// How query and passage languages relate inside a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// X-X-mono: every pair of the batch in one language.
    Monolingual,
    /// X-Y: query and passage in different languages, which vary inside the batch.
    CrossLingual,
    /// X-X: each pair in one language, and languages vary inside the batch.
    Mixed,
}

impl Kind {
    /// All kinds, in the order of [`Weights::kinds`].
    pub const ALL: [Self; 3] = [Self::Monolingual, Self::CrossLingual, Self::Mixed];

    /// The name in the public interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monolingual => "monolingual",
            Self::CrossLingual => "cross_lingual",
            Self::Mixed => "mixed",
        }
    }
}

/// The weights of a mix over a given corpus. Finite, not negative; what is not used has weight 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// One for each kind.
    pub kinds: [f64; 3],
    /// For each kind, one for each source.
    pub sources: [Vec<f64>; 3],
    /// For each source, one for each language slot.
    pub languages: Vec<Vec<f64>>,
    /// For each source, one for each ordered pair of slots `(query, passage)`, in the order of [`pair_of`].
    pub pairs: Vec<Vec<f64>>,
}

impl Weights {
    /// The choices of a group that has the given slots: ordered pairs of positive weight, or languages of positive
    /// weight as pairs of themselves.
    pub fn choices<'a, I>(&'a self, source: usize, kind: Kind, slots: I) -> impl Iterator<Item = (u32, u32)> + 'a
    where
        I: ExactSizeIterator<Item = u32> + Clone + 'a,
    {
        let width = self.languages[source].len() as u32;
        let passages = slots.clone();
        slots.flat_map(move |query| passages.clone().map(move |passage| (query, passage))).filter(
            move |&(query, passage)| match kind {
                Kind::CrossLingual => query != passage && self.pairs[source][number_of(query, passage, width)] > 0.0,
                _ => query == passage && self.languages[source][query as usize] > 0.0,
            },
        )
    }

    /// Whether batches of a kind may have passages in the language at `slot`; `of` is the language of monolingual ones.
    #[must_use]
    pub fn is_passage(&self, source: usize, kind: Kind, of: Option<u32>, slot: u32) -> bool {
        let width = self.languages[source].len() as u32;
        match (kind, of) {
            (Kind::Monolingual, of) => of == Some(slot),
            (Kind::Mixed, _) => self.languages[source][slot as usize] > 0.0,
            (Kind::CrossLingual, _) => {
                (0..width).any(|query| query != slot && self.pairs[source][number_of(query, slot, width)] > 0.0)
            }
        }
    }

    /// Whether a kind leaves the choice between all languages, or all pairs, of a source.
    #[must_use]
    pub fn all_chosen(&self, source: usize, kind: Kind) -> bool {
        let weights = if kind == Kind::CrossLingual { &self.pairs[source] } else { &self.languages[source] };
        weights.iter().all(|&weight| weight > 0.0)
    }
}

/// The ordered pair `(query slot, passage slot)` with number `pair` among `slots`: query first, equal slots left out.
#[must_use]
pub fn pair_of(pair: u32, slots: u32) -> (u32, u32) {
    let (query, rest) = (pair / (slots - 1), pair % (slots - 1));
    (query, rest + u32::from(rest >= query))
}

/// The inverse of [`pair_of`].
#[must_use]
pub fn number_of(query: u32, passage: u32, slots: u32) -> usize {
    (query * (slots - 1) + passage - u32::from(passage > query)) as usize
}
