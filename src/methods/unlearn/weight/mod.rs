//! Techniques that remove single weights of the feed-forward blocks.

mod balanced_subnet;
mod durable;
mod durable_aggregate;
mod greedy;
mod magnitude;
mod none;
mod obs;
mod random_weights;
mod subnet;
mod wanda;

mod mixed;

use super::technique::Technique;

/// Sorted by id.
pub(super) const TECHNIQUES: &[&Technique] = &[
    &balanced_subnet::TECHNIQUE,
    &durable::TECHNIQUE,
    &durable_aggregate::TECHNIQUE,
    &greedy::TECHNIQUE,
    &magnitude::TECHNIQUE,
    &none::TECHNIQUE,
    &obs::TECHNIQUE,
    &random_weights::TECHNIQUE,
    &subnet::TECHNIQUE,
    &wanda::TECHNIQUE,
];
