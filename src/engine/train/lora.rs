//! LoRA: training low-rank additions to chosen linear maps of a frozen model.
//!
//! ΔW = (alpha/rank)·B·A. A begins uniform in ±1/√in (Kaiming with a = √5), B with zeros, so the model begins as it was.
//! Source: Hu et al. 2022, arXiv:2106.09685; names and beginnings as in peft 0.21.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Adapter, Adapters, Decoder, Family, Orientation, ParamId, ProjectionParams, Weight};
use crate::rng::Stream;
use crate::tensor::Real;

/// What every matrix of a block is called together, as in peft.
const ALL: &str = "all-linear";

/// Which low-rank additions to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// Rows of A and columns of B.
    pub rank: usize,
    /// ΔW is B·A times this over the rank.
    pub alpha: f64,
    /// Share of the inputs of A that are 0 in a step of training.
    pub dropout: f64,
    /// Names of modules, or ends of them after a dot; `all-linear` for all of every block.
    pub targets: Vec<String>,
}

impl Lora {
    /// The modules that the fine-tuning study adapts in this family: those of attention; in GPT-2 `c_proj` is also the
    /// name of the projection down. Source: the study's `train_model.py`.
    pub fn targets_of(family: Family) -> &'static [&'static str] {
        match family {
            Family::Gpt2 => &["c_attn", "c_proj"],
            Family::GptNeo | Family::GptJ => &["q_proj", "v_proj", "k_proj", "out_proj"],
            Family::GptNeoX => &["query_key_value", "dense"],
            Family::Llama => &["q_proj", "v_proj", "k_proj", "o_proj"],
        }
    }

    /// Adds fresh A and B to every module that is named; gives their ids, which are all there is to train.
    ///
    /// # Errors
    /// `Config` for numbers out of range, a target that names no linear map of a block, or a model that is adapted
    /// already.
    pub fn attach(&self, model: &mut Decoder, seed: u64) -> Result<Vec<ParamId>> {
        self.check()?;
        if !model.adapters.is_empty() {
            return Err(Error::config("the model has an adapter already").hint("merge it first, or leave it out"));
        }
        let modules = modules(model);
        let hit = |target: &str, module: &Module| target == ALL || is_named(&module.path, target);
        if let Some(target) = self.targets.iter().find(|target| !modules.iter().any(|m| hit(target, m))) {
            return Err(unknown(target, &modules));
        }
        let stream = Stream::new(seed, "lora");
        let mut ids = Vec::new();
        for (i, module) in modules.iter().enumerate().filter(|(_, m)| self.targets.iter().any(|t| hit(t, m))) {
            let mut stream = stream.item(i as u64);
            let bound = 1.0 / (module.d_in as f64).sqrt();
            let a = (0..self.rank * module.d_in).map(|_| ((2.0 * stream.uniform() - 1.0) * bound) as Real).collect();
            let b = vec![0.0; module.d_out * self.rank];
            let scale = self.alpha / self.rank as f64;
            ids.extend(insert(model, module, [a, b], self.rank, (scale, self.dropout))?);
        }
        Ok(ids)
    }

    fn check(&self) -> Result<()> {
        if self.rank == 0 || !self.alpha.is_finite() || !(0.0..1.0).contains(&self.dropout) || self.targets.is_empty() {
            return Err(Error::config(format!("{self:?} is no adapter"))
                .hint("rank is 1 or more, dropout from 0 to below 1, and at least one module is named"));
        }
        Ok(())
    }
}

/// A linear map of a block.
pub(super) struct Module {
    /// As `named_modules` of transformers calls it.
    pub(super) path: String,
    weight: ParamId,
    pub(super) d_in: usize,
    pub(super) d_out: usize,
}

/// Adds A (rank, in) and B (out, rank) of one module.
pub(super) fn insert(
    model: &mut Decoder,
    module: &Module,
    [a, b]: [Vec<Real>; 2],
    rank: usize,
    (scale, dropout): (f64, f64),
) -> Result<[ParamId; 2]> {
    let name = |part: &str| format!("base_model.model.{}.lora_{part}.weight", module.path);
    let a = Weight::owned(&name("A"), &[rank, module.d_in], Orientation::OutIn, a)?;
    let b = Weight::owned(&name("B"), &[module.d_out, rank], Orientation::InOut, b)?;
    let [a, b] = [model.params.push(a), model.params.push(b)];
    model.adapters.insert(module.weight, Adapter { a, b, scale, dropout });
    Ok([a, b])
}

/// The linear maps of all blocks, in the order of the model.
pub(super) fn modules(model: &Decoder) -> Vec<Module> {
    let mut linears = Vec::new();
    for block in &model.blocks {
        match block.projection {
            ProjectionParams::Fused { qkv, .. } => linears.push(qkv),
            ProjectionParams::Separate { q, k, v } => linears.extend([q, k, v]),
        }
        linears.push(block.attn_out);
        linears.extend(block.mlp.gate);
        linears.extend([block.mlp.up, block.mlp.down]);
    }
    let module = |weight: ParamId| {
        let w = model.params.get(weight);
        Module { path: path(model.config.family, &w.name), weight, d_in: w.d_in(), d_out: w.d_out() }
    };
    linears.into_iter().map(|l| module(l.weight)).collect()
}

/// The module of a parameter; some files leave out the first part of every name.
fn path(family: Family, name: &str) -> String {
    let base = match family {
        Family::Gpt2 | Family::GptNeo | Family::GptJ => "transformer.",
        Family::GptNeoX => "gpt_neox.",
        Family::Llama => "model.",
    };
    let module = name.strip_suffix(".weight").unwrap_or(name);
    if module.starts_with(base) { module.to_owned() } else { format!("{base}{module}") }
}

/// Whether a path is `target` or ends in it after a dot.
fn is_named(path: &str, target: &str) -> bool {
    path.strip_suffix(target).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn unknown(target: &str, modules: &[Module]) -> Error {
    let mut names: Vec<&str> = modules.iter().filter_map(|m| m.path.rsplit('.').next()).collect();
    names.sort_unstable();
    names.dedup();
    Error::config(format!("no linear map of a block is called \"{target}\""))
        .hint(format!("this model has {}; or {ALL} for all of them", names.join(", ")))
}

/// Adds every ΔW to its matrix and takes the adapters away: the same model without additions.
pub fn merge(model: &mut Decoder) {
    let adapters: Vec<(ParamId, Adapter)> = model.adapters.iter().map(|(weight, adapter)| (weight, *adapter)).collect();
    for (weight, Adapter { a, b, scale, .. }) in adapters {
        let [a, b] = [a, b].map(|id| model.params.get(id).values().into_owned());
        add_delta(model.params.get_mut(weight), &a, &b, scale);
    }
    detach(model);
}

/// Adds every ΔW of `model` to the same matrix of `base`, which is the model that was adapted.
pub fn merge_into(base: &mut Decoder, model: &Decoder) {
    for (weight, Adapter { a, b, scale, .. }) in model.adapters.iter() {
        let [a, b] = [*a, *b].map(|id| model.params.get(id).values());
        add_delta(base.params.get_mut(weight), &a, &b, *scale);
    }
}

/// W += scale·B·A
fn add_delta(w: &mut Weight, a: &[Real], b: &[Real], scale: f64) {
    let (d_in, d_out, orientation) = (w.d_in(), w.d_out(), w.orientation);
    let rank = b.len() / d_out.max(1);
    let delta = |o: usize, i: usize| {
        let products = b[o * rank..(o + 1) * rank].iter().enumerate();
        scale * products.map(|(r, b)| f64::from(*b) * f64::from(a[r * d_in + i])).sum::<f64>()
    };
    let width = if orientation == Orientation::OutIn { d_in } else { d_out };
    w.values_mut().par_chunks_mut(width.max(1)).enumerate().for_each(|(row, values)| {
        for (column, x) in values.iter_mut().enumerate() {
            let [o, i] = if orientation == Orientation::OutIn { [row, column] } else { [column, row] };
            *x = (f64::from(*x) + delta(o, i)) as Real;
        }
    });
}

/// Takes the adapters away: the model as it was.
pub fn detach(model: &mut Decoder) {
    let first = model.adapters.iter().map(|(_, adapter)| adapter.a.0).min();
    if let Some(first) = first {
        model.params.truncate(first as usize);
    }
    model.adapters = Adapters::default();
}
