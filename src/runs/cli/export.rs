//! `export`: figures and tables of a run as files, one by one, side by side, or all.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};

use super::{Streams, columns, compose, events, pareto, path_arg, text};
use crate::error::{Error, Result};
use crate::figures::{
    Cell, Direction, ExportSpec, FontFamily, Format, TableColumn, TableFormat, TableView, export_table, length_mm,
};
use crate::methods::common::tables::counted;
use crate::methods::{Table, Values};
use crate::runs::RunDir;
use crate::runs::document::document;
use crate::runs::store::{self, SavedReport, SavedTable, slug, stem};
use crate::runs::sweep::{Sweep, merge};

pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let length = |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("LENGTH").help(help);
    let points = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("X").value_parser(value_parser!(f64)).help(help)
    };
    Command::new("export")
        .about("Write figures and tables of a run as files; without a choice, name them all")
        .arg(path_arg("run", "RUN", "Folder of a run or a sweep, or a page (JSON) that --spec wrote"))
        .arg(Arg::new("figure").long("figure").value_name("N|ID").help("A figure, by its number from 1 or its id"))
        .arg(Arg::new("table").long("table").value_name("N|ID").help("A table, by its number from 1 or its id"))
        .arg(
            Arg::new("compose")
                .long("compose")
                .value_name("N|ID,…")
                .value_delimiter(',')
                .help("Several figures as panels (a), (b), … of one file; OTHER_RUN:ID takes one of another run"),
        )
        .arg(
            Arg::new("across")
                .long("across")
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..=12))
                .help("Panels in a row [default: 2]"),
        )
        .args(pareto::args())
        .args(events::args())
        .arg(flag("all", "Every figure, every table as CSV, and the document of --html, into the folder --out [default: exports in the run]"))
        .arg(flag("html", "The whole run as one document: inputs, numbers, figures, method cards"))
        .arg(flag("spec", "Also write FILE.page.json, from which `memoscope export` draws the file again"))
        .arg(flag("svg", "Vector graphics; text stays text"))
        .arg(flag("pdf", "Vector graphics with embedded fonts"))
        .arg(flag("png", "Pixels"))
        .arg(flag("csv", "Numbers; the default for tables"))
        .arg(flag("tex", "A figure for pgfplots"))
        .arg(flag("npy", "The numbers of a surface for NumPy"))
        .arg(flag("vtp", "A surface for VTK and ParaView"))
        .arg(flag("md", "A table in Markdown").visible_alias("markdown"))
        .arg(flag("latex", "A table for LaTeX with booktabs and siunitx"))
        .arg(
            Arg::new("columns")
                .long("columns")
                .value_name("A,B+,C-")
                .requires("table")
                .help("Columns of the table, in this order; + or - sets the highest or lowest value in bold"),
        )
        .arg(length("width", "Width: 77mm, 3.25in, 218pt, or a venue such as acl-column [default: 77mm]"))
        .arg(length("height", "Height [default: by the width]"))
        .arg(
            Arg::new("font")
                .long("font")
                .value_name("FONT")
                .help("computer-modern, times, helvetica, libertinus, mono"),
        )
        .arg(points("size", "Size of labels in points at final size [default: 8]"))
        .arg(points("dpi", "Pixels an inch of a PNG [default: 300]"))
        .args(camera_args())
        .arg(flag("title", "Draw the title"))
        .arg(flag("transparent", "Leave the background out"))
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("File to write [default: the id with the extension, in the current folder]"),
        )
        .group(ArgGroup::new("format").args(["svg", "pdf", "png", "csv", "jsonl", "tex", "npy", "vtp", "md", "latex"]))
        .group(ArgGroup::new("what").args(["figure", "table", "compose", "events", "tensorboard", "all", "html", "pareto"]))
}

/// How a map is seen as a surface in space.
fn camera_args() -> [Arg; 3] {
    [
        Arg::new("camera")
            .long("camera")
            .value_name("AROUND,UP[,ZOOM]")
            .allow_hyphen_values(true)
            .help("Draw a map as a surface in space, seen from so many degrees around and up"),
        Arg::new("heights")
            .long("heights")
            .value_name("LOW,HIGH")
            .requires("camera")
            .allow_hyphen_values(true)
            .help("Values at floor and ceiling of the surface [default: those of each map]"),
        Arg::new("log-heights")
            .long("log-heights")
            .action(ArgAction::SetTrue)
            .help("Heights by their logarithm")
            .requires("camera"),
    ]
}

pub(super) fn export(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    if args.get_flag("pareto") {
        return pareto::pareto(args, streams);
    }
    let place = PathBuf::from(text(args, "run"));
    if place.is_file() {
        return compose::again(&place, args, streams);
    }
    if let Some(folder) = args.get_one::<PathBuf>("tensorboard") {
        return events::tensorboard(&place, folder, args.get_flag("follow"), streams);
    }
    if args.get_flag("events") {
        return events::table(&RunDir::open(&place)?, args, streams);
    }
    let run = if Sweep::is_at(&place) {
        // What finished since the sweep was last looked at belongs to it.
        let sweep = Sweep::open(&place)?;
        merge(&sweep)?;
        sweep.results()
    } else {
        RunDir::open(&place)?
    };
    let Some(report) = SavedReport::read(&run)? else {
        return Err(Error::config("the run has no results yet")
            .hint("`memoscope resume` goes on with it")
            .at(run.path()));
    };
    if args.get_flag("html") {
        return save(args, &slug(&report.name), "html", document(&run)?.as_bytes(), streams).map(drop);
    }
    if args.get_flag("all") {
        return compose::all(&run, &report, args, streams);
    }
    if let Some(panels) = args.get_many::<String>("compose") {
        return compose::page(&run, &report, &panels.cloned().collect::<Vec<_>>(), args, streams);
    }
    match (args.get_one::<String>("figure"), args.get_one::<String>("table")) {
        (Some(which), _) => compose::page(&run, &report, std::slice::from_ref(which), args, streams),
        (None, Some(which)) => table(&run, &report, which, args, streams),
        (None, None) if format_flag(args).is_some() || args.contains_id("out") => {
            Err(Error::config("what shall be written?")
                .hint("choose --figure, --table, --compose, --html or --all; without any option `export` names them"))
        }
        (None, None) => contents(&report, streams),
    }
}

fn contents(report: &SavedReport, streams: &mut Streams<'_>) -> Result<()> {
    for (i, figure) in report.figures().enumerate() {
        streams.line(&format!("--figure {} or {}: {}", i + 1, stem(&figure.file), figure.title))?;
    }
    for (i, table) in report.tables().enumerate() {
        streams.line(&format!(
            "--table {} or {}: {} ({})",
            i + 1,
            stem(&table.file),
            table.title,
            counted(table.rows, "row")
        ))?;
    }
    Ok(())
}

/// Format, size and fonts as asked for on top of `base`.
pub(super) fn figure_spec(args: &ArgMatches, base: ExportSpec) -> Result<ExportSpec> {
    let by_name = args.get_one::<PathBuf>("out").and_then(|path| path.extension()?.to_str());
    let format = match (format_flag(args), by_name) {
        (Some(word @ ("md" | "latex" | "jsonl")), _) => {
            return Err(Error::config(format!("a figure cannot be written as {word}"))
                .hint("use --svg, --pdf, --png, --csv or --tex; for a surface also --npy or --vtp"));
        }
        (Some(word), _) => Format::parse(word)?,
        (None, Some(extension)) => Format::parse(extension)?,
        (None, None) => base.format,
    };
    let mut spec = ExportSpec { format, ..base };
    if let Some(width) = args.get_one::<String>("width") {
        spec.width_mm = length_mm(width)?;
    }
    if let Some(height) = args.get_one::<String>("height") {
        spec.height_mm = Some(length_mm(height)?);
    }
    if let Some(font) = args.get_one::<String>("font") {
        spec.font = FontFamily::parse(font)?;
    }
    if let Some(size) = args.get_one::<f64>("size") {
        spec.font_pt = *size;
        spec.tick_pt = size - 1.0;
    }
    if let Some(dpi) = args.get_one::<f64>("dpi") {
        spec.dpi = *dpi;
    }
    spec.show_title |= args.get_flag("title");
    spec.transparent |= args.get_flag("transparent");
    Ok(spec)
}

fn table(run: &RunDir, report: &SavedReport, which: &str, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let known: Vec<(&str, &str)> = report.tables().map(|table| (table.id.as_str(), table.file.as_str())).collect();
    let index = chosen(which, &known, "table")?;
    let saved: &SavedTable = report.tables().nth(index).ok_or_else(|| Error::bug("a table without a step"))?;
    let by_name = args.get_one::<PathBuf>("out").and_then(|path| path.extension()?.to_str());
    let (format, extension) = match format_flag(args).or(by_name) {
        None | Some("csv") => (TableFormat::Csv, "csv"),
        Some("md" | "markdown") => (TableFormat::Markdown, "md"),
        Some("latex" | "tex") => (TableFormat::Latex, "tex"),
        Some(word) => {
            return Err(
                Error::config(format!("a table cannot be written as {word}")).hint("use --csv, --md or --latex")
            );
        }
    };
    let mut shown = view(&saved.read(run)?);
    if let Some(names) = args.get_one::<String>("columns") {
        shown = columns::pick(shown, names)?;
    }
    let written = export_table(&shown, format)?;
    save(args, stem(&saved.file), extension, written.as_bytes(), streams).map(drop)
}

/// Writes a whole table of a run as CSV, part by part: a table with a line for every token may not fit into memory.
pub fn write_csv(run: &RunDir, saved: &SavedTable, path: &Path) -> Result<()> {
    const PART_ROWS: usize = 1 << 15;
    store::write_bit_by_bit(path, |out| {
        for start in (0..saved.rows.max(1)).step_by(PART_ROWS) {
            let part = export_table(&view(&saved.read_rows(run, &[start..start + PART_ROWS])?), TableFormat::Csv)?;
            // Only the first part brings the head.
            let lines = if start == 0 { part.as_str() } else { part.split_once('\n').map_or("", |(_, rest)| rest) };
            out.write_all(lines.as_bytes()).map_err(|e| Error::io("writing", path, &e))?;
        }
        Ok(())
    })
}

/// A table of values as a table to be written.
pub fn view(table: &Table) -> TableView {
    let columns = table
        .columns
        .iter()
        .map(|c| TableColumn {
            name: c.name.clone(),
            unit: c.unit.clone(),
            direction: Direction::Neutral,
            digits: None,
        })
        .collect();
    let cell = |values: &Values, row: usize| match values {
        Values::Float(values) => values.get(row).copied().flatten().map_or(Cell::Missing, Cell::number),
        Values::Int(values) => values.get(row).copied().flatten().map_or(Cell::Missing, Cell::Int),
        Values::Text(values) => values.get(row).map_or(Cell::Missing, |text| Cell::Text(text.clone())),
        Values::Bool(values) => values.get(row).map_or(Cell::Missing, |yes| Cell::Text(yes.to_string())),
    };
    let rows = (0..table.rows()).map(|row| table.columns.iter().map(|c| cell(&c.values, row)).collect()).collect();
    TableView { title: table.title.clone(), columns, rows }
}

pub(super) fn format_flag(args: &ArgMatches) -> Option<&'static str> {
    let flags = ["svg", "pdf", "png", "csv", "jsonl", "tex", "npy", "vtp", "md", "latex"];
    flags.into_iter().find(|name| args.get_flag(name))
}

/// The index that a number from 1, the name of a file or an id means; `known` holds ids and files.
pub(super) fn chosen(which: &str, known: &[(&str, &str)], what: &str) -> Result<usize> {
    let by_number = which.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|i| *i < known.len());
    let by_file = || known.iter().position(|(_, file)| stem(file) == which);
    if let Some(index) = by_number.or_else(by_file) {
        return Ok(index);
    }
    let with_id: Vec<usize> = (0..known.len()).filter(|i| known.get(*i).is_some_and(|(id, _)| *id == which)).collect();
    if let [index] = with_id.as_slice() {
        return Ok(*index);
    }
    let names: Vec<String> =
        known.iter().enumerate().map(|(i, (_, file))| format!("{} {}", i + 1, stem(file))).collect();
    let message = match with_id.len() {
        0 => format!("the run has no {what} `{which}`"),
        n => format!("{n} steps of the run have a {what} `{which}`"),
    };
    let names = if names.is_empty() { "it has none".to_owned() } else { names.join(", ") };
    Err(Error::config(message).hint(format!("{what}s: {names}")))
}

pub(super) fn save(
    args: &ArgMatches,
    id: &str,
    extension: &str,
    bytes: &[u8],
    streams: &mut Streams<'_>,
) -> Result<PathBuf> {
    let path = args.get_one::<PathBuf>("out").cloned().unwrap_or_else(|| PathBuf::from(format!("{id}.{extension}")));
    store::write_atomic(&path, bytes)?;
    streams.line(&path.display().to_string())?;
    Ok(path)
}
