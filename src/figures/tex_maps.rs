//! Maps and bent axes for pgfplots.

use super::Contour;
use super::axes::Dimension;
use super::tex::{flat, numbers};
use super::text::put;
use super::ticks::ticks;

/// A surface as cells around its nodes.
pub(super) fn nodes(out: &mut String, surface: &Contour, in_space: bool) {
    let columns = surface.columns.max(1);
    let node = |(i, value): (usize, &f64)| {
        let [x, y] = surface.place((i % columns) as f64, (i / columns) as f64);
        numbers(&[x, y, *value])
    };
    let data: String = surface.values.iter().enumerate().map(node).collect();
    let plot = if in_space {
        format!("\\addplot3[surf, shader=faceted interp, mesh/cols={columns}] table[x index=0, y index=1, z index=2]")
    } else {
        format!(
            "\\addplot[matrix plot*, mesh/cols={columns}, point meta=explicit] \
             table[x index=0, y index=1, meta index=2]"
        )
    };
    put(out, format_args!("{plot} {{\n{data}}};\n"));
}

/// How pgfplots draws a symmetric logarithmic axis: its map, the map back, and the marks.
pub(super) fn symmetric(name: &str, dim: &Dimension) -> [String; 3] {
    const MOST: usize = 7;
    let knee = dim.knee;
    let marks = ticks(dim.scale, dim.range, knee, MOST).major;
    let places: Vec<String> = marks.iter().map(|tick| tick.value.to_string()).collect();
    let names: Vec<String> = marks.iter().map(|tick| format!("{{{}}}", flat(&tick.label))).collect();
    [
        format!("{name} coord trafo/.code={{\\pgfmathparse{{sign(#1)*ln(1+abs(#1)/{knee})/ln(10)}}}}"),
        format!("{name} coord inv trafo/.code={{\\pgfmathparse{{sign(#1)*{knee}*(10^abs(#1)-1)}}}}"),
        format!("{name}tick={{{}}}, {name}ticklabels={{{}}}", places.join(","), names.join(",")),
    ]
}

/// Columns and values of a map with at most 50 cells a side, by averaging blocks; undefined cells do not count.
pub(super) fn coarse(columns: usize, values: &[f64]) -> (usize, Vec<f64>) {
    const SIDE: usize = 50;
    let rows = values.len() / columns.max(1);
    let (across, down) = (columns.div_ceil(SIDE).max(1), rows.div_ceil(SIDE).max(1));
    if across == 1 && down == 1 {
        return (columns, values.to_vec());
    }
    let (new_columns, new_rows) = (columns.div_ceil(across), rows.div_ceil(down));
    let mut sums = vec![(0.0, 0.0); new_columns * new_rows];
    for (i, value) in values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        let (sum, n) = &mut sums[i / columns / down * new_columns + i % columns / across];
        (*sum, *n) = (*sum + value, *n + 1.0);
    }
    (new_columns, sums.into_iter().map(|(sum, n)| sum / n).collect())
}
