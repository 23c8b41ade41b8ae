//! A run as one document: an HTML file that needs nothing beside it, to be read, printed, sent or kept with an audit.

use base64::Engine as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::cli::{number, table_view};
use super::clock;
use super::store::{Notes, SavedReport, SavedStep, SavedTable, read_json, stem};
use super::{Page, Panel, Plan, RunDir};
use crate::error::{Error, Result};
use crate::figures::{Cell, ExportSpec, FontFamily, Format};
use crate::methods::Scalar;
use crate::methods::common::tables::counted;

/// Rows of a table that are shown; the whole table is a file of the run.
const SHOWN_ROWS: usize = 12;
/// Width of a figure.
const FIGURE_MM: f64 = 120.0;

/// The document of a run: what was asked, of which models and data, what was found, by which formulas.
///
/// # Errors
/// The run has no results yet, or a file of it cannot be read.
pub fn document(run: &RunDir) -> Result<String> {
    let report = SavedReport::read(run)?.ok_or_else(|| {
        Error::config("the run has no results yet").hint("`memoscope resume` goes on with it").at(run.path())
    })?;
    let (plan, notes): (Option<Plan>, _) = (read_json(&run.plan_path()).ok(), Notes::read(run)?);
    let steps = report.steps.iter().enumerate();
    let steps = steps.map(|(at, step)| step_html(run, at, step)).collect::<Result<Vec<_>>>()?;
    let title = if notes.title.is_empty() { &report.name } else { &notes.title };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                meta name="generator" content=(format!("Memoscope {}", report.program));
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (head_html(run, &report, plan.as_ref()))
                @if !notes.text.is_empty() { p.note { (notes.text) } }
                @if let Some(plan) = &plan { (inputs_html(plan)) }
                @for step in &steps { (step) }
            }
        }
    };
    Ok(page.into_string())
}

fn head_html(run: &RunDir, report: &SavedReport, plan: Option<&Plan>) -> Markup {
    let status = run.status(clock::now()).ok();
    let threads = plan.map_or_else(String::new, |plan| counted(plan.threads, "thread"));
    html! {
        @if !report.complete {
            p.warning { "Not all steps of this run are finished." }
        }
        dl {
            dt { "Run" } dd { code { (run.name()) } }
            @if let Some(status) = status {
                @if let Some(started) = status.started { dt { "Begun" } dd { (clock::written(started)) } }
                dt { "Worked" } dd { (clock::duration(status.worked_secs)) }
            }
            dt { "Program" } dd { "Memoscope " (report.program) }
            dt { "Computed on" } dd { (report.device) " in " (report.precision) @if !threads.is_empty() { ", " (threads) } }
            dt { "Seed" } dd { (report.seed) }
        }
    }
}

/// Models and data with what tells them apart for good.
fn inputs_html(plan: &Plan) -> Markup {
    html! {
        h2 { "Inputs" }
        div.wide { table {
            thead { tr { th { "Name" } th { "What" } th { "Where" } th { "Fingerprint" } } }
            tbody {
                @for (name, model) in &plan.models {
                    tr {
                        td { (name) }
                        td { (model.name) ", " (model.family) ", " (format!("{:.1} M parameters", model.parameters as f64 / 1e6)) }
                        td { code { (model.path.display()) } }
                        td { @for (file, print) in &model.files { div.print title=(print) { (file) ": " (short(print)) } } }
                    }
                }
                @for (name, data) in &plan.data {
                    tr {
                        td { (name) }
                        td {
                            (counted(data.rows, "row")) ", " (data.schema)
                            @if data.bad_rows > 0 { ", " (counted(data.bad_rows, "row")) " not readable" }
                        }
                        td { @if data.path.as_os_str().is_empty() { "made" } @else { code { (data.path.display()) } } }
                        td { div.print title=(data.hash) { (short(&data.hash)) } }
                    }
                }
            }
        } }
    }
}

/// Enough of a fingerprint to compare by eye; all of it is in the title of its cell.
fn short(print: &str) -> &str {
    let digits = print.rsplit(':').next().unwrap_or(print);
    digits.get(..16).unwrap_or(digits)
}

fn step_html(run: &RunDir, at: usize, step: &SavedStep) -> Result<Markup> {
    let text = |key: &str| step.card.get(key).and_then(Value::as_str).unwrap_or_default();
    let version = step.card.get("version").and_then(Value::as_u64).unwrap_or_default();
    let figures = step.figures.iter().map(|figure| figure_html(run, &figure.file)).collect::<Result<Vec<_>>>()?;
    let tables = step.tables.iter().map(|table| table_html(run, table)).collect::<Result<Vec<_>>>()?;
    Ok(html! {
        section {
            h2 { (at + 1) ". " (text("title")) }
            @if !step.scalars.is_empty() { (scalars_html(&step.scalars)) }
            @for note in &step.notes { p.note { (note) } }
            div.figures { @for figure in &figures { (figure) } }
            @for made in &step.models { p { "Made the model " b { (made.name) } ": " (made.about) " " code { (made.path) } } }
            @for made in &step.data { p { "Made the data " b { (made.name) } ": " (made.about) " " code { (made.path) } } }
            @for table in &tables { (table) }
            details {
                summary { "How it was computed" }
                pre { (text("formula")) }
                p { (text("conventions")) }
                p { "Source: " (text("source")) ". Method " code { (step.method) } ", version " (version) "." }
                pre { (serde_json::to_string_pretty(&step.config).unwrap_or_default()) }
            }
        }
    })
}

fn scalars_html(scalars: &[Scalar]) -> Markup {
    html! {
        div.wide { table {
            thead { tr { th { "" } th.number { "Value" } th { "Unit" } th { "95 % interval" } th.number { "n" } th { "" } } }
            tbody { @for scalar in scalars {
                tr {
                    td title=(scalar.id) { (scalar.label) }
                    td.number { b { @match scalar.value { Some(value) => (number(value)), None => "undefined" } } }
                    td { (scalar.unit) }
                    td { @if let Some([low, high]) = scalar.interval { (number(low)) " to " (number(high)) } }
                    td.number { @if scalar.n > 0 { (scalar.n) } }
                    td { (scalar.note) }
                }
            } }
        } }
    }
}

fn figure_html(run: &RunDir, file: &str) -> Result<Markup> {
    let panel = Panel { run: run.path().to_owned(), figure: stem(file).to_owned(), ..Panel::default() };
    let figure = panel.read()?;
    let spec =
        ExportSpec { format: Format::Svg, font: FontFamily::Helvetica, width_mm: FIGURE_MM, ..ExportSpec::default() };
    let page = Page { panels: vec![panel], columns: 1, spec, ..Page::default() };
    let picture = page.export().map_err(|e| e.context(&format!("figure `{file}`")))?.bytes;
    let picture = base64::engine::general_purpose::STANDARD.encode(picture);
    Ok(html! {
        figure {
            figcaption { b { (figure.title) } @if !figure.caption.is_empty() { " " (figure.caption) } }
            img alt=(figure.title) src=(format!("data:image/svg+xml;base64,{picture}"));
        }
    })
}

/// The beginning of a table.
fn table_html(run: &RunDir, saved: &SavedTable) -> Result<Markup> {
    let shown = table_view(&saved.read_rows(run, &[0..SHOWN_ROWS])?);
    let about = |at: usize| saved.columns.get(at).map_or("", |column| column.about.as_str());
    Ok(html! {
        details {
            summary { (saved.title) ", " (counted(saved.rows, "row")) }
            div.wide { table {
                thead { tr { @for (at, column) in shown.columns.iter().enumerate() {
                    th title=(about(at)) { (column.name) @if !column.unit.is_empty() { " (" (column.unit) ")" } }
                } } }
                tbody { @for row in &shown.rows { tr { @for cell in row { td { (cell_text(cell)) } } } } }
            } }
            @if saved.rows > SHOWN_ROWS {
                p.note { "The first " (SHOWN_ROWS) " rows; all of them are in " code { (saved.file) } "." }
            }
        }
    })
}

fn cell_text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Int(value) => value.to_string(),
        Cell::Number { value, .. } => number(*value),
        Cell::Missing => String::new(),
    }
}

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1f29;--soft:#5b6475;--line:#d9dde6;--fill:#f5f6f9;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#a3abbb;--line:#333a48;--fill:#1d222c;--warn:#e0b050}
body{background:#161a22}img{background:#fff;border-radius:6px}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.7rem;margin:0 0 .6rem}h2{font-size:1.2rem;margin:2.2rem 0 .6rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}dt{color:var(--soft)}dd{margin:0}
table{border-collapse:collapse;font-size:.9rem}th,td{text-align:left;padding:.25rem .8rem .25rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:600}.number{text-align:right;
white-space:nowrap;font-variant-numeric:tabular-nums}.wide{overflow-x:auto}td{max-width:26rem}
pre,code{font:.85em ui-monospace,monospace}pre{background:var(--fill);padding:.6rem .8rem;border-radius:6px;
white-space:pre-wrap}code,.print{overflow-wrap:anywhere}.print{font:.85em ui-monospace,monospace}.note{color:var(--soft);margin:.4rem 0}
.warning{color:var(--warn);font-weight:600}.figures{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:.6rem 0}
figcaption{color:var(--soft);max-width:28rem}img{max-width:100%}details{margin:.5rem 0}summary{cursor:pointer}
@media print{body{max-width:none;margin:0}section,figure,tr{break-inside:avoid}}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::{Report, Table, Values};
    use crate::runs::Experiment;
    use crate::runs::store::{save_step, write_json};

    #[test]
    fn it_holds_numbers_cards_and_tables_and_nothing_of_it_is_taken_for_markup() {
        let root = tempfile::tempdir().unwrap();
        let experiment = Experiment { name: "a <b> & c".to_owned(), ..Experiment::default() };
        let run = RunDir::create_below(root.path(), &experiment, "2026-01-02", 0.0).unwrap();
        assert!(document(&run).unwrap_err().to_string().contains("no results yet"));
        let texts = (0..20).map(|i| format!("<script>{i}</script>")).collect();
        let report = Report {
            scalars: vec![Scalar { interval: Some([0.25, 0.75]), ..Scalar::new("score", "Score", 0.123_456_789, 20) }],
            notes: vec!["one text was cut".to_owned()],
            tables: vec![Table::new("rows", "Rows").column("text", "", "the text", Values::Text(texts))],
            ..Report::default()
        };
        let method = crate::methods::find("perplexity").unwrap();
        let step = save_step(&run, "", method.card(), &Value::Null, &report).unwrap();
        let saved = SavedReport { steps: vec![step], ..SavedReport::new("a <b> & c", 7) };
        write_json(&run.report_path(), &saved).unwrap();
        let page = document(&run).unwrap();
        for wanted in ["a &lt;b&gt; &amp; c", "0.123457", "0.25 to 0.75", "one text was cut", "Not all steps"] {
            assert!(page.contains(wanted), "{wanted} is missing");
        }
        assert!(page.contains("&lt;script&gt;11&lt;") && !page.contains("<script"), "texts are data");
        assert!(
            !page.contains("&lt;script&gt;12&lt;") && page.contains("The first 12 rows"),
            "the beginning of a table"
        );
        assert!(page.contains(method.card().source.split('<').next().unwrap()), "the source of the formula");
    }
}
