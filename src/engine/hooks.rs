//! Taps: read, edit or add gradient to activations at named sites.

use crate::error::Result;
use crate::tensor::Tensor;

/// A named place in a block; names follow TransformerLens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// After token (and learned position) embedding; layer 0.
    Embed,
    /// The residual stream entering a block.
    ResidPre,
    /// Queries after rotation, (N, H·D).
    Q,
    /// Keys after rotation, (N, K·D).
    K,
    /// Values, (N, K·D).
    V,
    /// Attention weights of one sequence, (H, T, T).
    Pattern,
    /// Weighted values, (N, H·D).
    Z,
    /// What attention adds to the stream.
    AttnOut,
    /// The stream between attention and feed-forward (sequential blocks).
    ResidMid,
    /// Before the nonlinearity, (N, F).
    MlpPre,
    /// After it (and the gate), (N, F).
    MlpPost,
    /// What feed-forward adds to the stream.
    MlpOut,
    /// The residual stream leaving a block.
    ResidPost,
    /// After the last norm; layer = n_layer.
    FinalNorm,
}

impl Site {
    /// All places.
    pub(crate) const ALL: [Self; 14] = [
        Self::Embed,
        Self::ResidPre,
        Self::Q,
        Self::K,
        Self::V,
        Self::Pattern,
        Self::Z,
        Self::AttnOut,
        Self::ResidMid,
        Self::MlpPre,
        Self::MlpPost,
        Self::MlpOut,
        Self::ResidPost,
        Self::FinalNorm,
    ];
}

/// Reads or edits activations (forward) and their gradients (backward).
pub trait Tap {
    /// Whether this place is of interest; others cost nothing.
    fn wants(&self, layer: usize, site: Site) -> bool {
        let _ = (layer, site);
        true
    }
    /// Sees `x` on the way forward and may change it. For `Pattern`, called once a sequence, in order.
    fn forward(&mut self, layer: usize, site: Site, x: &mut Tensor) -> Result<()> {
        let _ = (layer, site, x);
        Ok(())
    }
    /// Sees the gradient with respect to the (edited) activation and may change it into the gradient
    /// with respect to the unedited one.
    fn backward(&mut self, layer: usize, site: Site, dx: &mut Tensor) -> Result<()> {
        let _ = (layer, site, dx);
        Ok(())
    }
}

/// The tap that does nothing.
pub struct NoTap;

impl Tap for NoTap {
    fn wants(&self, _layer: usize, _site: Site) -> bool {
        false
    }
}
