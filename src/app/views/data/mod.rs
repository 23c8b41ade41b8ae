//! The Data view: what was read, how its columns were understood, and what was left out.

mod making;

use std::collections::BTreeMap;

use egui::{RichText, Role, ScrollArea, Ui, WidgetInfo, vec2};

use self::making::Making;
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
use crate::data::{Record, Role as ColumnRole};
use crate::methods::common::tables::counted;

const SIDE: f32 = 320.0;
const MAKE: &str = "Make a data set…";
const MAKE_ABOUT: &str = "Sequences with noise, or people who do not exist, from parameters and a seed";

/// Transient state.
#[derive(Default)]
pub(super) struct Data {
    search: String,
    found: Found,
    lengths: Option<(usize, Lengths)>,
    /// Whether only texts longer than the context are listed.
    only_cut: bool,
    /// The row whose text is shown in full.
    chosen: Option<usize>,
    mapping: Option<(usize, BTreeMap<String, String>)>,
    /// The set that is being made.
    making: Option<Making>,
}

/// Rows with the word that is searched.
#[derive(Default)]
struct Found {
    key: (usize, String, bool),
    rows: Vec<usize>,
    searched: usize,
}

impl Found {
    /// Goes on with the search, a few thousand rows a frame.
    fn update(&mut self, sheet: &DataSheet, word: &str, only_cut: bool, ui: &Ui) {
        const A_FRAME: usize = 4000;
        let key = (std::ptr::from_ref(sheet) as usize, word.trim().to_lowercase(), only_cut);
        if key != self.key {
            *self = Self { key, ..Self::default() };
        }
        let (records, word) = (&sheet.dataset.records, &self.key.1);
        let a_frame = if word.is_empty() { records.len() } else { A_FRAME };
        let end = (self.searched + a_frame).min(records.len());
        let has = |t: &Option<String>| t.as_ref().is_some_and(|t| t.to_lowercase().contains(word));
        let is_wanted = |i: &usize| {
            (!only_cut || sheet.cuts.contains_key(i))
                && (word.is_empty() || records.get(*i).is_some_and(|r| has(&r.text) || has(&r.id) || has(&r.source)))
        };
        self.rows.extend((self.searched..end).filter(is_wanted));
        self.searched = end;
        if end < records.len() {
            ui.ctx().request_repaint();
        }
    }
}

impl View for Data {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        if let Some(making) = &mut self.making {
            if !making.making_ui(cx, ui) {
                self.making = None;
            }
            return;
        }
        if cx.state.data.is_empty() {
            let about = "JSONL, JSON, CSV, TXT and Parquet files of texts, token ids, members and non-members, or originals with \
                         paraphrases. Columns are found by name; bad lines are shown, never silently dropped.";
            return empty_ui(Icon::Data, "No data is open", about, ui, |ui| {
                if accent_button(ui, Some(Icon::File), "Data file…").clicked() {
                    cx.act(Action::OpenDataFile);
                }
                if button(ui, Some(Icon::Plus), MAKE).on_hover_text(MAKE_ABOUT).clicked() {
                    self.making = Some(Making::default());
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
            if button(ui, Some(Icon::Plus), MAKE).on_hover_text(MAKE_ABOUT).clicked() {
                self.making = Some(Making::default());
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
        card_title(ui, &counted(records.len(), "row"), |ui| {
            search_ui(&mut self.search, "rows", 260.0, ui);
        });
        self.found.update(sheet, &self.search, self.only_cut && !sheet.cuts.is_empty(), ui);
        // What no row has takes no room.
        let has = |f: fn(&Record) -> bool| records.iter().take(1000).any(f);
        let mut shown = vec![Shown::Row, Shown::Text, Shown::Tokens];
        shown.extend(has(|r| !r.paraphrases.is_empty()).then_some(Shown::Paraphrases));
        shown.extend(has(|r| r.label.is_some()).then_some(Shown::Label));
        shown.extend(has(|r| r.source.is_some()).then_some(Shown::Source));
        let columns: Vec<GridColumn> = shown.iter().map(|s| s.column()).collect();
        let rows = &self.found.rows;
        let chosen = self.chosen.filter(|c| *c < records.len());
        let room = ui.available_rect_before_wrap();
        let upper = if chosen.is_some() { room.with_max_y(room.top() + room.height() * 0.66) } else { room };
        let lengths = sheet.lengths.as_ref().map(|l| &l.1);
        let mut cell = |row: usize, column: usize, ui: &mut Ui| {
            let (Some(index), Some(shown)) = (rows.get(row).copied(), shown.get(column)) else { return };
            let Some(record) = records.get(index) else { return };
            let n_tokens = lengths.and_then(|l| l.get(index).copied().flatten());
            shown.cell_ui(cx, record, n_tokens, sheet.cuts.contains_key(&index), ui);
        };
        let is_chosen = |row: usize| chosen.is_some() && rows.get(row).copied() == chosen;
        let events =
            region(ui, upper, "grid", |ui| grid_ui("rows", &columns, None, rows.len(), &is_chosen, &mut cell, ui));
        if let Some(index) = chosen {
            let lower = room.with_min_y(upper.bottom() + GAP);
            region(ui, lower, "whole text", |ui| whole_ui(cx, sheet, index, ui));
        }
        if let Some(index) = events.clicked.and_then(|row| self.found.rows.get(row)).copied() {
            self.chosen = (self.chosen != Some(index)).then_some(index);
        }
        if let Some(index) = events.opened.and_then(|row| self.found.rows.get(row))
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
            badge(ui, &counted(dataset.records.len(), "row"), cx.tokens.text_soft, cx.tokens.hover);
            if sheet.n_duplicates > 0 {
                badge(ui, &format!("{} duplicates", sheet.n_duplicates), cx.tokens.warn, cx.tokens.warn_soft);
            }
            if !dataset.bad.is_empty() {
                badge(ui, &format!("{} left out", dataset.bad.len()), cx.tokens.bad, cx.tokens.bad_soft);
            }
        });
        ui.add_space(PAD);
        lengths_ui(cx, sheet, &mut self.lengths, ui);
        if !sheet.cuts.is_empty() {
            ui.checkbox(&mut self.only_cut, "List only these");
        }
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

/// The whole text of a row; what exceeds the context of the model is struck out.
fn whole_ui(cx: &ViewCx<'_>, sheet: &DataSheet, index: usize, ui: &mut Ui) {
    let Some(record) = sheet.dataset.records.get(index) else { return };
    let text = record.text.as_deref().unwrap_or_default();
    let n_tokens = sheet.lengths.as_ref().and_then(|l| l.1.get(index).copied().flatten());
    let cut = sheet.cuts.get(&index).copied();
    ui.label(caption(
        ui,
        match (cut, n_tokens, cx.state.model.ready()) {
            (Some(_), Some(n), Some(card)) => {
                format!(
                    "The model reads the first {} of {n} tokens; the rest, struck out, is beyond its context",
                    card.n_ctx
                )
            }
            (None, Some(n), Some(_)) => format!("The model reads all {n} tokens"),
            _ => "Open a model to see what of it fits into its context".to_owned(),
        },
    ));
    let (kept, rest) = text.split_at_checked(cut.unwrap_or(text.len())).unwrap_or((text, ""));
    let mut job = egui::text::LayoutJob::default();
    job.wrap.max_width = ui.available_width() - GAP;
    let font_id = egui::FontId::proportional(size::BODY);
    let plain = egui::text::TextFormat { font_id: font_id.clone(), color: cx.tokens.text, ..Default::default() };
    let strikethrough = egui::Stroke::new(1.0, cx.tokens.warn);
    let gone = egui::text::TextFormat { font_id, color: cx.tokens.warn, strikethrough, ..Default::default() };
    job.append(kept, 0.0, plain);
    job.append(rest, 0.0, gone);
    ScrollArea::vertical().id_salt("whole").auto_shrink([false, false]).show(ui, |ui| {
        ui.add(egui::Label::new(job).selectable(true));
    });
}

/// A column of the rows.
#[derive(Clone, Copy)]
enum Shown {
    Row,
    Text,
    Tokens,
    Paraphrases,
    Label,
    Source,
}

impl Shown {
    fn column(self) -> GridColumn {
        match self {
            Self::Row => GridColumn::number("Row", 52.0),
            Self::Text => GridColumn::text("Text", 0.0),
            Self::Tokens => GridColumn::number("Tokens", 64.0).about("With the open model's tokenizer"),
            Self::Paraphrases => GridColumn::number("Paraphrases", 84.0),
            Self::Label => GridColumn::text("Label", 88.0).about("Member or non-member of the training data"),
            Self::Source => GridColumn::text("Source", 100.0),
        }
    }

    fn cell_ui(self, cx: &ViewCx<'_>, record: &Record, n_tokens: Option<usize>, is_cut: bool, ui: &mut Ui) {
        match self {
            Self::Row => ui.label(mono((record.row + 1).to_string())),
            Self::Text => {
                let text = preview(record);
                ui.label(text.as_str()).on_hover_text(record.text.as_deref().unwrap_or(text.as_str()))
            }
            Self::Tokens => {
                let text = mono(n_tokens.map_or_else(|| "–".to_owned(), |n| n.to_string()));
                ui.label(if is_cut { text.color(cx.tokens.warn) } else { text })
            }
            Self::Paraphrases => ui.label(mono(record.paraphrases.len().to_string())),
            Self::Label => ui.label(match record.label {
                Some(1) => "member",
                Some(_) => "non-member",
                None => "",
            }),
            Self::Source => ui.label(record.source.as_deref().unwrap_or_default()),
        };
    }
}

/// How long the rows are.
struct Lengths {
    heights: Vec<f64>,
    mean: f64,
    largest: usize,
    n_cut: usize,
}

impl Lengths {
    fn of(lengths: &[Option<usize>], n_ctx: usize) -> Self {
        const BARS: usize = 32;
        let known = || lengths.iter().copied().flatten();
        let largest = known().max().unwrap_or(0);
        let mut heights = vec![0.0; BARS];
        for n in known() {
            if let Some(bar) = heights.get_mut((n * BARS / (largest + 1)).min(BARS - 1)) {
                *bar += 1.0;
            }
        }
        let mean = known().sum::<usize>() as f64 / known().count().max(1) as f64;
        Self { heights, mean, largest, n_cut: known().filter(|n| *n > n_ctx).count() }
    }
}

fn lengths_ui(cx: &ViewCx<'_>, sheet: &DataSheet, cache: &mut Option<(usize, Lengths)>, ui: &mut Ui) {
    let (Some((_, lengths)), Some(card)) = (&sheet.lengths, cx.state.model.ready()) else {
        let waits = if cx.state.model.ready().is_some() {
            "Counting tokens…"
        } else {
            "Open a model to see lengths in tokens."
        };
        ui.label(caption(ui, waits));
        return;
    };
    let key = lengths.as_ptr() as usize;
    if cache.as_ref().is_none_or(|c| c.0 != key) {
        *cache = Some((key, Lengths::of(lengths, card.n_ctx)));
    }
    let Some((_, found)) = cache else { return };
    card_title(ui, "Length in tokens", |_| {});
    spark_ui(&found.heights, "Histogram of lengths in tokens", 64.0, ui);
    ui.horizontal(|ui| {
        ui.label(caption(ui, "0"));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(caption(ui, found.largest.to_string()));
        });
    });
    ui.label(soft(ui, format!("mean {:.0}, longest {}", found.mean, found.largest)));
    if found.n_cut > 0 {
        let text = format!("{} texts exceed the context of {} tokens", found.n_cut, card.n_ctx);
        ui.label(RichText::new(text).color(cx.tokens.warn));
    }
}

fn preview(record: &Record) -> String {
    const SHOWN: usize = 160;
    match (&record.text, &record.token_ids) {
        (Some(text), _) => text.chars().take(SHOWN).map(|c| if c.is_whitespace() { ' ' } else { c }).collect(),
        (None, Some(ids)) => ids.iter().take(24).map(ToString::to_string).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}
