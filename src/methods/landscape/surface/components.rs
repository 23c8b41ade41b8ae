//! The plane in which checkpoints lie best, and their places in it.
//!
//! Formula: rows θ_e − θ; principal components from the Gram matrix of the centered rows, of norm 1; the place of a
//! checkpoint is the pair (x, y) with x·d + y·e nearest to θ_e − θ.
//! Source: Li et al. 2018, section 7; tomgoldstein/loss-landscape: plot_trajectory.py, projection.py. Differs: a place
//! is the least-squares solution, which is a coordinate whatever the norms and the angle of the directions.

use super::super::symmetric::{eigen, nearest};
use super::config::{Config, Published};
use super::directions::{Directions, differences};
use super::normalize::{Numbers, dot, forget_vectors};
use crate::error::{Error, Result};
use crate::methods::common::tables::scalar;
use crate::methods::{Context, LoadedModel};

/// The path of checkpoints in a plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Path {
    /// Name and place of each checkpoint, in the order given.
    pub(super) places: Vec<(String, [f64; 2])>,
    /// Distance of each from the plane, relative to its distance from the model; 0 lies in it.
    pub(super) off: Vec<f64>,
}

/// The first two principal components of the checkpoints.
pub(super) fn components(config: &Config, cx: &Context<'_>, model: &LoadedModel) -> Result<Directions> {
    let rows = rows(config, cx, model)?;
    let n = rows.len();
    if n <= config.axes {
        let want = config.axes + 1;
        return Err(Error::config(format!("checkpoints: {n} given, and at least {want} needed"))
            .hint("give the checkpoints of a training run: `--checkpoints PATH…`"));
    }
    let mut gram = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let product = dot(&rows[i], &rows[j]);
            (gram[i * n + j], gram[j * n + i]) = (product, product);
        }
    }
    let pairs = eigen(&centered(&gram, n), n);
    let total: f64 = pairs.iter().map(|p| p.0.max(0.0)).sum();
    let mut found = Directions { ranges: [[-1.0, 1.0]; 2], ..Directions::default() };
    for (i, (value, vector)) in pairs.iter().take(config.axes).enumerate() {
        let share = if total > 0.0 { value.max(0.0) / total } else { 0.0 };
        found.labels[i] = format!("principal component {} ({:.1} %)", i + 1, 100.0 * share);
        let label = format!("Variance explained by component {}", i + 1);
        found.scalars.push(scalar(&format!("explained_variance.{}", i + 1), &label, "", Some(share), n, ""));
        let component = combined(&rows, vector, *value);
        if i == 0 {
            found.x = component;
        } else {
            found.y = Some(component);
        }
    }
    let path = path(config, cx, model, &found.x, found.y.as_ref())?;
    found.ranges = [0, 1].map(|axis| around(path.places.iter().map(|(_, at)| at[axis])));
    Ok(found)
}

/// The path of the checkpoints in the plane of `x` and `y`; empty without checkpoints.
pub(super) fn path(
    config: &Config,
    cx: &Context<'_>,
    model: &LoadedModel,
    x: &Numbers,
    y: Option<&Numbers>,
) -> Result<Path> {
    let mut path = Path::default();
    let zero: Numbers = Vec::new();
    let y = y.unwrap_or(&zero);
    let inner = [dot(x, x), dot(x, y), dot(y, y)];
    for (checkpoint, row) in cx.models("checkpoints").iter().zip(rows(config, cx, model)?) {
        let at = nearest(inner, [dot(x, &row), dot(y, &row)]);
        let square = dot(&row, &row);
        let within = at[0] * at[0] * inner[0] + 2.0 * at[0] * at[1] * inner[1] + at[1] * at[1] * inner[2];
        let off = if square > 0.0 { ((square - within) / square).max(0.0).sqrt() } else { 0.0 };
        path.places.push((checkpoint.name.clone(), at));
        path.off.push(off);
    }
    Ok(path)
}

/// θ_e − θ of each checkpoint.
fn rows(config: &Config, cx: &Context<'_>, model: &LoadedModel) -> Result<Vec<Numbers>> {
    let row = |checkpoint: &LoadedModel| {
        let mut row = differences(model, checkpoint)?;
        if config.ignore_vectors && config.compat == Published::Correct {
            forget_vectors(&mut row, &model.decoder.params);
        }
        Ok(row)
    };
    cx.models("checkpoints").iter().map(row).collect()
}

/// The Gram matrix of the rows minus their mean.
fn centered(gram: &[f64], n: usize) -> Vec<f64> {
    let mean = |i: usize| (0..n).map(|j| gram[i * n + j]).sum::<f64>() / n as f64;
    let means: Vec<f64> = (0..n).map(mean).collect();
    let all = means.iter().sum::<f64>() / n as f64;
    (0..n * n).map(|k| gram[k] - means[k / n] - means[k % n] + all).collect()
}

/// Σ vᵢ·(rowᵢ − mean) / √λ, of norm 1.
fn combined(rows: &[Numbers], vector: &[f64], value: f64) -> Numbers {
    let mean = vector.iter().sum::<f64>() / vector.len() as f64;
    let weight = |v: &f64| if value > 0.0 { (v - mean) / value.sqrt() } else { 0.0 };
    let weights: Vec<f64> = vector.iter().map(weight).collect();
    let Some(first) = rows.first() else { return Vec::new() };
    let tensor = |t: usize| {
        let number = |i: usize| rows.iter().zip(&weights).map(|(row, w)| w * f64::from(row[t][i])).sum::<f64>();
        (0..first[t].len()).map(|i| number(i) as crate::engine::Real).collect()
    };
    (0..first.len()).map(tensor).collect()
}

/// The range of some numbers and of 0, with a fifth of room on both sides.
fn around(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let [low, high] = values.fold([0f64; 2], |[a, b], v| [a.min(v), b.max(v)]);
    let room = 0.2 * (high - low);
    if room > 0.0 { [low - room, high + room] } else { [-1.0, 1.0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five points on a known plane of four dimensions: the components span it, and coordinates come back.
    #[test]
    fn points_of_a_known_plane() {
        let (a, b) = ([1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 3.0, 1.0]);
        let places = [[0.0, 0.0], [1.0, 0.5], [2.0, -1.0], [0.5, 3.0], [-1.0, 1.0]];
        let row = |[x, y]: [f64; 2]| vec![(0..4).map(|i| (x * a[i] + y * b[i]) as f32).collect::<Vec<f32>>()];
        let rows: Vec<Numbers> = places.iter().map(|p| row(*p)).collect();
        let n = rows.len();
        let gram: Vec<f64> = (0..n * n).map(|k| dot(&rows[k / n], &rows[k % n])).collect();
        let pairs = eigen(&centered(&gram, n), n);
        assert!(pairs[1].0 > 0.1 && pairs[2].0.abs() < 1e-5 * pairs[0].0, "two components explain all");
        let [x, y] = [0, 1].map(|k| combined(&rows, &pairs[k].1, pairs[k].0));
        assert!((dot(&x, &x) - 1.0).abs() < 1e-6 && (dot(&y, &y) - 1.0).abs() < 1e-6 && dot(&x, &y).abs() < 1e-6);
        for row in &rows {
            let at = nearest([dot(&x, &x), dot(&x, &y), dot(&y, &y)], [dot(&x, row), dot(&y, row)]);
            let back: Vec<f64> = (0..4).map(|i| at[0] * f64::from(x[0][i]) + at[1] * f64::from(y[0][i])).collect();
            // the plane of the components need not hold the origin, but these points do with it
            let error = back.iter().zip(&row[0]).map(|(b, r)| (b - f64::from(*r)).abs()).fold(0.0, f64::max);
            assert!(error < 1e-5, "{back:?} {:?}", row[0]);
        }
        assert_eq!(around([3.0, -1.0].into_iter()), [-1.8, 3.8]);
    }
}
