//! Counts per bin.

/// Bars of equal width.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Edges, one more than bars.
    pub edges: Vec<f64>,
    /// Number of values per bar; the last bar includes its right edge.
    pub counts: Vec<usize>,
}

impl Histogram {
    /// `bins` bars from `low` to `high`; values outside and undefined ones are left out.
    pub fn new(values: &[f64], low: f64, high: f64, bins: usize) -> Self {
        let bins = bins.max(1);
        let width = (high - low) / bins as f64;
        let edges = (0..=bins).map(|i| if i == bins { high } else { low + width * i as f64 }).collect();
        let mut counts = vec![0; bins];
        for &v in values.iter().filter(|v| (low..=high).contains(*v)) {
            let bin = if width > 0.0 { ((v - low) / width) as usize } else { 0 };
            counts[bin.min(bins - 1)] += 1;
        }
        Self { edges, counts }
    }

    /// Each bar's share of all values.
    pub fn shares(&self) -> Vec<f64> {
        let n = self.counts.iter().sum::<usize>().max(1) as f64;
        self.counts.iter().map(|&c| c as f64 / n).collect()
    }
}

/// Smallest and largest finite value; a range of width one around a single value.
pub fn range(values: impl IntoIterator<Item = f64>) -> Option<[f64; 2]> {
    let finite = values.into_iter().filter(|v| v.is_finite());
    let [low, high] = finite.fold([f64::INFINITY, f64::NEG_INFINITY], |r, v| [r[0].min(v), r[1].max(v)]);
    match low.partial_cmp(&high)? {
        std::cmp::Ordering::Less => Some([low, high]),
        std::cmp::Ordering::Equal => Some([low - 0.5, high + 0.5]),
        std::cmp::Ordering::Greater => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_one_bar() {
        let h = Histogram::new(&[0.0, 0.1, 0.5, 0.99, 1.0, 1.1, f64::NAN], 0.0, 1.0, 2);
        assert_eq!(h.counts, [2, 3]);
        assert_eq!(h.edges, [0.0, 0.5, 1.0]);
        assert_eq!(h.shares(), [0.4, 0.6]);
    }

    #[test]
    fn ranges_have_a_width() {
        assert_eq!(range([2.0, f64::NAN, 1.0]), Some([1.0, 2.0]));
        assert_eq!(range([2.0]), Some([1.5, 2.5]));
        assert_eq!(range([]), None);
    }
}
