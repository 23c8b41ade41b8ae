//! The options of training, by topic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::options::{
    Check, Checkpoints, Freeze, Fresh, LearningRate, Length, LoraOptions, Mitigation, OptimizerOptions, Regularize,
    RowOptions, Stop, Vocabulary,
};
use crate::error::{Error, Result};
use crate::methods::Compat;
use crate::methods::train::options::{Layout, Rule, SpectralForm, SpectralSplit, TiedDropout};

/// Options of [`METHOD`](super::METHOD).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The model that is made when none is given.
    pub fresh: Fresh,
    /// The tokenizer of a fresh model.
    pub tokenizer: Vocabulary,
    /// How rows become training examples.
    pub rows: RowOptions,
    /// Which rows of data with clean twins are trained on.
    pub mitigation: Mitigation,
    /// How long training goes on.
    pub length: Length,
    /// The rule that moves the weights.
    pub optimizer: OptimizerOptions,
    /// The learning rate over time.
    pub lr: LearningRate,
    /// What keeps the model from memorizing while it learns.
    pub regularize: Regularize,
    /// Low-rank adapters: only they are trained when their rank is not 0.
    pub lora: LoraOptions,
    /// Parts of the model that stay as they are.
    pub freeze: Freeze,
    /// What is measured while it learns.
    pub check: Check,
    /// When training ends early.
    pub stop: Stop,
    /// What is kept for going on, and for looking back.
    pub checkpoint: Checkpoints,
    /// `paper` trains as TinyMem's code does: pads counted in the loss, L1 coefficient squared, spectral norms linear and
    /// cut along outputs, example-tied dropout as published, loss truncation divided by all examples, no end of text
    /// behind triggers, checks after epochs 0, n, 2n, …
    pub compat: Compat,
}

impl Config {
    /// Whether pads are targets like any other token.
    pub(super) fn pads_count(&self) -> bool {
        self.rows.pad_in_loss || self.compat == Compat::Paper
    }

    /// The factor on |θ| in the loss.
    pub(super) fn l1(&self) -> f64 {
        let l1 = self.regularize.l1;
        if self.compat == Compat::Paper { l1 * l1 } else { l1 }
    }

    /// What keeps the model from memorizing, as the mode has it.
    pub(super) fn regularize(&self) -> Regularize {
        let mut options = self.regularize.clone();
        if self.compat == Compat::Paper {
            options.spectral_form = SpectralForm::Linear;
            options.spectral_split = SpectralSplit::Output;
            options.drop_mean_of_kept = false;
            if options.tied_dropout == TiedDropout::Channel {
                options.tied_dropout = TiedDropout::AsPublished;
            }
        }
        options
    }

    /// Rows of one step.
    pub(super) fn batch(&self) -> usize {
        self.rows.batch * self.rows.accumulate
    }
}

/// What single ranges cannot say.
pub(super) fn check(config: &Config) -> Result<()> {
    let refuse = |message: &str, hint: &str| Err(Error::config(message).hint(hint));
    let fresh = &config.fresh;
    if !fresh.d_model.is_multiple_of(fresh.n_head) {
        return refuse(
            &format!("fresh.d_model: {} cannot be divided into {} heads", fresh.d_model, fresh.n_head),
            "choose a width that is a multiple of fresh.n_head",
        );
    }
    if config.length.epochs.is_none() && config.length.steps.is_none() && config.length.tokens.is_none() {
        return refuse("length: nothing says when training ends", "set length.epochs, length.steps or length.tokens");
    }
    if config.rows.layout == Layout::Packed {
        if config.pads_count() {
            return refuse("rows.layout: packed rows have no pads that could count", "set rows.layout to `single`");
        }
        if config.regularize.tied_dropout != TiedDropout::Off {
            return refuse(
                "regularize.tied_dropout: its channels belong to single rows",
                "set rows.layout to `single`",
            );
        }
    }
    if config.lora.rank > 0 {
        if config.freeze.embeddings || !config.freeze.layers.is_empty() {
            return refuse("freeze: with adapters the whole model is frozen already", "leave freeze as it is");
        }
        if config.regularize.spectral > 0.0 || config.regularize.l1 > 0.0 {
            return refuse(
                "regularize: the penalties on weights do not reach adapters",
                "set lora.rank, regularize.spectral or regularize.l1 to 0",
            );
        }
    }
    if config.optimizer.rule == Rule::Sgd && config.optimizer.nesterov && config.optimizer.momentum <= 0.0 {
        return refuse("optimizer.nesterov: looks ahead along the momentum, which is 0", "set optimizer.momentum");
    }
    if config.stop.patience.is_some() && !config.check.quality {
        return refuse("stop.patience: counts checks of the test loss, which are off", "set check.quality to true");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::methods::Method as _;
    use crate::methods::train::METHOD;

    fn refusal(config: &Value) -> String {
        METHOD.validate(config).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_a_remedy() {
        for (config, wanted) in [
            (json!({"fresh": {"d_model": 10, "n_head": 4}}), "multiple of fresh.n_head"),
            (json!({"length": {"epochs": null}}), "set length.epochs"),
            (json!({"rows": {"layout": "packed", "pad_in_loss": true}}), "`single`"),
            (json!({"rows": {"layout": "packed"}, "regularize": {"tied_dropout": "channel"}}), "`single`"),
            (json!({"lora": {"rank": 4}, "freeze": {"embeddings": true}}), "leave freeze"),
            (json!({"lora": {"rank": 4}, "regularize": {"l1": 0.1}}), "adapters"),
            (json!({"optimizer": {"rule": "sgd", "nesterov": true}}), "optimizer.momentum"),
            (json!({"stop": {"patience": 2}, "check": {"quality": false}}), "check.quality"),
            (json!({"optimizer": {"weight_decay": -1}}), "optimizer.weight_decay: is -1"),
        ] {
            assert!(refusal(&config).contains(wanted), "{config}: {}", refusal(&config));
        }
        assert_eq!(refusal(&json!({"lora": {"rank": 4}})), "");
    }
}
