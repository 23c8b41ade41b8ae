//! The spectral density by stochastic Lanczos quadrature.
//!
//! Formula: k steps from a random unit vector give a tridiagonal T; its eigenvalues θⱼ and the squares wⱼ of the first
//! components of its eigenvectors approximate the density Σ wⱼ·δ(λ − θⱼ). Σ wⱼ = 1; the trace is about n·Σ wⱼ·θⱼ.
//! Source: Ghorbani et al. 2019, arXiv:1901.10159; amirgholami/PyHessian: hessian.py. Differs: symmetric eigenvalues of
//! T, so that no weight is complex, and vectors are orthogonalized twice.

use serde::{Deserialize, Serialize};

use super::operator::{Operator, Tick};
use crate::engine::Real;
use crate::engine::vectors::{add, dot, normalize, orthogonalize};
use crate::error::Result;

/// What one run of Lanczos found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ritz {
    /// θⱼ, ascending.
    pub(super) values: Vec<f64>,
    /// wⱼ; they sum to 1.
    pub(super) weights: Vec<f64>,
}

impl Ritz {
    /// Σ w·θ: the mean eigenvalue.
    pub(super) fn mean(&self) -> f64 {
        self.values.iter().zip(&self.weights).map(|(v, w)| v * w).sum()
    }
}

/// `steps` steps from `start`; fewer when nothing new is left. With `keep` all vectors are held and each new one is
/// orthogonal to them; without, three are held and eigenvalues that were found come again as ghosts.
pub(super) fn lanczos(
    operator: &mut dyn Operator,
    start: Vec<Real>,
    steps: usize,
    keep: bool,
    tick: &mut Tick<'_>,
) -> Result<Ritz> {
    let (mut alphas, mut betas): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut held: Vec<Vec<Real>> = Vec::new();
    let mut v = start;
    normalize(&mut v);
    for step in 0..steps.min(operator.len()) {
        let mut w = operator.product(&v, tick)?;
        let alpha = dot(&v, &w);
        alphas.push(alpha);
        add(&mut w, -alpha, &v);
        if let (Some(previous), Some(beta)) = (held.last(), betas.last()) {
            add(&mut w, -beta, previous);
        }
        held.push(v);
        if keep {
            orthogonalize(&mut w, &held.iter().map(|v| &v[..]));
        } else if held.len() > 1 {
            held.remove(0);
        }
        let beta = normalize(&mut w);
        let scale = alphas.iter().fold(0f64, |m, a| m.max(a.abs())).max(betas.iter().fold(0.0, |m, b| m.max(b.abs())));
        // what is left is rounding: the space is exhausted
        if step + 1 == steps.min(operator.len()) || beta <= 1e-6 * scale {
            break;
        }
        betas.push(beta);
        v = w;
    }
    betas.truncate(alphas.len().saturating_sub(1));
    Ok(quadrature(alphas, betas))
}

/// Eigenvalues and squared first components of a symmetric tridiagonal matrix: implicit QL with shifts.
/// Source: Golub and Welsch 1969, "Calculation of Gauss quadrature rules".
fn quadrature(mut d: Vec<f64>, mut e: Vec<f64>) -> Ritz {
    let n = d.len();
    e.resize(n, 0.0);
    let mut z = vec![0.0; n];
    if let Some(first) = z.first_mut() {
        *first = 1.0;
    }
    for l in 0..n {
        // each eigenvalue takes two or three rounds; the bound only ends what is not finite
        for _ in 0..64 {
            let small = |m: usize| e[m].abs() <= f64::EPSILON * (d[m].abs() + d[m + 1].abs());
            let m = (l..n - 1).find(|&m| small(m)).unwrap_or(n - 1);
            if m == l {
                break;
            }
            rotate(&mut d, &mut e, &mut z, l, m);
        }
    }
    let mut pairs: Vec<(f64, f64)> = d.into_iter().zip(z.into_iter().map(|z| z * z)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (values, weights) = pairs.into_iter().unzip();
    Ritz { values, weights }
}

/// One QL sweep over rows l..=m; `z` is the first row of the product of all rotations.
fn rotate(d: &mut [f64], e: &mut [f64], z: &mut [f64], l: usize, m: usize) {
    let g = (d[l + 1] - d[l]) / (2.0 * e[l]);
    let r = g.hypot(1.0);
    let mut g = d[m] - d[l] + e[l] / (g + r.copysign(g));
    let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
    for i in (l..m).rev() {
        let f = s * e[i];
        let b = c * e[i];
        let r = f.hypot(g);
        e[i + 1] = r;
        if r == 0.0 {
            d[i + 1] -= p;
            e[m] = 0.0;
            return;
        }
        (s, c) = (f / r, g / r);
        let g0 = d[i + 1] - p;
        let r = (d[i] - g0) * s + 2.0 * c * b;
        p = s * r;
        d[i + 1] = g0 + p;
        g = c * r - b;
        let (low, high) = (z[i], z[i + 1]);
        z[i + 1] = s * low + c * high;
        z[i] = c * low - s * high;
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
}

/// The density on a grid: every θ widened to a Gaussian. Gives abscissas, and ordinates whose area is 1.
///
/// A standard deviation is `width` of the whole spectrum, so that the curve of a sharp model is as smooth as that of a
/// flat one; PyHessian's is √(1e-5·width of the spectrum), which depends on the scale of the loss.
pub(super) fn density(runs: &[Ritz], points: usize, width: f64) -> Vec<[f64; 2]> {
    let mean = |f: fn(&Ritz) -> Option<&f64>| runs.iter().filter_map(f).sum::<f64>() / runs.len().max(1) as f64;
    let (low, high) = (mean(|r| r.values.first()), mean(|r| r.values.last()));
    // a single eigenvalue has no width
    let spread = if high > low { high - low } else { high.abs().max(1e-6) };
    let variance = (width * spread).powi(2);
    let room = 4.0 * variance.sqrt();
    let (low, high) = (low - room, high + room);
    let step = (high - low) / points.saturating_sub(1).max(1) as f64;
    let at = |x: f64| {
        let bumps = runs.iter().flat_map(|r| r.values.iter().zip(&r.weights));
        bumps.map(|(v, w)| w * (-(x - v).powi(2) / (2.0 * variance)).exp()).sum::<f64>()
    };
    let mut curve: Vec<[f64; 2]> = (0..points).map(|i| low + step * i as f64).map(|x| [x, at(x)]).collect();
    let area: f64 = curve.iter().map(|p| p[1]).sum::<f64>() * step;
    if area > 0.0 {
        for p in &mut curve {
            p[1] /= area;
        }
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::super::toys::{Diagonal, no_tick};
    use super::*;
    use crate::engine::rng::Stream;

    fn signs(n: usize, run: u64) -> Vec<Real> {
        let mut stream = Stream::new(5, "test signs").item(run);
        (0..n).map(|_| if stream.uniform() < 0.5 { -1.0 } else { 1.0 }).collect()
    }

    /// A bulk between −1 and 1 and outliers from 5 to 20, as the spectra of networks have.
    fn spectrum() -> Vec<f64> {
        let bulk = (0..190).map(|i| -1.0 + 2.0 * f64::from(i) / 189.0);
        bulk.chain([5.0, 6.0, 7.0, 8.5, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0]).collect()
    }

    #[test]
    fn extreme_eigenvalues_trace_and_weights() {
        let spectrum = spectrum();
        let (n, trace) = (spectrum.len(), spectrum.iter().sum::<f64>());
        let mut operator = Diagonal(spectrum);
        let found = lanczos(&mut operator, signs(n, 0), 60, true, &mut no_tick).unwrap();
        assert_eq!(found.values.len(), 60);
        assert!((found.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((found.values[59] - 20.0).abs() < 1e-5, "{}", found.values[59]);
        assert!((found.values[0] + 1.0).abs() < 1e-3, "{}", found.values[0]);
        // a start of signs gives the exact trace of a diagonal matrix
        assert!((n as f64 * found.mean() - trace).abs() < 1e-4 * trace);
        let without = lanczos(&mut operator, signs(n, 0), 60, false, &mut no_tick).unwrap();
        assert!((without.values[59] - 20.0).abs() < 1e-5 && (without.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_exhausted_space_ends_the_run() {
        let mut operator = Diagonal(vec![2.0, 2.0, 2.0, 5.0]);
        let found = lanczos(&mut operator, signs(4, 1), 4, true, &mut no_tick).unwrap();
        assert_eq!(found.values.len(), 2);
        assert!((found.values[0] - 2.0).abs() < 1e-6 && (found.values[1] - 5.0).abs() < 1e-6);
        assert!((found.weights[0] - 0.75).abs() < 1e-6);
    }

    #[test]
    fn a_tridiagonal_matrix_by_hand() {
        // eigenvalues 2 ± √2 and 2, weights 1/4, 1/2, 1/4
        let found = quadrature(vec![2.0; 3], vec![1.0; 2]);
        let root = 2f64.sqrt();
        for ((v, w), (x, y)) in
            found.values.iter().zip(&found.weights).zip([(2.0 - root, 0.25), (2.0, 0.5), (2.0 + root, 0.25)])
        {
            assert!((v - x).abs() < 1e-14 && (w - y).abs() < 1e-14, "{found:?}");
        }
    }

    #[test]
    fn the_curve_has_area_one_and_peaks_at_the_eigenvalues() {
        let run = Ritz { values: vec![-3.0, 4.0], weights: vec![0.25, 0.75] };
        let curve = density(&[run], 4001, 0.005);
        let step = curve[1][0] - curve[0][0];
        assert!((curve.iter().map(|p| p[1]).sum::<f64>() * step - 1.0).abs() < 1e-9);
        let left: f64 = curve.iter().filter(|p| p[0] < 0.0).map(|p| p[1]).sum::<f64>() * step;
        assert!((left - 0.25).abs() < 1e-6);
        let peak = curve.iter().max_by(|a, b| a[1].total_cmp(&b[1])).unwrap();
        assert!((peak[0] - 4.0).abs() < 2.0 * step);
    }
}
