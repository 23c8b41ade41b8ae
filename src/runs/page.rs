//! A page of figures: what an exported file is made of. Saved beside the file as JSON, it is drawn again from the
//! runs as they are then.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunDir;
use super::store::{self, SavedReport};
use crate::error::{Error, Result};
use crate::figures::{ExportSpec, Exported, Figure, Provenance, Relief, Scale, export_all};

/// The schema number of a page's file.
const SCHEMA: u32 = 1;

/// Figures of runs, side by side in one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Version of the file format.
    pub schema: u32,
    /// The panels (a), (b), (c), … row by row.
    pub panels: Vec<Panel>,
    /// Panels in a row.
    pub columns: usize,
    /// Format, size and fonts.
    pub spec: ExportSpec,
}

/// One figure of a page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Panel {
    /// Folder of the run; in a file relative to the file's folder.
    pub run: PathBuf,
    /// Id of the figure, or the name of its file without the extension where several steps have the id.
    pub figure: String,
    /// Scale of the horizontal axis, where it is not the figure's own.
    pub x: Option<Scale>,
    /// Scale of the vertical axis, where it is not the figure's own.
    pub y: Option<Scale>,
    /// Draws a map of values as a surface in space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relief: Option<Relief>,
}

impl Default for Page {
    fn default() -> Self {
        Self { schema: SCHEMA, panels: Vec::new(), columns: 2, spec: ExportSpec::default() }
    }
}

impl Page {
    /// Reads a page; folders of runs become absolute.
    pub fn read(path: &Path) -> Result<Self> {
        let mut page: Self = store::read_json(path)?;
        if page.schema > SCHEMA {
            let message = format!("the page has the format {}; this program reads up to {SCHEMA}", page.schema);
            return Err(Error::data(message).hint("use a newer version of the program").at(path));
        }
        let folder = folder_of(path)?;
        for panel in &mut page.panels {
            panel.run = folder.join(&panel.run);
        }
        Ok(page)
    }

    /// Writes the page; folders of runs become relative to its folder, so that both can be moved together.
    pub fn write(&self, path: &Path) -> Result<()> {
        let folder = folder_of(path)?;
        let mut page = self.clone();
        for panel in &mut page.panels {
            let run = std::path::absolute(&panel.run).map_err(|e| Error::io("finding", &panel.run, &e))?;
            panel.run = relative(&folder, &run);
        }
        page.spec.provenance = Provenance::default();
        store::write_json(path, &page)
    }

    /// Draws it from the runs as they are now.
    pub fn export(&self) -> Result<Exported> {
        let figures = self.panels.iter().map(Panel::read).collect::<Result<Vec<Figure>>>()?;
        export_all(&figures, self.columns, &ExportSpec { provenance: self.provenance()?, ..self.spec.clone() })
    }

    /// The runs and methods behind it; a method version only when all panels have the same.
    pub fn provenance(&self) -> Result<Provenance> {
        let mut runs: Vec<String> = Vec::new();
        let mut methods: Vec<(String, Option<u32>)> = Vec::new();
        for panel in &self.panels {
            let (run, report) = report_of(&panel.run)?;
            push_new(&mut runs, run.name());
            if let Some(step) = report.steps.iter().find(|s| s.figures.iter().any(|f| f.is_named(&panel.figure))) {
                let version = step.card.get("version").and_then(serde_json::Value::as_u64).map(|v| v as u32);
                push_new(&mut methods, (step.method.clone(), version));
            }
        }
        let method_version = if let [(_, version)] = methods.as_slice() { *version } else { None };
        let method = methods.into_iter().map(|m| m.0).collect::<Vec<_>>().join(", ");
        Ok(Provenance { run: runs.join(", "), method, method_version, ..Provenance::default() })
    }
}

impl Panel {
    /// The figure, with its scales.
    pub fn read(&self) -> Result<Figure> {
        let (run, report) = report_of(&self.run)?;
        let saved = report.figures().find(|f| f.is_named(&self.figure)).ok_or_else(|| {
            let known: Vec<&str> = report.figures().map(|f| f.id.as_str()).collect();
            let hint = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
            Error::config(format!("the run has no figure `{}`", self.figure)).hint(hint).at(run.path())
        })?;
        let mut figure = saved.read(&run)?;
        figure.x.scale = self.x.unwrap_or(figure.x.scale);
        figure.y.scale = self.y.unwrap_or(figure.y.scale);
        match self.relief {
            Some(relief) => figure.in_space(relief).ok_or_else(|| {
                Error::config(format!("the figure `{}` is no map of values, so it has no surface", self.figure))
                    .hint("leave the camera out, or choose a landscape")
            }),
            None => Ok(figure),
        }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn report_of(folder: &Path) -> Result<(RunDir, SavedReport)> {
    let run = RunDir::with_results(folder)?;
    let report = SavedReport::read(&run)?.ok_or_else(|| {
        Error::config("the run has no results yet").hint("`memoscope resume` goes on with it").at(run.path())
    })?;
    Ok((run, report))
}

fn folder_of(file: &Path) -> Result<PathBuf> {
    let file = std::path::absolute(file).map_err(|e| Error::io("finding", file, &e))?;
    Ok(file.parent().map(Path::to_owned).unwrap_or_default())
}

/// `to` as seen from the folder `from`, both absolute; unchanged when they share nothing but the root.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    if !from.components().take(shared).any(|c| matches!(c, Component::Normal(_))) {
        return to.to_owned();
    }
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative_where_they_share_a_folder() {
        let of = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(of("/a/b", "/a/b/runs/x"), "runs/x");
        assert_eq!(of("/a/b/paper", "/a/b/runs/x"), "../runs/x");
        assert_eq!(of("/papers/one", "/data/x"), "/data/x");
    }
}
