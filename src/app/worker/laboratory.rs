//! The loaded model and what is asked of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::live::{self, LiveAsk};
use super::mailbox::Ticket;
use crate::data::Tokenizer;
use crate::data::hub::Hub;
use crate::engine::Device;
use crate::engine::weights::{self, LoadReport};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;
use crate::methods::compare::{self, Alignment, Measurement, Pair};
use crate::methods::unlearn::live::{Facts, Live, Point};
use crate::runs::inputs::{self, Access};
use crate::runs::inspect::Inspection;

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
    /// Why the tokenizer may not be the model's.
    pub doubt: Option<String>,
    /// Sentences about what is odd.
    pub warnings: Vec<String>,
    /// Time to open it, seconds.
    pub seconds: f64,
}

/// A measurement that is not wanted any more goes on for so long.
const PATIENCE: Duration = Duration::from_millis(1200);

/// Model and tokenizer, if one is open.
#[derive(Default)]
pub struct Laboratory {
    model: Option<LoadedModel>,
    /// What the model's files were when it was opened, and the path it was asked for by.
    files: Option<(LoadReport, PathBuf)>,
    /// An edit whose ratio moves, and its key.
    live: Option<(u64, Live)>,
}

impl Laboratory {
    /// Opens a model folder.
    pub fn load(&mut self, ticket: &Ticket, path: &Path) -> Result<Arc<ModelCard>> {
        let started = Instant::now();
        // Two models at once may be more than the memory holds.
        self.close();
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
        let doubt = tokenizer.as_ref().and_then(|t| tokenizer_doubt(t.vocab_size(), vocab_size));
        warnings.extend(doubt.clone());
        let name = dir.file_name().map_or_else(|| dir.display().to_string(), |n| n.to_string_lossy().into_owned());
        let card = ModelCard {
            name: name.clone(),
            path: path.to_owned(),
            inspection,
            n_ctx,
            vocab_size,
            tokenizer: tokenizer.as_ref().map(describe_tokenizer).unwrap_or_default(),
            doubt,
            warnings,
            seconds: started.elapsed().as_secs_f64(),
        };
        self.model = Some(LoadedModel { name, path: dir, decoder: loaded.decoder, tokenizer });
        self.files = Some((loaded.report, path.to_owned()));
        Ok(Arc::new(card))
    }

    fn close(&mut self) {
        self.model = None;
        self.files = None;
        self.live = None;
    }

    /// Closes the model when its files are not what was opened any more, and says of which path and why. Numbers
    /// computed since the last time then mean nothing: a part that was cut away reads as zeros.
    pub fn close_if_changed(&mut self) -> Option<(PathBuf, Error)> {
        let (report, path) = self.files.as_ref()?;
        let error = report.check_unchanged().err()?;
        let path = path.clone();
        self.close();
        Some((path, error))
    }

    fn model(&self) -> Result<&LoadedModel> {
        self.model.as_ref().ok_or_else(|| Error::config("no model is open").hint("open one on the Start view"))
    }

    /// Splits a text into tokens.
    pub fn tokenize(&self, text: &str) -> Result<Measurement> {
        compare::tokenize(self.model()?, text)
    }

    /// Measures both texts of a pair and lines them up.
    pub fn pair(&self, ticket: &Ticket, texts: &[String; 2]) -> Result<Pair> {
        compare::pair(self.model()?, texts, &|| ticket.is_current())
    }

    /// Compares the gradients of two texts.
    pub fn align(&self, ticket: &Ticket, texts: &[String; 2]) -> Result<Alignment> {
        compare::align(self.model()?, texts, &|| ticket.is_current())
    }

    /// Finds or computes the scores of an edit whose ratio moves.
    pub fn start_live(&mut self, ticket: &Ticket, ask: &LiveAsk, told: &dyn Fn(&str, u64, u64)) -> Result<Facts> {
        // Two maps of scores at once may be more than the memory holds.
        self.live = None;
        let live = live::start(self.model()?, ask, ticket, told)?;
        let facts = live.facts().clone();
        self.live = Some((ask.key, live));
        Ok(facts)
    }

    /// Cuts its scores at a ratio and measures a copy of the model.
    pub fn cut(&self, ticket: &Ticket, key: u64, ratio: f64) -> Result<Point> {
        let model = self.model()?;
        let live = self.live.as_ref().filter(|(known, _)| *known == key);
        let (_, live) = live.ok_or_else(|| Error::config("there are no scores").hint("compute them first"))?;
        // A slider that keeps moving would see nothing if every new place stopped the measurement of the last one.
        let started = Instant::now();
        live.at(model, ratio, &|| ticket.is_current() || started.elapsed() < PATIENCE)
    }

    /// Writes the model with this much removed as a folder.
    pub fn keep_cut(&self, ratio: f64, folder: &Path) -> Result<()> {
        let none = || Error::config("there are no scores").hint("compute them first");
        let (_, live) = self.live.as_ref().ok_or_else(none)?;
        live.keep(self.model()?, ratio, folder)
    }

    /// Continues a text by the most likely tokens.
    pub fn continue_greedily(&self, ticket: &Ticket, text: &str, n: usize) -> Result<String> {
        compare::continue_greedily(self.model()?, text, n, &|| ticket.is_current())
    }
}

/// Why a tokenizer of `n` tokens may not belong to a model of `vocab` tokens. Models often have some rows more, up to a
/// round number, but not a tenth more.
fn tokenizer_doubt(n: usize, vocab: usize) -> Option<String> {
    let is_odd = n > vocab || n * 10 < vocab * 9;
    is_odd.then(|| format!("the tokenizer has {n} tokens, the model {vocab}: it may belong to another model"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_of_another_size_is_doubted() {
        for (n, vocab) in [(50_257, 50_257), (50_254, 50_432), (151_643, 152_064)] {
            assert_eq!(tokenizer_doubt(n, vocab), None);
        }
        assert!(tokenizer_doubt(512, 1024).is_some_and(|d| d.contains("512 tokens, the model 1024")));
        assert!(tokenizer_doubt(50_258, 50_257).is_some());
    }
}
