//! Writes every sample in every format for looking at: `cargo test --test suite gallery -- --ignored`.

use std::path::Path;

use memoscope::figures::{ExportSpec, FontFamily, Format, LegendPosition, compose, export};

use super::samples;

#[test]
#[ignore = "writes files for looking at into target/gallery"]
fn gallery() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/gallery");
    std::fs::create_dir_all(&folder).expect("target/gallery");
    for figure in samples::all() {
        for format in Format::ALL {
            let bytes = export(&figure, &ExportSpec::new(format)).expect(&figure.id);
            std::fs::write(folder.join(format!("{}.{}", figure.id, format.extension())), bytes).expect("written");
        }
    }
    for (i, font) in FontFamily::ALL.into_iter().enumerate() {
        let legend = [LegendPosition::Right, LegendPosition::Bottom, LegendPosition::TopLeft][i % 3];
        let spec = ExportSpec { font, legend, show_title: true, height_mm: Some(55.0), ..ExportSpec::new(Format::Png) };
        let bytes = export(&samples::curves(), &spec).expect("fonts");
        std::fs::write(folder.join(format!("font-{}.png", font.id())), bytes).expect("written");
    }
    let many = export(&samples::many(), &ExportSpec::new(Format::Png)).expect("many series");
    std::fs::write(folder.join("many.png"), many).expect("written");
    for format in [Format::Png, Format::Pdf, Format::Svg] {
        let spec = ExportSpec { show_title: true, ..ExportSpec::new(format) };
        let bytes = export(&samples::scripts(), &spec).expect("scripts");
        std::fs::write(folder.join(format!("scripts.{}", format.extension())), bytes).expect("written");
    }
    for format in Format::ALL {
        let spec = ExportSpec { width_mm: 160.0, show_title: true, ..ExportSpec::new(format) };
        let panels = [samples::scatter(), samples::histogram(), samples::bars(false), samples::heatmap()];
        let bytes = compose(&panels, 2, &spec).expect("composition");
        std::fs::write(folder.join(format!("composition.{}", format.extension())), bytes).expect("written");
    }
}
