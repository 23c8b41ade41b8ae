//! Figures as data: what to draw, not how. The window and the exporter draw the same value.
//!
//! [`export`] writes a [`Figure`] as SVG, PDF, PNG or pgfplots at its physical size, or its numbers; [`compose`] sets several
//! into one file with (a), (b), (c); [`export_table`] writes tables. Equal input gives equal bytes: no clock, no locale.
//! [`palette`], [`ticks`], [`axes`] and [`thin`] serve the window too.

pub mod axes;
mod bands;
mod canvas;
mod csv;
mod figure;
mod fonts;
mod heat;
mod labels;
mod latex;
mod legend;
pub mod march;
mod margins;
mod marks;
mod notes;
mod page;
pub mod palette;
mod panel;
mod pdf;
mod png;
pub mod relief;
mod rows;
mod spec;
mod style;
mod surface_files;
pub mod symlog;
mod tables;
mod tex;
mod tex_maps;
mod text;
pub mod thin;
pub mod ticks;

pub use bands::{Contour, Shades};
pub use figure::{Axis, Band, Figure, Mark, Scale, Series};
pub use notes::{notices, validate};
pub use page::tag as panel_tag;
pub use relief::Relief;
pub use rows::Rows;
pub use spec::{ExportSpec, FontFamily, Format, LegendPosition, Provenance, Venue, length_mm};
pub use tables::{Cell, Direction, TableColumn, TableFormat, TableView, export_table};
pub use text::{Label, Span};

use crate::error::{Error, Result};

/// A file, and what its reader has to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// Content of the file.
    pub bytes: Vec<u8>,
    /// What is not as asked, as sentences: points left out, characters drawn with another font or not at all.
    pub notices: Vec<String>,
}

/// Writes `figure` in the format and size of `spec`.
pub fn export(figure: &Figure, spec: &ExportSpec) -> Result<Vec<u8>> {
    compose(std::slice::from_ref(figure), 1, spec)
}

/// Sets figures side by side, `columns` in a row, as panels (a), (b), (c), … of one file. A legend that all panels
/// share is drawn once.
pub fn compose(figures: &[Figure], columns: usize, spec: &ExportSpec) -> Result<Vec<u8>> {
    export_all(figures, columns, spec).map(|exported| exported.bytes)
}

/// Like [`compose`], with the notices.
pub fn export_all(figures: &[Figure], columns: usize, spec: &ExportSpec) -> Result<Exported> {
    spec.validate()?;
    if figures.is_empty() || columns == 0 {
        return Err(Error::config("there is no figure to export").hint("choose at least one figure and one column"));
    }
    figures.iter().try_for_each(validate)?;
    let mut notices: Vec<String> = figures.iter().flat_map(notices).collect();
    let bytes = match spec.format {
        Format::Csv => csv::write(figures, spec)?,
        Format::Npy => surface_files::npy(figures)?,
        Format::Vtp => surface_files::vtp(figures, spec)?,
        Format::Pgfplots => {
            notices.extend(tex::notices(figures));
            tex::write(figures, columns, spec)?
        }
        Format::Svg | Format::Pdf | Format::Png => {
            let fonts = fonts::Fonts::new(spec.font)?;
            let page = page::draw(figures, columns, spec, &fonts)?;
            notices.extend(fonts.notices());
            match spec.format {
                Format::Pdf => pdf::write(&page, figures, spec, &fonts)?,
                Format::Png => png::write(&page, figures, spec, &fonts)?,
                _ => page.svg.into_bytes(),
            }
        }
    };
    Ok(Exported { bytes, notices })
}
