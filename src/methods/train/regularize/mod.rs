//! What keeps a model from memorizing while it learns.

pub(super) mod dropout;
pub(super) mod spectral;
pub(super) mod truncation;

use serde::{Deserialize, Serialize};

use crate::engine::{Decoder, ParamId, Real, Tensor};
use crate::error::Result;
use crate::methods::train::Config;
use dropout::TiedMasks;
use spectral::Spectral;
use truncation::{Truncation, TruncationState};

/// All regularizers of a run that are on.
pub(super) struct Regularizers {
    pub(super) truncation: Option<Truncation>,
    pub(super) masks: Option<TiedMasks>,
    spectral: Option<Spectral>,
}

/// What they need to go on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct RegularizerState {
    truncation: Option<(Vec<f32>, TruncationState)>,
    spectral: Option<Vec<Vec<f64>>>,
}

impl Regularizers {
    /// As the options say. `first_batch`: the examples of the first step.
    pub(super) fn new(
        config: &Config,
        model: &Decoder,
        seed: u64,
        first_batch: impl IntoIterator<Item = usize>,
    ) -> Self {
        let options = config.regularize();
        Self {
            truncation: Truncation::new(&options),
            masks: TiedMasks::new(&options, seed, first_batch),
            spectral: Spectral::new(&options, model, seed),
        }
    }

    /// Adds the gradients of the penalties on weights; gives what they add to the loss.
    pub(super) fn add_penalties(
        &mut self,
        config: &Config,
        model: &Decoder,
        gradients: &mut [(ParamId, Tensor)],
    ) -> Result<f64> {
        let mut penalty = match &mut self.spectral {
            Some(spectral) => spectral.add(model, gradients)?,
            None => 0.0,
        };
        let l1 = config.l1();
        if l1 > 0.0 {
            for (id, gradient) in gradients {
                let weight = model.params.get(*id).values();
                penalty += l1 * weight.iter().map(|x| f64::from(x.abs())).sum::<f64>();
                gradient.edit(|values, _| {
                    let slope = |x: &Real| if *x == 0.0 { 0.0 } else { l1 as Real * x.signum() };
                    values.iter_mut().zip(weight.iter()).for_each(|(g, x)| *g += slope(x));
                })?;
            }
        }
        Ok(penalty)
    }

    /// What is needed to go on.
    pub(super) fn state(&self) -> RegularizerState {
        let truncation = self.truncation.as_ref().map(|t| {
            let (losses, state) = t.state();
            (losses.to_vec(), state)
        });
        RegularizerState { truncation, spectral: self.spectral.as_ref().map(|s| s.vectors().to_vec()) }
    }

    /// Goes on where another run was.
    pub(super) fn restore(&mut self, state: RegularizerState) {
        if let (Some(truncation), Some((losses, state))) = (&mut self.truncation, state.truncation) {
            truncation.restore(losses, state);
        }
        if let (Some(spectral), Some(vectors)) = (&mut self.spectral, state.spectral) {
            spectral.restore(vectors);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Device, weights};
    use crate::methods::Compat;
    use crate::methods::train::options::{SpectralForm, SpectralSplit};

    fn model() -> Decoder {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models/gpt2");
        weights::load(&path, Device::Cpu).unwrap().decoder
    }

    fn penalty(config: &Config, moved: Option<(ParamId, usize, Real)>) -> f64 {
        let mut model = model();
        if let Some((id, at, by)) = moved {
            model.params.get_mut(id).values_mut()[at] += by;
        }
        Regularizers::new(config, &model, 0, []).add_penalties(config, &model, &mut zeros(&model)).unwrap()
    }

    fn zeros(model: &Decoder) -> Vec<(ParamId, Tensor)> {
        model.params.iter().map(|(id, w)| (id, Tensor::zeros(&w.shape, false))).collect()
    }

    #[test]
    fn l1_is_the_sum_of_absolute_weights_and_squared_in_paper_mode() {
        let mut config = Config::default();
        config.regularize.l1 = 0.1;
        let sum: f64 = model().params.iter().flat_map(|(_, w)| w.values().to_vec()).map(|x| f64::from(x.abs())).sum();
        assert!((penalty(&config, None) - 0.1 * sum).abs() < 1e-6 * sum);
        config.compat = Compat::Paper;
        assert!((penalty(&config, None) - 0.01 * sum).abs() < 1e-6 * sum);
    }

    #[test]
    fn paper_mode_takes_spectral_norms_as_published() {
        let with = |form, split, compat| {
            let mut config = Config { compat, ..Config::default() };
            let options = &mut config.regularize;
            (options.spectral, options.spectral_form, options.spectral_split) = (0.1, form, split);
            penalty(&config, None)
        };
        let linear = with(SpectralForm::Linear, SpectralSplit::Output, Compat::Correct);
        let squared = with(SpectralForm::Squared, SpectralSplit::Input, Compat::Correct);
        assert_eq!(with(SpectralForm::Squared, SpectralSplit::Input, Compat::Paper), linear);
        assert!((linear - squared).abs() > 1e-3 * linear);
    }

    #[test]
    fn frozen_matrices_add_no_penalty() {
        let mut config = Config::default();
        config.regularize.spectral = 0.1;
        let model = model();
        let all = Regularizers::new(&config, &model, 0, []).add_penalties(&config, &model, &mut zeros(&model)).unwrap();
        let of = |part: &mut [(ParamId, Tensor)]| {
            Regularizers::new(&config, &model, 0, []).add_penalties(&config, &model, part).unwrap()
        };
        let (mut first, mut rest) = (zeros(&model), zeros(&model));
        let is_first = |id: &ParamId| *id == model.blocks[0].mlp.up.weight;
        first.retain(|(id, _)| is_first(id));
        rest.retain(|(id, _)| !is_first(id));
        let parts = [of(&mut first), of(&mut rest)];
        assert!(parts[0] > 0.0 && parts[0] < all);
        assert!((parts[0] + parts[1] - all).abs() < 1e-12);
        assert_eq!(of(&mut []), 0.0);
    }

    #[test]
    fn gradients_of_penalties_are_their_slopes() {
        let mut config = Config::default();
        config.regularize.l1 = 0.05;
        let model = model();
        let mut gradients = zeros(&model);
        Regularizers::new(&config, &model, 0, []).add_penalties(&config, &model, &mut gradients).unwrap();
        let (id, gradient) = &gradients[4];
        for at in [0, 3, 7] {
            let slope = (penalty(&config, Some((*id, at, 1e-3))) - penalty(&config, Some((*id, at, -1e-3)))) / 2e-3;
            assert!((f64::from(gradient.value()[at]) - slope).abs() < 1e-3, "number {at}");
        }
    }
}
