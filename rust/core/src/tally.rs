//! What one pass over the candidates counts for one query.

use crate::judged::Judged;

/// How equal scores are ordered. Everything else is ordered by score, descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Unjudged and lower grades first, then ids ascending.
    Pessimistic,
    /// Higher grades first, then ids ascending, then the unjudged.
    Optimistic,
    /// Ids descending, as `trec_eval` orders document numbers.
    Trec,
    /// Ids ascending.
    Docid,
}

/// The rank of a judged candidate, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rank {
    /// Among the candidates of its own language.
    pub within: u64,
    /// Among the candidates of all languages.
    pub overall: u64,
}

/// For one query with `R` judged candidates: by language, how many candidates score higher than each of them, and how
/// many score the same, whatever they are. Sums of tallies are tallies of the union.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The scores of the judged candidates, ascending.
    thresholds: Vec<f64>,
    /// `thresholds[k]` is the score of the judged candidate at position `positions[k]`.
    positions: Vec<u32>,
    /// `languages x R`: candidates that score higher than exactly the `k + 1` lowest thresholds.
    pub(crate) bins: Vec<u32>,
    /// `languages x R`, or empty before the first tie: candidates with the score of threshold `k`, itself left out.
    pub(crate) ties: Vec<Tied>,
}

/// Candidates tied with a judged one, by their id relative to its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tied {
    pub(crate) lower_id: u32,
    pub(crate) higher_id: u32,
}

/// Higher and tied candidates of one pool, seen from one judged candidate.
#[derive(Debug, Clone, Copy, Default)]
struct Above {
    higher: u64,
    lower_id: u64,
    higher_id: u64,
}

impl Tally {
    /// An empty tally for the judged positions from `first` on, whose scores are known.
    #[must_use]
    pub fn new(first: usize, scores: &[f64]) -> Self {
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]));
        Self {
            thresholds: order.iter().map(|&k| scores[k as usize]).collect(),
            positions: order.iter().map(|&k| first as u32 + k).collect(),
            ..Self::default()
        }
    }

    /// Makes room for the languages `0..languages`.
    pub fn reserve_languages(&mut self, languages: usize) {
        let cells = languages * self.thresholds.len();
        if self.bins.len() < cells {
            self.bins.resize(cells, 0);
            if !self.ties.is_empty() {
                self.ties.resize(cells, Tied::default());
            }
        }
    }

    /// The scores of the judged candidates, ascending.
    #[must_use]
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// The ids of the judged candidates with these scores.
    pub fn ids<'j>(&self, judged: &'j Judged) -> impl Iterator<Item = i64> + use<'_, 'j> {
        self.positions.iter().map(|&position| judged.ids()[position as usize])
    }

    /// Counts of all judged positions, as those of the thresholds of this query.
    #[must_use]
    pub fn by_threshold(&self, counts: &[u32]) -> Vec<u32> {
        self.positions.iter().map(|&position| counts[position as usize]).collect()
    }

    /// Counts candidates of a language: `higher[k]` of them beat threshold `k`, and none beats a threshold behind the last
    /// of these.
    pub fn count_higher(&mut self, higher: &[u32], language: u32) {
        let row = language as usize * self.thresholds.len();
        for (k, &count) in higher.iter().enumerate() {
            self.bins[row + k] += count - higher.get(k + 1).copied().unwrap_or(0);
        }
    }

    /// Counts candidates of a language that tie with none: `bins[k]` of them beat exactly the `k + 1` lowest thresholds.
    pub fn count_beaten(&mut self, bins: &[u32], language: u32) {
        let row = language as usize * self.thresholds.len();
        for (mine, count) in self.bins[row..].iter_mut().zip(bins) {
            *mine += count;
        }
    }

    /// Counts a candidate. `judged_ids` are the ids at all judged positions.
    pub fn count(&mut self, score: f64, id: i64, language: u32, judged_ids: &[i64]) {
        self.change(score, id, language, judged_ids, |count| *count += 1);
    }

    /// Takes back that a candidate was counted.
    pub fn discount(&mut self, score: f64, id: i64, language: u32, judged_ids: &[i64]) {
        self.change(score, id, language, judged_ids, |count| *count -= 1);
    }

    fn change(&mut self, score: f64, id: i64, language: u32, judged_ids: &[i64], change: impl Fn(&mut u32)) {
        if self.thresholds.first().is_none_or(|&lowest| score < lowest) {
            return;
        }
        let judged = self.thresholds.len();
        let row = language as usize * judged;
        let beaten = self.thresholds.partition_point(|&threshold| threshold < score);
        if beaten > 0 {
            change(&mut self.bins[row + beaten - 1]);
        }
        for k in beaten..judged {
            // The range ends with the first threshold above the score. -0 equals +0, as scores compare.
            if self.thresholds[k] > score {
                break;
            }
            let own = judged_ids[self.positions[k] as usize];
            if own == id {
                continue;
            }
            if self.ties.is_empty() {
                self.ties = vec![Tied::default(); self.bins.len()];
            }
            let tied = &mut self.ties[row + k];
            change(if id < own { &mut tied.lower_id } else { &mut tied.higher_id });
        }
    }

    /// Adds the counts of `other`, a tally of other candidates for the same query, whose language `l` is `renumbered[l]`
    /// here. Room for the languages has been made.
    pub fn merge(&mut self, other: &Self, renumbered: &[u32]) {
        let judged = self.thresholds.len();
        if judged == 0 {
            return;
        }
        if self.ties.is_empty() && !other.ties.is_empty() {
            self.ties = vec![Tied::default(); self.bins.len()];
        }
        let mine = |cell: usize| renumbered[cell / judged] as usize * judged + cell % judged;
        for (cell, count) in other.bins.iter().enumerate() {
            self.bins[mine(cell)] += count;
        }
        for (cell, tied) in other.ties.iter().enumerate() {
            let sum = &mut self.ties[mine(cell)];
            sum.lower_id += tied.lower_id;
            sum.higher_id += tied.higher_id;
        }
    }

    /// How many (judged, other candidate) pairs have equal scores.
    #[must_use]
    pub fn ties(&self) -> u64 {
        self.ties.iter().map(|tied| u64::from(tied.lower_id) + u64::from(tied.higher_id)).sum()
    }

    /// Writes the rank of each judged candidate to its position in `out`. `languages[p]` is the language of the judged
    /// candidate at position `p`; `room` is anything.
    #[expect(clippy::float_cmp, reason = "a tie is an equal score, to the last bit")]
    pub fn ranks(&self, policy: Ties, judged: &Judged, languages: &[u32], room: &mut Vec<u64>, out: &mut [Rank]) {
        let count = self.thresholds.len();
        // Of each language, and of all, how many score higher.
        let (higher, mut of_all) = (room, 0);
        higher.clear();
        higher.resize(self.bins.len().checked_div(count).unwrap_or(0), 0);
        // Equal thresholds stand side by side.
        let mut equal = 0..0;
        for k in (0..count).rev() {
            for (higher, &bin) in higher.iter_mut().zip(self.bins[k..].iter().step_by(count)) {
                *higher += u64::from(bin);
                of_all += u64::from(bin);
            }
            let own = self.positions[k] as usize;
            let language = languages[own] as usize;
            let mut overall = Above { higher: of_all, ..Above::default() };
            let mut within = Above { higher: higher[language], ..Above::default() };
            if !self.ties.is_empty() {
                self.ties[k..].iter().step_by(count).for_each(|&tied| overall.tie(tied));
                within.tie(self.ties[language * count + k]);
                if !equal.contains(&k) {
                    let more = self.thresholds[..k].iter().rev().take_while(|&&other| other == self.thresholds[k]);
                    equal = k - more.count()..k + 1;
                }
            }
            // Ties among the judged, few, are told apart by grade here; the counts hold them too.
            let tied = equal.clone().filter(|&j| j != k).map(|j| self.positions[j] as usize);
            let tied_within = tied.clone().filter(|&p| languages[p] == languages[own]);
            out[own] = Rank {
                within: 1 + within.before(policy, judged, own, &tied_within),
                overall: 1 + overall.before(policy, judged, own, &tied),
            };
        }
    }
}

impl Above {
    fn tie(&mut self, tied: Tied) {
        self.lower_id += u64::from(tied.lower_id);
        self.higher_id += u64::from(tied.higher_id);
    }

    /// How many candidates of the pool stand before the judged one at position `own`; `tied` are the positions of the
    /// judged candidates of the pool that share its score.
    fn before(self, policy: Ties, judged: &Judged, own: usize, tied: &(impl Iterator<Item = usize> + Clone)) -> u64 {
        let (ids, grades) = (judged.ids(), judged.grades());
        let unjudged = || self.lower_id + self.higher_id - tied.clone().count() as u64;
        let by_grade = |first: fn(&i64, &i64) -> bool| {
            let before = |p: usize| first(&grades[p], &grades[own]) || (grades[p] == grades[own] && ids[p] < ids[own]);
            tied.clone().filter(|&p| before(p)).count() as u64
        };
        self.higher
            + match policy {
                Ties::Pessimistic => unjudged() + by_grade(i64::lt),
                Ties::Optimistic => by_grade(i64::gt),
                Ties::Trec => self.higher_id,
                Ties::Docid => self.lower_id,
            }
    }
}
