//! Which row of the data is group `g` in language `l`, and which groups must not meet in a batch.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::columns::{Columns, Names};
use crate::compact::Compact;
use crate::error::{Invalid, invalid};
use crate::index;
use crate::negatives::Negatives;
use crate::source::Source;

/// Groups of translations by source, and their conflict classes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Corpus {
    languages: Vec<String>,
    sources: Vec<Source>,
    rows: u64,
    lengths: Option<Compact>,
    negatives: Option<Negatives>,
    /// Of the group column: a file in another order is told even where its groups look the same.
    group_digest: u64,
    fingerprint: u128,
}

impl Corpus {
    /// Checks the columns and indexes them.
    ///
    /// `names` gives the user's value in a column at a row, for messages. Errors: no rows, columns of different length,
    /// a group in two sources, a (group, language) that comes twice, more rows than the tables hold.
    pub fn new(
        columns: &Columns<'_>,
        languages: Vec<String>,
        sources: Vec<String>,
        names: &Names<'_>,
    ) -> Result<Self, Invalid> {
        columns.check(names)?;
        let rows = columns.rows();
        let (sources, group_ids) = index::sources(columns, &languages, sources, names)?;
        let negatives = match (&columns.negatives, group_ids) {
            (Some(lists), Some(group_ids)) => Some(Negatives::new(columns, lists, &group_ids, names)?),
            _ => None,
        };
        let lengths = columns.length.as_ref().map(|length| {
            let values = || (0..rows).map(|row| length.get(row) as u32);
            Compact::new(values().max().unwrap_or(0).into(), values())
        });
        let mut groups = Xxh3::new();
        let mut buffer = Vec::with_capacity(8 * AT_ONCE);
        for first in (0..rows).step_by(AT_ONCE) {
            buffer.clear();
            for row in first..rows.min(first + AT_ONCE) {
                buffer.extend_from_slice(&columns.group.digest(row).to_le_bytes());
            }
            groups.update(&buffer);
        }
        let group_digest = groups.digest();
        let mut corpus =
            Self { languages, sources, rows: rows as u64, lengths, negatives, group_digest, fingerprint: 0 };
        corpus.fingerprint = corpus.digest();
        Ok(corpus)
    }

    /// The language names, in the order of their numbers.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The sources, in the order of their numbers.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Tokens of query and passage of each row, if given.
    #[must_use]
    pub fn lengths(&self) -> Option<&Compact> {
        self.lengths.as_ref()
    }

    /// Hard negatives by row, if given.
    #[must_use]
    pub fn negatives(&self) -> Option<&Negatives> {
        self.negatives.as_ref()
    }

    /// A hash (XXH3, 128 bits) of all that a plan can see: equal fingerprints, equal plans.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    fn digest(&self) -> u128 {
        let mut hash = Xxh3::new();
        let mut number = |number: u64| hash.update(&number.to_le_bytes());
        let text = |text: &str| {
            let bytes = text.bytes().map(u64::from).collect::<Vec<_>>();
            std::iter::once(bytes.len() as u64).chain(bytes)
        };
        // Counts before lists, and a number for what may be absent: no two corpora give one row of words.
        number(self.group_digest);
        for count in [self.languages.len(), self.sources.len()] {
            number(count as u64);
        }
        self.languages.iter().flat_map(|name| text(name)).for_each(&mut number);
        for source in &self.sources {
            text(source.name()).for_each(&mut number);
            source.each_word(&mut number);
        }
        number(self.lengths.as_ref().map_or(0, |lengths| 1 + lengths.len()));
        for length in self.lengths.iter().flat_map(Compact::iter) {
            number(length.into());
        }
        number(u64::from(self.negatives.is_some()));
        self.negatives.iter().flat_map(Negatives::words).for_each(number);
        hash.digest128()
    }

    /// The corpus as bytes, for another process of the same program.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_else(|error| unreachable!("a corpus without a form as bytes: {error}"))
    }

    /// The corpus that [`Self::to_bytes`] wrote. Errors: other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Invalid> {
        match postcard::from_bytes::<Self>(bytes) {
            Ok(corpus) if corpus.digest() == corpus.fingerprint => Ok(corpus),
            _ => invalid!("not the bytes of a corpus of this version: build the corpus from its columns"),
        }
    }
}

/// Rows hashed at once.
const AT_ONCE: usize = 1024;

/// The hash that stands for a text in a fingerprint.
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}
