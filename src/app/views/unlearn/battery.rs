//! Before and after as a table: the same measurements on the model and on its edited copy.

use egui::{Align2, Color32, FontId, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::result::section_ui;
use crate::app::context::ViewCx;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, size};
use crate::app::widgets::card;
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

/// Height of a line.
const ROW: f32 = 21.0;
/// Widths of before, after, change and word.
const COLUMNS: [f32; 4] = [58.0, 58.0, 62.0, 46.0];

/// Draws the table in groups.
pub(super) fn battery_ui(cx: &ViewCx<'_>, table: &Table, ui: &mut Ui) {
    let lines = lines(table);
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        section_ui("Before and after", "", ui);
        let t = cx.tokens;
        let small = FontId::proportional(size::SMALL);
        let heads = ["before", "after", "change", ""].map(|head| (head.to_owned(), small.clone(), t.text_faint));
        cells_ui(("", t.text_faint, small.clone()), &heads, ui);
        for (prefix, name) in GROUPS {
            group_ui(cx, name, lines.iter().filter(|l| l.id.starts_with(prefix)), ui);
        }
        let others = lines.iter().filter(|l| !GROUPS.iter().any(|(prefix, _)| l.id.starts_with(prefix)));
        group_ui(cx, "Altogether", others, ui);
    });
}

fn group_ui<'a>(cx: &ViewCx<'_>, name: &str, lines: impl Iterator<Item = &'a Line<'a>>, ui: &mut Ui) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    ui.add_space(GAP);
    cells_ui((name, cx.tokens.text_soft, semibold(size::SMALL)), &[], ui);
    for line in lines {
        line_ui(cx, line, ui);
    }
}

fn line_ui(cx: &ViewCx<'_>, line: &Line<'_>, ui: &mut Ui) {
    let t = cx.tokens;
    let short = line.label.rsplit_once(", ").filter(|(_, set)| ["forget", "retain", "holdout"].contains(set));
    let name = short.map_or(line.label, |(name, _)| name);
    let change = line.change().map_or_else(|| "–".to_owned(), signed);
    let (ink, word) = match line.is_good() {
        Some(true) => (t.good, "better"),
        Some(false) => (t.bad, "worse"),
        None => (t.text_faint, ""),
    };
    let body = || FontId::proportional(size::BODY);
    let cells = [
        (number(line.before), body(), t.text),
        (number(line.after), semibold(size::BODY), t.text),
        (change, body(), ink),
        (word.to_owned(), FontId::proportional(size::SMALL), ink),
    ];
    let response = cells_ui((name, t.text_soft, body()), &cells, ui);
    let n = line.n.map_or_else(String::new, |n| format!("\nn = {n}"));
    let unit = if line.unit.is_empty() { String::new() } else { format!("\nin {}", line.unit) };
    response.on_hover_text(format!("{}{unit}\nWanted: {}{n}", line.label, line.wanted));
}

/// A line: a name that may be cut short, and columns at the right.
fn cells_ui(name: (&str, Color32, FontId), cells: &[(String, FontId, Color32)], ui: &mut Ui) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let (text, ink, font) = name;
    let said = cells.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(" ");
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{text} {said}").trim_end()));
    let mut right = rect.right();
    for (cell, width) in cells.iter().zip(COLUMNS).rev() {
        let at = pos2(right, rect.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, &cell.0, cell.1.clone(), cell.2);
        right -= width;
    }
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, ink);
    job.wrap = egui::text::TextWrapping::truncate_at_width((right - rect.left() - GAP).max(20.0));
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(pos2(rect.left(), rect.center().y - galley.size().y / 2.0), galley, ink);
    response
}

pub(super) fn number(value: Option<f64>) -> String {
    let text = |v: f64| match v.abs() {
        size if size >= 1000.0 => format!("{v:.0}"),
        size if size >= 10.0 => format!("{v:.1}"),
        _ => format!("{v:.3}"),
    };
    value.map_or_else(|| "–".to_owned(), |v| text(v).replace('-', "−"))
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
