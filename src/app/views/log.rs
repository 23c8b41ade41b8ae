//! The Log view: what happened, with level filter and search.

use egui::{Color32, ScrollArea, Ui, vec2};

use super::View;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::log::{Level, LogLine};
use crate::app::style::Icon;
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::widgets::{button, caption, empty_ui, fitted, header, mono, search_ui, segmented};

const ROW: f32 = 22.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Log {
    search: String,
    least: Option<Level>,
    found: Vec<usize>,
    key: (u64, String, Option<Level>),
}

impl View for Log {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        self.find(cx);
        header(ui, "Log", "", |ui| {
            if button(ui, Some(Icon::Copy), "Copy all").clicked() {
                let lines =
                    self.found.iter().filter_map(|i| cx.state.log.lines().get(*i)).map(text).collect::<Vec<_>>();
                cx.send(Command::Copy(lines.join("\n")));
            }
            search_ui(&mut self.search, "log", 260.0, ui);
            let choices = [
                (None, "All", "Everything"),
                (Some(Level::Warning), "Warnings", "Done, but not as asked, and worse"),
                (Some(Level::Error), "Errors", "Not done"),
            ];
            fitted(ui, "level", |ui| {
                if let Some(chosen) = segmented(ui, "Level", self.least, &choices) {
                    self.least = chosen;
                }
            });
        });
        if cx.state.log.lines().is_empty() {
            return empty_ui(
                Icon::Log,
                "Nothing has happened yet",
                "Models, data and runs leave their traces here.",
                ui,
                |_| {},
            );
        }
        if self.found.is_empty() {
            ui.label(caption(ui, "No line matches."));
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().auto_shrink([false, false]).stick_to_bottom(true).show_rows(
            ui,
            ROW,
            self.found.len(),
            |ui, range| {
                for index in self.found.get(range).unwrap_or_default() {
                    if let Some(line) = cx.state.log.lines().get(*index) {
                        line_ui(cx, line, ui);
                    }
                }
            },
        );
    }
}

impl Log {
    fn find(&mut self, cx: &ViewCx<'_>) {
        let key = (cx.state.log.serial, self.search.to_lowercase(), self.least);
        if self.key == key {
            return;
        }
        let word = &key.1;
        let is_wanted = |l: &LogLine| {
            key.2.is_none_or(|least| l.level >= least)
                && (word.is_empty() || l.text.to_lowercase().contains(word) || l.source.to_lowercase().contains(word))
        };
        self.found = cx.state.log.lines().iter().enumerate().filter(|(_, l)| is_wanted(l)).map(|(i, _)| i).collect();
        self.key = key;
    }
}

fn line_ui(cx: &ViewCx<'_>, line: &LogLine, ui: &mut Ui) {
    let t = cx.tokens;
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), ROW),
        egui::Layout::left_to_right(egui::Align::Center),
        |ui| {
            ui.spacing_mut().item_spacing.x = GAP;
            ui.label(mono(&line.time).color(t.text_faint));
            let (sign, ink): (&str, Color32) = match line.level {
                Level::Info => ("info   ", t.text_faint),
                Level::Warning => ("warning", t.warn),
                Level::Error => ("error  ", t.bad),
            };
            ui.label(mono(sign).color(ink));
            ui.label(mono(&line.source).color(t.text_soft));
            ui.add_space(TIGHT);
            let first = line.text.lines().next().unwrap_or_default();
            let label = ui.add(egui::Label::new(egui::RichText::new(first).color(t.text)).truncate().selectable(true));
            if line.text.lines().count() > 1 {
                label.on_hover_text(&line.text);
            }
        },
    );
}

fn text(line: &LogLine) -> String {
    format!("{} {} {} {}", line.time, line.level.title(), line.source, line.text)
}
