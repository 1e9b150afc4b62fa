//! Lists from ids and values that come one by one, as from a dictionary or from columns.

use crate::error::{Invalid, invalid};
use crate::trec::lists::{Lists, Pieces, Row};
use crate::trec::value::Value;

/// Lists in the making.
pub struct Builder<V> {
    text: Vec<u8>,
    pieces: Pieces<V>,
}

impl<V> Default for Builder<V> {
    fn default() -> Self {
        Self { text: Vec::new(), pieces: Pieces::default() }
    }
}

impl<V: Value> Builder<V> {
    /// The documents that follow are those of this query. It may come back later.
    pub fn query(&mut self, id: &str) -> Result<(), Invalid> {
        if id.is_empty() {
            invalid!("the id of a query is empty: give it a name");
        }
        let start = self.text.len();
        self.text.extend_from_slice(id.as_bytes());
        self.pieces.starts.push((start..self.text.len(), self.pieces.rows.len()));
        Ok(())
    }

    /// A document of the query.
    pub fn document(&mut self, id: &str, value: V) -> Result<(), Invalid> {
        if id.is_empty() {
            invalid!("the id of a document is empty: give it a name");
        }
        value.check()?;
        let start = self.text.len();
        self.text.extend_from_slice(id.as_bytes());
        self.pieces.rows.push(Row::new(start..self.text.len(), value));
        Ok(())
    }

    /// Groups what came; rows are counted from 1 in messages, as lines are.
    ///
    /// # Errors
    /// A document that comes twice.
    pub fn finish(self, threads: Option<usize>) -> Result<Lists<V>, Invalid> {
        let Self { text, pieces } = self;
        let place = |rows: &[Vec<Row<V>>], _: &[u8], start| {
            format!("row {}", rows[0].partition_point(|row| row.start() < start) + 1)
        };
        Lists::group(Box::new(text), vec![pieces], &place, threads)
    }
}
