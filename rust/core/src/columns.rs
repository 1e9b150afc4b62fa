//! The caller's columns, read where they lie: integers of any width, in one piece or in several.

use std::collections::HashMap;

use crate::error::{Invalid, invalid};

/// A piece of a column.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "named after their element types")]
pub enum Integers<'a> {
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
}

impl Integers<'_> {
    fn len(&self) -> usize {
        match self {
            Self::I8(values) => values.len(),
            Self::I16(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
        }
    }

    /// The value at `i`; 64-bit values above 2^63 - 1 come out negative, and still differ from all others.
    fn get(&self, i: usize) -> i64 {
        match self {
            Self::I8(values) => i64::from(values[i]),
            Self::I16(values) => i64::from(values[i]),
            Self::I32(values) => i64::from(values[i]),
            Self::I64(values) => values[i],
            Self::U8(values) => i64::from(values[i]),
            Self::U16(values) => i64::from(values[i]),
            Self::U32(values) => i64::from(values[i]),
            Self::U64(values) => values[i] as i64,
        }
    }
}

/// One entry a row.
#[derive(Debug, Clone)]
pub struct Column<'a> {
    pieces: Vec<Integers<'a>>,
    /// Where each piece ends.
    ends: Vec<usize>,
    meaning: Meaning,
}

/// What the stored numbers of a column stand for.
#[derive(Debug, Clone)]
pub enum Meaning {
    /// Themselves.
    Values,
    /// Values that the caller knows by these numbers; negative ones stand for [`MISSING`].
    Codes,
    /// Codes into this list of numbers.
    Numbers(Vec<i64>),
    /// Codes of texts, with a hash of each.
    Texts(Vec<u64>),
}

impl<'a> Column<'a> {
    /// A column that lies in one or several pieces.
    #[must_use]
    pub fn new(pieces: Vec<Integers<'a>>, meaning: Meaning) -> Self {
        let ends = pieces.iter().scan(0, |end, piece| {
            *end += piece.len();
            Some(*end)
        });
        Self { ends: ends.collect(), pieces, meaning }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> i64 {
        let stored = if let [piece] = &self.pieces[..] {
            piece.get(row)
        } else {
            let piece = self.ends.partition_point(|&end| end <= row);
            let before = if piece == 0 { 0 } else { self.ends[piece - 1] };
            self.pieces[piece].get(row - before)
        };
        match &self.meaning {
            Meaning::Values | Meaning::Texts(_) => stored,
            Meaning::Codes => stored.max(MISSING),
            Meaning::Numbers(numbers) => numbers[stored as usize],
        }
    }

    /// Appends the values of rows. Rows lie anywhere, and memory is asked for many of them at a time.
    pub fn gather(&self, rows: &[u64], values: &mut Vec<i64>) {
        fn each<T: Copy + Into<i64>>(piece: &[T], rows: &[u64], values: &mut Vec<i64>) {
            values.extend(rows.iter().map(|&row| piece[row as usize].into()));
        }
        match (&self.pieces[..], &self.meaning) {
            ([Integers::I8(piece)], Meaning::Values) => each(piece, rows, values),
            ([Integers::I16(piece)], Meaning::Values) => each(piece, rows, values),
            ([Integers::I32(piece)], Meaning::Values) => each(piece, rows, values),
            ([Integers::I64(piece)], Meaning::Values) => each(piece, rows, values),
            ([Integers::U8(piece)], Meaning::Values) => each(piece, rows, values),
            ([Integers::U16(piece)], Meaning::Values) => each(piece, rows, values),
            ([Integers::U32(piece)], Meaning::Values) => each(piece, rows, values),
            _ => values.extend(rows.iter().map(|&row| self.get(row as usize))),
        }
    }

    /// The value of a row in a form that does not depend on how the column is stored, texts by their hash.
    #[must_use]
    pub fn digest(&self, row: usize) -> u64 {
        let value = self.get(row);
        if let Meaning::Texts(hashes) = &self.meaning { hashes[value as usize] } else { value as u64 }
    }

    /// Whether a row has a value: codes may say that it has none.
    #[must_use]
    pub fn has(&self, row: usize) -> bool {
        !matches!(self.meaning, Meaning::Codes) || self.get(row) != MISSING
    }
}

impl<'a> From<&'a [i64]> for Column<'a> {
    fn from(values: &'a [i64]) -> Self {
        Self::new(vec![Integers::I64(values)], Meaning::Values)
    }
}

/// What a row without a value gives, in a column of codes.
pub const MISSING: i64 = -1;

/// What the user calls the value of a column at a row, for messages.
pub type Names<'a> = dyn Fn(&str, usize) -> String + 'a;

/// The columns of a parallel corpus, one entry a row.
#[derive(Debug, Clone)]
pub struct Columns<'a> {
    /// Equal for rows that are translations of each other.
    pub group: Column<'a>,
    /// The language of each row, an index into the language names.
    pub language: Column<'a>,
    /// The source of each row, an index into the source names; `None` when there is one source.
    pub source: Option<Column<'a>>,
    /// Passage keys: rows of a source that are equal in one of these columns have the same passage, or its translation.
    pub keys: Vec<Column<'a>>,
    /// Those that are read again whenever batches are made.
    pub lent: Lent<'a>,
}

/// Columns that a corpus reads where the caller has them and keeps no copy of.
#[derive(Debug, Clone, Default)]
pub struct Lent<'a> {
    /// Tokens of query and passage together.
    pub length: Option<Column<'a>>,
    /// For each row a list of rows: their passages are hard negatives of its query.
    pub negatives: Option<Lists<'a>>,
}

/// Lists of rows, one a row.
#[derive(Debug, Clone)]
pub struct Lists<'a> {
    /// Where each list ends.
    pub ends: Column<'a>,
    /// Their entries: rows.
    pub rows: Column<'a>,
}

impl<'a> Columns<'a> {
    /// Groups and languages of one source, without passage keys or lengths.
    #[must_use]
    pub fn new(group: Column<'a>, language: Column<'a>) -> Self {
        Self { group, language, source: None, keys: Vec::new(), lent: Lent::default() }
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.group.len()
    }

    /// The number of a row's source.
    #[must_use]
    pub fn source_of(&self, row: usize) -> usize {
        self.source.as_ref().map_or(0, |source| source.get(row) as usize)
    }

    /// There are rows, columns are of one length, and token counts fit.
    pub fn check(&self, called: &Names<'_>) -> Result<(), Invalid> {
        let rows = self.rows();
        if rows == 0 {
            invalid!("the corpus is empty: give at least one row");
        }
        let keys = self.keys.iter().map(|key| ("passage_key", Some(key)));
        let others = [
            ("language", Some(&self.language)),
            ("source", self.source.as_ref()),
            ("length", self.lent.length.as_ref()),
        ];
        for (name, column) in others.into_iter().chain(keys) {
            if let Some(column) = column
                && column.len() != rows
            {
                invalid!(
                    "column 'group' has {rows} rows but '{name}' has {}: give columns of one length",
                    column.len()
                );
            }
        }
        if let Some(length) = &self.lent.length
            && let Some(row) = (0..rows).find(|&row| u32::try_from(length.get(row)).is_err())
        {
            invalid!(
                "column 'length' holds {} at row {row}: give the tokens of query and passage, from 0 to {}",
                called("length", row),
                u32::MAX
            );
        }
        Ok(())
    }
}

/// Values numbered from 0 in the order of their first appearance.
#[derive(Debug, Default)]
pub struct Numbering {
    /// Numbers by value, where values are not spread out.
    table: Vec<u32>,
    lowest: i64,
    others: HashMap<i64, u32>,
    count: u32,
}

const UNNUMBERED: u32 = u32::MAX;

impl Numbering {
    /// Ready for the values of a whole column.
    #[must_use]
    pub fn of(column: &Column<'_>) -> Self {
        let values = || (0..column.len()).map(|row| column.get(row));
        let (lowest, highest) = values().fold((i64::MAX, i64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        Self::new(lowest, highest, column.len())
    }

    /// Ready for `rows` values between `lowest` and `highest`; these only decide how it is stored.
    #[must_use]
    pub fn new(lowest: i64, highest: i64, rows: usize) -> Self {
        let range = highest.abs_diff(lowest).saturating_add(1);
        let table = if range <= 4 * rows as u64 { vec![UNNUMBERED; range as usize] } else { Vec::new() };
        Self { table, lowest, others: HashMap::new(), count: 0 }
    }

    /// The number of a value, a new one when it comes for the first time.
    pub fn number(&mut self, value: i64) -> u32 {
        let known = if self.table.is_empty() {
            self.others.entry(value).or_insert(UNNUMBERED)
        } else {
            &mut self.table[value.abs_diff(self.lowest) as usize]
        };
        if *known == UNNUMBERED {
            *known = self.count;
            self.count += 1;
        }
        *known
    }

    /// How many values came.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count as usize
    }
}
