//! Fetching what will be wanted next.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};

/// Has the lines of the cache fetched that hold these numbers. Processors fetch on by themselves within what they read in
/// order, not where it starts anew.
pub fn prefetch(numbers: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(16) {
        // SAFETY: the place is in the slice, and fetching changes nothing but caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// Lines of the cache that are fetched a few at a time while others are worked on: a burst would hold up what that loads.
#[derive(Debug, Clone, Copy)]
pub struct Ahead {
    next: *const i8,
    left: usize,
    at_once: usize,
}

/// Bytes of a line.
const LINE: usize = 64;

impl Ahead {
    /// Those that hold some numbers.
    #[must_use]
    pub fn of(numbers: &[f32]) -> Self {
        Self { next: numbers.as_ptr().cast(), left: size_of_val(numbers).div_ceil(LINE), at_once: 0 }
    }

    /// Has them fetched in so many turns.
    pub(super) fn in_turns(&mut self, turns: usize) {
        self.at_once = self.left.div_ceil(turns.max(1));
    }

    /// Has the next of them fetched, into the second-level cache.
    #[inline(always)]
    pub(super) fn turn(&mut self) {
        for _ in 0..self.at_once.min(self.left) {
            // SAFETY: the place need not be there, and fetching changes nothing but caches.
            #[cfg(target_arch = "x86_64")]
            unsafe {
                _mm_prefetch::<_MM_HINT_T1>(self.next);
            }
            self.next = self.next.wrapping_add(LINE);
            self.left -= 1;
        }
    }
}
