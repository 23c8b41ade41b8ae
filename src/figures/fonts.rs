//! Typefaces: the embedded ones, the system's for scripts they lack, and the width of text in them.
//!
//! Every character is resolved here, before a renderer sees it: renderers drop text of unknown families without a word.
//! A character that no font can draw becomes a box, and the exporter says so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use rustybuzz::{Face, UnicodeBuffer, ttf_parser};
use usvg::fontdb::{Database, FaceInfo, ID, Source, Stretch, Style, Weight};

use super::spec::FontFamily;
use super::text::Label;
use crate::error::{Error, Result};

/// Drawn for a character without a glyph.
const BOX: &str = "□";

const TEX_GYRE: [&[u8]; 4] = [
    include_bytes!("../../assets/fonts/texgyretermes-regular.otf"),
    include_bytes!("../../assets/fonts/texgyretermes-bold.otf"),
    include_bytes!("../../assets/fonts/texgyreheros-regular.otf"),
    include_bytes!("../../assets/fonts/texgyreheros-bold.otf"),
];

/// The embedded faces.
fn embedded() -> &'static Arc<Database> {
    static EMBEDDED: OnceLock<Arc<Database>> = OnceLock::new();
    EMBEDDED.get_or_init(|| {
        let mut db = Database::new();
        for bytes in typst_assets::fonts().chain(TEX_GYRE) {
            db.load_font_source(Source::Binary(Arc::new(bytes)));
        }
        Arc::new(db)
    })
}

/// The embedded faces and, behind them, those of the system. Read once, when the first missing glyph asks for it.
fn with_system() -> &'static Arc<Database> {
    static SYSTEM: OnceLock<Arc<Database>> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        let mut db = Database::clone(embedded());
        db.load_system_fonts();
        Arc::new(db)
    })
}

/// The family as its font files call it.
pub(super) const fn family_name(family: FontFamily) -> &'static str {
    match family {
        FontFamily::ComputerModern => "NewComputerModern",
        FontFamily::Times => "TeX Gyre Termes",
        FontFamily::Helvetica => "TeX Gyre Heros",
        FontFamily::Libertinus => "Libertinus Serif",
        FontFamily::Mono => "DejaVu Sans Mono",
    }
}

/// Names for viewers of an SVG that lack the font: relatives in order of likeness.
pub(super) const fn css_families(family: FontFamily) -> &'static str {
    match family {
        FontFamily::ComputerModern => {
            "NewComputerModern, 'New Computer Modern', 'Latin Modern Roman', 'CMU Serif', serif"
        }
        FontFamily::Times => "'TeX Gyre Termes', 'Times New Roman', Times, 'Liberation Serif', serif",
        FontFamily::Helvetica => "'TeX Gyre Heros', Helvetica, Arial, 'Liberation Sans', sans-serif",
        FontFamily::Libertinus => "'Libertinus Serif', 'Linux Libertine O', serif",
        FontFamily::Mono => "'DejaVu Sans Mono', Menlo, Consolas, monospace",
    }
}

/// A run of characters in one face.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// What to draw; a box where there is no glyph.
    pub(super) drawn: String,
    /// What it stands for.
    pub(super) original: String,
    /// The family to ask the renderer for; absent for the chosen family itself.
    pub(super) family: Option<String>,
    /// Width in units of the font size.
    pub(super) width: f64,
}

/// The fonts of one export.
pub(super) struct Fonts {
    family: FontFamily,
    regular: ID,
    bold: ID,
    /// Which face draws a character that the chosen family lacks; none when no face does.
    found: RefCell<BTreeMap<char, Option<ID>>>,
    /// Runs of texts seen before, by boldness: layout measures the same labels many times.
    known: [RefCell<BTreeMap<String, Vec<Run>>>; 2],
}

impl Fonts {
    /// Opens a family.
    pub(super) fn new(family: FontFamily) -> Result<Self> {
        let face = |weight: Weight| {
            let is = |f: &&FaceInfo| f.style == Style::Normal && f.weight == weight && has_name(f, family_name(family));
            embedded().faces().find(is).map(|face| face.id).ok_or_else(|| {
                Error::bug(format!("the embedded font {} has no face of weight {}", family_name(family), weight.0))
            })
        };
        let (regular, bold) = (face(Weight::NORMAL)?, face(Weight::BOLD)?);
        Ok(Self { family, regular, bold, found: RefCell::default(), known: Default::default() })
    }

    /// The chosen family.
    pub(super) fn family(&self) -> FontFamily {
        self.family
    }

    /// All faces that may be needed, for renderers.
    pub(super) fn database(&self) -> Arc<Database> {
        let system = self.found.borrow().values().any(|id| id.is_none_or(|id| embedded().face(id).is_none()));
        Arc::clone(if system { with_system() } else { embedded() })
    }

    /// Options for usvg that select exactly the faces which were measured.
    pub(super) fn options(&self) -> usvg::Options<'static> {
        let fontdb = self.database();
        let select_font: usvg::FontSelectionFn<'static> = Box::new(|font, db| {
            let bold = font.weight() >= 600;
            font.families().iter().find_map(|family| match family {
                usvg::FontFamily::Named(name) => face_of_family(db, name, bold),
                _ => None,
            })
        });
        let select_fallback: usvg::FallbackSelectionFn<'static> = Box::new(|_, _, _| None);
        usvg::Options {
            fontdb,
            font_resolver: usvg::FontResolver { select_font, select_fallback },
            ..usvg::Options::default()
        }
    }

    /// The file of the chosen family, for embedding.
    pub(super) fn file(&self, bold: bool) -> Vec<u8> {
        let id = if bold { self.bold } else { self.regular };
        embedded().with_face_data(id, |data, _| data.to_vec()).unwrap_or_default()
    }

    /// Cuts `text` into runs of one face each.
    pub(super) fn runs(&self, text: &str, bold: bool) -> Vec<Run> {
        let known = &self.known[usize::from(bold)];
        if let Some(runs) = known.borrow().get(text) {
            return runs.clone();
        }
        let runs = self.cut(text, bold);
        known.borrow_mut().insert(text.to_owned(), runs.clone());
        runs
    }

    fn cut(&self, text: &str, bold: bool) -> Vec<Run> {
        let own = if bold { self.bold } else { self.regular };
        let mut pieces: Vec<(Option<ID>, String)> = Vec::new();
        for c in text.chars() {
            let joins = joins_previous(c) && !pieces.is_empty();
            let face = if covers(embedded(), own, c) { Some(own) } else { self.fallback(c) };
            match pieces.last_mut() {
                Some((last, piece)) if joins || *last == face => piece.push(c),
                _ => pieces.push((face, c.to_string())),
            }
        }
        pieces.into_iter().map(|(face, original)| self.run(face, original, own)).collect()
    }

    fn run(&self, face: Option<ID>, original: String, own: ID) -> Run {
        let (face, drawn) = match face {
            Some(face) => (face, original.clone()),
            None => (self.fallback('□').unwrap_or(own), BOX.repeat(original.chars().count())),
        };
        let db = self.database();
        let width = db.with_face_data(face, |data, index| advance(data, index, &drawn)).flatten().unwrap_or(0.0);
        let family =
            if face == own { None } else { db.face(face).and_then(|f| f.families.first()).map(|f| f.0.clone()) };
        Run { drawn, original, family, width }
    }

    /// A face for a character that the chosen family lacks: an embedded one before the system's.
    fn fallback(&self, c: char) -> Option<ID> {
        if let Some(found) = self.found.borrow().get(&c) {
            return *found;
        }
        let own = |f: &FaceInfo| f.style == Style::Normal && f.weight == Weight::NORMAL;
        // Relatives of the family first, such as New Computer Modern Math.
        let is_relative = |f: &&FaceInfo| f.families.iter().any(|(name, _)| name.starts_with(family_name(self.family)));
        let (relatives, others): (Vec<_>, Vec<_>) = embedded().faces().filter(|f| own(f)).partition(is_relative);
        let near = relatives.into_iter().chain(others).find(|f| covers(embedded(), f.id, c)).map(|f| f.id);
        let found = near.or_else(|| {
            let sans = matches!(self.family, FontFamily::Helvetica | FontFamily::Mono);
            let mut faces: Vec<&FaceInfo> = with_system().faces().filter(|f| embedded().face(f.id).is_none()).collect();
            faces.sort_by_cached_key(|f| unlikeness(f, c, sans));
            faces.into_iter().find(|f| covers(with_system(), f.id, c)).map(|f| f.id)
        });
        self.found.borrow_mut().insert(c, found);
        found
    }

    /// Width of a label in points at `size` points; superscripts are drawn at [`SUPERSCRIPT`] of it.
    pub(super) fn width(&self, label: &Label, size: f64, bold: bool) -> f64 {
        let spans = label.0.iter();
        spans
            .map(|span| {
                let scale = if span.superscript { SUPERSCRIPT } else { 1.0 };
                self.runs(&span.text, bold).iter().map(|run| run.width).sum::<f64>() * scale * size
            })
            .sum()
    }

    /// `label` cut to `most` points with an ellipsis.
    pub(super) fn fit(&self, label: &Label, size: f64, most: f64) -> Label {
        if self.width(label, size, false) <= most {
            return label.clone();
        }
        let mut letters: Vec<char> = label.flat().chars().collect();
        while letters.pop().is_some() {
            let kept: String = letters.iter().collect();
            let cut = Label::plain(&format!("{}…", kept.trim_end()));
            if self.width(&cut, size, false) <= most {
                return cut;
            }
        }
        Label::plain("…")
    }

    /// What was drawn with another font or not at all, as sentences.
    pub(super) fn notices(&self) -> Vec<String> {
        let found = self.found.borrow();
        let (mut borrowed, mut missing): (BTreeMap<String, String>, Vec<String>) = Default::default();
        for (c, id) in found.iter().filter(|(c, _)| **c != '□') {
            match id {
                Some(id) if embedded().face(*id).is_none() => {
                    let name = with_system().face(*id).and_then(|f| f.families.first()).map(|f| f.0.clone());
                    borrowed.entry(name.unwrap_or_default()).or_default().push(*c);
                }
                Some(_) => {}
                None => missing.push(format!("{c} (U+{:04X})", u32::from(*c))),
            }
        }
        let mut notices: Vec<String> =
            borrowed.into_iter().map(|(name, chars)| format!("Drawn with the system font {name}: {chars}")).collect();
        if !missing.is_empty() {
            let list = missing.join(", ");
            notices.push(format!("No font has a glyph for {list}; a box stands there. Install one, such as Noto."));
        }
        notices
    }
}

/// Size of superscripts relative to their line.
pub(super) const SUPERSCRIPT: f64 = 0.7;
/// How far superscripts are raised, in units of the font size of their line.
pub(super) const RAISE: f64 = 0.38;
/// Height of capitals and digits in units of the font size, close enough for all families to center by.
pub(super) const CAP_HEIGHT: f64 = 0.67;
/// Depth of descenders in units of the font size.
pub(super) const DESCENT: f64 = 0.22;

/// Marks, joiners and selectors stay in the face of the character they belong to.
fn joins_previous(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}' | '\u{200C}' | '\u{200D}' | '\u{20D0}'..='\u{20FF}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}')
}

fn has_name(face: &FaceInfo, name: &str) -> bool {
    face.families.iter().any(|(family, _)| family == name)
}

/// The first face of a family, embedded ones first; a bold one when asked for and there.
fn face_of_family(db: &Database, name: &str, bold: bool) -> Option<ID> {
    let upright = || db.faces().filter(|f| f.style == Style::Normal && has_name(f, name));
    let weight = if bold { Weight::BOLD } else { Weight::NORMAL };
    upright()
        .find(|f| f.weight == weight)
        .or_else(|| upright().next())
        .or_else(|| db.faces().find(|f| has_name(f, name)))
        .map(|f| f.id)
}

fn covers(db: &Database, face: ID, c: char) -> bool {
    db.with_face_data(face, |data, index| {
        ttf_parser::Face::parse(data, index).ok().and_then(|face| face.glyph_index(c)).is_some()
    })
    .unwrap_or(false)
}

fn advance(data: &[u8], index: u32, text: &str) -> Option<f64> {
    let face = Face::from_slice(data, index)?;
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    let shaped = rustybuzz::shape(&face, &[], buffer);
    let units: i64 = shaped.glyph_positions().iter().map(|p| i64::from(p.x_advance)).sum();
    Some(units as f64 / f64::from(face.units_per_em()))
}

/// Sorts system faces: the plainest of the region and kind that suit the character first; names break ties.
fn unlikeness(face: &FaceInfo, c: char, sans: bool) -> (bool, u8, String, u32) {
    let name = face.families.first().map(|f| f.0.clone()).unwrap_or_default();
    let last_resort = ["LastResort", "Last Resort", "Adobe Blank"].iter().any(|n| name.contains(n));
    let plain = face.style == Style::Normal && face.weight == Weight::NORMAL && face.stretch == Stretch::Normal;
    let region = match u32::from(c) {
        0x1100..=0x11FF | 0x3130..=0x318F | 0xAC00..=0xD7FF => " KR",
        0x3040..=0x30FF => " JP",
        0x2E80..=0x9FFF | 0x20000..=0x3FFFF => " SC",
        _ => "",
    };
    let rank = u8::from(!plain) * 8
        + u8::from(!name.contains(region)) * 4
        + u8::from(face.monospaced || name.contains("Mono")) * 2
        + u8::from(name.contains("Serif") == sans);
    (last_resort, rank, name, face.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_two_faces_and_measures() {
        for family in FontFamily::ALL {
            let fonts = Fonts::new(family).expect("embedded");
            let (thin, wide) =
                (fonts.width(&Label::plain("iii"), 10.0, false), fonts.width(&Label::plain("mmm"), 10.0, true));
            assert!(thin > 3.0 && wide >= thin, "{family:?}: {thin} {wide}");
            let power = fonts.width(&Label::power("10", 3), 10.0, false);
            assert!(power < fonts.width(&Label::plain("103"), 10.0, false), "superscripts are smaller");
        }
    }

    #[test]
    fn symbols_come_from_embedded_relatives_without_notice() {
        let fonts = Fonts::new(FontFamily::ComputerModern).expect("embedded");
        let runs = fonts.runs("TPR ≥ 0.5", false);
        assert_eq!(runs.len(), 3);
        assert!(runs[1].family.is_some() && runs[1].drawn == "≥", "{runs:?}");
        assert!(fonts.notices().is_empty());
    }

    #[test]
    fn characters_without_any_glyph_become_boxes_with_a_notice() {
        let fonts = Fonts::new(FontFamily::Times).expect("embedded");
        // A private-use character that no font is likely to hold.
        let runs = fonts.runs("a\u{10FABC}", false);
        assert_eq!(runs[1].drawn, BOX);
        assert_eq!(runs[1].original, "\u{10FABC}");
        assert!(fonts.notices()[0].contains("U+10FABC"), "{:?}", fonts.notices());
    }

    #[test]
    fn long_labels_are_cut_with_an_ellipsis() {
        let fonts = Fonts::new(FontFamily::Helvetica).expect("embedded");
        let cut = fonts.fit(&Label::plain("a rather long series name"), 8.0, 40.0);
        assert!(cut.text().ends_with('…') && fonts.width(&cut, 8.0, false) <= 40.0, "{cut:?}");
    }
}
