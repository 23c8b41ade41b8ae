//! Eigenvalues of small symmetric matrices, by Jacobi's rotations.

/// Eigenvalues, largest first, and for each its vector of norm 1. `matrix` is row-major, n × n.
pub(super) fn eigen(matrix: &[f64], n: usize) -> Vec<(f64, Vec<f64>)> {
    let mut a = matrix.to_vec();
    let mut v: Vec<f64> = (0..n * n).map(|i| f64::from(u8::from(i / n == i % n))).collect();
    for _ in 0..60 {
        let off: f64 = (0..n * n).filter(|i| i / n != i % n).map(|i| a[i] * a[i]).sum();
        let all: f64 = a.iter().map(|x| x * x).sum();
        if off <= 1e-30 * all {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                turn(&mut a, &mut v, n, p, q);
            }
        }
    }
    let vector = |k: usize| (0..n).map(|i| v[i * n + k]).collect::<Vec<f64>>();
    let mut pairs: Vec<(f64, Vec<f64>)> = (0..n).map(|k| (a[k * n + k], vector(k))).collect();
    pairs.sort_by(|x, y| y.0.total_cmp(&x.0));
    pairs
}

/// Turns rows and columns p and q so that element (p, q) becomes zero.
fn turn(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    let t = 1f64.copysign(theta) / (theta.abs() + theta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (v[k * n + p], v[k * n + q]);
        (v[k * n + p], v[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
    }
}

/// Coefficients (x, y) that bring x·a + y·b nearest to a vector, from ⟨a,a⟩, ⟨a,b⟩, ⟨b,b⟩, ⟨a,v⟩, ⟨b,v⟩.
/// With parallel or zero directions the second coefficient is zero.
pub(super) fn nearest([aa, ab, bb]: [f64; 3], [av, bv]: [f64; 2]) -> [f64; 2] {
    let determinant = aa * bb - ab * ab;
    if determinant > 1e-12 * aa * bb {
        return [(bb * av - ab * bv) / determinant, (aa * bv - ab * av) / determinant];
    }
    [if aa > 0.0 { av / aa } else { 0.0 }, 0.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_by_hand() {
        let pairs = eigen(&[2.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, -5.0], 3);
        let values: Vec<f64> = pairs.iter().map(|p| p.0).collect();
        assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14 && values[2] == -5.0);
        let first = &pairs[0].1;
        assert!((first[0] - first[1]).abs() < 1e-14 && (first[0].abs() - 0.5f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn coordinates_in_a_slanted_plane() {
        // a = (1, 0), b = (1, 1), v = 2·a + 3·b = (5, 3)
        assert_eq!(nearest([1.0, 1.0, 2.0], [5.0, 8.0]), [2.0, 3.0]);
        assert_eq!(nearest([4.0, 2.0, 1.0], [8.0, 4.0]), [2.0, 0.0], "parallel");
        assert_eq!(nearest([0.0; 3], [0.0; 2]), [0.0; 2]);
    }
}
