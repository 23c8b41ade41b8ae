//! One update of the weights.

use super::Config;
use super::history::Stepped;
use super::regularize::Regularizers;
use super::rows::Example;
use super::start::Student;
use crate::engine::loss::{Loss, loss_gradient, reweighed_gradient};
use crate::engine::model::Keep;
use crate::engine::rng::Stream;
use crate::engine::sinks::SumGrads;
use crate::engine::train::{Optimizer, clip, global_norm};
use crate::engine::{Batch, Decoder, NoTap, Offsets, ParamId, Real, Site, Tap, Tensor};
use crate::error::{Error, Result};

/// What moves the weights, and which.
pub(super) struct Mover {
    pub(super) optimizer: Optimizer,
    /// By parameter: whether it is trained.
    pub(super) trained: Vec<bool>,
}

impl Mover {
    fn wants(&self, id: ParamId) -> bool {
        self.trained.get(id.0 as usize).copied().unwrap_or(false)
    }
}

/// The sequence of an example: its tokens, filled up to the context where pads count.
pub(super) fn sequence(config: &Config, ids: &[u32], n_ctx: usize, pad: u32) -> Vec<u32> {
    let mut ids = ids.to_vec();
    if config.pads_count() && ids.len() < n_ctx {
        ids.resize(n_ctx, pad);
    }
    ids
}

/// Moves the weights along the gradient of the mean loss over the tokens of all `examples`.
///
/// `noise` decides which inputs of adapters drop out.
///
/// # Errors
/// A loss or gradient that is not finite, with the rows and the place where it begins; what `go_on` says.
pub(super) fn update(
    config: &Config,
    student: &mut Student,
    mover: &mut Mover,
    regularizers: &mut Regularizers,
    examples: &[(Example, Vec<u32>)],
    (lr, noise): (f64, &Stream),
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<Stepped> {
    let n_targets: usize = examples.iter().map(|(_, ids)| ids.len() - 1).sum();
    let tokens = examples.iter().map(|(_, ids)| ids.len() as u64).sum();
    let mut stepped = Stepped { lr, tokens, ..Stepped::default() };
    let (mut gradients, mut kept_targets) = (Vec::new(), 0);
    for (i, part) in examples.chunks(config.rows.batch).enumerate() {
        go_on()?;
        student.decoder.adapters.set_noise(Some(noise.item(i as u64)));
        let model = &student.decoder;
        let mut sink = SumGrads::onto(model, gradients, &|id| mover.wants(id))?;
        let (loss, kept) = gradient(model, part, n_targets, regularizers, &mut sink)?;
        gradients = sink.into_gradients();
        if !loss.total.is_finite() {
            return Err(not_finite(model, part, &loss));
        }
        stepped.objective += loss.total;
        stepped.loss += if kept.is_all { loss.total } else { loss.nll.iter().sum::<f64>() / n_targets as f64 };
        stepped.kept += kept.examples as f64 / examples.len() as f64;
        kept_targets += kept.targets;
    }
    student.decoder.adapters.set_noise(None);
    let model = &student.decoder;
    if config.regularize().drop_mean_of_kept && (1..n_targets).contains(&kept_targets) {
        let factor = n_targets as f64 / kept_targets as f64;
        stepped.objective *= factor;
        for (_, gradient) in &mut gradients {
            model.kernels.scale(gradient, factor)?;
        }
    }
    stepped.penalty = regularizers.add_penalties(config, model, &mut gradients)?;
    stepped.grad_norm = if config.optimizer.clip > 0.0 {
        clip(&*model.kernels, &mut gradients, config.optimizer.clip)?
    } else {
        global_norm(&*model.kernels, &gradients)?
    };
    if !stepped.grad_norm.is_finite() {
        return Err(steep(model, &gradients, examples));
    }
    mover.optimizer.step(&mut student.decoder, &gradients, lr)?;
    Ok(stepped)
}

/// What loss truncation kept of some examples.
struct Kept {
    is_all: bool,
    examples: usize,
    /// Their predicted tokens.
    targets: usize,
}

/// Adds the gradient of some examples; gives their loss and what counts in it.
fn gradient(
    model: &Decoder,
    part: &[(Example, Vec<u32>)],
    n_targets: usize,
    regularizers: &mut Regularizers,
    sink: &mut SumGrads<'_>,
) -> Result<(Loss, Kept)> {
    let sequences: Vec<&[u32]> = part.iter().map(|(_, ids)| ids.as_slice()).collect();
    let mut batch = Batch::causal(&sequences);
    for w in &mut batch.weights {
        *w /= n_targets as Real;
    }
    let numbers: Vec<usize> = part.iter().map(|(example, _)| example.number).collect();
    let offsets = batch.offsets.clone();
    let mut masked = regularizers.masks.as_ref().map(|masks| masks.training_tap(&numbers, &offsets));
    let tap: &mut dyn Tap = match &mut masked {
        Some(tap) => tap,
        None => &mut NoTap,
    };
    let targets = offsets.iter().map(|rows| rows.len().saturating_sub(1)).sum();
    let mut kept = Kept { is_all: true, examples: part.len(), targets };
    let Some(truncation) = &mut regularizers.truncation else {
        return Ok((loss_gradient(model, &batch, sink, tap, Keep::All)?, kept));
    };
    let mut reweigh = |losses: &[f64], weights: &mut [Real]| {
        for (rows, is_kept) in offsets.iter().zip(truncation.kept(&means(losses, &offsets))) {
            if !is_kept {
                let targets = rows.len().saturating_sub(1);
                kept = Kept { is_all: false, examples: kept.examples - 1, targets: kept.targets - targets };
                weights.get_mut(rows).unwrap_or_default().fill(0.0);
            }
        }
    };
    let loss = reweighed_gradient(model, &mut batch, sink, tap, Keep::All, &mut reweigh)?;
    Ok((loss, kept))
}

/// The mean loss of each example over its predicted tokens.
fn means(losses: &[f64], offsets: &Offsets) -> Vec<f64> {
    let mean = |rows: std::ops::Range<usize>| {
        let n = rows.len().saturating_sub(1).max(1);
        losses.get(rows).unwrap_or_default().iter().sum::<f64>() / n as f64
    };
    offsets.iter().map(mean).collect()
}

const REMEDY: &str = "lower lr.peak, set optimizer.clip, or warm up longer; the last checkpoint is kept";

/// The error for a loss that is not a finite number: the rows, and where activations begin to be none.
fn not_finite(model: &Decoder, part: &[(Example, Vec<u32>)], loss: &Loss) -> Error {
    let mut at = 0;
    let mut rows: Vec<String> = Vec::new();
    for (example, ids) in part {
        let own = loss.nll.get(at..at + ids.len()).unwrap_or_default();
        at += ids.len();
        if own.iter().any(|nll| !nll.is_finite()) {
            rows.push((example.row + 1).to_string());
        }
    }
    rows.dedup();
    let mut finder = Finder::default();
    let sequences: Vec<&[u32]> = part.iter().map(|(_, ids)| ids.as_slice()).collect();
    // Only where it begins is of interest: another error on the way says less than that of the loss.
    let _ = model.forward(&Batch::causal(&sequences), &mut finder, Keep::Nothing);
    let place = finder.place.map_or_else(
        || "at the output head".to_owned(),
        |(layer, site)| match site {
            Site::Embed => "at the embedding".to_owned(),
            Site::FinalNorm => "at the last norm".to_owned(),
            _ => format!("in layer {layer} ({site:?})"),
        },
    );
    Error::data(format!("the loss is not a finite number: rows {}, first {place}", shown(&rows))).hint(REMEDY)
}

/// The error for a gradient that is not finite although the loss is.
fn steep(model: &Decoder, gradients: &[(ParamId, Tensor)], examples: &[(Example, Vec<u32>)]) -> Error {
    let is_bad = |g: &Tensor| g.to_host().is_ok_and(|values| values.iter().any(|x| !x.is_finite()));
    let name = gradients.iter().find(|(_, g)| is_bad(g)).map(|(id, _)| model.params.get(*id).name.as_str());
    let mut rows: Vec<usize> = examples.iter().map(|(example, _)| example.row + 1).collect();
    rows.sort_unstable();
    rows.dedup();
    let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let place = name.unwrap_or("the norm over all parameters");
    Error::data(format!("the gradient is not finite: {place}, rows {}", shown(&rows))).hint(REMEDY)
}

fn shown(rows: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = if rows.len() > SHOWN { ", …" } else { "" };
    let first: Vec<&str> = rows.iter().take(SHOWN).map(String::as_str).collect();
    format!("{}{more}", first.join(", "))
}

/// Finds the first activation that is not a finite number.
#[derive(Default)]
struct Finder {
    place: Option<(usize, Site)>,
}

impl Tap for Finder {
    fn wants(&self, _layer: usize, site: Site) -> bool {
        site != Site::Pattern
    }

    fn forward(&mut self, layer: usize, site: Site, x: &mut Tensor) -> Result<()> {
        if self.place.is_none() && x.to_host()?.iter().any(|x| !x.is_finite()) {
            self.place = Some((layer, site));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Device, weights};
    use crate::methods::train::mover::mover;

    /// One step over examples of different lengths, two of which go through the model together.
    fn stepped(config: &Config, numbers: &[usize]) -> Stepped {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models/gpt2");
        let loaded = weights::load(&path, Device::Cpu).unwrap();
        let mut student = Student {
            name: "gpt2".to_owned(),
            decoder: loaded.decoder,
            config: loaded.report.config,
            companions: None,
            lora: None,
            tokenizer: None,
        };
        let example = |&number: &usize| {
            let ids: Vec<u32> = (0..[3, 9, 5, 7][number]).map(|i| (i * 7 + number as u32 * 3) % 11).collect();
            (Example { ids: ids.clone(), row: number, number, copies: 1 }, ids)
        };
        let examples: Vec<_> = numbers.iter().map(example).collect();
        let mut mover = mover(config, &student.decoder).unwrap();
        let mut regularizers = Regularizers::new(config, &student.decoder, 0, []);
        let noise = Stream::new(0, "noise");
        update(config, &mut student, &mut mover, &mut regularizers, &examples, (0.0, &noise), &mut || Ok(())).unwrap()
    }

    #[test]
    fn the_mean_of_the_kept_is_that_of_a_step_over_them_alone() {
        let mut config = Config::default();
        config.rows.batch = 2;
        config.optimizer.clip = 0.0;
        let alone = |number: usize| stepped(&config, &[number]).loss;
        let kept = [0, 1, if alone(2) < alone(3) { 2 } else { 3 }];
        let (all, wanted) = (stepped(&config, &[0, 1, 2, 3]), stepped(&config, &kept));
        // nothing is cut off in the first batch; in the second, the larger loss is above the mean of both
        let options = &mut config.regularize;
        (options.drop_share, options.drop_window) = (0.5, 2);
        let of_all = stepped(&config, &[0, 1, 2, 3]);
        config.regularize.drop_mean_of_kept = true;
        let of_kept = stepped(&config, &[0, 1, 2, 3]);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5 * b.abs(), "{a} is not {b}");
        close(of_kept.objective, wanted.objective);
        close(of_kept.grad_norm, wanted.grad_norm);
        let targets = |numbers: &[usize]| numbers.iter().map(|n| [2.0, 8.0, 4.0, 6.0][*n]).sum::<f64>();
        close(of_all.objective, wanted.objective * targets(&kept) / targets(&[0, 1, 2, 3]));
        for found in [of_all, of_kept] {
            close(found.loss, all.loss);
            assert_eq!(found.kept, 0.75);
        }
    }
}
