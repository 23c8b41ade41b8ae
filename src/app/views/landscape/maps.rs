//! Which figures are maps over a plane, their common range, and the difference of two.

use std::sync::Arc;

use super::Map;
use crate::app::runs::RunList;
use crate::figures::{Contour, Figure, Mark, Rows, Scale, Series};

/// The maps of values over numbers of the chosen runs, in their order and that of their reports; of runs at work those
/// that are on the way.
pub(super) fn maps_of(runs: &RunList) -> Vec<Map<'_>> {
    runs.chosen.iter().flat_map(|id| of_run(runs, id)).collect()
}

fn of_run<'a>(runs: &'a RunList, id: &'a str) -> Vec<Map<'a>> {
    let done = runs.details.get(id).into_iter().flat_map(|details| &details.figures);
    let on_the_way = runs.partial.get(id).into_iter().flatten();
    let mut maps: Vec<Map<'_>> = Vec::new();
    for (file, figure) in done.chain(on_the_way).filter(|(_, figure)| is_flat(figure) && map_in(figure).is_some()) {
        // what a finished step has is better than what it showed on the way
        if maps.iter().all(|map| map.file != file) {
            maps.push(Map { run: id, file, figure });
        }
    }
    maps
}

fn is_flat(figure: &Figure) -> bool {
    figure.series.iter().any(|s| matches!(s.mark, Mark::Contour(_)))
}

/// The first map in a figure.
pub(super) fn map_in(figure: &Figure) -> Option<&Contour> {
    let map = figure.series.iter().find_map(|s| match &s.mark {
        Mark::Contour(map) | Mark::Surface { map, .. } => Some(map),
        _ => None,
    })?;
    (map.columns > 1 && map.rows() > 1).then_some(map)
}

/// From the lowest to the highest value of all; on a logarithmic scale only positive ones count.
pub(super) fn common_range(figures: &[&Arc<Figure>], log: bool) -> Option<[f64; 2]> {
    let values = figures.iter().filter_map(|figure| map_in(figure)).flat_map(|map| map.values.iter().copied());
    let usable = values.filter(|v| v.is_finite() && (!log || *v > 0.0));
    let [low, high] = usable.fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], v| [l.min(v), h.max(v)]);
    (low < high).then_some([low, high])
}

/// The difference of two maps, kept while they are the same.
#[derive(Default)]
pub(super) struct Difference {
    of: Option<[Arc<Figure>; 2]>,
    made: Option<Arc<Figure>>,
}

impl Difference {
    /// The first minus the second; none when their grids differ.
    pub(super) fn of(&mut self, first: &Arc<Figure>, second: &Arc<Figure>) -> Option<Arc<Figure>> {
        let is_known = |[a, b]: &[Arc<Figure>; 2]| Arc::ptr_eq(a, first) && Arc::ptr_eq(b, second);
        if !self.of.as_ref().is_some_and(is_known) {
            self.made = difference(first, second).map(Arc::new);
            self.of = Some([Arc::clone(first), Arc::clone(second)]);
        }
        self.made.clone()
    }
}

fn difference(first: &Figure, second: &Figure) -> Option<Figure> {
    let (a, b) = (map_in(first)?, map_in(second)?);
    if (a.columns, a.values.len(), a.x, a.y) != (b.columns, b.values.len(), b.x, b.y) {
        return None;
    }
    let values = a.values.iter().zip(&b.values).map(|(a, b)| a - b).collect();
    let (levels, label) = (Vec::new(), format!("Δ {}", a.label));
    let map = Contour { values, levels, range: None, scale: Scale::Linear, diverging: true, label, ..a.clone() };
    let mark = Mark::Contour(map);
    Some(Figure {
        id: format!("{}-minus-{}", first.id, second.id),
        title: format!("{} minus {}", first.title, second.title),
        series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
        ..first.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::runs::RunDetails;

    fn map(id: &str, values: Vec<f64>) -> Arc<Figure> {
        let map = Contour { columns: 2, values, x: [-1.0, 1.0], y: [-1.0, 1.0], ..Contour::default() };
        let mark = Mark::Contour(map);
        Arc::new(Figure {
            id: id.into(),
            title: id.into(),
            series: vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }],
            ..Figure::default()
        })
    }

    #[test]
    fn a_difference_is_signed_and_made_once() {
        let (a, b) = (map("a", vec![1.0, 2.0, 3.0, f64::NAN]), map("b", vec![0.5, 4.0, 3.0, 1.0]));
        let mut difference = Difference::default();
        let made = difference.of(&a, &b).unwrap();
        let values = &map_in(&made).unwrap().values;
        assert_eq!(values[..3], [0.5, -2.0, 0.0]);
        assert!(values[3].is_nan() && made.title == "a minus b");
        assert!(Arc::ptr_eq(&made, &difference.of(&a, &b).unwrap()));
        let wider = map("c", vec![1.0; 6]);
        assert!(difference.of(&a, &wider).is_none(), "another grid");
    }

    #[test]
    fn the_common_range_spans_all_defined_values() {
        let (a, b) = (map("a", vec![1.0, 2.0, f64::INFINITY, 0.0]), map("b", vec![-3.0, 8.0, 1.0, 1.0]));
        assert_eq!(common_range(&[&a, &b], false), Some([-3.0, 8.0]));
        assert_eq!(common_range(&[&a, &b], true), Some([1.0, 8.0]));
        assert_eq!(common_range(&[], false), None);
    }

    #[test]
    fn only_maps_over_a_plane_are_shown() {
        let figures = vec![
            ("figures/surface.json".to_owned(), map("surface", vec![1.0; 4])),
            ("figures/correlation.json".to_owned(), {
                let mark = Mark::Heatmap { columns: 2, values: vec![1.0; 4], diverging: true, label: String::new() };
                let series = vec![Series { name: String::new(), color: 0, mark, rows: Rows::default() }];
                Arc::new(Figure { series, ..Figure::default() })
            }),
        ];
        let details = Arc::new(RunDetails { id: "r".into(), figures, ..RunDetails::default() });
        let on_the_way = ["surface", "second"].map(|id| (format!("figures/{id}.json"), map(id, vec![2.0; 4])));
        let mut runs = RunList { chosen: vec!["r".into()], ..RunList::default() };
        runs.details.insert("r".into(), details);
        runs.partial.insert("r".into(), on_the_way.into());
        let maps = maps_of(&runs);
        assert_eq!(maps.iter().map(|m| m.file).collect::<Vec<_>>(), ["figures/surface.json", "figures/second.json"]);
        assert_eq!(map_in(maps[0].figure).unwrap().values[0], 1.0, "the finished one");
    }
}
