//! How a figure becomes a file: format, physical size, fonts, and where it came from.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Millimeters in an inch.
pub(super) const MM_PER_INCH: f64 = 25.4;
/// Typographic points in an inch.
pub(super) const PT_PER_INCH: f64 = 72.0;

/// File format of an exported figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Vector graphics; text stays text.
    #[default]
    Svg,
    /// Vector graphics with embedded fonts, for LaTeX and print.
    Pdf,
    /// Pixels at `dpi`.
    Png,
    /// The numbers, one row a mark.
    Csv,
    /// A LaTeX document for pgfplots that holds the numbers.
    Pgfplots,
    /// The numbers of a surface for NumPy: f64, rows from the lowest ordinate up.
    Npy,
    /// A surface for VTK and ParaView.
    Vtp,
}

impl Format {
    /// The formats of every figure, in menu order.
    pub const ALL: [Self; 5] = [Self::Svg, Self::Pdf, Self::Png, Self::Csv, Self::Pgfplots];

    /// Further formats of figures that show one surface.
    pub const OF_SURFACES: [Self; 2] = [Self::Npy, Self::Vtp];

    /// File extension without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Csv => "csv",
            Self::Pgfplots => "tex",
            Self::Npy => "npy",
            Self::Vtp => "vtp",
        }
    }

    /// Shown name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Svg => "SVG (vector)",
            Self::Pdf => "PDF (vector, fonts embedded)",
            Self::Png => "PNG (pixels)",
            Self::Csv => "CSV (numbers)",
            Self::Pgfplots => "TeX (pgfplots)",
            Self::Npy => "NPY (surface for NumPy)",
            Self::Vtp => "VTP (surface for ParaView)",
        }
    }

    /// The format of this extension or name, in any case.
    pub fn parse(name: &str) -> Result<Self> {
        let name = name.trim().trim_start_matches('.').to_ascii_lowercase();
        let mut known = Self::ALL.into_iter().chain(Self::OF_SURFACES);
        known.find(|f| f.extension() == name || (name == "pgfplots" && *f == Self::Pgfplots)).ok_or_else(|| {
            Error::config(format!("there is no figure format `{name}`"))
                .hint("use svg, pdf, png, csv or tex; for a surface also npy or vtp")
        })
    }
}

/// Width presets of venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Venue {
    /// One column of ACL, EMNLP, NAACL.
    AclColumn,
    /// The full text of ACL, EMNLP, NAACL.
    AclText,
    /// The text of NeurIPS (and, within a millimeter, ICLR).
    NeuripsText,
    /// One column of ICML.
    IcmlColumn,
    /// The full text of ICML.
    IcmlText,
    /// One column of IEEE.
    IeeeColumn,
    /// The full text of IEEE.
    IeeeText,
    /// One column of USENIX.
    UsenixColumn,
}

impl Venue {
    /// All presets, in menu order.
    pub const ALL: [Self; 8] = [
        Self::AclColumn,
        Self::AclText,
        Self::NeuripsText,
        Self::IcmlColumn,
        Self::IcmlText,
        Self::IeeeColumn,
        Self::IeeeText,
        Self::UsenixColumn,
    ];

    /// Stable name, as the command line takes it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::AclColumn => "acl-column",
            Self::AclText => "acl-text",
            Self::NeuripsText => "neurips-text",
            Self::IcmlColumn => "icml-column",
            Self::IcmlText => "icml-text",
            Self::IeeeColumn => "ieee-column",
            Self::IeeeText => "ieee-text",
            Self::UsenixColumn => "usenix-column",
        }
    }

    /// Shown name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AclColumn => "ACL / EMNLP column (77 mm)",
            Self::AclText => "ACL / EMNLP text (160 mm)",
            Self::NeuripsText => "NeurIPS text (5.5 in)",
            Self::IcmlColumn => "ICML column (3.25 in)",
            Self::IcmlText => "ICML text (6.75 in)",
            Self::IeeeColumn => "IEEE column (3.5 in)",
            Self::IeeeText => "IEEE text (7.16 in)",
            Self::UsenixColumn => "USENIX column (3.33 in)",
        }
    }

    /// Width in millimeters.
    pub const fn width_mm(self) -> f64 {
        match self {
            Self::AclColumn => 77.0,
            Self::AclText => 160.0,
            Self::NeuripsText => 5.5 * MM_PER_INCH,
            Self::IcmlColumn => 3.25 * MM_PER_INCH,
            Self::IcmlText => 6.75 * MM_PER_INCH,
            Self::IeeeColumn => 3.5 * MM_PER_INCH,
            Self::IeeeText => 7.16 * MM_PER_INCH,
            Self::UsenixColumn => 3.33 * MM_PER_INCH,
        }
    }
}

/// Millimeters of a length such as `77mm`, `7.7cm`, `3.25in`, `218pt`, `77`, or of a venue preset such as `acl-column`.
pub fn length_mm(text: &str) -> Result<f64> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(venue) = Venue::ALL.into_iter().find(|v| v.id() == text) {
        return Ok(venue.width_mm());
    }
    let units = [("mm", 1.0), ("cm", 10.0), ("in", MM_PER_INCH), ("pt", MM_PER_INCH / PT_PER_INCH), ("", 1.0)];
    units
        .into_iter()
        .find_map(|(unit, factor)| {
            let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
            (number.is_finite() && number > 0.0).then_some(number * factor)
        })
        .ok_or_else(|| {
            let venues: Vec<&str> = Venue::ALL.into_iter().map(Venue::id).collect();
            Error::config(format!("`{text}` is not a length"))
                .hint(format!("write 77mm, 3.25in, 218pt, or one of {}", venues.join(", ")))
        })
}

/// Typeface of all text in a figure. All are embedded in the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FontFamily {
    /// New Computer Modern, the look of LaTeX.
    #[default]
    ComputerModern,
    /// TeX Gyre Termes, metrically a Times, for ACL, NeurIPS, ICML and IEEE styles.
    Times,
    /// TeX Gyre Heros, metrically a Helvetica.
    Helvetica,
    /// Libertinus Serif, for ACM styles.
    Libertinus,
    /// DejaVu Sans Mono.
    Mono,
}

impl FontFamily {
    /// All families, in menu order.
    pub const ALL: [Self; 5] = [Self::ComputerModern, Self::Times, Self::Helvetica, Self::Libertinus, Self::Mono];

    /// Stable name, as the command line takes it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::ComputerModern => "computer-modern",
            Self::Times => "times",
            Self::Helvetica => "helvetica",
            Self::Libertinus => "libertinus",
            Self::Mono => "mono",
        }
    }

    /// Shown name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ComputerModern => "Computer Modern (New Computer Modern)",
            Self::Times => "Times (TeX Gyre Termes)",
            Self::Helvetica => "Helvetica (TeX Gyre Heros)",
            Self::Libertinus => "Libertinus Serif",
            Self::Mono => "DejaVu Sans Mono",
        }
    }

    /// The family with this stable name.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|f| f.id() == name.trim().to_ascii_lowercase()).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::id).collect();
            Error::config(format!("there is no font family `{name}`")).hint(format!("use one of {}", names.join(", ")))
        })
    }
}

/// Where the legend goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegendPosition {
    /// In the emptiest corner; below the axes when every corner is taken.
    #[default]
    Auto,
    /// Inside, at the top left.
    TopLeft,
    /// Inside, at the top right.
    TopRight,
    /// Inside, at the bottom left.
    BottomLeft,
    /// Inside, at the bottom right.
    BottomRight,
    /// Outside, right of the axes.
    Right,
    /// Outside, below the axes.
    Bottom,
    /// No legend.
    None,
}

impl LegendPosition {
    /// All positions, in menu order.
    pub const ALL: [Self; 8] = [
        Self::Auto,
        Self::TopLeft,
        Self::TopRight,
        Self::BottomLeft,
        Self::BottomRight,
        Self::Right,
        Self::Bottom,
        Self::None,
    ];

    /// Shown name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Auto => "Where there is room",
            Self::TopLeft => "Top left",
            Self::TopRight => "Top right",
            Self::BottomLeft => "Bottom left",
            Self::BottomRight => "Bottom right",
            Self::Right => "Outside, right",
            Self::Bottom => "Outside, below",
            Self::None => "None",
        }
    }
}

/// What made a figure; written into the file's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Program and version.
    pub program: String,
    /// Run id; several are separated by commas.
    pub run: String,
    /// Method id.
    pub method: String,
    /// Version of the method card.
    pub method_version: Option<u32>,
}

impl Default for Provenance {
    fn default() -> Self {
        Self {
            program: concat!("Memoscope ", env!("CARGO_PKG_VERSION")).to_owned(),
            run: String::new(),
            method: String::new(),
            method_version: None,
        }
    }
}

/// How a figure is written. The default is one ACL column in Computer Modern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportSpec {
    /// File format.
    pub format: Format,
    /// Width of the whole file in millimeters.
    pub width_mm: f64,
    /// Height of the whole file in millimeters; by the aspect when absent.
    pub height_mm: Option<f64>,
    /// Height over width when `height_mm` is absent. Without both, axes with equal ranges (ROC) become square and
    /// all other figures take the golden ratio.
    pub aspect: Option<f64>,
    /// Typeface.
    pub font: FontFamily,
    /// Size of axis labels, title and legend in points at final size.
    pub font_pt: f64,
    /// Size of tick labels in points at final size.
    pub tick_pt: f64,
    /// Width of data lines in points; axes take half of it.
    pub line_pt: f64,
    /// Pixels an inch of a PNG.
    pub dpi: f64,
    /// Leaves the background out.
    pub transparent: bool,
    /// Where the legend goes.
    pub legend: LegendPosition,
    /// Draws the title; papers have it in the caption.
    pub show_title: bool,
    /// Puts the font itself into an SVG instead of its name; larger, but looks the same everywhere.
    pub embed_font: bool,
    /// What made the figure.
    pub provenance: Provenance,
}

impl Default for ExportSpec {
    fn default() -> Self {
        Self {
            format: Format::Svg,
            width_mm: Venue::AclColumn.width_mm(),
            height_mm: None,
            aspect: None,
            font: FontFamily::ComputerModern,
            font_pt: 8.0,
            tick_pt: 7.0,
            line_pt: 1.0,
            dpi: 300.0,
            transparent: false,
            legend: LegendPosition::Auto,
            show_title: false,
            embed_font: false,
            provenance: Provenance::default(),
        }
    }
}

impl ExportSpec {
    /// A default specification for `format`.
    pub fn new(format: Format) -> Self {
        Self { format, ..Self::default() }
    }

    /// Checks sizes before anything is drawn.
    pub fn validate(&self) -> Result<()> {
        let within = |name: &str, value: f64, low: f64, high: f64, unit: &str| {
            if value.is_finite() && (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Error::config(format!("{name} is {value} {unit}, but must be from {low} to {high} {unit}")))
            }
        };
        within("figure width", self.width_mm, 20.0, 1200.0, "mm")?;
        within("figure height", self.height_mm.unwrap_or(50.0), 15.0, 1200.0, "mm")?;
        within("figure aspect", self.aspect.unwrap_or(1.0), 0.1, 5.0, "times the width")?;
        within("font size", self.font_pt, 3.0, 72.0, "pt")?;
        within("tick font size", self.tick_pt, 3.0, 72.0, "pt")?;
        within("line width", self.line_pt, 0.1, 10.0, "pt")?;
        within("resolution", self.dpi, 36.0, 2400.0, "dpi")?;
        let pixels = self.dpi / MM_PER_INCH * self.width_mm.max(self.height_mm.unwrap_or(0.0));
        if self.format == Format::Png && pixels > 20_000.0 {
            return Err(Error::config(format!("the image would be {pixels:.0} pixels wide or high"))
                .hint("lower the resolution or the size, or export PDF"));
        }
        Ok(())
    }
}

/// Points of so many millimeters.
pub(super) fn pt_from_mm(mm: f64) -> f64 {
    mm / MM_PER_INCH * PT_PER_INCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_in_every_unit_and_by_venue() {
        for (text, mm) in [("77mm", 77.0), ("7.7 cm", 77.0), ("3.25in", 82.55), ("72pt", 25.4), ("90", 90.0)] {
            assert!((length_mm(text).expect(text) - mm).abs() < 1e-9, "{text}");
        }
        assert_eq!(length_mm("NeurIPS-text").expect("venue"), 139.7);
        for text in ["", "mm", "-3mm", "wide", "inf"] {
            let error = length_mm(text).expect_err(text).to_string();
            assert!(error.contains("acl-column"), "{error}");
        }
    }

    #[test]
    fn senseless_sizes_are_refused_by_name() {
        let spec = ExportSpec { width_mm: f64::NAN, ..ExportSpec::default() };
        assert!(spec.validate().expect_err("NaN").to_string().contains("figure width"), "names the field");
        let spec = ExportSpec { format: Format::Png, width_mm: 1000.0, dpi: 2400.0, ..ExportSpec::default() };
        assert!(spec.validate().is_err(), "94488 pixels");
        assert!(ExportSpec::default().validate().is_ok());
    }

    #[test]
    fn formats_are_found_by_extension() {
        assert_eq!(Format::parse(".PDF").expect("pdf"), Format::Pdf);
        assert_eq!(Format::parse("pgfplots").expect("tex"), Format::Pgfplots);
        assert!(Format::parse("bmp").is_err());
    }
}
