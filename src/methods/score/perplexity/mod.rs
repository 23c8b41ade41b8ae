//! Perplexity in both definitions, bits per byte, and what the model says about every token.
//!
//! Formula: with Nᵢ predicted tokens of text i and Lᵢ = −(1/Nᵢ) Σ ln p(token),
//! corpus = exp(Σ Nᵢ·Lᵢ / Σ Nᵢ), mean of texts = (1/n) Σ exp(Lᵢ).
//! Units: losses in nats per token, bits per byte of the predicted text.
//! Differs from the original: Analysis360 multiplies the mean loss of a padded batch (pads counted as targets) by
//! the padded length and divides by the real tokens; `compat: paper` does so too.
//! Cost: one forward pass; ranks need the head twice.

mod padded;
mod report;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{TokenScore, Want};
use crate::error::Result;
use crate::methods::common::texts::{Bos, LongTexts, TextOptions, chunk_len, prepare, score};
use crate::methods::{
    Amount, Card, Compat, Context, Input, InputKind, Report, Typed, Work, any_amount, any_row, no_check,
};

/// Options of [`METHOD`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether a beginning token goes before each text; with one, the first token of the text is predicted too.
    pub bos: Bos,
    /// What happens to texts longer than `max_tokens`.
    pub long_texts: LongTexts,
    /// Tokens a text or window may have; the model's context when absent.
    #[schemars(range(min = 2), extend("x-unit" = "tokens"))]
    pub max_tokens: Option<usize>,
    /// How far windows move on; half of a window when absent.
    #[schemars(range(min = 1), extend("x-unit" = "tokens"))]
    pub stride: Option<usize>,
    /// Write log-probability, rank and entropy of every token.
    pub per_token: bool,
    /// Only the first so many texts.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Tokens that go through the model together; results do not depend on it.
    #[schemars(range(min = 1, max = 1048576), extend("x-unit" = "tokens"))]
    pub batch_tokens: usize,
    /// Texts in a padded batch of the paper mode; unused otherwise.
    #[schemars(range(min = 1, max = 4096))]
    pub batch_size: usize,
    /// `paper` adds the perplexity that Analysis360 computes from padded batches of 512 tokens.
    pub compat: Compat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bos: Bos::Auto,
            long_texts: LongTexts::Truncate,
            max_tokens: None,
            stride: None,
            per_token: true,
            limit: None,
            batch_tokens: 1024,
            batch_size: 2,
            compat: Compat::Correct,
        }
    }
}

/// Perplexity.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input { name: "model", kind: InputKind::Model, required: true, many: false, about: "The model under study." },
        Input {
            name: "data",
            kind: InputKind::Data,
            required: true,
            many: false,
            about: "Texts, or rows of token ids.",
        },
    ],
    check: no_check,
    row_needs: any_row,
    fits: any_amount,
    work,
    run,
};

const CARD: Card = Card {
    id: "perplexity",
    group: "score",
    title: "Perplexity",
    about: "How likely the model finds each text and each token.",
    formula: "corpus: exp(Σ nll / Σ tokens); mean of texts: mean of exp(nll/tokens of a text); \
        bits per byte: Σ nll / (ln 2 · Σ bytes)",
    conventions: "The first token of a text is predicted only after a beginning token. Natural logarithms. Entropy is \
        that of the next-token distribution before the token. Rank 0 is the most likely token; ties go to the lower \
        id. Paper mode also gives Analysis360's number, exp(Σ mean loss·T / Σ real tokens) over left-padded batches; \
        the losses at pads are those of a sequence of pads.",
    source: "Jelinek et al. 1977; LLM360/Analysis360 analysis/metrics/ppl",
    version: 1,
};

/// What the model says about the predicted tokens of a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Scored {
    log_probs: Vec<f64>,
    /// Empty unless every token is written.
    ranks: Vec<u32>,
    /// Nats; empty unless every token is written.
    entropies: Vec<f64>,
}

impl Scored {
    fn new(scores: &[TokenScore]) -> Self {
        Self {
            log_probs: scores.iter().map(|s| s.log_prob).collect(),
            ranks: scores.iter().filter_map(|s| s.rank).collect(),
            entropies: scores.iter().filter_map(|s| s.moments).map(|m| -m[0]).collect(),
        }
    }

    fn total(&self) -> Total {
        Total { nll: -self.log_probs.iter().sum::<f64>(), n_tokens: self.log_probs.len() }
    }
}

/// What is kept of a text.
#[derive(Clone, Copy, Debug)]
struct Total {
    /// Σ −ln p, nats.
    nll: f64,
    /// Predicted tokens.
    n_tokens: usize,
}

impl Total {
    /// Nats per token.
    fn loss(&self) -> f64 {
        self.nll / self.n_tokens as f64
    }
}

fn work(_: &Config, amount: &Amount) -> Work {
    Work { forward_tokens: amount.all_tokens(), ..Work::default() }
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let model = cx.model("model")?;
    let data = cx.dataset("data")?;
    const PAPER_TOKENS: usize = 512;
    let max_tokens = config.max_tokens.or_else(|| (config.compat == Compat::Paper).then_some(PAPER_TOKENS));
    let options = TextOptions { bos: config.bos, long: config.long_texts, max_tokens, limit: config.limit };
    let prepared = prepare(model, data, &options)?;
    let texts = &prepared.texts;
    let stride = config.stride.unwrap_or(prepared.max_tokens / 2);
    let want = Want { rank: config.per_token, moments: config.per_token, top: 0 };
    let chunk = chunk_len(texts.iter().map(|t| t.ids.len()), config.batch_tokens);
    let compute = |range: std::ops::Range<usize>| {
        let ids: Vec<&[u32]> = texts[range].iter().map(|t| t.ids.as_slice()).collect();
        let scores = score(&model.decoder, &ids, want, prepared.max_tokens, stride)?;
        Ok(scores.iter().map(|s| Scored::new(s)).collect())
    };
    // The numbers of single tokens go to the disk as they come; only the sums stay.
    let mut totals = Vec::with_capacity(texts.len());
    cx.for_each("score", texts.len(), chunk, compute, |host, first, scored: Vec<Scored>| {
        if config.per_token {
            host.rows(report::tokens_table(model, &texts[first..first + scored.len()], &scored))?;
        }
        totals.extend(scored.iter().map(Scored::total));
        Ok(())
    })?;
    let mut report = report::report(model, data, texts, &totals);
    if config.compat == Compat::Paper {
        report.scalars.push(padded::perplexity(config, cx, model, texts, &totals)?);
    }
    report.notes = prepared.notes(data, config.long_texts);
    Ok(report)
}
