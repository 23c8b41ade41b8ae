//! `generate`: the continuation of a prompt.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;

use super::{Streams, json_arg, path_arg, run, text};
use crate::data::Tokenizer;
use crate::engine::Device;
use crate::engine::generate::{self, EarlyStopping, GenerateConfig, Strategy};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;
use crate::runs::inputs;

pub(super) fn command() -> Command {
    let number = |name: &'static str, shown: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(shown).value_parser(value_parser!(usize)).help(help)
    };
    let real = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("X").value_parser(value_parser!(f64)).help(help)
    };
    Command::new("generate")
        .about("Continue a prompt, greedily unless a temperature or a number of beams is given")
        .arg(path_arg("model", "MODEL", "Model folder or hub id"))
        .arg(Arg::new("prompt").long("prompt").value_name("TEXT").required(true).help("What to continue"))
        .arg(number("max-new-tokens", "N", "Tokens made at most").default_value("64"))
        .arg(number("min-new-tokens", "N", "The text does not end before so many tokens").default_value("0"))
        .arg(real("temperature", "Draw from the distribution with this temperature"))
        .arg(number("top-k", "K", "Draw from the K most likely tokens; 0 keeps all").default_value("0"))
        .arg(real("top-p", "Draw from the smallest set with this probability").default_value("1"))
        .arg(number("beams", "N", "Beam search with N beams"))
        .arg(real("length-penalty", "Beams are ranked by log-probability / length^X").default_value("1"))
        .arg(real("repetition-penalty", "Tokens that occurred become less likely by this factor").default_value("1"))
        .arg(
            Arg::new("stop")
                .long("stop")
                .value_name("TEXT")
                .action(ArgAction::Append)
                .help("End before this text; may be repeated"),
        )
        .arg(number("count", "N", "Continuations to make").default_value("1"))
        .arg(run::seed_arg())
        .arg(json_arg())
}

pub(super) fn generate(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let reference = inputs::model_ref(&text(args, "model"));
    let folder = inputs::model_folder(&reference, &mut super::access(args))?;
    let model = inputs::load_model(&inputs::model_name(&reference, &folder), &folder, Device::Cpu)?;
    let tokenizer = tokenizer(&model)?;
    let prompt = tokenizer.encode(&text(args, "prompt"), true)?.ids;
    let config = config(args, &model);
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

fn cut_before(mut text: String, stops: &[&String]) -> String {
    if let Some(end) = stops.iter().filter_map(|stop| text.find(stop.as_str())).min() {
        text.truncate(end);
    }
    text
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
