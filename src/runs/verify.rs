//! `verify`: compares a model with a reference that another implementation made.
//!
//! Reads a safetensors file with `input_ids` (B, T) and any of `logits` (B, T, V), `nll` (B, T−1), `loss` (1)
//! (mean over all B·(T−1) targets), `grad/<name on disk>` (of that loss), `hvp.v/<name>` with `hvp/<name>`
//! (H·v, zero direction elsewhere), `greedy.prompt` with `greedy` (new tokens, no end-of-text logic).
//! Tolerances are those of f32 arithmetic.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::engine::generate::greedy_from;
use crate::engine::hvp::hvp;
use crate::engine::kernels::Want;
use crate::engine::loss::{logits, loss_gradient};
use crate::engine::model::Keep;
use crate::engine::score::score_tokens;
use crate::engine::sinks::SumGrads;
use crate::engine::weights::{self, Entry, TensorFile};
use crate::engine::{Batch, Decoder, NoTap, ParamId, Place, Real, Tensor};
use crate::error::{Error, Result};

/// What decides whether two lists of numbers agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// Largest difference at most 1e-4, or relative L2 at most 1e-5.
    Score,
    /// Relative L2 at most 1e-4.
    Gradient,
    /// Relative L2 at most 1e-3.
    Curvature,
    /// The same tokens.
    Exact,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Name in the reference.
    pub name: String,
    /// Numbers compared.
    pub n: usize,
    /// Largest absolute difference; for tokens, how many differ.
    pub max_abs: f64,
    /// L2 norm of the difference over the L2 norm of the reference.
    pub relative_l2: f64,
    /// What is asked for.
    pub tolerance: Tolerance,
    /// Whether it agrees.
    pub ok: bool,
}

/// All comparisons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// Whether everything agrees.
    pub ok: bool,
    /// In the order forward, backward, second order, generation.
    pub items: Vec<Item>,
    /// Tensors of the reference that mean nothing here.
    pub unknown: Vec<String>,
}

/// Compares the model in a folder with a reference file and writes the outcome as text or JSON.
/// Gives whether everything agrees.
///
/// # Errors
/// A model or reference that cannot be read, or that do not belong together.
pub fn verify(
    model: &Path,
    place: impl Into<Place>,
    reference: &Path,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<bool> {
    let mut decoder = weights::load(model, place)?.decoder;
    let verification = compare(&mut decoder, reference)?;
    let written = if as_json {
        serde_json::to_writer_pretty(&mut *out, &verification)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        verification.write_text(out)
    };
    written.map_err(|e| Error::io("writing the outcome", Path::new("standard output"), &e))?;
    Ok(verification.ok)
}

/// Compares a decoder with a reference file.
///
/// # Errors
/// As [`verify`].
pub fn compare(model: &mut Decoder, reference: &Path) -> Result<Verification> {
    let file = TensorFile::open(reference)?;
    Comparison::new(model, &file).and_then(Comparison::run).map_err(|e| e.at(reference))
}

impl Verification {
    /// One line an item, then the verdict.
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let width = self.items.iter().map(|item| item.name.len()).max().unwrap_or(0).max(4);
        writeln!(out, "{:width$}  {:>9}  {:>9}  {:>9}", "item", "numbers", "max abs", "rel L2")?;
        for item in &self.items {
            let verdict = if item.ok { "ok" } else { "FAIL" };
            let (n, max_abs, relative) = (item.n, item.max_abs, item.relative_l2);
            writeln!(out, "{:width$}  {n:>9}  {max_abs:>9.2e}  {relative:>9.2e}  {verdict}", item.name)?;
        }
        for name in &self.unknown {
            writeln!(out, "{name}: not compared; its name means nothing here")?;
        }
        let failed = self.items.iter().filter(|item| !item.ok).count();
        match failed {
            0 => writeln!(out, "{} items, all ok", self.items.len()),
            _ => writeln!(out, "{} items, {failed} FAIL", self.items.len()),
        }
    }
}

struct Comparison<'a> {
    model: &'a mut Decoder,
    file: &'a TensorFile,
    sequences: Vec<Vec<u32>>,
    items: Vec<Item>,
}

impl<'a> Comparison<'a> {
    fn new(model: &'a mut Decoder, file: &'a TensorFile) -> Result<Self> {
        let sequences = rows_of_tokens(file, "input_ids")?;
        if sequences.iter().any(|s| s.len() < 2) {
            return Err(Error::data("input_ids must have at least 2 tokens a row"));
        }
        let shape_of = |name: &str| file.find(name).map(|entry| entry.shape.clone());
        let (b, t, v) = (sequences.len(), sequences.first().map_or(0, Vec::len), model.config.vocab_size);
        for (name, shape) in [("logits", vec![b, t, v]), ("nll", vec![b, t - 1]), ("loss", vec![1])] {
            match shape_of(name) {
                Some(found) if found != shape && !(name == "loss" && found.is_empty()) => {
                    return Err(Error::data(format!("\"{name}\" has shape {found:?} but {shape:?} is expected")));
                }
                _ => {}
            }
        }
        Ok(Self { model, file, sequences, items: Vec::new() })
    }

    fn run(mut self) -> Result<Verification> {
        self.forward()?;
        self.backward()?;
        self.second_order()?;
        self.generation()?;
        if self.items.is_empty() {
            return Err(Error::data("the reference holds nothing to compare with").hint(
                "add logits, nll, loss, grad/<name>, hvp.v/<name> with hvp/<name>, or greedy.prompt with greedy",
            ));
        }
        let known = ["input_ids", "logits", "nll", "loss", "greedy.prompt", "greedy"];
        let is_known = |name: &str| {
            known.contains(&name) || ["grad/", "hvp.v/", "hvp/"].iter().any(|prefix| name.starts_with(prefix))
        };
        let names = self.file.entries().iter().map(|entry| &entry.name);
        let unknown = names.filter(|name| !is_known(name)).cloned().collect();
        Ok(Verification { ok: self.items.iter().all(|item| item.ok), items: self.items, unknown })
    }

    fn forward(&mut self) -> Result<()> {
        let batch = Batch::causal(&self.sequences);
        if let Some(entry) = self.file.find("logits") {
            let ours = logits(self.model, &batch, &mut NoTap)?;
            self.push(entry, &wide(&ours.to_host()?), Tolerance::Score, 0.0)?;
        }
        let (nll, loss) = (self.file.find("nll"), self.file.find("loss"));
        if nll.is_none() && loss.is_none() {
            return Ok(());
        }
        let sequences: Vec<&[u32]> = self.sequences.iter().map(Vec::as_slice).collect();
        let scores = score_tokens(self.model, &sequences, Want::default())?;
        let ours: Vec<f64> = scores.iter().flatten().map(|score| -score.log_prob).collect();
        if let Some(entry) = nll {
            self.push(entry, &ours, Tolerance::Score, 0.0)?;
        }
        if let Some(entry) = loss {
            let mean = ours.iter().sum::<f64>() / ours.len() as f64;
            self.push(entry, &[mean], Tolerance::Score, 0.0)?;
        }
        Ok(())
    }

    fn backward(&mut self) -> Result<()> {
        let entries = self.parameters("grad/")?;
        if entries.is_empty() {
            return Ok(());
        }
        let batch = Batch::causal(&self.sequences).token_mean();
        let mut sink = SumGrads::new(self.model, &|id| entries.contains_key(&id))?;
        loss_gradient(self.model, &batch, &mut sink, &mut NoTap, Keep::All)?;
        let gradients = sink.into_gradients();
        let on_host = |(id, g): &(ParamId, Tensor)| Ok((*id, g.to_host()?.into_owned()));
        let ours: Vec<_> = gradients.iter().map(on_host).collect::<Result<_>>()?;
        self.push_all(&entries, &ours, Tolerance::Gradient)
    }

    fn second_order(&mut self) -> Result<()> {
        let directions = self.parameters("hvp.v/")?;
        let entries = self.parameters("hvp/")?;
        if entries.is_empty() {
            return Ok(());
        }
        if directions.is_empty() {
            return Err(Error::data("the reference has hvp/… but no direction hvp.v/…"));
        }
        let mut direction = Vec::with_capacity(directions.len());
        for (id, entry) in directions {
            let values: Vec<Real> = numbers(self.file, entry)?.into_iter().map(|x| x as Real).collect();
            direction.push((id, std::sync::Arc::new(values.into())));
        }
        let batch = Batch::causal(&self.sequences).token_mean();
        let products = hvp(self.model, &batch, direction, &|id| entries.contains_key(&id), Keep::All)?;
        let on_host = |(id, t): &(ParamId, Tensor)| Ok((*id, t.tangent_to_host()?.unwrap_or_default().into_owned()));
        let ours: Vec<_> = products.iter().map(on_host).collect::<Result<_>>()?;
        self.push_all(&entries, &ours, Tolerance::Curvature)
    }

    fn generation(&mut self) -> Result<()> {
        let Some(entry) = self.file.find("greedy") else { return Ok(()) };
        let prompts = rows_of_tokens(self.file, "greedy.prompt")?;
        let expected = rows_of_tokens(self.file, "greedy")?;
        if prompts.len() != expected.len() {
            return Err(Error::data(format!("greedy has {} rows for {} prompts", expected.len(), prompts.len())));
        }
        let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let lengths: Vec<usize> = expected.iter().map(Vec::len).collect();
        let ours = greedy_from(self.model, &prompts, &lengths, &mut |_| true)?;
        let pairs = || ours.iter().flatten().zip(expected.iter().flatten());
        let n_different = pairs().filter(|(a, b)| a != b).count();
        let n = pairs().count();
        self.items.push(Item {
            name: entry.name.clone(),
            n,
            max_abs: n_different as f64,
            relative_l2: n_different as f64 / n.max(1) as f64,
            tolerance: Tolerance::Exact,
            ok: ours == expected,
        });
        Ok(())
    }

    /// The tensors named `prefix` + parameter.
    fn parameters(&self, prefix: &str) -> Result<BTreeMap<ParamId, &'a Entry>> {
        let mut found = BTreeMap::new();
        for entry in self.file.entries() {
            let Some(name) = entry.name.strip_prefix(prefix) else { continue };
            let Some(id) = self.parameter(name) else {
                return Err(Error::data(format!("\"{}\": the model has no tensor \"{name}\"", entry.name))
                    .hint("use the names and shapes of the model's safetensors files"));
            };
            let shape = &self.model.params.get(id).shape;
            if *shape != entry.shape {
                return Err(Error::data(format!(
                    "\"{}\" has shape {:?} but the tensor has {shape:?}",
                    entry.name, entry.shape
                )));
            }
            found.insert(id, entry);
        }
        Ok(found)
    }

    /// By the name on disk; GPT-NeoX calls its head `lm_head` in the memory of transformers 5.
    fn parameter(&self, name: &str) -> Option<ParamId> {
        let is_head = name == "lm_head.weight" && !self.model.config.tied_embeddings;
        self.model.params.find(name).or_else(|| is_head.then_some(self.model.head.weight))
    }

    fn push_all(
        &mut self,
        entries: &BTreeMap<ParamId, &Entry>,
        ours: &[(ParamId, Vec<Real>)],
        tolerance: Tolerance,
    ) -> Result<()> {
        let mut largest = 0.0_f64;
        for entry in entries.values() {
            largest = largest.max(norm(numbers(self.file, entry)?.into_iter()));
        }
        for (id, values) in ours {
            if let Some(entry) = entries.get(id) {
                self.push(entry, &wide(values), tolerance, largest)?;
            }
        }
        Ok(())
    }

    /// Compares with a tensor of the reference. A gradient that vanishes by symmetry is all rounding; one below
    /// a millionth of the `largest` norm is measured against that.
    fn push(&mut self, entry: &Entry, ours: &[f64], tolerance: Tolerance, largest: f64) -> Result<()> {
        let theirs = numbers(self.file, entry)?;
        if theirs.len() != ours.len() {
            let (n, m) = (theirs.len(), ours.len());
            return Err(Error::bug(format!("{}: {n} numbers in the reference, {m} here", entry.name)));
        }
        let differences = || ours.iter().zip(&theirs).map(|(a, b)| a - b);
        // `max` would pass over NaN.
        let max_abs = differences().map(f64::abs).fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m });
        let scale = norm(theirs.iter().copied()).max(1e-6 * largest).max(f64::MIN_POSITIVE);
        let relative_l2 = norm(differences()) / scale;
        let ok = match tolerance {
            Tolerance::Score => max_abs <= 1e-4 || relative_l2 <= 1e-5,
            Tolerance::Gradient => relative_l2 <= 1e-4,
            Tolerance::Curvature => relative_l2 <= 1e-3,
            Tolerance::Exact => max_abs == 0.0,
        };
        self.items.push(Item { name: entry.name.clone(), n: ours.len(), max_abs, relative_l2, tolerance, ok });
        Ok(())
    }
}

fn wide(values: &[Real]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

fn numbers(file: &TensorFile, entry: &Entry) -> Result<Vec<f64>> {
    file.numbers(entry).ok_or_else(|| {
        Error::data(format!("\"{}\" is stored as {}; a floating-point type is expected", entry.name, entry.kind))
    })
}

/// Rows of token ids: a tensor (T) is one row, (B, T) is B rows.
fn rows_of_tokens(file: &TensorFile, name: &str) -> Result<Vec<Vec<u32>>> {
    let entry = file.find(name).ok_or_else(|| Error::data(format!("the reference has no \"{name}\"")))?;
    let width = match entry.shape.as_slice() {
        [t] | [_, t] if *t > 0 => *t,
        shape => return Err(Error::data(format!("\"{name}\" has shape {shape:?}; (B, T) is expected"))),
    };
    let ids = file.integers(entry).ok_or_else(|| {
        Error::data(format!("\"{name}\" is stored as {}; I64 is expected", entry.kind)).hint("convert it with .long()")
    })?;
    let as_id = |id: &i64| {
        u32::try_from(*id).map_err(|_range| Error::data(format!("\"{name}\" holds {id}, which is no token id")))
    };
    ids.chunks_exact(width).map(|row| row.iter().map(as_id).collect()).collect()
}
