//! Pixels.

use super::fonts::Fonts;
use super::page::Page;
use super::palette::Rgb;
use super::spec::{ExportSpec, MM_PER_INCH, PT_PER_INCH};
use super::{Figure, notes};
use crate::error::{Error, Result};

/// The page at the resolution of `spec`, which the file states, with its provenance.
pub(super) fn write(page: &Page, figures: &[Figure], spec: &ExportSpec, fonts: &Fonts) -> Result<Vec<u8>> {
    let tree = usvg::Tree::from_str(&page.svg, &fonts.options()).map_err(|e| Error::bug(format!("drawing: {e}")))?;
    let pixels = |points: f64| ((points / PT_PER_INCH * spec.dpi).round() as u32).max(1);
    let (width, height) = (pixels(page.width), pixels(page.height));
    let mut map = resvg::tiny_skia::Pixmap::new(width, height).ok_or_else(|| {
        Error::config(format!("an image of {width} by {height} pixels cannot be made")).hint("lower the resolution")
    })?;
    let scale = |pixels: u32, size: f32| pixels as f32 / size;
    let size = tree.size();
    let transform = usvg::Transform::from_scale(scale(width, size.width()), scale(height, size.height()));
    resvg::render(&tree, transform, &mut map.as_mut());
    let data: Vec<u8> = if spec.transparent {
        map.pixels()
            .iter()
            .map(resvg::tiny_skia::PremultipliedColorU8::demultiply)
            .flat_map(|c| [c.red(), c.green(), c.blue(), c.alpha()])
            .collect()
    } else {
        map.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect()
    };
    let texts = figures.iter().flat_map(|figure| notes::provenance(figure, spec));
    let color = if spec.transparent { ::png::ColorType::Rgba } else { ::png::ColorType::Rgb };
    let per_meter = (spec.dpi / MM_PER_INCH * 1000.0).round() as u32;
    encode([width, height], color, &data, Some(per_meter), texts)
}

/// One pixel a color, row by row.
pub(super) fn pixels(columns: usize, colors: &[Rgb]) -> Result<Vec<u8>> {
    let data: Vec<u8> = colors.iter().flat_map(|c| [c.r, c.g, c.b]).collect();
    let size = [columns as u32, (colors.len() / columns.max(1)) as u32];
    encode(size, ::png::ColorType::Rgb, &data, None, std::iter::empty())
}

fn encode(
    [width, height]: [u32; 2],
    color: ::png::ColorType,
    data: &[u8],
    per_meter: Option<u32>,
    texts: impl Iterator<Item = (&'static str, String)>,
) -> Result<Vec<u8>> {
    let fail = |error: ::png::EncodingError| Error::bug(format!("writing PNG failed: {error}"));
    let mut out = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder.set_source_srgb(::png::SrgbRenderingIntent::Perceptual);
    if let Some(n) = per_meter {
        encoder.set_pixel_dims(Some(::png::PixelDimensions { xppu: n, yppu: n, unit: ::png::Unit::Meter }));
    }
    for (name, value) in texts {
        if value.is_ascii() {
            encoder.add_text_chunk(name.to_owned(), value).map_err(fail)?;
        } else {
            encoder.add_itxt_chunk(name.to_owned(), value).map_err(fail)?;
        }
    }
    let mut writer = encoder.write_header().map_err(fail)?;
    writer.write_image_data(data).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(out)
}
