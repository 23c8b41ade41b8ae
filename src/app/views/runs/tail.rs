//! What one run said, the newest at the end, with level filter and search.

use std::sync::Arc;

use egui::{ScrollArea, Ui};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::curves::RunLog;
use crate::app::log::{Level, LogLine};
use crate::app::style::Icon;
use crate::app::style::tokens::GAP;
use crate::app::widgets::{button, mono, search_ui, segmented, soft};

const ROW: f32 = 22.0;

/// Transient state.
#[derive(Default)]
pub(super) struct LogTail {
    least: Option<Level>,
    search: String,
    found: Vec<usize>,
    key: Option<(String, usize, Option<Level>, String)>,
}

impl LogTail {
    /// Draws the lines; those on screen and no others.
    pub(super) fn tail_ui(&mut self, cx: &ViewCx<'_>, log: Option<&Arc<RunLog>>, ui: &mut Ui) {
        let Some(log) = log else {
            ui.label(soft(ui, "Reading…"));
            return;
        };
        self.find(log);
        ui.horizontal(|ui| {
            let choices = [
                (None, "All", "Everything"),
                (Some(Level::Warning), "Warnings", "Done, but not as asked, and worse"),
                (Some(Level::Error), "Errors", "Not done"),
            ];
            if let Some(chosen) = segmented(ui, "Lines", self.least, &choices) {
                self.least = chosen;
            }
            search_ui(&mut self.search, "lines", 240.0, ui);
            if button(ui, Some(Icon::Copy), "Copy").clicked() {
                let lines = self.found.iter().filter_map(|i| log.lines.get(*i));
                let text: Vec<String> = lines.map(|l| format!("{} {} {}", l.time, l.level.title(), l.text)).collect();
                cx.send(Command::Copy(text.join("\n")));
            }
        });
        ui.add_space(GAP);
        if self.found.is_empty() {
            ui.label(soft(ui, if log.lines.is_empty() { "Nothing was said." } else { "No line matches." }));
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        let area = ScrollArea::vertical().id_salt("tail").auto_shrink([false, false]).stick_to_bottom(true);
        area.show_rows(ui, ROW, self.found.len(), |ui, range| {
            for line in self.found.get(range).unwrap_or_default().iter().filter_map(|i| log.lines.get(*i)) {
                line_ui(cx, line, ui);
            }
        });
    }

    fn find(&mut self, log: &RunLog) {
        let key = (log.id.clone(), log.lines.len(), self.least, self.search.to_lowercase());
        if self.key.as_ref() == Some(&key) {
            return;
        }
        let is_wanted = |l: &LogLine| {
            self.least.is_none_or(|least| l.level >= least) && l.text.to_lowercase().contains(key.3.as_str())
        };
        self.found = log.lines.iter().enumerate().filter(|(_, l)| is_wanted(l)).map(|(i, _)| i).collect();
        self.key = Some(key);
    }
}

fn line_ui(cx: &ViewCx<'_>, line: &LogLine, ui: &mut Ui) {
    let ink = match line.level {
        Level::Info => cx.tokens.text,
        Level::Warning => cx.tokens.warn,
        Level::Error => cx.tokens.bad,
    };
    ui.horizontal(|ui| {
        ui.set_min_height(ROW);
        ui.label(mono(&line.time).color(cx.tokens.text_faint));
        let first = line.text.lines().next().unwrap_or_default();
        ui.add(egui::Label::new(egui::RichText::new(first).color(ink)).truncate().selectable(true));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_level_and_words() {
        let line = |level, text: &str| LogLine { time: String::new(), level, source: String::new(), text: text.into() };
        let lines =
            vec![line(Level::Info, "Scored 8"), line(Level::Warning, "3 texts cut"), line(Level::Error, "Full")];
        let mut log = RunLog::new("r");
        log.lines = lines;
        let mut tail = LogTail::default();
        tail.find(&log);
        assert_eq!(tail.found, [0, 1, 2]);
        tail.least = Some(Level::Warning);
        tail.find(&log);
        assert_eq!(tail.found, [1, 2]);
        tail.search = "CUT".into();
        tail.find(&log);
        assert_eq!(tail.found, [1]);
    }
}
