//! Subnet: a mask that is trained to make the texts to forget unlikely.
//!
//! Loss −NLL of batches of the texts to forget, in order; the mask drops the share r of each feed-forward matrix with
//! the smallest scores. Nothing bounds the loss from below and nothing protects other texts.
//! Source: `msakarvadia/memorization`, `src/localize/weight/random_subnet.py`.
//! Differs from the original: its edited Pythia matrices were saved transposed; ours never are.

use crate::engine::masks::{Descent, Masks};
use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size, trained_tokens};
use crate::methods::unlearn::job::{Job, batches, token_mean};
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::technique::{Edit, How, Knobs, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "subnet",
    title: "Subnet",
    about: "trains a mask of the feed-forward matrices that makes the texts to forget unlikely",
    formula: "loss −NLL(forget); W⊙M drops the floor(numel·r) smallest |S|; dS = sign(S)⊙W⊙dW; SGD",
    source: "Sakarvadia et al. 2025, arXiv:2410.02159; edge-popup: Ramanujan et al. 2020, arXiv:1911.13299",
    paper: "",
    knobs: &[
        ("ratio", 0.1),
        ("epochs", 10.0),
        ("max_steps", 0.0),
        ("batch", 64.0),
        ("lr", 0.1),
        ("momentum", 0.9),
        ("weight_decay", 5e-4),
    ],
    retain: Need::No,
    answers: Need::No,
    how: How::Edit(&Subnet),
};

struct Subnet;

impl Edit for Subnet {
    fn edit(&self, job: &mut Job<'_, '_>, ratio: f64) -> Result<()> {
        let mut masks = Masks::new(&job.model, &mlp::matrices(&job.model), ratio, &job.stream("mask scores"))?;
        let (epochs, batch) = (job.knobs.count("epochs")?, job.knobs.count("batch")?);
        let steps = limited(&job.knobs, epochs * job.sets.forget.len().div_ceil(batch))?;
        let rule = descent(&job.knobs)?;
        let mut step = 0;
        for _ in 0..epochs {
            for items in batches(&job.sets.forget, batch).take(steps - step) {
                job.tick(step, steps)?;
                masks.put(&mut job.model);
                let mut rows = token_mean(&items.iter().collect::<Vec<_>>());
                rows.weights.iter_mut().for_each(|w| *w = -*w);
                let (gradients, nll) = job.gradient(&rows, &|id| masks.covers(id))?;
                masks.step(&gradients, rule)?;
                let flipped = masks.choose();
                step += 1;
                let loss: f64 = nll.iter().zip(&rows.weights).map(|(l, w)| -l * f64::from(*w)).sum();
                job.nll("forget loss", step, loss);
                job.point("changed mask bits", step, flipped);
            }
        }
        masks.put(&mut job.model);
        Ok(())
    }

    fn passes(&self, knobs: &Knobs, size: &Size, _: f64) -> Result<Passes> {
        Ok(Passes::both(trained_tokens(knobs, size.forget)?))
    }
}

/// At most `max_steps`, where there is such a bound.
pub(super) fn limited(knobs: &Knobs, steps: usize) -> Result<usize> {
    Ok(match knobs.count("max_steps")? {
        0 => steps,
        max => steps.min(max),
    })
}

/// The optimizer of the scores.
pub(super) fn descent(knobs: &Knobs) -> Result<Descent> {
    Ok(Descent { lr: knobs.get("lr")?, momentum: knobs.get("momentum")?, weight_decay: knobs.get("weight_decay")? })
}
