//! Runs that wait, and runs that were thrown away.

use egui::{Align, Layout, Role, Ui, WidgetInfo};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::runs::{QueueChange, RunCommand};
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::widgets::{button, caption, card, mono, title};

/// Rows shown at once; the others wait behind them.
const SHOWN: usize = 6;

/// The waiting runs in order, with pause, order and cancel; nothing while nobody waits.
pub(super) fn queue_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let queue = &cx.state.runs.queue;
    if queue.waiting.is_empty() && !queue.is_paused {
        return;
    }
    let change = |change: QueueChange| cx.send(Command::Run(RunCommand::Queue(change)));
    card(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(title(match (queue.waiting.len(), queue.is_paused) {
                (0, _) => "The queue is paused".to_owned(),
                (n, true) => format!("{n} waiting, paused"),
                (n, false) => format!("{n} waiting"),
            }));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let (icon, name) = if queue.is_paused { (Icon::Play, "Go on") } else { (Icon::Stop, "Pause queue") };
                let about = "A paused queue starts no further runs; those at work go on";
                if button(ui, Some(icon), name).on_hover_text(about).clicked() {
                    change(QueueChange::Pause(!queue.is_paused));
                }
                let mut parallel = queue.parallel;
                let drag = ui.add(egui::DragValue::new(&mut parallel).range(1..=16));
                drag.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Runs at once"));
                if parallel != queue.parallel {
                    change(QueueChange::Parallel(parallel));
                }
                ui.label(caption(ui, "at once"));
            });
        });
        for (place, id) in queue.waiting.iter().take(SHOWN).enumerate() {
            ui.horizontal(|ui| waiting_ui(cx, place, id, ui));
        }
        if queue.waiting.len() > SHOWN {
            ui.label(caption(ui, format!("and {} more", queue.waiting.len() - SHOWN)));
        }
    });
    ui.add_space(GAP);
}

fn waiting_ui(cx: &ViewCx<'_>, place: usize, id: &str, ui: &mut Ui) {
    let run = cx.state.runs.find(id);
    let name = run.map_or(id, |r| r.name.as_str());
    let n = cx.state.runs.queue.waiting.len();
    let send = |command: RunCommand| cx.send(Command::Run(command));
    ui.label(mono(format!("{}.", place + 1)));
    ui.label(name).on_hover_text(id);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = TIGHT;
        let mut small = |is_possible: bool, sign: &str, about: String| {
            let response = ui.add_enabled(is_possible, egui::Button::new(sign).small());
            response.widget_info(|| WidgetInfo::labeled(Role::Button, is_possible, about.as_str()));
            response.on_hover_text(about).clicked()
        };
        if small(true, "×", format!("Cancel {name}")) {
            send(RunCommand::Cancel(id.to_owned()));
        }
        if small(place + 1 < n, "▾", format!("Later: {name}")) {
            send(RunCommand::Queue(QueueChange::Move(id.to_owned(), place + 1)));
        }
        if small(place > 0, "▴", format!("Sooner: {name}")) {
            send(RunCommand::Queue(QueueChange::Move(id.to_owned(), place - 1)));
        }
    });
}

/// The runs in the trash, each with the way back.
pub(super) fn trash_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let trash = &cx.state.runs.trash;
    card(ui, |ui| {
        ui.label(title("Trash"));
        if trash.is_empty() {
            ui.label(caption(ui, "Empty. Runs that are thrown away can be taken back from here."));
        }
        egui::ScrollArea::vertical().id_salt("trash").max_height(190.0).show_rows(
            ui,
            28.0,
            trash.len(),
            |ui, range| {
                for (id, name) in trash.get(range).unwrap_or_default() {
                    ui.horizontal(|ui| trashed_ui(cx, id, name, ui));
                }
            },
        );
    });
    ui.add_space(GAP);
}

fn trashed_ui(cx: &ViewCx<'_>, id: &str, name: &str, ui: &mut Ui) {
    ui.label(name);
    ui.label(caption(ui, id));
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let restore = button(ui, Some(Icon::Undo), "Restore");
        restore.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Restore {name}")));
        if restore.clicked() {
            cx.send(Command::Run(RunCommand::Restore(id.to_owned())));
        }
    });
}
