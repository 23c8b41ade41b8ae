//! What the model knows before and after, measured with the same code: a pass over each set, and greedy continuations.

mod facts;
mod ks;
mod membership;
mod metrics;
mod rouge;

use serde::{Deserialize, Serialize};

pub use facts::{facts, quiz};
pub use metrics::{Better, Metric, Statistic, metrics, statistics};

use super::config::Config;
use super::sets::{Item, Sets, eos_policy, given};
use crate::data::Tokenizer;
use crate::engine::score::score_tokens;
use crate::engine::{Decoder, TokenScore, Want};
use crate::error::Result;
use crate::methods::Context;
use crate::methods::common::continuations::{Given, Greedy};
use crate::methods::common::texts::chunk_len;

/// What one pass says about a text: an entry for each predicted token, the second of the text first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// ln p(token), nats.
    pub log_probs: Vec<f64>,
    /// Whether the token is the most likely one.
    pub hits: Vec<bool>,
    /// μ = Σ p ln p and σ² of ln p.
    pub moments: Vec<[f64; 2]>,
}

/// What greedy decoding makes of a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// Of the memorization check; absent where there is none.
    pub probe: Option<Vec<u32>>,
    /// After the prompt, as long as the answer; absent for texts without a prompt.
    pub answer: Option<Vec<u32>>,
}

/// One set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// By text.
    pub passes: Vec<Pass>,
    /// By text; only of the first `generated_rows`.
    pub generated: Vec<Generated>,
    /// By text and paraphrase: mean loss of its counted tokens.
    pub paraphrases: Vec<Vec<f64>>,
    /// By text and other answer: mean loss of its counted tokens.
    pub answers: Vec<Vec<f64>>,
}

/// All sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub forget: Side,
    pub retain: Side,
    pub holdout: Side,
}

/// Measures a model; `phase` is shown and names the records.
///
/// # Errors
/// Those of the engine, `Cancelled`.
pub fn measure(
    config: &Config,
    cx: &mut Context<'_>,
    model: &Decoder,
    sets: &Sets<'_>,
    phase: &str,
) -> Result<Measured> {
    Ok(Measured {
        forget: side(config, cx, model, &sets.forget, &format!("{phase}: forget"))?,
        retain: side(config, cx, model, &sets.retain, &format!("{phase}: retain"))?,
        holdout: side(config, cx, model, &sets.holdout, &format!("{phase}: holdout"))?,
    })
}

fn side(config: &Config, cx: &mut Context<'_>, model: &Decoder, items: &[Item], stage: &str) -> Result<Side> {
    if items.is_empty() {
        return Ok(Side::default());
    }
    let chunk = chunk_len(items.iter().map(|i| i.text.ids.len()), config.batch_tokens);
    let passes = cx.map(stage, items.len(), chunk, |range| passes(model, &items[range]))?;
    let n = items.len().min(config.generated_rows);
    let generated = cx.map(&format!("{stage}, continued"), n, chunk, |range| generate(config, model, &items[range]))?;
    let paraphrases = |item: &Item| item.paraphrases.iter().map(|p| loss_of(model, &p.ids, p.labelled)).collect();
    let paraphrases = items.iter().map(paraphrases).collect::<Result<_>>()?;
    let answers = |item: &Item| item.answers.iter().map(|a| loss_of(model, &a.ids, a.labelled)).collect();
    let answers = items.iter().map(answers).collect::<Result<_>>()?;
    Ok(Side { passes, generated, paraphrases, answers })
}

/// What one pass says about some texts.
pub(super) fn passes(model: &Decoder, items: &[Item]) -> Result<Vec<Pass>> {
    let ids: Vec<&[u32]> = items.iter().map(|i| i.text.ids.as_slice()).collect();
    let scores = score_tokens(model, &ids, Want { moments: true, ..Want::default() })?;
    let pass = |(scores, ids): (Vec<TokenScore>, &&[u32])| Pass {
        log_probs: scores.iter().map(|s| s.log_prob).collect(),
        hits: scores.iter().zip(&ids[1..]).map(|(s, id)| s.argmax == *id).collect(),
        moments: scores.iter().map(|s| s.moments.unwrap_or_default()).collect(),
    };
    Ok(scores.into_iter().zip(&ids).map(pass).collect())
}

/// Mean −ln p of the tokens from `from` on.
fn loss_of(model: &Decoder, ids: &[u32], from: usize) -> Result<f64> {
    let ids = &ids[..ids.len().min(model.config.n_ctx)];
    let scores = score_tokens(model, &[ids], Want::default())?;
    let counted: Vec<f64> = scores.into_iter().flatten().skip(from.max(1) - 1).map(|s| -s.log_prob).collect();
    Ok(counted.iter().sum::<f64>() / counted.len().max(1) as f64)
}

/// The prompt and the answer of a text that has both.
fn prompt(item: &Item) -> Option<Given<'_>> {
    let (prefix, continuation) = item.text.ids.split_at_checked(item.labelled)?;
    (item.labelled > 1 && item.labelled > item.text.n_special && !continuation.is_empty())
        .then_some(Given { prefix, continuation })
}

fn generate(config: &Config, model: &Decoder, items: &[Item]) -> Result<Vec<Generated>> {
    let greedy = Greedy { decoder: model, policy: eos_policy(config, model), pad: 0 };
    let probes: Vec<Given<'_>> = items.iter().filter_map(|i| i.probe.as_ref().map(given)).collect();
    let answers: Vec<Given<'_>> = items.iter().filter_map(prompt).collect();
    let mut probes = greedy.continuations(&probes)?.into_iter();
    let mut answers = greedy.continuations(&answers)?.into_iter();
    let of = |item: &Item| Generated {
        probe: item.probe.as_ref().and_then(|_| probes.next()),
        answer: prompt(item).and_then(|_| answers.next()),
    };
    Ok(items.iter().map(of).collect())
}

/// Text of what was generated for an item, and of what is true: of the answer where there is a prompt, else of the check.
pub fn shown(item: &Item, generated: &Generated, tokenizer: Option<&Tokenizer>) -> Option<[String; 2]> {
    let (own, truth, before) = match (&generated.answer, prompt(item), &generated.probe, &item.probe) {
        (Some(own), Some(given), ..) => (own, given.continuation, given.prefix),
        (_, _, Some(own), Some(probe)) => (own, probe.continuation.as_slice(), probe.prefix.as_slice()),
        _ => return None,
    };
    let text = |ids: &[u32]| match tokenizer {
        Some(tokenizer) => tokenizer.decode_after(before, ids),
        None => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    };
    Some([text(own), text(truth)])
}
