//! Applying commands after drawing.

use std::path::{Path, PathBuf};
use std::time::Instant;

use egui::Context;

use super::command::{Action, Command};
use super::dialogs::{self, Dialog};
use super::draft::DraftCommand;
use super::shell;
use super::state::{Appearance, ColorBy, Slot};
use super::views::ViewId;
use super::window::Window;
use super::worker::{Ask, FileAsk};
use crate::data::DataSpec;

/// Runs of “repeat with 5 seeds”.
const SEEDS: u64 = 5;
/// Extensions of data files.
const DATA: &[&str] = &["jsonl", "json", "csv", "tsv", "txt", "parquet"];

impl Window {
    /// Applies one command.
    pub(super) fn apply(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::Do(action) => self.act(ctx, action),
            Command::Show(view) => shell::show(&mut self.tree, view),
            Command::Beside(view) => shell::beside(&mut self.tree, view),
            Command::Open(path) => self.open_any(ctx, &path),
            Command::OpenModel(path) => {
                self.state.model = Slot::Loading(path.clone());
                self.engine.ask(Ask::Load(path));
            }
            Command::OpenData(path) => self.open_data(path, DataSpec::default()),
            Command::MapColumns(path, columns) => self.open_data(path, DataSpec { columns, ..DataSpec::default() }),
            Command::ChooseData(index) => self.choose_data(ctx, index),
            Command::CloseData(index) => self.close_data(index),
            Command::PreviewRows(..) | Command::MakeData(..) => self.apply_made(ctx, command),
            Command::SetText(side, text) => {
                if let Some(place) = self.state.compare.texts.get_mut(side.index()) {
                    *place = text;
                }
                self.state.compare.pair = None;
                self.state.compare.changed = Some(Instant::now());
            }
            Command::ChoosePair(pair) => self.choose_pair(pair),
            Command::Tokenize(text) => self.engine.ask(Ask::Tokenize(text)),
            Command::Continue(text, n) => {
                self.state.probe.is_busy = true;
                self.engine.ask(Ask::Continue(text, n));
            }
            Command::SetAppearance(appearance) => {
                self.state.settings.appearance = appearance;
                self.look(ctx);
            }
            Command::ToggleFavorite(path) => {
                let favorites = &mut self.state.settings.favorites;
                if !favorites.remove(&path) {
                    favorites.insert(path);
                }
            }
            Command::Keys(action, change) => {
                if let Err(why) = self.state.settings.keys.change(action, change) {
                    self.say(&why);
                }
            }
            Command::Toast(text) => self.say(&text),
            Command::Copy(text) => {
                ctx.copy_text(text);
                self.say("Copied");
            }
            Command::Save(name, text) => self.save_text(ctx, &name, text),
            Command::Write(path, text) => self.reader.ask(FileAsk::Write(path, text)),
            Command::OpenExperiment(path) => {
                self.reader.ask(FileAsk::Experiment(path));
                shell::show(&mut self.tree, ViewId::Experiment);
            }
            Command::OpenRun(path) => self.open_run(ctx, &path),
            Command::Run(command) => self.apply_run(ctx, command),
            Command::Unlearn(command) => self.apply_unlearn(ctx, command),
            Command::Desk(_)
            | Command::Preview(..)
            | Command::ExportPage(..)
            | Command::ExportAll(_)
            | Command::OpenPage(_) => self.apply_to_desk(ctx, command),
            Command::Edit(command) => {
                self.state.draft.apply(command);
                self.want_estimate();
            }
        }
    }

    fn act(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Palette | Action::PaletteToo => self.palette.toggle(),
            Action::CloseDialog => {
                self.is_help_open = false;
                self.is_about_open = false;
                self.is_glossary_open = false;
                self.palette.close();
            }
            Action::About => self.is_about_open = !self.is_about_open,
            Action::Glossary => self.is_glossary_open = !self.is_glossary_open,
            Action::Help => self.is_help_open = !self.is_help_open,
            Action::OpenModelFolder => {
                self.ask_path(ctx, Dialog::Folder, "Open a model folder", "", Command::OpenModel);
            }
            Action::OpenDataFile => {
                self.ask_path(ctx, Dialog::File("Data", DATA), "Open a data file", "", Command::OpenData);
            }
            Action::OpenSample => self.open_sample(ctx),
            Action::RunDemo => match crate::runs::demo::demo(false) {
                Ok(study) => {
                    self.reader.ask(FileAsk::Start(vec![study]));
                    shell::show(&mut self.tree, ViewId::Runs);
                }
                Err(error) => self.say(&error.to_string()),
            },
            Action::ShowStart => shell::show(&mut self.tree, ViewId::Start),
            Action::ShowModel => shell::show(&mut self.tree, ViewId::Model),
            Action::ShowData => shell::show(&mut self.tree, ViewId::Data),
            Action::ShowCompare => shell::show(&mut self.tree, ViewId::Compare),
            Action::ShowExperiment => shell::show(&mut self.tree, ViewId::Experiment),
            Action::ShowTrain => shell::show(&mut self.tree, ViewId::Train),
            Action::ShowRuns => shell::show(&mut self.tree, ViewId::Runs),
            Action::ShowUnlearn => shell::show(&mut self.tree, ViewId::Unlearn),
            Action::ShowLandscape => shell::show(&mut self.tree, ViewId::Landscape),
            Action::ShowFigures => shell::show(&mut self.tree, ViewId::Figures),
            Action::ShowLog => shell::show(&mut self.tree, ViewId::Log),
            Action::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            _ => self.act_on_look(ctx, action),
        }
    }

    fn act_on_look(&mut self, ctx: &Context, action: Action) {
        let look = &mut self.state.settings.compare;
        match action {
            Action::ColorByLoss => look.color = ColorBy::Loss,
            Action::ColorByRank => look.color = ColorBy::Rank,
            Action::ColorByGradient => look.color = ColorBy::Gradient,
            Action::ColorOff => look.color = ColorBy::Off,
            Action::ToggleNumbers => look.numbers = !look.numbers,
            Action::ToggleWhitespace => look.whitespace = !look.whitespace,
            Action::ToggleEditors => look.editors = !look.editors,
            Action::SplitRight => {
                if let Some(view) = self.state.shown.first().copied() {
                    shell::beside(&mut self.tree, view);
                }
            }
            Action::ResetLayout => {
                let shown = self.state.shown.first().copied().unwrap_or(ViewId::Start);
                self.tree = shell::default_layout();
                shell::show(&mut self.tree, shown);
            }
            Action::ThemeLight => self.apply(ctx, Command::SetAppearance(Appearance::Light)),
            Action::ThemeDark => self.apply(ctx, Command::SetAppearance(Appearance::Dark)),
            Action::ThemeSystem => self.apply(ctx, Command::SetAppearance(Appearance::System)),
            Action::ZoomIn | Action::ZoomInToo => self.zoom(ctx, 0.1),
            Action::ZoomOut => self.zoom(ctx, -0.1),
            Action::ZoomReset => {
                self.state.settings.zoom = 1.0;
                self.look(ctx);
            }
            _ => self.act_on_work(ctx, action),
        }
    }

    fn act_on_work(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::PreviousPair => self.step_pair(-1),
            Action::NextPair => self.step_pair(1),
            Action::SwapTexts => {
                self.state.compare.texts.swap(0, 1);
                self.state.compare.pair = None;
                self.state.compare.changed = Some(Instant::now());
            }
            Action::Undo | Action::Redo => self.step_history(action == Action::Undo),
            Action::ResetExperiment => self.reset_draft(),
            Action::RunExperiment => self.start_runs(1),
            Action::RunSeeds => self.start_runs(SEEDS),
            Action::CopyCommand => match self.state.draft.command_line() {
                Some(text) => self.apply(ctx, Command::Copy(text)),
                None if !self.state.draft.experiment.sweep.is_empty() => {
                    self.say("A sweep needs a file: save it, then `memoscope sweep FILE`");
                }
                None => self.say("This experiment needs a file: save it, then `memoscope run FILE`"),
            },
            Action::SaveExperiment => match serde_json::to_string_pretty(&self.state.draft.experiment) {
                Ok(text) => self.save_text(ctx, &format!("{}.json", self.state.draft.experiment.name.clone()), text),
                Err(error) => self.say(&error.to_string()),
            },
            Action::OpenPage => {
                let dialog = Dialog::File("Page of figures", &["json"]);
                self.ask_path(ctx, dialog, "Open a page of figures", "", Command::OpenPage);
            }
            Action::OpenExperiment => {
                let dialog = Dialog::File("Experiment", &["json"]);
                self.ask_path(ctx, dialog, "Open an experiment", "", Command::OpenExperiment);
            }
            _ => {}
        }
    }

    /// Undoes or redoes in the view on screen: on the page in Figures, in the experiment in Experiment. Where nothing is
    /// left there, the last change of layout, columns, notes, or a deletion.
    fn step_history(&mut self, is_back: bool) {
        let shown = &self.state.shown;
        const DRAFTS: [ViewId; 3] = [ViewId::Experiment, ViewId::Train, ViewId::Unlearn];
        let is_draft = DRAFTS.iter().any(|view| shown.contains(view));
        let is_page = shown.contains(&ViewId::Figures) && !is_draft;
        let can = |[undo, redo]: [bool; 2]| if is_back { undo } else { redo };
        if is_page && can(self.state.desk.history()) {
            let desk = &mut self.state.desk;
            if is_back { desk.undo() } else { desk.redo() }
        } else if is_draft && can(self.state.draft.history()) {
            let draft = &mut self.state.draft;
            if is_back {
                draft.undo();
            } else {
                draft.redo();
            }
            self.want_estimate();
        } else {
            self.step_beside(is_back);
        }
    }

    fn zoom(&mut self, ctx: &Context, by: f32) {
        let zoom = self.state.settings.zoom;
        let zoom = if zoom > 0.0 { zoom } else { 1.0 };
        self.state.settings.zoom = ((zoom + by) * 10.0).round().clamp(5.0, 30.0) / 10.0;
        self.look(ctx);
    }

    pub(super) fn ask_path(
        &self,
        ctx: &Context,
        dialog: Dialog,
        title: &str,
        name: &str,
        then: impl FnOnce(PathBuf) -> Command + Send + 'static,
    ) {
        dialogs::open(dialog, title, name, self.outside.0.clone(), ctx.clone(), then);
    }

    fn save_text(&self, ctx: &Context, name: &str, text: String) {
        self.ask_path(ctx, Dialog::Save("Files", &["json", "csv", "tex", "md", "txt"]), "Save as", name, move |path| {
            Command::Write(path, text)
        });
    }

    /// An opened model becomes the model of an experiment that has none.
    pub(super) fn offer_model(&mut self, path: &Path) {
        if self.state.draft.experiment.model.is_none() {
            self.state.draft.apply(DraftCommand::Input("model".to_owned(), vec![path.to_owned()]));
        }
        self.count_tokens();
        self.want_estimate();
    }

    /// Opened data goes into the slot of its name, or the first empty one.
    pub(super) fn offer_data(&mut self, index: usize) {
        let Some(path) = self.state.data.get(index).map(|d| d.path.clone()) else { return };
        let Some(method) = self.state.draft.method() else { return };
        let stem = path.file_stem().map(|s| s.to_string_lossy().to_lowercase()).unwrap_or_default();
        let slots = method.inputs().iter().filter(|s| s.kind == crate::methods::InputKind::Data);
        let free: Vec<&str> = slots.filter(|s| self.state.draft.inputs(s).is_empty()).map(|s| s.name).collect();
        let slot = free.iter().find(|s| **s == stem).or_else(|| free.iter().find(|s| **s == "data"));
        if let Some(slot) = slot {
            self.state.draft.apply(DraftCommand::Input((*slot).to_owned(), vec![path]));
            self.want_estimate();
        }
    }

    fn reset_draft(&mut self) {
        self.state.draft.apply(DraftCommand::Preset(self.state.draft.preset));
        self.want_estimate();
    }

    /// What the experiment will need is computed beside, for the present version only.
    pub(super) fn want_estimate(&mut self) {
        self.state.draft.estimate = Slot::Empty;
        if self.state.draft.experiment.problems().is_empty() {
            self.state.draft.estimate = Slot::Loading(PathBuf::new());
            let experiment = Box::new(self.state.draft.experiment.clone());
            self.reader.ask(FileAsk::Estimate(experiment, self.state.draft.serial));
        }
    }

    /// Starts the experiment, with `n` seeds from its own on; several get the seed into their name.
    fn start_runs(&mut self, n: u64) {
        if let Some(problem) = self.state.draft.experiment.problems().into_iter().next() {
            shell::show(&mut self.tree, ViewId::Experiment);
            return self.say_trouble("experiment", &problem.into_error().into());
        }
        if let Slot::Failed(_, trouble) = &self.state.draft.estimate {
            let trouble = trouble.clone();
            shell::show(&mut self.tree, ViewId::Experiment);
            return self.say_trouble("experiment", &trouble);
        }
        let draft = &self.state.draft.experiment;
        if !draft.sweep.is_empty() {
            return self.reader.ask(FileAsk::StartSweep(Box::new(draft.clone()), self.state.draft.slurm.clone()));
        }
        let with_seed = |i: u64| {
            let seed = draft.seed.wrapping_add(i);
            let name = if n > 1 { format!("{}-seed-{seed}", draft.name) } else { draft.name.clone() };
            crate::runs::Experiment { name, seed, ..draft.clone() }
        };
        self.reader.ask(FileAsk::Start((0..n).map(with_seed).collect()));
    }
}
