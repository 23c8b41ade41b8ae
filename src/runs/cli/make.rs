//! `make`: data sets from parameters and a seed, shown or written.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value, json};

use super::{Streams, json_arg, method};
use crate::data::make::bios::{Bios, hub_rows};
use crate::data::make::encode::Encode;
use crate::data::make::prefixes::Prefixes;
use crate::data::make::tinymem::TinyMem;
use crate::data::make::{self, Make};
use crate::data::{Record, Tokenizer};
use crate::error::{Error, Result};
use crate::methods::common::tables::counted;
use crate::methods::schema::{self, Field};
use crate::runs::store;

/// What can be made.
const KINDS: [(&str, &str); 4] = [
    ("tinymem", "Sequences or texts of which a known part is altered: noise, backdoors, duplicates"),
    ("bios", "Biographies of people who do not exist, members and nonmembers, with questions and paraphrases"),
    ("encode", "Texts to train on, from rows of dialogues, questions or translations"),
    ("prefixes", "The first tokens of texts, and what followed them"),
];

/// Characters of a row that are shown.
const SHOWN: usize = 400;

pub(super) fn command() -> Command {
    let mut command = Command::new("make")
        .about("Make a data set from parameters and a seed; the same as `make` in an experiment's data")
        .subcommand_required(true)
        .arg_required_else_help(true);
    for (name, about) in KINDS {
        let mut kind = Command::new(name).about(about).args(fields(name).iter().map(method::field_arg));
        kind = kind.next_help_heading("Output").args(output_args());
        if name == "bios" {
            kind = kind.arg(
                Arg::new("people-rows")
                    .long("people-rows")
                    .action(ArgAction::SetTrue)
                    .requires("out")
                    .help("Write one row a person with the columns of the published data set bioS_v1"),
            );
        }
        if name == "prefixes" {
            kind =
                kind.arg(
                    Arg::new("table").long("table").value_name("FILE").value_parser(value_parser!(PathBuf)).help(
                        "Also write prefixes and suffixes as text, as pandas writes a table (JSON, orient=split)",
                    ),
                );
        }
        command = command.subcommand(kind);
    }
    command
}

fn output_args() -> [Arg; 4] {
    let path = value_parser!(PathBuf);
    [
        Arg::new("out").long("out").value_name("FILE").value_parser(path.clone()).help(
            "File to write, one JSON object a line; without it the set is described and its first rows are shown",
        ),
        Arg::new("save-tokenizer")
            .long("save-tokenizer")
            .value_name("DIR")
            .value_parser(path)
            .help("Folder for tokenizer.json, where the rows are token ids"),
        Arg::new("show")
            .long("show")
            .value_name("N")
            .value_parser(value_parser!(u16))
            .default_value("5")
            .help("Rows to show of each part and group; what was altered stands in brackets"),
        json_arg(),
    ]
}

fn fields(kind: &str) -> Vec<Field> {
    match kind {
        "tinymem" => schema::fields(&schemars::schema_for!(TinyMem), &defaults(&TinyMem::default())),
        "encode" => schema::fields(&schemars::schema_for!(Encode), &defaults(&Encode::default())),
        "prefixes" => schema::fields(&schemars::schema_for!(Prefixes), &defaults(&Prefixes::default())),
        _ => schema::fields(&schemars::schema_for!(Bios), &defaults(&Bios::default())),
    }
}

fn defaults<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(super) fn make(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let Some((kind, args)) = args.subcommand() else { return Err(Error::config("what is to be made?")) };
    let make = parse(kind, method::config(&fields(kind), args))?;
    let out: Option<&PathBuf> = args.get_one("out");
    let folder: Option<&PathBuf> = args.get_one("save-tokenizer");
    if let (Some(out), true) = (out, kind == "bios" && args.get_flag("people-rows")) {
        return write_people(&make, out, args.get_flag("json"), streams);
    }
    if let (Some(prefixes), Some(table)) = (&make.prefixes, table_path(kind, args)) {
        let text = serde_json::to_string(&prefixes.table()?).map_err(|e| Error::bug(e.to_string()))?;
        store::write_atomic(table, text.as_bytes())?;
    }
    let mut shown = Shown { each: usize::from(args.get_one::<u16>("show").copied().unwrap_or(0)), ..Shown::default() };
    let mut all = |mut sink: Option<&mut Sink<'_>>| {
        make.each(0, &mut |record| {
            if let Some(sink) = &mut sink {
                sink(&make::line(&record)?)?;
            }
            shown.see(record);
            Ok(())
        })
    };
    let (about, hash) = match out {
        Some(path) => written(path, |sink| all(Some(sink))).map(|(about, hash)| (about, Some(hash)))?,
        None => (all(None)?, None),
    };
    let tokenizer = about.tokenizer.as_deref();
    if let (Some(folder), Some(tokenizer)) = (folder, tokenizer) {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("making the folder", folder, &e))?;
        tokenizer.save(folder)?;
    }
    if args.get_flag("json") {
        return streams.json(&json!({
            "name": about.name, "schema": about.schema, "rows": shown.rows, "notes": about.notes,
            "out": out, "sha256": hash, "make": make,
        }));
    }
    streams.line(&format!("{}: {}", about.name, counted(shown.rows, "row")))?;
    streams.line(&format!("  {}", about.schema))?;
    for note in &about.notes {
        streams.line(&format!("  note: {note}"))?;
    }
    match out {
        Some(out) => streams.line(&format!("  written: {}", out.display())),
        None => shown.records.iter().try_for_each(|record| streams.line(&row_line(record, tokenizer))),
    }
}

fn table_path<'a>(kind: &str, args: &'a ArgMatches) -> Option<&'a PathBuf> {
    if kind == "prefixes" { args.get_one("table") } else { None }
}

/// Writes the rows of a set as JSON lines.
///
/// # Errors
/// Parameters that do not fit, files that cannot be read or written.
pub fn write_made(make: &Make, seed: u64, path: &Path) -> Result<()> {
    written(path, |sink| make.each(seed, &mut |record| sink(&make::line(&record)?))).map(drop)
}

/// The generator that the options describe; errors name the field.
fn parse(kind: &str, config: Map<String, Value>) -> Result<Make> {
    let mut value = Map::new();
    value.insert(kind.to_owned(), Value::Object(config));
    let value = Value::Object(value);
    if let Some(problem) = schema::problems(&schemars::schema_for!(Make), &value).into_iter().next() {
        return Err(problem.into_error());
    }
    serde_json::from_value(value).map_err(|e| Error::config(e.to_string()))
}

fn write_people(make: &Make, out: &Path, as_json: bool, streams: &mut Streams<'_>) -> Result<()> {
    let Some(bios) = &make.bios else { return Err(Error::bug("people rows of no people")) };
    let ((), hash) = written(out, |sink| hub_rows(bios, 0, &mut |row| sink(&format!("{row}\n"))).map(drop))?;
    if as_json {
        return streams.json(&json!({"rows": bios.people, "out": out, "sha256": hash}));
    }
    streams.line(&format!("{} written: {}", counted(bios.people, "person row"), out.display()))
}

/// Takes a line.
type Sink<'a> = dyn FnMut(&str) -> Result<()> + 'a;

/// Writes a file line by line, whole or not at all; gives what `lines` gives and the SHA-256 of the lines.
fn written<T>(path: &Path, lines: impl FnOnce(&mut Sink<'_>) -> Result<T>) -> Result<(T, String)> {
    let (mut hash, mut made) = (make::Hash::default(), None);
    store::write_bit_by_bit(path, |file| {
        made = Some(lines(&mut |line| {
            hash.add(line);
            file.write_all(line.as_bytes()).map_err(|e| Error::io("writing", path, &e))
        })?);
        Ok(())
    })?;
    let made = made.ok_or_else(|| Error::bug("a file without its lines"))?;
    Ok((made, hash.finish()))
}

/// The first records of each part and group.
#[derive(Default)]
struct Shown {
    each: usize,
    rows: usize,
    records: Vec<Record>,
}

impl Shown {
    fn see(&mut self, record: Record) {
        self.rows += 1;
        let same = |other: &&Record| other.part == record.part && other.group == record.group;
        if self.records.len() < 64 * self.each && self.records.iter().filter(same).count() < self.each {
            self.records.push(record);
        }
    }
}

/// A record in one line; tokens that its twin does not have there stand in brackets.
fn row_line(record: &Record, tokenizer: Option<&Tokenizer>) -> String {
    let kind = [&record.part, &record.group].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" · ");
    let copies = if record.copies > 1 { format!(" · {} copies", record.copies) } else { String::new() };
    let text = match (&record.text, &record.token_ids) {
        (Some(text), _) => text.replace('\n', "⏎"),
        (None, Some(ids)) => marked(ids, record.twin.as_deref(), tokenizer),
        (None, None) => String::new(),
    };
    let text = match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    };
    format!("{kind}{copies}\n  {text}")
}

fn marked(ids: &[u32], twin: Option<&[u32]>, tokenizer: Option<&Tokenizer>) -> String {
    let mut out = String::new();
    let mut is_open = false;
    for (i, &id) in ids.iter().enumerate() {
        let is_altered = twin.is_some_and(|twin| twin.get(i) != Some(&id));
        if is_altered != is_open {
            out.push(if is_altered { '[' } else { ']' });
            is_open = is_altered;
        }
        let spelled =
            tokenizer.and_then(|t| t.token_bytes(id)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        out.push_str(&spelled.unwrap_or_else(|| format!("{id} ")));
    }
    if is_open {
        out.push(']');
    }
    out.replace('\n', "⏎")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn altered_tokens_stand_in_brackets() {
        let record = Record {
            token_ids: Some(vec![1, 2, 3, 4]),
            twin: Some(vec![1, 9, 9]),
            part: Some("train".to_owned()),
            group: Some("noise".to_owned()),
            copies: 10,
            ..Record::default()
        };
        assert_eq!(row_line(&record, None), "train · noise · 10 copies\n  1 [2 3 4 ]");
    }

    #[test]
    fn wrong_parameters_name_their_field() {
        let wrong = |kind: &str, config: Value| match config {
            Value::Object(config) => parse(kind, config).unwrap_err().to_string(),
            _ => String::new(),
        };
        let message = wrong("tinymem", json!({"noise_share": 2}));
        assert!(message.contains("tinymem.noise_share: is 2; allowed is 0 to 1"), "{message}");
        assert!(wrong("tinymem", json!({"task": "multt"})).contains("did you mean `mult`?"));
        assert!(wrong("bios", json!({"people": 2_000_000})).contains("allowed is 1 to 1000000"));
    }
}
