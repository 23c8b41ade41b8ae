//! Two tokenized texts side by side: corresponding words begin on the same row, so both sides scroll as one.

use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, FontId, Id, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::token::{TokenLook, token_tooltip_ui, value_text};
use crate::app::state::ColorBy;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens;
use crate::app::style::tokens::size;
use crate::methods::compare::{Alignment, Cell, Pair, Segment};

/// Room inside a token, left and right.
const INSET: f32 = 0.75;
/// Least width of a token that is a part of a character.
const SHARED: f32 = 9.0;
/// Height of a row without and with numbers.
const ROW: [f32; 2] = [30.0, 42.0];

/// What a layout depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    serial: u64,
    width: f32,
    whitespace: bool,
    numbers: Option<ColorBy>,
}

/// Where the tokens stand; kept until texts or width change.
#[derive(Default)]
pub struct AlignedLayout {
    key: Option<Key>,
    rows: Vec<[Vec<Placed>; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Placed {
    cell: usize,
    segment: usize,
    x: f32,
    width: f32,
    /// Its place among the tokens that share a character, and how many they are; all have the same width.
    place: [usize; 2],
}

/// What is drawn.
#[derive(Clone, Copy)]
pub struct AlignedText<'a> {
    /// Both sides.
    pub pair: &'a Pair,
    /// Different for every measurement.
    pub serial: u64,
    /// Shares of the tokens in the gradient alignment.
    pub alignment: Option<&'a Alignment>,
    /// Colors.
    pub color: ColorBy,
    /// Numbers under the tokens.
    pub numbers: bool,
    /// Signs for white space.
    pub whitespace: bool,
}

impl AlignedText<'_> {
    /// Largest absolute share of a token.
    pub fn largest(&self) -> f64 {
        let shares = self.alignment.map(|a| a.original.iter().chain(&a.paraphrase).flatten());
        shares.map_or(0.0, |s| s.fold(0.0, |m: f64, v| m.max(v.abs())))
    }

    /// Draws both texts into columns of `width` with `gutter` between them.
    pub fn show_ui(&self, layout: &mut AlignedLayout, width: f32, gutter: f32, ui: &mut Ui) {
        layout.update(self, width, ui);
        let look = TokenLook { color: self.color, largest: self.largest() };
        let height = ROW[usize::from(self.numbers)];
        let memory = Id::unique("hovered segment");
        let hovered = ui.data(|d| d.get_temp::<usize>(memory));
        let mut now_hovered = None;
        ui.spacing_mut().item_spacing.y = 0.0;
        egui::ScrollArea::vertical().id_salt("aligned").auto_shrink([false, false]).show_rows(
            ui,
            height,
            layout.rows.len(),
            |ui, range| {
                for row in layout.rows.get(range).unwrap_or_default() {
                    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
                    for (side, placed) in row.iter().enumerate() {
                        let origin = pos2(rect.left() + side as f32 * (width + gutter), rect.top());
                        self.hunks_ui(placed, origin, height, ui);
                        let under = self.side_ui(side, placed, (origin, height), (look, hovered), ui);
                        now_hovered = under.or(now_hovered);
                    }
                }
            },
        );
        if now_hovered != hovered {
            ui.data_mut(|d| match now_hovered {
                Some(segment) => {
                    d.insert_temp(memory, segment);
                }
                None => {
                    d.remove_temp::<usize>(memory);
                }
            });
            ui.ctx().request_repaint();
        }
    }

    fn segment(&self, index: usize) -> Option<&Segment> {
        self.pair.pairing.segments.get(index)
    }

    fn differs(&self, index: usize) -> bool {
        self.segment(index).is_some_and(|s| s.differs)
    }

    /// Outlines around the words that the other side does not have.
    fn hunks_ui(&self, placed: &[Placed], origin: Pos2, height: f32, ui: &Ui) {
        let t = tokens(ui);
        for run in placed.chunk_by(|a, b| a.segment == b.segment) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            if !self.differs(first.segment) {
                continue;
            }
            let rect = Rect::from_min_max(
                pos2(origin.x + first.x - 1.0, origin.y + 1.0),
                pos2(origin.x + last.x + last.width + 1.0, origin.y + height - 1.0),
            );
            ui.painter().rect(rect, 5.0, t.accent_soft, Stroke::new(1.0, t.accent), StrokeKind::Inside);
        }
    }

    /// The tokens of one side of a row. Returns the segment under the pointer.
    fn side_ui(
        &self,
        side: usize,
        placed: &[Placed],
        (origin, height): (Pos2, f32),
        (look, hovered): (TokenLook, Option<usize>),
        ui: &mut Ui,
    ) -> Option<usize> {
        let mut under = None;
        for p in placed {
            let is_linked = hovered == Some(p.segment) && !self.differs(p.segment);
            let token = Token { side, placed: *p, origin, height, is_linked };
            if self.token_ui(&token, look, ui) {
                under = Some(p.segment);
            }
        }
        under
    }

    /// One token. Returns whether the pointer is on it.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "drawing takes the Ui mutably everywhere")]
    fn token_ui(&self, token: &Token, look: TokenLook, ui: &mut Ui) -> bool {
        let Some(cell) = self.pair.sides[token.side].cells.get(token.placed.cell) else { return false };
        let t = tokens(ui);
        let shares = self.alignment.map(|a| if token.side == 0 { &a.original } else { &a.paraphrase });
        let share = shares.and_then(|s| s.get(token.placed.cell).copied().flatten());
        let with_share = share.map(|_| Cell { contribution: share, ..cell.clone() });
        let cell = with_share.as_ref().unwrap_or(cell);
        let top = token.origin + vec2(token.placed.x, 3.0);
        let rect = Rect::from_min_size(top, vec2(token.placed.width, 24.0));
        let full = Rect::from_min_size(top, vec2(token.placed.width, token.height - 6.0));
        let id = ui.scope_id().with((token.side, token.placed.cell));
        let response = ui.interact(full, id, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, cell.shown.as_str()));
        let fill = look.fill(cell, t);
        if let Some(fill) = fill {
            ui.painter().rect_filled(rect.shrink2(vec2(0.25, 0.0)), 2.0, fill);
        }
        let ink = fill.map_or(t.text, |f| t.ink_on(f));
        self.text_ui(token, cell, &rect, ink, ui);
        value_bar_ui(look, cell, &rect, fill.unwrap_or(t.surface), ui);
        if self.numbers {
            let at = pos2(rect.center().x, rect.bottom() + 1.0);
            let font = FontId::monospace(9.0);
            ui.painter().text(at, egui::Align2::CENTER_TOP, value_text(self.color, cell), font, t.text_faint);
        }
        if token.is_linked {
            ui.painter().rect_stroke(rect, 3.0, Stroke::new(1.5, t.text), StrokeKind::Inside);
        }
        let is_hovered = response.hovered();
        if is_hovered {
            response.on_hover_ui(|ui| token_tooltip_ui(cell, ui));
        }
        is_hovered
    }

    /// The text of a token; of a character that tokens share, the part above this one, in its ink.
    fn text_ui(&self, token: &Token, cell: &Cell, rect: &Rect, ink: Color32, ui: &Ui) {
        let strong = self.differs(token.placed.segment);
        let [index, n] = token.placed.place;
        let shared = if n > 1 { self.pair.sides[token.side].shared(token.placed.cell) } else { None };
        let text = shared.map_or_else(|| shown(&cell.shown, self.whitespace), |s| shown(&s.shown, self.whitespace));
        let galley = ui.painter().layout_job(job(&text, ink, strong));
        let left = rect.left() - index as f32 * rect.width();
        let slack = if n > 1 { (n as f32 * rect.width() - galley.size().x) / 2.0 } else { INSET };
        let at = pos2(left + slack, rect.center().y - galley.size().y / 2.0 - 0.5);
        let painter =
            if n > 1 { ui.painter().with_clip_rect(ui.clip_rect().intersect(*rect)) } else { ui.painter().clone() };
        painter.galley(at, galley, ink);
    }
}

struct Token {
    side: usize,
    placed: Placed,
    origin: Pos2,
    height: f32,
    is_linked: bool,
}

/// The same number as the color, as a length: a line under the token.
fn value_bar_ui(look: TokenLook, cell: &Cell, rect: &Rect, fill: Color32, ui: &Ui) {
    let Some(fullness) = look.fullness(cell) else { return };
    let t = tokens(ui);
    let length = (rect.width() - 3.0) * fullness.abs().clamp(0.0, 1.0);
    let from = pos2(rect.left() + 1.5, rect.bottom() - 2.0);
    let ink = t.ink_on(fill).gamma_multiply(0.55);
    ui.painter().hline(from.x..=from.x + length, from.y, Stroke::new(1.5, ink));
}

/// What a token shows, with or without signs for white space.
fn shown(text: &str, whitespace: bool) -> String {
    if text.is_empty() {
        return "◦".to_owned();
    }
    if whitespace {
        return text.to_owned();
    }
    text.chars().map(|c| if "·⏎⇥␍⍽".contains(c) { ' ' } else { c }).collect()
}

fn job(text: &str, ink: Color32, strong: bool) -> LayoutJob {
    let font = font(strong);
    let mut job = LayoutJob { break_on_newline: false, ..LayoutJob::default() };
    job.wrap.max_width = f32::INFINITY;
    let is_sign = |c: char| "·⏎⇥␍⍽◦".contains(c);
    let mut start = 0;
    while start < text.len() {
        let rest = text.get(start..).unwrap_or_default();
        let sign = rest.chars().next().is_some_and(is_sign);
        let len = rest.find(|c| is_sign(c) != sign).unwrap_or(rest.len());
        let color = if sign { ink.gamma_multiply(0.35) } else { ink };
        job.append(rest.get(..len).unwrap_or_default(), 0.0, TextFormat::simple(font.clone(), color));
        start += len;
    }
    job
}

fn font(strong: bool) -> FontId {
    if strong { semibold(size::READING) } else { FontId::proportional(size::READING) }
}

impl AlignedLayout {
    fn update(&mut self, text: &AlignedText<'_>, width: f32, ui: &Ui) {
        let key = Key {
            serial: text.serial,
            width,
            whitespace: text.whitespace,
            numbers: text.numbers.then_some(text.color),
        };
        if self.key == Some(key) {
            return;
        }
        let measure = |side: usize, index: usize, strong: bool| {
            let side = &text.pair.sides[side];
            let Some(cell) = side.cells.get(index) else { return Piece { width: 0.0, place: [0, 1] } };
            let width_of = |shown: &str| ui.painter().layout_job(job(shown, Color32::BLACK, strong)).size().x;
            let digits = if text.numbers { value_text(text.color, cell).len().min(6) } else { 0 };
            let least = 5.5 * digits as f32 + 4.0;
            if let Some(s) = side.shared(index) {
                let width = (width_of(&shown(&s.shown, text.whitespace)) + 4.0) / s.n as f32;
                // With numbers, all tokens of a character take the room of the longest number.
                let least = if text.numbers { 5.5 * 6.0 + 4.0 } else { SHARED };
                return Piece { width: width.max(least), place: [s.index, s.n] };
            }
            let width = width_of(&shown(&cell.shown, text.whitespace)) + 2.0 * INSET;
            Piece { width: width.max(least), place: [0, 1] }
        };
        let breaks = |side: usize, index: usize| {
            text.pair.sides[side].cells.get(index).is_some_and(|c| c.bytes.contains(&b'\n'))
        };
        self.rows = place(&text.pair.pairing.segments, width, &measure, &breaks);
        self.key = Some(key);
    }
}

/// Width of a token, and its place among those that share a character.
#[derive(Clone, Copy)]
struct Piece {
    width: f32,
    place: [usize; 2],
}

/// Fills rows on both sides at once: an equal word that does not fit on one side begins a new row on both.
fn place(
    segments: &[Segment],
    width: f32,
    measure: &dyn Fn(usize, usize, bool) -> Piece,
    breaks: &dyn Fn(usize, usize) -> bool,
) -> Vec<[Vec<Placed>; 2]> {
    let mut rows: Vec<[Vec<Placed>; 2]> = vec![Default::default()];
    let mut x = [0.0, 0.0];
    for (index, segment) in segments.iter().enumerate() {
        let sides = [segment.original.clone(), segment.paraphrase.clone()];
        let pieces: [Vec<Piece>; 2] =
            std::array::from_fn(|s| sides[s].clone().map(|c| measure(s, c, segment.differs)).collect());
        let fits = |s: usize| x[s] + pieces[s].iter().map(|p| p.width).sum::<f32>() <= width;
        let both_fit = fits(0) && fits(1);
        if !segment.differs && !both_fit {
            rows.push(Default::default());
            x = [0.0, 0.0];
        }
        let mut row = [rows.len() - 1; 2];
        for s in 0..2 {
            for (cell, piece) in sides[s].clone().zip(&pieces[s]) {
                let [nth, n] = piece.place;
                if nth == 0 && x[s] + piece.width * n as f32 > width && x[s] > 0.0 {
                    row[s] += 1;
                    x[s] = 0.0;
                }
                if row[s] == rows.len() {
                    rows.push(Default::default());
                }
                if let Some(r) = rows.get_mut(row[s]) {
                    r[s].push(Placed { cell, segment: index, x: x[s], width: piece.width, place: piece.place });
                }
                x[s] += piece.width;
                if breaks(s, cell) {
                    row[s] += 1;
                    x[s] = 0.0;
                }
            }
        }
        let last = row[0].max(row[1]);
        for s in 0..2 {
            if row[s] < last {
                x[s] = 0.0;
            }
        }
        while rows.len() <= last {
            rows.push(Default::default());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Piece = Piece { width: 10.0, place: [0, 1] };

    fn segment(o: std::ops::Range<usize>, p: std::ops::Range<usize>, differs: bool) -> Segment {
        Segment { original: o, paraphrase: p, differs }
    }

    #[test]
    fn equal_words_begin_on_the_same_row_and_no_token_is_lost() {
        let segments = [
            segment(0..1, 0..1, false),
            segment(1..2, 1..6, true),
            segment(2..3, 6..7, false),
            segment(3..3, 7..9, true),
            segment(3..5, 9..11, false),
        ];
        let rows = place(&segments, 30.0, &|_, _, _| TEN, &|_, _| false);
        for side in 0..2 {
            let mut cells: Vec<usize> = rows.iter().flat_map(|r| r[side].iter().map(|p| p.cell)).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..[5, 11][side]).collect::<Vec<_>>());
            assert!(rows.iter().flat_map(|r| &r[side]).all(|p| p.x + p.width <= 30.0));
        }
        let row_of = |side: usize, cell: usize| rows.iter().position(|r| r[side].iter().any(|p| p.cell == cell));
        assert_eq!(row_of(0, 2), row_of(1, 6));
        assert_eq!(row_of(0, 3), row_of(1, 9));
    }

    #[test]
    fn the_tokens_of_a_character_stay_on_one_row() {
        let segments = [segment(0..5, 0..0, true)];
        let part = |_: usize, cell: usize, _: bool| match cell {
            0 | 4 => TEN,
            _ => Piece { width: 10.0, place: [cell - 1, 3] },
        };
        let rows = place(&segments, 35.0, &part, &|_, _| false);
        let cells: Vec<Vec<usize>> = rows.iter().map(|r| r[0].iter().map(|p| p.cell).collect()).collect();
        assert_eq!(cells, [vec![0], vec![1, 2, 3], vec![4]]);
    }

    #[test]
    fn a_line_end_begins_a_new_row_on_both_sides() {
        let segments = [segment(0..1, 0..1, false), segment(1..2, 1..2, false)];
        let rows = place(&segments, 100.0, &|_, _, _| TEN, &|_, cell| cell == 0);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[1][0][0].cell, rows[1][1][0].cell), (1, 1));
    }
}
