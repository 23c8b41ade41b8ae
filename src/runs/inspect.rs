//! `inspect`: what is in a model folder, without computing anything.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::data::{Tokenizer, TokenizerSummary};
use crate::engine::memory::{Needs, Optimizer, score_bytes, train_bytes};
use crate::engine::model::{Activation, Keep, Mlp, ModelConfig, Norm, Position, Residual};
use crate::engine::weights::{self, Findings, Model};
use crate::error::{Error, Result};

/// Rows of the training estimate: one text of this many tokens, or of the model's context.
const TRAIN_ROWS: usize = 1024;

/// A tensor as it lies on disk.
#[derive(Clone, Debug, Serialize)]
pub struct TensorRow {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its stored type.
    pub dtype: String,
    /// Its size.
    pub bytes: u64,
    /// The file it is in.
    pub file: String,
}

/// Memory by use, in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Scoring texts.
    pub score: Needs,
    /// Training everything with plain gradient descent.
    pub train_sgd: Needs,
    /// Training everything with AdamW.
    pub train_adamw: Needs,
    /// Tokens a step in the two estimates above.
    pub train_tokens: usize,
}

/// The tokenizer of a folder.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerState {
    /// It was read.
    Present(TokenizerSummary),
    /// The folder has none.
    Absent,
    /// It cannot be read, or does not fit the model; the reason.
    Broken(String),
}

/// What is in a model folder.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The folder.
    pub path: String,
    /// `model_type` of config.json.
    pub model_type: String,
    /// Numbers of the model, tied ones once.
    pub n_parameters: u64,
    /// Bytes of all weight files.
    pub file_bytes: u64,
    /// Whether it can be loaded.
    pub ok: bool,
    /// Needed tensors that are not there.
    pub missing: Vec<String>,
    /// Tensors of the wrong shape or type, one sentence each.
    pub wrong: Vec<String>,
    /// Tensors inside the blocks that the family does not know, and unused ones outside.
    pub unexpected: Vec<String>,
    /// Buffers and duplicates that carry nothing.
    pub ignored: Vec<String>,
    /// The tokenizer.
    pub tokenizer: TokenizerState,
    /// Memory needed, in f32.
    pub memory: Memory,
    /// Every tensor on disk, by name.
    pub tensors: Vec<TensorRow>,
    /// config.json as it is.
    pub config: Value,
    #[serde(skip)]
    model: ModelConfig,
}

/// Looks into a model folder and writes what is there as text or JSON. Gives whether it can be loaded.
///
/// # Errors
/// A folder without a readable config.json and safetensors headers, or of a family that is not supported.
pub fn inspect(dir: &Path, as_json: bool, out: &mut dyn Write) -> Result<bool> {
    let inspection = Inspection::of(&weights::open(dir)?);
    let written = if as_json {
        serde_json::to_writer_pretty(&mut *out, &inspection).map_err(std::io::Error::from).and_then(|()| writeln!(out))
    } else {
        inspection.write_text(out)
    };
    written.map_err(|e| Error::io("writing the outcome", Path::new("standard output"), &e))?;
    Ok(inspection.ok)
}

impl Inspection {
    /// Collects everything from an opened folder.
    pub fn of(model: &Model) -> Self {
        let Findings { missing, wrong, foreign, unused, ignored } = model.findings();
        let config = &model.blueprint.config;
        let n_parameters = model.blueprint.n_elements() as u64;
        let tensors: Vec<TensorRow> = model
            .checkpoint
            .iter()
            .map(|(file, entry)| TensorRow {
                name: entry.name.clone(),
                shape: entry.shape.clone(),
                dtype: entry.kind.to_string(),
                bytes: entry.range.len() as u64,
                file: file.path().file_name().unwrap_or_default().to_string_lossy().into_owned(),
            })
            .collect();
        let stored = tensors.iter().map(|t| t.bytes).sum();
        let train_tokens = config.n_ctx.min(TRAIN_ROWS);
        let train = |optimizer| train_bytes(config, n_parameters, train_tokens as u64, optimizer, Keep::All);
        Self {
            path: model.dir.display().to_string(),
            model_type: model.model_type().to_owned(),
            n_parameters,
            file_bytes: model.checkpoint.files().iter().map(|f| f.n_bytes() as u64).sum(),
            ok: missing.is_empty() && wrong.is_empty() && foreign.is_empty(),
            missing,
            wrong,
            unexpected: [foreign, unused].concat(),
            ignored,
            tokenizer: tokenizer(&model.dir, config.vocab_size),
            memory: Memory {
                score: score_bytes(config, n_parameters, stored, 0),
                train_sgd: train(Optimizer::Sgd),
                train_adamw: train(Optimizer::AdamW),
                train_tokens,
            },
            tensors,
            config: model.config.clone(),
            model: config.clone(),
        }
    }

    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}", self.path)?;
        writeln!(out, "  family       {}", self.model_type)?;
        let (n, size) = (grouped(self.n_parameters), bytes(self.file_bytes));
        writeln!(out, "  parameters   {n} in {} tensors, {size} on disk", self.tensors.len())?;
        self.write_config(out)?;
        writeln!(out, "  tokenizer    {}", self.tokenizer.line())?;
        let m = &self.memory;
        writeln!(out, "  memory       to score {}", bytes(m.score.total()))?;
        for (needs, name) in [(&m.train_sgd, "SGD"), (&m.train_adamw, "AdamW")] {
            let total = bytes(needs.total());
            writeln!(out, "               to train {total} ({name}, f32, {} tokens a step)", m.train_tokens)?;
        }
        let width = self.tensors.iter().map(|t| t.name.len()).max().unwrap_or(0);
        writeln!(out, "\n{:width$}  {:4}  {:>10}  shape", "tensor", "type", "bytes")?;
        for t in &self.tensors {
            writeln!(out, "{:width$}  {:4}  {:>10}  {:?}", t.name, t.dtype, bytes(t.bytes), t.shape)?;
        }
        for (list, what) in [
            (&self.missing, "missing"),
            (&self.wrong, "wrong"),
            (&self.unexpected, "unexpected"),
            (&self.ignored, "ignored"),
        ] {
            for name in list {
                writeln!(out, "{what}: {name}")?;
            }
        }
        if self.ok { writeln!(out, "\nready to use") } else { writeln!(out, "\nthis folder cannot be loaded") }
    }

    fn write_config(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let c = &self.model;
        let heads = if c.n_kv_head == c.n_head {
            format!("{} heads of {}", c.n_head, c.d_head)
        } else {
            format!("{} heads of {} sharing {} key/value heads", c.n_head, c.d_head, c.n_kv_head)
        };
        let (n_layer, d_model) = (c.n_layer, c.d_model);
        writeln!(out, "  layers       {n_layer} of width {d_model}, {heads}, feed-forward {}", c.d_ff)?;
        let tied = if c.tied_embeddings { ", head tied to the embedding" } else { "" };
        writeln!(out, "  vocabulary   {} tokens{tied}; context {} tokens", grouped(c.vocab_size as u64), c.n_ctx)?;
        writeln!(out, "  norm         {}", norm(c.norm))?;
        writeln!(out, "  positions    {}", position(&c.position, c.d_head))?;
        writeln!(out, "  blocks       {}, {}", residual(c.residual), mlp(c.mlp))?;
        let windows: Vec<String> =
            c.window.iter().map(|w| w.map_or_else(|| "all".to_owned(), |n| n.to_string())).collect();
        if c.window.iter().any(Option::is_some) {
            writeln!(out, "  windows      {} tokens", windows.join(", "))?;
        }
        let bos = c.bos.map_or_else(|| "none".to_owned(), |id| id.to_string());
        let eos: Vec<String> = c.eos.iter().map(u32::to_string).collect();
        let eos = if eos.is_empty() { "none".to_owned() } else { eos.join(", ") };
        writeln!(out, "  tokens       begin {bos}, end {eos}")
    }
}

impl TokenizerState {
    fn line(&self) -> String {
        match self {
            Self::Absent => "none in this folder".to_owned(),
            Self::Broken(reason) => reason.replace('\n', "\n              "),
            Self::Present(t) => {
                let adds = match (t.adds_bos, t.adds_eos) {
                    (true, true) => ", adds begin and end of text",
                    (true, false) => ", adds begin of text",
                    (false, true) => ", adds end of text",
                    (false, false) => "",
                };
                format!("{} ({}), {} ids{adds}", t.model, t.spelling, grouped(t.vocab_size as u64))
            }
        }
    }
}

fn tokenizer(dir: &Path, vocab_size: usize) -> TokenizerState {
    const FILES: [&str; 3] = ["tokenizer.json", "vocab.json", "tokenizer.model"];
    if !FILES.iter().any(|name| dir.join(name).exists()) {
        return TokenizerState::Absent;
    }
    match Tokenizer::load(dir) {
        Ok(tokenizer) if tokenizer.vocab_size() > vocab_size => TokenizerState::Broken(format!(
            "has {} ids but the model knows {vocab_size}: it belongs to another model",
            tokenizer.vocab_size()
        )),
        Ok(tokenizer) => TokenizerState::Present(tokenizer.summary()),
        Err(error) => TokenizerState::Broken(error.to_string()),
    }
}

fn norm(norm: Norm) -> String {
    match norm {
        Norm::Layer { eps } => format!("layer norm, eps {eps:e}"),
        Norm::Rms { eps } => format!("root mean square, eps {eps:e}"),
    }
}

fn position(position: &Position, d_head: usize) -> String {
    match position {
        Position::Learned => "learned".to_owned(),
        Position::Rotary { inv_freq, interleaved } => {
            let pairs = if *interleaved { "neighboring" } else { "half" };
            format!("rotary, {} of {d_head} channels, {pairs} pairs", 2 * inv_freq.len())
        }
    }
}

fn residual(residual: Residual) -> &'static str {
    match residual {
        Residual::Sequential => "attention, then feed-forward",
        Residual::ParallelOneNorm => "attention and feed-forward in parallel after one norm",
        Residual::ParallelTwoNorms => "attention and feed-forward in parallel after two norms",
    }
}

fn mlp(mlp: Mlp) -> String {
    let name = |f| match f {
        Activation::GeluTanh => "gelu (tanh)",
        Activation::GeluErf => "gelu",
        Activation::Silu => "silu",
        Activation::Relu => "relu",
    };
    match mlp {
        Mlp::Plain(f) => name(f).to_owned(),
        Mlp::Gated(f) => format!("gated {}", name(f)),
    }
}

/// 1234567 as 1,234,567.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in units of 1000, three digits.
fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{value:.*} {}", precision(value), UNITS[unit]) }
}

fn precision(value: f64) -> usize {
    match value {
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let shown: Vec<String> = [0, 999, 1000, 12_345, 123_456_789, 10_000_000_000].map(bytes).into();
        assert_eq!(shown, ["0 B", "999 B", "1.00 kB", "12.3 kB", "123 MB", "10.0 GB"]);
        assert_eq!(grouped(124_439_808), "124,439,808");
        assert_eq!(grouped(12), "12");
    }
}
