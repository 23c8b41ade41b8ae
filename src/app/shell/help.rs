//! All keyboard shortcuts at a glance, and what this program is.

use egui::{Frame, Id, Margin, Modal, RichText, ScrollArea, Ui};

use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{button, mono, soft, title};

/// Draws the list of shortcuts. Returns whether it is to be closed.
pub fn help_ui(_cx: &ViewCx<'_>, ui: &Ui) -> bool {
    dialog("help", "Keyboard shortcuts", 720.0, ui, |ui| {
        let listed = Action::ALL.iter().filter(|a| a.is_listed());
        let with_keys: Vec<(String, &str)> = listed.filter_map(|a| Some((a.keys(ui.ctx())?, a.title()))).collect();
        let half = with_keys.len().div_ceil(2);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0 * PAD;
            for (i, part) in with_keys.chunks(half.max(1)).enumerate() {
                let grid = egui::Grid::new(("keys", i)).num_columns(2).spacing([PAD, TIGHT]).min_row_height(22.0);
                grid.show(ui, |ui| {
                    for (keys, action) in part {
                        ui.label(mono(keys));
                        ui.label(soft(ui, *action));
                        ui.end_row();
                    }
                });
            }
        });
    })
}

/// Draws version, license and promises. Returns whether it is to be closed.
pub fn about_ui(cx: &ViewCx<'_>, ui: &Ui) -> bool {
    dialog("about", "Memoscope", 520.0, ui, |ui| {
        let version = format!("Version {}", env!("CARGO_PKG_VERSION"));
        ui.label(soft(ui, &*version));
        let about = "A laboratory for one question: what has this language model memorized, where in its weights does \
                     that live, and what happens when it is removed?";
        ui.add(egui::Label::new(about).wrap());
        ui.add_space(GAP);
        ui.label(title("What it does not do"));
        for promise in [
            "No telemetry: nothing about you, your models or your data leaves this machine.",
            "No network unless asked: only a hub id that you type is looked up, and what is in the cache needs none.",
            "No code of a model is run: models are data, and pickle files are refused.",
        ] {
            ui.add(egui::Label::new(soft(ui, promise)).wrap());
        }
        ui.add_space(GAP);
        let machine = &cx.state.machine;
        let facts = format!(
            "{version}\n{} {}, {} threads\nGraphics: {}",
            std::env::consts::OS,
            std::env::consts::ARCH,
            machine.n_threads,
            if machine.adapter.is_empty() { "unknown" } else { &machine.adapter }
        );
        ui.label(soft(ui, facts.split_once('\n').map_or("", |f| f.1)).size(size::SMALL));
        ui.label(soft(ui, "MIT or Apache-2.0, at your option").size(size::SMALL));
        ui.add_space(GAP);
        if button(ui, None, "Copy details").clicked() {
            cx.send(Command::Copy(facts));
        }
    })
}

fn dialog(id: &str, name: &str, width: f32, ui: &Ui, add: impl FnOnce(&mut Ui)) -> bool {
    let room = ui.ctx().content_rect().size();
    let frame = Frame::popup(&ui.ctx().global_style()).inner_margin(Margin::same(20));
    let modal = Modal::new(Id::unique(id)).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(width.min(room.x - 80.0));
        ui.label(RichText::new(name).font(semibold(size::HEADING)));
        ui.add_space(GAP);
        let most = room.y - 140.0;
        ScrollArea::both().max_height(most).min_scrolled_height(most).auto_shrink([false, true]).show(ui, add);
    });
    modal.should_close()
}
