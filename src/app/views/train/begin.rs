//! Where a training begins: made sequences, made people, or the open model.

use std::path::PathBuf;

use egui::{RichText, Sense, Ui, UiBuilder, vec2};

use super::METHOD;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::DraftCommand;
use crate::app::make_form::Kind;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, RADIUS_CARD, size};
use crate::app::widgets::soft;
use crate::methods::presets;
use crate::runs::{DataRef, Experiment, ModelRef, Step};

/// A way to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    TinyMem,
    People,
    OpenModel,
}

impl Start {
    pub(super) const ALL: [Self; 3] = [Self::TinyMem, Self::People, Self::OpenModel];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::TinyMem => "Sequences with noise",
            Self::People => "Made-up people",
            Self::OpenModel => "The open model",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::TinyMem => {
                "TinyMem: a fresh model learns to count, and memorizes the rows whose numbers were moved. About a minute."
            }
            Self::People => {
                "bioS: a fresh model reads biographies of people who do not exist. What it knows, it has from them."
            }
            Self::OpenModel => {
                "Fine-tune the model that is open on your texts, all its weights or low-rank adapters alone."
            }
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::TinyMem => Icon::Train,
            Self::People => Icon::Sample,
            Self::OpenModel => Icon::Model,
        }
    }

    /// The experiment to begin with.
    pub(super) fn experiment(self, cx: &ViewCx<'_>) -> Experiment {
        let mut step = Step { method: METHOD.to_owned(), ..Step::default() };
        let preset =
            |id: &str| presets(METHOD).find(|p| p.id == id).map(crate::methods::Preset::config).unwrap_or_default();
        let mut experiment = Experiment { name: "training".to_owned(), ..Experiment::default() };
        let made = |kind: Kind| DataRef { make: Some(kind.small()), ..DataRef::default() };
        match self {
            Self::TinyMem => {
                "tinymem".clone_into(&mut experiment.name);
                step.config = preset("tinymem-quick");
                experiment.data.insert("data".to_owned(), made(Kind::TinyMem));
            }
            Self::People => {
                "people".clone_into(&mut experiment.name);
                step.config = people();
                experiment.data.insert("data".to_owned(), made(Kind::Bios));
            }
            Self::OpenModel => {
                "fine-tuning".clone_into(&mut experiment.name);
                step.config = preset("engram-lora");
                experiment.model = cx.state.model.ready().map(|card| model(card.path.clone()));
                let open = cx.state.data_index.and_then(|i| cx.state.data.get(i));
                if let Some(entry) = open {
                    let data = DataRef { path: Some(entry.path.clone()), ..DataRef::default() };
                    experiment.data.insert("data".to_owned(), data);
                }
            }
        }
        experiment.steps = vec![step];
        experiment
    }
}

fn model(path: PathBuf) -> ModelRef {
    ModelRef { path: Some(path), ..ModelRef::default() }
}

/// Options with which two hundred people are learned by heart.
fn people() -> serde_json::Map<String, serde_json::Value> {
    let config = serde_json::json!({
        "fresh": {"n_layer": 2, "n_head": 4, "d_model": 128},
        "tokenizer": {"vocab_size": 512},
        "rows": {"batch": 8},
        "length": {"epochs": 60.0},
        "check": {"every": 5, "k": 16, "l": 16, "answers": 50},
    });
    config.as_object().cloned().unwrap_or_default()
}

/// Puts an experiment into the form.
pub(super) fn replace(cx: &ViewCx<'_>, experiment: Experiment) {
    cx.send(Command::Edit(DraftCommand::Replace(Box::new(experiment))));
}

/// The ways to begin, one card each.
pub(super) fn begin_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    ui.add_space((ui.available_height() * 0.16).min(120.0));
    ui.vertical_centered(|ui| {
        ui.label(RichText::new("What is to be learned?").font(semibold(size::HEADING)));
        ui.label(soft(ui, "Everything can be changed before it runs."));
    });
    ui.add_space(PAD);
    let width = ((ui.available_width() - 4.0 * PAD) / 3.0).min(320.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = PAD;
        let all = 3.0 * width + 2.0 * PAD;
        ui.add_space(((ui.available_width() - all) / 2.0).max(0.0) - PAD);
        for start in Start::ALL {
            let is_there = start != Start::OpenModel || cx.state.model.ready().is_some();
            ui.add_enabled_ui(is_there, |ui| {
                if card_ui(cx, start, width, ui) {
                    replace(cx, start.experiment(cx));
                }
            });
        }
    });
}

/// A large button; whether it was clicked.
fn card_ui(cx: &ViewCx<'_>, start: Start, width: f32, ui: &mut Ui) -> bool {
    const HEIGHT: f32 = 138.0;
    let t = cx.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
    let is_on = ui.is_enabled();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, is_on, start.title()));
    let fill = if response.hovered() { t.hover } else { t.surface };
    let ink = if response.hovered() || response.has_focus() { t.accent } else { t.border };
    ui.painter().rect(rect, RADIUS_CARD, fill, egui::Stroke::new(1.0, ink), egui::StrokeKind::Inside);
    let layout = egui::Layout::top_down(egui::Align::Min);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(rect.shrink(PAD)).layout(layout));
    inner.spacing_mut().item_spacing.y = GAP;
    inner.horizontal(|ui| {
        start.icon().show(ui, 20.0, t.accent);
        ui.label(RichText::new(start.title()).font(semibold(size::TITLE)));
    });
    inner.add(egui::Label::new(soft(&inner, start.about())).wrap());
    if !is_on {
        response.clone().on_disabled_hover_text("Open a model first");
    }
    response.clicked()
}
