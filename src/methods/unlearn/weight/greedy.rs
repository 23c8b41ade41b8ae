//! Greedy: one weight at a time, the one whose removal costs the texts to forget most and the others least.
//!
//! Repeats ⌊P·r⌋ times (P: all parameters of the model): a shuffled batch of texts to forget and to retain, the gradient
//! g of Σ_retain ℓ − Σ_forget ℓ, and the single feed-forward number with the largest w·g > 0 becomes 0, since that
//! changes the loss by about −w·g. Where none is positive the turn passes.
//! Source: `msakarvadia/memorization`, `src/localize/weight/greedy.py`, after Maini et al. 2023, arXiv:2307.09542.
//! Cost: one forward and one backward pass for each removed weight.

use super::mixed::Mixed;
use crate::engine::{ParamId, Real, Tensor};
use crate::error::{Error, Result};
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::{Job, whole};
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::technique::{Edit, How, Knobs, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "greedy",
    title: "Greedy",
    about: "removes one weight after the other, the one that the texts to forget need most and the others least",
    formula: "argmax w·g > 0, g = grad(Σ_retain ℓ − Σ_forget ℓ) of a shuffled batch; floor(P·r) turns, P all parameters",
    source: "Sakarvadia et al. 2025, arXiv:2410.02159; after Maini et al. 2023, arXiv:2307.09542",
    paper: "",
    knobs: &[("ratio", 1e-5), ("batch", 64.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Edit(&Greedy),
};

struct Greedy;

impl Edit for Greedy {
    fn edit(&self, job: &mut Job<'_, '_>, ratio: f64) -> Result<()> {
        let n = job.model.params.n_elements();
        let turns = turns(n, ratio);
        if turns == 0 {
            return Err(Error::config(format!("ratio: {ratio} of {n} parameters is not even one"))
                .hint(format!("the smallest ratio that removes something is {:.1e}", 1.0 / n as f64)));
        }
        let wanted = mlp::tensors(&job.model);
        let mut mixed = Mixed::new(job, job.knobs.count("batch")?, "greedy");
        let mut passed = 0;
        for turn in 0..turns {
            job.tick(turn, turns)?;
            let (items, signs) = mixed.next(job.sets);
            let mut batch = whole(&items).example_mean();
            for (rows, is_forget) in batch.offsets.clone().iter().zip(&signs) {
                batch.weights[rows].iter_mut().for_each(|w| *w *= if *is_forget { -1.0 } else { 1.0 });
            }
            let (gradients, _) = job.gradient(&batch, &|id| wanted.contains(&id))?;
            match best(job, &gradients)? {
                Some((id, place)) => job.model.params.get_mut(id).values_mut()[place] = 0.0,
                None => passed += 1,
            }
        }
        if passed > 0 {
            job.notes.push(format!("{passed} of {turns} turns passed: no weight had w·g > 0."));
        }
        Ok(())
    }

    fn passes(&self, knobs: &Knobs, size: &Size, ratio: f64) -> Result<Passes> {
        let (turns, both) = (turns(size.parameters as usize, ratio) as u64, size.both());
        let batch = (knobs.count("batch")? as u64).clamp(1, both.n.max(1));
        let tokens = u128::from(turns) * u128::from(batch) * u128::from(both.tokens) / u128::from(both.n.max(1));
        Ok(Passes::both(tokens as u64))
    }
}

/// Turns for a model of `n` parameters; the product is rounded up by a hair, as for counts of weights.
fn turns(n: usize, ratio: f64) -> usize {
    (n as f64 * ratio * (1.0 + 1e-12)).floor() as usize
}

/// The place of the largest w·g > 0; ties go to the first parameter and the lower place.
fn best(job: &Job<'_, '_>, gradients: &[(ParamId, Tensor)]) -> Result<Option<(ParamId, usize)>> {
    let mut found: Option<(Real, ParamId, usize)> = None;
    for (id, gradient) in gradients {
        let (w, g) = (job.model.params.get(*id).values(), gradient.to_host()?);
        for (place, (w, g)) in w.iter().zip(g.iter()).enumerate() {
            let gain = w * g;
            if gain > found.map_or(0.0, |f| f.0) {
                found = Some((gain, *id, place));
            }
        }
    }
    Ok(found.map(|(_, id, place)| (id, place)))
}
