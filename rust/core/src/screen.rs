//! Float32 products that settle most comparisons with the judged candidates, under a proven bound.
//!
//! A product `f` of a query and a candidate in float32 differs from their score by at most
//! `E = gamma_m |q| |d| + a`, where `m` is the largest number of roundings that a product meets on its way into the sum
//! and `gamma_m = m u / (1 - m u)`, `u = 2^-24` (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), and
//! `a` bounds what underflow takes away. Where `f - E` lies above a threshold or `f + E` below it, the score does; what
//! lies between is scored in full. Norms are computed in float64 and rounded up.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

pub use crate::kernels::TILE;
use crate::kernels::{CHUNK, Work, products, widest};

/// Beyond this product of norms, partial sums may overflow: 2^125.
const LARGEST: f64 = 4.253_529_586_511_731e37;
/// Half the distance from 1 to the next float32.
const ROUNDING: f64 = 1.0 / (1_u64 << 24) as f64;

/// The bound for vectors of one dimension.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// `E` is at most this times `|q| |d|`, and `absolute` more.
    relative: f64,
    absolute: f32,
}

/// A query as it meets products.
#[derive(Debug, Clone)]
pub struct Screen {
    norm: f64,
    /// `E` is at most this times a candidate's norm, and [`Bound::absolute`] more.
    factor: f32,
    /// The thresholds, ascending, rounded up and rounded down.
    above: Vec<f32>,
    below: Vec<f32>,
}

/// Candidates packed for products: tile by tile, component by component, the candidates of a tile side by side.
#[derive(Debug, Default)]
pub struct Packed {
    values: Vec<f32>,
    /// Rounded up; 0 for the places behind the last candidate.
    norms: Vec<f32>,
    count: usize,
}

/// What a tile says about one query.
pub enum Settled<'a> {
    /// For each threshold, how many candidates score higher; thresholds that none reaches are left out.
    Higher(&'a [u32]),
    /// Some candidates have to be scored in full: for each candidate, how many thresholds it beats, or that it is open.
    Open(&'a [Option<u32>]),
}

impl Bound {
    /// The bound for vectors with `dimension` components.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        let gamma = |roundings: usize, unit: f64| {
            let all = roundings as f64 * unit;
            all / (1.0 - all)
        };
        // Products of a chunk are multiplied, then added one by one, then the chunks are added.
        let screened = gamma(CHUNK.min(dimension) + 1 + dimension.div_ceil(CHUNK), ROUNDING);
        // The score itself: float64 sums over every 32nd component, then five more.
        let scored = gamma(dimension.div_ceil(32) + 6, f64::EPSILON / 2.0);
        // E, f - E and f + E are computed in float32 too.
        Self {
            relative: (screened + scored + 6.0 * ROUNDING) * (1.0 + 1e-9),
            absolute: (dimension + 8) as f32 * f32::from_bits(1),
        }
    }
}

/// The norm of a row, rounded up.
fn norm(row: &[f32]) -> f64 {
    // Squares of float32 are exact; each addition may lose half a unit, and the root too.
    let sum: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    sum.sqrt() * (1.0 + (row.len() + 4) as f64 * f64::EPSILON)
}

/// The least float32 that is not below `x`.
fn up(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) < x { near.next_up() } else { near }
}

/// The largest float32 that is not above `x`.
fn down(x: f64) -> f32 {
    -up(-x)
}

impl Screen {
    /// The screen of a query with its thresholds, ascending.
    #[must_use]
    pub fn new(bound: Bound, query: &[f32], thresholds: &[f64]) -> Self {
        let norm = norm(query);
        Self {
            norm,
            factor: up(bound.relative * norm),
            above: thresholds.iter().map(|&t| up(t)).collect(),
            below: thresholds.iter().map(|&t| down(t)).collect(),
        }
    }

    /// Whether nothing can be counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.above.is_empty()
    }
}

impl Packed {
    /// Packs rows of `dimension` components, all of which are kept apart from what was packed before.
    pub fn pack<'a>(&mut self, dimension: usize, rows: impl ExactSizeIterator<Item = &'a [f32]>) {
        self.count = rows.len();
        let places = self.count.div_ceil(TILE) * TILE;
        self.values.clear();
        self.values.resize(places * dimension, 0.0);
        self.norms.clear();
        self.norms.resize(places, 0.0);
        for (at, row) in rows.enumerate() {
            self.norms[at] = up(norm(row));
            let tile = &mut self.values[at / TILE * TILE * dimension..];
            for (slot, &x) in tile[at % TILE..].iter_mut().step_by(TILE).zip(row) {
                *slot = x;
            }
        }
    }

    /// The candidates.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Goes through the tiles with a run of queries, `queries.len() / dimension` of them, and calls `see` with every
    /// query that has thresholds and every tile: number of the query, first candidate of the tile, and what it says.
    pub fn settle(
        &self,
        bound: Bound,
        dimension: usize,
        queries: &[f32],
        screens: &[Screen],
        scratch: &mut Scratch,
        mut see: impl FnMut(usize, usize, Settled<'_>),
    ) {
        for (first, values) in (0..self.count).step_by(TILE).zip(self.values.chunks_exact(TILE * dimension)) {
            scratch.products.resize(screens.len(), [0.0; TILE]);
            products(dimension, queries, values, &mut scratch.products);
            let count = TILE.min(self.count - first);
            let norms = &self.norms[first..][..TILE];
            let largest = norms.iter().fold(0.0_f32, |largest, &norm| largest.max(norm));
            for (q, (screen, products)) in screens.iter().zip(&mut scratch.products).enumerate() {
                if screen.is_empty() {
                    continue;
                }
                products[count..].fill(f32::NEG_INFINITY);
                if screen.norm * f64::from(largest) >= LARGEST {
                    products[..count].fill(f32::NAN);
                }
                scratch.higher.clear();
                let mut open = false;
                let judge = Judge { screen, bound, norms, products, higher: &mut scratch.higher, open: &mut open };
                widest(judge);
                if !open {
                    see(q, first, Settled::Higher(&scratch.higher));
                    continue;
                }
                scratch.beaten.clear();
                for (&product, &norm) in products[..count].iter().zip(norms) {
                    let error = screen.factor * norm + bound.absolute;
                    let (low, high) = (product - error, product + error);
                    let sure = screen.above.partition_point(|&threshold| low > threshold);
                    // Not the first that "high >= threshold" fails for: NaN is below no threshold.
                    let never = screen.below.iter().position(|&threshold| high < threshold);
                    let maybe = never.unwrap_or(screen.below.len());
                    scratch.beaten.push((sure == maybe).then_some(sure as u32));
                }
                see(q, first, Settled::Open(&scratch.beaten));
            }
        }
    }
}

/// Room for the products of a tile and what follows from them.
#[derive(Debug, Default)]
pub struct Scratch {
    products: Vec<[f32; TILE]>,
    higher: Vec<u32>,
    beaten: Vec<Option<u32>>,
}

/// How many candidates of a tile beat each threshold of a query, and whether that is certain.
struct Judge<'a> {
    screen: &'a Screen,
    bound: Bound,
    norms: &'a [f32],
    products: &'a [f32; TILE],
    higher: &'a mut Vec<u32>,
    open: &'a mut bool,
}

impl Work for Judge<'_> {
    #[inline(always)]
    fn run(self) {
        let (mut low, mut high) = ([0.0_f32; TILE], [0.0_f32; TILE]);
        for lane in 0..TILE {
            let error = self.screen.factor * self.norms[lane] + self.bound.absolute;
            low[lane] = self.products[lane] - error;
            high[lane] = self.products[lane] + error;
        }
        for (&above, &below) in self.screen.above.iter().zip(&self.screen.below) {
            let (mut sure, mut never) = (0_u32, 0_u32);
            for lane in 0..TILE {
                sure += u32::from(low[lane] > above);
                never += u32::from(high[lane] < below);
            }
            if never == TILE as u32 {
                // Nor does any candidate reach a higher threshold.
                return;
            }
            if sure + never < TILE as u32 {
                *self.open = true;
                return;
            }
            self.higher.push(sure);
        }
    }
}
