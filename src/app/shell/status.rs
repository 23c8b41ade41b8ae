//! The status bar: model, data, work in progress, machine.

use egui::{Align, Layout, Ui};

use crate::app::command::{Action, Command};
use crate::app::context::ViewCx;
use crate::app::state::Slot;
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, size};
use crate::app::views::ViewId;
use crate::engine::cuda::{CardInfo, Cards};
use crate::methods::common::tables::counted;

/// Draws the status bar.
pub fn status_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let t = cx.tokens;
    let frame = egui::Frame::new().fill(t.canvas).inner_margin(egui::Margin::symmetric(10, 0));
    egui::Panel::bottom("status").exact_size(28.0).resizable(false).frame(frame).show(ui, |ui| {
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = GAP / 2.0;
            opened_ui(cx, ui);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| machine_ui(cx, ui));
        });
    });
}

fn opened_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let model = match &cx.state.model {
        Slot::Empty => "No model".to_owned(),
        Slot::Loading(path) => format!("Opening {}…", path.display()),
        Slot::Ready(card) => format!("{} · {}", card.name, count(card.inspection.n_parameters as usize)),
        Slot::Failed(..) => "Model cannot be opened".to_owned(),
    };
    item_ui(cx, Icon::Model, &model, ViewId::Model, ui);
    let data = match cx.state.sheet() {
        Some(sheet) => format!("{} · {}", sheet.dataset.name, counted(sheet.dataset.records.len(), "row")),
        None => "No data".to_owned(),
    };
    item_ui(cx, Icon::Data, &data, ViewId::Data, ui);
    if let Some(run) = cx.state.runs.entries.iter().find(|r| r.state.is_active()) {
        let percent =
            run.progress.map_or_else(String::new, |[done, total]| format!(" {} %", 100 * done / total.max(1)));
        item_ui(cx, Icon::Play, &format!("{}{percent}", run.name), ViewId::Runs, ui);
    }
}

fn item_ui(cx: &ViewCx<'_>, icon: Icon, text: &str, view: ViewId, ui: &mut Ui) {
    let t = cx.tokens;
    icon.show(ui, 14.0, t.text_faint);
    let text = egui::RichText::new(text).size(size::SMALL).color(t.text_soft);
    if ui.add(egui::Button::new(text).frame(false)).clicked() {
        cx.send(Command::Show(view));
    }
    ui.add_space(GAP);
}

fn machine_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let t = cx.tokens;
    let small = |text: String| egui::RichText::new(text).size(size::SMALL).color(t.text_faint);
    let keys = Action::Palette.keys(ui.ctx()).unwrap_or_default();
    let palette = egui::Button::new(small(format!("Commands  {keys}"))).frame(false);
    if ui.add(palette).clicked() {
        cx.act(Action::Palette);
    }
    ui.add_space(GAP);
    // With a large zoom there is room for what is open, not for the machine too.
    const LEAST: f32 = 330.0;
    if ui.available_width() < LEAST {
        return;
    }
    let machine = &cx.state.machine;
    ui.label(small(format!("{} / {}", bytes(machine.memory_used), bytes(machine.memory_total))))
        .on_hover_text("Main memory: used by this window, and installed");
    ui.add_space(GAP);
    ui.label(small(format!("CPU {:.0} %, {} threads", 100.0 * machine.busy, machine.n_threads)))
        .on_hover_text("All processors, everything that runs on them; interactive measurements run here");
    cards_ui(cx, ui);
    if machine.is_software {
        ui.add_space(GAP);
        ui.label(small("software rendering".to_owned())).on_hover_text(format!(
            "{}\nNo graphics driver was found; pictures are drawn by the processor.",
            machine.adapter
        ));
    }
}

/// The cards that compute, with their memory; without one the reason.
fn cards_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    // Text of its own would push the rest out of a narrow window.
    const LEAST: f32 = 190.0;
    let Some(found) = cx.state.machine.cards.as_ref().filter(|_| ui.available_width() > LEAST) else { return };
    let small = |text: String| egui::RichText::new(text).size(size::SMALL).color(cx.tokens.text_faint);
    ui.add_space(GAP);
    let Some(card) = found.cards.first().filter(|_| found.trouble.is_none()) else {
        ui.label(small("no GPU".to_owned())).on_hover_text(cards_text(found));
        return;
    };
    let more = found.cards.len().saturating_sub(1);
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    let used = card.free.map_or_else(String::new, |free| format!("{} / ", bytes(card.memory.saturating_sub(free))));
    ui.label(small(format!("{}{more} {used}{}", card.name, bytes(card.memory)))).on_hover_text(cards_text(found));
}

/// Everything that is known about the cards, a line each.
pub(super) fn cards_text(found: &Cards) -> String {
    let card = |c: &CardInfo| {
        let free = c.free.map_or_else(String::new, |free| format!(", {} free", bytes(free)));
        format!("cuda:{}  {}, {}{free}, compute capability {}", c.number, c.name, bytes(c.memory), c.capability)
    };
    let versions = [("CUDA of the driver", &found.driver), ("NVRTC", &found.compiler)];
    let versions = versions.iter().filter_map(|(name, v)| v.as_ref().map(|v| format!("{name} {v}")));
    let trouble = found.trouble.iter().map(|why| format!("No card computes: {why}"));
    let lines = found.cards.iter().map(card).chain(versions).chain(trouble).chain(found.remedy.clone());
    lines.collect::<Vec<_>>().join("\n")
}

/// Bytes for reading.
pub fn bytes(n: u64) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{:.1} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.0} MB", n / 1e6),
        n => format!("{:.0} kB", n / 1e3),
    }
}

/// Counts for reading.
pub fn count(n: usize) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{:.2} B", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e4 => format!("{:.0} k", n / 1e3),
        n => format!("{n}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_card_says_why_and_one_with_says_what() {
        let none = Cards {
            trouble: Some("no NVIDIA driver is installed".into()),
            remedy: Some("install it".into()),
            ..Cards::default()
        };
        assert_eq!(cards_text(&none), "No card computes: no NVIDIA driver is installed\ninstall it");
        let card = CardInfo {
            number: 0,
            name: "NVIDIA H100".into(),
            memory: 80_000_000_000,
            free: Some(60_000_000_000),
            capability: "9.0".into(),
        };
        let one = Cards { cards: vec![card], driver: Some("13.0".into()), ..Cards::default() };
        let text = cards_text(&one);
        assert!(text.starts_with("cuda:0  NVIDIA H100, 80.0 GB, 60.0 GB free, compute capability 9.0\n"), "{text}");
        assert!(text.ends_with("CUDA of the driver 13.0"), "{text}");
    }
}
