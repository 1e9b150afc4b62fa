//! The reference score: a dot product whose every bit is defined.

/// Partial sums kept by the score, each over every 32nd component.
pub const LANES: usize = 32;

/// The dot product of two float32 vectors of equal length in float64.
///
/// Lane `j` of 32 adds the products of the components `j, j + 32, ...` in order from +0; then the upper half of the
/// lanes is added to the lower half (16, 8, 4, 2, 1). A product of two float32 is exact in float64, so it makes no
/// difference whether a machine fuses it with the addition, and lanes may go through vector registers of any width.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for j in 0..LANES {
            lanes[j] += f64::from(a[j]) * f64::from(b[j]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f64::from(*a) * f64::from(*b);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for j in 0..width {
            lanes[j] += lanes[j + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Divides a row once by its norm (float64, the order of [`dot`]) and rounds to float32. A zero row stays zero;
/// returns whether it was one.
pub fn normalise(row: &mut [f32]) -> bool {
    let norm = dot(row, row).sqrt();
    if norm == 0.0 {
        return true;
    }
    for x in row {
        *x = (f64::from(*x) / norm) as f32;
    }
    false
}
