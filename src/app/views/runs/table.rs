//! The table of runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Color32, RichText, Sense, Ui, vec2};

use super::columns::{self, Column};
use super::facts::Typed;
use super::group::{Group, Line, groups, lines};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::numbers::{digits, duration, rounded};
use crate::app::runs::{NoteChange, RunCommand, RunEntry, RunState};
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{TIGHT, size};
use crate::app::style::{Tokens, tokens};
use crate::app::table::TableLook;
use crate::app::widgets::{
    GridColumn, GridSort, badge, button, caption, icon_button, link, mono, pinned_grid_ui, swatch_ui,
};
use crate::methods::common::tables::counted;
use crate::runs::sweep::Spread;

/// Columns before the chosen ones: color and star.
const MARKS: usize = 1;

/// Sorted, filtered and grouped rows, worked out again only when something changed.
#[derive(Default)]
pub(super) struct RunTable {
    sort: Option<GridSort>,
    /// What was typed into the search field.
    pub(super) typed: Typed,
    rows: Vec<Arc<RunEntry>>,
    columns: Vec<Column>,
    n_pinned: usize,
    groups: Vec<Group>,
    lines: Vec<Line>,
    open: BTreeSet<String>,
    key: Option<Key>,
}

type Key = (u64, Option<GridSort>, TableLook, BTreeSet<String>);

impl RunTable {
    /// Draws the table.
    pub(super) fn table_ui(&mut self, cx: &ViewCx<'_>, search: &str, ui: &mut Ui) {
        self.update(cx, search);
        let look = &cx.state.settings.table;
        let mut grid = vec![GridColumn::text("Star", 64.0).about("Color in charts, and star")];
        grid.extend(self.columns.iter().map(|c| c.grid(&look.widths)));
        if self.rows.is_empty() {
            ui.label(caption(ui, "No run matches."));
        }
        let baseline = cx.state.settings.baseline.as_ref().and_then(|id| cx.state.runs.find(id)).cloned();
        let chosen = &cx.state.runs.chosen;
        // Widths belong to columns, not to places.
        let id = self.columns.iter().fold("runs".to_owned(), |id, c| id + "|" + &c.key());
        let n_pinned = if self.n_pinned > 0 { self.n_pinned + MARKS } else { 0 };
        let mut sort = self.sort;
        let this = &*self;
        let is_chosen = |line: usize| this.run(line).is_some_and(|r| chosen.contains(&r.id));
        let mut cell = |line: usize, place: usize, ui: &mut Ui| {
            let column = place.checked_sub(MARKS).and_then(|i| this.columns.get(i));
            match (this.lines.get(line), column) {
                (Some(Line::Group(group)), column) => this.group_ui(cx, *group, place, column, ui),
                (Some(Line::Run(_)), Some(column)) => {
                    let Some(run) = this.run(line) else { return };
                    cell_ui(cx, run, column, baseline.as_deref(), ui);
                }
                (Some(Line::Run(_)), None) => {
                    let Some(run) = this.run(line) else { return };
                    marks_ui(cx, run, ui);
                }
                (None, _) => {}
            }
        };
        let n = this.lines.len();
        let events = pinned_grid_ui(&id, &grid, n_pinned, Some(&mut sort), n, &is_chosen, &mut cell, ui);
        if let Some(run) = events.clicked.and_then(|line| self.run(line)) {
            let several = ui.input(|i| i.modifiers.command || i.modifiers.shift);
            cx.send(Command::Run(RunCommand::Choose(choose(chosen, &run.id, several))));
        }
        if let Some(Line::Group(group)) = events.clicked.and_then(|line| self.lines.get(line)) {
            let value = self.groups.get(*group).map(|g| g.value.clone()).unwrap_or_default();
            if !self.open.remove(&value) {
                self.open.insert(value);
            }
        }
        if let Some((column, width)) = events.resized.filter(|(i, _)| *i >= MARKS) {
            let mut look = look.clone();
            look.widths.extend(self.columns.get(column - MARKS).map(|c| (c.key(), width)));
            cx.send(Command::Run(RunCommand::Look(Box::new(look))));
        }
        self.sort = sort;
    }

    fn run(&self, line: usize) -> Option<&Arc<RunEntry>> {
        match self.lines.get(line)? {
            Line::Run(run) => self.rows.get(*run),
            Line::Group(_) => None,
        }
    }

    fn update(&mut self, cx: &ViewCx<'_>, search: &str) {
        let (runs, look) = (&cx.state.runs, &cx.state.settings.table);
        let is_typed = self.typed.update(search, &runs.names);
        let is_same = |k: &Key| k.0 == runs.serial && k.1 == self.sort && k.2 == *look && k.3 == self.open;
        if !is_typed && self.key.as_ref().is_some_and(is_same) {
            return;
        }
        let is_shown = |r: &&Arc<RunEntry>| (look.archived || !r.is_archived) && self.typed.finds(r);
        self.rows = runs.entries.iter().filter(is_shown).cloned().collect();
        let (keys, n_pinned) = look.order();
        self.n_pinned = n_pinned;
        self.columns = keys.iter().map(|k| Column::of(k)).collect();
        if self.columns.is_empty() {
            self.columns = columns::usual(&runs.names);
        }
        match self.sort {
            Some(GridSort { column: 0, descending }) => self.rows.sort_by_key(|r| r.is_starred != descending),
            Some(GridSort { column, descending }) => {
                let Some(column) = self.columns.get(column - MARKS) else { return };
                self.rows.sort_by(|a, b| {
                    let order = column.compare(a, b);
                    if descending { order.reverse() } else { order }
                });
            }
            None => self.rows.sort_by_key(|r| !r.is_starred),
        }
        if let Some(key) = look.group.as_deref().map(Column::of) {
            self.groups = groups(&self.rows, &key, &self.columns);
            self.lines = lines(&self.groups, &self.open);
        } else {
            self.groups = Vec::new();
            self.lines = (0..self.rows.len()).map(Line::Run).collect();
        }
        self.key = Some((runs.serial, self.sort, look.clone(), self.open.clone()));
    }

    /// One cell of the head of a group: its value in the first column, mean and deviation in those of numbers.
    fn group_ui(&self, cx: &ViewCx<'_>, group: usize, place: usize, column: Option<&Column>, ui: &mut Ui) {
        let Some(group) = self.groups.get(group) else { return };
        let first_text = self.columns.iter().position(|c| *c == Column::Name).unwrap_or(0) + MARKS;
        if place == 0 {
            let sign = if self.open.contains(&group.value) { "▾" } else { "▸" };
            ui.label(RichText::new(sign).color(tokens(ui).text_soft));
        } else if place == first_text {
            let value = if group.value.is_empty() { "without" } else { &group.value };
            let n = group.runs.len();
            ui.label(RichText::new(value).font(semibold(size::BODY))).on_hover_text(value);
            ui.label(caption(ui, counted(n, "run")));
            if n > 1 && link(ui, "Look at all").on_hover_text("All runs of the group together").clicked() {
                let runs = group.runs.iter().filter_map(|i| self.rows.get(*i)).map(|run| run.id.clone());
                cx.send(Command::Run(RunCommand::Choose(runs.collect())));
            }
        } else if let Some(Some(spread)) = place.checked_sub(MARKS).and_then(|i| group.numbers.get(i)) {
            spread_ui(spread, column, ui);
        }
    }
}

fn spread_ui(spread: &Spread, column: Option<&Column>, ui: &mut Ui) {
    let short = |v: f64| crate::figures::ticks::short(rounded(v));
    // A deviation from the rounding of the mean is none, and more digits of one would tell nothing.
    let deviation = spread.deviation.map(|d| if d < 1e-12 * spread.mean.abs() { 0.0 } else { digits(d, 2) });
    let by = deviation.map_or_else(String::new, |d| format!(" ± {}", crate::figures::ticks::short(d)));
    let name = column.map(Column::title).unwrap_or_default();
    let text = format!("{}{by}", short(spread.mean));
    let about = format!("{name}: {text}, mean ± standard deviation over n − 1, of {}", counted(spread.n, "run"));
    // Times have a narrow column and a unit.
    let shown = if column == Some(&Column::Time) { duration(spread.mean) } else { text };
    ui.label(mono(shown)).on_hover_text(about);
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

/// Color with eye, and star.
fn marks_ui(cx: &ViewCx<'_>, run: &RunEntry, ui: &mut Ui) {
    ui.spacing_mut().item_spacing.x = TIGHT;
    swatch_ui(cx, run, ui);
    let name = if run.is_starred { "Remove the star" } else { "Mark with a star" };
    if icon_button(ui, Icon::Star, name, run.is_starred).clicked() {
        cx.send(Command::Run(RunCommand::Note(run.id.clone(), NoteChange::Star(!run.is_starred))));
    }
}

fn cell_ui(cx: &ViewCx<'_>, run: &RunEntry, column: &Column, baseline: Option<&RunEntry>, ui: &mut Ui) {
    match column {
        Column::State => state_ui(run, ui),
        Column::Name => {
            ui.label(RichText::new(&run.name)).on_hover_text(&run.id);
            if cx.state.settings.baseline.as_ref() == Some(&run.id) {
                badge(ui, "baseline", cx.tokens.accent, cx.tokens.accent_soft);
            }
            if run.is_archived {
                badge(ui, "archived", cx.tokens.text_soft, cx.tokens.hover);
            }
            if !run.stale.is_empty() {
                badge(ui, "older version", cx.tokens.warn, cx.tokens.warn_soft)
                    .on_hover_text(format!("Made with an older version of {}", run.stale.join(", ")));
            }
        }
        Column::Tags => {
            ui.spacing_mut().item_spacing.x = TIGHT;
            for tag in &run.tags {
                badge(ui, tag, cx.tokens.text_soft, cx.tokens.hover);
            }
        }
        Column::Number(name) => number_ui(run, name, baseline, ui),
        Column::Time | Column::Config(_) | Column::Created => {
            let text = column.text(run);
            ui.label(mono(&text)).on_hover_text(text);
        }
        Column::Method | Column::Model | Column::Device | Column::Sweep => {
            let text = column.text(run);
            ui.label(&text).on_hover_text(text);
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
    let (rect, _) = ui.allocate_exact_size(vec2(40.0, 6.0), Sense::hover());
    ui.painter().rect_filled(rect, 3.0, t.pressed);
    ui.painter().rect_filled(rect.with_max_x(rect.left() + rect.width() * share), 3.0, t.accent);
    let left = run.eta.map_or_else(String::new, |s| format!(" · {}", duration(s)));
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
    if run.state.is_active() {
        return;
    }
    let name = if run.is_archived { "Unarchive" } else { "Archive" };
    if button(ui, None, name).on_hover_text("Archived runs are kept out of the list").clicked() {
        send(RunCommand::Note(run.id.clone(), NoteChange::Archive(!run.is_archived)));
    }
    if icon_button(ui, Icon::Trash, "Move to trash", false).clicked() {
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
}
