//! One file of one or several panels: their places, a shared legend, the SVG around them.

use super::canvas::{Canvas, Rect, escape, num};
use super::fonts::{Fonts, css_families, family_name};
use super::legend::{Entry, Legend, agree, entries};
use super::margins::Margins;
use super::panel::Panel;
use super::spec::{ExportSpec, Format, LegendPosition, pt_from_mm};
use super::style::Style;
use super::text::{put, tidy};
use super::{Figure, notes};
use crate::error::{Error, Result};

/// A drawing in SVG.
pub(super) struct Page {
    /// The document.
    pub(super) svg: String,
    /// Width in points.
    pub(super) width: f64,
    /// Height in points.
    pub(super) height: f64,
}

/// Draws `figures` with `columns` panels in a row.
pub(super) fn draw(figures: &[Figure], columns: usize, spec: &ExportSpec, fonts: &Fonts) -> Result<Page> {
    let style = Style::new(spec);
    let columns = columns.min(figures.len()).max(1);
    let width = pt_from_mm(spec.width_mm);
    let gap = style.label * 1.5;
    let cell_width = (width - gap * (columns - 1) as f64) / columns as f64;
    let shared = shared_legend(figures, spec, &style);
    let legend = Legend::new(shared, fonts, &style, width, false);
    let has_legend = legend.size()[0] > 0.0;
    let legend_height = if has_legend { legend.size()[1] + style.gap() } else { 0.0 };
    let rows = figures.len().div_ceil(columns);
    let gaps = gap * (rows - 1) as f64;
    let cell_height = wanted_height(spec, width).map(|h| ((h - legend_height - gaps) / rows as f64).max(12.0));

    let panels: Vec<Panel<'_>> = figures
        .iter()
        .enumerate()
        .map(|(i, figure)| {
            let wish = if has_legend { LegendPosition::None } else { spec.legend };
            Panel::new(figure, fonts, style).tag((figures.len() > 1).then(|| tag(i))).title(spec.show_title).legend(
                wish,
                cell_width,
                cell_height,
            )
        })
        .collect();
    let heights: Vec<f64> = panels
        .chunks(columns)
        .map(|row| {
            let natural = row.iter().map(|p| p.natural_height(cell_width)).fold(0.0, f64::max);
            cell_height.unwrap_or(natural)
        })
        .collect();
    let height = heights.iter().sum::<f64>() + gaps + legend_height;

    let mut canvas = Canvas::new(fonts, spec.format == Format::Svg);
    if !spec.transparent {
        canvas.rect(Rect { x: 0.0, y: 0.0, w: width, h: height }, style.theme.background(), 1.0);
    }
    let margins = aligned(&panels, columns, cell_width, &heights);
    for (i, panel) in panels.iter().enumerate() {
        has_room(margins[i], [cell_width, heights[i / columns]], &style)?;
        let (row, column) = (i / columns, i % columns);
        let y = heights[..row].iter().map(|h| h + gap).sum();
        let outer = Rect { x: (cell_width + gap) * column as f64, y, w: cell_width, h: heights[row] };
        panel.draw(&mut canvas, outer, margins[i]);
    }
    if has_legend {
        let [w, h] = legend.size();
        legend.draw(&mut canvas, [(width - w) / 2.0, height - h]);
    }
    let body = canvas.finish();
    Ok(Page { svg: document(figures, spec, fonts, [width, height], &body), width, height })
}

/// Refuses sizes whose text would leave no axes to speak of.
fn has_room(margins: Margins, [width, height]: [f64; 2], style: &Style) -> Result<()> {
    let least = style.tick * 4.0;
    let taken = [margins.left + margins.right, margins.top + margins.bottom];
    for (name, size, taken) in [("width", width, taken[0]), ("height", height, taken[1])] {
        if size - taken < least {
            let mm = |points: f64| points / pt_from_mm(1.0);
            let (size, taken, wanted) = (mm(size), mm(taken), mm(taken + least).ceil());
            return Err(Error::config(format!(
                "a {name} of {size:.0} mm is too small: labels and legend take {taken:.0} mm"
            ))
            .hint(format!(
                "make each panel at least {wanted:.0} mm in {name}, the font smaller, or hide the legend or title"
            )));
        }
    }
    Ok(())
}

fn wanted_height(spec: &ExportSpec, width: f64) -> Option<f64> {
    spec.height_mm.map(pt_from_mm).or_else(|| spec.aspect.map(|a| a * width))
}

/// The name of a panel: (a), (b), …, (z), (aa), …
pub fn tag(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8);
    format!("({})", letter.to_string().repeat(index / 26 + 1))
}

/// The entries of one legend for all panels, when several panels have entries and they agree.
fn shared_legend(figures: &[Figure], spec: &ExportSpec, style: &Style) -> Vec<Entry> {
    let all: Vec<Vec<Entry>> = figures.iter().map(|f| entries(f, style)).filter(|e| !e.is_empty()).collect();
    let mut shared: Vec<Entry> = Vec::new();
    for entry in all.iter().flatten() {
        if !shared.contains(entry) {
            shared.push(entry.clone());
        }
    }
    let wanted = matches!(spec.legend, LegendPosition::Auto | LegendPosition::Bottom);
    // Without a common entry, one legend for all would only be farther away.
    let repeats = all.iter().map(Vec::len).sum::<usize>() > shared.len();
    if wanted && repeats && agree(&shared) { shared } else { Vec::new() }
}

/// Margins with which axes line up: equal left and right in a column of panels, equal top and bottom in a row.
fn aligned(panels: &[Panel<'_>], columns: usize, width: f64, heights: &[f64]) -> Vec<Margins> {
    let own: Vec<Margins> = panels.iter().enumerate().map(|(i, p)| p.margins(width, heights[i / columns])).collect();
    let over = |keep: &dyn Fn(usize) -> bool| {
        own.iter().enumerate().filter(|(i, _)| keep(*i)).fold(Margins::default(), |m, (_, o)| m.max(*o))
    };
    (0..own.len())
        .map(|i| {
            let column = over(&|j| j % columns == i % columns);
            let row = over(&|j| j / columns == i / columns);
            Margins { left: column.left, right: column.right, top: row.top, bottom: row.bottom }
        })
        .collect()
}

fn document(figures: &[Figure], spec: &ExportSpec, fonts: &Fonts, [width, height]: [f64; 2], body: &str) -> String {
    let family = css_families(fonts.family());
    let mut head = String::new();
    if let [figure] = figures {
        for (element, text) in [("title", tidy(&figure.title)), ("desc", tidy(&figure.caption))] {
            if !text.is_empty() {
                put(&mut head, format_args!("<{element}>{}</{element}>\n", escape(&text)));
            }
        }
    }
    if spec.embed_font && spec.format == Format::Svg {
        put(&mut head, format_args!("<style>{}{}</style>\n", font_face(fonts, false), font_face(fonts, true)));
    }
    let (w, h) = (num(width), num(height));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}pt\" height=\"{h}pt\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"{family}\">\n{}{head}{body}</svg>\n",
        metadata(figures, spec)
    )
}

fn font_face(fonts: &Fonts, bold: bool) -> String {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(fonts.file(bold));
    let weight = if bold { "bold" } else { "normal" };
    format!(
        "@font-face{{font-family:'{}';font-weight:{weight};src:url(data:font/otf;base64,{data})}}",
        family_name(fonts.family())
    )
}

/// Provenance as attributes of an element of our own.
fn metadata(figures: &[Figure], spec: &ExportSpec) -> String {
    let mut out = String::from("<metadata xmlns:memoscope=\"urn:memoscope:figure\">\n");
    for figure in figures {
        out += "<memoscope:figure";
        for (name, value) in notes::provenance(figure, spec) {
            put(&mut out, format_args!(" {}=\"{}\"", name.replace(' ', "-"), escape(&value)));
        }
        out += "/>\n";
    }
    out + "</metadata>\n"
}
