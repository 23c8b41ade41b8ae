//! Data sets that a model writes: prompts, what it makes of them, and rows that a memorization score reads back
//! token for token.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::host::Control;
use super::observer::Progress;
use crate::data::{Dataset, Record};
use crate::engine::generate::{self, GenerateConfig, Generation, Strategy};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;
use crate::methods::common::texts::{Bos, Encoder, LongTexts, TextOptions};

/// What a text begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Name of its row.
    pub id: String,
    /// Where it came from, when that is known.
    pub source: Option<String>,
    /// Token ids; the beginning token among them.
    pub ids: Vec<u32>,
}

/// `n` different openings of `n_tokens` tokens each, drawn from the model with temperature 1.
///
/// # Errors
/// The model names no token to begin with, or does not have so many different openings.
pub fn openings(model: &LoadedModel, n: usize, n_tokens: usize, seed: u64, control: &Control) -> Result<Vec<Prompt>> {
    const ROUNDS: u64 = 20;
    let known = &model.decoder.config;
    let first = known.bos.or_else(|| known.eos.first().copied()).ok_or_else(|| {
        Error::config(format!("{} names no token that begins a text, so openings cannot be drawn", model.name))
            .hint("give `--prompt` or `--prompts`")
    })?;
    let config = GenerateConfig {
        strategy: Strategy::Sample { temperature: 1.0, top_k: 0, top_p: 1.0 },
        max_new_tokens: n_tokens,
        forbid: known.eos.clone(),
        seed,
        ..GenerateConfig::default()
    };
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        let config = GenerateConfig { first_prompt: round * n as u64, ..config.clone() };
        let mut goes_on = |_: generate::Step<'_>| !control.stop.load(std::sync::atomic::Ordering::SeqCst);
        let drawn =
            generate::generate(&model.decoder, &vec![[first]; n], &config, &generate::never_stop, &mut goes_on)?;
        for tokens in drawn.into_iter().flatten().map(|g| g.tokens) {
            if found.len() < n && seen.insert(tokens.clone()) {
                found.push(Prompt { id: found.len().to_string(), source: None, ids: [vec![first], tokens].concat() });
            }
        }
        if found.len() == n {
            return Ok(found);
        }
    }
    Err(Error::config(format!("only {} different openings of {n_tokens} tokens were drawn, not {n}", found.len()))
        .hint("let openings have more tokens, or ask for fewer texts"))
}

/// The first `n_tokens` tokens of every row of `data`, beginning tokens not counted.
///
/// # Errors
/// Texts for a model without a tokenizer, ids beyond its vocabulary, or no usable row.
pub fn prompts_of(model: &LoadedModel, data: &Dataset, n_tokens: usize) -> Result<Vec<Prompt>> {
    let options = TextOptions { bos: Bos::Auto, long: LongTexts::Window, ..TextOptions::default() };
    let encoder = Encoder::new(model, &options)?;
    let mut prompts = Vec::new();
    for (index, record) in data.records.iter().enumerate() {
        if let Ok(mut text) = encoder.record(record, index).map_err(|e| e.at(&data.path))? {
            text.ids.truncate(text.n_special + n_tokens);
            prompts.push(Prompt { id: name_of(record), source: record.source.clone(), ids: text.ids });
        }
    }
    if prompts.is_empty() {
        return Err(Error::data(format!("{} has no row that can be continued", data.name))
            .hint("a row needs at least two tokens, or one and a beginning token")
            .at(&data.path));
    }
    Ok(prompts)
}

fn name_of(record: &Record) -> String {
    record.id.clone().unwrap_or_else(|| (record.row + 1).to_string())
}

/// Continues the prompts and gives one row a continuation: `id`, `prompt` and `continuation` as token ids, and
/// `decoded`, the text of both, where there is a tokenizer. Continuations end before the first of `stops`.
///
/// # Errors
/// A prompt that does not fit the context, or the user stops.
pub fn rows(
    model: &LoadedModel,
    prompts: &[Prompt],
    config: &GenerateConfig,
    stops: &[&String],
    control: &mut Control,
) -> Result<Vec<Value>> {
    // A stop text is looked for in the text of one prompt.
    let at_once = if stops.is_empty() { config.rows_at_once } else { 1 };
    let mut rows = Vec::new();
    for (i, chunk) in prompts.chunks(at_once).enumerate() {
        let first = i * at_once;
        let progress = Progress {
            stage: "generate".to_owned(),
            done: first as u64,
            total: prompts.len() as u64,
            ..Progress::default()
        };
        control.observer.progress(&progress);
        let config = GenerateConfig { first_prompt: config.first_prompt + first as u64, ..config.clone() };
        let made = continuations(model, chunk, &config, stops, control)?;
        for (prompt, made) in chunk.iter().zip(made) {
            let several = made.len() > 1;
            for (j, generation) in made.into_iter().enumerate().filter(|(_, g)| !g.tokens.is_empty()) {
                let id = if several { format!("{}-{}", prompt.id, j + 1) } else { prompt.id.clone() };
                rows.push(row(model, prompt, &id, &generation.tokens));
            }
        }
    }
    Ok(rows)
}

fn continuations(
    model: &LoadedModel,
    prompts: &[Prompt],
    config: &GenerateConfig,
    stops: &[&String],
    control: &Control,
) -> Result<Vec<Vec<Generation>>> {
    let context = prompts.first().map(|prompt| prompt.ids.as_slice()).unwrap_or_default();
    let has_stop = |tokens: &[u32]| {
        let made = |tokenizer: &crate::data::Tokenizer| tokenizer.decode_after(context, tokens);
        !stops.is_empty()
            && model.tokenizer.as_ref().map(made).is_some_and(|text| stops.iter().any(|stop| text.contains(*stop)))
    };
    let mut goes_on = |_: generate::Step<'_>| !control.stop.load(std::sync::atomic::Ordering::SeqCst);
    let ids: Vec<&[u32]> = prompts.iter().map(|prompt| prompt.ids.as_slice()).collect();
    let mut made = generate::generate(&model.decoder, &ids, config, &has_stop, &mut goes_on)?;
    for generation in made.iter_mut().flatten() {
        while has_stop(&generation.tokens) {
            generation.tokens.pop();
        }
    }
    Ok(made)
}

fn row(model: &LoadedModel, prompt: &Prompt, id: &str, continuation: &[u32]) -> Value {
    let mut row = json!({"id": id, "prompt": prompt.ids, "continuation": continuation});
    if let Some(source) = &prompt.source {
        row["source"] = source.as_str().into();
    }
    if let Some(tokenizer) = &model.tokenizer {
        row["decoded"] = tokenizer.decode(&[prompt.ids.as_slice(), continuation].concat()).into();
    }
    row
}
