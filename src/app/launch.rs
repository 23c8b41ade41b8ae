//! Starting the window.

use std::path::PathBuf;

use super::paths::{full, is_run};
use super::window::Window;
use crate::error::{Error, Result};

/// What the window starts with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Models, data files, experiments and runs to open.
    pub open: Vec<PathBuf>,
    /// Folder of the runs; the user's own when absent.
    pub runs: Option<PathBuf>,
    /// Program that runs experiments; this one when absent.
    pub program: Option<PathBuf>,
    /// Whether settings of the last session are used.
    pub remember: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { open: Vec::new(), runs: None, program: None, remember: true }
    }
}

impl Options {
    /// Where runs are kept: around a run that is to be opened, or where the options say.
    pub fn runs_dir(&self) -> PathBuf {
        let opened = self.open.iter().map(|path| full(path)).find(|path| is_run(path));
        let around = opened.and_then(|run| run.parent().map(PathBuf::from));
        around.or_else(|| self.runs.clone()).unwrap_or_else(|| {
            directories::ProjectDirs::from("", "", "memoscope")
                .map_or_else(|| PathBuf::from("runs"), |d| d.data_dir().join("runs"))
        })
    }
}

/// Opens the window and returns when it is closed.
pub fn run(options: Options) -> Result<()> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("Memoscope")
        .with_app_id("memoscope")
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([1024.0, 700.0]);
    let native = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let create = move |cc: &eframe::CreationContext<'_>| match Window::new(cc, &options) {
        Ok(window) => Ok(Box::new(window) as Box<dyn eframe::App>),
        Err(error) => Err(error.into()),
    };
    eframe::run_native("memoscope", native, Box::new(create)).map_err(|error| {
        Error::device(format!("the window does not open: {error}"))
            .hint("without a display use the command line: `memoscope --help`")
    })
}

/// The sample beside the program or in its source tree: a tiny model with members, non-members and paraphrases.
pub fn sample_dir() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(|p| p.join("assets/sample")));
    let shared =
        std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.join("share/memoscope/sample")));
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/sample");
    [beside, shared, Some(source)].into_iter().flatten().find(|dir| dir.is_dir())
}
