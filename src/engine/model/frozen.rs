//! Where the way back may end: below the lowest parameter or activation that someone wants to know about.

use super::block_backward::Backward;
use super::{Decoder, Linear, NormParams, ParamId, ProjectionParams};
use crate::hooks::Site;

/// Sites of a block whose gradients arise below its feed-forward part.
const BELOW_MLP: [Site; 8] =
    [Site::ResidPre, Site::Q, Site::K, Site::V, Site::Pattern, Site::Z, Site::AttnOut, Site::ResidMid];
/// The others of a block.
const OF_MLP: [Site; 4] = [Site::MlpPre, Site::MlpPost, Site::MlpOut, Site::ResidPost];

impl Decoder {
    /// Whether anything before block `layer` is wanted: an earlier block, or the embedding.
    pub(super) fn wants_before(&self, layer: usize, b: &Backward<'_>) -> bool {
        let embedded = b.sink.wants(self.embed) || self.positions.is_some_and(|p| b.sink.wants(p));
        embedded
            || b.tap.wants(0, Site::Embed)
            || (0..layer).any(|l| self.wants_below_mlp(l, b) || self.wants_mlp(l, b))
    }

    /// Whether attention or a norm of block `layer` is wanted.
    pub(super) fn wants_below_mlp(&self, layer: usize, b: &Backward<'_>) -> bool {
        let block = &self.blocks[layer];
        let projection = match block.projection {
            ProjectionParams::Fused { qkv, .. } => vec![qkv],
            ProjectionParams::Separate { q, k, v } => vec![q, k, v],
        };
        let norm = |n: NormParams| b.sink.wants(n.gain) || n.bias.is_some_and(|bias| b.sink.wants(bias));
        BELOW_MLP.iter().any(|site| b.tap.wants(layer, *site))
            || norm(block.norm1)
            || block.norm2.is_some_and(norm)
            || projection.into_iter().chain([block.attn_out]).any(|l| self.wants_linear(l, b))
    }

    fn wants_mlp(&self, layer: usize, b: &Backward<'_>) -> bool {
        let mlp = self.blocks[layer].mlp;
        OF_MLP.iter().any(|site| b.tap.wants(layer, *site))
            || [mlp.gate, Some(mlp.up), Some(mlp.down)].into_iter().flatten().any(|l| self.wants_linear(l, b))
    }

    fn wants_linear(&self, l: Linear, b: &Backward<'_>) -> bool {
        let wants = |id: ParamId| b.sink.wants(id);
        wants(l.weight)
            || l.bias.is_some_and(wants)
            || self.adapters.get(l.weight).is_some_and(|adapter| wants(adapter.a) || wants(adapter.b))
    }
}
