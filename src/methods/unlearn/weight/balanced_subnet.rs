//! BalancedSubnet: a mask that makes the texts to forget unlikely and keeps the others.
//!
//! Loss of a shuffled batch of both: −(1−w)·mean ℓ over the texts to forget + w·mean ℓ over those to retain, ℓ the mean
//! loss of a text. A batch without one of the two has the other term alone.
//! Source: `msakarvadia/memorization`, `src/localize/weight/random_subnet_greedy.py`, recommended by its paper.
//! Differs from the original: it retains the texts to forget too, unless they are taken out; paper mode does so.

use super::mixed::Mixed;
use super::subnet::{descent, limited};
use crate::engine::masks::Masks;
use crate::engine::{Batch, Real};
use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size, trained_tokens};
use crate::methods::unlearn::job::{Job, means, whole};
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::sets::Item;
use crate::methods::unlearn::technique::{Edit, How, Knobs, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "balanced-subnet",
    title: "BalancedSubnet",
    about: "trains a mask of the feed-forward matrices that makes the texts to forget unlikely and keeps the others",
    formula: "loss −(1−w)·mean_forget ℓ + w·mean_retain ℓ; W⊙M drops the floor(numel·r) smallest |S|; \
        dS = sign(S)⊙W⊙dW; SGD",
    source: "Sakarvadia et al. 2025, arXiv:2410.02159",
    paper: "the texts to forget stay among those to retain",
    knobs: &[
        ("ratio", 0.1),
        ("epochs", 10.0),
        ("max_steps", 0.0),
        ("batch", 64.0),
        ("lr", 0.1),
        ("momentum", 0.9),
        ("weight_decay", 5e-4),
        ("loss_weight", 0.7),
    ],
    retain: Need::Yes,
    answers: Need::No,
    how: How::Edit(&BalancedSubnet),
};

struct BalancedSubnet;

impl Edit for BalancedSubnet {
    fn edit(&self, job: &mut Job<'_, '_>, ratio: f64) -> Result<()> {
        let mut masks = Masks::new(&job.model, &mlp::matrices(&job.model), ratio, &job.stream("mask scores"))?;
        let mut mixed = Mixed::new(job, job.knobs.count("batch")?, "balanced subnet");
        let steps = limited(&job.knobs, job.knobs.count("epochs")? * mixed.n_batches())?;
        let (rule, weight) = (descent(&job.knobs)?, job.knobs.get("loss_weight")?);
        for step in 0..steps {
            job.tick(step, steps)?;
            masks.put(&mut job.model);
            let (items, is_forget) = mixed.next(job.sets);
            let batch = balanced(&items, &is_forget, weight);
            let (gradients, nll) = job.gradient(&batch, &|id| masks.covers(id))?;
            masks.step(&gradients, rule)?;
            let flipped = masks.choose();
            let losses = means(&batch, &nll);
            for (name, side) in [("forget loss", true), ("retain loss", false)] {
                let own: Vec<f64> =
                    losses.iter().zip(&is_forget).filter(|(_, f)| **f == side).map(|(l, _)| *l).collect();
                if !own.is_empty() {
                    job.nll(name, step + 1, own.iter().sum::<f64>() / own.len() as f64);
                }
            }
            job.point("changed mask bits", step + 1, flipped);
        }
        masks.put(&mut job.model);
        Ok(())
    }

    fn passes(&self, knobs: &Knobs, size: &Size, _: f64) -> Result<Passes> {
        Ok(Passes::both(trained_tokens(knobs, size.both())?))
    }
}

/// The weighted batch.
fn balanced(items: &[&Item], is_forget: &[bool], weight: f64) -> Batch {
    let mut batch = whole(items).example_mean();
    let n_forget = is_forget.iter().filter(|f| **f).count().max(1);
    let n_retain = is_forget.iter().filter(|f| !**f).count().max(1);
    for (rows, is_forget) in batch.offsets.clone().iter().zip(is_forget) {
        let factor = if *is_forget { -(1.0 - weight) / n_forget as f64 } else { weight / n_retain as f64 };
        // A weight of 0 would leave the row out, and its loss would not be seen.
        let factor = if factor == 0.0 { f64::from(Real::MIN_POSITIVE) } else { factor };
        batch.weights[rows].iter_mut().for_each(|w| *w *= factor as Real);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::common::texts::Text;

    #[test]
    fn each_side_has_its_share_whatever_the_other() {
        let item = |n: u32| Item {
            text: Text { ids: (0..n).collect(), ..Text::default() },
            labelled: 1,
            counted: 1,
            probe: None,
            answers: Vec::new(),
            paraphrases: Vec::new(),
            zlib_bytes: None,
            id: String::new(),
        };
        let (a, b, c) = (item(3), item(5), item(2));
        let sums = |items: &[&Item], is_forget: &[bool]| -> Vec<f64> {
            let batch = balanced(items, is_forget, 0.7);
            batch.offsets.iter().map(|r| batch.weights[r].iter().map(|w| f64::from(*w)).sum()).collect()
        };
        let close = |found: Vec<f64>, wanted: &[f64]| found.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 1e-6);
        assert!(close(sums(&[&a, &b, &c], &[true, false, true]), &[-0.15, 0.7, -0.15]));
        assert!(close(sums(&[&a, &b], &[false, false]), &[0.35, 0.35]), "without texts to forget");
        assert!(close(sums(&[&a], &[true]), &[-0.3]), "without texts to retain");
    }
}
