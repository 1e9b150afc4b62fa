//! Where white space stands in a text, found in many bytes at once: byte by byte, reading a run took a 20th longer.

/// What the C locale calls white space.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The white space of a piece of a text, place by place.
#[derive(Debug, Default)]
pub(super) struct Spaces {
    /// A bit for each byte.
    words: Vec<u64>,
    first: usize,
    end: usize,
    /// The word that is gone through, and what is left of its bits.
    word: usize,
    bits: u64,
}

impl Spaces {
    /// Looks at the bytes from `first` to before `end`, in place of those before.
    pub(super) fn look(&mut self, bytes: &[u8], first: usize, end: usize) {
        let (whole, rest) = bytes[first..end].as_chunks::<64>();
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        self.words.clear();
        self.words.extend(whole.iter().chain([&last]).map(bits));
        *self = Self { words: std::mem::take(&mut self.words), first, end, word: 0, bits: 0 };
        self.bits = self.words[0];
    }

    /// The next place, or the end once there is none.
    pub(super) fn next(&mut self) -> usize {
        while self.bits == 0 {
            let Some(&bits) = self.words.get(self.word + 1) else { return self.end };
            (self.word, self.bits) = (self.word + 1, bits);
        }
        let place = self.first + 64 * self.word + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        place
    }
}

/// A bit for each byte that is white space.
fn bits(bytes: &[u8; 64]) -> u64 {
    // With registers; then the multiplication brings the bit of byte `i` to place 56 + i.
    let white = bytes.map(|byte| u8::from(is_space(byte)));
    let eight = |white| u64::from_le_bytes(white).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    white.as_chunks::<8>().0.iter().rev().fold(0, |bits, &white| bits << 8 | eight(white))
}
