//! What keeps the model from memorizing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What keeps the model from memorizing while it learns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Regularize {
    /// Share of the examples with the largest loss that is left out (loss truncation); 0 leaves none out.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub drop_share: f64,
    /// Examples over which the cut-off of the loss is taken.
    #[schemars(range(min = 2, max = 10_000_000), extend("x-unit" = "examples"))]
    pub drop_window: usize,
    /// Divide the loss by the tokens of the examples that are kept instead of by all of the step.
    pub drop_mean_of_kept: bool,
    /// Example-tied dropout: channels that learn only from some examples and are switched off in the checks. The saved
    /// model has all of them on.
    pub tied_dropout: TiedDropout,
    /// Share of the channels that every example uses.
    #[schemars(range(min = 0.001, max = 1.0))]
    pub fixed_share: f64,
    /// Chance that an example uses one of the other channels.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub own_share: f64,
    /// Factor λ on the spectral norms of the weights: the loss grows by λ/2·Σσ², or by λ/2·Σσ where
    /// `spectral_form` is `linear`; 0 is off.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub spectral: f64,
    /// Which power of the spectral norm is added; `linear` in paper mode.
    pub spectral_form: SpectralForm,
    /// How the projection behind attention is cut into heads; `output` in paper mode.
    pub spectral_split: SpectralSplit,
    /// Factor λ on the absolute weights: the loss grows by λ·Σ|θ|; 0 is off.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub l1: f64,
}

impl Default for Regularize {
    fn default() -> Self {
        Self {
            drop_share: 0.0,
            drop_window: 10_000,
            drop_mean_of_kept: false,
            tied_dropout: TiedDropout::Off,
            fixed_share: 0.2,
            own_share: 0.1,
            spectral: 0.0,
            spectral_form: SpectralForm::Squared,
            spectral_split: SpectralSplit::Input,
            l1: 0.0,
        }
    }
}

/// Example-tied dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TiedDropout {
    /// None.
    Off,
    /// Channels belong to examples, as the method says (Maini et al. 2023).
    Channel,
    /// Positions belong to the examples of the first batch, and all others are zeroed, as TinyMem's code does.
    AsPublished,
}

/// Which power of the spectral norm is added to the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpectralForm {
    /// λ/2·σ², with the gradient λ·σ·u·vᵀ (Yoshida and Miyato 2017).
    Squared,
    /// λ/2·σ, with the gradient λ/2·u·vᵀ (TinyMem).
    Linear,
}

/// How the projection behind attention is cut into heads for their spectral norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpectralSplit {
    /// Along its inputs, where the heads are.
    Input,
    /// Along its outputs, as TinyMem's code does.
    Output,
}
