//! The feed-forward blocks of a model: what localization may remove.

use crate::engine::model::{Linear, MlpParams};
use crate::engine::{Decoder, ParamId};

/// The maps of each block, in order.
pub(super) fn blocks(model: &Decoder) -> impl Iterator<Item = MlpParams> + '_ {
    model.blocks.iter().map(|b| b.mlp)
}

fn linears(model: &Decoder) -> impl Iterator<Item = Linear> + '_ {
    blocks(model).flat_map(|b| [b.gate, Some(b.up), Some(b.down)].into_iter().flatten())
}

/// Their matrices, in the order of the model.
pub(super) fn matrices(model: &Decoder) -> Vec<ParamId> {
    linears(model).map(|l| l.weight).collect()
}

/// Their matrices and biases, in the order of the model.
pub(super) fn tensors(model: &Decoder) -> Vec<ParamId> {
    linears(model).flat_map(|l| [Some(l.weight), l.bias].into_iter().flatten()).collect()
}

/// The layer and short name of a parameter of these blocks.
pub(super) fn place(model: &Decoder, name: &str) -> Option<(usize, &'static str)> {
    let id = model.params.find(name)?;
    for (layer, block) in blocks(model).enumerate() {
        let parts = [
            (block.gate, ["gate", "gate bias"]),
            (Some(block.up), ["in", "in bias"]),
            (Some(block.down), ["out", "out bias"]),
        ];
        for (linear, [weight, bias]) in parts {
            match linear {
                Some(l) if l.weight == id => return Some((layer, weight)),
                Some(l) if l.bias == Some(id) => return Some((layer, bias)),
                _ => {}
            }
        }
    }
    None
}
