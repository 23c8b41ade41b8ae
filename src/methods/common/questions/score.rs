//! What a model says about options, and what it says by itself.

use serde::{Deserialize, Serialize};

use super::items::Item;
use super::{Config, Format};
use crate::data::Tokenizer;
use crate::engine::generate::{self, GenerateConfig};
use crate::engine::score::score_targets;
use crate::engine::{Batch, Want};
use crate::error::{Error, Result};
use crate::methods::{Compat, LoadedModel};

/// What is kept of an item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::methods) struct Answered {
    /// ln p of each option's letter after the question with all options; empty when it was not asked for.
    pub(in crate::methods) letters: Vec<f64>,
    /// ln p of each option after the question.
    pub(in crate::methods) options: Vec<f64>,
    /// Its tokens.
    pub(in crate::methods) n_tokens: Vec<usize>,
    /// ln p of each option after no question.
    pub(in crate::methods) prior: Vec<f64>,
    /// What the model says by itself.
    pub(in crate::methods) said: Option<String>,
    /// A prompt did not fit the context.
    pub(in crate::methods) is_too_long: bool,
}

/// The error for an answer whose first token nothing predicts when the question is left out.
fn no_prior() -> Error {
    Error::config("prompt: nothing stands before an answer when its question is left out")
        .hint("write words around `{question}`, such as \"{question}\\nAnswer:\", or leave `likelihood` out of formats")
}

/// A prompt with something after it.
struct Continuation {
    ids: Vec<u32>,
    /// Where it begins.
    start: usize,
}

/// Asks one model.
pub(in crate::methods) struct Asker<'a> {
    config: &'a Config,
    model: &'a LoadedModel,
    tokenizer: &'a Tokenizer,
}

impl<'a> Asker<'a> {
    pub(in crate::methods) fn new(config: &'a Config, model: &'a LoadedModel) -> Result<Self> {
        let tokenizer = model.tokenizer.as_ref().ok_or_else(|| {
            Error::data(format!("{} came without a tokenizer, so questions cannot be read", model.name))
                .hint("put tokenizer.json beside the weights")
                .at(&model.path)
        })?;
        Ok(Self { config, model, tokenizer })
    }

    /// Answers some items.
    pub(in crate::methods) fn ask(&self, items: &[Item]) -> Result<Vec<Answered>> {
        let mut answered = items.iter().map(|item| self.choose(item)).collect::<Result<Vec<_>>>()?;
        if self.config.has(Format::Direct) {
            self.say(items, &mut answered)?;
        }
        Ok(answered)
    }

    /// The numbers of the options.
    fn choose(&self, item: &Item) -> Result<Answered> {
        let mut out = Answered::default();
        if item.options.is_empty() {
            return Ok(out);
        }
        let fits = |list: &[Continuation]| list.iter().all(|c| c.ids.len() <= self.model.decoder.config.n_ctx);
        if self.config.has(Format::Letter) {
            let list = self.letters(item)?;
            if fits(&list) {
                out.letters = self.sums(&list)?;
            }
            out.is_too_long |= out.letters.is_empty();
        }
        if self.config.has(Format::Likelihood) {
            let prompt = self.config.prompt(&item.question);
            let after = |prompt: &str| -> Result<Vec<Continuation>> {
                item.options.iter().map(|option| self.continuation(prompt, &format!(" {option}"))).collect()
            };
            let (list, prior) = (after(&prompt)?, after(&self.config.prompt(""))?);
            if prior.iter().any(|c| c.start == 0) {
                return Err(no_prior());
            }
            if fits(&list) && fits(&prior) {
                out.options = self.sums(&list)?;
                out.n_tokens = list.iter().map(|c| c.ids.len() - c.start).collect();
                out.prior = self.sums(&prior)?;
            }
            out.is_too_long |= out.options.is_empty();
        }
        Ok(out)
    }

    /// Each letter after the question with all options. The published prompt ends in a space, and its letters are the
    /// first tokens of `A` and so on, without a space before them.
    fn letters(&self, item: &Item) -> Result<Vec<Continuation>> {
        let mut list = String::new();
        for (letter, option) in (b'A'..).zip(&item.options) {
            list.extend(["\n", &char::from(letter).to_string(), ". ", option]);
        }
        let letters = (b'A'..).take(item.options.len()).map(|letter| char::from(letter).to_string());
        if self.config.compat == Compat::Correct {
            let prompt = self.config.prompt(&format!("{}{list}", item.question));
            return letters.map(|letter| self.continuation(&prompt, &format!(" {letter}"))).collect();
        }
        let prompt = self.tokenizer.encode(&format!("{}{list}\nAnswer: ", item.question), true)?.ids;
        let after = |letter: String| {
            let first = self.tokenizer.encode(&letter, false)?.ids.first().copied();
            let ids = prompt.iter().copied().chain(first).collect();
            Ok(Continuation { ids, start: prompt.len() })
        };
        letters.map(after).collect()
    }

    /// `text` after `prompt`, tokenized together: what differs from the prompt alone belongs to `text`.
    fn continuation(&self, prompt: &str, text: &str) -> Result<Continuation> {
        let before = self.tokenizer.encode(prompt, true)?.ids;
        let ids = self.tokenizer.encode(&format!("{prompt}{text}"), true)?.ids;
        let shared = before.iter().zip(&ids).take_while(|(a, b)| a == b).count();
        let start = shared.min(ids.len().saturating_sub(1));
        Ok(Continuation { ids, start })
    }

    /// Σ ln p of the tokens from `start` on.
    fn sums(&self, list: &[Continuation]) -> Result<Vec<f64>> {
        let ids: Vec<&[u32]> = list.iter().map(|c| c.ids.as_slice()).collect();
        let mut batch = Batch::causal(&ids);
        let mut row = 0;
        for c in list {
            // Row i predicts token i + 1; a continuation that begins the text has no prediction of its first token.
            batch.weights.iter_mut().skip(row).take(c.start.saturating_sub(1)).for_each(|weight| *weight = 0.0);
            row += c.ids.len();
        }
        let scores = score_targets(&self.model.decoder, &batch, Want::default())?;
        Ok(scores.iter().map(|scores| scores.iter().map(|s| s.log_prob).sum()).collect())
    }

    /// Greedy answers up to the end of the line.
    fn say(&self, items: &[Item], answered: &mut [Answered]) -> Result<()> {
        let known = &self.model.decoder.config;
        let config = GenerateConfig {
            max_new_tokens: self.config.max_answer(),
            eos: known.eos.clone(),
            ..GenerateConfig::default()
        };
        let mut prompts = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let ids = self.tokenizer.encode(&self.config.prompt(&item.question), true)?.ids;
            if ids.is_empty() || ids.len() >= known.n_ctx {
                answered[place].is_too_long = true;
            } else {
                prompts.push((place, ids));
            }
        }
        let ends_line = |id: &u32| self.tokenizer.token_bytes(*id).is_some_and(|bytes| bytes.contains(&b'\n'));
        // A line break before any word is not the end of an answer.
        let stop = |tokens: &[u32]| tokens.len() > 1 && tokens.last().is_some_and(ends_line);
        let ids: Vec<&[u32]> = prompts.iter().map(|(_, ids)| ids.as_slice()).collect();
        let said = generate::generate(&self.model.decoder, &ids, &config, &stop, &mut |_| true)?;
        for ((place, prompt), made) in prompts.iter().zip(said) {
            let tokens = made.into_iter().next().map(|generation| generation.tokens).unwrap_or_default();
            answered[*place].said = Some(self.tokenizer.decode_after(prompt, &tokens));
        }
        Ok(())
    }
}
