//! `generate`: the continuation of a prompt, or a data set of texts that the model writes.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use serde_json::json;

use super::{Streams, json_arg, path_arg, run, text};
use crate::data::Tokenizer;
use crate::engine::cache::KvCache;
use crate::engine::generate::{self, EarlyStopping, GenerateConfig, Strategy};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;
use crate::methods::common::tables::counted;
use crate::runs::corpus::{self, Prompt};
use crate::runs::estimate::{available_memory, bytes_text};
use crate::runs::{DataRef, inputs, store};

pub(super) fn command() -> Command {
    Command::new("generate")
        .about("Continue a prompt, greedily unless a temperature or a number of beams is given")
        .arg(path_arg("model", "MODEL", "Model folder or hub id"))
        .args(prompt_args())
        .group(ArgGroup::new("beginning").args(["prompt", "prompts", "opening"]).required(true))
        .args(decoding_args())
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Write the texts as rows of token ids (JSONL), which a memorization score reads back exactly"),
        )
        .arg(super::device_arg())
        .arg(super::precision_arg())
        .arg(run::seed_arg())
        .arg(json_arg())
}

fn prompt_args() -> [Arg; 4] {
    [
        Arg::new("prompt").long("prompt").value_name("TEXT").help("What to continue"),
        Arg::new("prompts")
            .long("prompts")
            .value_name("DATA")
            .requires("out")
            .help("Continue the beginning of every row of a data file or hub data set"),
        number("opening", "N", "Continue different openings of N tokens that the model draws, --count of them")
            .value_parser(value_parser!(u32).range(1..))
            .requires("out"),
        number("prompt-tokens", "N", "Tokens of each row that --prompts takes").default_value("32"),
    ]
}

fn decoding_args() -> Vec<Arg> {
    let real = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("X").value_parser(value_parser!(f64)).help(help)
    };
    vec![
        number("max-new-tokens", "N", "Tokens made at most").default_value("64"),
        number("min-new-tokens", "N", "The text does not end before so many tokens").default_value("0"),
        real("temperature", "Draw from the distribution with this temperature"),
        number("top-k", "K", "Draw from the K most likely tokens; 0 keeps all").default_value("0"),
        real("top-p", "Draw from the smallest set with this probability").default_value("1"),
        number("beams", "N", "Beam search with N beams"),
        number("groups", "N", "Diverse beam search: the beams in N groups that avoid each other's tokens")
            .requires("beams")
            .conflicts_with("temperature"),
        real("diversity", "Nats that a token costs for each earlier group that chose it").default_value("0.5"),
        real("length-penalty", "Beams are ranked by log-probability / length^X").default_value("1"),
        real("repetition-penalty", "Tokens that occurred become less likely by this factor").default_value("1"),
        Arg::new("stop")
            .long("stop")
            .value_name("TEXT")
            .action(ArgAction::Append)
            .help("End before this text; may be repeated"),
        number("count", "N", "Continuations of each prompt; with --opening, texts").default_value("1"),
    ]
}

fn number(name: &'static str, shown: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(shown).value_parser(value_parser!(usize)).help(help)
}

pub(super) fn generate(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let reference = inputs::model_ref(&text(args, "model"));
    let folder = inputs::model_folder(&reference, &mut super::access(args))?;
    let model = inputs::load_model(&inputs::model_name(&reference, &folder), &folder, super::place(args)?)?;
    match args.get_one::<PathBuf>("out") {
        Some(path) => write(args, &model, path, streams),
        None => print(args, &model, streams),
    }
}

/// A data set of texts.
fn write(args: &ArgMatches, model: &LoadedModel, path: &PathBuf, streams: &mut Streams<'_>) -> Result<()> {
    let mut config = config(args, model);
    let stops: Vec<&String> = args.get_many::<String>("stop").into_iter().flatten().collect();
    let mut control = super::control::control()?;
    let prompts = if let Some(place) = args.get_one::<String>("prompts") {
        let data = inputs::data_ref(place, &DataRef::default());
        let file = inputs::data_file(&data, &mut super::access(args))?;
        let data = inputs::load_data(&data, &file)?;
        corpus::prompts_of(model, &data, args.get_one::<usize>("prompt-tokens").copied().unwrap_or(32))?
    } else if let Some(n_tokens) = args.get_one::<u32>("opening") {
        let n = std::mem::replace(&mut config.n_return, 1);
        corpus::openings(model, n, *n_tokens as usize, config.seed, &control)?
    } else {
        let ids = tokenizer(model)?.encode(&text(args, "prompt"), true)?.ids;
        vec![Prompt { id: "1".to_owned(), source: None, ids }]
    };
    check_memory(&config, model, &prompts.iter().map(|prompt| prompt.ids.len()).collect::<Vec<_>>())?;
    let rows = corpus::rows(model, &prompts, &config, &stops, &mut control)?;
    let mut lines = rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    lines.push('\n');
    store::write_atomic(path, lines.as_bytes())?;
    if args.get_flag("json") {
        return streams.json(&json!({"file": path, "rows": rows.len()}));
    }
    streams.line(&format!("{} ({})", path.display(), counted(rows.len(), "row")))
}

/// Continuations of one prompt on standard output.
fn print(args: &ArgMatches, model: &LoadedModel, streams: &mut Streams<'_>) -> Result<()> {
    let tokenizer = tokenizer(model)?;
    let prompt = tokenizer.encode(&text(args, "prompt"), true)?.ids;
    let config = config(args, model);
    check_memory(&config, model, &[prompt.len()])?;
    let stops: Vec<&String> = args.get_many::<String>("stop").into_iter().flatten().collect();
    let ends = |tokens: &[u32]| {
        !stops.is_empty() && {
            let made = tokenizer.decode_after(&prompt, tokens);
            stops.iter().any(|stop| made.contains(*stop))
        }
    };
    let control = super::control::control()?;
    let mut goes_on = |_: generate::Step<'_>| !control.stop.load(std::sync::atomic::Ordering::SeqCst);
    let made = generate::generate(&model.decoder, &[&prompt], &config, &ends, &mut goes_on)?;
    let made: Vec<_> = made.into_iter().flatten().collect();
    let texts: Vec<String> =
        made.iter().map(|g| cut_before(tokenizer.decode_after(&prompt, &g.tokens), &stops)).collect();
    if args.get_flag("json") {
        let values = made
            .iter()
            .zip(&texts)
            .map(|(g, text)| json!({"text": text, "tokens": g.tokens, "score": finite(g.score), "finish": g.finish}));
        return streams.json(&values.collect::<Vec<_>>());
    }
    texts.iter().try_for_each(|text| streams.line(text))
}

fn tokenizer(model: &LoadedModel) -> Result<&Tokenizer> {
    model.tokenizer.as_ref().ok_or_else(|| {
        Error::data("the model has no tokenizer").hint("put its tokenizer.json into the folder").at(&model.path)
    })
}

fn config(args: &ArgMatches, model: &LoadedModel) -> GenerateConfig {
    let number = |name: &str| args.get_one::<usize>(name).copied();
    let real = |name: &str, default: f64| args.get_one::<f64>(name).copied().unwrap_or(default);
    let (top_k, top_p) = (number("top-k").unwrap_or(0), real("top-p", 1.0));
    let length_penalty = real("length-penalty", 1.0);
    let early_stopping = EarlyStopping::Heuristic;
    let temperature = args.get_one::<f64>("temperature").copied();
    let strategy = match (number("beams"), temperature) {
        (Some(beams), _) if number("groups").is_some() => {
            let (groups, diversity) = (number("groups").unwrap_or(1), real("diversity", 0.5));
            Strategy::DiverseBeam { beams, groups, diversity, length_penalty, early_stopping }
        }
        (None, None) => Strategy::Greedy,
        (None, Some(temperature)) => Strategy::Sample { temperature, top_k, top_p },
        (Some(beams), None) => Strategy::Beam { beams, length_penalty, early_stopping },
        (Some(beams), Some(temperature)) => {
            Strategy::BeamSample { beams, length_penalty, early_stopping, temperature, top_k, top_p }
        }
    };
    GenerateConfig {
        strategy,
        max_new_tokens: number("max-new-tokens").unwrap_or(64),
        min_new_tokens: number("min-new-tokens").unwrap_or(0),
        repetition_penalty: real("repetition-penalty", 1.0),
        eos: model.decoder.config.eos.clone(),
        n_return: number("count").unwrap_or(1),
        seed: args.get_one::<u64>("seed").copied().unwrap_or(0),
        ..GenerateConfig::default()
    }
}

/// Refuses what cannot fit: the caches of sequences that run together, and the texts that come of it.
fn check_memory(config: &GenerateConfig, model: &LoadedModel, prompts: &[usize]) -> Result<()> {
    let free = available_memory();
    let sizes = &model.decoder.config;
    let longest = prompts.iter().max().copied().unwrap_or(0).saturating_add(config.max_new_tokens).min(sizes.n_ctx);
    let together = config.rows_per_prompt().max(config.rows_at_once.min(prompts.len())) as u128;
    let caches = together * u128::from(KvCache::bytes(sizes, 1, longest));
    let texts = prompts.len() as u128 * config.n_return as u128 * (4 * longest as u128 + 64);
    let needed = u64::try_from(caches + texts).unwrap_or(u64::MAX);
    if free == 0 || needed <= free {
        return Ok(());
    }
    let (needed, free) = (bytes_text(needed), bytes_text(free));
    Err(Error::config(format!("so many continuations at once need about {needed} of memory; {free} are free"))
        .hint("lower --beams or --count; other seeds give further texts"))
}

fn cut_before(mut text: String, stops: &[&String]) -> String {
    if let Some(end) = stops.iter().filter_map(|stop| text.find(stop.as_str())).min() {
        text.truncate(end);
    }
    text
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
