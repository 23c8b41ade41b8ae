//! The table of runs.

use std::sync::Arc;

use egui::{Color32, RichText, Ui};

use super::filter;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::runs::{RunCommand, RunEntry, RunState};
use crate::app::style::Icon;
use crate::app::style::tokens::{TIGHT, size};
use crate::app::style::{Tokens, tokens};
use crate::app::widgets::{GridColumn, GridSort, badge, button, caption, grid_ui, icon_button, mono};

/// Columns of numbers shown at most.
const NUMBERS: usize = 6;
/// Columns before them.
const FIXED: [&str; 6] = ["", "State", "Name", "Method", "Model", "Time"];

/// Sorted and filtered rows.
#[derive(Default)]
pub(super) struct RunTable {
    sort: Option<GridSort>,
    rows: Vec<Arc<RunEntry>>,
    numbers: Vec<String>,
    key: Key,
}

type Key = (u64, String, Option<GridSort>, usize);

impl RunTable {
    /// The menu of number columns, and grouping of what belongs together.
    pub(super) fn columns_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
        let all = scalar_names(&cx.state.runs.entries);
        if all.is_empty() {
            return;
        }
        let menu = ui.menu_button("Columns ▾", |ui| {
            egui::ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
                for name in &all {
                    let mut is_shown = !cx.state.settings.hidden_columns.contains(name);
                    if ui.checkbox(&mut is_shown, name.as_str()).changed() {
                        cx.send(Command::Run(RunCommand::ToggleColumn(name.clone())));
                    }
                }
            });
        });
        menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Columns"));
    }

    /// Draws the table.
    pub(super) fn table_ui(&mut self, cx: &ViewCx<'_>, search: &str, ui: &mut Ui) {
        self.update(cx, search);
        let mut columns = vec![
            GridColumn::text(FIXED[0], 36.0),
            GridColumn::text(FIXED[1], 150.0),
            GridColumn::text(FIXED[2], 220.0),
            GridColumn::text(FIXED[3], 150.0),
            GridColumn::text(FIXED[4], 120.0),
            GridColumn::number(FIXED[5], 72.0).about("Time of work"),
        ];
        columns.extend(self.numbers.iter().map(|n| GridColumn::number(n.as_str(), 112.0).about(n.as_str())));
        if self.rows.is_empty() {
            ui.label(caption(ui, "No run matches."));
        }
        let baseline = cx.state.settings.baseline.as_ref().and_then(|id| cx.state.runs.find(id)).cloned();
        let chosen = &cx.state.runs.chosen;
        let (rows, numbers) = (&self.rows, &self.numbers);
        let is_chosen = |row: usize| rows.get(row).is_some_and(|r| chosen.contains(&r.id));
        let sort = &mut self.sort;
        let area = egui::ScrollArea::horizontal().auto_shrink([false, false]);
        let events = area
            .show(ui, |ui| {
                grid_ui(
                    "runs",
                    &columns,
                    Some(sort),
                    rows.len(),
                    &is_chosen,
                    &mut |row, column, ui| {
                        let Some(run) = rows.get(row) else { return };
                        match column.checked_sub(FIXED.len()).and_then(|i| numbers.get(i)) {
                            Some(name) => number_ui(run, name, baseline.as_deref(), ui),
                            None => fixed_ui(cx, run, column, ui),
                        }
                    },
                    ui,
                )
            })
            .inner;
        if let Some(run) = events.clicked.and_then(|row| self.rows.get(row)) {
            let several = ui.input(|i| i.modifiers.command || i.modifiers.shift);
            cx.send(Command::Run(RunCommand::Choose(choose(chosen, &run.id, several))));
        }
    }

    fn update(&mut self, cx: &ViewCx<'_>, search: &str) {
        let key = (cx.state.runs.serial, search.to_owned(), self.sort, cx.state.settings.hidden_columns.len());
        if key == self.key {
            return;
        }
        let runs = &cx.state.runs.entries;
        self.rows = runs.iter().filter(|r| filter::matches(r, search)).cloned().collect();
        let hidden = &cx.state.settings.hidden_columns;
        self.numbers = scalar_names(&self.rows).into_iter().filter(|n| !hidden.contains(n)).take(NUMBERS).collect();
        if let Some(sort) = self.sort {
            let numbers = self.numbers.clone();
            self.rows.sort_by(|a, b| {
                let order = compare(a, b, sort.column, &numbers);
                if sort.descending { order.reverse() } else { order }
            });
        } else {
            self.rows.sort_by_key(|r| !r.is_starred);
        }
        self.key = key;
    }
}

/// One run, or up to four to compare.
fn choose(chosen: &[String], id: &str, several: bool) -> Vec<String> {
    const MOST: usize = 4;
    if !several {
        let is_only = chosen.len() == 1 && chosen.first().is_some_and(|c| c == id);
        return if is_only { Vec::new() } else { vec![id.to_owned()] };
    }
    let mut all = chosen.to_vec();
    match all.iter().position(|c| c == id) {
        Some(at) => {
            all.remove(at);
        }
        None if all.len() < MOST => all.push(id.to_owned()),
        None => {}
    }
    all
}

/// Names of numbers, the most frequent first, then as in the reports.
fn scalar_names(runs: &[Arc<RunEntry>]) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::<&String, (usize, usize)>::new();
    for (place, name) in runs.iter().flat_map(|r| r.order.iter().enumerate()) {
        let (n, first) = counts.entry(name).or_insert((0, place));
        *n += 1;
        *first = place.min(*first);
    }
    let mut names: Vec<_> = counts.into_iter().collect();
    names.sort_by_key(|(_, (n, place))| (std::cmp::Reverse(*n), *place));
    names.into_iter().map(|(name, _)| name.clone()).collect()
}

fn compare(a: &RunEntry, b: &RunEntry, column: usize, numbers: &[String]) -> std::cmp::Ordering {
    match column {
        0 => a.is_starred.cmp(&b.is_starred),
        1 => a.state.cmp(&b.state),
        2 => a.name.cmp(&b.name),
        3 => a.methods.cmp(&b.methods),
        4 => a.model.cmp(&b.model),
        5 => a.seconds.unwrap_or(0.0).total_cmp(&b.seconds.unwrap_or(0.0)),
        _ => {
            let value = |r: &RunEntry| numbers.get(column - FIXED.len()).and_then(|n| r.scalars.get(n)).copied();
            let order = |v: Option<f64>| v.unwrap_or(f64::NEG_INFINITY);
            order(value(a)).total_cmp(&order(value(b)))
        }
    }
}

fn fixed_ui(cx: &ViewCx<'_>, run: &RunEntry, column: usize, ui: &mut Ui) {
    match column {
        0 => {
            let name = if run.is_starred { "Remove the star" } else { "Mark with a star" };
            if icon_button(ui, Icon::Star, name, run.is_starred).clicked() {
                cx.send(Command::Run(RunCommand::Note(run.id.clone(), !run.is_starred, run.note.clone())));
            }
        }
        1 => state_ui(run, ui),
        2 => {
            ui.label(RichText::new(&run.name)).on_hover_text(&run.id);
            if cx.state.settings.baseline.as_ref() == Some(&run.id) {
                badge(ui, "baseline", cx.tokens.accent, cx.tokens.accent_soft);
            }
            if !run.stale.is_empty() {
                badge(ui, "older version", cx.tokens.warn, cx.tokens.warn_soft)
                    .on_hover_text(format!("Made with an older version of {}", run.stale.join(", ")));
            }
        }
        3 => {
            ui.label(run.methods.join(", "));
        }
        4 => {
            ui.label(&run.model);
        }
        _ => {
            ui.label(mono(run.seconds.map(crate::app::views::runs::details::duration).unwrap_or_default()));
        }
    }
}

/// Color and background of a state.
pub(super) fn state_colors(state: RunState, t: &Tokens) -> (Color32, Color32) {
    match state {
        RunState::Done => (t.good, t.good_soft),
        RunState::Failed => (t.bad, t.bad_soft),
        RunState::Running => (t.accent, t.accent_soft),
        RunState::Cancelled | RunState::Interrupted => (t.warn, t.warn_soft),
        RunState::Queued => (t.text_soft, t.hover),
    }
}

fn state_ui(run: &RunEntry, ui: &mut Ui) {
    let t = tokens(ui);
    let (ink, fill) = state_colors(run.state, t);
    let Some([done, total]) = run.progress.filter(|_| run.state.is_active()) else {
        let response = badge(ui, run.state.title(), ink, fill);
        if let Some(trouble) = &run.trouble {
            response.on_hover_text(trouble.details());
        }
        return;
    };
    ui.spacing_mut().item_spacing.x = TIGHT;
    let share = done as f32 / total.max(1) as f32;
    let (rect, _) = ui.allocate_exact_size(egui::vec2(64.0, 6.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 3.0, t.pressed);
    ui.painter().rect_filled(rect.with_max_x(rect.left() + rect.width() * share), 3.0, t.accent);
    let left = run.eta.map_or_else(String::new, |s| format!(" · {}", crate::app::views::runs::details::duration(s)));
    let text = format!("{:.0} %{left}", 100.0 * share);
    ui.label(RichText::new(text).size(size::SMALL).color(t.text_soft))
        .on_hover_text(format!("{}: {done} of {total}", run.stage));
}

fn number_ui(run: &RunEntry, name: &str, baseline: Option<&RunEntry>, ui: &mut Ui) {
    let Some(value) = run.scalars.get(name) else { return };
    let base = baseline.filter(|b| b.id != run.id).and_then(|b| b.scalars.get(name));
    ui.label(mono(crate::figures::ticks::short(rounded(*value))));
    if let Some(base) = base {
        let by = rounded(value - base);
        ui.label(caption(
            ui,
            format!("{}{}", if by >= 0.0 { "+" } else { "−" }, crate::figures::ticks::short(by.abs())),
        ));
    }
}

/// Four significant digits.
pub(super) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// The buttons for one run.
pub(super) fn actions_ui(cx: &ViewCx<'_>, run: &RunEntry, ui: &mut Ui) {
    let send = |command: RunCommand| cx.send(Command::Run(command));
    if run.state.is_active()
        && button(ui, Some(Icon::Stop), "Cancel")
            .on_hover_text("Keeps what is done; a second time stops at once")
            .clicked()
    {
        send(RunCommand::Cancel(run.id.clone()));
    }
    if run.state.can_resume() && button(ui, Some(Icon::Resume), "Resume").clicked() {
        send(RunCommand::Resume(run.id.clone()));
    }
    let is_baseline = cx.state.settings.baseline.as_ref() == Some(&run.id);
    let name = if is_baseline { "No baseline" } else { "Baseline" };
    if button(ui, None, name).on_hover_text("Other runs show their difference to this one").clicked() {
        send(RunCommand::Baseline((!is_baseline).then(|| run.id.clone())));
    }
    if button(ui, Some(Icon::Edit), "Reuse").on_hover_text("Take its experiment into the form").clicked() {
        send(RunCommand::Reuse(run.id.clone()));
    }
    if !run.state.is_active() && icon_button(ui, Icon::Trash, "Move to trash", false).clicked() {
        send(RunCommand::Trash(run.id.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_choose_one_run_or_several() {
        let one = choose(&[], "a", false);
        assert_eq!(one, ["a"]);
        assert!(choose(&one, "a", false).is_empty());
        let two = choose(&one, "b", true);
        assert_eq!(two, ["a", "b"]);
        assert_eq!(choose(&two, "a", true), ["b"]);
    }

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(rounded(0.123_456), 0.1235);
        assert_eq!(rounded(123_456.0), 123_500.0);
        assert_eq!(rounded(0.0), 0.0);
    }
}
