//! The configuration of `unlearn`: the technique, and settings of which each technique has some.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::choose::Rounding;
use super::robustness::{self, Robustness};
use super::scores::Kind;
use super::technique::{How, Knobs, Need, Technique, find, techniques};
use crate::error::{Error, Result};
use crate::methods::Compat;
use crate::methods::common::texts::Bos;

/// Options of [`METHOD`](super::METHOD). Settings that are left out have the value that the technique's paper or code uses.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How the model is made to forget.
    #[schemars(schema_with = "technique_schema")]
    pub technique: String,
    /// Fraction of the weights of each matrix, or of the hidden units of each layer, that is removed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ratio: Option<f64>,
    /// More fractions, each measured on its own; scores are computed once for all of them.
    #[schemars(inner(range(min = 0.0, max = 1.0)))]
    pub ratios: Vec<f64>,
    /// How a fraction becomes a number of hidden units, for techniques that remove those.
    pub rounding: Rounding,
    /// Which rows of `forget` are forgotten.
    pub forget_rows: ForgetRows,
    /// Passes over the texts.
    #[schemars(range(min = 1, max = 10000))]
    pub epochs: Option<usize>,
    /// Steps after which training ends, whatever `epochs` says; 0 for no end.
    #[schemars(range(min = 0, max = 1000000), extend("x-unit" = "steps"))]
    pub max_steps: Option<usize>,
    /// Texts of a step.
    #[schemars(range(min = 1, max = 4096), extend("x-unit" = "texts"))]
    pub batch: Option<usize>,
    /// Learning rate.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub lr: Option<f64>,
    /// Momentum of stochastic gradient descent.
    #[schemars(range(min = 0.0, max = 0.999))]
    pub momentum: Option<f64>,
    /// Weight decay.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight_decay: Option<f64>,
    /// Balanced Subnet: weight of the retained texts; those to forget have the rest.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub loss_weight: Option<f64>,
    /// Sharpness β of the loss (NPO, SimNPO, DPO, UNDIAL, WGA), or first exponent (SatImp).
    #[schemars(range(min = 0.0, max = 100.0))]
    pub beta: Option<f64>,
    /// Second exponent of SatImp.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub beta2: Option<f64>,
    /// Weight γ of the loss on texts to forget.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub gamma: Option<f64>,
    /// Weight α of the loss on retained texts; for PDU the first value of its dual variable.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub alpha: Option<f64>,
    /// Margin δ of SimNPO.
    #[schemars(range(min = -100.0, max = 100.0), extend("x-unit" = "nats/token"))]
    pub delta: Option<f64>,
    /// Length of the direction that RMU steers to.
    #[schemars(range(min = 0.0, max = 10000.0))]
    pub steering: Option<f64>,
    /// Block whose output RMU steers, from 0.
    #[schemars(range(min = 0, max = 1000))]
    pub layer: Option<usize>,
    /// PDU: loss on retained texts that is allowed.
    #[schemars(range(min = 0.0, max = 100.0), extend("x-unit" = "nats/token"))]
    pub epsilon: Option<f64>,
    /// PDU: step size of the dual variable.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub dual_lr: Option<f64>,
    /// Tokens of an answer that the loss passes over (CE-U), or epochs before the dual variable moves (PDU).
    #[schemars(range(min = 0, max = 1000))]
    pub skip: Option<usize>,
    /// Weight of the sparsity term of Slimming and Hard Concrete; 0 in the correct mode balances it with the loss.
    #[schemars(range(min = 0.0, max = 1000000.0))]
    pub sparsity_weight: Option<f64>,
    /// Points between 0 and the activation (Integrated Gradients).
    #[schemars(range(min = 2, max = 1000))]
    pub ig_steps: Option<usize>,
    /// OBS: weights that share a block of the Fisher matrix.
    #[schemars(range(min = 1, max = 256), extend("x-unit" = "weights"))]
    pub fisher_block: Option<usize>,
    /// OBS: number λ added to the diagonal of the Fisher matrix.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub damping: Option<f64>,
    /// OBS in paper mode: gradients of the recursion.
    #[schemars(range(min = 1, max = 100000))]
    pub n_gradients: Option<usize>,
    /// What keeps retained texts as they are.
    pub retain_loss: RetainLoss,
    /// Parameters that losses train.
    pub train: Trained,
    /// Rank of the additions when `train` is `lora`; they weigh twice as much as 1/rank.
    #[schemars(range(min = 1, max = 1024))]
    pub lora_rank: usize,
    /// Edits to put on the model first, in this order: folders that hold `edit.json`.
    #[schemars(extend("x-path" = true))]
    pub apply: Vec<String>,
    /// Whether the edited model is also written as a folder of its own; the edit always is.
    pub save_model: bool,
    /// Prefix length k of the memorization check.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "tokens"))]
    pub k: usize,
    /// Continuation length l of the memorization check.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "tokens"))]
    pub l: usize,
    /// Whether a text begins with the model's beginning token.
    pub bos: Bos,
    /// Tokens of a text; the model's context when absent.
    #[schemars(range(min = 2), extend("x-unit" = "tokens"))]
    pub max_tokens: Option<usize>,
    /// Only the first so many rows of each data set.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Rows of each set that are continued greedily for ROUGE and the memorization score.
    #[schemars(range(min = 0, max = 100000))]
    pub generated_rows: usize,
    /// People of each set who are asked about the facts that rows state; 0 for nobody.
    #[schemars(range(min = 0, max = 100000))]
    pub qa_people: usize,
    /// How hard it is tried to bring back what was forgotten.
    pub robustness: Robustness,
    /// Tokens that go through the model together while measuring; results do not depend on it.
    #[schemars(range(min = 1, max = 1048576), extend("x-unit" = "tokens"))]
    pub batch_tokens: usize,
    /// `paper` reproduces the published code of the technique.
    pub compat: Compat,
}

/// Which rows are forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForgetRows {
    /// All of them.
    #[default]
    All,
    /// Those that the model reproduces from their prefix: k tokens given, l tokens exact.
    Memorized,
}

/// What keeps retained texts as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetainLoss {
    /// Their loss stays low.
    #[default]
    Nll,
    /// Predictions stay those of the model before: KL(before ‖ now).
    Kl,
}

/// What losses train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trained {
    /// Every parameter.
    #[default]
    All,
    /// The feed-forward blocks.
    Mlp,
    /// The last map of the feed-forward blocks.
    Down,
    /// Low-rank additions to every matrix of the blocks, which are merged afterwards.
    Lora,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            technique: "balanced-subnet".to_owned(),
            ratio: None,
            ratios: Vec::new(),
            rounding: Rounding::Auto,
            forget_rows: ForgetRows::All,
            epochs: None,
            max_steps: None,
            batch: None,
            lr: None,
            momentum: None,
            weight_decay: None,
            loss_weight: None,
            beta: None,
            beta2: None,
            gamma: None,
            alpha: None,
            delta: None,
            steering: None,
            layer: None,
            epsilon: None,
            dual_lr: None,
            skip: None,
            sparsity_weight: None,
            ig_steps: None,
            fisher_block: None,
            damping: None,
            n_gradients: None,
            retain_loss: RetainLoss::Nll,
            train: Trained::All,
            lora_rank: 8,
            apply: Vec::new(),
            save_model: true,
            k: 32,
            l: 32,
            bos: Bos::Auto,
            max_tokens: None,
            limit: None,
            generated_rows: 100,
            qa_people: 50,
            robustness: Robustness::default(),
            batch_tokens: 2048,
            compat: Compat::Correct,
        }
    }
}

/// The techniques as words with their meanings, so that forms and help follow the list.
fn technique_schema(_: &mut SchemaGenerator) -> Schema {
    let word = |t: &Technique| json!({"const": t.id, "description": format!("{}: {}", t.title, t.about)});
    json_schema!({"description": "How the model is made to forget.", "oneOf": techniques().map(word).collect::<Vec<_>>()})
}

impl Config {
    /// Whether the published code is reproduced.
    pub fn is_paper(&self) -> bool {
        self.compat == Compat::Paper
    }

    /// The technique.
    ///
    /// # Errors
    /// `Config` for an unknown one.
    pub fn technique(&self) -> Result<&'static Technique> {
        find(&self.technique)
    }

    /// Numbers that were given, by name of their field.
    fn given(&self) -> BTreeMap<String, f64> {
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else { return BTreeMap::new() };
        let always = ["k", "l", "generated_rows", "batch_tokens", "max_tokens", "limit", "lora_rank", "qa_people"];
        fields
            .into_iter()
            .filter(|(k, _)| !always.contains(&k.as_str()))
            .filter_map(|(k, v)| Some((k, v.as_f64()?)))
            .collect()
    }

    /// The settings of the technique.
    ///
    /// # Errors
    /// `Config` for an unknown technique.
    pub fn knobs(&self) -> Result<Knobs> {
        Ok(Knobs::new(self.technique()?, &self.given()))
    }

    /// All ratios to measure, the main one first; a single 0 for techniques without.
    ///
    /// # Errors
    /// `Config` for an unknown technique.
    pub fn all_ratios(&self) -> Result<Vec<f64>> {
        let knobs = self.knobs()?;
        if !knobs.has("ratio") {
            return Ok(vec![0.0]);
        }
        let mut all = vec![knobs.get("ratio")?];
        for ratio in &self.ratios {
            if !all.contains(ratio) {
                all.push(*ratio);
            }
        }
        Ok(all)
    }
}

/// What single fields cannot say: settings belong to the technique.
pub fn check(config: &Config) -> Result<()> {
    let technique = config.technique()?;
    let knobs = config.knobs()?;
    if let Some((name, _)) = config.given().iter().find(|(name, _)| !knobs.has(name)) {
        let own: Vec<&str> = technique.knobs.iter().map(|(name, _)| *name).collect();
        let hint = match own.as_slice() {
            [] => format!("leave it out; `{}` has no settings", technique.id),
            own => format!("leave it out; `{}` has {}", technique.id, own.join(", ")),
        };
        return Err(Error::config(format!("{name}: the technique `{}` does not use it", technique.id)).hint(hint));
    }
    if !config.ratios.is_empty() && !knobs.has("ratio") {
        return Err(
            Error::config(format!("ratios: the technique `{}` has no ratio", technique.id)).hint("leave them out")
        );
    }
    unused(config, technique)?;
    let is_loss = matches!(technique.how, How::Objective(_));
    if config.train != Trained::All && !is_loss {
        return Err(Error::config(format!("train: the technique `{}` trains no parameters", technique.id))
            .hint("leave it out; it is for losses such as npo"));
    }
    if config.retain_loss != RetainLoss::Nll && (!is_loss || technique.retain == Need::No) {
        return Err(Error::config(format!("retain_loss: the technique `{}` has none", technique.id))
            .hint("leave it out; it is for losses with retained texts, such as npo"));
    }
    if technique.id == "rmu" && config.retain_loss != RetainLoss::Nll {
        return Err(Error::config("retain_loss: the technique `rmu` keeps the output of the block on retained texts")
            .hint("leave it out"));
    }
    if technique.id == "none" && config.apply.is_empty() {
        return Err(Error::config("apply: the technique `none` changes nothing by itself")
            .hint("name the folders of edits to put on the model, or choose another technique"));
    }
    robustness::check(&config.robustness)
}

/// Refuses settings that the technique has, but not in this mode or with these other settings.
fn unused(config: &Config, technique: &Technique) -> Result<()> {
    let is_neurons = matches!(technique.how, How::Localize(rule) if rule.kind() == Kind::Neuron);
    if config.rounding != Rounding::Auto && !is_neurons {
        return Err(Error::config(format!("rounding: the technique `{}` removes no hidden units", technique.id))
            .hint("leave it out; numbers of weights are always rounded down"));
    }
    if config.lora_rank != Config::default().lora_rank && config.train != Trained::Lora {
        return Err(
            Error::config("lora_rank: nothing is added to the matrices").hint("leave it out, or set train to `lora`")
        );
    }
    if config.damping == Some(0.0) {
        return Err(Error::config("damping: 0 leaves matrices that have no inverse").hint("use a number above 0"));
    }
    let How::Localize(rule) = technique.how else { return Ok(()) };
    let given = config.given();
    match rule.unused(config.is_paper()).iter().find(|name| given.contains_key(**name)) {
        Some(name) => {
            let (mode, other) = if config.is_paper() { ("paper", "correct") } else { ("correct", "paper") };
            Err(Error::config(format!("{name}: `{}` does not use it in the {mode} mode", technique.id))
                .hint(format!("leave it out, or set compat to `{other}`")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(value: Value) -> String {
        let config: Config = serde_json::from_value(value).unwrap();
        check(&config).unwrap_err().to_string()
    }

    #[test]
    fn settings_belong_to_their_technique() {
        let text = refused(json!({"technique": "durable", "lr": 0.1}));
        assert!(text.contains("lr: the technique `durable` does not use it") && text.contains("has ratio"), "{text}");
        assert!(refused(json!({"technique": "npo", "ratios": [0.1]})).contains("has no ratio"));
        assert!(refused(json!({"technique": "npow"})).contains("did you mean `npo`?"));
        assert!(refused(json!({"technique": "durable", "train": "mlp"})).contains("trains no parameters"));
        assert!(refused(json!({"technique": "none"})).contains("changes nothing by itself"));
        assert!(refused(json!({"technique": "rmu", "retain_loss": "kl"})).contains("keeps the output of the block"));
        assert!(refused(json!({"technique": "durable", "rounding": "floor"})).contains("removes no hidden units"));
        assert!(refused(json!({"technique": "npo", "lora_rank": 4})).contains("nothing is added"));
        assert!(refused(json!({"technique": "obs", "damping": 0})).contains("use a number above 0"));
    }

    #[test]
    fn settings_belong_to_their_mode() {
        for (technique, compat, name) in [
            ("slimming", "paper", "lr"),
            ("slimming", "paper", "sparsity_weight"),
            ("hard-concrete", "paper", "sparsity_weight"),
            ("integrated-gradients", "paper", "ig_steps"),
            ("obs", "correct", "n_gradients"),
            ("obs", "correct", "batch"),
        ] {
            let other = if compat == "paper" { "correct" } else { "paper" };
            let text = refused(json!({"technique": technique, "compat": compat, name: 2}));
            assert!(text.contains(&format!("{name}: `{technique}` does not use it in the {compat} mode")), "{text}");
            assert!(text.contains(&format!("compat to `{other}`")), "{text}");
            let config = json!({"technique": technique, "compat": other, name: 2});
            check(&serde_json::from_value(config).unwrap()).unwrap();
        }
    }

    #[test]
    fn given_settings_replace_those_of_the_technique() {
        let config: Config =
            serde_json::from_value(json!({"technique": "subnet", "lr": 0.5, "ratios": [0.1, 0.2]})).unwrap();
        let knobs = config.knobs().unwrap();
        assert_eq!((knobs.get("lr").unwrap(), knobs.get("momentum").unwrap()), (0.5, 0.9));
        assert_eq!(config.all_ratios().unwrap()[1..], [0.2], "a ratio is measured once");
        assert!(knobs.get("beta").is_err());
    }
}
