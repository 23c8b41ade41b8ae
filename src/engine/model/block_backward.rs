//! One block, backward: the mirror of `block.rs`, in reverse order.

use super::acts::BlockActs;
use super::{Decoder, Linear, Mlp, NormParams, Position, ProjectionParams, Residual};
use crate::error::{Error, Result};
use crate::grads::GradSink;
use crate::hooks::{Site, Tap};
use crate::kernels::Span;
use crate::tensor::{Offsets, Tensor};

/// What every step of backward shares.
pub(super) struct Backward<'a> {
    pub(super) sink: &'a mut dyn GradSink,
    pub(super) tap: &'a mut dyn Tap,
    pub(super) offsets: &'a Offsets,
    pub(super) positions: &'a [u32],
    pub(super) spans: &'a [Span],
}

impl Backward<'_> {
    /// Calls the tap where it is interested, on a copy if it is: the other branch needs the original.
    fn branch(&mut self, layer: usize, site: Site, dy: &Tensor) -> Result<Option<Tensor>> {
        if !self.tap.wants(layer, site) {
            return Ok(None);
        }
        let mut copy = dy.copied()?;
        self.tap.backward(layer, site, &mut copy)?;
        Ok(Some(copy))
    }

    pub(super) fn visit(&mut self, layer: usize, site: Site, dx: &mut Tensor) -> Result<()> {
        if self.tap.wants(layer, site) { self.tap.backward(layer, site, dx) } else { Ok(()) }
    }
}

impl Decoder {
    /// Hands (x, dy) to the sink and gives dy·W, in the shape of x.
    fn linear_backward(&self, l: Linear, x: &Tensor, dy: &Tensor, b: &mut Backward<'_>) -> Result<Tensor> {
        self.hand_over(l, x, dy, b)?;
        let mut dx = self.kernels.stale(x.shape(), dy.is_dual())?;
        self.kernels.linear_backward(&mut dx, dy, self.params.get(l.weight))?;
        self.adapters_backward(&mut dx, l, x, dy, b)?;
        Ok(dx)
    }

    /// Hands (x, dy) to the sink and adds dy·W to dx.
    fn linear_backward_acc(
        &self,
        dx: &mut Tensor,
        l: Linear,
        x: &Tensor,
        dy: &Tensor,
        b: &mut Backward<'_>,
    ) -> Result<()> {
        self.hand_over(l, x, dy, b)?;
        self.kernels.linear_backward_acc(dx, dy, self.params.get(l.weight))?;
        self.adapters_backward(dx, l, x, dy, b)
    }

    fn hand_over(&self, l: Linear, x: &Tensor, dy: &Tensor, b: &mut Backward<'_>) -> Result<()> {
        if b.sink.wants(l.weight) || l.bias.is_some_and(|bias| b.sink.wants(bias)) {
            b.sink.linear(&l, x, dy, 0..x.rows(), b.offsets)?;
        }
        Ok(())
    }

    fn adapters_backward(
        &self,
        dx: &mut Tensor,
        l: Linear,
        x: &Tensor,
        dy: &Tensor,
        b: &mut Backward<'_>,
    ) -> Result<()> {
        match self.adapters.get(l.weight) {
            Some(adapter) => self.adapter_backward(dx, x, dy, adapter, b),
            None => Ok(()),
        }
    }

    /// As [`Self::linear_backward`] where the way back ends: without dx, unless an adapter needs it.
    fn linear_end(&self, l: Linear, x: &Tensor, dy: &Tensor, b: &mut Backward<'_>) -> Result<()> {
        if self.adapters.get(l.weight).is_some() {
            return self.linear_backward(l, x, dy, b).map(drop);
        }
        self.hand_over(l, x, dy, b)
    }

    /// Adds the gradient through a norm to dx and hands gain and bias to the sink.
    pub(super) fn norm_backward(
        &self,
        dx: &mut Tensor,
        n: NormParams,
        x: &Tensor,
        dy: &Tensor,
        b: &mut Backward<'_>,
    ) -> Result<()> {
        let wanted = b.sink.wants(n.gain);
        let mut gain_rows = wanted.then(|| self.kernels.stale(x.shape(), x.is_dual())).transpose()?;
        let gain = self.params.get(n.gain);
        self.kernels.norm_backward_acc(dx, gain_rows.as_mut(), dy, x, gain, self.config.norm)?;
        if let Some(rows) = &gain_rows {
            b.sink.vector(n.gain, rows, b.offsets)?;
        }
        match n.bias {
            Some(bias) if b.sink.wants(bias) => b.sink.vector(bias, dy, b.offsets),
            _ => Ok(()),
        }
    }

    /// Turns the gradient of the stream leaving block `layer` into that of the stream entering it. Where it does not go
    /// on below the block, it ends as soon as nothing of the block is wanted any more, and what it gives is unfinished.
    pub(super) fn block_backward(
        &self,
        layer: usize,
        mut dy: Tensor,
        acts: &BlockActs,
        b: &mut Backward<'_>,
        goes_on: bool,
    ) -> Result<Tensor> {
        let block = &self.blocks[layer];
        let is_last = !goes_on && !self.wants_below_mlp(layer, b);
        b.visit(layer, Site::ResidPost, &mut dy)?;
        let mlp_input = acts.normed2.as_ref().unwrap_or(&acts.normed1);
        let Some(dnormed2) = self.mlp_backward(layer, &dy, mlp_input, acts, b, is_last)? else { return Ok(dy) };
        match (self.config.residual, block.norm2) {
            (Residual::Sequential, Some(norm2)) => {
                let mid = acts.resid_mid.as_ref().ok_or_else(|| Error::bug("sequential block without resid_mid"))?;
                self.norm_backward(&mut dy, norm2, mid, &dnormed2, b)?;
                b.visit(layer, Site::ResidMid, &mut dy)?;
                let dnormed1 = self.attention_backward(layer, &dy, acts, b)?;
                self.norm_backward(&mut dy, block.norm1, &acts.resid_pre, &dnormed1, b)?;
            }
            (_, Some(norm2)) => {
                let dnormed1 = self.attention_backward(layer, &dy, acts, b)?;
                self.norm_backward(&mut dy, norm2, &acts.resid_pre, &dnormed2, b)?;
                self.norm_backward(&mut dy, block.norm1, &acts.resid_pre, &dnormed1, b)?;
            }
            (_, None) => {
                let mut dnormed1 = self.attention_backward(layer, &dy, acts, b)?;
                self.kernels.add(&mut dnormed1, &dnormed2)?;
                self.norm_backward(&mut dy, block.norm1, &acts.resid_pre, &dnormed1, b)?;
            }
        }
        b.visit(layer, Site::ResidPre, &mut dy)?;
        Ok(dy)
    }

    /// ∂L/∂(input of feed-forward) from the gradient of the stream; nothing where the way ends here.
    fn mlp_backward(
        &self,
        layer: usize,
        dy: &Tensor,
        x: &Tensor,
        acts: &BlockActs,
        b: &mut Backward<'_>,
        is_last: bool,
    ) -> Result<Option<Tensor>> {
        let params = self.blocks[layer].mlp;
        let edited = b.branch(layer, Site::MlpOut, dy)?;
        let mut dpost = self.linear_backward(params.down, &acts.mlp_post, edited.as_ref().unwrap_or(dy), b)?;
        b.visit(layer, Site::MlpPost, &mut dpost)?;
        let mut dup = None;
        let mut dpre = self.kernels.stale(acts.mlp_pre.shape(), dy.is_dual())?;
        match (self.config.mlp, &acts.mlp_up) {
            (Mlp::Gated(f), Some(up)) => {
                let dup = dup.insert(self.kernels.stale(up.shape(), dy.is_dual())?);
                self.kernels.gate_backward([&mut dpre, dup], &dpost, &acts.mlp_pre, up, f)?;
            }
            (Mlp::Plain(f) | Mlp::Gated(f), _) => {
                self.kernels.activation_backward(&mut dpre, &dpost, &acts.mlp_pre, f)?;
            }
        }
        b.visit(layer, Site::MlpPre, &mut dpre)?;
        if is_last {
            self.linear_end(params.up, x, dup.as_ref().unwrap_or(&dpre), b)?;
            if let (Some(_), Some(gate)) = (&dup, params.gate) {
                self.linear_end(gate, x, &dpre, b)?;
            }
            return Ok(None);
        }
        let Some(dup) = dup else { return self.linear_backward(params.up, x, &dpre, b).map(Some) };
        let mut dx = self.linear_backward(params.up, x, &dup, b)?;
        if let Some(gate) = params.gate {
            self.linear_backward_acc(&mut dx, gate, x, &dpre, b)?;
        }
        Ok(Some(dx))
    }

    /// ∂L/∂(input of attention) from the gradient of the stream.
    fn attention_backward(&self, layer: usize, dy: &Tensor, acts: &BlockActs, b: &mut Backward<'_>) -> Result<Tensor> {
        let block = &self.blocks[layer];
        let edited = b.branch(layer, Site::AttnOut, dy)?;
        let mut dz = self.linear_backward(block.attn_out, &acts.z, edited.as_ref().unwrap_or(dy), b)?;
        b.visit(layer, Site::Z, &mut dz)?;
        let zeros = |part: &Tensor| self.kernels.zeros(part.shape(), dy.is_dual());
        let [q, k, v] = &acts.qkv;
        let mut dqkv = [zeros(q)?, zeros(k)?, zeros(v)?];
        match &acts.patterns {
            None => {
                let spec = self.attention_spec(layer);
                self.kernels.attention_backward_acc(dqkv.each_mut(), &dz, acts.qkv.each_ref(), b.spans, &spec)?;
            }
            Some(patterns) => self.patterns_backward(layer, &mut dqkv, &dz, acts, patterns, b)?,
        }
        for (part, site) in dqkv.iter_mut().zip([Site::Q, Site::K, Site::V]) {
            b.visit(layer, site, part)?;
        }
        self.project_backward(layer, dqkv, &acts.normed1, b)
    }

    fn patterns_backward(
        &self,
        layer: usize,
        dqkv: &mut [Tensor; 3],
        dz: &Tensor,
        acts: &BlockActs,
        patterns: &[[Tensor; 2]],
        b: &mut Backward<'_>,
    ) -> Result<()> {
        let spec = self.attention_spec(layer);
        let [dq, dk, dv] = dqkv;
        let [q, k, v] = acts.qkv.each_ref();
        // Sequences in reverse, as everything on the way back.
        for (span, [unedited, edited]) in b.spans.iter().zip(patterns).rev() {
            let mut dp = self.kernels.stale(edited.shape(), dz.is_dual())?;
            self.kernels.pattern_apply_backward(&mut dp, dv, dz, edited, v, span, &spec)?;
            b.tap.backward(layer, Site::Pattern, &mut dp)?;
            self.kernels.pattern_backward_acc([dq, dk], &dp, unedited, [q, k], span, &spec)?;
        }
        Ok(())
    }

    fn project_backward(
        &self,
        layer: usize,
        mut dqkv: [Tensor; 3],
        x: &Tensor,
        b: &mut Backward<'_>,
    ) -> Result<Tensor> {
        let c = &self.config;
        if let Position::Rotary { inv_freq, interleaved } = &c.position {
            let [dq, dk, _] = &mut dqkv;
            self.kernels.rotate(dq, b.positions, c.n_head, inv_freq, *interleaved, true)?;
            self.kernels.rotate(dk, b.positions, c.n_kv_head, inv_freq, *interleaved, true)?;
        }
        match self.blocks[layer].projection {
            ProjectionParams::Separate { q, k, v } => {
                let [dq, dk, dv] = &dqkv;
                let mut dx = self.linear_backward(q, x, dq, b)?;
                self.linear_backward_acc(&mut dx, k, x, dk, b)?;
                self.linear_backward_acc(&mut dx, v, x, dv, b)?;
                Ok(dx)
            }
            ProjectionParams::Fused { qkv, layout } => {
                let mut fused = self.kernels.stale(&[x.rows(), 3 * c.n_head * c.d_head], x.is_dual())?;
                self.kernels.merge_heads(&mut fused, dqkv.each_ref(), c.n_head, layout)?;
                self.linear_backward(qkv, x, &fused, b)
            }
        }
    }
}
