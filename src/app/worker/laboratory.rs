//! The loaded model and what is asked of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::mailbox::Ticket;
use super::measurement::{Alignment, Alternative, Cell, Measurement, Scores, mean_of_lowest, visible};
use crate::data::Tokenizer;
use crate::data::hub::Hub;
use crate::engine::generate::greedy_from;
use crate::engine::score::score_tokens;
use crate::engine::{Batch, Device, TokenScore, Want, alignment, weights};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;
use crate::methods::common::texts::{Encoder, Text, TextOptions};
use crate::methods::common::zlib;
use crate::runs::inputs::{self, Access};
use crate::runs::inspect::Inspection;

/// Alternatives shown for a token.
const N_TOP: usize = 5;
/// Share of the least likely tokens in Min-K %.
const MIN_K: f64 = 0.2;
/// Rows of both texts together whose pairwise products fit comfortably (N² numbers of 8 bytes).
const ALIGNABLE_ROWS: usize = 4096;

/// What is known about a model once it is open.
#[derive(Clone, Debug)]
pub struct ModelCard {
    /// Shown name.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
    /// Everything in the folder.
    pub inspection: Inspection,
    /// Longest sequence, tokens.
    pub n_ctx: usize,
    /// Size of the vocabulary.
    pub vocab_size: usize,
    /// Tokenizer in names and values; empty when the folder has none.
    pub tokenizer: Vec<(String, String)>,
    /// Sentences about what is odd.
    pub warnings: Vec<String>,
    /// Time to open it, seconds.
    pub seconds: f64,
}

/// Model and tokenizer, if one is open.
#[derive(Default)]
pub struct Laboratory {
    model: Option<LoadedModel>,
}

impl Laboratory {
    /// Opens a model folder.
    pub fn load(&mut self, ticket: &Ticket, path: &Path) -> Result<Arc<ModelCard>> {
        let started = Instant::now();
        // Two models at once may be more than the memory holds.
        self.model = None;
        let dir = folder_of(path, ticket)?;
        let opened = weights::open(&dir)?;
        let inspection = Inspection::of(&opened);
        let loaded = opened.load(Device::default())?;
        let mut warnings: Vec<String> =
            loaded.report.unused.iter().map(|n| format!("tensor {n} is not used")).collect();
        let tokenizer = match Tokenizer::load(&dir) {
            Ok(tokenizer) => Some(tokenizer),
            Err(error) => {
                warnings.push(format!("no tokenizer, so texts cannot be measured: {error}"));
                None
            }
        };
        let config = &loaded.decoder.config;
        let (n_ctx, vocab_size) = (config.n_ctx, config.vocab_size);
        if let Some(t) = &tokenizer
            && t.vocab_size() > vocab_size
        {
            let n = t.vocab_size();
            warnings
                .push(format!("the tokenizer has {n} tokens, the model {vocab_size}: it may belong to another model"));
        }
        let name = dir.file_name().map_or_else(|| dir.display().to_string(), |n| n.to_string_lossy().into_owned());
        let card = ModelCard {
            name: name.clone(),
            path: path.to_owned(),
            inspection,
            n_ctx,
            vocab_size,
            tokenizer: tokenizer.as_ref().map(describe_tokenizer).unwrap_or_default(),
            warnings,
            seconds: started.elapsed().as_secs_f64(),
        };
        self.model = Some(LoadedModel { name, path: dir, decoder: loaded.decoder, tokenizer });
        Ok(Arc::new(card))
    }

    fn model(&self) -> Result<&LoadedModel> {
        self.model.as_ref().ok_or_else(|| Error::config("no model is open").hint("open one on the Start view"))
    }

    /// Splits a text into tokens.
    pub fn tokenize(&self, text: &str) -> Result<Measurement> {
        let model = self.model()?;
        let encoded = Encoder::new(model, &TextOptions::default())?.text(text)?;
        let cells = cells(model, &encoded, text);
        let scores = Scores { n_tokens: cells.len(), ..Scores::default() };
        Ok(Measurement { text: text.to_owned(), cells, scores, n_cut: encoded.n_cut, seconds: 0.0 })
    }

    /// Measures every token of a text. An empty text has no tokens and no scores.
    pub fn measure(&self, text: &str) -> Result<Measurement> {
        let started = Instant::now();
        if text.is_empty() {
            self.model()?;
            return Ok(Measurement::default());
        }
        let mut measurement = self.tokenize(text)?;
        let model = self.model()?;
        let ids: Vec<u32> = measurement.cells.iter().map(|c| c.id).collect();
        let want = Want { rank: true, moments: true, top: N_TOP };
        let scored = score_tokens(&model.decoder, &[&ids], want)?.pop().unwrap_or_default();
        for (cell, score) in measurement.cells.iter_mut().skip(1).zip(&scored) {
            fill(model, cell, score);
        }
        measurement.scores = scores(text, &measurement.cells)?;
        measurement.seconds = started.elapsed().as_secs_f64();
        Ok(measurement)
    }

    /// Compares the gradients of two texts with respect to the output head: cosine, and the share of every token.
    pub fn align(&self, ticket: &Ticket, texts: &[String; 2]) -> Result<Alignment> {
        let model = self.model()?;
        let encoder = Encoder::new(model, &TextOptions::default())?;
        let [a, b] = [encoder.text(&texts[0])?.ids, encoder.text(&texts[1])?.ids];
        if a.len() + b.len() > ALIGNABLE_ROWS {
            let n = a.len() + b.len();
            return Err(Error::config(format!("{n} tokens are too many to compare while typing"))
                .hint("run the method “gradient alignment” on them instead"));
        }
        if a.len() < 2 || b.len() < 2 {
            return Err(
                Error::config("a text of one token has no gradient").hint("type at least two tokens on each side")
            );
        }
        if !ticket.is_current() {
            return Err(Error::Cancelled);
        }
        let gram = alignment::head_gram(&model.decoder, &Batch::causal(&[&a, &b]).example_mean())?;
        let inner = gram.inner(0, 1);
        let numbers = vec![
            ("inner product".to_owned(), inner),
            ("gradient norm, original".to_owned(), gram.norm(0)),
            ("gradient norm, paraphrase".to_owned(), gram.norm(1)),
        ];
        // The row of a token predicts the next one, which gets the share.
        let shares = |i: usize, j: usize| {
            let rows = gram.contributions(i, j);
            let share = |v: &f64| (inner != 0.0).then(|| v / inner);
            std::iter::once(None).chain(rows.iter().map(share)).take(rows.len()).collect()
        };
        Ok(Alignment { cosine: gram.cosine(0, 1), numbers, original: shares(0, 1), paraphrase: shares(1, 0) })
    }

    /// Continues a text by the most likely tokens, as many as fit into the context.
    pub fn continue_greedily(&self, ticket: &Ticket, text: &str, n: usize) -> Result<String> {
        let model = self.model()?;
        let ids = Encoder::new(model, &TextOptions::default())?.text(text)?.ids;
        if ids.is_empty() {
            return Err(Error::config("there is nothing to continue").hint("type a beginning"));
        }
        let room = (model.decoder.config.n_ctx + 1).saturating_sub(ids.len());
        let new = greedy_from(&model.decoder, &[&ids], &[n.min(room)], &mut |_| ticket.is_current())?;
        let new = new.first().map(Vec::as_slice).unwrap_or_default();
        let Some(tokenizer) = &model.tokenizer else { return Ok(format!("{new:?}")) };
        let end = new.iter().position(|id| model.decoder.config.eos.contains(id)).unwrap_or(new.len());
        Ok(tokenizer.decode_after(&ids, new.get(..end).unwrap_or(new)))
    }
}

/// A model folder, the folder of a file in it, or the folder of a hub id, downloaded unless it is there already.
fn folder_of(path: &Path, ticket: &Ticket) -> Result<PathBuf> {
    weights::refuse_foreign(path)?;
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    if let Some(parent) = path.parent().filter(|_| path.is_file()) {
        return Ok(parent.to_owned());
    }
    let model = inputs::model_ref(&path.to_string_lossy());
    if model.hub.is_none() {
        let hint = "give a folder with config.json and safetensors files, or a hub id such as EleutherAI/pythia-70m";
        return Err(Error::data("there is no such folder").hint(hint).at(path));
    }
    let ticket = ticket.clone();
    let mut access = Access { hub: Hub::from_env(), watch: Box::new(move |_| ticket.is_current()) };
    inputs::model_folder(&model, &mut access)
}

fn describe_tokenizer(tokenizer: &Tokenizer) -> Vec<(String, String)> {
    let summary = tokenizer.summary();
    let special = |id: Option<u32>| match id {
        Some(id) => format!("{id}  {}", tokenizer.token(id).unwrap_or_default()),
        None => "none".to_owned(),
    };
    [
        ("Algorithm", summary.model.clone()),
        ("Spelling", summary.spelling.clone()),
        ("Tokens", summary.vocab_size.to_string()),
        ("Begins with", special(summary.special.bos)),
        ("Ends with", special(summary.special.eos)),
        ("Adds a beginning token", if summary.adds_bos { "yes" } else { "no" }.to_owned()),
        ("Adds an ending token", if summary.adds_eos { "yes" } else { "no" }.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Tokens with their text; those that share a character with the token before show their bytes.
fn cells(model: &LoadedModel, encoded: &Text, text: &str) -> Vec<Cell> {
    let bytes_of = |id: u32| model.tokenizer.as_ref().and_then(|t| t.token_bytes(id)).unwrap_or_default();
    let mut before = usize::MAX..usize::MAX;
    let mut cells = Vec::with_capacity(encoded.ids.len());
    for (i, id) in encoded.ids.iter().enumerate() {
        let span = encoded.spans.get(i).cloned().unwrap_or_default();
        let shares = !span.is_empty() && (span == before || encoded.spans.get(i + 1) == Some(&span));
        let bytes = if shares { bytes_of(*id) } else { text.get(span.clone()).unwrap_or_default().as_bytes().to_vec() };
        before = span.clone();
        cells.push(Cell { id: *id, shown: visible(&bytes), bytes, span, ..Cell::default() });
    }
    cells
}

fn fill(model: &LoadedModel, cell: &mut Cell, score: &TokenScore) {
    cell.log_prob = Some(score.log_prob);
    cell.rank = score.rank;
    cell.entropy = score.moments.map(|m| -m[0]);
    let alternative =
        |(id, log_prob): &(u32, f64)| Alternative { id: *id, shown: shown(model, *id), probability: log_prob.exp() };
    cell.top = score.top.iter().map(alternative).collect();
}

fn shown(model: &LoadedModel, id: u32) -> String {
    let tokenizer = model.tokenizer.as_ref();
    match tokenizer.and_then(|t| t.token_bytes(id)) {
        Some(bytes) if !bytes.is_empty() => visible(&bytes),
        _ => tokenizer.and_then(|t| t.token(id)).unwrap_or_else(|| format!("id {id}")),
    }
}

fn scores(text: &str, cells: &[Cell]) -> Result<Scores> {
    let log_probs: Vec<f64> = cells.iter().filter_map(|c| c.log_prob).collect();
    let predicted = || cells.iter().filter(|c| c.log_prob.is_some());
    let n = log_probs.len();
    let loss = (n > 0).then(|| -log_probs.iter().sum::<f64>() / n as f64);
    let zlib_len = zlib::compressed_len(text.as_bytes())?.max(1) as f64;
    Ok(Scores {
        n_tokens: cells.len(),
        loss,
        min_k: mean_of_lowest(log_probs, MIN_K),
        zlib_ratio: loss.map(|l| l / zlib_len),
        exact_prefix: predicted().take_while(|c| c.rank == Some(0)).count(),
        top1: (n > 0).then(|| predicted().filter(|c| c.rank == Some(0)).count() as f64 / n as f64),
    })
}
