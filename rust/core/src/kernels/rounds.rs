//! Rounds of a Feistel network over digits in two radices, many numbers at once.
//!
//! What compilers make of the portable loop widens each digest to 64 bits and narrows it again, one after the other; the
//! versions with instructions multiply the even and the odd lanes where they stand.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi32, _mm256_blend_epi32, _mm256_loadu_si256, _mm256_min_epu32, _mm256_mul_epu32,
    _mm256_mullo_epi32, _mm256_set1_epi32, _mm256_srli_epi32, _mm256_srli_epi64, _mm256_storeu_si256, _mm256_sub_epi32,
    _mm256_xor_si256, _mm512_add_epi32, _mm512_loadu_si512, _mm512_mask_blend_epi32, _mm512_min_epu32,
    _mm512_mul_epu32, _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_srli_epi32, _mm512_srli_epi64, _mm512_storeu_si512,
    _mm512_sub_epi32, _mm512_xor_si512,
};

use crate::kernels::level::{Level, level};

/// Numbers that go through the rounds together.
pub const AT_ONCE: usize = 64;

/// The two digits of each number.
#[derive(Debug, Clone)]
pub struct Digits {
    /// Below the first radix.
    pub left: [u32; AT_ONCE],
    /// Below the second.
    pub right: [u32; AT_ONCE],
}

/// What the rounds depend on.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The radix of the left digit and that of the right.
    pub radices: (u32, u32),
    /// Keys of two rounds: the first adds a digest of the right digit to the left, the second the reverse.
    pub keys: &'a [[(u32, u32); 2]],
}

/// The multipliers of `lowbias32` (Wellons, hash prospector, 2018).
const FIRST: u32 = 0x7feb_352d;
const SECOND: u32 = 0x846c_a68b;

/// A hash of a digit to 32 bits.
const fn digest(digit: u32, key: (u32, u32)) -> u32 {
    let mut x = (digit ^ key.0).wrapping_mul(FIRST);
    x ^= x >> 15;
    x.wrapping_add(key.1).wrapping_mul(SECOND)
}

/// `digit + digest(other)` modulo `radix`, the digest scaled to `0..radix` by a multiplication.
const fn turn(digit: u32, other: u32, key: (u32, u32), radix: u32) -> u32 {
    let step = ((digest(other, key) as u64 * radix as u64) >> 32) as u32;
    // Compared with what is left to the radix, for the sum may leave 32 bits.
    let left = radix - step;
    if digit >= left { digit - left } else { digit.wrapping_add(step) }
}

/// All rounds for one number.
#[must_use]
pub fn round_one((mut left, mut right): (u32, u32), network: Network<'_>) -> (u32, u32) {
    for keys in network.keys {
        left = turn(left, right, keys[0], network.radices.0);
        right = turn(right, left, keys[1], network.radices.1);
    }
    (left, right)
}

/// All rounds for the first `lanes` numbers; what becomes of the others is not said.
///
/// # Panics
/// With more than [`AT_ONCE`].
pub fn rounds(digits: &mut Digits, lanes: usize, network: Network<'_>) {
    let (lefts, rights) = (&mut digits.left[..], &mut digits.right[..]);
    // With instructions sums of digits have to fit 32 bits.
    let level = if network.radices.0.max(network.radices.1) > 1 << 31 { Level::Portable } else { level() };
    match level {
        Level::Portable => portable(&mut lefts[..lanes], &mut rights[..lanes], network),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni => {
            let (lefts, rights) = (lefts.as_chunks_mut::<8>().0, rights.as_chunks_mut::<8>().0);
            let vectors = lanes.div_ceil(8);
            for at in (0..vectors).step_by(4) {
                let (left, right) = (&mut lefts[at..], &mut rights[at..]);
                // SAFETY: `level` found that the processor has the features that the function was compiled for.
                unsafe {
                    match vectors - at {
                        1 => avx2::<1>(left, right, network),
                        2 => avx2::<2>(left, right, network),
                        _ => avx2::<4>(left, right, network),
                    }
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => {
            let (left, right) = (lefts.as_chunks_mut::<16>().0, rights.as_chunks_mut::<16>().0);
            // SAFETY: as above.
            unsafe {
                match lanes.div_ceil(16) {
                    0 => {}
                    1 => avx512::<1>(left, right, network),
                    2 => avx512::<2>(left, right, network),
                    _ => avx512::<4>(left, right, network),
                }
            }
        }
    }
}

fn portable(lefts: &mut [u32], rights: &mut [u32], network: Network<'_>) {
    for keys in network.keys {
        for (left, right) in lefts.iter_mut().zip(&*rights) {
            *left = turn(*left, *right, keys[0], network.radices.0);
        }
        for (right, left) in rights.iter_mut().zip(&*lefts) {
            *right = turn(*right, *left, keys[1], network.radices.1);
        }
    }
}

/// `N` vectors together, lest each wait for itself.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<const N: usize>(lefts: &mut [[u32; 8]], rights: &mut [[u32; 8]], network: Network<'_>) {
    let constant = |x: u32| _mm256_set1_epi32(x.cast_signed());
    let (first, second) = (constant(FIRST), constant(SECOND));
    let turn = |digit: __m256i, other: __m256i, keys: (__m256i, __m256i), radix: __m256i| {
        let x = _mm256_mullo_epi32(_mm256_xor_si256(other, keys.0), first);
        let x = _mm256_xor_si256(x, _mm256_srli_epi32::<15>(x));
        let x = _mm256_mullo_epi32(_mm256_add_epi32(x, keys.1), second);
        let even = _mm256_srli_epi64::<32>(_mm256_mul_epu32(x, radix));
        let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(x), radix);
        let sum = _mm256_add_epi32(digit, _mm256_blend_epi32::<0b1010_1010>(even, odd));
        _mm256_min_epu32(sum, _mm256_sub_epi32(sum, radix))
    };
    let radices = (constant(network.radices.0), constant(network.radices.1));
    // SAFETY: each chunk has eight numbers.
    let load = |from: &[u32; 8]| unsafe { _mm256_loadu_si256(from.as_ptr().cast()) };
    let mut left: [__m256i; N] = std::array::from_fn(|at| load(&lefts[at]));
    let mut right: [__m256i; N] = std::array::from_fn(|at| load(&rights[at]));
    for keys in network.keys {
        let [left_keys, right_keys] = keys.map(|(a, b)| (constant(a), constant(b)));
        for at in 0..N {
            left[at] = turn(left[at], right[at], left_keys, radices.0);
        }
        for at in 0..N {
            right[at] = turn(right[at], left[at], right_keys, radices.1);
        }
    }
    for (to, digits) in lefts.iter_mut().zip(left).chain(rights.iter_mut().zip(right)) {
        // SAFETY: each chunk has eight numbers.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), digits) };
    }
}

/// `N` vectors together, lest each wait for itself.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<const N: usize>(lefts: &mut [[u32; 16]], rights: &mut [[u32; 16]], network: Network<'_>) {
    let constant = |x: u32| _mm512_set1_epi32(x.cast_signed());
    let (first, second) = (constant(FIRST), constant(SECOND));
    let turn = |digit: __m512i, other: __m512i, keys: (__m512i, __m512i), radix: __m512i| {
        let x = _mm512_mullo_epi32(_mm512_xor_si512(other, keys.0), first);
        let x = _mm512_xor_si512(x, _mm512_srli_epi32::<15>(x));
        let x = _mm512_mullo_epi32(_mm512_add_epi32(x, keys.1), second);
        let even = _mm512_srli_epi64::<32>(_mm512_mul_epu32(x, radix));
        let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(x), radix);
        let sum = _mm512_add_epi32(digit, _mm512_mask_blend_epi32(0b1010_1010_1010_1010, even, odd));
        _mm512_min_epu32(sum, _mm512_sub_epi32(sum, radix))
    };
    let radices = (constant(network.radices.0), constant(network.radices.1));
    // SAFETY: each chunk has sixteen numbers.
    let load = |from: &[u32; 16]| unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
    let mut left: [__m512i; N] = std::array::from_fn(|at| load(&lefts[at]));
    let mut right: [__m512i; N] = std::array::from_fn(|at| load(&rights[at]));
    for keys in network.keys {
        let [left_keys, right_keys] = keys.map(|(a, b)| (constant(a), constant(b)));
        for at in 0..N {
            left[at] = turn(left[at], right[at], left_keys, radices.0);
        }
        for at in 0..N {
            right[at] = turn(right[at], left[at], right_keys, radices.1);
        }
    }
    for (to, digits) in lefts.iter_mut().zip(left).chain(rights.iter_mut().zip(right)) {
        // SAFETY: each chunk has sixteen numbers.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), digits) };
    }
}
