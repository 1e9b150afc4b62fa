//! Queries, each with its documents and their values, no document twice.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use twox_hash::XxHash3_64;

use crate::error::{Invalid, invalid};
use crate::trec::parallel;
use crate::trec::value::Value;

/// Scores of documents by query.
pub type Run = Lists<f64>;
/// Grades of documents by query.
pub type Qrels = Lists<i64>;

/// The bytes in which ids stand, whoever owns them.
pub type Text = Box<dyn AsRef<[u8]> + Send + Sync>;

/// A document of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<V> {
    start: usize,
    end: usize,
    /// Its score or grade.
    pub value: V,
}

impl<V> Row<V> {
    /// The document with the id at `id`.
    pub(super) fn new(id: Range<usize>, value: V) -> Self {
        Self { start: id.start, end: id.end, value }
    }

    /// Where the id begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }
}

/// Documents in the order of a file or a part of one, in pieces of the same query.
#[derive(Debug)]
pub(super) struct Pieces<V> {
    pub(super) rows: Vec<Row<V>>,
    /// Where a query's id stands, and its first row.
    pub(super) starts: Vec<(Range<usize>, usize)>,
}

impl<V> Default for Pieces<V> {
    fn default() -> Self {
        Self { rows: Vec::new(), starts: Vec::new() }
    }
}

/// The documents of one query.
#[derive(Debug)]
struct List {
    /// The rows of which part they are, and which of them.
    part: usize,
    rows: Range<usize>,
    table: Table,
}

/// Which row a document is, with open addressing: the number of the row plus 1, or 0 for a free place; empty for short
/// lists, which are searched.
#[derive(Debug)]
struct Table(Box<[u32]>);

/// Lists this short are searched from front to back.
const SHORT: usize = 8;

/// Queries in the order in which they first came, each with its documents and their values.
pub struct Lists<V> {
    text: Text,
    ids: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    /// The rows as they came, part by part, and behind them those of queries that had to be brought together.
    parts: Vec<Vec<Row<V>>>,
    by_query: Vec<List>,
    /// Whether the bytes are the lines of a file.
    pub(super) of_lines: bool,
}

/// Says where in the bytes an id begins, given all rows, as in "line 3".
pub(super) type Place<'a, V> = &'a dyn Fn(&[Vec<Row<V>>], &[u8], usize) -> String;

/// Two rows of a query with the same document.
struct Twice<V>(Row<V>, Row<V>);

impl<V: Value> Lists<V> {
    /// Groups rows by query.
    pub(super) fn group(
        text: Text,
        pieces: Vec<Pieces<V>>,
        place: Place<'_, V>,
        threads: Option<usize>,
    ) -> Result<Self, Invalid> {
        let bytes = (*text).as_ref();
        let mut ids: Vec<Arc<str>> = Vec::new();
        let mut numbers: HashMap<Arc<str>, u32> = HashMap::new();
        // Where the rows of each query stand.
        let mut found: Vec<Vec<(usize, Range<usize>)>> = Vec::new();
        for (part, Pieces { rows, starts }) in pieces.iter().enumerate() {
            let ends = starts.iter().skip(1).map(|(_, first)| *first).chain([rows.len()]);
            for ((id, first), end) in starts.iter().zip(ends) {
                let id = checked(&bytes[id.clone()]);
                let number = *numbers.get(id).unwrap_or(&(ids.len() as u32));
                if number as usize == ids.len() {
                    let id: Arc<str> = Arc::from(id);
                    ids.push(Arc::clone(&id));
                    numbers.insert(id, number);
                    found.push(Vec::new());
                }
                found[number as usize].push((part, *first..end));
            }
        }
        let mut parts: Vec<Vec<Row<V>>> = pieces.into_iter().map(|piece| piece.rows).collect();
        let count = parts.iter().map(Vec::len).sum();
        // Mostly the rows of a query stand together, and stay where they are.
        let mut together = Vec::new();
        let mut stand = Vec::with_capacity(found.len());
        for places in found {
            stand.push(match <[_; 1]>::try_from(places) {
                Ok([only]) => only,
                Err(places) => {
                    let first = together.len();
                    for (part, rows) in places {
                        together.extend_from_slice(&parts[part][rows]);
                    }
                    (parts.len(), first..together.len())
                }
            });
        }
        parts.push(together);
        let made = parallel::each(stand.len(), parallel::fitting(threads, count), |query| {
            let (part, rows) = stand[query].clone();
            Table::new(bytes, &parts[part][rows])
        });
        let mut by_query = Vec::with_capacity(made.len());
        for ((table, (part, rows)), id) in made.into_iter().zip(stand).zip(&ids) {
            match table {
                Ok(table) => by_query.push(List { part, rows, table }),
                Err(Twice(first, second)) => invalid!(
                    "{}: document {:?} of query {id:?} {}, here with {} and on {} with {}: keep one of them",
                    place(&parts, bytes, second.start),
                    checked(&bytes[second.start..second.end]),
                    V::TWICE,
                    second.value,
                    place(&parts, bytes, first.start),
                    first.value,
                ),
            }
        }
        Ok(Self { text, ids, numbers, parts, by_query, of_lines: false })
    }

    /// The ids of the queries, in the order in which they first came.
    #[must_use]
    pub fn queries(&self) -> &[Arc<str>] {
        &self.ids
    }

    /// The number of a query.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<usize> {
        self.numbers.get(id).map(|&number| number as usize)
    }

    /// The documents of a query, in the order in which they came.
    #[must_use]
    pub fn rows(&self, query: usize) -> &[Row<V>] {
        let List { part, rows, .. } = &self.by_query[query];
        &self.parts[*part][rows.clone()]
    }

    /// The id of a document. Ids are compared as bytes.
    #[must_use]
    pub fn id(&self, row: &Row<V>) -> &[u8] {
        &(*self.text).as_ref()[row.start..row.end]
    }

    /// The id of a document, as text.
    #[must_use]
    pub fn name(&self, row: &Row<V>) -> &str {
        checked(self.id(row))
    }

    /// Which of the [`Self::rows`] of a query is this document.
    #[must_use]
    pub fn find(&self, query: usize, document: &[u8]) -> Option<usize> {
        let rows = self.rows(query);
        self.by_query[query].table.search((*self.text).as_ref(), rows, document).ok()
    }

    /// Where the rows came from, those of all queries one after the other: numbers, from 1, of their lines in the file; else of
    /// the rows themselves, in the order in which they came.
    #[must_use]
    pub fn places(&self) -> Vec<usize> {
        let bytes = (*self.text).as_ref();
        let starts: Vec<usize> =
            (0..self.by_query.len()).flat_map(|query| self.rows(query).iter().map(Row::start)).collect();
        let mut order: Vec<usize> = (0..starts.len()).collect();
        order.sort_unstable_by_key(|&row| starts[row]);
        let mut places = vec![0; starts.len()];
        let (mut line, mut at) = (1, 0);
        for (came, row) in order.into_iter().enumerate() {
            line += bytes[at..starts[row]].split(|&byte| byte == b'\n').count() - 1;
            at = starts[row];
            places[row] = if self.of_lines { line } else { came + 1 };
        }
        places
    }

    /// How many documents all queries have.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_query.iter().map(|list| list.rows.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    /// The table of the rows of a query; finds those with the same document.
    fn new<V: Copy>(bytes: &[u8], rows: &[Row<V>]) -> Result<Self, Twice<V>> {
        let places = if rows.len() > SHORT { (2 * rows.len()).next_power_of_two() } else { 0 };
        let mut table = Self(vec![0; places].into());
        for (number, row) in rows.iter().enumerate() {
            match table.search(bytes, &rows[..number], &bytes[row.start..row.end]) {
                Ok(first) => return Err(Twice(rows[first], *row)),
                Err(Some(place)) => table.0[place] = number as u32 + 1,
                Err(None) => {}
            }
        }
        Ok(table)
    }

    /// Which of the rows has this document, or where it would stand in the table.
    fn search<V>(&self, bytes: &[u8], rows: &[Row<V>], document: &[u8]) -> Result<usize, Option<usize>> {
        let is = |row: &Row<V>| &bytes[row.start..row.end] == document;
        if self.0.is_empty() {
            return rows.iter().position(is).ok_or(None);
        }
        let mask = self.0.len() - 1;
        let mut place = XxHash3_64::oneshot(document) as usize & mask;
        loop {
            match self.0[place] as usize {
                0 => return Err(Some(place)),
                number if is(&rows[number - 1]) => return Ok(number - 1),
                _ => place = (place + 1) & mask,
            }
        }
    }
}

/// Bytes as text: whoever made the rows has checked that they are.
pub(super) fn checked(id: &[u8]) -> &str {
    std::str::from_utf8(id).expect("columns are checked before they are used")
}
