//! Training: from scratch or from a given model, with what keeps it from memorizing, and checks of how much it does.
//!
//! Each step moves the weights along the gradient of the mean cross-entropy over the predicted tokens of a batch. Rows
//! come in an order that is a function of seed and epoch alone; a checkpoint holds weights, moments of the optimizer,
//! state of the regularizers and what was found so far, so that an interrupted training ends with the same bytes.
//! Source: TinyMem (Sakarvadia et al. 2025, arXiv:2410.02159, `src/memorization_in_toy_models.py`, `ft_toy_model.py`);
//! fine-tuning as in `run_clm.py` of transformers.
//! Differs from the original: with accumulation the mean is over the tokens of all batches of a step, not over means
//! of batches; pads are no targets unless `rows.pad_in_loss` says so.

mod check;
mod checkpoint;
mod config;
mod history;
mod mover;
mod needs;
mod options;
mod order;
mod regularize;
mod report;
mod rows;
mod samples;
mod start;
mod step;
mod trainer;

use serde_json::{Value, json};

use crate::data::{Dataset, Tokenizer};
use crate::error::{Error, Result};
use crate::methods::{Amount, Card, Context, Input, InputKind, Report, Typed, Work, any_row};
use checkpoint::{Found, Shelf, State};
pub use config::Config;
use options::Unit;
use order::Course;
use regularize::Regularizers;
use rows::{Limits, Prepared};
use start::Student;
use trainer::Trainer;

/// Training.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input {
            name: "model",
            kind: InputKind::Model,
            required: false,
            many: false,
            about: "The model that learns; a fresh one when absent.",
        },
        Input {
            name: "data",
            kind: InputKind::Data,
            required: true,
            many: true,
            about: "Texts or rows of token ids to learn; rows of another part than `train` are test rows.",
        },
        Input {
            name: "test",
            kind: InputKind::Data,
            required: false,
            many: true,
            about: "Texts or rows of token ids that are never learned.",
        },
    ],
    check: config::check,
    row_needs: any_row,
    fits,
    work,
    run,
};

const CARD: Card = Card {
    id: "train",
    group: "train",
    title: "Training",
    about: "Trains a model, from scratch or from a given one, and measures what it learns and memorizes on the way.",
    formula: "loss = (1/N) Σ −ln p(token) + λ/2 Σ σ(W)² + λ₁ Σ |θ|; memorized: greedy decoding from k tokens of a \
        training row gives the next l exactly",
    conventions: "Mean over the predicted tokens of a step, whatever their batch. Rows are single sequences without \
        padding. Memorization by the prefix that was trained on; of altered rows also by the clean prefix without \
        end-of-text tokens, as TinyMem's code does. Paper mode: pads are targets too, the L1 factor is squared, spectral \
        norms are linear and cut along outputs, example-tied dropout is as published, texts do not end behind triggers, \
        and epochs 0, n, 2n, … are checked.",
    source: "Sakarvadia et al. 2025, arXiv:2410.02159 (TinyMem); Loshchilov and Hutter 2019, arXiv:1711.05101",
    version: 2,
};

fn fits(amount: &Amount) -> Result<()> {
    if amount.texts.get("data").copied().unwrap_or(0) == 0 {
        return Err(Error::data("there is no row to train on").hint("give data with at least one row"));
    }
    Ok(())
}

fn work(config: &Config, amount: &Amount) -> Work {
    let of = |slot: &str| amount.tokens.get(slot).copied().unwrap_or(0);
    let (rows, tokens) = (amount.texts.get("data").copied().unwrap_or(0).max(1), of("data"));
    let per_step = tokens as f64 / rows as f64 * config.batch() as f64;
    let by_steps = config.length.steps.map(|steps| steps as f64 * per_step);
    let given = by_steps.into_iter().chain(config.length.tokens.map(|n| n as f64)).reduce(f64::min);
    let trained = given.unwrap_or_else(|| config.length.epochs.unwrap_or(1.0) * tokens as f64) as u64;
    let epochs = trained / tokens.max(1);
    let checks = if config.check.unit == Unit::Epochs { epochs / config.check.every.max(1) } else { epochs } + 1;
    let checked = checks * (of("test") + tokens);
    let forward_tokens = trained + checked;
    let work = Work { forward_tokens, backward_tokens: trained, fleeting_tokens: forward_tokens, ..Work::default() };
    if amount.models.contains_key("model") {
        return work;
    }
    let longest = (tokens as f64 / rows as f64).ceil() as u64;
    Work { own_bytes: config.fresh_bytes(longest), kept_bytes: config.kept_bytes(), ..work }
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let (data, test) = (cx.datasets("data"), cx.datasets("test"));
    let shelf = Shelf::new(cx.host.folder()?, identity(config, cx.seed, data, test)?);
    let found = shelf.newest(cx.host)?;
    let begun = begin(config, cx, data, found.as_ref())?;
    let mut prepared = rows::prepare(config, &begun.limits(config), data, test)?;
    if config.stop.patience.is_some() && prepared.test.is_empty() {
        return Err(Error::config("stop.patience: there are no test rows whose loss could be watched")
            .hint("give data for `test`, or rows whose part is `test`"));
    }
    let examples = prepared.examples(config.mitigation)?;
    let course = Course::new(config, examples, begun.student.decoder.config.n_ctx, cx.seed);
    let counts = report::Counts::new(&course, &begun.student.decoder);
    let history = match found {
        Some(Found { state, is_final: true, .. }) => state.history,
        found => trainer(config, cx, begun, &prepared, course, &shelf, found)?.run(cx.host)?,
    };
    report::report(config, &prepared, &counts, &history, &shelf)
}

/// The model and tokenizer that training begins or goes on with.
struct Begun {
    student: Student,
    tokenizer: Option<Tokenizer>,
}

impl Begun {
    fn limits(&self, config: &Config) -> Limits<'_> {
        let model = &self.student.decoder.config;
        let own = self.tokenizer.as_ref().and_then(|t| t.special().eos);
        Limits {
            n_ctx: model.n_ctx,
            vocab_size: model.vocab_size,
            tokenizer: self.tokenizer.as_ref(),
            model: &self.student.name,
            eos: if config.rows.add_eos { own.or_else(|| model.eos.first().copied()) } else { None },
        }
    }
}

fn begin(config: &Config, cx: &Context<'_>, data: &[Dataset], found: Option<&Found>) -> Result<Begun> {
    if let Some(model) = cx.models("model").first() {
        let checkpoint = found.map(|found| found.dir.as_path());
        let (student, tokenizer) = Student::given(config, model, checkpoint, cx.seed)?;
        let tokenizer = tokenizer.or_else(|| data.iter().find_map(|set| set.tokenizer.as_deref().cloned()));
        return Ok(Begun { student, tokenizer });
    }
    if config.lora.rank > 0 {
        return Err(Error::config("lora.rank: adapters need a model that they adapt")
            .hint("give a `model`, or set lora.rank to 0"));
    }
    let tokenizer = match found {
        Some(found) if found.state.has_tokenizer => Some(Tokenizer::load(&found.dir)?),
        Some(_) => None,
        None => start::tokenizer(config, data)?,
    };
    let student = match found {
        Some(found) => Student::from_checkpoint(&found.dir, tokenizer.clone(), cx.host.place())?,
        None => Student::fresh(config, tokenizer.clone(), data, cx.seed, cx.host.place())?,
    };
    Ok(Begun { student, tokenizer })
}

fn trainer<'a>(
    config: &'a Config,
    cx: &Context<'_>,
    begun: Begun,
    prepared: &'a Prepared,
    mut course: Course,
    shelf: &'a Shelf,
    found: Option<Found>,
) -> Result<Trainer<'a>> {
    let Begun { student, tokenizer } = begun;
    let model = &student.decoder;
    let mut mover = mover::mover(config, model)?;
    let first: Vec<usize> = course.examples(0).iter().map(|example| example.number).collect();
    let mut regularizers = Regularizers::new(config, model, cx.seed, first);
    let fill_to = if config.pads_count() { model.config.n_ctx } else { 0 };
    let all_tokens = course.all_tokens(fill_to);
    let state = if let Some(found) = found {
        mover.optimizer.restore(model, &Shelf::moments(&found.dir))?;
        regularizers.restore(found.state.regularizers.clone());
        found.state
    } else {
        let given = cx.models("model").first().map(|model| Shelf::moments(&model.path));
        if let Some(moments) = given.filter(|_| config.optimizer.continue_moments) {
            const REMEDY: &str = "choose a model that was trained with checkpoint.final_moments, or set \
                optimizer.continue_moments to false";
            mover
                .optimizer
                .restore(model, &moments)
                .map_err(|e| e.context("optimizer.continue_moments").hint(REMEDY))?;
        }
        State { identity: shelf.identity.clone(), has_tokenizer: student.tokenizer.is_some(), ..State::default() }
    };
    let seed = cx.seed;
    Ok(Trainer { config, seed, student, tokenizer, prepared, course, mover, regularizers, shelf, state, all_tokens })
}

/// What must be the same for a training to go on.
fn identity(config: &Config, seed: u64, data: &[Dataset], test: &[Dataset]) -> Result<Value> {
    let config = serde_json::to_value(config).map_err(|e| Error::bug(format!("settings cannot be written: {e}")))?;
    let hashes = |sets: &[Dataset]| sets.iter().map(|set| json!([set.hash, set.records.len()])).collect::<Vec<_>>();
    Ok(json!({
        "program": env!("CARGO_PKG_VERSION"), "settings": config, "seed": seed, "data": hashes(data), "test": hashes(test)
    }))
}
