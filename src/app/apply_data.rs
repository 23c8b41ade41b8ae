//! What is done with files of models and texts: open, close, choose, walk through.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use egui::Context;

use super::Window;
use super::command::Command;
use super::paths::recognize;
use super::shell;
use super::state::{DataEntry, Slot};
use super::views::ViewId;
use super::worker::FileAsk;
use crate::data::DataSpec;

impl Window {
    /// Opens a dropped or pasted path, whatever it is. Once there are a model and texts, Start gives way to Compare.
    pub(super) fn open_any(&mut self, ctx: &Context, path: &Path) {
        let command = recognize(path);
        let is_material = matches!(command, Command::OpenModel(_) | Command::OpenData(_));
        self.apply(ctx, command);
        let has_model = !matches!(self.state.model, Slot::Empty | Slot::Failed(..));
        if is_material && has_model && !self.state.data.is_empty() && self.state.shown.contains(&ViewId::Start) {
            shell::show(&mut self.tree, ViewId::Compare);
        }
    }

    pub(super) fn open_sample(&mut self, ctx: &Context) {
        let Some(dir) = super::launch::sample_dir() else {
            return self.say("The sample is not beside the program");
        };
        if dir.join("config.json").is_file() {
            self.apply(ctx, Command::OpenModel(dir.clone()));
        }
        let Ok(entries) = std::fs::read_dir(&dir) else { return };
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
        paths.sort();
        for path in paths {
            let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            if ["members", "nonmembers", "paraphrases"].contains(&stem.as_str()) {
                self.apply(ctx, Command::OpenData(path));
            }
        }
        shell::show(&mut self.tree, ViewId::Compare);
    }

    pub(super) fn open_data(&mut self, path: PathBuf, spec: DataSpec) {
        let entry = DataEntry { path: path.clone(), sheet: Slot::Loading(path.clone()) };
        match self.state.data.iter_mut().find(|d| d.path == path) {
            Some(known) => *known = entry,
            None => self.state.data.push(entry),
        }
        self.reader.ask(FileAsk::Data(path, spec));
    }

    pub(super) fn close_data(&mut self, index: usize) {
        if index < self.state.data.len() {
            self.state.data.remove(index);
            let last = self.state.data.len().checked_sub(1);
            self.state.data_index = self.state.data_index.map(|i| if i > index { i - 1 } else { i }).min(last);
        }
    }

    /// Makes an open data set the chosen one; its first pair comes into Compare, unless texts are there.
    pub(super) fn choose_data(&mut self, _ctx: &Context, index: usize) {
        self.state.data_index = Some(index);
        let has_pairs = self.state.sheet().is_some_and(|s| s.pairs.iter().any(|p| p.1.is_some()));
        let is_empty = self.state.compare.texts.iter().all(String::is_empty);
        if is_empty || self.state.compare.pair.is_some() || has_pairs {
            self.choose_pair(0);
        }
        self.offer_data(index);
    }

    pub(super) fn choose_pair(&mut self, pair: usize) {
        let Some(texts) = self.state.sheet().and_then(|s| s.texts(pair)).map(|t| t.map(str::to_owned)) else { return };
        self.state.compare.texts = texts;
        self.state.compare.pair = Some(pair);
        self.state.compare.changed = Some(Instant::now());
    }

    pub(super) fn step_pair(&mut self, by: isize) {
        let Some(n) = self.state.sheet().map(|s| s.pairs.len()).filter(|n| *n > 0) else { return };
        let next = self.state.compare.pair.map_or(0, |p| p.saturating_add_signed(by)).min(n - 1);
        self.choose_pair(next);
    }

    /// Lengths in tokens of the chosen data with the open model.
    pub(super) fn count_tokens(&self) {
        let (Some(sheet), Some(card)) = (self.state.sheet(), self.state.model.ready()) else { return };
        let Some(entry) = self.state.data_index.and_then(|i| self.state.data.get(i)) else { return };
        if sheet.lengths.as_ref().is_none_or(|(model, _)| *model != card.path.display().to_string()) {
            self.reader.ask(FileAsk::Count(entry.path.clone(), Arc::clone(sheet), card.path.clone(), card.n_ctx));
        }
    }
}
