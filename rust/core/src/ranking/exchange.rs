//! What a counter knows, as bytes: to be merged in another process, or later.
//!
//! All numbers are little-endian. Before the parts that [`RankCounter::to_bytes`] writes stand a mark, a version and the
//! identity of the evaluation, after them a checksum of everything else. Queries and lists are not in the bytes: whoever
//! reads them has a counter of the same evaluation.

use roaring::RoaringTreemap;
use twox_hash::{XxHash3_64, XxHash3_128};

use super::{DIFFER, RankCounter, Report, UNKNOWN};
use crate::error::{Invalid, invalid};
use crate::kernels::DefaultFloatState;
use crate::tally::Tied;
use crate::vectors::Similarity;

const MARK: [u8; 8] = *b"hsranks\0";
/// 2: what decided the comparisons stands behind the zero rows.
const VERSION: u32 = 2;
/// Bytes of the checksum.
const CHECK: usize = 8;
/// Numbers that are hashed together.
const HASHED: usize = 1024;

impl RankCounter<'_> {
    /// The anchors and counts of this counter, whose languages have these names. Counters that know the same, and
    /// found it out in the same way, give the same bytes.
    pub fn to_bytes(&self, names: &[String]) -> Result<Vec<u8>, Invalid> {
        let _state = DefaultFloatState::take();
        if names.len() != self.language_count {
            invalid!("{} languages have {} names: give one each", self.language_count, names.len());
        }
        let mut out = Vec::new();
        out.extend(MARK);
        out.extend(VERSION.to_le_bytes());
        out.extend(self.identity().to_le_bytes());
        put_count(&mut out, names.len());
        for name in names {
            put_count(&mut out, name.len());
            out.extend(name.as_bytes());
        }
        out.extend((self.zero_rows - self.zero_queries()).to_le_bytes());
        out.extend(self.report.counts().iter().flat_map(|count| count.to_le_bytes()));
        put_seen(&mut out, &self.seen);
        out.extend(self.scores.iter().flat_map(|score| score.to_le_bytes()));
        out.extend(self.languages.iter().flat_map(|language| language.to_le_bytes()));
        let digests = self.places.ids().iter().zip(&self.digests);
        let known: Vec<_> = digests.filter_map(|(id, digest)| digest.map(|digest| (id, digest))).collect();
        put_count(&mut out, known.len());
        for (id, digest) in known {
            out.extend(id.to_le_bytes());
            out.extend(digest.to_le_bytes());
        }
        out.push(u8::from(!self.tallies.is_empty()));
        for tally in &self.tallies {
            out.extend(tally.bins.iter().flat_map(|count| count.to_le_bytes()));
            // Candidates left out may have been counted first: ties that are no more look like none.
            let ties: &[Tied] = if tally.ties() == 0 { &[] } else { &tally.ties };
            out.push(u8::from(!ties.is_empty()));
            for tied in ties {
                out.extend(tied.lower_id.to_le_bytes());
                out.extend(tied.higher_id.to_le_bytes());
            }
        }
        out.extend(XxHash3_64::oneshot(&out).to_le_bytes());
        Ok(out)
    }

    /// A counter of this evaluation that knows what `bytes` hold, and the names of its languages. Errors: bytes that are
    /// no counter, are damaged, come from another version or belong to another evaluation.
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<(Self, Vec<String>), Invalid> {
        let _state = DefaultFloatState::take();
        if !bytes.starts_with(&MARK) {
            invalid!("the {} bytes are no counter: give what to_bytes() or save() wrote", bytes.len());
        }
        let Some((content, check)) = bytes.split_last_chunk::<CHECK>() else { return Err(damaged(bytes)) };
        if XxHash3_64::oneshot(content) != u64::from_le_bytes(*check) {
            return Err(damaged(bytes));
        }
        let mut reader = Reader { rest: content.get(MARK.len()..).unwrap_or_default(), whole: bytes };
        let version = u32::from_le_bytes(reader.array()?);
        if version != VERSION {
            invalid!(
                "the counter has format {version} but this release reads {VERSION}: read it with the one that wrote it"
            );
        }
        if u128::from_le_bytes(reader.array()?) != self.identity() {
            invalid!("{DIFFER}");
        }
        let mut names = Vec::new();
        for _ in 0..reader.count()? {
            let length = reader.count()?;
            names.push(String::from_utf8(reader.bytes(length)?.to_vec()).map_err(|_| damaged(bytes))?);
        }
        let mut counter = self.blank();
        counter.language_count = names.len();
        counter.zero_rows = counter.zero_rows.checked_add(reader.u64()?).ok_or_else(|| damaged(bytes))?;
        let mut counts = [0; Report::COUNTS];
        for count in &mut counts {
            *count = reader.u64()?;
        }
        counter.report = Report::from_counts(counts);
        let length = reader.count()?;
        counter.seen = RoaringTreemap::deserialize_from(reader.bytes(length)?).map_err(|_| damaged(bytes))?;
        for score in &mut counter.scores {
            *score = f64::from_le_bytes(reader.array()?);
        }
        for language in &mut counter.languages {
            *language = reader.u32()?;
            if *language != UNKNOWN && *language as usize >= names.len() {
                return Err(damaged(bytes));
            }
        }
        let mut finder = self.places.finder();
        for _ in 0..reader.count()? {
            let number = finder.find(i64::from_le_bytes(reader.array()?)).ok_or_else(|| damaged(bytes))?;
            counter.digests[number] = Some(reader.u64()?);
        }
        if reader.flag()? {
            if counter.scores.iter().any(|score| score.is_nan()) {
                return Err(damaged(bytes));
            }
            // No more room than what is to fill it.
            if reader.rest.len() / size_of::<u32>() < names.len().saturating_mul(counter.scores.len()) {
                return Err(damaged(bytes));
            }
            counter.reserve(names.len());
            for tally in &mut counter.tallies {
                for count in &mut tally.bins {
                    *count = reader.u32()?;
                }
                if reader.flag()? {
                    tally.ties = vec![Tied::default(); tally.bins.len()];
                }
                for tied in &mut tally.ties {
                    *tied = Tied { lower_id: reader.u32()?, higher_id: reader.u32()? };
                }
            }
        } else if !names.is_empty() && self.judged.queries() > 0 {
            return Err(damaged(bytes));
        }
        if !reader.rest.is_empty() {
            return Err(damaged(bytes));
        }
        Ok((counter, names))
    }

    /// A hash of all that counters must share to be merged.
    fn identity(&self) -> u128 {
        *self.identity.get_or_init(|| {
            let mut hash = XxHash3_128::new();
            let mut part = |name: &[u8], values: &mut dyn Iterator<Item = [u8; 8]>| {
                let mut count = 0_u64;
                hash.write(name);
                // Small pieces one by one take thrice as long.
                let mut some = Vec::with_capacity(8 * HASHED);
                loop {
                    some.clear();
                    values.take(HASHED).for_each(|value| some.extend_from_slice(&value));
                    if some.is_empty() {
                        break;
                    }
                    hash.write(&some);
                    count += some.len() as u64 / 8;
                }
                hash.write(&count.to_le_bytes());
            };
            let shape = [self.dimension as u64, u64::from(self.similarity == Similarity::Cosine)];
            part(b"shape", &mut shape.iter().map(|x| x.to_le_bytes()));
            // -0 equals +0 where counters are merged, and adding +0 makes them one here.
            part(b"queries", &mut self.queries.iter().map(|x| f64::from(x + 0.0).to_le_bytes()));
            let mut lists = |name: &[u8], indptr: &[usize], ids: &[i64]| {
                part(name, &mut indptr.iter().map(|&at| (at as u64).to_le_bytes()));
                part(b"ids", &mut ids.iter().map(|id| id.to_le_bytes()));
            };
            lists(b"judged", self.judged.indptr(), self.judged.ids());
            if let Some(excluded) = &self.excluded {
                lists(b"excluded", excluded.indptr(), excluded.ids());
            }
            part(b"grades", &mut self.judged.grades().iter().map(|grade| grade.to_le_bytes()));
            hash.finish_128()
        })
    }
}

fn damaged(bytes: &[u8]) -> Invalid {
    Invalid(format!(
        "the counter is damaged (its {} bytes do not fit its checksum): write or send it again",
        bytes.len()
    ))
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend((count as u64).to_le_bytes());
}

fn put_seen(out: &mut Vec<u8>, seen: &RoaringTreemap) {
    // Ids mostly come in long runs, which take next to no room when stored as such.
    let runs = RoaringTreemap::from_bitmaps(seen.bitmaps().map(|(high, bitmap)| {
        let mut bitmap = bitmap.clone();
        bitmap.optimize();
        (high, bitmap)
    }));
    put_count(out, runs.serialized_size());
    runs.serialize_into(out).expect("memory takes any number of bytes");
}

/// Takes numbers from the front; an error where the bytes end too early.
struct Reader<'a> {
    rest: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Invalid> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| damaged(self.whole))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Invalid> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| damaged(self.whole))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, Invalid> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Invalid> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn count(&mut self) -> Result<usize, Invalid> {
        Ok(self.u64()? as usize)
    }

    fn flag(&mut self) -> Result<bool, Invalid> {
        Ok(self.array()? != [0])
    }
}
