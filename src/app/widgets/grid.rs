//! A table that draws only the rows on screen: sortable, resizable, selectable.

use egui::scroll_area::ScrollBarVisibility;
use egui::{Align, Button, Layout, RichText, Sense, Ui};
use egui_extras::{Column, TableBuilder, TableRow};

use crate::app::style::fonts::semibold;
use crate::app::style::tokens;
use crate::app::style::tokens::{ROW, size};

/// A column of a grid.
#[derive(Clone, Debug)]
pub struct GridColumn {
    /// Head.
    pub title: String,
    /// Tooltip of the head.
    pub about: String,
    /// Width in points; 0 takes what is left.
    pub width: f32,
    /// Numbers stand at the right.
    pub is_number: bool,
}

impl GridColumn {
    /// A text column.
    pub fn text(title: impl Into<String>, width: f32) -> Self {
        Self { title: title.into(), about: String::new(), width, is_number: false }
    }

    /// A number column.
    pub fn number(title: impl Into<String>, width: f32) -> Self {
        Self { is_number: true, ..Self::text(title, width) }
    }

    /// With a tooltip.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }
}

/// Room for the scroll bar beside the rows.
const SCROLL_BAR: f32 = 10.0;

/// Order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GridSort {
    /// Column.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// What was done with a grid.
#[derive(Clone, Copy, Debug, Default)]
pub struct GridEvents {
    /// Row that was clicked.
    pub clicked: Option<usize>,
    /// Row that was clicked twice.
    pub opened: Option<usize>,
    /// Column whose width was changed, and its width.
    pub resized: Option<(usize, f32)>,
    /// Row under the pointer.
    hovered: Option<usize>,
}

/// A text as one line of a cell: line breaks are signs, and what no cell has room for is left out.
pub fn one_line(text: &str) -> std::borrow::Cow<'_, str> {
    const SHOWN: usize = 240;
    let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
    let head = text.get(..end).unwrap_or(text);
    if head.contains(['\n', '\r', '\t']) {
        return head.replace("\r\n", "⏎").replace(['\n', '\r'], "⏎").replace('\t', "⇥").into();
    }
    head.into()
}

/// The grid `id` shows this row when it is drawn next.
pub fn scroll_grid_to(id: &str, row: usize, ui: &Ui) {
    ui.data_mut(|d| d.insert_temp(egui::Id::unique(("scroll grid", id)), row));
}

/// Draws a grid. `cell` draws one cell of a row; `chosen` says which rows are highlighted.
/// A click on a head changes `sort`, when it is given.
pub fn grid_ui(
    id: &str,
    columns: &[GridColumn],
    sort: Option<&mut Option<GridSort>>,
    n_rows: usize,
    chosen: &dyn Fn(usize) -> bool,
    cell: &mut dyn FnMut(usize, usize, &mut Ui),
    ui: &mut Ui,
) -> GridEvents {
    let mut events = GridEvents::default();
    let part = Part { id, columns, first: 0, n_rows, chosen, offset: None, hovered: None };
    part.part_ui(sort, cell, &mut events, ui);
    events
}

/// Like [`grid_ui`] with the first `n_pinned` columns at the left, where they stay while the others move sideways.
pub fn pinned_grid_ui(
    id: &str,
    columns: &[GridColumn],
    n_pinned: usize,
    mut sort: Option<&mut Option<GridSort>>,
    n_rows: usize,
    chosen: &dyn Fn(usize) -> bool,
    cell: &mut dyn FnMut(usize, usize, &mut Ui),
    ui: &mut Ui,
) -> GridEvents {
    let memory = ui.scope_id().with((id, "pinned"));
    let (offset, hovered) = ui.data(|d| d.get_temp::<(f32, Option<usize>)>(memory)).unwrap_or_default();
    let (left, right) = columns.split_at(n_pinned.min(columns.len()));
    let mut events = GridEvents::default();
    let room = ui.available_rect_before_wrap();
    let width = left.iter().map(|c| c.width + ui.spacing().item_spacing.x).sum::<f32>().min(room.width() * 0.7);
    let mut offset = offset;
    if !left.is_empty() {
        let name = format!("{id} pinned");
        super::region(ui, room.with_max_x(room.left() + width), &name, |ui| {
            ui.set_width(width);
            let part = Part { id: &name, columns: left, first: 0, n_rows, chosen, offset: Some(offset), hovered };
            offset = part.part_ui(sort.as_deref_mut(), cell, &mut events, ui);
        });
        let x = room.left() + width;
        ui.painter().vline(x, room.y_range(), egui::Stroke::new(1.0, tokens(ui).border));
    }
    let beside = room.with_min_x(if left.is_empty() { room.left() } else { room.left() + width + 6.0 });
    super::region(ui, beside, id, |ui| {
        egui::ScrollArea::horizontal().auto_shrink([false, false]).show(ui, |ui| {
            let first = left.len();
            let offset_here = (!left.is_empty()).then_some(offset);
            let part = Part { id, columns: right, first, n_rows, chosen, offset: offset_here, hovered };
            offset = part.part_ui(sort, cell, &mut events, ui);
        });
    });
    ui.data_mut(|d| d.insert_temp(memory, (offset, events.hovered)));
    if events.hovered != hovered {
        ui.ctx().request_repaint();
    }
    events
}

/// Some columns of a grid.
struct Part<'a> {
    id: &'a str,
    columns: &'a [GridColumn],
    /// Place of the first of them in the whole grid.
    first: usize,
    n_rows: usize,
    chosen: &'a dyn Fn(usize) -> bool,
    /// Where to scroll to; kept by the part itself when absent.
    offset: Option<f32>,
    /// Row under the pointer, maybe in another part.
    hovered: Option<usize>,
}

impl Part<'_> {
    /// Draws the rows on screen and no others. Returns how far it is scrolled.
    fn part_ui(
        &self,
        mut sort: Option<&mut Option<GridSort>>,
        cell: &mut dyn FnMut(usize, usize, &mut Ui),
        events: &mut GridEvents,
        ui: &mut Ui,
    ) -> f32 {
        ui.spacing_mut().item_spacing.y = 0.0;
        // A number at the right end must not lie under the scroll bar.
        ui.spacing_mut().scroll.floating_allocated_width = SCROLL_BAR;
        // Handles between columns show under the pointer only.
        ui.visuals_mut().widgets.noninteractive.bg_stroke = egui::Stroke::NONE;
        let is_released = ui.input(|i| i.pointer.any_released());
        let wanted = ui.data_mut(|d| d.remove_temp::<usize>(egui::Id::unique(("scroll grid", self.id))));
        let layout = Layout::left_to_right(Align::Center);
        let mut table = TableBuilder::new(ui).id_salt(self.id).striped(false).sense(Sense::click()).cell_layout(layout);
        table = table.auto_shrink([false, false]).min_scrolled_height(0.0);
        if let Some(offset) = self.offset {
            table = table.vertical_scroll_offset(offset);
            if self.first == 0 {
                table = table.scroll_bar_visibility(ScrollBarVisibility::AlwaysHidden);
            }
        }
        if let Some(row) = wanted {
            table = table.scroll_to_row(row.min(self.n_rows.saturating_sub(1)), Some(Align::Center));
        }
        for column in self.columns {
            table = table.column(if column.width > 0.0 {
                Column::initial(column.width).at_least(36.0).resizable(true).clip(true)
            } else {
                Column::remainder().at_least(120.0).clip(true)
            });
        }
        let table = table.header(ROW, |mut header| {
            for (index, column) in self.columns.iter().enumerate() {
                header.col(|ui| head_ui(self.first + index, column, sort.as_deref_mut(), ui));
            }
        });
        let output = table.body(|body| {
            let changed = |(c, w): &(&GridColumn, &f32)| c.width > 0.0 && (c.width - **w).abs() > 1.0;
            let resized = self.columns.iter().zip(body.widths()).position(|pair| changed(&pair));
            if let Some((i, width)) = resized.filter(|_| is_released).and_then(|i| Some((i, *body.widths().get(i)?))) {
                events.resized = Some((self.first + i, width));
            }
            body.rows(ROW, self.n_rows, |mut row| self.row_ui(&mut row, cell, events));
        });
        output.state.clamped_offset().y
    }

    fn row_ui(&self, row: &mut TableRow<'_, '_>, cell: &mut dyn FnMut(usize, usize, &mut Ui), events: &mut GridEvents) {
        let index = row.index();
        row.set_selected((self.chosen)(index));
        if self.offset.is_some() {
            row.set_hovered(self.hovered == Some(index));
        }
        for (c, column) in self.columns.iter().enumerate() {
            row.col(|ui| {
                // Cells that are moved out of sight sideways cost nothing.
                if !ui.is_rect_visible(ui.max_rect()) {
                    return;
                }
                ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
                if column.is_number {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| cell(index, self.first + c, ui));
                } else {
                    cell(index, self.first + c, ui);
                }
            });
        }
        let response = row.response();
        if response.clicked() {
            events.clicked = Some(index);
        }
        if response.double_clicked() {
            events.opened = Some(index);
        }
        if response.contains_pointer() {
            events.hovered = Some(index);
        }
    }
}

fn head_ui(index: usize, column: &GridColumn, sort: Option<&mut Option<GridSort>>, ui: &mut Ui) {
    let t = tokens(ui);
    let layout =
        if column.is_number { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
    ui.with_layout(layout, |ui| {
        let Some(sort) = sort else {
            let label = ui.label(RichText::new(&column.title).size(size::SMALL).color(t.text_faint));
            if !column.about.is_empty() {
                label.on_hover_text(&column.about);
            }
            return;
        };
        let mark = match sort {
            Some(s) if s.column == index => {
                if s.descending {
                    " ▾"
                } else {
                    " ▴"
                }
            }
            _ => "",
        };
        let ink = if mark.is_empty() { t.text_faint } else { t.text };
        let text = RichText::new(format!("{}{mark}", column.title)).font(semibold(size::SMALL)).color(ink);
        let mut response = ui.add(Button::new(text).frame(false).truncate());
        if !column.about.is_empty() {
            response = response.on_hover_text(&column.about);
        }
        if response.clicked() {
            *sort = match *sort {
                Some(s) if s.column == index && s.descending => Some(GridSort { column: index, descending: false }),
                Some(s) if s.column == index => None,
                _ => Some(GridSort { column: index, descending: true }),
            };
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_several_lines_fit_into_a_cell() {
        assert_eq!(one_line("\na\r\nb\tc"), "⏎a⏎b⇥c");
        assert!(matches!(one_line("기억 🙂"), std::borrow::Cow::Borrowed("기억 🙂")), "nothing to change");
        assert_eq!(one_line(&"가".repeat(1000)).chars().count(), 240);
    }
}
