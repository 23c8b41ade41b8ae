//! Memorization score and exact extraction: how much of a continuation greedy decoding reproduces from its prefix.
//!
//! Formula: S = prefix (k tokens) + continuation C (l tokens), G = greedy continuation of the prefix,
//! score = (1/l)·#{i : Gᵢ = Cᵢ}, position by position; extractible when the score is 1.
//! Reads: rows of token ids, or texts that are tokenized; of each the first k + l tokens, or those around the place
//! where the row is split into prompt and continuation.
//! Source: Biderman et al. 2023, arXiv:2304.11158, eq. 1; Liu et al. 2023 (LLM360), arXiv:2312.06550, section 4.3.
//! Cost: one teacher-forced pass decides exactness and the first mismatch, because up to there greedy decoding sees
//! the true tokens; only rows that mismatch at i are decoded, from i + 1 on.

mod decode;
mod report;
mod rows;
mod series;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::methods::common::continuations::EosPolicy;
use crate::methods::common::overlap::{common_prefix, common_substring};
use crate::methods::common::texts::{Bos, chunk_len};
use crate::methods::{
    Amount, Card, Compat, Context, Input, InputKind, LoadedModel, Report, Typed, Work, any_amount, no_check,
};
use decode::Plan;
use rows::{Row, Rows};

/// Options of [`METHOD`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Prefix length k: tokens the model is given.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "tokens"))]
    pub k: usize,
    /// Continuation length l: tokens it has to reproduce.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "tokens"))]
    pub l: usize,
    /// Where the continuation begins.
    pub split: Split,
    /// What an end-of-text token does while decoding.
    pub eos_policy: EosPolicy,
    /// Fills a row after its end-of-text token when that stops it.
    #[schemars(extend("x-unit" = "token id"))]
    pub pad_token: u32,
    /// Whether a beginning token goes before the prefix; training rows have none in the middle of a stream.
    pub bos: Bos,
    /// Only the first so many rows.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Tokens that go through the model together; results do not depend on it.
    #[schemars(range(min = 1, max = 1048576), extend("x-unit" = "tokens"))]
    pub batch_tokens: usize,
    /// `paper` stops a row at its end-of-text token and fills it with `pad_token`, as Analysis360 does.
    pub compat: Compat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            k: 32,
            l: 32,
            split: Split::Tokens,
            eos_policy: EosPolicy::Free,
            pad_token: 0,
            bos: Bos::Never,
            limit: None,
            batch_tokens: 2048,
            compat: Compat::Correct,
        }
    }
}

/// Where the continuation of a row begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// After the first k tokens.
    #[default]
    Tokens,
    /// Where the file splits the row into prompt and continuation; of a longer prompt the last k tokens are given.
    Row,
}

/// k and l cut a row in two; where the row says itself where it is split, only l asks for tokens.
fn row_needs(config: &Config) -> Vec<(&'static str, usize)> {
    match config.split {
        Split::Tokens => vec![("k", config.k), ("l", config.l)],
        Split::Row => vec![("l", config.l)],
    }
}

/// Memorization score and exact extraction.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input { name: "model", kind: InputKind::Model, required: true, many: false, about: "The model under study." },
        Input {
            name: "checkpoints",
            kind: InputKind::Model,
            required: false,
            many: true,
            about: "Earlier checkpoints of the model, in training order; `model` is the last.",
        },
        Input {
            name: "data",
            kind: InputKind::Data,
            required: true,
            many: false,
            about: "Rows of token ids (prompt and continuation), or texts.",
        },
    ],
    check: no_check,
    row_needs,
    fits: any_amount,
    work,
    run,
};

const CARD: Card = Card {
    id: "memorization-score",
    group: "score",
    title: "Memorization score",
    about: "How many continuation tokens greedy decoding reproduces from the prefix of a row.",
    formula: "score = (1/l) Σ_i 1[G_i = C_i]; exact match: score = 1",
    conventions: "Position by position: a match after a mismatch counts. Ties go to the lower token id. No \
        beginning token. An end-of-text token is a token like any other unless eos_policy says otherwise. Paper mode: \
        it stops the row, which is filled with pad_token (Analysis360), so that a continuation with a true one cannot \
        reach 1.",
    source: "Biderman et al. 2023, arXiv:2304.11158, eq. 1; Liu et al. 2023, arXiv:2312.06550, section 4.3",
    version: 1,
};

impl Config {
    fn eos(&self) -> EosPolicy {
        if self.compat == Compat::Paper { EosPolicy::Stop } else { self.eos_policy }
    }
}

fn work(config: &Config, amount: &Amount) -> Work {
    let rows = amount.all_texts().min(config.limit.unwrap_or(usize::MAX) as u64);
    let models = amount.models.values().sum::<u64>().max(1);
    // Most rows of ordinary text mismatch early; about two thirds of their continuation is decoded.
    let decoded = rows * models * config.l as u64 * 2 / 3;
    Work {
        forward_tokens: rows * models * (config.k + config.l) as u64 + decoded,
        decoded_tokens: decoded,
        ..Work::default()
    }
}

/// How one row came out.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    generated: Vec<u32>,
    matches: Vec<bool>,
    /// Length of the longest common prefix of generated and true continuation.
    prefix: usize,
    /// Length of their longest common substring.
    substring: usize,
}

impl Outcome {
    fn new(generated: Vec<u32>, continuation: &[u32]) -> Self {
        let matches = generated.iter().zip(continuation).map(|(g, c)| g == c).collect();
        let prefix = common_prefix(&generated, continuation);
        let substring = common_substring(&generated, continuation);
        Self { generated, matches, prefix, substring }
    }

    fn n_matches(&self) -> usize {
        self.matches.iter().filter(|m| **m).count()
    }

    fn score(&self) -> f64 {
        self.n_matches() as f64 / self.matches.len().max(1) as f64
    }

    fn is_exact(&self) -> bool {
        self.n_matches() == self.matches.len()
    }
}

/// What one model did with all rows.
struct Evaluated<'a> {
    model: &'a LoadedModel,
    outcomes: Vec<Outcome>,
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let model = cx.model("model")?;
    let data = cx.dataset("data")?;
    let Rows { list: rows, notes } = rows::rows(config, model, data)?;
    let earlier = cx.models("checkpoints").iter().filter(|m| m.path != model.path);
    let models: Vec<&LoadedModel> = earlier.chain([model]).collect();
    let mut evaluated = Vec::new();
    for (i, &model) in models.iter().enumerate() {
        let plan = Plan::new(config, model, &rows)?;
        let stage = if models.len() == 1 { "decode".to_owned() } else { format!("decode {} {}", i + 1, model.name) };
        let chunk = chunk_len([config.k + config.l], config.batch_tokens);
        let generated = cx.map(&stage, rows.len(), chunk, |range| plan.continuations(&rows[range]))?;
        let outcomes = generated.into_iter().zip(&rows).map(|(g, r)| Outcome::new(g, &r.continuation)).collect();
        let found = Evaluated { model, outcomes };
        cx.host.metric("memorization_score", i as u64, found.mean_score());
        evaluated.push(found);
    }
    let mut report = report::report(config, data, &rows, &evaluated, cx.seed);
    report.notes.extend(notes);
    if config.compat == Compat::Paper {
        report.notes.push("Paper mode: an end-of-text token stops a row (Analysis360).".to_owned());
    }
    Ok(report)
}

impl Evaluated<'_> {
    fn scores(&self) -> Vec<f64> {
        self.outcomes.iter().map(Outcome::score).collect()
    }

    fn exact(&self) -> Vec<f64> {
        self.outcomes.iter().map(|o| f64::from(u8::from(o.is_exact()))).collect()
    }

    fn mean_score(&self) -> f64 {
        self.scores().iter().sum::<f64>() / self.outcomes.len().max(1) as f64
    }
}
