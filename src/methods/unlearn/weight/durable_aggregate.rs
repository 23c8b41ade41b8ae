//! Durable-aggregate: as Durable, but the largest gradients of all feed-forward tensors together.

use super::durable::gradient_sizes;
use crate::error::Result;
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::scores::{Kind, Rule, Scored};
use crate::methods::unlearn::technique::{How, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "durable-aggregate",
    title: "Durable-aggregate",
    about: "removes the weights with the largest gradient on the texts to forget, over all layers together",
    formula: "score = |Σ_batches grad NLL|, one cut over all feed-forward weights and biases",
    source: "Sakarvadia et al. 2025, arXiv:2410.02159; after Zhang et al. 2022, arXiv:2206.10341",
    paper: "",
    knobs: &[("ratio", 0.01), ("batch", 64.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Aggregate),
};

struct Aggregate;

impl Localize for Aggregate {
    fn kind(&self) -> Kind {
        Kind::Weight
    }

    fn rule(&self) -> Rule {
        Rule::Global
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        gradient_sizes(job)
    }
}
