//! The Model view: what is in a model folder, and a box to try its tokenizer.

use egui::Role;
use egui::{Align, Layout, ScrollArea, TextEdit, Ui, WidgetInfo, vec2};

use super::{View, ViewId};
use crate::app::command::{Action, Command};
use crate::app::context::{ViewCx, short_path};
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{
    GridColumn, GridSort, accent_button, badge, button, caption, card_title, empty_ui, grid_ui, header, loading_ui,
    mono, search_ui, soft, token_tooltip_ui, trouble_ui,
};
use crate::app::worker::ModelCard;
use crate::runs::inspect::TensorRow;

/// Transient state.
#[derive(Default)]
pub(super) struct Model {
    search: String,
    sort: Option<GridSort>,
    rows: Vec<usize>,
    key: (usize, String, Option<GridSort>),
    prompt: String,
}

impl View for Model {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let card = match &cx.state.model {
            Slot::Ready(card) => card,
            Slot::Loading(path) => return loading_ui(&format!("Opening {}…", path.display()), ui),
            Slot::Failed(path, trouble) => {
                header(ui, "Model", "", |_| {});
                trouble_ui(cx, &format!("{} cannot be opened", path.display()), trouble, ui);
                if button(ui, Some(Icon::Folder), "Open another model…").clicked() {
                    cx.act(Action::OpenModelFolder);
                }
                return;
            }
            Slot::Empty => return empty_model_ui(cx, ui),
        };
        header(ui, &card.name, &short_path(&card.path), |ui| {
            if accent_button(ui, Some(Icon::Compare), "Compare texts").clicked() {
                cx.send(Command::Show(ViewId::Compare));
            }
            if button(ui, Some(Icon::Folder), "Open…").clicked() {
                cx.act(Action::OpenModelFolder);
            }
        });
        facts_ui(card, ui);
        ui.add_space(PAD);
        let room = ui.available_rect_before_wrap();
        let side = 360.0;
        let left = room.with_max_x(room.right() - side - PAD);
        let right = room.with_min_x(room.right() - side);
        crate::app::widgets::region(ui, left, "tensors", |ui| self.tensors_ui(card, ui));
        crate::app::widgets::region(ui, right, "tokenizer", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| self.side_ui(cx, card, ui));
        });
    }
}

impl Model {
    fn tensors_ui(&mut self, card: &ModelCard, ui: &mut Ui) {
        self.update(card);
        let tensors = &card.inspection.tensors;
        card_title(ui, &format!("{} tensors", tensors.len()), |ui| {
            search_ui(&mut self.search, "tensors", 240.0, ui);
        });
        let columns = [
            GridColumn::text("Name", 0.0),
            GridColumn::text("Shape", 130.0),
            GridColumn::text("Type", 56.0).about("Element type on disk"),
            GridColumn::number("Elements", 92.0),
            GridColumn::number("Bytes", 88.0),
        ];
        let rows = &self.rows;
        grid_ui(
            "tensors",
            &columns,
            Some(&mut self.sort),
            rows.len(),
            &|_| false,
            &mut |row, column, ui| {
                let Some(tensor) = rows.get(row).and_then(|i| tensors.get(*i)) else { return };
                match column {
                    0 => ui.label(mono(&tensor.name)).on_hover_text(&tensor.name),
                    1 => ui.label(mono(shape(tensor))),
                    2 => ui.label(mono(&tensor.dtype)),
                    3 => ui.label(mono(elements(tensor).to_string())),
                    _ => ui.label(mono(tensor.bytes.to_string())),
                };
            },
            ui,
        );
    }

    fn update(&mut self, card: &ModelCard) {
        let key = (std::ptr::from_ref(card) as usize, self.search.to_lowercase(), self.sort);
        if key == self.key {
            return;
        }
        let tensors = &card.inspection.tensors;
        let found = |i: &usize| tensors.get(*i).is_some_and(|t| t.name.to_lowercase().contains(&key.1));
        self.rows = (0..tensors.len()).filter(found).collect();
        if let Some(sort) = self.sort {
            self.rows.sort_by(|a, b| {
                let (Some(a), Some(b)) = (tensors.get(*a), tensors.get(*b)) else { return std::cmp::Ordering::Equal };
                let order = match sort.column {
                    0 => a.name.cmp(&b.name),
                    1 => a.shape.cmp(&b.shape),
                    2 => a.dtype.cmp(&b.dtype),
                    3 => elements(a).cmp(&elements(b)),
                    _ => a.bytes.cmp(&b.bytes),
                };
                if sort.descending { order.reverse() } else { order }
            });
        }
        self.key = key;
    }

    fn side_ui(&mut self, cx: &ViewCx<'_>, card: &ModelCard, ui: &mut Ui) {
        for warning in &card.warnings {
            ui.horizontal_top(|ui| {
                Icon::Warn.show(ui, 16.0, cx.tokens.warn);
                ui.add(egui::Label::new(soft(ui, warning)).wrap());
            });
        }
        self.probe_ui(cx, ui);
        ui.add_space(PAD);
        card_title(ui, "Tokenizer", |_| {});
        facts_grid_ui("tokenizer", &card.tokenizer, ui);
        ui.add_space(PAD);
        card_title(ui, "config.json", |_| {});
        let config = card.inspection.config.as_object();
        let rows: Vec<(String, String)> = config
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
            .collect();
        facts_grid_ui("config", &rows, ui);
    }

    fn probe_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        card_title(ui, "Try it", |_| {});
        let edit = TextEdit::multiline(&mut self.prompt)
            .hint_text("Type a text to see its tokens")
            .desired_rows(3)
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 7));
        let response = ui.add(edit);
        response.widget_info(|| WidgetInfo::labeled(Role::MultilineTextInput, true, "Text to tokenize"));
        if response.changed() {
            cx.send(Command::Tokenize(self.prompt.clone()));
        }
        match &cx.state.probe.tokens {
            Some(Ok(measured)) if !self.prompt.is_empty() => chips_ui(cx, measured, ui),
            Some(Err(trouble)) => trouble_ui(cx, "No tokens", trouble, ui),
            _ => {}
        }
        ui.horizontal(|ui| {
            ui.add_enabled_ui(!self.prompt.is_empty() && !cx.state.probe.is_busy, |ui| {
                if button(ui, Some(Icon::Play), "Continue greedily").clicked() {
                    cx.send(Command::Continue(self.prompt.clone(), 48));
                }
            });
            if cx.state.probe.is_busy {
                ui.spinner();
            }
        });
        match &cx.state.probe.continuation {
            Some((prompt, Ok(text))) => {
                let mut job = egui::text::LayoutJob::default();
                let font = egui::FontId::proportional(size::BODY);
                job.append(prompt, 0.0, egui::TextFormat::simple(font.clone(), cx.tokens.text_faint));
                job.append(text, 0.0, egui::TextFormat::simple(font, cx.tokens.text));
                ui.add(egui::Label::new(job).wrap().selectable(true));
            }
            Some((_, Err(trouble))) => trouble_ui(cx, "No continuation", trouble, ui),
            None => {}
        }
    }
}

fn chips_ui(cx: &ViewCx<'_>, measured: &crate::methods::compare::Measurement, ui: &mut Ui) {
    const SHOWN: usize = 300;
    ui.label(caption(ui, format!("{} tokens", measured.cells.len())));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(2.0, 3.0);
        for (i, cell) in measured.cells.iter().take(SHOWN).enumerate() {
            let fill = if i % 2 == 0 { cx.tokens.accent_soft } else { cx.tokens.hover };
            let shown = if cell.shown.is_empty() { "◦" } else { cell.shown.as_str() };
            badge(ui, shown, cx.tokens.text, fill).on_hover_ui(|ui| token_tooltip_ui(cell, ui));
        }
    });
    ui.add_space(TIGHT);
}

fn empty_model_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let about = "A folder with config.json and safetensors files of GPT-2, GPT-Neo, GPT-J, GPT-NeoX (Pythia) or Llama. \
                 Files are mapped, never executed: opening a large checkpoint takes a moment and no memory.";
    empty_ui(Icon::Model, "No model is open", about, ui, |ui| {
        if accent_button(ui, Some(Icon::Folder), "Model folder…").clicked() {
            cx.act(Action::OpenModelFolder);
        }
        if button(ui, Some(Icon::Sample), "Open the sample").clicked() {
            cx.act(Action::OpenSample);
        }
    });
}

fn facts_ui(card: &ModelCard, ui: &mut Ui) {
    let inspection = &card.inspection;
    let facts = [
        ("Family", inspection.model_type.clone(), ""),
        ("Parameters", crate::app::shell::count(inspection.n_parameters as usize), "numbers, tied ones once"),
        ("Context", card.n_ctx.to_string(), "tokens"),
        ("Vocabulary", card.vocab_size.to_string(), "tokens"),
        ("On disk", crate::app::shell::bytes(inspection.file_bytes), ""),
        ("To score", crate::app::shell::bytes(inspection.memory.score.total()), "main memory"),
        ("To train", crate::app::shell::bytes(inspection.memory.train_adamw.total()), "AdamW, f32"),
    ];
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * PAD;
        for (name, value, unit) in facts {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.label(caption(ui, name));
                ui.label(egui::RichText::new(value).font(crate::app::style::fonts::semibold(size::TITLE)));
                ui.label(caption(ui, unit));
            });
        }
    });
}

fn facts_grid_ui(id: &str, rows: &[(String, String)], ui: &mut Ui) {
    ui.spacing_mut().interact_size.y = 18.0;
    egui::Grid::new(id).num_columns(2).spacing(vec2(PAD, TIGHT)).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(caption(ui, name));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.set_max_width(200.0);
                ui.add(egui::Label::new(mono(value).size(size::SMALL)).truncate()).on_hover_text(value);
            });
            ui.end_row();
        }
    });
    ui.add_space(GAP);
}

fn shape(tensor: &TensorRow) -> String {
    tensor.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

fn elements(tensor: &TensorRow) -> usize {
    tensor.shape.iter().product()
}
