//! The texts to forget, to keep, and neither: which file, which part and group of it, how many; and the rows to look
//! through.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{ComboBox, DragValue, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use crate::app::command::{Action, Command};
use crate::app::context::{ViewCx, short_path};
use crate::app::draft::DraftCommand;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, TIGHT, size};
use crate::app::unlearn::{SLOTS, SetSheets};
use crate::app::widgets::{
    badge, button, caption, columns_ui, icon_button, one_line, search_ui, segmented, soft, trouble_ui,
};
use crate::app::worker::SetSheet;
use crate::data::Record;
use crate::methods::common::tables::counted;
use crate::methods::unlearn::technique::{Need, Technique};
use crate::runs::DataRef;

const ROW: f32 = 24.0;
/// Rows that a search looks at in a frame.
const A_FRAME: usize = 4000;

/// Transient state.
#[derive(Default)]
pub(super) struct Sets {
    /// Whether the holdout is shown, and not the texts to retain.
    is_holdout: bool,
    lists: [List; 3],
}

/// A list with its search.
#[derive(Default)]
struct List {
    search: String,
    only_shared: bool,
    key: (usize, String, bool),
    found: Vec<usize>,
    searched: usize,
}

impl Sets {
    /// Draws the lists beside each other.
    pub(super) fn sets_ui(&mut self, cx: &ViewCx<'_>, technique: &Technique, ui: &mut Ui) {
        let sheets = cx.state.unlearn.sets.as_ref().map(|(_, sheets)| Arc::clone(sheets)).unwrap_or_default();
        let height = ui.available_height();
        columns_ui(2, ui, |columns| {
            let [left, right] = columns else { return };
            left.set_max_height(height);
            right.set_max_height(height);
            head_ui(cx, "To forget", 0, &sheets, left);
            self.set_ui(cx, technique, 0, &sheets, left);
            let other = 1 + usize::from(self.is_holdout);
            right.horizontal(|ui| {
                ui.set_min_height(34.0);
                let choices = [
                    (false, "To retain", "What the model should still know"),
                    (true, "Holdout", "Texts of the same kind that it never saw"),
                ];
                if let Some(is_holdout) = segmented(ui, "Other texts", self.is_holdout, &choices) {
                    self.is_holdout = is_holdout;
                }
                count_ui(cx, other, &sheets, ui);
            });
            self.set_ui(cx, technique, other, &sheets, right);
        });
    }

    fn set_ui(&mut self, cx: &ViewCx<'_>, technique: &Technique, slot: usize, sheets: &SetSheets, ui: &mut Ui) {
        choose_ui(cx, slot, sheets, ui);
        if slot == 1 {
            let [_, list, _] = &mut self.lists;
            overlap_ui(cx, sheets, &mut list.only_shared, ui);
            if given(cx, 1).is_none() && technique.retain == Need::Yes {
                let text = format!("{} needs texts to retain.", technique.title);
                ui.label(RichText::new(text).color(cx.tokens.warn));
            }
        }
        let shared: &[bool] = if slot == 1 { &sheets.shared } else { &[] };
        match sheets.sets.get(slot).and_then(Option::as_ref) {
            Some(Ok(sheet)) => {
                if let Some(list) = self.lists.get_mut(slot) {
                    list.list_ui(cx, sheet, shared, SLOTS.get(slot).copied().unwrap_or_default(), ui);
                }
            }
            Some(Err(trouble)) => trouble_ui(cx, "These rows cannot be shown", trouble, ui),
            None if given(cx, slot).is_some() => {
                ui.label(soft(ui, "Reading the rows…"));
            }
            None => nothing_ui(cx, slot, ui),
        }
    }
}

fn head_ui(cx: &ViewCx<'_>, name: &str, slot: usize, sheets: &SetSheets, ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.set_min_height(34.0);
        ui.label(RichText::new(name).font(semibold(size::TITLE)));
        count_ui(cx, slot, sheets, ui);
    });
}

fn count_ui(cx: &ViewCx<'_>, slot: usize, sheets: &SetSheets, ui: &mut Ui) {
    if let Some(Some(Ok(sheet))) = sheets.sets.get(slot) {
        let text = counted(sheet.rows.len(), "text");
        let (ink, fill) = if sheet.rows.is_empty() {
            (cx.tokens.warn, cx.tokens.warn_soft)
        } else {
            (cx.tokens.text_soft, cx.tokens.hover)
        };
        badge(ui, &text, ink, fill);
    }
}

/// Texts that are in both sets, where there are some.
fn overlap_ui(cx: &ViewCx<'_>, sheets: &SetSheets, only: &mut bool, ui: &mut Ui) {
    let n = sheets.shared.iter().filter(|is| **is).count();
    if n == 0 {
        *only = false;
        return;
    }
    ui.horizontal_wrapped(|ui| {
        Icon::Warn.show(ui, 14.0, cx.tokens.warn);
        let is_paper = cx.state.draft.config().get("compat").and_then(|c| c.as_str().map(|c| c == "paper"));
        let said = match (n, is_paper == Some(true)) {
            (1, false) => "1 text is also to be forgotten; it is left out here.".to_owned(),
            (1, true) => "1 text is also to be forgotten; it stays (paper mode).".to_owned(),
            (n, false) => format!("{n} texts are also to be forgotten; they are left out here."),
            (n, true) => format!("{n} texts are also to be forgotten; they stay (paper mode)."),
        };
        ui.label(RichText::new(said).size(size::SMALL).color(cx.tokens.warn));
        ui.checkbox(only, RichText::new("show them").size(size::SMALL));
    });
}

/// What the slot takes now.
fn given<'a>(cx: &'a ViewCx<'_>, slot: usize) -> Option<&'a DataRef> {
    let experiment = &cx.state.draft.experiment;
    let name = SLOTS.get(slot)?;
    let step = experiment.steps.first()?;
    let name = step.inputs.get(*name).and_then(|input| input.names().first()).map_or(*name, String::as_str);
    experiment.data.get(name)
}

fn source_name(data: &DataRef) -> String {
    if data.make.is_some() {
        return "made from parameters".to_owned();
    }
    match (&data.path, &data.hub, data.step) {
        (Some(path), ..) => path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        (_, Some(hub), _) => hub.clone(),
        (_, _, Some(step)) => format!("made by step {step}"),
        _ => "Choose a file".to_owned(),
    }
}

/// File, part, group and number of rows.
fn choose_ui(cx: &ViewCx<'_>, slot: usize, sheets: &SetSheets, ui: &mut Ui) {
    let name = SLOTS.get(slot).copied().unwrap_or_default();
    let data = given(cx, slot);
    let send = |data: Option<DataRef>| cx.send(Command::Edit(DraftCommand::Data(name.to_owned(), data.map(Box::new))));
    let mut known: Vec<PathBuf> =
        cx.state.data.iter().map(|d| d.path.clone()).chain(cx.state.settings.recent_data.clone()).collect();
    let mut seen = std::collections::BTreeSet::new();
    known.retain(|path| seen.insert(path.clone()));
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = TIGHT;
        let text = data.map_or_else(|| "Choose a file".to_owned(), source_name);
        let room = ui.available_width() - if data.is_some() { 34.0 } else { 2.0 };
        let combo = ComboBox::from_id_salt(("set", name)).width(room).truncate().selected_text(text);
        let response = combo.show_ui(ui, |ui| {
            for path in &known {
                let is_on = data.and_then(|d| d.path.as_ref()) == Some(path);
                let label = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                if ui.selectable_label(is_on, label).on_hover_text(short_path(path)).clicked() {
                    send(Some(DataRef { path: Some(path.clone()), ..DataRef::default() }));
                }
            }
            if ui.selectable_label(false, "Open a file…").clicked() {
                cx.act(Action::OpenDataFile);
            }
        });
        response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, format!("Texts for {name}")));
        if data.is_some() && icon_button(ui, Icon::Close, &format!("Empty {name}"), false).clicked() {
            send(None);
        }
    });
    if let (Some(data), Some(Some(Ok(sheet)))) = (data, sheets.sets.get(slot)) {
        filters_ui(data, sheet, name, &|data| send(Some(data)), ui);
    }
}

fn filters_ui(data: &DataRef, sheet: &SetSheet, name: &str, send: &dyn Fn(DataRef), ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = TIGHT;
        kind_ui(["part", name], &sheet.parts, data.part.as_ref(), &|part| send(DataRef { part, ..data.clone() }), ui);
        kind_ui(
            ["group", name],
            &sheet.groups,
            data.group.as_ref(),
            &|group| send(DataRef { group, ..data.clone() }),
            ui,
        );
        let mut limit = data.limit.unwrap_or(0);
        let text = |n: f64, _: std::ops::RangeInclusive<usize>| {
            if n < 1.0 { "all rows".to_owned() } else { format!("first {n:.0}") }
        };
        let drag = DragValue::new(&mut limit).range(0..=1_000_000).speed(0.0).custom_formatter(text);
        let response = ui.add(drag.update_while_editing(false)).on_hover_text("Only the first so many; 0 for all");
        response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, format!("Rows of {name}")));
        if response.changed() {
            send(DataRef { limit: (limit > 0).then_some(limit), ..data.clone() });
        }
    });
}

/// One of the parts or groups of a file, or any; nothing where it has none. `what` is the kind and the name of the set.
fn kind_ui(what: [&str; 2], names: &[String], is: Option<&String>, send: &dyn Fn(Option<String>), ui: &mut Ui) {
    if names.is_empty() {
        return;
    }
    let any = format!("any {}", what[0]);
    let combo = ComboBox::from_id_salt(what).width(92.0).truncate().selected_text(is.unwrap_or(&any));
    let response = combo.show_ui(ui, |ui| {
        if ui.selectable_label(is.is_none(), &any).clicked() {
            send(None);
        }
        for value in names {
            if ui.selectable_label(is == Some(value), value).clicked() {
                send(Some(value.clone()));
            }
        }
    });
    let name = what.join(" of ");
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, name.as_str()));
}

fn nothing_ui(cx: &ViewCx<'_>, slot: usize, ui: &mut Ui) {
    let about = match slot {
        0 => "What is to be forgotten: texts that the model was trained on and reproduces.",
        1 => "What the model should still know: other texts that it was trained on. Some techniques need them.",
        _ => "Texts of the same kind that the model never saw: for membership scores and utility. Optional.",
    };
    ui.add_space(GAP);
    ui.add(egui::Label::new(soft(ui, about)).wrap());
    ui.add_space(TIGHT);
    if button(ui, Some(Icon::File), "Data file…").clicked() {
        cx.act(Action::OpenDataFile);
    }
}

impl List {
    fn list_ui(&mut self, cx: &ViewCx<'_>, sheet: &SetSheet, shared: &[bool], name: &str, ui: &mut Ui) {
        search_ui(&mut self.search, &format!("{name} texts"), ui.available_width() - 36.0, ui);
        self.find(sheet, shared, ui);
        if self.found.len() < sheet.rows.len() {
            ui.label(caption(ui, format!("{} of {}", self.found.len(), counted(sheet.rows.len(), "text"))));
        }
        if sheet.rows.is_empty() {
            ui.label(soft(ui, "No row is of this part and group."));
        }
        let area = ScrollArea::vertical().id_salt(("rows", name)).auto_shrink([false, false]);
        ui.spacing_mut().item_spacing.y = 0.0;
        area.show_rows(ui, ROW, self.found.len(), |ui, range| {
            for place in range.filter_map(|i| self.found.get(i).copied()) {
                if let Some(record) = sheet.record(place) {
                    row_ui(cx, place, record, shared.get(place) == Some(&true), ui);
                }
            }
        });
    }

    /// Goes on with the search, a few thousand rows a frame.
    fn find(&mut self, sheet: &SetSheet, shared: &[bool], ui: &Ui) {
        let identity = sheet.rows.as_ptr() as usize ^ sheet.rows.len();
        let key = (identity, self.search.trim().to_lowercase(), self.only_shared);
        if key != self.key {
            self.key = key;
            self.found.clear();
            self.searched = 0;
        }
        let word = &self.key.1;
        let a_frame = if word.is_empty() { sheet.rows.len() } else { A_FRAME };
        let end = (self.searched + a_frame).min(sheet.rows.len());
        let has = |text: &Option<String>| text.as_ref().is_some_and(|t| t.to_lowercase().contains(word));
        let is_wanted = |place: &usize| {
            (!self.only_shared || shared.get(*place) == Some(&true))
                && (word.is_empty()
                    || sheet
                        .record(*place)
                        .is_some_and(|r| has(&Some(text_of(r, usize::MAX))) || has(&r.id) || has(&r.group)))
        };
        self.found.extend((self.searched..end).filter(is_wanted));
        self.searched = end;
        if end < sheet.rows.len() {
            ui.ctx().request_repaint();
        }
    }
}

/// The text of a row, or its token ids.
fn text_of(record: &Record, most: usize) -> String {
    match (&record.text, &record.token_ids) {
        (Some(text), _) => text.chars().take(most).collect(),
        (None, Some(ids)) => ids.iter().take(most).map(ToString::to_string).collect::<Vec<_>>().join(" "),
        (None, None) => String::new(),
    }
}

fn row_ui(cx: &ViewCx<'_>, place: usize, record: &Record, is_shared: bool, ui: &mut Ui) {
    const SHOWN: usize = 160;
    let t = cx.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width() - 8.0, ROW), Sense::hover());
    let text = text_of(record, SHOWN);
    let said = if is_shared { format!("{text} (also to be forgotten)") } else { text.clone() };
    response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, said.as_str()));
    if response.hovered() {
        ui.painter().rect_filled(rect, 4.0, t.hover);
    }
    let number = egui::FontId::proportional(size::SMALL);
    let ink = if is_shared { t.warn } else { t.text_faint };
    let at = rect.left_center() + vec2(34.0, 0.0);
    ui.painter().text(at, egui::Align2::RIGHT_CENTER, (place + 1).to_string(), number, ink);
    let mut job = egui::text::LayoutJob::simple_singleline(
        one_line(&text).into_owned(),
        egui::FontId::proportional(size::BODY),
        if is_shared { t.warn } else { t.text },
    );
    job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width() - 50.0);
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(rect.left_center() + vec2(44.0, -galley.size().y / 2.0), galley, t.text);
    response.on_hover_ui(|ui| {
        ui.set_max_width(420.0);
        ui.label(text_of(record, 1200));
        let facts = [("id", &record.id), ("part", &record.part), ("group", &record.group)];
        let facts = facts.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
        ui.label(caption(ui, facts.collect::<Vec<_>>().join(" · ")));
        if is_shared {
            ui.label(RichText::new("also to be forgotten").color(t.warn));
        }
    });
}
