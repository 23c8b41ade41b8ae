//! The application: take over answers, draw, apply commands.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use egui::{Context, Ui};
use egui_tiles::Tree;

use super::command::{Action, Command};
use super::context::ViewCx;
use super::history::{self, History, Step};
use super::keys;
use super::launch::Options;
use super::shell::{self, Palette};
use super::state::{Appearance, Settings, State};
use super::style::{self, Tokens};
use super::views::{ViewId, Views};
use super::worker::{Ask, EngineThread, FileAsk, ReaderThread};
use crate::engine::weights;
use crate::error::Result;

/// Key of the remembered settings.
const SETTINGS: &str = "settings";
/// Typing pauses this long before a text is measured.
const DEBOUNCE: Duration = Duration::from_millis(120);

/// The window.
pub struct Window {
    pub(super) state: State,
    pub(super) tree: Tree<ViewId>,
    pub(super) views: Views,
    pub(super) palette: Palette,
    pub(super) is_help_open: bool,
    pub(super) is_about_open: bool,
    pub(super) engine: EngineThread,
    pub(super) reader: ReaderThread,
    /// Commands of file dialogs, which have threads of their own.
    pub(super) outside: (SyncSender<Command>, Receiver<Command>),
    pub(super) serial: u64,
    memory_read: Option<Instant>,
    /// The folder of the runs.
    pub(super) runs_dir: PathBuf,
    pub(super) is_glossary_open: bool,
    pub(super) glossary: shell::Glossary,
    /// Changes of layout, notes and the like.
    pub(super) history: History,
    /// The layout as it was last seen, and in words.
    layout: (String, Tree<ViewId>),
}

impl Window {
    /// Opens the window's state: fonts, theme, settings, threads.
    pub fn new(cc: &eframe::CreationContext<'_>, options: &Options) -> Result<Self> {
        // Weights are mapped: a file that another program cuts costs the model, not the window.
        weights::survive_cut_files()?;
        style::fonts::install(&cc.egui_ctx);
        style::theme::install(&cc.egui_ctx);
        // The zoom is remembered, so it is ours.
        cc.egui_ctx.options_mut(|o| o.zoom_with_keyboard = false);
        let settings: Settings =
            cc.storage.and_then(|s| eframe::get_value(s, SETTINGS)).filter(|_| options.remember).unwrap_or_default();
        let waker = |ctx: &Context| {
            let ctx = ctx.clone();
            move || ctx.request_repaint()
        };
        let tree = settings.layout.clone().unwrap_or_else(shell::default_layout);
        let mut window = Self {
            state: State { settings, ..State::default() },
            tree,
            views: Views::default(),
            palette: Palette::default(),
            is_help_open: false,
            is_about_open: false,
            engine: EngineThread::start(waker(&cc.egui_ctx))?,
            reader: ReaderThread::start(options.runs_dir(), options.program.clone(), waker(&cc.egui_ctx))?,
            outside: sync_channel(16),
            serial: 0,
            memory_read: None,
            runs_dir: options.runs_dir(),
            is_glossary_open: false,
            glossary: shell::Glossary::default(),
            history: History::default(),
            layout: (String::new(), shell::default_layout()),
        };
        window.look(&cc.egui_ctx);
        window.state.machine.n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if let Some(render) = &cc.wgpu_render_state {
            super::surface::install(render);
            let info = render.adapter.get_info();
            window.state.machine.is_software = info.device_type == eframe::wgpu::DeviceType::Cpu;
            window.state.machine.adapter = info.name;
        }
        shell::show(&mut window.tree, ViewId::Start);
        window.views_on_screen();
        window.forget_layout();
        window.open(&options.open);
        Ok(window)
    }

    /// Read-only view of the state, for tests.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Opens models, data files and experiments, as if they were dropped.
    pub fn open(&mut self, paths: &[PathBuf]) {
        for path in paths {
            self.ask(Command::Open(path.clone()));
        }
    }

    /// Leaves a command, as if a dialog had made it.
    pub fn ask(&mut self, command: Command) {
        if self.outside.0.try_send(command).is_err() {
            self.say("Too many things at once");
        }
    }

    /// Theme and zoom from the settings.
    pub(super) fn look(&self, ctx: &Context) {
        ctx.set_theme(match self.state.settings.appearance {
            Appearance::Light => egui::ThemePreference::Light,
            Appearance::Dark => egui::ThemePreference::Dark,
            Appearance::System => egui::ThemePreference::System,
        });
        let zoom = self.state.settings.zoom;
        ctx.set_zoom_factor(if zoom > 0.0 { zoom.clamp(0.5, 3.0) } else { 1.0 });
    }

    /// A typed text is measured once the typing pauses.
    fn measure_when_quiet(&mut self, ctx: &Context) {
        let Some(changed) = self.state.compare.changed else { return };
        let waited = changed.elapsed();
        if waited < DEBOUNCE {
            return ctx.request_repaint_after(DEBOUNCE.saturating_sub(waited));
        }
        self.state.compare.changed = None;
        if self.state.model.ready().is_some() {
            self.state.compare.is_busy = true;
            self.engine.ask(Ask::Measure(self.state.compare.texts.clone()));
        }
    }

    fn read_memory(&mut self) {
        const EVERY: Duration = Duration::from_secs(2);
        if self.memory_read.is_none_or(|t| t.elapsed() > EVERY) {
            self.memory_read = Some(Instant::now());
            self.reader.ask(FileAsk::Memory);
        }
    }

    fn drops(&mut self, ctx: &Context) {
        let (paths, is_over) = ctx.input(|i| {
            let paths: Vec<_> = i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect();
            (paths, !i.raw.hovered_files.is_empty())
        });
        self.state.is_dropping = is_over;
        for path in paths {
            self.apply(ctx, Command::Open(path));
        }
    }

    fn shortcuts(&mut self, ctx: &Context) {
        keys::install(ctx, &self.state.settings.keys);
        // The keys that are pressed now are to become a shortcut.
        if keys::waiting(ctx).is_some() {
            return;
        }
        let is_typing = ctx.text_edit_focused();
        // Ctrl+Shift+Z is also Ctrl+Z to whoever asks for that first, so more modifiers go before fewer.
        let keys = &self.state.settings.keys;
        let mut all: Vec<_> = Action::ALL.iter().filter_map(|a| Some((*a, keys.of(*a)?))).collect();
        all.sort_by_key(|(_, keys)| std::cmp::Reverse(keys.modifiers.shift));
        for (action, keys) in all {
            // Text fields have an undo of their own.
            let is_theirs = is_typing && matches!(action, Action::Undo | Action::Redo | Action::CloseDialog);
            if !is_theirs && ctx.input_mut(|i| i.consume_shortcut(&keys)) {
                self.apply(ctx, Command::Do(action));
            }
        }
    }

    fn forget_old_toasts(&mut self, ctx: &Context) {
        // What has to be read and copied stays longer.
        let shown = |is_bad: bool| Duration::from_secs(if is_bad { 12 } else { 5 });
        self.state.toasts.retain(|t| t.since.elapsed() < shown(t.is_bad));
        let left = self.state.toasts.iter().map(|t| shown(t.is_bad).saturating_sub(t.since.elapsed())).min();
        if let Some(left) = left {
            ctx.request_repaint_after(left);
        }
    }

    /// The layout is what it is: there is nothing to take back.
    pub(super) fn forget_layout(&mut self) {
        self.layout = (history::arrangement(&self.tree), self.tree.clone());
    }

    /// A layout that was changed can be taken back.
    fn watch_layout(&mut self) {
        let now = history::arrangement(&self.tree);
        if now != self.layout.0 {
            let before = std::mem::replace(&mut self.layout.1, self.tree.clone());
            self.history.push(Step::Layout(Box::new(before), Box::new(self.tree.clone())));
            self.layout.0 = now;
        } else if self.layout.1 != self.tree {
            self.layout.1.clone_from(&self.tree);
        }
    }

    fn views_on_screen(&mut self) {
        let active = self.tree.active_tiles();
        self.state.shown = active
            .into_iter()
            .filter_map(|id| match self.tree.tiles.get(id) {
                Some(egui_tiles::Tile::Pane(view)) => Some(*view),
                _ => None,
            })
            .collect();
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_answers(ctx);
        while let Ok(command) = self.outside.1.try_recv() {
            self.apply(ctx, command);
        }
        self.measure_when_quiet(ctx);
        self.read_memory();
        self.forget_old_toasts(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.drops(&ctx);
        self.shortcuts(&ctx);
        self.views_on_screen();
        let cx = ViewCx::new(&self.state, Tokens::of(ui.visuals().dark_mode));
        shell::status_ui(&cx, ui);
        shell::rail_ui(&cx, ui);
        egui::CentralPanel::no_frame().show(ui, |ui| shell::dock_ui(&mut self.tree, &mut self.views, &cx, ui));
        self.palette.show_ui(&cx, ui);
        if self.is_help_open && shell::help_ui(&cx, ui) {
            self.is_help_open = false;
        }
        if self.is_about_open && shell::about_ui(&cx, ui) {
            self.is_about_open = false;
        }
        if self.is_glossary_open && self.glossary.glossary_ui(ui) {
            self.is_glossary_open = false;
        }
        shell::toasts_ui(&cx, ui);
        shell::drop_ui(&cx, ui);
        for command in cx.into_commands() {
            self.apply(&ctx, command);
        }
        self.watch_layout();
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        self.state.settings.layout = Some(self.tree.clone());
        eframe::set_value(storage, SETTINGS, &self.state.settings);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        Tokens::of(visuals.dark_mode).canvas.to_normalized_gamma_f32()
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
