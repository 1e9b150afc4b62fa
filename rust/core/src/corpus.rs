//! Which row of the data is group `g` in language `l`, and which groups must not meet in a batch.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use twox_hash::{XxHash3_64, XxHash3_128};

use crate::columns::{Columns, Lent, Names};
use crate::compact::Compact;
use crate::error::{Invalid, invalid};
use crate::index;
use crate::negatives::check_lists;
use crate::source::Source;

/// Groups of translations by source, and their conflict classes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Corpus {
    languages: Vec<String>,
    sources: Vec<Source>,
    rows: u64,
    /// Whether there is a column of lengths.
    has_lengths: bool,
    /// How many negatives are listed in all, if any may be.
    listed: Option<u64>,
    /// The group of each row, where negatives ask for it and no formula tells it.
    group_ids: Option<Compact>,
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
        if let Some(lists) = &columns.lent.negatives {
            check_lists(columns, lists, names)?;
        }
        let mut groups = XxHash3_64::new();
        let mut buffer = Vec::with_capacity(8 * AT_ONCE);
        for first in (0..rows).step_by(AT_ONCE) {
            buffer.clear();
            for row in first..rows.min(first + AT_ONCE) {
                buffer.extend_from_slice(&columns.group.digest(row).to_le_bytes());
            }
            groups.write(&buffer);
        }
        let group_digest = groups.finish();
        let mut corpus = Self {
            languages,
            sources,
            rows: rows as u64,
            has_lengths: columns.lent.length.is_some(),
            listed: columns.lent.negatives.as_ref().map(|lists| lists.rows.len() as u64),
            group_ids,
            group_digest,
            fingerprint: 0,
        };
        corpus.fingerprint = corpus.digest(&columns.lent);
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

    /// Whether rows have lengths.
    #[must_use]
    pub fn has_lengths(&self) -> bool {
        self.has_lengths
    }

    /// Whether rows have lists of hard negatives.
    #[must_use]
    pub fn has_negatives(&self) -> bool {
        self.listed.is_some()
    }

    /// Whether what is lent has the shape of the columns that the corpus was built from, in a moment. Errors: another
    /// shape, or what is needed is missing.
    pub(crate) fn check_lent(&self, lent: &Lent<'_>, with_negatives: bool) -> Result<(), Invalid> {
        let length = lent.length.as_ref().map(|length| length.len() as u64);
        let lists = lent.negatives.as_ref().filter(|_| with_negatives);
        let shape = lists.map(|lists| (lists.ends.len() as u64, lists.rows.len() as u64));
        let told = [
            ("length", length, self.has_lengths.then_some(self.rows)),
            ("negatives", shape.map(|shape| shape.0), self.listed.filter(|_| with_negatives).map(|_| self.rows)),
            ("negatives in all", shape.map(|shape| shape.1), self.listed.filter(|_| with_negatives)),
        ];
        for (what, lent, built) in told {
            if lent != built {
                let say = |count: Option<u64>| count.map_or("none".to_owned(), |count| count.to_string());
                invalid!(
                    "{what}: {} are lent, and the corpus was built from {}: lend the columns that it was built from",
                    say(lent),
                    say(built)
                );
            }
        }
        Ok(())
    }

    /// The group of a row, if it is one of that source.
    pub(crate) fn group_of(&self, source: &Source, row: u64) -> Option<u64> {
        let listed = |ids: &Compact| (row < ids.len()).then(|| ids.get(row).into());
        source.group_of(row, || self.group_ids.as_ref().and_then(listed))
    }

    /// A hash (XXH3, 128 bits) of all that a plan can see: equal fingerprints, equal plans.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    fn digest(&self, lent: &Lent<'_>) -> u128 {
        let mut hash = XxHash3_128::new();
        let mut number = |number: u64| hash.write(&number.to_le_bytes());
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
        number(lent.length.as_ref().map_or(0, |lengths| 1 + lengths.len() as u64));
        if let Some(length) = &lent.length {
            (0..length.len()).for_each(|row| number(length.get(row) as u64));
        }
        number(u64::from(lent.negatives.is_some()));
        if let Some(lists) = &lent.negatives {
            for column in [&lists.ends, &lists.rows] {
                (0..column.len()).for_each(|at| number(column.get(at) as u64));
            }
        }
        hash.finish_128()
    }

    /// The corpus as bytes, for another process of the same program. What is lent stays behind.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            postcard::to_stdvec(self).unwrap_or_else(|error| unreachable!("a corpus without a form as bytes: {error}"));
        bytes.extend_from_slice(&XxHash3_128::oneshot(&bytes).to_le_bytes());
        bytes
    }

    /// The corpus that [`Self::to_bytes`] wrote, of a corpus built from columns with the values of `lent`. Errors: other
    /// bytes or columns.
    pub fn from_bytes(bytes: &[u8], lent: &Lent<'_>) -> Result<Self, Invalid> {
        let whole = bytes.split_last_chunk().filter(|(bytes, sum)| XxHash3_128::oneshot(bytes).to_le_bytes() == **sum);
        let Some(Ok(corpus)) = whole.map(|(bytes, _)| postcard::from_bytes::<Self>(bytes)) else {
            invalid!("not the bytes of a corpus of this version: build the corpus from its columns");
        };
        corpus.check_lent(lent, corpus.has_negatives())?;
        if corpus.digest(lent) != corpus.fingerprint {
            invalid!("not the lengths and negatives that the corpus was built from: build it anew");
        }
        Ok(corpus)
    }
}

/// Rows hashed at once.
const AT_ONCE: usize = 1024;

/// The hash that stands for a text in a fingerprint.
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    XxHash3_64::oneshot(text.as_bytes())
}
