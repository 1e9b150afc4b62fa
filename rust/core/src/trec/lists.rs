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
struct List<V> {
    rows: Box<[Row<V>]>,
    /// Open addressing: number of a row plus 1, or 0 for a free place; empty for short lists, which are searched.
    table: Box<[u32]>,
}

/// Lists this short are searched from front to back.
const SHORT: usize = 8;

/// Queries in the order in which they first came, each with its documents and their values.
pub struct Lists<V> {
    text: Text,
    ids: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    by_query: Vec<List<V>>,
    rows: usize,
    /// Whether the bytes are the lines of a file.
    pub(super) of_lines: bool,
}

/// Two rows of a query with the same document.
struct Twice<V>(Row<V>, Row<V>);

impl<V: Value> Lists<V> {
    /// Groups rows by query. `place` says where in the bytes an id begins, as in "line 3".
    pub(super) fn group(
        text: Text,
        parts: &[Pieces<V>],
        place: &dyn Fn(&[u8], usize) -> String,
        threads: Option<usize>,
    ) -> Result<Self, Invalid> {
        let bytes = (*text).as_ref();
        let mut ids: Vec<Arc<str>> = Vec::new();
        let mut numbers: HashMap<Arc<str>, u32> = HashMap::new();
        let mut found: Vec<Vec<&[Row<V>]>> = Vec::new();
        for part in parts {
            let ends = part.starts.iter().skip(1).map(|(_, first)| *first).chain([part.rows.len()]);
            for ((id, first), end) in part.starts.iter().zip(ends) {
                let id = checked(&bytes[id.clone()]);
                let number = *numbers.get(id).unwrap_or(&(ids.len() as u32));
                if number as usize == ids.len() {
                    let id: Arc<str> = Arc::from(id);
                    ids.push(Arc::clone(&id));
                    numbers.insert(id, number);
                    found.push(Vec::new());
                }
                found[number as usize].push(&part.rows[*first..end]);
            }
        }
        let rows = parts.iter().map(|part| part.rows.len()).sum();
        let made =
            parallel::each(found.len(), parallel::fitting(threads, rows), |query| List::new(bytes, &found[query]));
        let mut by_query = Vec::with_capacity(made.len());
        for (list, id) in made.into_iter().zip(&ids) {
            match list {
                Ok(list) => by_query.push(list),
                Err(Twice(first, second)) => invalid!(
                    "{}: document {:?} of query {id:?} {}, here with {} and on {} with {}: keep one of them",
                    place(bytes, second.start),
                    checked(&bytes[second.start..second.end]),
                    V::TWICE,
                    second.value,
                    place(bytes, first.start),
                    first.value,
                ),
            }
        }
        Ok(Self { text, ids, numbers, by_query, rows, of_lines: false })
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
        &self.by_query[query].rows
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
        let list = &self.by_query[query];
        list.search((*self.text).as_ref(), document, list.rows.len()).ok()
    }

    /// Where the rows came from, those of all queries one after the other: numbers, from 1, of their lines in the file; else of
    /// the rows themselves, in the order in which they came.
    #[must_use]
    pub fn places(&self) -> Vec<usize> {
        let bytes = (*self.text).as_ref();
        let starts: Vec<usize> = self.by_query.iter().flat_map(|list| list.rows.iter().map(Row::start)).collect();
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
        self.rows
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

impl<V: Copy> List<V> {
    /// Joins the rows of a query, and finds those with the same document.
    fn new(bytes: &[u8], pieces: &[&[Row<V>]]) -> Result<Self, Twice<V>> {
        let rows: Box<[Row<V>]> = pieces.concat().into();
        let places = if rows.len() > SHORT { (2 * rows.len()).next_power_of_two() } else { 0 };
        let mut list = Self { rows, table: vec![0; places].into() };
        for number in 0..list.rows.len() {
            let row = list.rows[number];
            match list.search(bytes, &bytes[row.start..row.end], number) {
                Ok(first) => return Err(Twice(list.rows[first], row)),
                Err(Some(place)) => list.table[place] = number as u32 + 1,
                Err(None) => {}
            }
        }
        Ok(list)
    }

    /// The row with this document among the first `known`, or where it would stand in the table.
    fn search(&self, bytes: &[u8], document: &[u8], known: usize) -> Result<usize, Option<usize>> {
        let is = |row: &Row<V>| &bytes[row.start..row.end] == document;
        if self.table.is_empty() {
            return self.rows[..known].iter().position(is).ok_or(None);
        }
        let mask = self.table.len() - 1;
        let mut place = XxHash3_64::oneshot(document) as usize & mask;
        loop {
            match self.table[place] as usize {
                0 => return Err(Some(place)),
                number if is(&self.rows[number - 1]) => return Ok(number - 1),
                _ => place = (place + 1) & mask,
            }
        }
    }
}

/// Bytes as text: whoever made the rows has checked that they are.
pub(super) fn checked(id: &[u8]) -> &str {
    std::str::from_utf8(id).expect("columns are checked before they are used")
}
