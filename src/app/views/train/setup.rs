//! What is to be trained, on which rows, and how; the rows beside it.

use std::path::{Path, PathBuf};

use egui::{CollapsingHeader, ComboBox, Label, Rect, RichText, Role, ScrollArea, TextEdit, Ui, WidgetInfo, pos2};
use serde_json::json;

use super::begin::{Start, replace};
use super::options::{FIELD, LABEL, Lines};
use crate::app::command::{Action, Command};
use crate::app::context::{ViewCx, short_path};
use crate::app::draft::DraftCommand;
use crate::app::fields::{Typed, line_ui};
use crate::app::make_form::{Kind, make_ui};
use crate::app::numbers::duration;
use crate::app::rows_ui::RowsLook;
use crate::app::shell::bytes;
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{button, caption, card, loading_ui, region, segmented, soft, title, trouble_ui};
use crate::data::make::Make;
use crate::methods::{Input, InputKind};

/// Width of the form, points.
const FORM: f32 = 392.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Setup {
    typed: Typed,
    rows: RowsLook,
}

/// Which model learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learner {
    Fresh,
    Given,
}

/// Where rows are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    File,
    Made(Kind),
}

/// The slot of the rows that are learned.
fn slot() -> Option<&'static Input> {
    use crate::methods::Method as _;
    crate::methods::train::METHOD.inputs().iter().find(|i| i.name == "data" && i.kind == InputKind::Data)
}

impl Setup {
    pub(super) fn setup_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let room = ui.available_rect_before_wrap();
        let form = room.with_max_x(room.left() + FORM);
        let rows = Rect::from_min_max(pos2(form.right() + PAD, room.top()), room.max);
        region(ui, form, "form", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(FORM - 12.0);
                self.form_ui(cx, ui);
            });
        });
        region(ui, rows, "rows", |ui| self.rows_ui(cx, ui));
    }

    fn form_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let lines = Lines::new(cx);
        needs_ui(cx, &lines, ui);
        ui.add_space(GAP);
        ui.horizontal_wrapped(|ui| {
            ui.label(caption(ui, "Begin with"));
            for start in Start::ALL.into_iter().filter(|s| *s != Start::OpenModel || cx.state.model.ready().is_some()) {
                if ui.small_button(start.title()).clicked() {
                    self.typed.clear();
                    replace(cx, start.experiment(cx));
                }
            }
        });
        ui.add_space(PAD);
        self.model_ui(cx, &lines, ui);
        ui.add_space(PAD);
        self.data_ui(cx, ui);
        ui.add_space(PAD);
        self.training_ui(&lines, ui);
        ui.add_space(PAD);
        self.measure_ui(&lines, ui);
        ui.add_space(PAD);
        self.run_ui(cx, ui);
        ui.add_space(PAD);
    }

    fn model_ui(&mut self, cx: &ViewCx<'_>, lines: &Lines<'_>, ui: &mut Ui) {
        ui.label(title("Model"));
        let given = cx.state.draft.experiment.model.as_ref();
        let learner = if given.is_some() { Learner::Given } else { Learner::Fresh };
        let open = cx.state.model.ready().map(|card| card.path.clone());
        let choices = [
            (Learner::Fresh, "From scratch", "A fresh model of any of the five families"),
            (Learner::Given, "Fine-tune", "Go on with the open model"),
        ];
        ui.horizontal(|ui| match (segmented(ui, "Model", learner, &choices), open) {
            (Some(Learner::Fresh), _) => {
                lines.set("lora", None);
                input(cx, "model", Vec::new());
            }
            (Some(Learner::Given), Some(path)) if learner == Learner::Fresh => input(cx, "model", vec![path]),
            (Some(Learner::Given), None) if learner == Learner::Fresh => cx.act(Action::OpenModelFolder),
            _ => {}
        });
        ui.add_space(TIGHT);
        let typed = &mut self.typed;
        let Some(given) = given else {
            for (path, label) in [
                ("fresh.family", "Family"),
                ("fresh.n_layer", "Layers"),
                ("fresh.n_head", "Heads"),
                ("fresh.d_model", "Width"),
                ("fresh.n_ctx", "Context"),
            ] {
                lines.option_ui(path, label, typed, ui);
            }
            return more_ui("fresh", ui, |ui| {
                for (path, label) in [
                    ("fresh.d_ff", "Feed-forward width"),
                    ("fresh.activation", "Activation"),
                    ("fresh.init_std", "Spread of weights"),
                    ("tokenizer.source", "Tokenizer"),
                    ("tokenizer.vocab_size", "Vocabulary"),
                ] {
                    lines.option_ui(path, label, typed, ui);
                }
            });
        };
        let place = given.path.clone().or_else(|| given.hub.clone().map(PathBuf::from)).unwrap_or_default();
        line_ui(cx, LABEL, "Model", "The model that learns", false, &[], ui, |ui| {
            named_ui(cx, Icon::Model, &place, ui);
        });
        let is_lora = lines.value("lora.rank").as_u64().unwrap_or(0) > 0;
        line_ui(cx, LABEL, "Trains", "What of the model moves", false, &[], ui, |ui| {
            let choices = [
                (false, "All weights", "Every weight moves"),
                (true, "Adapters", "LoRA: low-rank matrices beside frozen weights; saved as PEFT does"),
            ];
            match segmented(ui, "Trains", is_lora, &choices) {
                Some(true) if !is_lora => lines.set("lora.rank", Some(json!(8))),
                Some(false) => lines.set("lora", None),
                _ => {}
            }
        });
        if is_lora {
            for (path, label) in
                [("lora.rank", "Rank"), ("lora.alpha", "Alpha"), ("lora.dropout", "Dropout"), ("lora.targets", "Maps")]
            {
                lines.option_ui(path, label, typed, ui);
            }
        }
    }

    fn data_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.label(title("Rows"));
        let Some(slot) = slot() else { return };
        let made = cx.state.draft.made(slot).cloned();
        let source = made.as_ref().and_then(Kind::of).map_or(Source::File, Source::Made);
        let of = |kind: Kind| (Source::Made(kind), kind.title(), kind.about());
        let [tinymem, people] = Kind::ALL.map(of);
        let choices = [tinymem, people, (Source::File, "A file", "Texts or token ids of your own")];
        ui.horizontal(|ui| match segmented(ui, "Rows", source, &choices) {
            Some(Source::Made(kind)) if source != Source::Made(kind) => {
                self.typed.clear();
                make(cx, kind.small());
            }
            Some(Source::File) if source != Source::File => {
                let open = cx.state.data_index.and_then(|i| cx.state.data.get(i));
                input(cx, "data", open.map(|entry| entry.path.clone()).into_iter().collect());
            }
            _ => {}
        });
        ui.add_space(TIGHT);
        match made {
            Some(set) => {
                if let Some(changed) = make_ui(cx, &set, [LABEL, FIELD], &mut self.typed, ui) {
                    make(cx, changed);
                }
            }
            None => file_ui(cx, slot, ui),
        }
    }

    fn training_ui(&mut self, lines: &Lines<'_>, ui: &mut Ui) {
        ui.label(title("Training"));
        let typed = &mut self.typed;
        for (path, label) in [
            ("length.epochs", "Epochs"),
            ("rows.batch", "Rows a batch"),
            ("lr.peak", "Learning rate"),
            ("lr.schedule", "Schedule"),
            ("lr.warmup_steps", "Warm-up"),
            ("lr.rise", "Rises"),
            ("optimizer.weight_decay", "Weight decay"),
        ] {
            lines.option_ui(path, label, typed, ui);
        }
        more_ui("training", ui, |ui| {
            for (path, label) in [
                ("length.steps", "Steps at most"),
                ("length.tokens", "Tokens at most"),
                ("rows.accumulate", "Batches a step"),
                ("rows.layout", "Layout"),
                ("rows.add_eos", "End every text"),
                ("optimizer.rule", "Optimizer"),
                ("optimizer.clip", "Clip gradients"),
                ("mitigation", "Mitigation"),
                ("regularize.tied_dropout", "Tied dropout"),
                ("regularize.spectral", "Spectral norm"),
                ("compat", "Compatible with"),
            ] {
                lines.option_ui(path, label, typed, ui);
            }
        });
    }

    fn measure_ui(&mut self, lines: &Lines<'_>, ui: &mut Ui) {
        ui.label(title("Checks and checkpoints"));
        let typed = &mut self.typed;
        for (path, label) in [
            ("check.every", "Check every"),
            ("check.unit", "counted in"),
            ("check.k", "Prefix k"),
            ("check.l", "Continuation l"),
            ("check.answers", "Ask about people"),
            ("checkpoint.every", "Keep model every"),
            ("checkpoint.unit", "counted in"),
            ("stop.patience", "Stop early after"),
        ] {
            lines.option_ui(path, label, typed, ui);
        }
    }

    fn run_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.label(title("Run"));
        let experiment = &cx.state.draft.experiment;
        let edit = |command: DraftCommand| cx.send(Command::Edit(command));
        self.text_ui(cx, "Name", "Becomes part of the run's folder", &experiment.name, ui, &|text| {
            edit(DraftCommand::Name(text.to_owned()));
        });
        let about = "Of everything random; the same seed gives the same bytes";
        self.text_ui(cx, "Seed", about, &experiment.seed.to_string(), ui, &|text| {
            if let Ok(seed) = text.trim().parse() {
                edit(DraftCommand::Seed(seed));
            }
        });
        self.text_ui(cx, "Device", "cpu, cuda or cuda:N", &experiment.device, ui, &|text| {
            edit(DraftCommand::Device(text.trim().to_owned()));
        });
    }

    fn text_ui(&mut self, cx: &ViewCx<'_>, name: &str, about: &str, value: &str, ui: &mut Ui, set: &dyn Fn(&str)) {
        line_ui(cx, LABEL, name, about, false, &[], ui, |ui| {
            let mut text = self.typed.get(name).cloned().unwrap_or_else(|| value.to_owned());
            let edit = TextEdit::singleline(&mut text).desired_width(FIELD).margin(egui::Margin::symmetric(8, 6));
            let response = ui.add(edit);
            response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, name));
            if response.changed() {
                self.typed.insert(name.to_owned(), text.clone());
                set(&text);
            }
            if response.lost_focus() {
                self.typed.remove(name);
            }
        });
    }

    /// The rows beside the form.
    fn rows_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let Some(slot) = slot() else { return };
        let draft = &cx.state.draft;
        ui.label(title("What it will read"));
        if let Some(make) = draft.made(slot) {
            return self.rows.made_ui(cx, make, draft.experiment.seed, ui);
        }
        let Some(path) = draft.inputs(slot).first().cloned() else {
            ui.label(soft(ui, "The rows appear here: choose a file, or make some."));
            return;
        };
        match cx.state.data.iter().find(|entry| entry.path == path).map(|entry| &entry.sheet) {
            Some(Slot::Ready(sheet)) => self.rows.file_ui(cx, &sheet.dataset, ui),
            Some(Slot::Failed(_, trouble)) => trouble_ui(cx, "The file cannot be read", trouble, ui),
            Some(_) => loading_ui("Reading…", ui),
            None => {
                ui.label(soft(ui, short_path(&path)));
                if button(ui, Some(Icon::File), "Show its rows").clicked() {
                    cx.send(Command::OpenData(path));
                }
            }
        }
    }
}

fn input(cx: &ViewCx<'_>, slot: &str, paths: Vec<PathBuf>) {
    cx.send(Command::Edit(DraftCommand::Input(slot.to_owned(), paths)));
}

fn make(cx: &ViewCx<'_>, set: Make) {
    cx.send(Command::Edit(DraftCommand::Make("data".to_owned(), Some(Box::new(set)))));
}

fn more_ui(of: &str, ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    CollapsingHeader::new("More").id_salt(("more", of)).show(ui, add);
}

fn named_ui(cx: &ViewCx<'_>, icon: Icon, path: &Path, ui: &mut Ui) {
    icon.show(ui, 16.0, cx.tokens.text_soft);
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    ui.add(Label::new(name).truncate()).on_hover_text(short_path(path));
}

/// Which of the open files is read.
fn file_ui(cx: &ViewCx<'_>, slot: &Input, ui: &mut Ui) {
    let given = cx.state.draft.inputs(slot);
    line_ui(cx, LABEL, "File", slot.about, false, &[], ui, |ui| {
        let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let shown = given.first().map_or_else(|| "Choose a file".to_owned(), name);
        let response = ComboBox::from_id_salt("data file").width(FIELD - 16.0).selected_text(shown).show_ui(ui, |ui| {
            for entry in &cx.state.data {
                let is_on = given.contains(&entry.path);
                if ui.selectable_label(is_on, name(&entry.path)).on_hover_text(short_path(&entry.path)).clicked() {
                    input(cx, "data", vec![entry.path.clone()]);
                }
            }
            if ui.button("Open another file…").clicked() {
                cx.act(Action::OpenDataFile);
            }
        });
        response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "File"));
    });
    if given.len() > 1 {
        ui.label(caption(ui, format!("{} files; All options has them all", given.len())));
    }
}

/// What the training will need, or what is missing.
fn needs_ui(cx: &ViewCx<'_>, lines: &Lines<'_>, ui: &mut Ui) {
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        if let Some(problem) = lines.problems.first() {
            ui.horizontal_top(|ui| {
                Icon::Warn.show(ui, 14.0, cx.tokens.warn);
                let hint = problem.hint.as_ref().map_or_else(String::new, |h| format!("; {h}"));
                ui.add(Label::new(soft(ui, format!("{}{hint}", problem.message))).wrap());
            });
            return;
        }
        match &cx.state.draft.estimate {
            Slot::Ready(needs) => {
                let time =
                    needs.about_secs.map_or_else(|| "time unknown".to_owned(), |s| format!("about {}", duration(s)));
                let free = needs.first.estimate.available_bytes;
                let text = format!(
                    "Ready: {time}, {} of {} memory, {} on the disk",
                    bytes(needs.memory_bytes),
                    bytes(free),
                    bytes(needs.disk_bytes)
                );
                ui.add(Label::new(RichText::new(text).size(size::BODY)).wrap());
                for warning in &needs.warnings {
                    ui.add(Label::new(RichText::new(warning).size(size::SMALL).color(cx.tokens.warn)).wrap());
                }
            }
            Slot::Failed(_, trouble) => {
                let hint = trouble.hint.as_ref().map_or_else(String::new, |h| format!("  → {h}"));
                let text = format!("{}{hint}", trouble.message);
                ui.add(Label::new(RichText::new(text).color(cx.tokens.bad)).wrap().selectable(true));
            }
            Slot::Loading(_) | Slot::Empty => {
                ui.horizontal(|ui| {
                    ui.add(egui::Spinner::new().size(14.0));
                    ui.label(soft(ui, "Working out what it needs…"));
                });
            }
        }
    });
}
