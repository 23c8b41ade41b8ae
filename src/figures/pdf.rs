//! Vector graphics for LaTeX and print: fonts embedded, text selectable.

use krilla::configure::{ConfigurationBuilder, PdfVersion};
use krilla::geom::Size;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::{Document, SerializeSettings};
use krilla_svg::{SurfaceExt as _, SvgSettings};

use super::fonts::Fonts;
use super::page::Page;
use super::spec::ExportSpec;
use super::{Figure, notes};
use crate::error::{Error, Result};

/// The page as a PDF of one page of its size.
pub(super) fn write(page: &Page, figures: &[Figure], spec: &ExportSpec, fonts: &Fonts) -> Result<Vec<u8>> {
    let bug = |what: &str| Error::bug(format!("writing PDF failed: {what}"));
    let tree = usvg::Tree::from_str(&page.svg, &fonts.options()).map_err(|e| bug(&e.to_string()))?;
    let (width, height) = (page.width as f32, page.height as f32);
    let size = Size::from_wh(width, height).ok_or_else(|| bug("the page has no size"))?;
    // The newest version that older pdfTeX includes without a warning.
    let configuration =
        ConfigurationBuilder::new().with_version(PdfVersion::Pdf15).finish().map_err(|e| bug(&format!("{e:?}")))?;
    let mut document = Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    document.set_metadata(metadata(figures, spec));
    let settings = PageSettings::from_wh(width, height).ok_or_else(|| bug("the page has no size"))?;
    let mut pdf_page = document.start_page_with(settings);
    let mut surface = pdf_page.surface();
    surface.draw_svg(&tree, size, SvgSettings::default()).ok_or_else(|| bug("the drawing was refused"))?;
    surface.finish();
    pdf_page.finish();
    document.finish().map_err(|e| bug(&format!("{e:?}")))
}

fn metadata(figures: &[Figure], spec: &ExportSpec) -> Metadata {
    let titles: Vec<&str> = figures.iter().map(|f| f.title.trim()).filter(|t| !t.is_empty()).collect();
    let captions: Vec<&str> = figures.iter().map(|f| f.caption.trim()).filter(|t| !t.is_empty()).collect();
    let mut keywords: Vec<String> = Vec::new();
    for (name, value) in figures.iter().flat_map(|figure| notes::provenance(figure, spec)) {
        let keyword = format!("{name}: {value}");
        if !matches!(name, "title" | "caption" | "program") && !keywords.contains(&keyword) {
            keywords.push(keyword);
        }
    }
    // A field given as an empty string is left out, and there is no date: equal input gives equal bytes.
    Metadata::new()
        .title(titles.join("; "))
        .description(captions.join(" "))
        .keywords(keywords)
        .creator(spec.provenance.program.clone())
}
