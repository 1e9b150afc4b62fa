//! The sum of lanes, in the one order that the score defines.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

use std::ops::AddAssign;

/// Adds upper halves to lower ones until one lane is left; `N` is a power of two.
#[inline(always)]
pub fn halved<T: Copy + AddAssign, const N: usize>(mut lanes: [T; N]) -> T {
    let mut width = N / 2;
    while width > 0 {
        for lane in 0..width {
            let upper = lanes[lane + width];
            lanes[lane] += upper;
        }
        width /= 2;
    }
    lanes[0]
}
