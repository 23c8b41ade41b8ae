//! Membership inference: from scores of texts to how well they tell members from nonmembers.
//!
//! All black-box scores come from one forward pass a text. Reads: members and nonmembers, or labelled rows.
//! Source: the scores name theirs; metrics as in Carlini et al. 2022, arXiv:2112.03570.
//! Differs from published code: texts are never passed beyond the context; a share of no token takes one token;
//! undefined scores are dropped and counted; operating points are taken on the unthinned curve; the reference model
//! uses its own tokenizer. `compat: paper` does as published.

mod columns;
mod control;
mod further;
mod neighbors;
mod published;
mod report;
mod samples;
mod scores;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::methods::common::alignment::Scope;
use crate::methods::common::texts::{Bos, LongTexts, TextOptions};
use crate::methods::{Amount, Card, Compat, Context, Input, InputKind, Report, Typed, Work, any_row};
pub use scores::gradient_norm::TensorNorm;

/// A family of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// Mean log-probability.
    Loss,
    /// Log-likelihood over compressed size.
    Zlib,
    /// Loss of the lowercased text over the loss.
    Lowercase,
    /// Mean log-probability of the least likely tokens.
    MinK,
    /// The same, standardized by the distribution.
    MinKPlusPlus,
    /// Against a reference model; needs the input `reference`.
    Reference,
    /// Against neighbors of the text; needs the input `neighbors`.
    Neighborhood,
    /// Log-likelihood after nonmembers over the log-likelihood.
    Recall,
    /// Size of the gradient.
    GradientNorm,
    /// Gradient alignment with the text's paraphrases; needs rows with paraphrases.
    Alignment,
}

/// Options of [`METHOD`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which scores; `reference` and `neighborhood` join by themselves when their inputs are given.
    #[schemars(length(min = 1))]
    pub scores: Vec<Attack>,
    /// Shares of the tokens for Min-K% and Min-K%++.
    #[schemars(inner(range(min = 0.01, max = 1.0)))]
    pub ratios: Vec<f64>,
    /// Whether a beginning token goes before each text.
    pub bos: Bos,
    /// What happens to texts longer than `max_tokens`.
    pub long_texts: LongTexts,
    /// Tokens a text or window may have; the model's context when absent.
    #[schemars(range(min = 2), extend("x-unit" = "tokens"))]
    pub max_tokens: Option<usize>,
    /// Only the first so many texts of each file.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Nonmembers before each text for ReCaLL: the first of the nonmembers, which get no ReCaLL score themselves.
    #[schemars(range(min = 1, max = 64))]
    pub recall_shots: usize,
    /// Parameters of the alignment score.
    pub alignment_scope: Scope,
    /// Norm of each tensor of the gradient-norm score in paper mode.
    pub tensor_norm: TensorNorm,
    /// Resamples behind each interval; 0 for none.
    #[schemars(range(max = 100000))]
    pub bootstrap: usize,
    /// Folds of the control that sees only words; 0 for no control.
    #[schemars(range(max = 100))]
    pub control_folds: usize,
    /// A published table (CSV: method, auroc, fpr95, tpr05 in percent) to be shown beside the own numbers.
    pub published: Option<String>,
    /// Tokens that go through the model together; results do not depend on it.
    #[schemars(range(min = 1, max = 1048576), extend("x-unit" = "tokens"))]
    pub batch_tokens: usize,
    /// `paper` reproduces the published code.
    pub compat: Compat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scores: vec![Attack::Loss, Attack::Zlib, Attack::Lowercase, Attack::MinK, Attack::MinKPlusPlus],
            ratios: vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
            bos: Bos::Auto,
            long_texts: LongTexts::Truncate,
            max_tokens: None,
            limit: None,
            recall_shots: 1,
            alignment_scope: Scope::Head,
            tensor_norm: TensorNorm::Max,
            bootstrap: 1000,
            control_folds: 5,
            published: None,
            batch_tokens: 1024,
            compat: Compat::Correct,
        }
    }
}

/// Membership inference.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input { name: "model", kind: InputKind::Model, required: true, many: false, about: "The model under study." },
        Input {
            name: "members",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Texts of the training data.",
        },
        Input {
            name: "nonmembers",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Texts that were not in the training data.",
        },
        Input {
            name: "data",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Instead of the two: rows with labels, 1 for members (WikiMIA).",
        },
        Input {
            name: "reference",
            kind: InputKind::Model,
            required: false,
            many: false,
            about: "A model that was not trained on the members, for the reference score.",
        },
        Input {
            name: "neighbors",
            kind: InputKind::Data,
            required: false,
            many: true,
            about: "Neighbors of the texts: rows with paraphrases in the order of the texts (members, then \
                nonmembers), or m rows for every row of the files in that order.",
        },
    ],
    row_needs: any_row,
    fits,
    check,
    work,
    run,
};

const CARD: Card = Card {
    id: "mia",
    group: "mia",
    title: "Membership inference",
    about: "How well scores of a text tell whether it was in the training data.",
    formula: "loss: (1/n) Σ ln p; zlib: LL/|zlib(x)|; lowercase: LL(lower x)/LL(x); Min-K%: mean of the lowest ln p; \
        Min-K%++: the same of (ln p − μ)/σ; reference: LL − LL_ref; neighborhood: LL − mean LL of neighbors; ReCaLL: \
        LL(x | prefix)/LL(x); gradient norm: −‖grad L‖₂; alignment: mean cos(grad L(x'), grad L(x))",
    conventions: "Larger = more likely a member. LL is the mean log-probability, nats per token. zlib level 6 with \
        header. A share r takes n·r tokens, rounded down, at least one. AUROC counts ties one half; FPR at 95 % TPR is the smallest, \
        TPR at x % FPR the largest that qualifies, on the unthinned curve; intervals: stratified bootstrap, \
        percentiles. Paper mode: a share of no token is undefined, operating points on scikit-learn's thinned curve, \
        the reference model reads the target's token ids, gradient norm is the mean of the tensors' norms, positive; \
        alignment is that of gradient-alignment.",
    source: "Yeom 2018; Carlini 2021, 2022; Mattern 2023; Shi 2024; Zhang 2024; Xie 2024; MIMIR (Duan 2024)",
    version: 2,
};

impl Config {
    fn is_paper(&self) -> bool {
        self.compat == Compat::Paper
    }

    fn text_options(&self) -> TextOptions {
        TextOptions { bos: self.bos, long: self.long_texts, max_tokens: self.max_tokens, limit: self.limit }
    }

    /// The scores asked for and those whose inputs are given, in a fixed order.
    fn attacks(&self, cx: &Context<'_>) -> Vec<Attack> {
        let mut attacks = self.scores.clone();
        if !cx.models("reference").is_empty() {
            attacks.push(Attack::Reference);
        }
        if !cx.datasets("neighbors").is_empty() {
            attacks.push(Attack::Neighborhood);
        }
        attacks.sort_unstable();
        attacks.dedup();
        attacks
    }
}

fn check(config: &Config) -> Result<()> {
    let needs_ratios = config.scores.iter().any(|s| matches!(s, Attack::MinK | Attack::MinKPlusPlus));
    if needs_ratios && config.ratios.is_empty() {
        return Err(Error::config("ratios: Min-K% needs at least one ratio").hint("give, for example, 0.2"));
    }
    Ok(())
}

fn fits(amount: &Amount) -> Result<()> {
    let texts = |slot: &str| amount.texts.get(slot).copied().unwrap_or_default();
    let [labelled_0, labelled_1] = amount.labels.get("data").copied().unwrap_or_default();
    samples::both_sides(texts("members") + labelled_1, texts("nonmembers") + labelled_0)
}

fn work(config: &Config, amount: &Amount) -> Work {
    let of = |slots: &[&str]| slots.iter().filter_map(|s| amount.tokens.get(*s)).sum::<u64>();
    let tokens = of(&["members", "nonmembers", "data"]);
    let has = |attack: Attack| config.scores.contains(&attack);
    let mut work = Work { forward_tokens: tokens + of(&["neighbors"]), ..Work::default() };
    for attack in [Attack::Lowercase, Attack::GradientNorm] {
        work.forward_tokens += if has(attack) { tokens } else { 0 };
    }
    // The prefix is as long as a text for every shot.
    work.forward_tokens += if has(Attack::Recall) { tokens * (1 + config.recall_shots as u64) } else { 0 };
    work.forward_tokens += if amount.models.contains_key("reference") { tokens } else { 0 };
    work.forward_tokens += if has(Attack::Alignment) { tokens } else { 0 };
    work.backward_tokens = if has(Attack::GradientNorm) { tokens } else { 0 };
    work
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let model = cx.model("model")?;
    let published = config.published.as_deref().map(published::read).transpose()?;
    let samples = samples::samples(config, cx, model)?;
    let attacks = config.attacks(cx);
    let passes = columns::forward(config, cx, model, &samples)?;
    let given = further::Given { config, model, samples: &samples, passes: &passes };
    let (mut columns, mut notes) = (Vec::new(), samples.notes.clone());
    for attack in &attacks {
        columns.extend(match attack {
            Attack::Loss => vec![columns::loss(&passes)],
            Attack::Zlib => columns::zlib(&samples, &passes)?,
            Attack::MinK => columns::min_k(config, &passes),
            Attack::MinKPlusPlus => columns::min_k_plus_plus(config, &passes),
            Attack::Lowercase => vec![further::lowercase(given, cx)?],
            Attack::Reference => further::reference(given, cx)?,
            Attack::Neighborhood => vec![further::neighborhood(given, cx)?],
            Attack::Recall => vec![further::recall(given, cx, &mut notes)?],
            Attack::GradientNorm => vec![further::gradient_norm(given, cx)?],
            Attack::Alignment => vec![further::alignment(given, cx)?],
        });
    }
    let control = control::measure(config, &samples, cx.seed);
    let mut report = report::report(config, &samples, &columns, control.as_ref(), published.as_deref(), cx.seed);
    report.notes.splice(0..0, notes);
    Ok(report)
}
