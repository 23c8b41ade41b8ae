//! Counts per bin.

use crate::figures::Rows;

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
        let mut histogram = Self { edges, counts: vec![0; bins] };
        for bar in values.iter().filter_map(|v| histogram.bar(*v)).collect::<Vec<_>>() {
            histogram.counts[bar] += 1;
        }
        histogram
    }

    /// The bar of a value; `None` outside.
    fn bar(&self, value: f64) -> Option<usize> {
        let (low, high) = (*self.edges.first()?, *self.edges.last()?);
        let bins = self.counts.len();
        let width = (high - low) / bins as f64;
        let bar = if width > 0.0 { ((value - low) / width) as usize } else { 0 };
        (low..=high).contains(&value).then(|| bar.min(bins - 1))
    }

    /// The rows behind each bar, of (row, value).
    pub fn rows(&self, table: &str, values: impl IntoIterator<Item = (usize, f64)>) -> Rows {
        let mut bars = vec![Vec::new(); self.counts.len()];
        for (row, bar) in values.into_iter().filter_map(|(row, value)| Some((row, self.bar(value)?))) {
            bars[bar].push(row);
        }
        Rows::new(table, bars)
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
        let rows = h.rows("t", [(7, 0.0), (8, 1.0), (9, 1.1), (10, f64::NAN), (11, 0.5)]);
        assert_eq!((rows.of(0), rows.of(1)), (&[7][..], &[8, 11][..]));
    }

    #[test]
    fn ranges_have_a_width() {
        assert_eq!(range([2.0, f64::NAN, 1.0]), Some([1.0, 2.0]));
        assert_eq!(range([2.0]), Some([1.5, 2.5]));
        assert_eq!(range([]), None);
    }
}
