//! One block, forward: norm, attention, feed-forward, residual stream.

use super::acts::BlockActs;
use super::{BlockParams, Decoder, Linear, Mlp, NormParams, Position, ProjectionParams, Residual};
use crate::error::Result;
use crate::hooks::{Site, Tap};
use crate::kernels::{AttentionSpec, Span};
use crate::tensor::Tensor;

/// Attends for one layer: writes z (N, H·D) from q, k, v. Returns the attention weights of each
/// span, before and after editing, if someone wanted them.
pub(crate) type Attend<'a> =
    dyn FnMut(usize, &mut Tensor, [&Tensor; 3], &mut dyn Tap) -> Result<Option<Vec<[Tensor; 2]>>> + 'a;

/// Calls the tap where it is interested.
pub(super) fn visit(tap: &mut dyn Tap, layer: usize, site: Site, x: &mut Tensor) -> Result<()> {
    if tap.wants(layer, site) { tap.forward(layer, site, x) } else { Ok(()) }
}

impl Decoder {
    /// What attention of `layer` needs to know.
    pub(crate) fn attention_spec(&self, layer: usize) -> AttentionSpec {
        let c = &self.config;
        AttentionSpec {
            n_head: c.n_head,
            n_kv_head: c.n_kv_head,
            d_head: c.d_head,
            scale: c.attention_scale[layer],
            window: c.window[layer],
        }
    }

    /// y = x·Wᵀ + b for rows x, and what an adapter adds.
    pub(super) fn apply(&self, x: &Tensor, l: Linear) -> Result<Tensor> {
        let w = self.params.get(l.weight);
        let mut y = self.kernels.stale(&[x.rows(), w.d_out()], x.is_dual())?;
        self.kernels.linear(&mut y, x, w, l.bias.map(|b| self.params.get(b)))?;
        if let Some(adapter) = self.adapters.get(l.weight) {
            self.adapt(&mut y, x, adapter)?;
        }
        Ok(y)
    }

    pub(super) fn apply_norm(&self, x: &Tensor, n: NormParams) -> Result<Tensor> {
        let mut y = self.kernels.stale(x.shape(), x.is_dual())?;
        let bias = n.bias.map(|b| self.params.get(b));
        self.kernels.norm(&mut y, x, self.params.get(n.gain), bias, self.config.norm)?;
        Ok(y)
    }

    /// Queries, keys and values of rows x, rotated.
    fn project(&self, x: &Tensor, block: &BlockParams, positions: &[u32]) -> Result<[Tensor; 3]> {
        let c = &self.config;
        let mut parts = match block.projection {
            ProjectionParams::Separate { q, k, v } => [self.apply(x, q)?, self.apply(x, k)?, self.apply(x, v)?],
            ProjectionParams::Fused { qkv, layout } => {
                let fused = self.apply(x, qkv)?;
                let part = || self.kernels.stale(&[x.rows(), c.n_head * c.d_head], x.is_dual());
                let mut parts = [part()?, part()?, part()?];
                self.kernels.split_heads(parts.each_mut(), &fused, c.n_head, layout)?;
                parts
            }
        };
        if let Position::Rotary { inv_freq, interleaved } = &c.position {
            let [q, k, _] = &mut parts;
            self.kernels.rotate(q, positions, c.n_head, inv_freq, *interleaved, false)?;
            self.kernels.rotate(k, positions, c.n_kv_head, inv_freq, *interleaved, false)?;
        }
        Ok(parts)
    }

    /// Runs block `layer` on the stream `resid_pre`; gives the stream that leaves it and what happened inside.
    pub(super) fn block_forward(
        &self,
        layer: usize,
        mut resid_pre: Tensor,
        positions: &[u32],
        tap: &mut dyn Tap,
        attend: &mut Attend<'_>,
    ) -> Result<(Tensor, BlockActs)> {
        let block = &self.blocks[layer];
        visit(tap, layer, Site::ResidPre, &mut resid_pre)?;
        let normed1 = self.apply_norm(&resid_pre, block.norm1)?;
        let mut qkv = self.project(&normed1, block, positions)?;
        for (part, site) in qkv.iter_mut().zip([Site::Q, Site::K, Site::V]) {
            visit(tap, layer, site, part)?;
        }
        let mut z = self.kernels.stale(qkv[0].shape(), normed1.is_dual())?;
        let patterns = attend(layer, &mut z, qkv.each_ref(), tap)?;
        visit(tap, layer, Site::Z, &mut z)?;
        let mut attn_out = self.apply(&z, block.attn_out)?;
        visit(tap, layer, Site::AttnOut, &mut attn_out)?;

        let mut resid_post = attn_out;
        self.kernels.add(&mut resid_post, &resid_pre)?;
        let sequential = self.config.residual == Residual::Sequential;
        let resid_mid = if sequential {
            visit(tap, layer, Site::ResidMid, &mut resid_post)?;
            Some(resid_post.copied()?)
        } else {
            None
        };
        let normed2 = match block.norm2 {
            Some(n) => Some(self.apply_norm(resid_mid.as_ref().unwrap_or(&resid_pre), n)?),
            None => None,
        };
        let (mlp_out, mlp_pre, mlp_up, mlp_post) = self.mlp(layer, normed2.as_ref().unwrap_or(&normed1), tap)?;
        self.kernels.add(&mut resid_post, &mlp_out)?;
        visit(tap, layer, Site::ResidPost, &mut resid_post)?;
        let acts = BlockActs { resid_pre, normed1, qkv, patterns, z, resid_mid, normed2, mlp_pre, mlp_up, mlp_post };
        Ok((resid_post, acts))
    }

    /// Feed-forward: output, before the nonlinearity, gate factor, after it.
    fn mlp(&self, layer: usize, x: &Tensor, tap: &mut dyn Tap) -> Result<(Tensor, Tensor, Option<Tensor>, Tensor)> {
        let params = self.blocks[layer].mlp;
        let mut pre = self.apply(x, params.gate.unwrap_or(params.up))?;
        visit(tap, layer, Site::MlpPre, &mut pre)?;
        let mut post = self.kernels.stale(pre.shape(), pre.is_dual())?;
        let up = match self.config.mlp {
            Mlp::Plain(f) => {
                self.kernels.activation(&mut post, &pre, f)?;
                None
            }
            Mlp::Gated(f) => {
                let up = self.apply(x, params.up)?;
                self.kernels.gate(&mut post, &pre, &up, f)?;
                Some(up)
            }
        };
        visit(tap, layer, Site::MlpPost, &mut post)?;
        let mut out = self.apply(&post, params.down)?;
        visit(tap, layer, Site::MlpOut, &mut out)?;
        Ok((out, pre, up, post))
    }

    /// Attention of packed sequences; weights are formed only where the tap wants them.
    pub(super) fn attend_packed(
        &self,
        layer: usize,
        z: &mut Tensor,
        qkv: [&Tensor; 3],
        spans: &[Span],
        tap: &mut dyn Tap,
    ) -> Result<Option<Vec<[Tensor; 2]>>> {
        let spec = self.attention_spec(layer);
        if !tap.wants(layer, Site::Pattern) {
            self.kernels.attention(z, qkv, spans, &spec)?;
            return Ok(None);
        }
        let mut patterns = Vec::with_capacity(spans.len());
        for span in spans {
            let mut p = self.kernels.stale(&[spec.n_head, span.q.len(), span.kv.len()], z.is_dual())?;
            self.kernels.pattern(&mut p, qkv[0], qkv[1], span, &spec)?;
            let unedited = p.copied()?;
            tap.forward(layer, Site::Pattern, &mut p)?;
            self.kernels.pattern_apply(z, &p, qkv[2], span, &spec)?;
            patterns.push([unedited, p]);
        }
        Ok(Some(patterns))
    }
}
