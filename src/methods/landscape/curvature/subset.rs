//! Which parameters the curvature is over.

use super::super::operator::Layout;
use super::config::{Config, Kind};
use crate::engine::model::{BlockParams, NormParams, ProjectionParams};
use crate::engine::{Decoder, Linear, ParamId};
use crate::error::{Error, Result};

/// The chosen parameters of a model.
///
/// # Errors
/// A layer that the model does not have, or a choice of nothing.
pub(super) fn chosen(config: &Config, model: &Decoder) -> Result<Layout> {
    let n = model.blocks.len();
    if let Some(layer) = config.layers.iter().find(|layer| **layer >= n) {
        return Err(Error::config(format!("layers: there is no block {layer}; the model has {n}, from 0 on")));
    }
    let known = kinds(model);
    let wants = |id: ParamId| {
        let (layer, kind) = known[id.0 as usize];
        let in_layer = config.layers.is_empty() || layer.is_some_and(|layer| config.layers.contains(&layer));
        in_layer && (config.kinds.is_empty() || config.kinds.contains(&kind))
    };
    let layout = Layout::new(model, wants);
    if layout.len() == 0 {
        return Err(Error::config("layers and kinds choose no parameter of this model")
            .hint("embeddings, head and the last norm belong to no block: leave layers out for them"));
    }
    Ok(layout)
}

/// Block and kind of every parameter.
fn kinds(model: &Decoder) -> Vec<(Option<usize>, Kind)> {
    let mut kinds = vec![(None, Kind::Embedding); model.params.len()];
    let mut put = |id: ParamId, layer: Option<usize>, kind: Kind| kinds[id.0 as usize] = (layer, kind);
    if model.head.weight != model.embed {
        put(model.head.weight, None, Kind::Head);
    }
    if let Some(bias) = model.head.bias {
        put(bias, None, Kind::Bias);
    }
    norm(&mut put, None, model.final_norm);
    for (layer, block) in model.blocks.iter().enumerate() {
        of_block(&mut put, layer, block);
    }
    kinds
}

type Put<'a> = dyn FnMut(ParamId, Option<usize>, Kind) + 'a;

fn of_block(put: &mut Put<'_>, layer: usize, block: &BlockParams) {
    let layer = Some(layer);
    norm(put, layer, block.norm1);
    if let Some(second) = block.norm2 {
        norm(put, layer, second);
    }
    match block.projection {
        ProjectionParams::Fused { qkv, .. } => linear(put, layer, qkv, Kind::Attention),
        ProjectionParams::Separate { q, k, v } => {
            for l in [q, k, v] {
                linear(put, layer, l, Kind::Attention);
            }
        }
    }
    linear(put, layer, block.attn_out, Kind::Attention);
    for part in [block.mlp.gate, Some(block.mlp.up), Some(block.mlp.down)].into_iter().flatten() {
        linear(put, layer, part, Kind::Mlp);
    }
}

fn linear(put: &mut Put<'_>, layer: Option<usize>, l: Linear, kind: Kind) {
    put(l.weight, layer, kind);
    if let Some(bias) = l.bias {
        put(bias, layer, Kind::Bias);
    }
}

fn norm(put: &mut Put<'_>, layer: Option<usize>, n: NormParams) {
    put(n.gain, layer, Kind::Norm);
    if let Some(bias) = n.bias {
        put(bias, layer, Kind::Norm);
    }
}
