//! TREC files: lines of columns between spaces or tabs, read by several threads.
//!
//! As `trec_eval` reads them: blank lines and lines that begin with `#` are skipped, the second and fourth column and the
//! tag of a run are ignored, and so is what follows the tag. Unlike `trec_eval`, which takes the beginning of a number for
//! the number, a zero byte for the end and a carriage return for a space, what cannot be meant is an error.

use std::ops::Range;

use crate::error::{Invalid, invalid};
use crate::trec::lists::{Lists, Pieces, Row, Text, checked};
use crate::trec::parallel;
use crate::trec::spaces::Spaces;
use crate::trec::value::Value;

/// Most columns that a line needs.
const MOST: usize = 6;
/// Bytes of a line, about, by which the work is told.
const LINE: usize = 32;
/// Bytes that are looked through together before their lines are read.
const AT_ONCE: usize = 1 << 17;
/// Some programs begin UTF-8 files with it, and it stands before a line where such files were joined.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What is wrong with the line in which byte `at` stands.
struct Broken {
    at: usize,
    why: String,
}

impl<V: Value> Lists<V> {
    /// Reads the text of a file; `name` is what errors call it.
    ///
    /// # Errors
    /// A line with too few columns or too many, a value that is no number or not allowed, a document that comes twice, an
    /// id that is not UTF-8, a zero byte, a file without a line.
    pub fn parse(text: Text, name: &str, threads: Option<usize>) -> Result<Self, Invalid> {
        let bytes = (*text).as_ref();
        let ranges = split(bytes, parallel::fitting(threads, bytes.len() / LINE));
        let parts = parallel::each(ranges.len(), ranges.len(), |part| read(bytes, ranges[part].clone()));
        let parts = match parts.into_iter().collect::<Result<Vec<Pieces<V>>, Broken>>() {
            Ok(parts) => parts,
            Err(Broken { at, why }) => invalid!("{name}, line {}: {why}", line_number(bytes, at)),
        };
        if parts.iter().all(|part| part.rows.is_empty()) {
            invalid!("{name} has no line of the form \"{}\": is it the right file?", V::COLUMNS.join(" "));
        }
        let place = |_: &[Vec<Row<V>>], bytes: &[u8], start| format!("line {}", line_number(bytes, start));
        let grouped = Self::group(text, parts, &place, threads);
        let mut lists = grouped.map_err(|Invalid(message)| Invalid(format!("{name}, {message}")))?;
        lists.of_lines = true;
        Ok(lists)
    }
}

/// Whole lines for each thread.
fn split(bytes: &[u8], parts: usize) -> Vec<Range<usize>> {
    let mut first = 0;
    let mut ranges = Vec::with_capacity(parts);
    for part in 1..=parts {
        let end = line_end(bytes, (bytes.len() * part / parts).max(first));
        ranges.push(first..end);
        first = end;
    }
    ranges
}

/// Where the line ends in which byte `at` stands, its line feed included.
fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |more| at + more + 1)
}

/// Lines are counted from 1, as editors do.
fn line_number(bytes: &[u8], at: usize) -> usize {
    bytes[..at].split(|&byte| byte == b'\n').count()
}

/// Reads the lines of a part.
fn read<V: Value>(bytes: &[u8], part: Range<usize>) -> Result<Pieces<V>, Broken> {
    // Looked for in many lines at once, while they are in the cache, and by line only where there is something to find.
    let (mut zeros, mut utf8, mut returns, mut seen) = (false, true, false, part.start);
    let mut spaces = Spaces::default();
    let mut pieces = Pieces::default();
    let mut query = 0..0;
    let mut line = Line { end: part.start, ..Line::default() };
    while line.end < part.end {
        let at = line.end;
        if at == seen {
            seen = line_end(&bytes[..part.end], (at + AT_ONCE).min(part.end));
            let lines = &bytes[at..seen];
            (zeros, returns) = (lines.contains(&0), lines.contains(&b'\r'));
            utf8 = std::str::from_utf8(lines).is_ok();
            spaces.look(bytes, at, seen);
        }
        line.read(&bytes[..seen], at, &mut spaces, V::COLUMNS.len());
        if zeros && bytes[at..line.end].contains(&0) {
            let why = "a zero byte: this is no UTF-8 text, unpack it or convert it with iconv -t utf-8".into();
            return Err(Broken { at, why });
        }
        let Some(first) = line.first().filter(|first| bytes[first.start] != b'#') else {
            continue;
        };
        // In a file with lone carriage returns all lines but the first would be its tag and what follows.
        if returns && bytes[first.start..line.rest.end].trim_ascii_end().contains(&b'\r') {
            return Err(Broken { at, why: "a carriage return inside the line: end lines with a line feed".into() });
        }
        let row = line.row(bytes, utf8).map_err(|why| Broken { at: first.start, why })?;
        if bytes[first.clone()] != bytes[query.clone()] {
            query = first.clone();
            pieces.starts.push((query.clone(), pieces.rows.len()));
        }
        pieces.rows.push(row);
    }
    Ok(pieces)
}

/// The columns of a line.
#[derive(Default)]
struct Line {
    columns: [Range<usize>; MOST],
    /// How many columns there are, up to those wanted.
    found: usize,
    /// What stands behind the columns wanted.
    rest: Range<usize>,
    /// Where the next line begins.
    end: usize,
}

impl Line {
    /// Reads the line that begins at `start`, in place of the one before, given the white space from there on: this is the
    /// innermost loop, and copies cost.
    fn read(&mut self, bytes: &[u8], mut start: usize, spaces: &mut Spaces, wanted: usize) {
        self.found = 0;
        let mut behind = start;
        loop {
            let space = spaces.next();
            if self.found < wanted {
                while self.found == 0 && bytes[start..space].starts_with(BYTE_ORDER_MARK) {
                    start += BYTE_ORDER_MARK.len();
                }
                if start < space {
                    self.columns[self.found] = start..space;
                    self.found += 1;
                    behind = space;
                }
                start = space + 1;
            }
            if bytes.get(space).is_none_or(|&byte| byte == b'\n') {
                self.rest = behind..space;
                self.end = bytes.len().min(space + 1);
                return;
            }
        }
    }

    fn first(&self) -> Option<&Range<usize>> {
        self.columns[..self.found].first()
    }

    /// What the line says, or what is wrong with it.
    fn row<V: Value>(&self, bytes: &[u8], utf8: bool) -> Result<Row<V>, String> {
        let (needed, list) = (V::COLUMNS.len(), V::COLUMNS);
        let rest = bytes[self.rest.clone()].trim_ascii_end();
        if self.found < needed {
            return Err(format!("{} columns where {needed} are needed: {}", self.found, list.join(" ")));
        }
        if !rest.is_empty() && !V::OPEN_END {
            return Err(format!(
                "{} follows the {needed} columns {}: take it out",
                quoted(rest.trim_ascii_start()),
                list.join(" ")
            ));
        }
        let used = [0, 2, V::AT].map(|column| &bytes[self.columns[column].clone()]);
        // In a comment or a tag other encodings do no harm.
        if let Some(other) = used.iter().find(|column| !utf8 && std::str::from_utf8(column).is_err()) {
            return Err(format!("{} is not UTF-8: convert the file, as with iconv -t utf-8", quoted(other)));
        }
        let value = V::read(checked(used[2])).map_err(|Invalid(why)| why)?;
        value.check().map_err(|Invalid(why)| why)?;
        Ok(Row::new(self.columns[2].clone(), value))
    }
}

/// Bytes as a message shows them.
fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes[..bytes.len().min(80)].escape_ascii())
}
