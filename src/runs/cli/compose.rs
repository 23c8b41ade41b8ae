//! `export --compose`, `--all` and pages: several figures at once.

use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::Streams;
use super::export::{chosen, figure_spec, save, write_csv};
use crate::error::{Error, Result};
use crate::figures::relief::Camera;
use crate::figures::{ExportSpec, Exported};
use crate::runs::document::document;
use crate::runs::store::{self, SavedReport, slug, stem};
use crate::runs::{Page, Panel, RunDir};

/// One figure, or several side by side.
pub(super) fn page(
    run: &RunDir,
    report: &SavedReport,
    panels: &[String],
    args: &ArgMatches,
    streams: &mut Streams<'_>,
) -> Result<()> {
    let spec = figure_spec(args, ExportSpec::default())?;
    let panels = panels.iter().map(|panel| panel_of(run, report, panel)).collect::<Result<Vec<_>>>()?;
    let mut page = Page { panels, spec, ..Page::default() };
    page.columns = args.get_one::<u16>("across").map_or(page.columns, |n| usize::from(*n));
    look(&mut page, args)?;
    let name = page.panels.iter().map(|panel| panel.figure.as_str()).collect::<Vec<_>>().join("-");
    write(&page, &name, args, streams)
}

/// A page that was saved, drawn from the runs as they are now.
pub(super) fn again(file: &Path, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let mut page = Page::read(file)?;
    page.spec = figure_spec(args, page.spec.clone())?;
    page.columns = args.get_one::<u16>("across").map_or(page.columns, |n| usize::from(*n));
    look(&mut page, args)?;
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(".page.json").or_else(|| name.strip_suffix(".json")).unwrap_or(&name).to_owned();
    write(&page, &name, args, streams)
}

/// Every figure and every table, each in a file of its own.
pub(super) fn all(run: &RunDir, report: &SavedReport, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let spec = figure_spec(args, ExportSpec::default())?;
    let folder = args.get_one::<PathBuf>("out").cloned().unwrap_or_else(|| run.path().join("exports"));
    for path in export_run(run, report, &spec, &folder)? {
        streams.line(&path.display().to_string())?;
    }
    Ok(())
}

/// Writes every figure of a run as `spec` says, every table as CSV, and the run as one document into `folder`. Gives
/// the files.
pub fn export_run(run: &RunDir, report: &SavedReport, spec: &ExportSpec, folder: &Path) -> Result<Vec<PathBuf>> {
    store::make_folder(folder)?;
    let mut files = Vec::new();
    for saved in report.figures() {
        let panels =
            vec![Panel { run: run.path().to_owned(), figure: stem(&saved.file).to_owned(), ..Panel::default() }];
        let page = Page { panels, columns: 1, spec: spec.clone(), ..Page::default() };
        let exported = page.export().map_err(|e| e.context(&format!("figure `{}`", saved.id)))?;
        let file = folder.join(format!("{}.{}", stem(&saved.file), spec.format.extension()));
        store::write_atomic(&file, &exported.bytes)?;
        files.push(file);
    }
    for saved in report.tables() {
        let file = folder.join(format!("{}.csv", stem(&saved.file)));
        write_csv(run, saved, &file)?;
        files.push(file);
    }
    let file = folder.join(format!("{}.html", slug(&report.name)));
    store::write_atomic(&file, document(run)?.as_bytes())?;
    files.push(file);
    Ok(files)
}

/// `ID` or a number means a figure of `run`; `FOLDER:ID` one of another run.
fn panel_of(run: &RunDir, report: &SavedReport, text: &str) -> Result<Panel> {
    let other = text.rsplit_once(':').filter(|(folder, _)| Path::new(folder).is_dir());
    let (run, report, which) = match other {
        Some((folder, which)) => {
            let run = RunDir::with_results(Path::new(folder))?;
            let report =
                SavedReport::read(&run)?.ok_or_else(|| Error::config("the run has no results yet").at(run.path()))?;
            (run, report, which)
        }
        None => (run.clone(), report.clone(), text),
    };
    let known: Vec<(&str, &str)> = report.figures().map(|figure| (figure.id.as_str(), figure.file.as_str())).collect();
    let index = chosen(which.trim(), &known, "figure")?;
    let saved = report.figures().nth(index).ok_or_else(|| Error::bug("a figure without a step"))?;
    Ok(Panel { run: run.path().to_owned(), figure: stem(&saved.file).to_owned(), ..Panel::default() })
}

/// Turns maps into surfaces as the camera asks; heights and the rest stay as a page has them.
fn look(page: &mut Page, args: &ArgMatches) -> Result<()> {
    let Some(camera) = args.get_one::<String>("camera") else { return Ok(()) };
    let wrong = |name: &str, wanted: &str, text: &str| {
        Error::config(format!("--{name}: `{text}` is not {wanted}")).hint(format!("such as --{name} {}", example(name)))
    };
    let numbers = |text: &str| -> Option<Vec<f64>> {
        text.split(',').map(|n| n.trim().parse::<f64>().ok().filter(|n| n.is_finite())).collect()
    };
    let (azimuth, elevation, zoom) = match numbers(camera).as_deref() {
        Some([azimuth, elevation]) => (*azimuth, *elevation, None),
        Some([azimuth, elevation, zoom]) if *zoom > 0.0 => (*azimuth, *elevation, Some(*zoom)),
        _ => return Err(wrong("camera", "AROUND,UP or AROUND,UP,ZOOM", camera)),
    };
    let heights = match args.get_one::<String>("heights").map(|text| (text, numbers(text))) {
        None => None,
        Some((_, Some(ends))) if matches!(ends.as_slice(), [low, high] if low < high) => {
            <[f64; 2]>::try_from(ends).ok()
        }
        Some((text, _)) => return Err(wrong("heights", "LOW,HIGH", text)),
    };
    for panel in &mut page.panels {
        let relief = panel.relief.get_or_insert_default();
        relief.camera = Camera { azimuth, elevation: elevation.clamp(-90.0, 90.0), ..relief.camera };
        relief.camera.zoom = zoom.unwrap_or(relief.camera.zoom);
        relief.range = heights.or(relief.range);
        relief.log |= args.get_flag("log-heights");
    }
    Ok(())
}

fn example(name: &str) -> &'static str {
    if name == "camera" { "-55,28" } else { "0,8" }
}

fn write(page: &Page, name: &str, args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let Exported { bytes, notices } = page.export()?;
    for notice in &notices {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(streams.err, "note: {notice}");
    }
    let file = save(args, name, page.spec.format.extension(), &bytes, streams)?;
    if args.get_flag("spec") {
        let file = spec_file(&file);
        page.write(&file)?;
        streams.line(&file.display().to_string())?;
    }
    Ok(())
}

/// Where the page of an exported file is kept: `roc.pdf` has `roc.page.json`.
pub fn spec_file(file: &Path) -> PathBuf {
    file.with_extension("page.json")
}
