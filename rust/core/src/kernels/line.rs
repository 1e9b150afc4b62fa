//! Numbers where lines of the cache start, which registers as long as a line have to meet.

/// Sixteen numbers of four bytes each: a line.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(align(64))]
pub struct Line<T>(pub [T; LANES]);

/// Numbers of a line.
pub const LANES: usize = 16;

impl<T> Line<T> {
    /// The numbers of lines, one after the other.
    #[must_use]
    pub fn flat(lines: &mut [Self]) -> &mut [T] {
        const { assert!(size_of::<Self>() == LANES * size_of::<T>(), "numbers that do not fill a line") };
        // SAFETY: lines hold nothing but their numbers, sixteen each.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LANES) }
    }
}

impl Line<f32> {
    /// Lines of a row, filled up with zeros, as many as are wanted.
    #[must_use]
    pub fn of(row: impl IntoIterator<Item = f32>, count: usize) -> Vec<Self> {
        let mut lines = vec![Self::default(); count];
        for (place, x) in Self::flat(&mut lines).iter_mut().zip(row) {
            *place = x;
        }
        lines
    }
}

/// The bytes of numbers.
#[must_use]
pub fn bytes(row: &[f32]) -> &[u8] {
    // SAFETY: numbers are bytes without gaps, and bytes may lie anywhere.
    unsafe { std::slice::from_raw_parts(row.as_ptr().cast(), size_of_val(row)) }
}
