//! Durable: the weights with the largest gradient on the texts to forget, in each tensor.
//!
//! G = Σ over batches of 64 texts of the gradient of the mean loss; score = |G|, weights and biases of the feed-forward
//! blocks each on their own. The size of a weight does not matter.
//! Source: `msakarvadia/memorization`, `src/localize/weight/durable.py`, after the attack on federated learning of
//! Zhang et al. 2022, arXiv:2206.10341. An early version of that code took the smallest gradients.

use crate::engine::sinks::SumGrads;
use crate::error::Result;
use crate::methods::unlearn::job::{Job, batches, token_mean};
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "durable",
    title: "Durable",
    about: "removes the weights with the largest gradient on the texts to forget, in each tensor",
    formula: "score = |Σ_batches grad NLL|, feed-forward weights and biases",
    source: "Sakarvadia et al. 2025, arXiv:2410.02159; after Zhang et al. 2022, arXiv:2206.10341",
    paper: "",
    knobs: &[("ratio", 0.01), ("batch", 64.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Durable),
};

struct Durable;

impl Localize for Durable {
    fn kind(&self) -> Kind {
        Kind::Weight
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        gradient_sizes(job)
    }
}

/// |Σ over batches of the gradient of the batch's mean loss|.
pub(super) fn gradient_sizes(job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
    let (n, batch) = (job.sets.forget.len(), job.knobs.count("batch")?);
    let wanted = mlp::tensors(&job.model);
    let model = job.model.shared();
    let mut sums = SumGrads::new(&model, &|id| wanted.contains(&id))?;
    for (i, items) in batches(&job.sets.forget, batch).enumerate() {
        job.tick(i * batch, n)?;
        job.into_sink(&token_mean(&items.iter().collect::<Vec<_>>()), &mut sums)?;
    }
    wanted
        .iter()
        .filter_map(|id| Some((job.model.params.get(*id), sums.get(*id)?)))
        .map(|(w, g)| {
            let values = g.to_host()?.iter().map(|x| x.abs()).collect();
            Ok(Scored { name: w.name.clone(), shape: w.shape.clone(), values })
        })
        .collect()
}
