//! The Data view: what was read, how its columns were understood, and what was left out.

use std::collections::BTreeMap;

use egui::{RichText, Role, ScrollArea, Ui, WidgetInfo, vec2};

use super::{View, ViewId};
use crate::app::command::{Action, Command};
use crate::app::context::{ViewCx, short_path};
use crate::app::plot::spark_ui;
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{
    GridColumn, accent_button, badge, button, caption, card_title, empty_ui, grid_ui, header, icon_button, loading_ui,
    mono, region, search_ui, soft, trouble_ui,
};
use crate::app::worker::DataSheet;
use crate::data::Role as ColumnRole;

const SIDE: f32 = 320.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Data {
    search: String,
    rows: Vec<usize>,
    key: (usize, String),
    mapping: Option<(usize, BTreeMap<String, String>)>,
}

impl View for Data {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        if cx.state.data.is_empty() {
            let about = "JSONL, JSON, CSV, TXT and Parquet files of texts, token ids, members and non-members, or originals with \
                         paraphrases. Columns are found by name; bad lines are shown, never silently dropped.";
            return empty_ui(Icon::Data, "No data is open", about, ui, |ui| {
                if accent_button(ui, Some(Icon::File), "Data file…").clicked() {
                    cx.act(Action::OpenDataFile);
                }
                if button(ui, Some(Icon::Sample), "Open the sample").clicked() {
                    cx.act(Action::OpenSample);
                }
            });
        }
        header(ui, "Data", "", |ui| {
            if button(ui, Some(Icon::File), "Open…").clicked() {
                cx.act(Action::OpenDataFile);
            }
        });
        tabs_ui(cx, ui);
        ui.add_space(GAP);
        let Some(entry) = cx.state.data_index.or(Some(0)).and_then(|i| cx.state.data.get(i)) else { return };
        match &entry.sheet {
            Slot::Ready(sheet) => self.sheet_ui(cx, sheet, ui),
            Slot::Loading(path) => loading_ui(&format!("Reading {}…", path.display()), ui),
            Slot::Failed(path, trouble) => trouble_ui(cx, &format!("{} cannot be read", path.display()), trouble, ui),
            Slot::Empty => {}
        }
    }
}

fn tabs_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    ui.horizontal_wrapped(|ui| {
        for (i, entry) in cx.state.data.iter().enumerate() {
            let name = entry.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let response =
                ui.selectable_label(cx.state.data_index == Some(i), &name).on_hover_text(short_path(&entry.path));
            if response.clicked() {
                cx.send(Command::ChooseData(i));
            }
            if cx.state.data_index == Some(i) && icon_button(ui, Icon::Close, &format!("Close {name}"), false).clicked()
            {
                cx.send(Command::CloseData(i));
            }
        }
    });
}

impl Data {
    fn sheet_ui(&mut self, cx: &ViewCx<'_>, sheet: &DataSheet, ui: &mut Ui) {
        let room = ui.available_rect_before_wrap();
        region(ui, room.with_max_x(room.right() - SIDE - PAD), "rows", |ui| self.rows_ui(cx, sheet, ui));
        region(ui, room.with_min_x(room.right() - SIDE), "facts", |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| self.facts_ui(cx, sheet, ui));
        });
    }

    fn rows_ui(&mut self, cx: &ViewCx<'_>, sheet: &DataSheet, ui: &mut Ui) {
        let records = &sheet.dataset.records;
        card_title(ui, &format!("{} rows", records.len()), |ui| {
            search_ui(&mut self.search, "rows", 260.0, ui);
        });
        let key = (std::ptr::from_ref(sheet) as usize, self.search.to_lowercase());
        if key != self.key {
            let has = |t: &Option<String>| t.as_ref().is_some_and(|t| t.to_lowercase().contains(&key.1));
            let found = |i: &usize| {
                key.1.is_empty() || records.get(*i).is_some_and(|r| has(&r.text) || has(&r.id) || has(&r.source))
            };
            self.rows = (0..records.len()).filter(found).collect();
            self.key = key;
        }
        let columns = [
            GridColumn::number("Row", 52.0),
            GridColumn::text("Text", 0.0),
            GridColumn::number("Tokens", 64.0).about("With the open model's tokenizer"),
            GridColumn::number("Paraphrases", 84.0),
            GridColumn::text("Label", 88.0).about("Member or non-member of the training data"),
            GridColumn::text("Source", 100.0),
        ];
        let rows = &self.rows;
        let lengths = sheet.lengths.as_ref().map(|l| &l.1);
        let events = grid_ui(
            "rows",
            &columns,
            None,
            rows.len(),
            &|_| false,
            &mut |row, column, ui| {
                let Some(record) = rows.get(row).and_then(|i| records.get(*i)) else { return };
                let index = rows.get(row).copied().unwrap_or_default();
                match column {
                    0 => ui.label(mono((record.row + 1).to_string())),
                    1 => {
                        let text = preview(record);
                        ui.label(text.as_str()).on_hover_text(record.text.as_deref().unwrap_or(text.as_str()))
                    }
                    2 => ui.label(mono(
                        lengths
                            .and_then(|l| l.get(index).copied().flatten())
                            .map_or_else(|| "–".to_owned(), |n| n.to_string()),
                    )),
                    3 => ui.label(mono(record.paraphrases.len().to_string())),
                    4 => ui.label(match record.label {
                        Some(1) => "member",
                        Some(_) => "non-member",
                        None => "",
                    }),
                    _ => ui.label(record.source.as_deref().unwrap_or_default()),
                };
            },
            ui,
        );
        if let Some(index) = events.opened.and_then(|row| self.rows.get(row))
            && let Some(pair) = sheet.pairs.iter().position(|p| p.0 == *index)
        {
            cx.send(Command::ChoosePair(pair));
            cx.send(Command::Show(ViewId::Compare));
        }
    }

    fn facts_ui(&mut self, cx: &ViewCx<'_>, sheet: &DataSheet, ui: &mut Ui) {
        let dataset = &sheet.dataset;
        ui.label(RichText::new(&dataset.schema).font(semibold(size::BODY)));
        ui.horizontal_wrapped(|ui| {
            badge(ui, &format!("{} rows", dataset.records.len()), cx.tokens.text_soft, cx.tokens.hover);
            if sheet.n_duplicates > 0 {
                badge(ui, &format!("{} duplicates", sheet.n_duplicates), cx.tokens.warn, cx.tokens.warn_soft);
            }
            if !dataset.bad.is_empty() {
                badge(ui, &format!("{} left out", dataset.bad.len()), cx.tokens.bad, cx.tokens.bad_soft);
            }
        });
        ui.add_space(PAD);
        lengths_ui(cx, sheet, ui);
        self.mapping_ui(cx, sheet, ui);
        for note in &dataset.notes {
            ui.add(egui::Label::new(soft(ui, note.as_str())).wrap());
        }
        if !dataset.bad.is_empty() {
            ui.add_space(PAD);
            card_title(ui, "Left out", |_| {});
            const SHOWN: usize = 200;
            for bad in dataset.bad.iter().take(SHOWN) {
                ui.horizontal_top(|ui| {
                    ui.label(mono(format!("{:>5}", bad.line)).color(cx.tokens.text_faint));
                    ui.add(egui::Label::new(soft(ui, bad.reason.as_str())).wrap());
                });
            }
        }
        ui.add_space(PAD);
        ui.label(caption(ui, format!("SHA-256 {}", dataset.hash.get(..16).unwrap_or(&dataset.hash))))
            .on_hover_text(&dataset.hash);
    }

    /// Which column plays which role; changed by typing a column's name.
    fn mapping_ui(&mut self, cx: &ViewCx<'_>, sheet: &DataSheet, ui: &mut Ui) {
        let Some(index) = cx.state.data_index else { return };
        if self.mapping.as_ref().is_none_or(|m| m.0 != index) {
            self.mapping = Some((index, sheet.spec.columns.clone()));
        }
        let Some((_, mapping)) = &mut self.mapping else { return };
        ui.add_space(PAD);
        card_title(ui, "Columns", |_| {});
        ui.label(caption(ui, "Found by name. Say otherwise here, and the file is read again."));
        egui::Grid::new("mapping").num_columns(2).spacing(vec2(GAP, TIGHT)).show(ui, |ui| {
            for role in
                [ColumnRole::Text, ColumnRole::Paraphrases, ColumnRole::Label, ColumnRole::Id, ColumnRole::Source]
            {
                ui.label(soft(ui, role.name()));
                let column = mapping.entry(role.name().to_owned()).or_default();
                let edit = egui::TextEdit::singleline(column).hint_text("automatic").desired_width(150.0);
                let response = ui.add(edit);
                response
                    .widget_info(|| WidgetInfo::labeled(Role::TextInput, true, format!("Column for {}", role.name())));
                ui.end_row();
            }
        });
        let wanted: BTreeMap<String, String> =
            mapping.iter().filter(|(_, c)| !c.is_empty()).map(|(r, c)| (r.clone(), c.clone())).collect();
        if wanted != sheet.spec.columns && button(ui, None, "Read again").clicked() {
            cx.send(Command::MapColumns(sheet.dataset.path.clone(), wanted));
        }
    }
}

fn lengths_ui(cx: &ViewCx<'_>, sheet: &DataSheet, ui: &mut Ui) {
    let Some((_, lengths)) = &sheet.lengths else {
        if cx.state.model.ready().is_none() {
            ui.label(caption(ui, "Open a model to see lengths in tokens."));
        }
        return;
    };
    const BARS: usize = 32;
    let known: Vec<usize> = lengths.iter().copied().flatten().collect();
    let Some(largest) = known.iter().copied().max() else { return };
    let mut heights = vec![0.0; BARS];
    for n in &known {
        if let Some(bar) = heights.get_mut((n * BARS / (largest + 1)).min(BARS - 1)) {
            *bar += 1.0;
        }
    }
    card_title(ui, "Length in tokens", |_| {});
    spark_ui(&heights, "Histogram of lengths in tokens", 64.0, ui);
    let mean = known.iter().sum::<usize>() as f64 / known.len() as f64;
    ui.horizontal(|ui| {
        ui.label(caption(ui, "0"));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(caption(ui, largest.to_string()));
        });
    });
    ui.label(soft(ui, format!("mean {mean:.0}, longest {largest}")));
    if let Some(n_ctx) = cx.state.model.ready().map(|c| c.n_ctx) {
        let cut = known.iter().filter(|n| **n > n_ctx).count();
        if cut > 0 {
            ui.label(RichText::new(format!("{cut} texts exceed the context of {n_ctx} tokens")).color(cx.tokens.warn));
        }
    }
}

fn preview(record: &crate::data::Record) -> String {
    const SHOWN: usize = 160;
    match (&record.text, &record.token_ids) {
        (Some(text), _) => text.chars().take(SHOWN).map(|c| if c.is_whitespace() { ' ' } else { c }).collect(),
        (None, Some(ids)) => ids.iter().take(24).map(ToString::to_string).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}
