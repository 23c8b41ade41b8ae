//! Numbers of the row kernels: `Real`, or `Dual` = value + directional derivative; and the functions on them.
//!
//! exp and erf are polynomials in `f32` (about 1 ulp) so that loops over them vectorize; in the `f64` build they
//! are exact to that type. Comparisons look at values only. NaN stays NaN: a broken model must not look healthy.
#![expect(clippy::inline_always, reason = "bodies must merge into the loops that are compiled per instruction set")]

use std::ops::{Add, Div, Mul, Neg, Range, Sub};

use crate::tensor::{Real, Tensor};

/// Number of partial sums of every sum over a row. Element i goes to lane i mod `LANES`, whatever the machine.
pub(crate) const LANES: usize = 32;

/// A number a row kernel is written in.
pub(crate) trait Scalar:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// Numbers to be read: one slice a plane.
    type Row<'a>: Copy + Send + Sync;
    /// Numbers to be written.
    type RowMut<'a>: Send;

    /// A constant: no tangent.
    fn lift(x: Real) -> Self;
    /// f(self), given f and f' at the value.
    fn map(self, value: Real, slope: Real) -> Self;
    /// The value.
    fn value(self) -> Real;
    /// Element `i` of a row.
    fn at(row: Self::Row<'_>, i: usize) -> Self;
    /// Elements of a row.
    fn len(row: Self::Row<'_>) -> usize;
    /// Part of a row.
    fn slice(row: Self::Row<'_>, range: Range<usize>) -> Self::Row<'_>;
    /// Element `i` of a row being written.
    fn get(row: &Self::RowMut<'_>, i: usize) -> Self;
    /// Writes element `i`.
    fn put(row: &mut Self::RowMut<'_>, i: usize, x: Self);
    /// Part of a row being written.
    fn slice_mut<'b>(row: &'b mut Self::RowMut<'_>, range: Range<usize>) -> Self::RowMut<'b>;
    /// Elements `range` of an operand.
    fn read<'a>(source: &'a Source<'_>, range: Range<usize>) -> Self::Row<'a>;
    /// A result in blocks of `size` elements.
    fn blocks(t: &mut Tensor, size: usize) -> Vec<Self::RowMut<'_>>;

    /// 1/√x
    #[inline(always)]
    fn rsqrt(self) -> Self {
        let r = 1.0 / self.value().sqrt();
        self.map(r, -0.5 * r / self.value())
    }
}

impl Scalar for Real {
    type Row<'a> = &'a [Self];
    type RowMut<'a> = &'a mut [Self];

    #[inline(always)]
    fn lift(x: Real) -> Self {
        x
    }
    #[inline(always)]
    fn map(self, value: Real, _slope: Real) -> Self {
        value
    }
    #[inline(always)]
    fn value(self) -> Real {
        self
    }
    #[inline(always)]
    fn at(row: Self::Row<'_>, i: usize) -> Self {
        row[i]
    }
    #[inline(always)]
    fn len(row: Self::Row<'_>) -> usize {
        row.len()
    }
    #[inline(always)]
    fn slice(row: Self::Row<'_>, range: Range<usize>) -> Self::Row<'_> {
        &row[range]
    }
    #[inline(always)]
    fn get(row: &Self::RowMut<'_>, i: usize) -> Self {
        row[i]
    }
    #[inline(always)]
    fn put(row: &mut Self::RowMut<'_>, i: usize, x: Self) {
        row[i] = x;
    }
    #[inline(always)]
    fn slice_mut<'b>(row: &'b mut Self::RowMut<'_>, range: Range<usize>) -> Self::RowMut<'b> {
        &mut row[range]
    }
    #[inline(always)]
    fn read<'a>(source: &'a Source<'_>, range: Range<usize>) -> Self::Row<'a> {
        &source.value[range]
    }
    fn blocks(t: &mut Tensor, size: usize) -> Vec<Self::RowMut<'_>> {
        t.value_mut().chunks_mut(size.max(1)).collect()
    }
}

/// Value and tangent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dual {
    pub(crate) v: Real,
    pub(crate) t: Real,
}

impl Scalar for Dual {
    type Row<'a> = (&'a [Real], &'a [Real]);
    type RowMut<'a> = (&'a mut [Real], &'a mut [Real]);

    #[inline(always)]
    fn lift(x: Real) -> Self {
        Self { v: x, t: 0.0 }
    }
    #[inline(always)]
    fn map(self, value: Real, slope: Real) -> Self {
        Self { v: value, t: slope * self.t }
    }
    #[inline(always)]
    fn value(self) -> Real {
        self.v
    }
    #[inline(always)]
    fn at(row: Self::Row<'_>, i: usize) -> Self {
        Self { v: row.0[i], t: row.1[i] }
    }
    #[inline(always)]
    fn len(row: Self::Row<'_>) -> usize {
        row.0.len()
    }
    #[inline(always)]
    fn slice(row: Self::Row<'_>, range: Range<usize>) -> Self::Row<'_> {
        (&row.0[range.clone()], &row.1[range])
    }
    #[inline(always)]
    fn get(row: &Self::RowMut<'_>, i: usize) -> Self {
        Self { v: row.0[i], t: row.1[i] }
    }
    #[inline(always)]
    fn put(row: &mut Self::RowMut<'_>, i: usize, x: Self) {
        row.0[i] = x.v;
        row.1[i] = x.t;
    }
    #[inline(always)]
    fn slice_mut<'b>(row: &'b mut Self::RowMut<'_>, range: Range<usize>) -> Self::RowMut<'b> {
        (&mut row.0[range.clone()], &mut row.1[range])
    }
    #[inline(always)]
    fn read<'a>(source: &'a Source<'_>, range: Range<usize>) -> Self::Row<'a> {
        let tangent = match source.tangent {
            Some(tangent) => &tangent[range.clone()],
            None => &source.zeros[..range.len()],
        };
        (&source.value[range], tangent)
    }
    fn blocks(t: &mut Tensor, size: usize) -> Vec<Self::RowMut<'_>> {
        let (value, tangent) = t.planes_mut();
        let tangent = tangent.unwrap_or_default();
        value.chunks_mut(size.max(1)).zip(tangent.chunks_mut(size.max(1))).collect()
    }
}

/// An operand of a row kernel.
pub(crate) struct Source<'a> {
    pub(crate) value: &'a [Real],
    pub(crate) tangent: Option<&'a [Real]>,
    /// Stands in for a tangent that is not there; as long as the longest part that is read.
    zeros: Vec<Real>,
}

impl<'a> Source<'a> {
    /// A tensor that is read in parts of at most `part` elements.
    pub(crate) fn of(t: &'a Tensor, part: usize) -> Self {
        Self::new(t.value(), t.tangent(), part)
    }

    /// Values and tangent.
    pub(crate) fn new(value: &'a [Real], tangent: Option<&'a [Real]>, part: usize) -> Self {
        let missing = if tangent.is_some() { 0 } else { part.min(value.len()) };
        Self { value, tangent, zeros: vec![0.0; missing] }
    }
}

impl Add for Dual {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Self { v: self.v + o.v, t: self.t + o.t }
    }
}

impl Sub for Dual {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Self { v: self.v - o.v, t: self.t - o.t }
    }
}

impl Mul for Dual {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        Self { v: self.v * o.v, t: self.t * o.v + self.v * o.t }
    }
}

impl Div for Dual {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        let v = self.v / o.v;
        Self { v, t: (self.t - v * o.t) / o.v }
    }
}

impl Neg for Dual {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { v: -self.v, t: -self.t }
    }
}

/// Σ f(i) for i in 0..n, in [`LANES`] partial sums that are folded by halves.
#[inline(always)]
pub(crate) fn sum<S: Scalar>(n: usize, f: impl Fn(usize) -> S) -> S {
    let mut lanes = [S::lift(0.0); LANES];
    let whole = n - n % LANES;
    let mut base = 0;
    while base < whole {
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane = *lane + f(base + l);
        }
        base += LANES;
    }
    for (l, lane) in lanes.iter_mut().enumerate().take(n - whole) {
        *lane = *lane + f(whole + l);
    }
    fold(lanes)
}

/// The sum of partial sums, by halves.
#[inline(always)]
pub(crate) fn fold<S: Scalar>(mut lanes: [S; LANES]) -> S {
    let mut half = LANES / 2;
    while half > 0 {
        for l in 0..half {
            lanes[l] = lanes[l] + lanes[l + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// The larger value; NaN in neither place is hidden from the sums that follow.
#[inline(always)]
pub(crate) fn max(row: &[Real]) -> Real {
    let mut lanes = [Real::NEG_INFINITY; LANES];
    let mut chunks = row.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = if x > *lane { x } else { *lane };
    }
    lanes.iter().fold(Real::NEG_INFINITY, |m, &x| if x > m { x } else { m })
}

/// eˣ; 0 below −87.3, ∞ above 88.3.
#[cfg(not(feature = "f64"))]
#[inline(always)]
pub(crate) fn exp(x: Real) -> Real {
    const MAGIC: f32 = 12_582_912.0; // 1.5·2²³: adding it rounds to an integer and leaves that in the low bits
    // the two ends are cut so that 2ⁿ stays a number; NaN passes both comparisons
    let cut = if x > 89.0 { 89.0 } else { x };
    let cut = if cut < -88.0 { -88.0 } else { cut };
    let shifted = cut.mul_add(std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = n.mul_add(-0.693_359_4, cut);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_1e-4_f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    let p = (p * r).mul_add(r, r) + 1.0;
    let y = p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    let y = if x < -87.3 { 0.0 } else { y };
    if x > 88.3 { f32::INFINITY } else { y }
}

/// eˣ
#[cfg(feature = "f64")]
#[inline(always)]
pub(crate) fn exp(x: Real) -> Real {
    x.exp()
}

/// (σ(x), σ(−x)): both without cancellation.
#[inline(always)]
pub(crate) fn sigmoid(x: Real) -> (Real, Real) {
    // e must stay finite: e·σ(x) is σ(−x)
    let cut = if x < -80.0 { -80.0 } else { x };
    let e = exp(-cut);
    let s = 1.0 / (1.0 + e);
    (s, e * s)
}

/// Φ(x), the normal distribution function, to about 6e-8; the left tail does not cancel.
#[cfg(not(feature = "f64"))]
#[inline(always)]
pub(crate) fn normal_cdf(x: Real) -> Real {
    let a = x * std::f32::consts::FRAC_1_SQRT_2;
    let t = a.abs();
    let s = a * a;
    // erf near 0 and ln erfc elsewhere: minimax polynomials of N. Juffa's erff (BSD)
    let r = (-1.728_534_7e-5_f32).mul_add(t, 3.831_971_3e-4);
    let u = (-3.883_964_4e-3_f32).mul_add(t, 2.425_462_2e-2);
    let r = r.mul_add(s, u);
    let r = r.mul_add(t, -1.067_778_8e-1);
    let r = r.mul_add(t, -6.348_467e-1);
    let r = r.mul_add(t, -1.287_175_1e-1);
    let r = r.mul_add(t, -t);
    let tail = 0.5 * exp(r);
    let outer = if a > 0.0 { 1.0 - tail } else { tail };
    let p = (-5.967_617e-4_f32).mul_add(s, 4.991_194e-3);
    let p = p.mul_add(s, -2.676_813_5e-2);
    let p = p.mul_add(s, 1.128_199_2e-1);
    let p = p.mul_add(s, -3.761_253_4e-1);
    let p = p.mul_add(s, 1.283_791_7e-1);
    let inner = 0.5f32.mul_add(p.mul_add(a, a), 0.5);
    if t > 0.927_734_4 { outer } else { inner }
}

/// Φ(x), the normal distribution function.
#[cfg(feature = "f64")]
pub(crate) fn normal_cdf(x: Real) -> Real {
    let a = x.abs() * std::f64::consts::FRAC_1_SQRT_2;
    let density = (-a * a).exp() * std::f64::consts::FRAC_2_SQRT_PI;
    let tail = if a < 3.0 {
        // Kummer's series: every term is positive
        let (mut term, mut total, mut n) = (a, a, 0.0);
        while term > total * 1e-17 {
            n += 1.0;
            term *= 2.0 * a * a / (2.0 * n + 1.0);
            total += term;
        }
        0.5 * (1.0 - density * total)
    } else {
        // continued fraction of erfc, from far inside outwards
        let fraction = (1..60).rev().fold(a, |f, n| a + f64::from(n) / 2.0 / f);
        0.25 * density / fraction
    };
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// The normal density.
#[inline(always)]
pub(crate) fn normal_density(x: Real) -> Real {
    const FACTOR: f64 = 0.398_942_280_401_432_7;
    exp(-0.5 * x * x) * FACTOR as Real
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative to the result; the f64 build is held to its own type.
    const TOLERANCE: f64 = if size_of::<Real>() == 4 { 2.5e-7 } else { 1e-14 };

    #[test]
    fn exp_is_accurate_everywhere() {
        for i in -870..=880 {
            let x = (f64::from(i) * 0.1003) as Real;
            let x = x.clamp(-87.0, 88.2);
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < TOLERANCE, "exp({x}) = {got}, not {want}");
        }
        assert!(exp(Real::NAN).is_nan(), "NaN must stay");
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(exp(Real::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn normal_cdf_matches_published_values() {
        // Abramowitz and Stegun, table 26.1
        for (x, want) in [
            (0.0, 0.5),
            (0.5, 0.691_462_461_274_013_1),
            (1.0, 0.841_344_746_068_542_9),
            (1.5, 0.933_192_798_731_141_9),
            (2.0, 0.977_249_868_051_820_8),
            (3.0, 0.998_650_101_968_369_9),
            (-1.0, 0.158_655_253_931_457_05),
            (-2.0, 0.022_750_131_948_179_2),
            (-3.0, 1.349_898_031_630_094_6e-3),
            (-5.0, 2.866_515_718_791_939e-7),
        ] {
            let got = f64::from(normal_cdf(x as Real));
            let tolerance = if size_of::<Real>() == 4 { 1e-7 } else { 1e-14 };
            assert!((got - want).abs() < tolerance, "cdf({x}) = {got}, not {want}");
        }
    }

    #[test]
    fn sums_do_not_depend_on_zeros_that_follow() {
        let x: Vec<Real> = (0..100).map(|i| (i as Real * 0.37).sin()).collect();
        let padded: Vec<Real> = x.iter().copied().chain([0.0; 60]).collect();
        assert_eq!(sum(100, |i| x[i]).to_bits(), sum(160, |i| padded[i]).to_bits());
    }
}
