//! Cuts through maps along both directions, all maps in one plot a direction.

use std::sync::Arc;

use egui::{RichText, Slider, Ui};

use super::maps::map_in;
use crate::app::plot::plot_ui;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::size;
use crate::app::widgets::columns_ui;
use crate::figures::ticks::short;
use crate::figures::{Axis, Contour, Figure, Mark, Rows, Scale, Series};

/// Where the maps are cut, and the cuts while they are the same.
#[derive(Default)]
pub(super) struct Slices {
    /// Share of the way along the first and the second direction; the middle at first.
    at: Option<[f64; 2]>,
    of: Vec<Arc<Figure>>,
    made: Option<(Key, [Arc<Figure>; 2])>,
}

/// What a cut depends on besides the maps.
type Key = ([f64; 2], bool);

impl Slices {
    /// Both cuts, each with a slider that moves it across.
    pub(super) fn show_ui(&mut self, figures: &[&Arc<Figure>], log: bool, height: f32, ui: &mut Ui) {
        let mut at = self.at.unwrap_or([0.5; 2]);
        let cuts = self.cuts(figures, at, log);
        columns_ui(2, ui, |columns| {
            for (i, (column, cut)) in columns.iter_mut().zip(&cuts).enumerate() {
                column.label(RichText::new(&cut.title).font(semibold(size::BODY)));
                // the cut along one direction is moved along the other
                if let Some(place) = at.get_mut(1 - i) {
                    column.add(Slider::new(place, 0.0..=1.0).show_value(false).text("where"));
                }
                plot_ui(cut, &format!("landscape slice {i}"), height - 24.0, None, column);
            }
        });
        self.at = Some(at);
    }

    fn cuts(&mut self, figures: &[&Arc<Figure>], at: [f64; 2], log: bool) -> [Arc<Figure>; 2] {
        let is_same = figures.len() == self.of.len() && figures.iter().zip(&self.of).all(|(a, b)| Arc::ptr_eq(a, b));
        if let Some((_, made)) = self.made.as_ref().filter(|(key, _)| is_same && *key == (at, log)) {
            return made.clone();
        }
        let made = [0, 1].map(|along| Arc::new(cut(figures, along, at[1 - along], log)));
        self.of = figures.iter().map(|f| Arc::clone(f)).collect();
        self.made = Some(((at, log), made.clone()));
        made
    }
}

/// The maps cut along a direction (0: along the rows of the grid), at a share of the way along the other one.
fn cut(figures: &[&Arc<Figure>], along: usize, share: f64, log: bool) -> Figure {
    let mut all = Figure::default();
    for figure in figures {
        let Some(map) = map_in(figure) else { continue };
        let (points, place) = line(map, along, share);
        let axes = [&figure.x, &figure.y];
        if all.series.is_empty() {
            let other = &axes[1 - along].label;
            all.id = format!("slice-{along}");
            all.title = format!("{other} = {}", short((place * 1e4).round() / 1e4));
            all.x = Axis { label: axes[along].label.clone(), ..Axis::default() };
            let scale = if log { Scale::Log } else { Scale::Linear };
            all.y = Axis { label: map.label.clone(), scale, ..Axis::default() };
        }
        let mark = Mark::Line { points, band: None, dashed: false };
        let color = all.series.len();
        all.series.push(Series { name: figure.title.clone(), color, mark, rows: Rows::default() });
    }
    all
}

/// The nodes of the row or column nearest to a share of the way, and where it is.
fn line(map: &Contour, along: usize, share: f64) -> (Vec<[f64; 2]>, f64) {
    let n = [map.columns, map.rows()];
    let across = 1 - along;
    let index = (share * n[across].saturating_sub(1) as f64).round() as usize;
    let node = |i: usize| if along == 0 { (i, index) } else { (index, i) };
    let point = |i: usize| {
        let (column, row) = node(i);
        let value = map.values.get(row * map.columns + column).copied().unwrap_or(f64::NAN);
        [map.place(column as f64, row as f64)[along], value]
    };
    let (column, row) = node(0);
    ((0..n[along]).map(point).collect(), map.place(column as f64, row as f64)[across])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_cut_along_both_directions() {
        let map = Contour {
            columns: 3,
            values: (0..6).map(f64::from).collect(),
            x: [-1.0, 1.0],
            y: [0.0, 2.0],
            label: "loss".into(),
            ..Contour::default()
        };
        let (row, at) = line(&map, 0, 1.0);
        assert_eq!((row, at), (vec![[-1.0, 3.0], [0.0, 4.0], [1.0, 5.0]], 2.0));
        let (column, at) = line(&map, 1, 0.5);
        assert_eq!((column, at), (vec![[0.0, 1.0], [2.0, 4.0]], 0.0));
        let series = vec![Series { name: String::new(), color: 0, mark: Mark::Contour(map), rows: Rows::default() }];
        let axis = |label: &str| Axis { label: label.into(), ..Axis::default() };
        let figure = Figure { title: "memorized".into(), x: axis("α"), y: axis("β"), series, ..Figure::default() };
        let figure = Arc::new(figure);
        let mut slices = Slices::default();
        let [first, second] = slices.cuts(&[&figure, &figure], [0.5, 0.0], true);
        assert_eq!((first.title.as_str(), first.x.label.as_str(), first.y.scale), ("β = 0", "α", Scale::Log));
        assert_eq!((second.title.as_str(), second.x.label.as_str()), ("α = 0", "β"));
        assert_eq!(first.series.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["memorized"; 2]);
        let again = slices.cuts(&[&figure, &figure], [0.5, 0.0], true);
        assert!(Arc::ptr_eq(&first, &again[0]), "kept while nothing changes");
    }
}
