//! What an exported file must hold: every label, fonts, sizes, provenance, and the same bytes each time.

use memoscope::figures::axes::dimensions;
use memoscope::figures::{
    Axis, ExportSpec, Figure, FontFamily, Format, LegendPosition, Mark, Provenance, Scale, Venue, compose, export,
    export_all,
};

use super::samples::{self, series};

fn text_of(figure: &Figure, spec: &ExportSpec) -> String {
    String::from_utf8(export(figure, spec).expect("exported")).expect("text")
}

fn provenance() -> Provenance {
    Provenance {
        run: "2026-03-01-demo-1f3a".into(),
        method: "mia".into(),
        method_version: Some(3),
        ..Provenance::default()
    }
}

/// All characters of the text elements of an SVG, in order.
fn drawn_text(svg: &str) -> String {
    let document = usvg::roxmltree::Document::parse(svg).expect("well-formed");
    let is_text = |n: &usvg::roxmltree::Node<'_, '_>| n.is_text() && n.ancestors().any(|a| a.has_tag_name("text"));
    document.descendants().filter(is_text).filter_map(|n| n.text()).collect::<Vec<_>>().join("|")
}

#[test]
fn every_label_and_legend_entry_is_drawn_at_every_width_and_font() {
    for figure in samples::all() {
        let narrow = FontFamily::ALL.map(|font| ExportSpec { font, ..ExportSpec::default() });
        let wide = Venue::ALL.map(|v| ExportSpec { width_mm: v.width_mm(), ..ExportSpec::default() });
        for spec in narrow.iter().chain(&wide) {
            let text = drawn_text(&text_of(&figure, spec));
            let names = figure.series.iter().map(|s| &s.name).filter(|n| !n.is_empty());
            for label in [&figure.x.label, &figure.y.label].into_iter().filter(|l| !l.is_empty()).chain(names) {
                assert!(text.contains(label.as_str()), "{} {spec:?}: `{label}` not in {text}", figure.id);
            }
        }
    }
    let loss = drawn_text(&text_of(&samples::histogram(), &ExportSpec::default()));
    assert!(loss.contains("Loss (nats/token)"), "{loss}");
}

#[test]
fn the_file_has_exactly_the_width_of_the_venue() {
    let svg = text_of(&samples::histogram(), &ExportSpec::default());
    // 77 mm = 77 / 25.4 * 72 pt.
    assert!(svg.contains("width=\"218.268pt\""), "{}", &svg[..200]);
    let spec = ExportSpec { height_mm: Some(50.8), width_mm: 76.2, ..ExportSpec::new(Format::Pdf) };
    let pdf = export(&samples::histogram(), &spec).expect("pdf");
    assert!(contains(&pdf, b"/MediaBox[0 0 216 144]"), "3 by 2 inches are 216 by 144 pt");
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

#[test]
fn a_pdf_embeds_its_fonts_and_keeps_text() {
    for font in FontFamily::ALL {
        let spec = ExportSpec { font, provenance: provenance(), ..ExportSpec::new(Format::Pdf) };
        let pdf = export(&samples::roc(Scale::Log), &spec).expect("pdf");
        assert!(pdf.starts_with(b"%PDF-1.5"), "{font:?}: version");
        assert!(contains(&pdf, b"/FontFile"), "{font:?}: no embedded font");
        assert!(contains(&pdf, b"/ToUnicode"), "{font:?}: text is not extractable");
        assert!(
            contains(&pdf, b"run: 2026-03-01-demo-1f3a") && contains(&pdf, b"mia version 3"),
            "{font:?}: provenance"
        );
        assert!(!contains(&pdf, b"/CreationDate"), "a date would change the bytes");
    }
}

#[test]
fn pdftotext_reads_the_labels_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("roc.pdf");
    std::fs::write(&path, export(&samples::roc(Scale::Linear), &ExportSpec::new(Format::Pdf)).expect("pdf"))
        .expect("written");
    let Ok(output) = std::process::Command::new("pdftotext").arg(&path).arg("-").output() else {
        println!("skipped: pdftotext is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    for label in samples::ROC_LABELS.iter().chain(&["Min-K%++ (AUROC 0.78)", "Chance", "0.2"]) {
        assert!(text.contains(label), "`{label}` not in {text}");
    }
}

#[test]
fn a_png_states_its_resolution_and_provenance() {
    let spec = ExportSpec {
        dpi: 200.0,
        provenance: provenance(),
        width_mm: 76.2,
        height_mm: Some(50.8),
        ..ExportSpec::new(Format::Png)
    };
    let png = export(&samples::bars(false), &spec).expect("png");
    let reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().expect("valid");
    let info = reader.info();
    assert_eq!((info.width, info.height), (600, 400));
    let dims = info.pixel_dims.expect("pHYs");
    assert_eq!((dims.xppu, dims.yppu), (7874, 7874), "200 / 0.0254");
    let texts: Vec<(&str, &str)> =
        info.uncompressed_latin1_text.iter().map(|t| (t.keyword.as_str(), t.text.as_str())).collect();
    assert!(texts.contains(&("method", "mia version 3")) && texts.contains(&("figure", "auroc-bars")), "{texts:?}");
}

#[test]
fn transparent_files_have_no_background() {
    for (transparent, alpha) in [(true, Some(0)), (false, None)] {
        let spec = ExportSpec { transparent, dpi: 72.0, ..ExportSpec::new(Format::Png) };
        let png = export(&samples::scatter(), &spec).expect("png");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().expect("valid");
        let mut pixels = vec![1; reader.output_buffer_size().expect("size")];
        reader.next_frame(&mut pixels).expect("pixels");
        let has_alpha = reader.info().color_type == png::ColorType::Rgba;
        assert_eq!(has_alpha.then(|| pixels[3]), alpha);
        assert!(transparent || pixels[..3] == [255; 3], "white");
    }
}

#[test]
fn equal_input_gives_equal_bytes_in_every_format() {
    for format in Format::ALL {
        let make = || compose(&samples::all(), 3, &ExportSpec { width_mm: 170.0, ..ExportSpec::new(format) });
        assert!(make().expect("first") == make().expect("second"), "{format:?}");
    }
}

#[test]
fn provenance_stands_in_every_text_format() {
    for (format, start) in [(Format::Svg, "memoscope:figure"), (Format::Csv, "# "), (Format::Pgfplots, "% ")] {
        let spec = ExportSpec { provenance: provenance(), ..ExportSpec::new(format) };
        let text = text_of(&samples::roc(Scale::Linear), &spec);
        let line = text.lines().find(|l| l.contains("2026-03-01-demo-1f3a")).expect("the run id");
        assert!(line.contains(start), "{line}");
        for value in ["Memoscope ", "mia version 3", "roc"] {
            assert!(text.contains(value), "{format:?} lacks {value}");
        }
    }
}

#[test]
fn zeros_on_a_log_axis_are_counted_and_the_curve_still_starts_at_the_frame() {
    let exported = export_all(&[samples::roc(Scale::Log)], 1, &ExportSpec::default()).expect("svg");
    assert_eq!(
        exported.notices[0],
        "Min-K%++ (AUROC 0.78): 1 of 1001 points at or below zero lie outside the logarithmic horizontal axis."
    );
    let svg = String::from_utf8(exported.bytes).expect("text");
    assert!(svg.contains("left-out=\"Min-K%++"), "the file says it too");
    let document = usvg::roxmltree::Document::parse(&svg).expect("well-formed");
    for d in document.descendants().filter_map(|n| n.attribute("d")) {
        assert!(d.chars().all(|c| c.is_ascii_digit() || "MLZa.- ".contains(c)), "undefined coordinate in {d}");
    }
}

#[test]
fn empty_undefined_and_single_data_have_a_designed_answer() {
    let with = |mark: Option<Mark>| Figure {
        series: mark.map(|m| series("s", 0, m)).into_iter().collect(),
        ..Figure::default()
    };
    let nan = f64::NAN;
    let cases = [
        (None, "No data"),
        (Some(Mark::Line { points: Vec::new(), band: None, dashed: false }), "No defined values"),
        (Some(Mark::Scatter { points: vec![[nan, 1.0], [1.0, nan]] }), "No defined values"),
        (Some(Mark::Histogram { edges: Vec::new(), heights: Vec::new() }), "No defined values"),
        (
            Some(Mark::Heatmap { columns: 2, values: vec![nan; 4], diverging: true, label: String::new() }),
            "No defined values",
        ),
        (
            Some(Mark::Heatmap { columns: 0, values: Vec::new(), diverging: true, label: String::new() }),
            "No defined values",
        ),
        (Some(Mark::Bars { heights: vec![nan], errors: vec![[nan; 2]] }), "No defined values"),
        (Some(Mark::Line { points: vec![[3.0, 5.0]], band: None, dashed: false }), ""),
        (Some(Mark::Heatmap { columns: 1, values: vec![0.0], diverging: false, label: String::new() }), ""),
    ];
    for (mark, message) in cases {
        let figure = with(mark);
        let text = drawn_text(&text_of(&figure, &ExportSpec::default()));
        assert_eq!(text.contains("No d"), !message.is_empty(), "{figure:?}: {text}");
        assert!(text.contains(message), "{figure:?}: {text}");
        for format in Format::ALL {
            export(&figure, &ExportSpec::new(format)).expect("every format");
        }
    }
}

#[test]
fn csv_holds_every_number_of_every_mark() {
    let lines = |figure: &Figure| -> Vec<String> {
        let text = text_of(figure, &ExportSpec::new(Format::Csv));
        text.lines().filter(|l| !l.starts_with('#')).map(str::to_owned).collect()
    };
    let bars = lines(&samples::bars(false));
    assert_eq!(bars[0], "figure,series,mark,x,x_end,y,y_low,y_high,value,row");
    assert_eq!(bars[1], "auroc-bars,Pythia-1b,bar,Loss,,0.52,0.49,0.56,,");
    let histogram = lines(&samples::histogram());
    assert_eq!((histogram.len(), &histogram[1][..38]), (61, "loss-histogram,Members,histogram,1.5,1"));
    let cells = lines(&samples::heatmap());
    assert_eq!(
        (cells[1].as_str(), cells[8].as_str()),
        ("correlation,,cell,1k,,1k,,,1,", "correlation,,cell,16k,,4k,,,,")
    );
    let roc = lines(&samples::roc(Scale::Log));
    assert_eq!(roc.len(), 1 + 3 * 1001 + 2, "zeros included");
}

#[test]
fn an_embedded_font_is_inside_the_svg() {
    let plain = text_of(&samples::bars(false), &ExportSpec::default());
    let embedded = text_of(&samples::bars(false), &ExportSpec { embed_font: true, ..ExportSpec::default() });
    assert!(
        embedded.matches("@font-face").count() == 2 && embedded.len() > plain.len() + 500_000,
        "{}",
        embedded.len()
    );
    assert!(plain.contains("font-family=\"NewComputerModern"), "named");
}

#[test]
fn tex_declares_scales_ranges_and_categories() {
    let text = text_of(&samples::roc(Scale::Log), &ExportSpec::new(Format::Pgfplots));
    for part in
        ["xmode=log", "ymode=log", "xmin=0.001, xmax=1", "fill between[of=low0 and high0]", "Min-K\\%++", "1 1\n};"]
    {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(text.matches("\\begin{").count(), text.matches("\\end{").count(), "environments close");
    assert_eq!(text.matches('{').count(), text.matches('}').count(), "braces close");
    let bars = text_of(&samples::bars(true), &ExportSpec::new(Format::Pgfplots));
    assert!(bars.contains("xticklabels={{Memorization score},") && bars.contains("rotate=45"), "categories");
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "</text><script>&\"' \u{0}\u{1b}[31m %_{$#^~\\ \n line";
    let axis = |label: &str| Axis { label: label.to_owned(), unit: label.to_owned(), ..Axis::default() };
    let figure = Figure {
        id: hostile.to_owned(),
        title: hostile.to_owned(),
        caption: hostile.to_owned(),
        x: axis(hostile),
        y: axis(hostile),
        series: vec![series(hostile, 99, Mark::Scatter { points: vec![[1.0, 2.0]] })],
    };
    let spec = ExportSpec { show_title: true, ..ExportSpec::default() };
    let svg = text_of(&figure, &spec);
    assert!(usvg::roxmltree::Document::parse(&svg).is_ok(), "well-formed");
    assert!(!svg.contains("<script"), "escaped");
    for format in Format::ALL {
        export(&figure, &ExportSpec { show_title: true, ..ExportSpec::new(format) }).expect("every format");
    }
}

#[test]
fn other_scripts_are_drawn_or_named() {
    let figure = samples::scripts();
    for format in [Format::Pdf, Format::Png, Format::Svg] {
        let spec = ExportSpec { show_title: true, ..ExportSpec::new(format) };
        let exported = export_all(std::slice::from_ref(&figure), 1, &spec).expect("exported");
        let notices = exported.notices.join(" ");
        for c in ['기', '손', '記', '🧠'] {
            assert!(notices.contains(c), "{format:?}: nothing is said about {c}: {notices}");
        }
        if format == Format::Svg {
            assert!(drawn_text(&String::from_utf8_lossy(&exported.bytes)).contains("손실"), "text stays text");
        }
    }
}

#[test]
fn panels_are_lettered_aligned_and_share_a_legend() {
    let panels = [samples::roc(Scale::Linear), samples::roc(Scale::Linear), samples::roc(Scale::Linear)];
    let svg = compose(&panels, 2, &ExportSpec { width_mm: 160.0, ..ExportSpec::default() }).expect("composed");
    let text = drawn_text(&String::from_utf8(svg).expect("text"));
    for tag in ["(a)", "(b)", "(c)"] {
        assert_eq!(text.matches(tag).count(), 1, "{tag} in {text}");
    }
    assert_eq!(text.matches("zlib (0.66)").count(), 1, "one legend for all");
    assert!(compose(&[], 1, &ExportSpec::default()).is_err(), "nothing to compose");
}

#[test]
fn a_size_without_room_for_axes_is_refused_with_the_size_that_would_do() {
    let spec = ExportSpec { width_mm: 25.0, height_mm: Some(16.0), ..ExportSpec::default() };
    let error = export(&samples::curves(), &spec).expect_err("too small").to_string();
    assert!(error.contains("too small") && error.contains("at least"), "{error}");
}

#[test]
fn a_legend_is_where_it_was_asked_for() {
    let draw = |legend| drawn_text(&text_of(&samples::curves(), &ExportSpec { legend, ..ExportSpec::default() }));
    assert!(!draw(LegendPosition::None).contains("NPO"), "no legend");
    for legend in [LegendPosition::Right, LegendPosition::Bottom, LegendPosition::TopLeft, LegendPosition::BottomRight]
    {
        assert!(draw(legend).contains("BalancedSubnet"), "{legend:?}");
    }
}

#[test]
fn a_million_points_make_a_small_file() {
    let points: Vec<[f64; 2]> = (0..1_000_000).map(|i| [f64::from(i), f64::from(i % 1013)]).collect();
    for mark in [Mark::Line { points: points.clone(), band: None, dashed: false }, Mark::Scatter { points }] {
        let figure = Figure { id: "big".into(), series: vec![series("", 0, mark)], ..Figure::default() };
        let svg = export(&figure, &ExportSpec::default()).expect("svg");
        assert!(svg.len() < 12_000_000, "{} bytes", svg.len());
    }
}

#[test]
fn the_smallest_figure_looks_as_reviewed() {
    let figure = Figure {
        id: "small".to_owned(),
        x: Axis { label: "Step".to_owned(), ..Axis::default() },
        y: Axis { label: "Loss".to_owned(), unit: "nats/token".to_owned(), ..Axis::default() },
        series: vec![series(
            "NPO",
            1,
            Mark::Line { points: vec![[0.0, 3.0], [1.0, 2.0], [2.0, 1.5]], band: None, dashed: false },
        )],
        ..Figure::default()
    };
    let spec = ExportSpec {
        provenance: Provenance { program: "Memoscope".into(), ..Provenance::default() },
        ..ExportSpec::default()
    };
    let svg = text_of(&figure, &spec);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/figures/small.svg");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &svg).expect("written");
    }
    let reviewed = std::fs::read_to_string(&path).expect("tests/figures/small.svg");
    assert_eq!(svg, reviewed, "look at the new drawing, then run with UPDATE=1");
}

/// Influences have both signs and many sizes: their axis is logarithmic on both sides of zero.
#[test]
fn a_symmetric_logarithmic_axis_is_drawn_and_declared() {
    let mut figure = samples::roc(Scale::Linear);
    figure.y = Axis { label: "influence".to_owned(), scale: Scale::Symlog, ..Axis::default() };
    let points: Vec<[f64; 2]> =
        [-100.0, -1.0, 0.0, 1.0, 100.0].iter().enumerate().map(|(i, y)| [i as f64, *y]).collect();
    figure.x.range = None;
    figure.series.truncate(1);
    figure.series[0].mark = Mark::Scatter { points };
    let tex = text_of(&figure, &ExportSpec::new(Format::Pgfplots));
    assert!(tex.contains("y coord trafo/.code={\\pgfmathparse{sign(#1)*ln(1+abs(#1)/0.1)/ln(10)}}"), "{tex}");
    let dimensions = dimensions(&figure);
    let [middle, ten, minus] = [0.0, 10.0, -10.0].map(|v| dimensions[1].position(v));
    assert!((middle - 0.5).abs() < 1e-9 && (ten + minus - 1.0).abs() < 1e-9, "zero is in the middle");
    // log10(1 + 10/0.1) of log10(1 + 100/0.1), with 4 % of room at both ends.
    let want = 0.5 + 0.5 * (101f64.log10() / 1001f64.log10()) / 1.08;
    assert!((ten - want).abs() < 1e-9, "{ten} is not {want}");
    assert!(export(&figure, &ExportSpec::default()).is_ok_and(|svg| !svg.is_empty()), "and drawn");
}
