//! Before and after as a table: the same measurements on the model and on its edited copy.

use egui::{Grid, RichText, Ui};

use super::result::section_ui;
use crate::app::context::ViewCx;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::size;
use crate::app::widgets::{caption, card, soft};
use crate::methods::{Table, Values};

/// Sets that the ids of measurements begin with, and their names.
const GROUPS: [(&str, &str); 3] =
    [("forget.", "Texts to forget"), ("retain.", "Texts to retain"), ("holdout.", "Holdout")];
/// Differences below this are none.
const NONE: f64 = 5e-5;

/// One measurement.
struct Line<'a> {
    id: &'a str,
    label: &'a str,
    unit: &'a str,
    before: Option<f64>,
    after: Option<f64>,
    wanted: &'a str,
    n: Option<i64>,
}

impl Line<'_> {
    fn change(&self) -> Option<f64> {
        Some(self.after? - self.before?)
    }

    /// Whether the change is the wanted way; absent where there is none.
    fn is_good(&self) -> Option<bool> {
        let change = self.change().filter(|c| c.abs() > NONE)?;
        match self.wanted {
            "lower" => Some(change < 0.0),
            "higher" => Some(change > 0.0),
            // Near chance: for areas one half, for leaks 0.
            _ => {
                let chance = if self.unit == "%" { 0.0 } else { 0.5 };
                Some((self.after? - chance).abs() < (self.before? - chance).abs())
            }
        }
    }
}

fn lines(table: &Table) -> Vec<Line<'_>> {
    let column = |name: &str| table.columns.iter().find(|c| c.name == name).map(|c| &c.values);
    let text = |name: &str, row: usize| match column(name) {
        Some(Values::Text(list)) => list.get(row).map_or("", String::as_str),
        _ => "",
    };
    let float = |name: &str, row: usize| match column(name) {
        Some(Values::Float(list)) => list.get(row).copied().flatten(),
        _ => None,
    };
    let int = |row: usize| match column("n") {
        Some(Values::Int(list)) => list.get(row).copied().flatten(),
        _ => None,
    };
    let line = |row: usize| Line {
        id: text("id", row),
        label: text("metric", row),
        unit: text("unit", row),
        before: float("before", row),
        after: float("after", row),
        wanted: text("wanted", row),
        n: int(row),
    };
    (0..table.rows()).map(line).collect()
}

/// Draws the table in groups.
pub(super) fn battery_ui(cx: &ViewCx<'_>, table: &Table, ui: &mut Ui) {
    let lines = lines(table);
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        section_ui("Before and after", "", ui);
        Grid::new("battery").num_columns(5).spacing([12.0, 4.0]).show(ui, |ui| {
            for head in ["", "before", "after", "change", ""] {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| ui.label(caption(ui, head)));
            }
            ui.end_row();
            for (prefix, name) in GROUPS {
                group_ui(cx, name, lines.iter().filter(|l| l.id.starts_with(prefix)), ui);
            }
            let others = lines.iter().filter(|l| !GROUPS.iter().any(|(prefix, _)| l.id.starts_with(prefix)));
            group_ui(cx, "Altogether", others, ui);
        });
    });
}

fn group_ui<'a>(cx: &ViewCx<'_>, name: &str, lines: impl Iterator<Item = &'a Line<'a>>, ui: &mut Ui) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    ui.label(RichText::new(name).font(semibold(size::SMALL)).color(cx.tokens.text_soft));
    ui.end_row();
    for line in lines {
        line_ui(cx, line, ui);
        ui.end_row();
    }
}

fn line_ui(cx: &ViewCx<'_>, line: &Line<'_>, ui: &mut Ui) {
    let t = cx.tokens;
    let short = line.label.rsplit_once(", ").filter(|(_, set)| ["forget", "retain", "holdout"].contains(set));
    let name = ui.label(soft(ui, short.map_or(line.label, |(name, _)| name)));
    let n = line.n.map_or_else(String::new, |n| format!("\nn = {n}"));
    let unit = if line.unit.is_empty() { String::new() } else { format!("\nin {}", line.unit) };
    name.on_hover_text(format!("{}{unit}\nWanted: {}{n}", line.label, line.wanted));
    let right = |ui: &mut Ui, text: RichText| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| ui.label(text));
    };
    right(ui, RichText::new(number(line.before)));
    right(ui, RichText::new(number(line.after)).font(semibold(size::BODY)));
    let change = line.change().map_or_else(|| "–".to_owned(), signed);
    let (ink, word) = match line.is_good() {
        Some(true) => (t.good, "better"),
        Some(false) => (t.bad, "worse"),
        None => (t.text_faint, ""),
    };
    right(ui, RichText::new(change).color(ink));
    ui.label(RichText::new(word).size(size::SMALL).color(ink));
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| if v.abs() >= 1000.0 { format!("{v:.0}") } else { format!("{v:.3}") })
}

fn signed(value: f64) -> String {
    let text = number(Some(value.abs()));
    if value.abs() <= NONE {
        "0".to_owned()
    } else if value < 0.0 {
        format!("−{text}")
    } else {
        format!("+{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_good_the_wanted_way() {
        let line = |before: f64, after: f64, wanted: &'static str, unit: &'static str| Line {
            id: "x",
            label: "",
            unit,
            before: Some(before),
            after: Some(after),
            wanted,
            n: None,
        };
        assert_eq!(line(0.9, 0.1, "lower", "").is_good(), Some(true));
        assert_eq!(line(0.9, 0.1, "higher", "").is_good(), Some(false));
        assert_eq!(line(0.9, 0.6, "near chance", "").is_good(), Some(true));
        assert_eq!(line(-100.0, -20.0, "near chance", "%").is_good(), Some(true));
        assert_eq!(line(0.5, 0.1, "near chance", "").is_good(), Some(false));
        assert_eq!(line(0.5, 0.5, "lower", "").is_good(), None);
        assert_eq!((signed(-0.25), signed(0.0), number(Some(12_345.6))), ("−0.250".into(), "0".into(), "12346".into()));
    }
}
