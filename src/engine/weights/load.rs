//! A model folder becomes a decoder.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::checkpoint::{Checkpoint, shorten};
use super::folder::{CONFIG, GENERATION};
use super::json;
use super::tensor_file::{Entry, Stamp, TensorFile};
use crate::error::{Error, Result};
use crate::families::{self, Blueprint, Wanted};
use crate::kernels::kernels;
use crate::model::{Decoder, Weight};
use crate::precision::Place;

/// A folder whose configuration and headers were read; no numbers yet.
#[derive(Debug)]
pub struct Model {
    /// The folder.
    pub dir: PathBuf,
    /// config.json as it is.
    pub config: Value,
    /// What it describes.
    pub blueprint: Blueprint,
    /// The weight files.
    pub checkpoint: Checkpoint,
}

/// How the tensors of a folder compare with those the model is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Needed but not there.
    pub missing: Vec<String>,
    /// There, of the wrong shape or type: one sentence each.
    pub wrong: Vec<String>,
    /// There, part of a block, but unknown to the family: computing without them would be wrong.
    pub foreign: Vec<String>,
    /// There, outside the blocks, not used.
    pub unused: Vec<String>,
    /// Buffers and duplicates that carry nothing.
    pub ignored: Vec<String>,
}

/// What was found while loading.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// The folder.
    pub dir: PathBuf,
    /// config.json as it is.
    pub config: Value,
    /// The weight files as they were.
    pub files: Vec<Stamp>,
    /// Tensors outside the blocks that are not used.
    pub unused: Vec<String>,
    /// Buffers and duplicates that were passed over.
    pub ignored: Vec<String>,
}

impl LoadReport {
    /// Whether the weight files are still what was loaded; ask before long work.
    ///
    /// # Errors
    /// Names the file that was cut, replaced, changed or removed.
    pub fn check_unchanged(&self) -> Result<()> {
        self.files.iter().try_for_each(Stamp::check_unchanged)
    }
}

/// A decoder, and what was found while loading it.
pub struct Loaded {
    /// The decoder; its numbers are still in the files.
    pub decoder: Decoder,
    /// What was found.
    pub report: LoadReport,
}

/// Loads a model folder: config.json and safetensors.
///
/// # Errors
/// Names the file and what is wrong with it: an unknown family, an impossible number, missing tensors,
/// wrong shapes or types, a damaged file, a format that is not read.
pub fn load(dir: &Path, place: impl Into<Place>) -> Result<Loaded> {
    open(dir)?.load(place)
}

/// Reads configuration and headers of a model folder.
///
/// # Errors
/// As [`load`], but for what the tensors are.
pub fn open(dir: &Path) -> Result<Model> {
    let checkpoint = Checkpoint::open(dir)?;
    let path = dir.join(CONFIG);
    if path.symlink_metadata().is_err() {
        return Err(Error::data("the folder has no config.json").hint("download the folder completely").at(dir));
    }
    let config = json::read(&path)?;
    let mut blueprint = families::blueprint(&config).map_err(|e| with_remedy(e).at(&path))?;
    read_generation(dir, &mut blueprint)?;
    Ok(Model { dir: dir.to_owned(), config, blueprint, checkpoint })
}

/// Every complaint about a configuration has this remedy, unless it has a better one.
fn with_remedy(error: Error) -> Error {
    if error.fault().is_some_and(|fault| fault.hint.is_none()) {
        return error.hint("use the config.json that was saved with the weights");
    }
    error
}

/// generation_config.json decides about the end of a text where it says something.
fn read_generation(dir: &Path, blueprint: &mut Blueprint) -> Result<()> {
    let path = dir.join(GENERATION);
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let value = json::read(&path)?;
    let vocab_size = blueprint.config.vocab_size;
    let ids = |key: &str| match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(ids) => families::token_ids(ids)
            .map(|ids| Some(ids.into_iter().filter(|&id| (id as usize) < vocab_size).collect::<Vec<_>>()))
            .ok_or_else(|| {
                Error::data(format!("{key} must be a token id or a list of token ids"))
                    .hint("use the generation_config.json that was saved with the weights, or remove it")
                    .at(&path)
            }),
    };
    if let Some(eos) = ids("eos_token_id")? {
        blueprint.config.eos = eos;
    }
    if blueprint.config.bos.is_none() {
        blueprint.config.bos = ids("bos_token_id")?.and_then(|ids| ids.first().copied());
    }
    Ok(())
}

impl Model {
    /// The file and entry of a tensor, under its name or the other one.
    pub fn find(&self, wanted: &Wanted) -> Option<(&TensorFile, &Entry)> {
        self.checkpoint.find(&wanted.name).or_else(|| self.checkpoint.find(wanted.alias.as_deref()?))
    }

    /// Compares what is there with what is needed.
    pub fn findings(&self) -> Findings {
        let mut findings = Findings::default();
        let mut used = std::collections::BTreeSet::new();
        for wanted in &self.blueprint.wanted {
            let Some((file, entry)) = self.find(wanted) else {
                findings.missing.push(wanted.name.clone());
                continue;
            };
            used.insert(entry.name.as_str());
            if let Some(sentence) = mismatch(wanted, file, entry) {
                findings.wrong.push(sentence);
            }
        }
        for (_, entry) in self.checkpoint.iter().filter(|(_, entry)| !used.contains(entry.name.as_str())) {
            let list = if self.is_ignorable(&entry.name) {
                &mut findings.ignored
            } else if self.is_in_block(&entry.name) {
                &mut findings.foreign
            } else {
                &mut findings.unused
            };
            list.push(entry.name.clone());
        }
        findings
    }

    /// The decoder, its numbers still in the files.
    ///
    /// # Errors
    /// Missing tensors, wrong shapes or types, and tensors of a block that the family does not know.
    pub fn load(self, place: impl Into<Place>) -> Result<Loaded> {
        let kernels = kernels(place)?;
        let findings = self.findings();
        self.refuse(&findings)?;
        self.check_tied()?;
        let report = LoadReport {
            dir: self.dir.clone(),
            config: self.config.clone(),
            files: self.checkpoint.files().iter().map(|file| file.stamp().clone()).collect(),
            unused: findings.unused,
            ignored: findings.ignored,
        };
        let decoder = self.blueprint.clone().build(kernels, |wanted| self.weight(wanted))?;
        report.check_unchanged()?;
        Ok(Loaded { decoder, report })
    }

    fn weight(&self, wanted: &Wanted) -> Result<Weight> {
        let found = self.find(wanted);
        let store = found.and_then(|(file, entry)| Some((file.store(entry)?, entry)));
        let (store, entry) =
            store.ok_or_else(|| Error::bug(format!("{} was checked but is not there", wanted.name)))?;
        Ok(Weight::new(&entry.name, &entry.shape, wanted.orientation, store))
    }

    fn refuse(&self, findings: &Findings) -> Result<()> {
        let error = if !findings.missing.is_empty() {
            let hint = if findings.missing == ["lm_head.weight"] {
                "if the head is the input embedding, config.json must say \"tie_word_embeddings\": true".to_owned()
            } else if findings.foreign.is_empty() && findings.unused.is_empty() {
                "the checkpoint is incomplete or belongs to another config.json; download the folder again".to_owned()
            } else {
                let others: Vec<_> = findings.foreign.iter().chain(&findings.unused).collect();
                format!("the checkpoint belongs to another config.json; it has {}", shorten(&others))
            };
            Error::data(format!("{} tensors are missing: {}", findings.missing.len(), shorten(&findings.missing)))
                .hint(hint)
        } else if let Some(first) = findings.wrong.first() {
            let more = findings.wrong.len() - 1;
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            Error::data(format!("{first}{more}")).hint("config.json and weights must be of the same model")
        } else if !findings.foreign.is_empty() {
            Error::data(format!(
                "{} tensors inside the blocks are unknown to model_type \"{}\": {}",
                findings.foreign.len(),
                self.model_type(),
                shorten(&findings.foreign)
            ))
            .hint("computing without them would give wrong numbers; check model_type and the number of layers")
        } else {
            return Ok(());
        };
        Err(error.at(&self.dir))
    }

    /// `model_type` of config.json.
    pub fn model_type(&self) -> &str {
        self.config.get("model_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// A tied head that is written anyway must be the embedding.
    fn check_tied(&self) -> Result<()> {
        if !self.blueprint.config.tied_embeddings {
            return Ok(());
        }
        let embed = self.blueprint.wanted.first().and_then(|wanted| self.find(wanted));
        let head = ["lm_head.weight", "embed_out.weight"].iter().find_map(|name| self.checkpoint.find(name));
        let (Some((embed_file, embed)), Some((head_file, head))) = (embed, head) else { return Ok(()) };
        if embed.shape == head.shape && same_samples(embed_file.bytes(embed), head_file.bytes(head)) {
            return Ok(());
        }
        Err(Error::data(format!(
            "config.json says that the head is the input embedding, but \"{}\" differs from \"{}\"",
            head.name, embed.name
        ))
        .hint("set \"tie_word_embeddings\": false in config.json")
        .at(head_file.path()))
    }

    fn is_ignorable(&self, name: &str) -> bool {
        const BUFFERS: &[&str] = &[
            ".attn.bias",
            ".attn.masked_bias",
            ".attn.attention.bias",
            ".attn.attention.masked_bias",
            ".attention.bias",
            ".attention.masked_bias",
            ".rotary_emb.inv_freq",
        ];
        let is_tied_head =
            self.blueprint.config.tied_embeddings && matches!(name, "lm_head.weight" | "embed_out.weight");
        is_tied_head || BUFFERS.iter().any(|buffer| name.ends_with(buffer))
    }

    fn is_in_block(&self, name: &str) -> bool {
        let prefix = &self.blueprint.block_prefix;
        let short = prefix.split_once('.').map_or("", |(_, rest)| rest);
        name.starts_with(prefix.as_str()) || (!short.is_empty() && name.starts_with(short))
    }
}

fn mismatch(wanted: &Wanted, file: &TensorFile, entry: &Entry) -> Option<String> {
    let place = file.path().file_name().unwrap_or_default().to_string_lossy();
    if entry.shape != wanted.shape {
        return Some(format!(
            "\"{}\" in {place} has shape {:?} but config.json asks for {:?}",
            entry.name, entry.shape, wanted.shape
        ));
    }
    if entry.stored_type().is_none() {
        return Some(format!(
            "\"{}\" in {place} is stored as {}; only F64, F32, F16 and BF16 have arithmetic here",
            entry.name, entry.kind
        ));
    }
    None
}

/// Compares byte strings in at most 256 pieces spread over them: enough to tell a second matrix from a
/// copy, without reading gigabytes.
fn same_samples(a: &[u8], b: &[u8]) -> bool {
    const PIECE: usize = 4096;
    let stride = (a.len() / 256).max(PIECE);
    a.len() == b.len()
        && (0..a.len()).step_by(stride).all(|at| {
            let end = (at + PIECE).min(a.len());
            a[at..end] == b[at..end]
        })
}
