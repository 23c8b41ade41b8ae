//! What the experiment that is being set up will need.

use egui::{RichText, Ui};

use super::basics::{caption, card_title, soft};
use crate::app::context::ViewCx;
use crate::app::shell::{bytes, count};
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, size};
use crate::methods::common::tables::counted;

/// Time, memory, disk, rows and warnings; or why it cannot run.
pub fn estimate_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let title = match &cx.state.draft.estimate {
        Slot::Ready(_) => "Ready to run",
        Slot::Failed(..) => "Cannot run yet",
        Slot::Loading(_) | Slot::Empty => "What it needs",
    };
    card_title(ui, title, |_| {});
    match &cx.state.draft.estimate {
        Slot::Ready(needs) => {
            let (plan, estimate) = (&needs.first, &needs.first.estimate);
            let is_sweep = needs.points.len() > 1;
            let time = needs.about_secs.map_or_else(|| "unknown".to_owned(), |s| format!("about {}", duration(s)));
            line_ui("Time", &time, ui);
            line_ui(
                "Memory",
                &format!("{} of {} free", bytes(needs.memory_bytes), bytes(estimate.available_bytes)),
                ui,
            );
            line_ui("Disk", &format!("about {}", bytes(needs.disk_bytes)), ui);
            let work = estimate.work;
            let tokens = [
                (work.forward_tokens, "forward"),
                (work.backward_tokens, "backward"),
                (work.decoded_tokens, "decoded"),
            ];
            let tokens =
                tokens.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(*n as usize)));
            let name = if is_sweep { "Tokens, first" } else { "Tokens" };
            line_ui(name, &tokens.collect::<Vec<_>>().join(", "), ui);
            for data in plan.data.values() {
                let bad = if data.bad_rows > 0 { format!(", {} left out", data.bad_rows) } else { String::new() };
                line_ui(&data.name, &format!("{}{bad}", counted(data.rows, "row")), ui);
            }
            for warning in &needs.warnings {
                ui.horizontal_top(|ui| {
                    Icon::Warn.show(ui, 14.0, cx.tokens.warn);
                    ui.add(egui::Label::new(soft(ui, warning.as_str())).wrap());
                });
            }
        }
        Slot::Loading(_) => {
            ui.horizontal(|ui| {
                ui.add(egui::Spinner::new().size(14.0));
                ui.label(soft(ui, "Reading the inputs…"));
            });
        }
        Slot::Failed(_, trouble) => {
            ui.add(egui::Label::new(RichText::new(&trouble.message).color(cx.tokens.bad)).wrap().selectable(true));
            if let Some(hint) = &trouble.hint {
                ui.add(egui::Label::new(soft(ui, format!("→ {hint}"))).wrap());
            }
            if let Some(path) = &trouble.path {
                ui.add(egui::Label::new(caption(ui, path.display().to_string())).wrap());
            }
        }
        Slot::Empty => {
            ui.label(soft(ui, "The estimate appears here."));
        }
    }
}

fn line_ui(name: &str, value: &str, ui: &mut Ui) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        ui.allocate_ui(egui::vec2(76.0, 18.0), |ui| {
            ui.set_min_width(76.0);
            ui.add(egui::Label::new(caption(ui, name)).truncate());
        });
        ui.add(egui::Label::new(RichText::new(value).font(semibold(size::BODY))).wrap());
    });
}

/// Seconds for reading.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "a second".to_owned(),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
