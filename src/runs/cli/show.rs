//! `list`, `describe`, `runs`, and reports and plans for people.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Streams, json_arg, run::RUNS, sweep, text};
use crate::error::{Error, Result};
use crate::methods::common::tables::counted;
use crate::methods::schema::{Field, FieldKind, range_text};
use crate::methods::{Method, Scalar, Table, Values, find, registry};
use crate::runs::estimate::bytes_text;
use crate::runs::index::{self, Row};
use crate::runs::store::SavedReport;
use crate::runs::sweep::Sweep;
use crate::runs::{Plan, RunDir, clock};

pub(super) fn list_command() -> Command {
    Command::new("list").about("Name all methods").arg(json_arg())
}

pub(super) fn describe_command() -> Command {
    Command::new("describe")
        .about("Explain a method: formula, conventions, source, inputs, fields with ranges and defaults")
        .arg(Arg::new("method").value_name("METHOD").required(true).help("Id of a method, see `list`"))
        .arg(json_arg())
}

pub(super) fn runs_command() -> Command {
    Command::new("runs")
        .about("Table of the runs in a folder, or of a sweep")
        .arg(
            Arg::new("folder")
                .value_name("DIR")
                .default_value(RUNS)
                .help("Folder that holds the folders of runs, or that of a sweep"),
        )
        .arg(json_arg())
}

pub(super) fn list(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    if args.get_flag("json") {
        let cards: Vec<_> = registry().iter().map(|method| method.card()).collect();
        return streams.json(&cards);
    }
    let rows = registry().iter().map(|m| {
        let card = m.card();
        [card.group, card.id, card.about].map(str::to_owned)
    });
    streams.line(&aligned(&rows.collect::<Vec<_>>()))
}

pub(super) fn describe(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let method = find(&text(args, "method"))?;
    if args.get_flag("json") {
        return streams.json(&json!({
            "card": method.card(),
            "inputs": method.inputs(),
            "fields": method.fields(),
            "schema": method.schema(),
            "defaults": method.defaults(),
        }));
    }
    streams.line(&description(method))
}

pub(super) fn runs(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let folder = text(args, "folder");
    if Sweep::is_at(Path::new(&folder)) {
        return sweep::runs(Path::new(&folder), args, streams);
    }
    let is_given = args.value_source("folder") == Some(ValueSource::CommandLine);
    if is_given && !Path::new(&folder).is_dir() {
        return Err(Error::config("no such folder").hint("give the folder that holds runs").at(Path::new(&folder)));
    }
    if let Ok(run) = RunDir::open(Path::new(&folder)) {
        let hint = format!("give the folder around it; `memoscope export {folder}` names what the run found");
        return Err(Error::config("this is one run, not a folder of runs").hint(hint).at(run.path()));
    }
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for row in index::rows(Path::new(&folder))? {
        let (status, notes) = (&row.status, &row.notes);
        let percent = (status.total > 0).then(|| format!("{} %", 100 * status.done / status.total));
        rows.push([
            row.name(),
            status.state.name().to_owned(),
            if status.state.is_over() { String::new() } else { percent.unwrap_or_default() },
            status.started.map(clock::written).unwrap_or_default(),
            clock::duration(status.worked_secs),
            row.trouble.clone().unwrap_or_else(|| headline(&row)),
        ]);
        values.push(json!({"name": row.name(), "path": row.path, "status": status, "notes": notes}));
    }
    if args.get_flag("json") {
        return streams.json(&values);
    }
    if rows.is_empty() {
        return streams.line("no runs here yet");
    }
    streams.line(&aligned(&rows))
}

/// Prints what a run found.
pub(super) fn report(run: &RunDir, report: &SavedReport, streams: &mut Streams<'_>) -> Result<()> {
    for step in &report.steps {
        let title = step.card.get("title").and_then(Value::as_str).unwrap_or(&step.method);
        streams.line(title)?;
        let rows: Vec<[String; 3]> = step.scalars.iter().map(scalar_row).collect();
        if !rows.is_empty() {
            streams.line(&aligned(&rows))?;
        }
        for note in &step.notes {
            streams.line(&format!("  note: {note}"))?;
        }
    }
    streams.line(&format!("  run: {}", run.path().display()))
}

/// Prints what a plan says.
pub(super) fn plan(plan: &Plan, streams: &mut Streams<'_>) -> Result<()> {
    for (name, model) in &plan.models {
        let millions = model.parameters as f64 / 1e6;
        streams.line(&format!(
            "model {name}: {} · {} · {millions:.1} M parameters · context {} tokens · vocabulary {}",
            model.name, model.family, model.n_ctx, model.vocab_size
        ))?;
    }
    for (name, data) in &plan.data {
        let place = if data.path.as_os_str().is_empty() { "made".to_owned() } else { data.path.display().to_string() };
        streams.line(&format!("data {name}: {} · {} · {place}", counted(data.rows, "row"), data.schema))?;
    }
    for (i, step) in plan.steps.iter().enumerate() {
        streams.line(&format!("step {i}: {} version {}", step.method, step.version))?;
    }
    streams.line(&format!("device: {} in {}", plan.device, plan.precision))?;
    let estimate = &plan.estimate;
    let (needed, free) = (bytes_text(estimate.memory_bytes), bytes_text(estimate.available_bytes));
    streams.line(&format!("memory: about {needed} of {free} free"))?;
    streams.line(&format!("disk: about {}", bytes_text(estimate.disk_bytes)))?;
    let time =
        estimate.about_secs.map_or_else(|| "unknown".to_owned(), |secs| format!("about {}", clock::duration(secs)));
    streams.line(&format!("time: {time} with {} threads", plan.threads))?;
    for warning in &plan.warnings {
        streams.line(&format!("warning: {warning}"))?;
    }
    Ok(())
}

fn scalar_row(scalar: &Scalar) -> [String; 3] {
    let interval = scalar.interval.map(|[low, high]| format!(" [{low:.4}, {high:.4}]")).unwrap_or_default();
    let unit = if scalar.unit.is_empty() { String::new() } else { format!(" {}", scalar.unit) };
    let value = scalar.value.map_or_else(|| "undefined".to_owned(), |v| format!("{}{unit}{interval}", number(v)));
    let n = if scalar.n > 0 { format!("n = {}", scalar.n) } else { String::new() };
    let note =
        if scalar.note.is_empty() || n.is_empty() { scalar.note.clone() } else { format!(" · {}", scalar.note) };
    [format!("  {}", scalar.label), value, format!("{n}{note}")]
}

/// Six significant digits, without trailing zeros.
pub fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{value}");
    }
    let digits = (5 - value.abs().log10().floor() as i64).clamp(0, 12) as usize;
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.to_owned()
}

fn headline(row: &Row) -> String {
    let Some((label, value)) = &row.headline else { return String::new() };
    format!("{label} {}", value.map_or_else(|| "undefined".to_owned(), number))
}

fn description(method: &dyn Method) -> String {
    let card = method.card();
    let mut lines = vec![
        format!("{} — {}", card.id, card.title),
        card.about.to_owned(),
        String::new(),
        format!("Formula      {}", card.formula),
        format!("Conventions  {}", card.conventions),
        format!("Source       {}", card.source),
        format!("Version      {}", card.version),
        String::new(),
        "Inputs".to_owned(),
    ];
    let slots = method.inputs().iter().map(|slot| {
        let required = if slot.required { "required" } else { "optional" };
        let many = if slot.many { ", several" } else { "" };
        [format!("  {}", slot.name), format!("{required}{many}"), slot.about.to_owned()]
    });
    lines.push(aligned(&slots.collect::<Vec<_>>()));
    lines.extend([String::new(), "Configuration".to_owned()]);
    let fields = method.fields();
    let fields = fields.iter().map(|field| {
        [format!("  {}", field.path), allowed(field), field.default.to_string(), field.about.replace('\n', " ")]
    });
    lines.push(aligned(&fields.collect::<Vec<_>>()));
    lines.join("\n")
}

/// What a field takes: "1 to 4096 tokens", "head | all".
fn allowed(field: &Field) -> String {
    let unit = if field.unit.is_empty() { String::new() } else { format!(" {}", field.unit) };
    let optional = if field.optional { ", or null" } else { "" };
    let kind = match &field.kind {
        FieldKind::Bool => "true | false".to_owned(),
        FieldKind::Choice(words) => words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" | "),
        FieldKind::Int | FieldKind::Float => range_text(field.min, field.max),
        FieldKind::Text => "text".to_owned(),
        FieldKind::List(_) => "list".to_owned(),
        FieldKind::Json => "JSON".to_owned(),
    };
    format!("{kind}{unit}{optional}")
}

/// A table of values for people.
pub(super) fn table(table: &Table) -> String {
    let cell = |values: &Values, row: usize| match values {
        Values::Float(values) => values.get(row).copied().flatten().map(number).unwrap_or_default(),
        Values::Int(values) => values.get(row).copied().flatten().map(|n| n.to_string()).unwrap_or_default(),
        Values::Text(values) => values.get(row).cloned().unwrap_or_default(),
        Values::Bool(values) => values.get(row).map(bool::to_string).unwrap_or_default(),
    };
    let mut lines = vec![String::new(); table.rows() + 1];
    for column in &table.columns {
        let head = std::iter::once(column.name.clone());
        let cells: Vec<String> = head.chain((0..table.rows()).map(|row| cell(&column.values, row))).collect();
        let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        for (line, cell) in lines.iter_mut().zip(cells) {
            let padding = width + 2 - cell.chars().count();
            line.push_str(&cell);
            line.extend(std::iter::repeat_n(' ', padding));
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Columns padded to equal width, the last one free.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |i: usize| rows.iter().map(|row| row.get(i).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_true() {
        let shown: Vec<String> = [0.5, 12.0, 0.000123456789, 1234.56789, 1e20, -0.1].into_iter().map(number).collect();
        assert_eq!(shown, ["0.5", "12", "0.000123457", "1234.57", "100000000000000000000", "-0.1"]);
    }
}
