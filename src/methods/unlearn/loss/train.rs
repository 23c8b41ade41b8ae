//! The loop that lowers an objective.

use std::sync::Arc;

use super::reference::Before;
use super::rmu::{Distance, Target, row_shares};
use super::{LossTap as _, Objective, Sequence, Texts, Wanted, mean_of, own, rows};
use crate::engine::hooks::{NoTap, Tap};
use crate::engine::objective::{Signal, objective_gradient};
use crate::engine::sinks::SumGrads;
use crate::engine::train::{Lora, Optimizer, Rule, Schedule, merge};
use crate::engine::{Batch, Decoder, ParamId, Real};
use crate::error::Result;
use crate::methods::unlearn::config::{RetainLoss, Trained};
use crate::methods::unlearn::course::NATS;
use crate::methods::unlearn::job::{Job, finite};
use crate::methods::unlearn::mlp;

/// What a step looks at.
struct Step {
    epoch: usize,
    forget: Vec<usize>,
    retain: Vec<usize>,
    draws: Vec<u64>,
}

/// How retained texts are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    Nothing,
    Loss,
    Predictions,
    Block(usize),
}

impl Keeping {
    /// Unit of the loss.
    fn unit(self) -> &'static str {
        if matches!(self, Self::Block(_)) { "" } else { NATS }
    }
}

/// Trains `job.model` with the objective.
///
/// # Errors
/// Those of the engine, `Cancelled`, a loss that is not a number.
pub fn train(job: &mut Job<'_, '_>, make: fn(&Job<'_, '_>) -> Result<Box<dyn Objective>>) -> Result<()> {
    let mut objective = make(job)?;
    let steps = steps(job)?;
    let keeping = keeping(job, &*objective);
    let before = before(job, &*objective, &steps, keeping)?;
    let trained = match job.config.train {
        Trained::Lora => {
            let rank = job.config.lora_rank;
            let lora = Lora { rank, alpha: 2.0 * rank as f64, dropout: 0.0, targets: vec!["all-linear".to_owned()] };
            lora.attach(&mut job.model, job.cx.seed)?
        }
        other => trained(&job.model, other),
    };
    let wants = |id: ParamId| trained.contains(&id);
    let rule = Rule::adam_w(job.knobs.get("weight_decay")?);
    let is_matrix = |id: ParamId| job.model.params.get(id).shape.len() > 1;
    let mut optimizer = Optimizer::new(rule, &job.model, &wants)?.decaying(&is_matrix);
    let (total, lr) = (steps.len() as u64, job.knobs.get("lr")?);
    let of_first = steps.iter().filter(|s| s.epoch == 0).count() as u64;
    let has_epochs = of_first < total;
    let schedule = if has_epochs { Schedule::Linear { warmup: of_first } } else { Schedule::Constant { warmup: 0 } };
    for (i, step) in steps.iter().enumerate() {
        job.tick(i, steps.len())?;
        let mut sums = SumGrads::new(&job.model, &wants)?;
        let forget = forget_term(job, &*objective, step, &before, &mut sums)?;
        let retain = retain_term(job, objective.weights()[1], step, &before, keeping, &mut sums)?;
        let gradients = sums.into_gradients();
        // The first step of a warm-up has the rate 0; the step after it is taken instead.
        let factor = schedule.factor(i as u64 + u64::from(has_epochs), total + u64::from(has_epochs));
        optimizer.step(&mut job.model, &gradients, lr * factor)?;
        job.point_in(objective.unit(), "forget term", i + 1, forget);
        if let Some(retain) = retain {
            job.point_in(keeping.unit(), "retain term", i + 1, retain);
        }
        objective.after_step(step.epoch, retain);
        if let Some((name, value)) = objective.dual() {
            job.point(name, i + 1, value);
        }
    }
    // Without additions this changes nothing.
    merge(&mut job.model);
    Ok(())
}

/// Parameters that are trained.
pub(super) fn trained(model: &Decoder, which: Trained) -> Vec<ParamId> {
    match which {
        Trained::All | Trained::Lora => model.params.iter().map(|(id, _)| id).collect(),
        Trained::Mlp => mlp::tensors(model),
        Trained::Down => mlp::blocks(model).flat_map(|b| [Some(b.down.weight), b.down.bias]).flatten().collect(),
    }
}

/// All steps with their texts, drawn beforehand: the texts to forget shuffled, a retained one by chance for each.
fn steps(job: &Job<'_, '_>) -> Result<Vec<Step>> {
    let (n, m) = (job.sets.forget.len(), job.sets.retain.len());
    let (epochs, batch, max) = (job.knobs.count("epochs")?, job.knobs.count("batch")?, job.knobs.count("max_steps")?);
    let (order, mut pairs) = (job.stream("loss order"), job.stream("loss pairs"));
    let mut steps = Vec::new();
    for epoch in 0..epochs {
        let mut all: Vec<usize> = (0..n).collect();
        order.item(epoch as u64).shuffle(&mut all);
        for forget in all.chunks(batch.max(1)) {
            let retain = if m == 0 { Vec::new() } else { forget.iter().map(|_| pairs.below(m)).collect() };
            let draws = forget.iter().map(|_| pairs.next_u64()).collect();
            steps.push(Step { epoch, forget: forget.to_vec(), retain, draws });
        }
    }
    if max > 0 {
        steps.truncate(max);
    }
    Ok(steps)
}

fn keeping(job: &Job<'_, '_>, objective: &dyn Objective) -> Keeping {
    if job.sets.retain.is_empty() || (objective.weights()[1] == 0.0 && objective.dual().is_none()) {
        return Keeping::Nothing;
    }
    match objective.retain_block() {
        Some(layer) => Keeping::Block(layer),
        None if objective.retains_predictions() || job.config.retain_loss == RetainLoss::Kl => Keeping::Predictions,
        None => Keeping::Loss,
    }
}

/// Learns what the model says before about the texts that some step looks at.
fn before(job: &mut Job<'_, '_>, objective: &dyn Objective, steps: &[Step], keeping: Keeping) -> Result<Before> {
    let mut before = Before::default();
    let wanted = objective.reference();
    let kept = match keeping {
        Keeping::Nothing | Keeping::Loss => Wanted::Nothing,
        Keeping::Predictions => Wanted::Logits,
        Keeping::Block(layer) => Wanted::Block(layer),
    };
    if wanted == Wanted::Nothing && kept == Wanted::Nothing {
        return Ok(before);
    }
    // A copy of its own, so that what was repacked for products goes with it.
    let model = job.model.shared();
    if wanted == Wanted::Logits || kept == Wanted::Logits {
        before.keep_head(&model);
    }
    let sets = job.sets;
    for (i, step) in steps.iter().enumerate() {
        job.cx.progress("what the model said before", i, steps.len())?;
        for (item, draw) in step.forget.iter().zip(&step.draws) {
            for sequence in objective.sequences(&sets.forget[*item], *draw) {
                before.learn(&model, &sequence, wanted)?;
            }
        }
        for item in &step.retain {
            before.learn(&model, &own(&sets.retain[*item]), kept)?;
        }
    }
    Ok(before)
}

/// Sequences as a batch: rows that predict a counted token weigh 1, and those of prompts ½ where they count too.
pub(super) fn batch_of(sequences: &[&Sequence<'_>], counts_prompts: bool) -> Batch {
    let ids: Vec<&[u32]> = sequences.iter().map(|s| s.ids.as_ref()).collect();
    let mut batch = Batch::causal(&ids);
    for (rows, s) in batch.offsets.clone().iter().zip(sequences) {
        let prompt = s.labelled.saturating_sub(1).min(rows.len());
        batch.weights[rows].iter_mut().take(prompt).for_each(|w| *w = if counts_prompts { 0.5 } else { 0.0 });
    }
    batch
}

/// Adds γ times the gradient of the loss on the texts to forget; gives that loss.
fn forget_term(
    job: &Job<'_, '_>,
    objective: &dyn Objective,
    step: &Step,
    before: &Before,
    sums: &mut SumGrads<'_>,
) -> Result<f64> {
    let items = step.forget.iter().zip(&step.draws);
    let sequences: Vec<Sequence<'_>> =
        items.flat_map(|(i, draw)| objective.sequences(&job.sets.forget[*i], *draw)).collect();
    let sequences: Vec<&Sequence<'_>> = sequences.iter().collect();
    let gamma = objective.weights()[0];
    let batch = batch_of(&sequences, objective.counts_prompts());
    let known = if objective.reference() == Wanted::Sums { before.sums(&sequences) } else { Vec::new() };
    let texts = Texts { batch: &batch, sums: &known };
    let kernels = Arc::clone(&job.model.kernels);
    gradient_of(&job.model, objective, &texts, gamma, sums, &mut || {
        (objective.reference() == Wanted::Logits).then(|| before.against(&*kernels, &sequences)).transpose()
    })
}

/// Adds `factor` times the gradient of an objective; gives the loss.
pub(super) fn gradient_of<'a>(
    model: &Decoder,
    objective: &'a dyn Objective,
    texts: &Texts<'a>,
    factor: f64,
    sums: &mut SumGrads<'_>,
    against: &mut dyn FnMut() -> Result<Option<crate::engine::objective::Against<'a>>>,
) -> Result<f64> {
    let mut tap = objective.tap(texts);
    if let Some(tap) = &mut tap {
        tap.scale(factor);
    }
    let mut nothing = NoTap;
    let value = {
        let way: &mut dyn Tap = match &mut tap {
            Some(tap) => &mut **tap,
            None => &mut nothing,
        };
        objective_gradient(model, texts.batch, sums, way, objective.wants_losses(), &mut |nll| {
            Ok(match objective.forget(texts, nll) {
                Signal::Weights { mut weights, value } => {
                    for w in &mut weights {
                        *w *= factor as Real;
                    }
                    Signal::Weights { weights, value }
                }
                Signal::Rows { loss, .. } => {
                    let scaled = move |row: usize, z: &mut [f64], before: &[f64]| {
                        let value = loss(row, z, before);
                        for g in z.iter_mut() {
                            *g *= factor;
                        }
                        value
                    };
                    Signal::Rows { loss: Box::new(scaled), against: against()? }
                }
                Signal::Tap => Signal::Tap,
            })
        })?
    };
    finite(tap.map_or(value, |tap| tap.value()))
}

/// Adds α times the gradient of the loss on retained texts; gives that loss.
fn retain_term(
    job: &Job<'_, '_>,
    alpha: f64,
    step: &Step,
    before: &Before,
    keeping: Keeping,
    sums: &mut SumGrads<'_>,
) -> Result<Option<f64>> {
    if keeping == Keeping::Nothing {
        return Ok(None);
    }
    let sequences: Vec<Sequence<'_>> = step.retain.iter().map(|i| own(&job.sets.retain[*i])).collect();
    let sequences: Vec<&Sequence<'_>> = sequences.iter().collect();
    let counts_prompts = keeping == Keeping::Predictions && job.config.is_paper();
    let batch = batch_of(&sequences, counts_prompts);
    let texts = Texts { batch: &batch, sums: &[] };
    let n = texts.n_rows();
    let value = match keeping {
        Keeping::Block(layer) => {
            let target = Target::Rows(before.rows(&sequences)?);
            let mut tap = Distance::new(layer, target, row_shares(&texts, job.config.is_paper()));
            tap.scale(alpha);
            objective_gradient(&job.model, &batch, sums, &mut tap, false, &mut |_| Ok(Signal::Tap))?;
            tap.value()
        }
        Keeping::Predictions => {
            let mut against = Some(before.against(&*job.model.kernels, &sequences)?);
            objective_gradient(&job.model, &batch, sums, &mut NoTap, false, &mut |_| {
                let loss = move |_: usize, z: &mut [f64], before: &[f64]| {
                    let value = mean_of(z, n, |z| rows::kl(z, before));
                    for g in z.iter_mut() {
                        *g *= alpha;
                    }
                    value
                };
                Ok(Signal::Rows { loss: Box::new(loss), against: against.take() })
            })?
        }
        Keeping::Nothing | Keeping::Loss => {
            objective_gradient(&job.model, &batch, sums, &mut NoTap, true, &mut |nll| {
                let weights = batch.weights.iter().map(|w| w * (alpha / n) as Real).collect();
                Ok(Signal::Weights { weights, value: nll.iter().sum::<f64>() / n })
            })?
        }
    };
    finite(value).map(Some)
}

/// Sequences of plain ids, for checks.
#[cfg(test)]
pub(super) fn plain(ids: &[u32], labelled: usize) -> Sequence<'_> {
    Sequence { ids: std::borrow::Cow::Borrowed(ids), labelled }
}
