//! One verb a method, made from its inputs and the schema of its configuration.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value};

use super::{Streams, run};
use crate::error::{Error, Result};
use crate::methods::schema::{Field, FieldKind, range_text};
use crate::methods::{Input, InputKind, Method, find, registry};
use crate::runs::{DataRef, Experiment, InputRef, Step, inputs};

/// Options that every verb has, unless its configuration has one of the same name.
const COMMON: [&str; 3] = ["limit", "format", "columns"];

pub(super) fn commands() -> impl Iterator<Item = Command> {
    registry().iter().map(|method| command(*method))
}

fn command(method: &dyn Method) -> Command {
    let card = method.card();
    let fields = method.fields();
    let mut command = Command::new(card.id)
        .about(card.about.trim_end_matches('.'))
        .long_about(format!("{}\n\n{}\n\n{}\n\nSource: {}", card.about, card.formula, card.conventions, card.source));
    for slot in method.inputs() {
        command = command.arg(slot_arg(slot));
    }
    let taken: Vec<String> = fields.iter().map(|field| option_name(&field.path)).collect();
    command = command.next_help_heading("Configuration").args(fields.iter().map(field_arg));
    let common = common_args().into_iter().filter(|arg| !taken.iter().any(|name| name == arg.get_id().as_str()));
    command.next_help_heading("Run").args(common)
}

/// Runs the one-step experiment that the options describe.
pub(super) fn run(id: &str, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let method = find(id)?;
    let mut experiment = Experiment { name: id.to_owned(), ..Experiment::default() };
    if let Some(name) = args.get_one::<String>("name") {
        experiment.name.clone_from(name);
    }
    run::apply_machine(args, &mut experiment);
    let mut step = Step { method: id.to_owned(), ..Step::default() };
    let template = data_template(method, args)?;
    for slot in method.inputs() {
        let given: Vec<&String> = args.get_many::<String>(slot.name).into_iter().flatten().collect();
        add_inputs(&mut experiment, &mut step, slot, &given, &template);
    }
    step.config = config(&method.fields(), args);
    experiment.steps.push(step);
    run::start(experiment, args, streams)
}

fn slot_arg(slot: &Input) -> Arg {
    let (shown, what) = match slot.kind {
        InputKind::Model => ("MODEL", "folder or hub id, with @REVISION where wanted"),
        InputKind::Data => ("DATA", "file or hub id, with @REVISION where wanted"),
    };
    let arg = Arg::new(slot.name).long(slot.name).value_name(shown).required(slot.required);
    let arg = if slot.many { arg.num_args(1..).action(ArgAction::Append) } else { arg };
    arg.help(format!("{} ({what})", slot.about.trim_end_matches('.')))
}

/// The option of a field.
pub(super) fn field_arg(field: &Field) -> Arg {
    let name = option_name(&field.path);
    let arg = Arg::new(name.clone()).long(name).help(field_help(field)).allow_hyphen_values(true);
    match &field.kind {
        FieldKind::Bool => arg.value_name("true|false").num_args(0..=1).default_missing_value("true"),
        FieldKind::Choice(words) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
            arg.value_name(words.join("|"))
        }
        FieldKind::Int => arg.value_name("N"),
        FieldKind::Float => arg.value_name("X"),
        FieldKind::Text => arg.value_name("TEXT"),
        FieldKind::List(_) => arg.value_name("A,B,…"),
        FieldKind::Json => arg.value_name("JSON"),
    }
}

/// Doc comment, range, unit and default in one line.
fn field_help(field: &Field) -> String {
    let about = field.about.replace('\n', " ");
    let unit = if field.unit.is_empty() { String::new() } else { format!(" {}", field.unit) };
    let help = match (&field.kind, field.min.or(field.max)) {
        (FieldKind::Int | FieldKind::Float, Some(_)) => {
            format!("{about} [{}{unit}]", range_text(field.min, field.max))
        }
        _ if !unit.is_empty() => format!("{about} [{}]", field.unit),
        _ => about,
    };
    match &field.default {
        Value::Null => help,
        Value::String(word) => format!("{help} [default: {word}]"),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
            format!("{help} [default: {}]", items.join(","))
        }
        other => format!("{help} [default: {other}]"),
    }
}

fn common_args() -> Vec<Arg> {
    let mut args = vec![
        Arg::new("limit")
            .long("limit")
            .value_name("N")
            .value_parser(value_parser!(u64).range(1..))
            .help("Use only the first N rows of each data set"),
        Arg::new("format").long("format").value_name("FORMAT").help("Format of the data files [default: found out]"),
        Arg::new("columns")
            .long("columns")
            .value_name("ROLE=COLUMN,…")
            .help("Which columns of the data hold what, such as text=input,label=y"),
        Arg::new("name").long("name").value_name("NAME").help("Name of the run [default: the method]"),
        run::seed_arg(),
    ];
    args.extend(run::machine_args());
    args.extend(run::place_args());
    args.push(super::json_arg());
    args
}

/// What `--limit`, `--format` and `--columns` say about every data set.
fn data_template(method: &dyn Method, args: &ArgMatches) -> Result<DataRef> {
    let fields = method.fields();
    let is_common = |name: &str| COMMON.contains(&name) && fields.iter().all(|field| option_name(&field.path) != name);
    let mut template = DataRef::default();
    if is_common("limit") {
        template.limit = args.get_one::<u64>("limit").map(|n| usize::try_from(*n).unwrap_or(usize::MAX));
    }
    if is_common("format")
        && let Some(word) = args.get_one::<String>("format")
    {
        let parsed = serde_json::from_value(Value::String(word.to_lowercase()));
        template.format = Some(parsed.map_err(|e| Error::config(format!("--format: {e}")))?);
    }
    if is_common("columns")
        && let Some(pairs) = args.get_one::<String>("columns")
    {
        template.columns = parse_columns(pairs)?;
    }
    Ok(template)
}

fn parse_columns(pairs: &str) -> Result<BTreeMap<String, String>> {
    let parse = |pair: &str| match pair.split_once('=') {
        Some((role, column)) => Ok((role.trim().to_owned(), column.trim().to_owned())),
        None => Err(Error::config(format!("--columns: `{pair}` is not ROLE=COLUMN")).hint("such as text=input")),
    };
    pairs.split(',').map(parse).collect()
}

fn add_inputs(experiment: &mut Experiment, step: &mut Step, slot: &Input, given: &[&String], template: &DataRef) {
    let single = given.len() == 1;
    let mut names = Vec::new();
    for (i, place) in given.iter().enumerate() {
        let name = if single { slot.name.to_owned() } else { format!("{}-{}", slot.name, i + 1) };
        match slot.kind {
            InputKind::Model if slot.name == "model" => experiment.model = Some(inputs::model_ref(place)),
            InputKind::Model => {
                experiment.models.insert(name.clone(), inputs::model_ref(place));
            }
            InputKind::Data => {
                experiment.data.insert(name.clone(), inputs::data_ref(place, template));
            }
        }
        names.push(name);
    }
    // A single one is found by the name of its slot.
    if names.len() > 1 {
        step.inputs.insert(slot.name.to_owned(), InputRef::Many(names));
    }
}

/// The fields that were given; what is wrong with them is said by the plan, with what is allowed.
pub(super) fn config(fields: &[Field], args: &ArgMatches) -> Map<String, Value> {
    let mut config = Map::new();
    for field in fields {
        if let Some(text) = args.get_one::<String>(&option_name(&field.path)) {
            insert(&mut config, &field.path, field_value(&field.kind, text));
        }
    }
    config
}

fn insert(config: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            config.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = config.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn field_value(kind: &FieldKind, text: &str) -> Value {
    match kind {
        FieldKind::Text | FieldKind::Choice(_) => Value::String(text.to_owned()),
        FieldKind::List(item) if !text.starts_with('[') => {
            Value::Array(text.split(',').filter(|part| !part.is_empty()).map(|part| field_value(item, part)).collect())
        }
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

/// The command that does the same as a one-step experiment; none when the experiment needs a file.
pub fn command_line(experiment: &Experiment) -> Option<String> {
    if !experiment.sweep.is_empty() {
        return None;
    }
    let [step] = experiment.steps.as_slice() else { return None };
    let method = find(&step.method).ok()?;
    let mut words = vec!["memoscope".to_owned(), step.method.clone()];
    for slot in method.inputs() {
        let places: Option<Vec<String>> =
            experiment.input_names(step, slot).iter().map(|name| place(experiment, slot, name)).collect();
        let places = places?;
        if !places.is_empty() {
            words.push(format!("--{}", slot.name));
            words.extend(places);
        }
    }
    for field in method.fields() {
        let pointer = format!("/{}", field.path.replace('.', "/"));
        let config = Value::Object(step.config.clone());
        let Some(value) = config.pointer(&pointer).filter(|value| **value != field.default) else { continue };
        words.push(format!("--{}", option_name(&field.path)));
        words.push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    for (option, value, default) in [
        ("--seed", experiment.seed.to_string(), "0".to_owned()),
        ("--device", experiment.device.clone(), "cpu".to_owned()),
        ("--precision", experiment.precision.clone(), "f32".to_owned()),
        ("--name", experiment.name.clone(), step.method.clone()),
    ] {
        if value != default && !value.is_empty() {
            words.extend([option.to_owned(), value]);
        }
    }
    Some(words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
}

/// Where an input comes from; none when a command line cannot say it.
fn place(experiment: &Experiment, slot: &Input, name: &str) -> Option<String> {
    let shown = |path: &Path| path.display().to_string();
    match slot.kind {
        InputKind::Model => {
            let model = experiment.model_ref(name)?;
            let on_hub = |id: &String| match &model.revision {
                Some(revision) => format!("{id}@{revision}"),
                None => id.clone(),
            };
            model.hub.as_ref().map(on_hub).or_else(|| model.path.as_deref().map(shown))
        }
        InputKind::Data => {
            let data = experiment.data.get(name)?;
            let plain = DataRef { path: data.path.clone(), hub: data.hub.clone(), ..DataRef::default() };
            (*data == plain).then(|| data.hub.clone().or_else(|| data.path.as_deref().map(shown)))?
        }
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// `optimizer.max_steps` becomes `optimizer.max-steps`.
fn option_name(path: &str) -> String {
    path.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_type_of_their_field() {
        assert_eq!(field_value(&FieldKind::Int, "3"), json!(3));
        assert_eq!(field_value(&FieldKind::Text, "3"), json!("3"));
        assert_eq!(field_value(&FieldKind::List(Box::new(FieldKind::Float)), "0.1,1"), json!([0.1, 1]));
        assert_eq!(field_value(&FieldKind::List(Box::new(FieldKind::Text)), "a,b"), json!(["a", "b"]));
        assert_eq!(field_value(&FieldKind::Int, "many"), json!("many"));
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!([quoted("a/b.txt"), quoted("it's"), quoted("")], ["a/b.txt", "'it'\\''s'", "''"]);
    }

    /// Options of a configuration replace the common ones named in [`COMMON`] only; others would be lost.
    #[test]
    fn no_field_hides_an_option_of_the_run() {
        for method in registry() {
            let inputs: Vec<&str> = method.inputs().iter().map(|slot| slot.name).collect();
            for field in method.fields() {
                let name = option_name(&field.path);
                let hidden = common_args().iter().any(|arg| arg.get_id().as_str() == name) || inputs.contains(&&*name);
                assert!(!hidden || COMMON.contains(&&*name), "{}: rename the field `{name}`", method.card().id);
            }
        }
    }
}
