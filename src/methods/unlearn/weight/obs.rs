//! OBS (second order): the weights whose removal the loss on the texts to forget feels most, by the Fisher matrix.
//!
//! q = w²/(2[F⁻¹]ᵢᵢ) with the empirical Fisher matrix of the texts' own gradients; the largest of each feed-forward
//! tensor are removed, and the others stay as they are.
//! Source: `msakarvadia/memorization`, `src/localize/weight/obs.py`; Kurtic et al. 2022, arXiv:2203.07259.
//! Differs from the original: it never clears its gradients, so that it feeds running sums of batch gradients that go on
//! growing from tensor to tensor, 512 for each; paper mode does so too.
//! Memory: as many tensors at a time as fit into 1 GiB of sums (204 bytes a weight for blocks of 50); one pass over the
//! texts for each such group.

use crate::engine::fisher::Fisher;
use crate::engine::{ParamId, Real};
use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::{Job, batches, token_mean};
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Knobs, Localize, Need, Technique};

/// Bytes of Fisher sums at a time.
const MEMORY: usize = 1 << 30;

pub(super) static TECHNIQUE: Technique = Technique {
    id: "obs",
    title: "Second-order (OBS)",
    about: "removes the weights whose removal raises the loss on the texts to forget most, by the Fisher matrix",
    formula: "q = w²/(2[F⁻¹]_ii), F = λI + (1/m) Σ ggᵀ in blocks of neighbors, g a text's own gradient",
    source: "Sakarvadia et al. 2025, arXiv:2410.02159; Kurtic et al. 2022, arXiv:2203.07259",
    paper: "running sums of batch gradients are fed, which are never cleared, n_gradients for each tensor",
    knobs: &[("ratio", 0.01), ("batch", 64.0), ("fisher_block", 50.0), ("damping", 1e-7), ("n_gradients", 512.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Obs),
};

struct Obs;

impl Localize for Obs {
    fn kind(&self) -> Kind {
        Kind::Weight
    }

    fn unused(&self, is_paper: bool) -> &'static [&'static str] {
        if is_paper { &[] } else { &["batch", "n_gradients"] }
    }

    fn passes(&self, knobs: &Knobs, size: &Size) -> Result<Passes> {
        let block = knobs.count("fisher_block")?;
        let bytes = Fisher::bytes(size.parameters as usize, block);
        let groups = bytes.div_ceil(MEMORY).max(1) as u64;
        let gradients = if size.is_paper { knobs.count("n_gradients")? as u64 } else { size.forget.n };
        // The sums of a gradient cost B/2 products a weight, a token one forward.
        let sums = gradients.saturating_mul(block as u64 / 2);
        let passes = size.forget.tokens.saturating_mul(groups);
        Ok(Passes { forward: passes.saturating_add(sums), backward: passes })
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let block = job.knobs.count("fisher_block")?;
        let (damping, nominal) = (job.knobs.get("damping")?, job.knobs.count("n_gradients")?);
        let is_paper = job.config.is_paper();
        let groups = groups(job, &mlp::tensors(&job.model), block);
        let mut scored = Vec::new();
        for (i, group) in groups.iter().enumerate() {
            let fishers = if is_paper {
                replay(job, group, block, nominal)?
            } else {
                of_texts(job, group, block, [i, groups.len()])?
            };
            let m = if is_paper { nominal } else { job.sets.forget.len() };
            for (id, fisher) in group.iter().zip(fishers) {
                let w = job.model.params.get(*id);
                let inverse = fisher.inverse_diagonal(damping, m as f64);
                let score = |(w, f): (&Real, &f64)| (f64::from(*w).powi(2) / (2.0 * f)) as f32;
                let values = w.values().iter().zip(&inverse).map(score).collect();
                scored.push(Scored { name: w.name.clone(), shape: w.shape.clone(), values });
            }
        }
        Ok(scored)
    }
}

/// Tensors that fit into the memory together.
fn groups(job: &Job<'_, '_>, ids: &[ParamId], block: usize) -> Vec<Vec<ParamId>> {
    let mut groups: Vec<Vec<ParamId>> = Vec::new();
    let mut left = 0;
    for id in ids {
        let bytes = Fisher::bytes(job.model.params.get(*id).len(), block);
        match groups.last_mut() {
            Some(group) if bytes <= left => group.push(*id),
            _ => {
                groups.push(vec![*id]);
                left = MEMORY;
            }
        }
        left = left.saturating_sub(bytes);
    }
    groups
}

fn empty(job: &Job<'_, '_>, group: &[ParamId], block: usize) -> Vec<Fisher> {
    group.iter().map(|id| Fisher::new(job.model.params.get(*id).len(), block)).collect()
}

/// From the gradient of each text's own loss.
fn of_texts(job: &mut Job<'_, '_>, group: &[ParamId], block: usize, [pass, passes]: [usize; 2]) -> Result<Vec<Fisher>> {
    let mut fishers = empty(job, group, block);
    let n = job.sets.forget.len();
    for i in 0..n {
        job.tick(pass * n + i, passes * n)?;
        let batch = token_mean(&[&job.sets.forget[i]]);
        let (gradients, _) = job.gradient(&batch, &|id| group.contains(&id))?;
        for (id, gradient) in &gradients {
            if let Some(at) = group.iter().position(|g| g == id) {
                fishers[at].add(&gradient.to_host()?);
            }
        }
    }
    Ok(fishers)
}

/// What the published code feeds: after a whole pass of batches, tensor number p of the model sees sums over the pass
/// and 512·p further batches, and goes on summing. The batches are the same each time, so their gradients are computed once.
fn replay(job: &mut Job<'_, '_>, group: &[ParamId], block: usize, nominal: usize) -> Result<Vec<Fisher>> {
    let batch = job.knobs.count("batch")?;
    let mut of_batches: Vec<Vec<Vec<Real>>> = Vec::new();
    let n = job.sets.forget.len();
    for (i, items) in batches(&job.sets.forget, batch).enumerate() {
        job.tick(i * batch, n)?;
        let (gradients, _) = job.gradient(&token_mean(&items.iter().collect::<Vec<_>>()), &|id| group.contains(&id))?;
        let mut own = vec![Vec::new(); group.len()];
        for (id, gradient) in &gradients {
            if let Some(at) = group.iter().position(|g| g == id) {
                own[at] = gradient.to_host()?.into_owned();
            }
        }
        of_batches.push(own);
    }
    let mut fishers = empty(job, group, block);
    for (at, (id, fisher)) in group.iter().zip(&mut fishers).enumerate() {
        let own: Vec<&[Real]> = of_batches.iter().map(|b| b[at].as_slice()).collect();
        running_sums(&own, id.0 as usize, nominal, &mut |sum| fisher.add(sum));
    }
    Ok(fishers)
}

/// The running sums that tensor number `place` is fed, one after the other.
fn running_sums(batches: &[&[Real]], place: usize, nominal: usize, feed: &mut dyn FnMut(&[Real])) {
    let Some(first) = batches.first() else { return };
    let times = |j: usize| 1 + place * (nominal / batches.len() + usize::from(j < nominal % batches.len()));
    let mut sum = vec![0.0_f64; first.len()];
    for (j, batch) in batches.iter().enumerate() {
        sum.iter_mut().zip(*batch).for_each(|(s, g)| *s += times(j) as f64 * f64::from(*g));
    }
    let mut wide = vec![0.0; sum.len()];
    for batch in batches.iter().cycle().take(nominal) {
        sum.iter_mut().zip(*batch).for_each(|(s, g)| *s += f64::from(*g));
        wide.iter_mut().zip(&sum).for_each(|(to, from)| *to = *from as Real);
        feed(&wide);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two batches of gradients 1 and 10, three gradients a tensor: the third tensor has seen 11, then twice 1 + 10 + 1.
    #[test]
    fn the_published_sums_go_on_growing() {
        let mut seen = Vec::new();
        running_sums(&[&[1.0], &[10.0]], 2, 3, &mut |sum| seen.push(sum[0]));
        assert_eq!(seen, [36.0, 46.0, 47.0]);
        seen.clear();
        running_sums(&[&[1.0], &[10.0]], 0, 3, &mut |sum| seen.push(sum[0]));
        assert_eq!(seen, [12.0, 22.0, 23.0]);
    }
}
