//! Runs of a sweep that differ in their seed alone, and the spread of their numbers.

use serde_json::{Map, Value};

use super::folder::Member;
use super::{SEED, names};

/// Members with equal values but for the seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The values that they share, in words; empty when only the seed differs.
    pub label: String,
    /// The values that they share.
    pub values: Map<String, Value>,
    /// Their places among the members.
    pub members: Vec<usize>,
}

/// Mean and spread of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of a sample, over n − 1; none for a single number.
    pub deviation: Option<f64>,
    /// How many numbers.
    pub n: usize,
}

impl Spread {
    /// Of some numbers; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        let deviation = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        Some(Self { mean, deviation, n })
    }

    /// One deviation below and above the mean; the mean itself for a single number.
    pub fn band(self) -> [f64; 2] {
        let deviation = self.deviation.unwrap_or(0.0);
        [self.mean - deviation, self.mean + deviation]
    }
}

/// The groups in the order of their first members.
pub fn groups(members: &[Member]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, member) in members.iter().enumerate() {
        let values: Map<String, Value> =
            member.values.iter().filter(|(path, _)| *path != SEED).map(|(p, v)| (p.clone(), v.clone())).collect();
        if let Some(group) = groups.iter_mut().find(|group| group.values == values) {
            group.members.push(place);
            continue;
        }
        let paths: Vec<&String> = values.keys().collect();
        let label = names::label(&names::labels(&paths), values.values());
        groups.push(Group { label, values, members: vec![place] });
    }
    groups
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_that_differ_in_their_seed_are_a_group() {
        let member = |k: u32, seed: u32| Member {
            run: String::new(),
            label: String::new(),
            values: json!({"steps.0.config.k": k, "seed": seed}).as_object().unwrap().clone(),
        };
        let found = groups(&[member(1, 0), member(2, 0), member(1, 1)]);
        assert_eq!(
            found.iter().map(|g| (g.label.as_str(), g.members.clone())).collect::<Vec<_>>(),
            [("k=1", vec![0, 2]), ("k=2", vec![1])]
        );
    }

    #[test]
    fn a_spread_is_that_of_a_sample() {
        let spread = Spread::of(&[2.0, 4.0, 9.0]).unwrap();
        // Mean 5, squares 9 + 1 + 16 = 26, over 2.
        assert_eq!((spread.mean, spread.n), (5.0, 3));
        assert!((spread.deviation.unwrap() - 13f64.sqrt()).abs() < 1e-15);
        assert_eq!(Spread::of(&[3.0]).unwrap().band(), [3.0, 3.0]);
        assert_eq!(Spread::of(&[]), None);
    }
}
