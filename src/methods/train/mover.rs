//! Which parameters are trained, and by which rule.

use super::Config;
use super::options::Rule;
use super::start::Student;
use super::step::Mover;
use crate::engine::model::{BlockParams, Linear, NormParams, ProjectionParams};
use crate::engine::train::{self, Optimizer};
use crate::engine::{Decoder, ParamId};
use crate::error::{Error, Result};

/// The optimizer for what is not frozen.
///
/// # Errors
/// A block that does not exist; nothing left to train.
pub(super) fn mover(config: &Config, model: &Decoder) -> Result<Mover> {
    let trained = trained(config, model)?;
    let options = &config.optimizer;
    let rule = match options.rule {
        Rule::AdamW => train::Rule::AdamW {
            betas: [options.beta1, options.beta2],
            eps: options.eps,
            weight_decay: options.weight_decay,
        },
        Rule::Sgd => train::Rule::Sgd {
            momentum: options.momentum,
            nesterov: options.nesterov,
            weight_decay: options.weight_decay,
        },
    };
    let is_trained = |id: ParamId| trained.get(id.0 as usize).copied().unwrap_or(false);
    let tables = embeddings(model);
    let decays = |id: ParamId| options.decay_all || (model.params.get(id).shape.len() > 1 && !tables.contains(&id));
    let optimizer = Optimizer::new(rule, model, &is_trained)?.decaying(&decays);
    Ok(Mover { optimizer, trained })
}

fn trained(config: &Config, model: &Decoder) -> Result<Vec<bool>> {
    if !model.adapters.is_empty() {
        return Ok(model.params.iter().map(|(id, _)| model.adapters.holds(id)).collect());
    }
    let mut trained = vec![true; model.params.len()];
    let mut freeze = |ids: Vec<ParamId>| {
        for id in ids {
            if let Some(slot) = trained.get_mut(id.0 as usize) {
                *slot = false;
            }
        }
    };
    if config.freeze.embeddings {
        freeze(embeddings(model));
    }
    for layer in &config.freeze.layers {
        let Some(block) = model.blocks.get(*layer) else {
            return Err(Error::config(format!("freeze.layers: there is no block {layer}"))
                .hint(format!("the model has the blocks 0 to {}", model.blocks.len().saturating_sub(1))));
        };
        freeze(of_block(block));
    }
    if trained.iter().all(|is| !is) {
        return Err(Error::config("freeze: nothing is left to train").hint("freeze fewer blocks"));
    }
    Ok(trained)
}

/// Embedding, learned positions and output head.
fn embeddings(model: &Decoder) -> Vec<ParamId> {
    let head = [Some(model.head.weight), model.head.bias];
    [Some(model.embed), model.positions].into_iter().chain(head).flatten().collect()
}

fn of_block(block: &BlockParams) -> Vec<ParamId> {
    let linear = |l: Linear| [Some(l.weight), l.bias];
    let norm = |n: NormParams| [Some(n.gain), n.bias];
    let projection: Vec<Linear> = match block.projection {
        ProjectionParams::Fused { qkv, .. } => vec![qkv],
        ProjectionParams::Separate { q, k, v } => vec![q, k, v],
    };
    let mlp = [block.mlp.gate, Some(block.mlp.up), Some(block.mlp.down)];
    let linears = projection.into_iter().chain([block.attn_out]).chain(mlp.into_iter().flatten());
    let norms = [Some(block.norm1), block.norm2].into_iter().flatten();
    linears.flat_map(linear).chain(norms.flat_map(norm)).flatten().collect()
}

/// The token that fills rows: the model's pad, or else its end of text.
pub(super) fn pad(student: &Student) -> u32 {
    let named = student.config.get("pad_token_id").and_then(serde_json::Value::as_u64);
    let eos = student.decoder.config.eos.first().copied();
    named.and_then(|id| u32::try_from(id).ok()).or(eos).unwrap_or(0)
}
