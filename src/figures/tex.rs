//! A LaTeX document for pgfplots: the numbers and their look, to be edited by hand or cut out into a paper.

use std::fmt::Write as _;

use super::axes::{Dimension, dimensions};
use super::fonts::Fonts;
use super::latex::escape;
use super::marks::{Look, slot};
use super::palette::{Colormap, Rgb, Theme};
use super::panel::Panel;
use super::relief::Camera;
use super::spec::{ExportSpec, FontFamily, LegendPosition, pt_from_mm};
use super::style::Style;
use super::tex_maps::{coarse, nodes, symmetric};
use super::text::{Label, put, tidy};
use super::ticks::axis_title;
use super::{Figure, Mark, Scale, Series, notes, palette, thin};
use crate::error::Result;

/// The figures as one standalone document, `columns` axes in a row.
pub(super) fn write(figures: &[Figure], columns: usize, spec: &ExportSpec) -> Result<Vec<u8>> {
    let fonts = Fonts::new(spec.font)?;
    let columns = columns.min(figures.len()).max(1);
    let mut out = String::new();
    for (name, value) in figures.iter().flat_map(|figure| notes::provenance(figure, spec)) {
        put(&mut out, format_args!("% {name}: {value}\n"));
    }
    out.extend(notices(figures).iter().map(|notice| format!("% {notice}\n")));
    out += "\\documentclass[border=1pt]{standalone}\n\\usepackage[T1]{fontenc}\n";
    out += match spec.font {
        FontFamily::ComputerModern => "\\usepackage{lmodern}\n",
        FontFamily::Times => "\\usepackage{tgtermes}\n",
        FontFamily::Helvetica => "\\usepackage{tgheros}\n\\renewcommand{\\familydefault}{\\sfdefault}\n",
        FontFamily::Libertinus => "\\usepackage{libertinus}\n",
        FontFamily::Mono => "\\usepackage[scaled=0.9]{DejaVuSansMono}\n\\renewcommand{\\familydefault}{\\ttdefault}\n",
    };
    out += "\\usepackage{pgfplots}\n\\pgfplotsset{compat=1.17}\n\\usepgfplotslibrary{fillbetween}\n";
    for (map, name) in [(Colormap::Viridis, "sequential"), (Colormap::Diverging, "diverging")] {
        let colors: Vec<String> =
            (0..=10).map(|i| format!("rgb255=({})", rgb(map.at(f64::from(i) / 10.0, Theme::Light)))).collect();
        put(&mut out, format_args!("\\pgfplotsset{{colormap={{{name}}}{{{}}}}}\n", colors.join(" ")));
    }
    put(&mut out, format_args!("\\begin{{document}}\n\\begin{{tabular}}{{@{{}}{}@{{}}}}\n", "c".repeat(columns)));
    for (index, figure) in figures.iter().enumerate() {
        let tag = (figures.len() > 1).then(|| super::page::tag(index));
        out += &Picture { figure, dims: dimensions(figure), spec, style: Style::new(spec), columns }.draw(tag, &fonts);
        let ends_row = (index + 1) % columns == 0 || index + 1 == figures.len();
        out += if ends_row { "\\\\\n" } else { "&\n" };
    }
    out += "\\end{tabular}\n\\end{document}\n";
    Ok(out.into_bytes())
}

struct Picture<'a> {
    figure: &'a Figure,
    dims: [Dimension; 2],
    spec: &'a ExportSpec,
    style: Style,
    columns: usize,
}

impl Picture<'_> {
    fn draw(&self, tag: Option<String>, fonts: &Fonts) -> String {
        let mut out = String::from("\\begin{tikzpicture}\n");
        for (index, series) in self.figure.series.iter().enumerate() {
            let color = Look::of(self.figure, series, &self.style).color;
            put(&mut out, format_args!("\\definecolor{{series{index}}}{{RGB}}{{{}}}\n", rgb(color)));
        }
        put(&mut out, format_args!("\\begin{{axis}}[\n{}]\n", self.options(tag, fonts)));
        for (index, series) in self.figure.series.iter().enumerate() {
            self.series(&mut out, index, series);
        }
        out + "\\end{axis}\n\\end{tikzpicture}\n"
    }

    fn options(&self, tag: Option<String>, fonts: &Fonts) -> String {
        let spec = self.spec;
        let width = spec.width_mm / self.columns as f64;
        let points = pt_from_mm(width);
        // The axes of pgfplots are smaller than ours at equal width, so that a legend needs more room.
        let panel = Panel::new(self.figure, fonts, self.style).legend(spec.legend, points * 0.8, None);
        let height = spec.height_mm.unwrap_or_else(|| {
            spec.aspect.map_or_else(|| panel.natural_height(points) / pt_from_mm(1.0), |aspect| aspect * width)
        });
        let size = |pt: f64| format!("font=\\fontsize{{{pt}}}{{{:.1}}}\\selectfont", pt * 1.2);
        let mut lines = vec![
            format!("width={width:.2}mm, height={height:.2}mm"),
            format!(
                "label style={{{0}}}, legend style={{{0}, draw=none, fill opacity=0.8, text opacity=1}}",
                size(spec.font_pt)
            ),
            format!("tick label style={{{}}}, title style={{{}}}", size(spec.tick_pt), size(spec.font_pt * 1.1)),
            "legend cell align=left, unbounded coords=jump, tick align=outside, xtick pos=bottom, ytick pos=left"
                .to_owned(),
        ];
        let title = [tag.unwrap_or_default(), if spec.show_title { tidy(&self.figure.title) } else { String::new() }];
        let title = escape(tidy(&title.join(" ")).as_str());
        if !title.is_empty() {
            lines.push(format!("title={{{title}}}"));
        }
        for (name, axis, dim) in [("x", &self.figure.x, &self.dims[0]), ("y", &self.figure.y, &self.dims[1])] {
            lines.push(format!("{name}label={{{}}}", flat(&axis_title(axis, 0))));
            lines.push(format!("{name}min={}, {name}max={}", dim.range[0], dim.range[1]));
            if dim.scale == Scale::Log {
                lines.push(format!("{name}mode=log"));
            }
            if dim.scale == Scale::Symlog {
                lines.extend(symmetric(name, dim));
            }
            if dim.flipped {
                lines.push(format!("{name} dir=reverse"));
            }
            if !dim.categories.is_empty() {
                let places: Vec<String> = (0..dim.categories.len()).map(|i| i.to_string()).collect();
                let names: Vec<String> = dim.categories.iter().map(|c| format!("{{{}}}", escape(&tidy(c)))).collect();
                lines.push(format!("{name}tick={{{}}}, {name}ticklabels={{{}}}", places.join(","), names.join(",")));
                let room = points * 0.75 / dim.categories.len() as f64;
                let is_wide = |c: &String| fonts.width(&Label::plain(c), spec.tick_pt, false) > room;
                if name == "x" && dim.categories.iter().any(is_wide) {
                    lines.push("x tick label style={rotate=45, anchor=north east}".to_owned());
                }
            }
        }
        lines.push(match panel.legend_position() {
            LegendPosition::TopLeft => "legend pos=north west".to_owned(),
            LegendPosition::BottomLeft => "legend pos=south west".to_owned(),
            LegendPosition::BottomRight => "legend pos=south east".to_owned(),
            LegendPosition::Right => "legend pos=outer north east".to_owned(),
            LegendPosition::Bottom => "legend style={at={(0.5,-0.3)}, anchor=north}, legend columns=-1".to_owned(),
            _ => "legend pos=north east".to_owned(),
        });
        if let Some(options) = self.color_bar() {
            lines.push(options);
        }
        lines.extend(self.view());
        lines.into_iter().map(|line| format!("  {line},\n")).collect::<Vec<_>>().concat()
    }

    /// The camera of a surface; pgfplots counts the azimuth from the second axis.
    fn view(&self) -> Option<String> {
        self.figure.series.iter().find_map(|s| match &s.mark {
            Mark::Surface { relief, map } => {
                let Camera { azimuth, elevation, .. } = relief.camera;
                let mode = if relief.log { ", zmode=log" } else { "" };
                let range = relief.range.map_or_else(String::new, |[low, high]| format!(", zmin={low}, zmax={high}"));
                let turn = (azimuth + 90.0).rem_euclid(360.0);
                Some(format!("view={{{turn}}}{{{elevation}}}, zlabel={{{}}}{mode}{range}", escape(&tidy(&map.label))))
            }
            _ => None,
        })
    }

    fn color_bar(&self) -> Option<String> {
        self.figure.series.iter().find_map(|s| match &s.mark {
            Mark::Heatmap { values, diverging, label, .. } => {
                let ([low, high], _) = super::heat::range(values, *diverging)?;
                let map = if *diverging { "diverging" } else { "sequential" };
                let label = escape(&tidy(label));
                Some(format!(
                    "colorbar, colormap name={map}, point meta min={low}, point meta max={high}, enlargelimits=false, \
                     colorbar style={{ylabel={{{label}}}}}"
                ))
            }
            Mark::Contour(surface) | Mark::Surface { map: surface, .. } => {
                let [low, high] = surface.limits()?;
                let map = if surface.diverging { "diverging" } else { "sequential" };
                let label = escape(&tidy(&surface.label));
                Some(format!(
                    "colorbar, colormap name={map}, point meta min={low}, point meta max={high}, enlargelimits=false, \
                     colorbar style={{ylabel={{{label}}}}}"
                ))
            }
            _ => None,
        })
    }

    fn series(&self, out: &mut String, index: usize, series: &Series) {
        let look = Look::of(self.figure, series, &self.style);
        let color = format!("series{index}");
        let line = format!("color={color}, line width={}pt{}", self.spec.line_pt, dash(look.dash, self.spec.line_pt));
        let marker =
            if look.marked { format!("mark={}, mark size=1.5pt", mark(series.color)) } else { "no marks".into() };
        match &series.mark {
            Mark::Line { points, band, .. } => {
                if let Some(band) = band {
                    for (name, edge) in [("low", &band.lower), ("high", &band.upper)] {
                        let edge: Vec<[f64; 2]> = points.iter().zip(edge).map(|(p, y)| [p[0], *y]).collect();
                        let options = format!("draw=none, forget plot, name path={name}{index}");
                        plot(out, &options, &self.rows(&edge, true));
                    }
                    put(
                        out,
                        format_args!(
                            "\\addplot[{color}, opacity=0.18, forget plot] fill between[of=low{index} and high{index}];\n"
                        ),
                    );
                }
                plot(out, &format!("{line}, {marker}"), &self.rows(points, true));
            }
            Mark::Step { points, .. } => plot(out, &format!("{line}, no marks, const plot"), &self.rows(points, true)),
            Mark::Reference { from, to } => {
                plot(out, &format!("{line}, no marks"), &self.rows(&self.along(*from, *to), true));
            }
            Mark::Scatter { points } => {
                plot(out, &format!("only marks, color={color}, {marker}, opacity=0.8"), &self.rows(points, false));
            }
            Mark::Histogram { edges, heights } => {
                let mut rows: Vec<[f64; 2]> = edges.iter().zip(heights).map(|(x, y)| [*x, *y]).collect();
                rows.extend(edges.last().zip(heights.last()).map(|(x, y)| [*x, *y]));
                let options = format!("ybar interval, area legend, fill={color}, draw={color}, fill opacity=0.4");
                plot(out, &options, &rows.iter().map(|r| numbers(r)).collect::<String>());
            }
            Mark::Bars { heights, errors } => self.bars(out, index, heights, errors),
            Mark::Heatmap { columns, values, .. } => self.cells(out, *columns, values),
            Mark::Contour(surface) => nodes(out, surface, false),
            Mark::Surface { map, .. } => nodes(out, map, true),
        }
        let is_map = matches!(series.mark, Mark::Heatmap { .. } | Mark::Contour(_) | Mark::Surface { .. });
        if !series.name.trim().is_empty() && !is_map {
            writeln!(out, "\\addlegendentry{{{}}}", escape(&tidy(&series.name))).unwrap_or_default();
        }
    }

    fn bars(&self, out: &mut String, index: usize, heights: &[f64], errors: &[[f64; 2]]) {
        let [offset, width] = slot(self.figure, index);
        let mut options =
            format!("ybar, area legend, bar width={:.4}, bar shift=0pt, fill=series{index}, draw=none", width * 0.94);
        let rows: String = heights
            .iter()
            .enumerate()
            .map(|(i, height)| {
                let [low, high] = errors.get(i).copied().unwrap_or([*height; 2]);
                numbers(&[i as f64 + offset + width / 2.0, *height, height - low, high - height])
            })
            .collect();
        if !errors.is_empty() {
            let line = self.style.axis * 1.4;
            put(
                &mut options,
                format_args!(", error bars/.cd, y dir=both, y explicit, error bar style={{line width={line:.2}pt}}"),
            );
        }
        put(
            out,
            format_args!(
                "\\addplot[{options}] table[x index=0, y index=1, y error minus index=2, y error plus index=3] {{\n{rows}}};\n"
            ),
        );
    }

    fn cells(&self, out: &mut String, columns: usize, values: &[f64]) {
        let (columns, values) = coarse(columns.max(1), values);
        let rows = values.len() / columns;
        let place = |dim: &Dimension, given: bool, i: usize, n: usize| {
            if given { dim.value((i as f64 + 0.5) / n as f64) } else { i as f64 }
        };
        let given = [super::axes::given(&self.figure.x).is_some(), super::axes::given(&self.figure.y).is_some()];
        let data: String = values
            .iter()
            .enumerate()
            .map(|(i, value)| {
                let x = place(&self.dims[0], given[0], i % columns, columns);
                // The first row is on top: the largest ordinate, unless the axis runs downward.
                let row = if given[1] { rows - 1 - i / columns } else { i / columns };
                numbers(&[x, place(&self.dims[1], given[1], row, rows), *value])
            })
            .collect();
        put(
            out,
            format_args!(
                "\\addplot[matrix plot*, mesh/cols={columns}, point meta=explicit] \
                 table[x index=0, y index=1, meta index=2] {{\n{data}}};\n"
            ),
        );
    }

    /// Points of a straight line in data space, enough to bend on a log axis.
    fn along(&self, from: [f64; 2], to: [f64; 2]) -> Vec<[f64; 2]> {
        let [x, y] = &self.dims;
        if x.scale == Scale::Linear && y.scale == Scale::Linear || from[0] == to[0] {
            return vec![from, to];
        }
        let within = |v: f64| v >= from[0].min(to[0]) && v <= from[0].max(to[0]);
        let sampled = (0..=50).map(|i| x.value(f64::from(i) / 50.0)).filter(|v| within(*v));
        sampled.map(|v| [v, from[1] + (to[1] - from[1]) * (v - from[0]) / (to[0] - from[0])]).collect()
    }

    /// Lines of numbers; TeX holds some thousand points, so more are thinned. Values at or below zero on a log axis
    /// go below its lower end for lines, and away for points.
    fn rows(&self, points: &[[f64; 2]], is_line: bool) -> String {
        let [x, y] = &self.dims;
        let thinned = if points.len() > thin::PLAIN {
            const CELLS: f64 = 500.0;
            let finite = points.iter().filter(|p| p.iter().all(|v| v.is_finite()));
            let placed: Vec<[f64; 2]> = finite.map(|p| [x.position(p[0]) * CELLS, y.position(p[1]) * CELLS]).collect();
            let kept = if is_line { thin::line(&placed, 1.0) } else { thin::cloud(&placed, 1.0) };
            kept.into_iter().map(|p| [x.value(p[0] / CELLS), y.value(p[1] / CELLS)]).collect()
        } else {
            points.to_vec()
        };
        let below = |dim: &Dimension, v: f64| {
            if dim.scale == Scale::Log && v <= 0.0 { if is_line { dim.range[0] * 1e-3 } else { f64::NAN } } else { v }
        };
        thinned.iter().map(|[px, py]| numbers(&[below(x, *px), below(y, *py)])).collect()
    }
}

/// What the document simplifies, as sentences: TeX's memory is small.
pub(super) fn notices(figures: &[Figure]) -> Vec<String> {
    let mut notices = Vec::new();
    for series in figures.iter().flat_map(|figure| &figure.series) {
        match &series.mark {
            Mark::Heatmap { columns, values, .. } if coarse(*columns, values).1.len() < values.len() => {
                let to = coarse(*columns, values);
                let [before, after] =
                    [(*columns, values.len()), (to.0, to.1.len())].map(|(c, n)| format!("{} by {c}", n / c));
                notices
                    .push(format!("A map of {before} cells is averaged to {after} in the TeX file; the CSV has all."));
            }
            Mark::Line { points, .. } | Mark::Step { points, .. } | Mark::Scatter { points }
                if points.len() > thin::PLAIN =>
            {
                notices.push(format!(
                    "{}: {} points are thinned in the TeX file; the CSV has all.",
                    series.name,
                    points.len()
                ));
            }
            Mark::Contour(_) | Mark::Surface { .. } => {
                notices.push("The TeX file shows a surface as cells, without lines of equal value.".to_owned());
            }
            _ => {}
        }
    }
    notices
}

fn plot(out: &mut String, options: &str, rows: &str) {
    put(out, format_args!("\\addplot[{options}] table {{\n{rows}}};\n"));
}

pub(super) fn numbers(values: &[f64]) -> String {
    let texts: Vec<String> =
        values.iter().map(|v| if v.is_finite() { format!("{v}") } else { "nan".to_owned() }).collect();
    texts.join(" ") + "\n"
}

fn rgb(color: Rgb) -> String {
    format!("{},{},{}", color.r, color.g, color.b)
}

fn dash(lengths: &[f64], width: f64) -> String {
    let parts: Vec<String> = lengths
        .iter()
        .enumerate()
        .map(|(i, length)| format!("{} {:.2}pt", if i % 2 == 0 { "on" } else { "off" }, length * width))
        .collect();
    if parts.is_empty() { String::new() } else { format!(", dash pattern={}", parts.join(" ")) }
}

fn mark(index: usize) -> &'static str {
    match palette::marker(index) {
        palette::Marker::Circle => "*",
        palette::Marker::Square => "square*",
        palette::Marker::Up => "triangle*",
        palette::Marker::Diamond => "diamond*",
        palette::Marker::Down => "triangle*, every mark/.append style={rotate=180}",
        palette::Marker::Plus => "+",
        palette::Marker::Cross => "x",
    }
}

/// A label with superscripts in math.
pub(super) fn flat(label: &Label) -> String {
    label
        .0
        .iter()
        .map(|s| if s.superscript { format!("\\textsuperscript{{{}}}", escape(&s.text)) } else { escape(&s.text) })
        .collect()
}
