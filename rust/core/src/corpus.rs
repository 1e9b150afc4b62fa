//! Which row of the data is group `g` in language `l`.

use xxhash_rust::xxh3::Xxh3;

use crate::error::{Invalid, invalid};

/// The columns of a parallel corpus, one entry a row, as integers. Groups, languages and sources are numbered from 0
/// without gaps.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// The group of each row.
    pub group: &'a [i64],
    /// The language of each row, an index into the language names.
    pub language: &'a [i64],
    /// The source of each row, an index into the source names; `None` when there is one source.
    pub source: Option<&'a [i64]>,
}

/// Sources of groups that are complete: every group of a source has one row in each of the source's languages.
#[derive(Debug, Clone)]
pub struct Corpus {
    languages: Vec<String>,
    sources: Vec<Source>,
    rows: u64,
    fingerprint: u128,
}

/// One data set of the corpus.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    groups: u64,
    /// The languages of this source, ascending; a position in this list is a *slot*.
    languages: Vec<u32>,
    rows: RowTable,
}

/// The row of (group, slot). Regular files need no table at all.
#[derive(Debug, Clone)]
enum RowTable {
    /// `base + group * by_group + slot * by_slot`: sorted by group or by language.
    Grid {
        base: u64,
        by_group: u64,
        by_slot: u64,
    },
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

const UNSET: u64 = u64::MAX;

impl Corpus {
    /// Checks the columns and indexes them.
    ///
    /// `group_name` gives the user's name of a group, for messages. Errors: no rows, columns of different length, a
    /// group in two sources, a (group, language) that comes twice, a group that lacks a language of its source.
    pub fn new(
        columns: Columns<'_>,
        languages: Vec<String>,
        sources: Vec<String>,
        group_name: &dyn Fn(i64) -> String,
    ) -> Result<Self, Invalid> {
        let rows = columns.group.len();
        if rows == 0 {
            invalid!("the corpus is empty: give at least one row");
        }
        columns.check_lengths()?;
        let members = Membership::new(columns, sources.len(), languages.len(), group_name, &sources)?;
        let mut tables: Vec<Vec<u64>> =
            (0..sources.len()).map(|s| vec![UNSET; members.groups[s] as usize * members.slots[s].len()]).collect();
        for row in 0..rows {
            let (group, language) = (columns.group[row] as usize, columns.language[row] as usize);
            let (s, local) = members.place[group];
            let slot = members.slot_of[s as usize][language] as usize;
            let cell = local as usize * members.slots[s as usize].len() + slot;
            let old = std::mem::replace(&mut tables[s as usize][cell], row as u64);
            if old != UNSET {
                invalid!(
                    "rows {old} and {row} are both group {} in language '{}': a group has one row in a language, so \
                     drop one of them or give it a group of its own",
                    group_name(group as i64),
                    languages[language]
                );
            }
        }
        members.check_complete(&tables, &languages, &sources, group_name)?;
        let sources: Vec<Source> = (sources.into_iter().zip(tables).zip(&members.slots))
            .zip(&members.groups)
            .map(|(((name, table), slots), &groups)| Source {
                name,
                groups,
                languages: slots.clone(),
                rows: RowTable::new(table, slots.len()),
            })
            .collect();
        let fingerprint = fingerprint(&languages, &sources);
        Ok(Self { languages, sources, rows: rows as u64, fingerprint })
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

    /// Columns of which [`Self::new`] makes an equal corpus: group, language and source of each row.
    #[must_use]
    pub fn columns(&self) -> [Vec<i64>; 3] {
        let mut columns = [(); 3].map(|()| vec![0; self.rows as usize]);
        let mut first_group = 0;
        for (s, source) in self.sources.iter().enumerate() {
            for group in 0..source.groups {
                for (slot, &language) in source.languages.iter().enumerate() {
                    let row = source.row(group, slot as u32) as usize;
                    let values = [(first_group + group) as i64, i64::from(language), s as i64];
                    for (column, value) in columns.iter_mut().zip(values) {
                        column[row] = value;
                    }
                }
            }
            first_group += source.groups;
        }
        columns
    }

    /// A hash (XXH3, 128 bits) of all that a plan can see: equal fingerprints, equal plans.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.fingerprint
    }
}

impl Source {
    /// The user's name of the source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of groups.
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.groups
    }

    /// The numbers of the languages that every group of this source has, ascending.
    #[must_use]
    pub fn languages(&self) -> &[u32] {
        &self.languages
    }

    /// The row of the source's `group`-th group in the language at `slot`.
    #[must_use]
    pub fn row(&self, group: u64, slot: u32) -> u64 {
        let cell = || (group * self.languages.len() as u64 + u64::from(slot)) as usize;
        match &self.rows {
            RowTable::Grid { base, by_group, by_slot } => base + group * by_group + u64::from(slot) * by_slot,
            RowTable::Narrow(rows) => u64::from(rows[cell()]),
            RowTable::Wide(rows) => rows[cell()],
        }
    }
}

impl Columns<'_> {
    fn check_lengths(&self) -> Result<(), Invalid> {
        let rows = self.group.len();
        let others = [("language", Some(self.language)), ("source", self.source)];
        for (name, column) in others {
            if let Some(column) = column
                && column.len() != rows
            {
                invalid!(
                    "column 'group' has {rows} rows but '{name}' has {}: give columns of one length",
                    column.len()
                );
            }
        }
        Ok(())
    }

    fn source_of(&self, row: usize) -> i64 {
        self.source.map_or(0, |source| source[row])
    }
}

/// A hash of all that a plan can see of a corpus.
fn fingerprint(languages: &[String], sources: &[Source]) -> u128 {
    let mut hash = Xxh3::new();
    let text = |hash: &mut Xxh3, text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    let number = |hash: &mut Xxh3, number: u64| hash.update(&number.to_le_bytes());
    for name in languages {
        text(&mut hash, name);
    }
    for source in sources {
        text(&mut hash, &source.name);
        number(&mut hash, source.groups);
        for &l in &source.languages {
            number(&mut hash, u64::from(l));
        }
        match &source.rows {
            RowTable::Grid { base, by_group, by_slot } => {
                for part in [*base, *by_group, *by_slot] {
                    number(&mut hash, part);
                }
            }
            RowTable::Narrow(rows) => rows.iter().for_each(|&row| number(&mut hash, u64::from(row))),
            RowTable::Wide(rows) => rows.iter().for_each(|&row| number(&mut hash, row)),
        }
    }
    hash.digest128()
}

/// Which groups and languages each source has.
struct Membership {
    /// Number of groups of each source.
    groups: Vec<u64>,
    /// Languages of each source, ascending.
    slots: Vec<Vec<u32>>,
    /// The inverse of `slots`: for each source and language, the slot.
    slot_of: Vec<Vec<u32>>,
    /// For each group its source and its number in that source.
    place: Vec<(u32, u64)>,
}

impl Membership {
    fn new(
        columns: Columns<'_>,
        sources: usize,
        languages: usize,
        group_name: &dyn Fn(i64) -> String,
        names: &[String],
    ) -> Result<Self, Invalid> {
        let total = columns.group.iter().max().map_or(0, |&g| g as usize + 1);
        let mut source_of = vec![u32::MAX; total];
        let mut has = vec![vec![false; languages]; sources];
        for (row, &group) in columns.group.iter().enumerate() {
            let source = columns.source_of(row) as u32;
            has[source as usize][columns.language[row] as usize] = true;
            let known = &mut source_of[group as usize];
            if *known != u32::MAX && *known != source {
                invalid!(
                    "group {} is in source '{}' and, at row {row}, in source '{}': a group belongs to one source, so \
                     rename it in one of them",
                    group_name(group),
                    names[*known as usize],
                    names[source as usize]
                );
            }
            *known = source;
        }
        let mut groups = vec![0; sources];
        let place = source_of
            .into_iter()
            .map(|source| {
                let local = groups[source as usize];
                groups[source as usize] += 1;
                (source, local)
            })
            .collect();
        let slots: Vec<Vec<u32>> =
            has.iter().map(|has| (0..languages as u32).filter(|&l| has[l as usize]).collect()).collect();
        let slot_of = slots
            .iter()
            .map(|slots| {
                let mut inverse = vec![u32::MAX; languages];
                for (slot, &l) in slots.iter().enumerate() {
                    inverse[l as usize] = slot as u32;
                }
                inverse
            })
            .collect();
        Ok(Self { groups, slots, slot_of, place })
    }

    fn check_complete(
        &self,
        tables: &[Vec<u64>],
        languages: &[String],
        sources: &[String],
        group_name: &dyn Fn(i64) -> String,
    ) -> Result<(), Invalid> {
        for (s, table) in tables.iter().enumerate() {
            let width = self.slots[s].len();
            let lacking = |cells: &[u64]| cells.contains(&UNSET);
            let Some(local) = table.chunks(width).position(lacking) else {
                continue;
            };
            let count = table.chunks(width).filter(|cells| lacking(cells)).count();
            let cells = &table[local * width..][..width];
            let missing: Vec<String> = (cells.iter().zip(&self.slots[s]))
                .filter(|(cell, _)| **cell == UNSET)
                .map(|(_, &l)| format!("'{}'", languages[l as usize]))
                .collect();
            let place = (s as u32, local as u64);
            let group = self.place.iter().position(|&p| p == place);
            invalid!(
                "group {} of source '{}' has no row in {} ({count} of {} groups lack a language): drop these groups, \
                 or make a source of the groups that share a set of languages",
                group_name(group.unwrap_or_default() as i64),
                sources[s],
                missing.join(", "),
                self.groups[s]
            );
        }
        Ok(())
    }
}

impl RowTable {
    /// The smallest form that holds the table of `groups x slots` rows.
    fn new(table: Vec<u64>, slots: usize) -> Self {
        let base = table[0];
        let step = |cell: Option<&u64>| cell.map_or(0, |&row| row.wrapping_sub(base));
        let by_slot = if slots > 1 { step(table.get(1)) } else { 0 };
        let by_group = step(table.get(slots));
        let regular = table.chunks(slots).enumerate().all(|(g, cells)| {
            cells.iter().enumerate().all(|(slot, &row)| {
                let offset = (g as u64).wrapping_mul(by_group);
                row == base.wrapping_add(offset).wrapping_add((slot as u64).wrapping_mul(by_slot))
            })
        });
        if regular && i64::try_from(by_slot).is_ok() && i64::try_from(by_group).is_ok() {
            Self::Grid { base, by_group, by_slot }
        } else if table.iter().all(|&row| u32::try_from(row).is_ok()) {
            Self::Narrow(table.into_iter().map(|row| row as u32).collect())
        } else {
            Self::Wide(table)
        }
    }
}
