//! Techniques that remove hidden units of the feed-forward blocks.

mod activations;
mod hard_concrete;
mod integrated_gradients;
mod random_neurons;
mod slimming;
mod zero;
mod zero_taylor;

mod scale;

use super::technique::Technique;

/// Sorted by id.
pub(super) const TECHNIQUES: &[&Technique] = &[
    &activations::TECHNIQUE,
    &hard_concrete::TECHNIQUE,
    &integrated_gradients::TECHNIQUE,
    &random_neurons::TECHNIQUE,
    &slimming::TECHNIQUE,
    &zero::TECHNIQUE,
    &zero_taylor::TECHNIQUE,
];

use super::scores::Scored;

/// Scores by layer as a map has them.
fn scored(scores: Vec<Vec<f64>>) -> Vec<Scored> {
    let layer = |(layer, values): (usize, Vec<f64>)| Scored {
        name: format!("layer.{layer}"),
        shape: vec![values.len()],
        values: values.into_iter().map(|x| x as f32).collect(),
    };
    scores.into_iter().enumerate().map(layer).collect()
}
