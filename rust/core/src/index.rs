//! Columns -> sources: where each row is, and which groups must not meet.

use std::sync::Arc;

use crate::bits::Bits;
use crate::classes::{Classes, sort_by_hash};
use crate::columns::{Columns, Names, Numbering};
use crate::compact::Compact;
use crate::error::{Invalid, invalid};
use crate::order::Order;
use crate::regular::{Block, regular};
use crate::source::{Rows, Source, Table};

/// The sources of checked columns, by number, and where negatives ask for it and no formula tells it the id of each row's
/// group.
pub fn sources(
    columns: &Columns<'_>,
    languages: &[String],
    names: Vec<String>,
    called: &Names<'_>,
) -> Result<(Vec<Source>, Option<Compact>), Invalid> {
    let mut draft = match regular(columns, names.len(), languages.len()) {
        Some(blocks) => Draft::of_blocks(blocks),
        None => Draft::of_rows(columns, languages, &names, called)?,
    };
    let classes = draft.classes(columns)?;
    let with_negatives = columns.lent.negatives.is_some();
    for (tables, classes) in draft.tables.iter_mut().zip(&classes) {
        tables.sort(classes.as_deref(), with_negatives);
    }
    let told = draft.tables.iter().all(|tables| tables.table.tells_groups());
    let group_ids = (with_negatives && !told).then(|| draft.group_ids(columns));
    let of = |((name, tables), class): ((String, Tables), Option<Vec<u32>>)| {
        tables.finish(name, class.as_deref(), with_negatives)
    };
    Ok((names.into_iter().zip(draft.tables).zip(classes).map(of).collect(), group_ids))
}

/// What is known of a source before its orders are made.
struct Tables {
    groups: u64,
    languages: Vec<u32>,
    table: Table,
    /// The id of each group in the order of the file; empty where it is its number.
    ids: Vec<u32>,
    /// The groups by hashed class, where classes join any.
    sorted: Option<Vec<u32>>,
}

struct Draft {
    tables: Vec<Tables>,
    /// The group of each row, counted through the sources one after the other; `None`: the tables are blocks.
    group_of: Option<Vec<u32>>,
}

impl Draft {
    fn of_blocks(blocks: Vec<Block>) -> Self {
        let of = |block: Block| Tables {
            groups: block.groups,
            languages: block.languages.clone(),
            table: Table::Regular(block),
            ids: Vec::new(),
            sorted: None,
        };
        Self { tables: blocks.into_iter().map(of).collect(), group_of: None }
    }

    fn of_rows(
        columns: &Columns<'_>,
        languages: &[String],
        names: &[String],
        called: &Names<'_>,
    ) -> Result<Self, Invalid> {
        let rows = columns.rows();
        if rows > u32::MAX as usize {
            invalid!(
                "{rows} rows in no regular order: such tables hold at most {} rows, so sort the file by source and group, \
                 or by source and language",
                u32::MAX
            );
        }
        let (group_of, sizes) = number_groups(columns, names, called)?;
        let mut spoken = vec![vec![false; languages.len()]; names.len()];
        let mut count = vec![0_u32; sizes.iter().sum()];
        for row in 0..rows {
            spoken[columns.source_of(row)][columns.language.get(row) as usize] = true;
            count[group_of[row] as usize] += 1;
        }
        // Rows sorted by group; inside a group as in the file, then by language.
        let mut ends: Vec<u32> = count;
        let mut end = 0;
        for at in &mut ends {
            end += std::mem::replace(at, end);
        }
        let mut sorted = vec![0_u32; rows];
        for (row, &group) in group_of.iter().enumerate() {
            let at = &mut ends[group as usize];
            sorted[*at as usize] = row as u32;
            *at += 1;
        }
        let mut tables = Vec::with_capacity(names.len());
        let (mut group, mut cell) = (0, 0);
        for (s, &groups) in sizes.iter().enumerate() {
            let spoken: Vec<u32> = (0..languages.len() as u32).filter(|&l| spoken[s][l as usize]).collect();
            let ends = &ends[group..group + groups];
            let last = ends.last().map_or(cell, |&end| end as usize);
            let rows = &mut sorted[cell..last];
            let mut first_cells = Vec::with_capacity(groups);
            let mut begin = 0;
            for &end in ends {
                first_cells.push(begin as u32);
                let versions = &mut rows[begin..end as usize - cell];
                versions.sort_unstable_by_key(|&row| (columns.language.get(row as usize), row));
                let language = |row: u32| columns.language.get(row as usize);
                if let Some([one, other]) = versions.windows(2).find(|two| language(two[0]) == language(two[1])) {
                    invalid!(
                        "rows {one} and {other} are both group {} in language '{}': a group has one row in a language, \
                         so drop one of them or give it a group of its own",
                        called("group", *one as usize),
                        languages[language(*one) as usize]
                    );
                }
                begin = end as usize - cell;
            }
            let table = if rows.len() == groups * spoken.len() {
                first_cells = Vec::new();
                Table::Full(rows.to_vec())
            } else {
                let slot = |row: u32| spoken.partition_point(|&l| i64::from(l) < columns.language.get(row as usize));
                let slots = rows.iter().map(|&row| slot(row) as u32);
                Table::Sparse {
                    slots: Compact::new(spoken.len() as u32 - 1, slots),
                    rows: Rows::new(rows),
                    starts: marked(rows.len() as u64, &first_cells),
                }
            };
            tables.push(Tables { groups: groups as u64, languages: spoken, table, ids: first_cells, sorted: None });
            (group, cell) = (group + groups, last);
        }
        Ok(Self { tables, group_of: Some(group_of) })
    }

    /// The number of the first group of each source.
    fn before(&self) -> Vec<u64> {
        let counts = self.tables.iter().map(|tables| tables.groups);
        counts.scan(0, |sum, groups| Some(std::mem::replace(sum, *sum + groups))).collect()
    }

    /// The number of a row's group, counted through the sources.
    fn group_of(&self, row: usize, source: usize, before: &[u64]) -> u32 {
        match (&self.group_of, &self.tables[source].table) {
            (None, Table::Regular(block)) => (before[source] + block.group_of(row as u64)) as u32,
            (Some(group_of), _) => group_of[row],
            _ => unreachable!("tables that are no blocks come with the group of each row"),
        }
    }

    /// The id of each row's group in its source.
    fn group_ids(&self, columns: &Columns<'_>) -> Compact {
        let before = self.before();
        let of = |row: usize| {
            let source = columns.source_of(row);
            self.tables[source].id(self.group_of(row, source, &before) - before[source] as u32)
        };
        let largest = (0..columns.rows()).map(of).max().unwrap_or(0);
        Compact::new(largest, (0..columns.rows()).map(of))
    }

    fn check_countable(&self) -> Result<(), Invalid> {
        let groups: u64 = self.tables.iter().map(|tables| tables.groups).sum();
        if groups > u64::from(u32::MAX) {
            invalid!("{groups} groups with passage keys: at most {} can be told apart", u32::MAX);
        }
        Ok(())
    }

    /// For each source the class of each group, as the number of its lowest group; `None` where no two groups share one.
    fn classes(&self, columns: &Columns<'_>) -> Result<Vec<Option<Vec<u32>>>, Invalid> {
        if columns.keys.is_empty() {
            return Ok(vec![None; self.tables.len()]);
        }
        self.check_countable()?;
        let before = self.before();
        let groups: u64 = self.tables.iter().map(|tables| tables.groups).sum();
        let mut classes = Classes::new(groups as usize);
        for key in &columns.keys {
            classes.join(key, self.tables.len(), |row| {
                let source = columns.source_of(row);
                (source, self.group_of(row, source, &before))
            });
        }
        let all = classes.all();
        let of = |(tables, &first): (&Tables, &u64)| {
            let roots = all[first as usize..][..tables.groups as usize].iter().map(|&root| root - first as u32);
            // Keys that join no two groups change nothing.
            (0..).zip(roots.clone()).any(|(group, root)| group != root).then(|| roots.collect())
        };
        Ok(self.tables.iter().zip(&before).map(of).collect())
    }
}

/// The group of each row, counted through the sources one after the other, inside a source in the order of their first
/// rows; and the number of groups of each source.
fn number_groups(
    columns: &Columns<'_>,
    names: &[String],
    called: &Names<'_>,
) -> Result<(Vec<u32>, Vec<usize>), Invalid> {
    let mut numbers = Numbering::of(&columns.group);
    // Of each group in the order of the file: its source and its number in there.
    let mut places: Vec<(u32, u32)> = Vec::new();
    let mut sizes = vec![0_usize; names.len()];
    let mut group_of = Vec::with_capacity(columns.rows());
    for row in 0..columns.rows() {
        let (number, source) = (numbers.number(columns.group.get(row)), columns.source_of(row));
        if number as usize == places.len() {
            places.push((source as u32, sizes[source] as u32));
            sizes[source] += 1;
        }
        let known = places[number as usize].0 as usize;
        if known != source {
            invalid!(
                "group {} is in source '{}' and, at row {row}, in source '{}': a group belongs to one source, so \
                 rename it in one of them",
                called("group", row),
                names[known],
                names[source]
            );
        }
        group_of.push(number);
    }
    let before: Vec<usize> = sizes.iter().scan(0, |sum, size| Some(std::mem::replace(sum, *sum + size))).collect();
    for group in &mut group_of {
        let (source, number) = places[*group as usize];
        *group = before[source as usize] as u32 + number;
    }
    Ok((group_of, sizes))
}

impl Tables {
    /// The id of a group, by its number.
    fn id(&self, group: u32) -> u32 {
        self.ids.get(group as usize).copied().unwrap_or(group)
    }

    /// Sorts the groups by hashed class. `class` is the class of each group, as the number of its lowest group.
    fn sort(&mut self, class: Option<&[u32]>, with_negatives: bool) {
        let Some(class) = class else { return };
        let mut sorted: Vec<u32> = (0..self.groups as u32).collect();
        sort_by_hash(&mut sorted, |group| class[group as usize]);
        // A table in this order tells it by its marks, or by itself, where a list would take 4 bytes a group. Rows that
        // stand in the order of the file without a list keep it, unless the class of a group is to be looked up.
        match &mut self.table {
            Table::Sparse { rows, slots, starts } if with_negatives || matches!(rows, Rows::Listed(_)) => {
                let (mut cells, mut first_cells) = (Vec::with_capacity(slots.len() as usize), vec![0; sorted.len()]);
                for &group in &sorted {
                    let first = u64::from(self.ids[group as usize]);
                    first_cells[group as usize] = cells.len() as u32;
                    cells.extend(first..starts.first_after(first));
                }
                let moved: Vec<u32> = cells.iter().map(|&cell| rows.get(cell) as u32).collect();
                *rows = Rows::new(&moved);
                *slots = Compact::new(self.languages.len() as u32 - 1, cells.iter().map(|&cell| slots.get(cell)));
                *starts = marked(moved.len() as u64, &first_cells);
                self.ids = first_cells;
            }
            Table::Full(rows) if with_negatives => {
                let (count, mut moved) = (self.languages.len(), Vec::with_capacity(rows.len()));
                for &group in &sorted {
                    moved.extend_from_slice(&rows[group as usize * count..][..count]);
                }
                *rows = moved;
                self.ids = vec![0; sorted.len()];
                for (id, &group) in (0..).zip(&sorted) {
                    self.ids[group as usize] = id;
                }
            }
            _ => {}
        }
        self.sorted = Some(sorted);
    }

    /// Makes the orders.
    fn finish(self, name: String, class: Option<&[u32]>, with_negatives: bool) -> Source {
        let class_of = |group: u32| class.map_or(group, |class| class[group as usize]);
        let all = match (&self.table, &self.sorted) {
            (Table::Regular(_) | Table::Full(_), Some(sorted)) => {
                let members = || sorted.iter().map(|&group| (self.id(group), class_of(group)));
                if !self.ids.is_empty() {
                    Order::whole(members().map(|(_, class)| class))
                } else if with_negatives {
                    Order::new(members()).with_positions()
                } else {
                    Order::new(members())
                }
            }
            _ => Order::all(self.groups),
        };
        let mut source = Source {
            name,
            groups: self.groups,
            languages: self.languages,
            table: self.table,
            all: Arc::new(all),
            by_slot: Vec::new(),
        };
        let Table::Sparse { slots, starts, .. } = &source.table else {
            return source;
        };
        let sorted = self.sorted.unwrap_or_else(|| (0..self.groups as u32).collect());
        let first_cell = |group: u32| self.ids[group as usize];
        let mut by_slot = vec![Vec::new(); source.languages.len()];
        for &group in &sorted {
            let first = u64::from(first_cell(group));
            for cell in first..starts.first_after(first) {
                by_slot[slots.get(cell) as usize].push((cell as u32, class_of(group)));
            }
        }
        let rising = sorted.is_sorted_by_key(|&group| first_cell(group));
        source.all = Arc::new(if rising {
            let mut groups = sorted.iter();
            let class = |cell| starts.get(cell).then(|| groups.next().map(|&group| class_of(group)))?;
            Arc::new(Order::all(slots.len())).part(class)
        } else {
            Order::new(sorted.iter().map(|&group| (first_cell(group), class_of(group))))
        });
        // A list is three times as fast to read as what takes a third of it, and monolingual batches wait for it: the
        // latter is for where negatives, of which the group of each row is on record, would take more than 12 bytes a row.
        let small = rising && with_negatives;
        let of = |members| Arc::new(if small { Order::rising(members, slots.len()) } else { Order::new(members) });
        source.by_slot = by_slot.into_iter().map(of).collect();
        source
    }
}

/// A set of positions below `len`.
fn marked(len: u64, positions: &[u32]) -> Bits {
    let mut bits = Bits::new(len);
    for &at in positions {
        bits.set(at.into());
    }
    bits
}
