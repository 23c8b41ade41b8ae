//! The model that training begins with: a given one, a fresh one, or the newest good checkpoint.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Config;
use super::options::{FreshActivation, FreshFamily, LoraOptions, VocabularySource};
use crate::data::{Dataset, Tokenizer};
use crate::engine::families::{Sizes, sized};
use crate::engine::model::Family;
use crate::engine::train::init::{InitSpec, fresh};
use crate::engine::train::{Lora, load_adapter};
use crate::engine::{Decoder, Place, weights};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;

/// The folder of an adapter inside that of its merged model.
pub(super) const ADAPTER: &str = "adapter";
/// A fresh model reads no longer rows than this unless it is told to.
const LONGEST: usize = 512;

/// The model that learns, with what belongs into its folder.
pub(super) struct Student {
    /// Shown name.
    pub(super) name: String,
    pub(super) decoder: Decoder,
    /// Its config.json.
    pub(super) config: Value,
    /// The folder that its tokenizer files come from.
    pub(super) companions: Option<PathBuf>,
    /// What its adapters are, where only they are trained.
    pub(super) lora: Option<Lora>,
    /// The tokenizer that is written into its folder, where no files are copied.
    pub(super) tokenizer: Option<Tokenizer>,
}

impl Student {
    /// The given model, its numbers as they are in `checkpoint` where training goes on from one.
    pub(super) fn given(
        config: &Config,
        model: &LoadedModel,
        checkpoint: Option<&Path>,
        seed: u64,
    ) -> Result<(Self, Option<Tokenizer>)> {
        let adapts = config.lora.rank > 0;
        let at = checkpoint.filter(|_| !adapts).unwrap_or(&model.path);
        let mut loaded = weights::load(at, model.decoder.kernels.place())?;
        let lora = adapts.then(|| lora(&config.lora, &loaded.decoder));
        match (&lora, checkpoint) {
            (Some(_), Some(checkpoint)) => {
                load_adapter(&checkpoint.join(ADAPTER), &mut loaded.decoder)?;
            }
            (Some(lora), None) => {
                lora.attach(&mut loaded.decoder, seed).map_err(|e| e.context("lora"))?;
            }
            (None, _) => {}
        }
        let student = Self {
            name: model.name.clone(),
            decoder: loaded.decoder,
            config: loaded.report.config,
            companions: Some(model.path.clone()),
            lora,
            tokenizer: None,
        };
        Ok((student, model.tokenizer.clone()))
    }

    /// A fresh model as it was in a checkpoint.
    pub(super) fn from_checkpoint(at: &Path, tokenizer: Option<Tokenizer>, place: Place) -> Result<Self> {
        let loaded = weights::load(at, place)?;
        Ok(Self {
            name: "the fresh model".to_owned(),
            decoder: loaded.decoder,
            config: loaded.report.config,
            companions: None,
            lora: None,
            tokenizer,
        })
    }

    /// A model that has learned nothing.
    pub(super) fn fresh(
        config: &Config,
        tokenizer: Option<Tokenizer>,
        data: &[Dataset],
        seed: u64,
        place: Place,
    ) -> Result<Self> {
        let (vocab_size, longest) = (vocab_size(tokenizer.as_ref(), data)?, longest(config, tokenizer.as_ref(), data)?);
        let special = tokenizer.as_ref().map(|t| t.special().clone()).unwrap_or_default();
        let options = &config.fresh;
        let init_std = options.init_std.unwrap_or_else(|| InitSpec::tiny_mem(options.d_model).std);
        let sizes = Sizes {
            vocab_size,
            n_ctx: options.n_ctx.unwrap_or(longest),
            n_layer: options.n_layer,
            n_head: options.n_head,
            d_model: options.d_model,
            d_ff: options.d_ff.unwrap_or(4 * options.d_model),
            activation: options.activation.name(),
            init_std,
            bos: special.bos,
            eos: special.eos,
            pad: special.pad,
        };
        let described = sized(options.family.into(), &sizes);
        let scale_residual = matches!(options.family, FreshFamily::Gpt2);
        let decoder = fresh(&described, InitSpec { std: init_std, scale_residual }, seed, place)
            .map_err(|e| e.context("fresh"))?;
        let name = "the fresh model".to_owned();
        Ok(Self { name, decoder, config: described, companions: None, lora: None, tokenizer })
    }
}

/// The adapters that the options describe.
fn lora(options: &LoraOptions, model: &Decoder) -> Lora {
    let own = || Lora::targets_of(model.config.family).iter().map(|name| (*name).to_owned()).collect();
    let targets = if options.targets.is_empty() { own() } else { options.targets.clone() };
    Lora { rank: options.rank, alpha: options.alpha, dropout: options.dropout, targets }
}

impl FreshActivation {
    fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::GeluNew => "gelu_new",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
        }
    }
}

impl From<FreshFamily> for Family {
    fn from(family: FreshFamily) -> Self {
        match family {
            FreshFamily::Gpt2 => Self::Gpt2,
            FreshFamily::GptNeo => Self::GptNeo,
            FreshFamily::Gptj => Self::GptJ,
            FreshFamily::GptNeox => Self::GptNeoX,
            FreshFamily::Llama => Self::Llama,
        }
    }
}

/// The tokenizer of a fresh model: named, that of the data, or trained on its texts; none for rows of token ids.
pub(super) fn tokenizer(config: &Config, data: &[Dataset]) -> Result<Option<Tokenizer>> {
    let options = &config.tokenizer;
    if let (VocabularySource::Auto, Some(path)) = (options.source, &options.path) {
        return Tokenizer::load(Path::new(path)).map(Some).map_err(|e| e.context("tokenizer.path"));
    }
    let own = data.iter().find_map(|set| set.tokenizer.as_deref());
    if let (VocabularySource::Auto, Some(own)) = (options.source, own) {
        return Ok(Some(own.clone()));
    }
    let records = data.iter().flat_map(|set| &set.records).filter(|r| r.token_ids.is_none());
    let texts: Vec<&str> = records.filter_map(|r| r.text.as_deref()).collect();
    if texts.is_empty() {
        return Ok(None);
    }
    Tokenizer::train_bpe(&texts, options.vocab_size).map(Some).map_err(|e| e.context("tokenizer"))
}

/// Token ids that a fresh model must know.
fn vocab_size(tokenizer: Option<&Tokenizer>, data: &[Dataset]) -> Result<usize> {
    if let Some(tokenizer) = tokenizer {
        return Ok(tokenizer.vocab_size());
    }
    let records = data.iter().flat_map(|set| &set.records);
    let ids = records.flat_map(|r| r.token_ids.iter().chain(&r.twin)).flatten();
    ids.max().map(|id| *id as usize + 1).ok_or_else(|| {
        Error::data("there is neither text nor a token id to learn").hint("give data with texts or rows of token ids")
    })
}

/// Tokens of the longest row, at most [`LONGEST`].
fn longest(config: &Config, tokenizer: Option<&Tokenizer>, data: &[Dataset]) -> Result<usize> {
    let mut longest = 2;
    for record in data.iter().flat_map(|set| set.records.iter().take(config.rows.limit.unwrap_or(usize::MAX))) {
        let n = match (&record.token_ids, &record.text, tokenizer) {
            (Some(ids), ..) => ids.len(),
            // with the end-of-text token
            (None, Some(text), Some(tokenizer)) => tokenizer.encode(text, true)?.ids.len() + 1,
            _ => 0,
        };
        longest = longest.max(n);
        if longest >= LONGEST {
            break;
        }
    }
    Ok(longest.min(LONGEST))
}
