//! Where in a list that holds each of `0..n` once a number stands, without a second list of `n`.
//!
//! The list leads from a position to a number, which is a position again, and so on round a cycle. Long cycles have
//! shortcuts back, one in every few positions (Munro, Raman, Raman and Rao 2012): from a number one goes forward to the
//! next, back by it, and forward again to the position that leads to the number.

use serde::{Deserialize, Serialize};

use crate::bits::Bits;
use crate::compact::Compact;
use crate::marks::Marks;

/// The shortcuts of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inverse {
    /// Positions that have one.
    marked: Marks,
    /// Where each leads.
    back: Compact,
}

/// Steps between shortcuts, at most.
const MOST: u64 = 16;

impl Inverse {
    /// Makes as many shortcuts as let list and inverse take 4 bytes a number, up to 2^28 numbers; for more, one in 16.
    #[must_use]
    pub fn new(list: &Compact) -> Self {
        let bits = u64::from(u64::BITS - list.len().saturating_sub(1).leading_zeros());
        // Of 32 bits the list takes `bits`, and the marks and those where classes begin less than three.
        let stride = bits.div_ceil(29_u64.saturating_sub(bits).max(1)).clamp(1, MOST);
        let next = |at: u64| u64::from(list.get(at));
        let mut seen = Bits::new(list.len());
        let mut marked = Bits::new(list.len());
        let mut back = vec![];
        for first in 0..list.len() {
            let (mut at, mut steps, mut mark) = (first, 0_u64, first);
            while !seen.get(at) {
                seen.set(at);
                if steps > 0 && steps % stride == 0 {
                    marked.set(at);
                    back.push((at as u32, mark as u32));
                    mark = at;
                }
                (at, steps) = (next(at), steps + 1);
            }
            // Round to the first; short cycles are walked.
            if steps > stride {
                marked.set(first);
                back.push((first as u32, mark as u32));
            }
        }
        back.sort_unstable();
        let back = Compact::new(list.len().saturating_sub(1) as u32, back.iter().map(|&(_, to)| to));
        Self { marked: Marks::new(marked), back }
    }

    /// The position of a number in the list.
    #[must_use]
    pub fn position(&self, list: &Compact, number: u64) -> u64 {
        let (mut at, mut jumped) = (number, false);
        loop {
            if !jumped && self.marked.get(at) {
                at = self.back.get(self.marked.number(at)).into();
                jumped = true;
            }
            let next = u64::from(list.get(at));
            if next == number {
                return at;
            }
            at = next;
        }
    }
}
