//! Neighborhood attack: LL(x) minus the mean LL of its neighbors.   Source: Mattern et al. 2023, arXiv:2305.18462.

/// `None` without neighbors.
pub(in crate::methods::mia) fn score(original: f64, neighbors: &[f64]) -> Option<f64> {
    Some(original - super::loss::score(neighbors)?)
}
