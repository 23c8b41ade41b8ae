//! The Runs view: progress and results of everything that was run.

mod columns;
mod compare;
mod coordinates;
mod details;
mod facts;
mod group;
mod menu;
mod pairs;
mod parallel;
mod sample;
mod sweep;
mod table;
mod tail;
mod waiting;

use egui::{Rect, Ui};

use super::View;
use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::runs::RunCommand;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, PAD};
use crate::app::table::TableLook;
use crate::app::views::ViewId;
use crate::app::widgets::{accent_button, button, empty_ui, header, region, search_ui, trouble_ui};

/// What the search field understands.
const FILTER: &str = "Words, or comparisons with and, or, not:\n\
    k < 64 and method in [\"mia\"]\n\
    state = done or starred = true\n\
    auroc > 0.6 and not tag = old\n\
    name ~ ^pythia   (regular expression)\n\
    created > 2026-01-01";

/// Transient state.
#[derive(Default)]
pub(super) struct Runs {
    search: String,
    table: table::RunTable,
    menus: menu::Menus,
    is_trash_open: bool,
    details: details::Details,
}

impl View for Runs {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let runs = &cx.state.runs;
        let n_active = runs.entries.iter().filter(|r| r.state.is_active()).count();
        let remark = if n_active > 0 { format!("{n_active} in work") } else { String::new() };
        header(ui, "Runs", &remark, |ui| {
            if accent_button(ui, Some(Icon::Plus), "New experiment").clicked() {
                cx.send(Command::Show(ViewId::Experiment));
            }
            self.more_ui(cx, ui);
            self.menus.menus_ui(cx, ui);
            let field = search_ui(&mut self.search, "runs", 300.0, ui);
            field.on_hover_text(FILTER);
        });
        if let Some(remark) = &self.table.typed.remark {
            ui.label(egui::RichText::new(remark).color(cx.tokens.warn));
        }
        if self.is_trash_open {
            waiting::trash_ui(cx, ui);
        }
        waiting::queue_ui(cx, ui);
        if let Some(trouble) = &runs.trouble {
            trouble_ui(cx, "The runs cannot be read", trouble, ui);
        }
        if runs.entries.is_empty() {
            let about = "A run measures a whole set with one method: memorization score, perplexity, membership inference, \
                         gradient alignment. It is a process of its own, goes on without this window, and can be resumed.";
            return empty_ui(Icon::Runs, "No runs yet", about, ui, |ui| {
                if accent_button(ui, Some(Icon::Experiment), "Set up an experiment").clicked() {
                    cx.send(Command::Show(ViewId::Experiment));
                }
                if button(ui, Some(Icon::Sample), "Open the sample").clicked() {
                    cx.act(Action::OpenSample);
                }
            });
        }
        let room = ui.available_rect_before_wrap();
        if runs.chosen.is_empty() {
            return region(ui, room, "table", |ui| self.table.table_ui(cx, &self.search, ui));
        }
        let top = (room.height() * 0.38).max(170.0);
        let upper = room.with_max_y(room.top() + top);
        let lower = Rect::from_min_max(egui::pos2(room.left(), room.top() + top + PAD), room.max);
        region(ui, upper, "table", |ui| self.table.table_ui(cx, &self.search, ui));
        ui.painter().hline(room.x_range(), room.top() + top + GAP, egui::Stroke::new(1.0, cx.tokens.border));
        region(ui, lower, "details", |ui| self.details.details_ui(cx, ui));
    }
}

impl Runs {
    /// Archive and trash.
    fn more_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let menu = ui.menu_button("More ▾", |ui| {
            let look = &cx.state.settings.table;
            let mut is_shown = look.archived;
            if ui.checkbox(&mut is_shown, "Show archived runs").changed() {
                let look = TableLook { archived: is_shown, ..look.clone() };
                cx.send(Command::Run(RunCommand::Look(Box::new(look))));
            }
            if ui.checkbox(&mut self.is_trash_open, "Show the trash").changed() && self.is_trash_open {
                cx.send(Command::Run(RunCommand::Trashed));
            }
        });
        menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "More"));
    }
}
