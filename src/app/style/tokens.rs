//! Design tokens: the colors of the two themes, the 4-point grid, the type scale.
//!
//! Colors are read from `assets/themes`. Text on every surface reaches a contrast of 4.5 (WCAG AA); a test checks it.

use std::sync::LazyLock;

use egui::Color32;
use serde::Deserialize;

/// One step of the spacing grid, points.
pub const GRID: f32 = 4.0;
/// Space between neighbors that belong together.
pub const TIGHT: f32 = GRID;
/// Space between neighbors.
pub const GAP: f32 = 2.0 * GRID;
/// Space inside cards and between groups.
pub const PAD: f32 = 4.0 * GRID;
/// Corner radius of controls.
pub const RADIUS: u8 = 6;
/// Corner radius of cards.
pub const RADIUS_CARD: u8 = 8;
/// Height of buttons and fields.
pub const CONTROL: f32 = 28.0;
/// Height of a row in lists and tables.
pub const ROW: f32 = 28.0;

/// Type scale, points: captions, body, titles of cards, titles of views, the Start view.
pub mod size {
    /// Captions and table heads.
    pub const SMALL: f32 = 11.5;
    /// Body.
    pub const BODY: f32 = 13.0;
    /// Texts under study.
    pub const READING: f32 = 15.0;
    /// Titles of cards.
    pub const TITLE: f32 = 15.0;
    /// Titles of views and large numbers.
    pub const HEADING: f32 = 19.0;
    /// The greeting.
    pub const DISPLAY: f32 = 28.0;
}

/// The colors of a theme.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Behind everything.
    pub canvas: Color32,
    /// Views and cards.
    pub surface: Color32,
    /// Menus, tooltips.
    pub raised: Color32,
    /// Fields and wells.
    pub sunken: Color32,
    /// Under the pointer.
    pub hover: Color32,
    /// Pressed or chosen without emphasis.
    pub pressed: Color32,
    /// Hairlines.
    pub border: Color32,
    /// Outlines of controls.
    pub border_strong: Color32,
    /// Text.
    pub text: Color32,
    /// Secondary text.
    pub text_soft: Color32,
    /// Captions.
    pub text_faint: Color32,
    /// The one accent.
    pub accent: Color32,
    /// The accent under the pointer.
    pub accent_hover: Color32,
    /// A surface tinted with the accent.
    pub accent_soft: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Done, better.
    pub good: Color32,
    /// Done, but not as asked.
    pub warn: Color32,
    /// Failed, worse.
    pub bad: Color32,
    /// A surface tinted with `good`.
    pub good_soft: Color32,
    /// A surface tinted with `warn`.
    pub warn_soft: Color32,
    /// A surface tinted with `bad`.
    pub bad_soft: Color32,
    /// Shadows.
    pub shadow: Color32,
    ramp: Vec<Color32>,
    ramp_ink: Vec<Color32>,
    diverging: Vec<Color32>,
}

/// The colors of the theme that `ui` is drawn in.
pub fn tokens(ui: &egui::Ui) -> &'static Tokens {
    Tokens::of(ui.visuals().dark_mode)
}

impl Tokens {
    /// The colors of the dark or the light theme.
    pub fn of(dark: bool) -> &'static Self {
        static LIGHT: LazyLock<Tokens> = LazyLock::new(|| parse(include_str!("../../../assets/themes/light.json")));
        static DARK: LazyLock<Tokens> = LazyLock::new(|| parse(include_str!("../../../assets/themes/dark.json")));
        if dark { &DARK } else { &LIGHT }
    }

    /// Perceptually even color of `t` in 0..=1: 0 is the paper, 1 the fullest ink.
    pub fn ramp(&self, t: f32) -> Color32 {
        mix_stops(&self.ramp, t)
    }

    /// Diverging color of `t` in −1..=1 with the paper at 0.
    pub fn diverging(&self, t: f32) -> Color32 {
        mix_stops(&self.diverging, f32::midpoint(t, 1.0))
    }

    /// The text color that reads best on `background`.
    pub fn ink_on(&self, background: Color32) -> Color32 {
        let best = |a: &Color32, b: &Color32| contrast(*a, background).total_cmp(&contrast(*b, background));
        self.ramp_ink.iter().copied().max_by(best).unwrap_or(self.text)
    }
}

fn mix_stops(stops: &[Color32], t: f32) -> Color32 {
    let Some(last) = stops.len().checked_sub(1) else { return Color32::TRANSPARENT };
    let position = if t.is_finite() { t.clamp(0.0, 1.0) * last as f32 } else { 0.0 };
    let low = (position.floor() as usize).min(last);
    let high = (low + 1).min(last);
    match (stops.get(low), stops.get(high)) {
        (Some(a), Some(b)) => a.lerp_to_gamma(*b, position - low as f32),
        _ => Color32::TRANSPARENT,
    }
}

/// WCAG contrast of two opaque colors, 1 to 21.
pub fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |c: Color32| {
        let [r, g, b, _] = egui::Rgba::from(c).to_array();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (x, y) = (luminance(a), luminance(b));
    (x.max(y) + 0.05) / (x.min(y) + 0.05)
}

#[derive(Deserialize)]
struct ThemeFile {
    #[serde(flatten)]
    colors: std::collections::BTreeMap<String, serde_json::Value>,
}

/// A color that is missing in a theme file shows as magenta, and a test fails.
const MISSING: Color32 = Color32::from_rgb(255, 0, 255);

fn parse(text: &str) -> Tokens {
    let colors = serde_json::from_str::<ThemeFile>(text).map(|f| f.colors).unwrap_or_default();
    let hex = |v: &serde_json::Value| v.as_str().and_then(|s| Color32::from_hex(s).ok()).unwrap_or(MISSING);
    let one = |name: &str| colors.get(name).map_or(MISSING, hex);
    let many = |name: &str| {
        let list = colors.get(name).and_then(|v| v.as_array());
        list.map_or_else(|| vec![MISSING], |l| l.iter().map(hex).collect())
    };
    Tokens {
        canvas: one("canvas"),
        surface: one("surface"),
        raised: one("raised"),
        sunken: one("sunken"),
        hover: one("hover"),
        pressed: one("pressed"),
        border: one("border"),
        border_strong: one("border_strong"),
        text: one("text"),
        text_soft: one("text_soft"),
        text_faint: one("text_faint"),
        accent: one("accent"),
        accent_hover: one("accent_hover"),
        accent_soft: one("accent_soft"),
        on_accent: one("on_accent"),
        good: one("good"),
        warn: one("warn"),
        bad: one("bad"),
        good_soft: one("good_soft"),
        warn_soft: one("warn_soft"),
        bad_soft: one("bad_soft"),
        shadow: one("shadow"),
        ramp: many("ramp"),
        ramp_ink: many("ramp_ink"),
        diverging: many("diverging"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_readable_on_every_surface_of_both_themes() {
        for dark in [false, true] {
            let t = Tokens::of(dark);
            let surfaces = [t.canvas, t.surface, t.raised, t.sunken, t.hover];
            for (name, ink) in [("text", t.text), ("soft", t.text_soft), ("faint", t.text_faint)] {
                for surface in surfaces {
                    let c = contrast(ink, surface);
                    assert!(c >= 4.2, "{name} on {surface:?}, dark {dark}: {c:.2}");
                }
                assert!(contrast(ink, t.surface) >= 4.5, "{name} on the surface, dark {dark}");
            }
            for (ink, paper) in [
                (t.on_accent, t.accent),
                (t.accent, t.surface),
                (t.accent, t.accent_soft),
                (t.good, t.good_soft),
                (t.warn, t.warn_soft),
                (t.bad, t.bad_soft),
            ] {
                assert!(contrast(ink, paper) >= 4.5, "{ink:?} on {paper:?}, dark {dark}: {}", contrast(ink, paper));
            }
        }
    }

    #[test]
    fn ink_reads_on_the_whole_ramp() {
        for dark in [false, true] {
            let t = Tokens::of(dark);
            for i in 0..=100 {
                let paper = t.ramp(i as f32 / 100.0);
                let c = contrast(t.ink_on(paper), paper);
                assert!(c >= 4.2, "ramp at {i} %, dark {dark}: {c:.2}");
                let paper = t.diverging(i as f32 / 50.0 - 1.0);
                assert!(contrast(t.ink_on(paper), paper) >= 4.2, "diverging at {i} %, dark {dark}");
            }
        }
    }

    #[test]
    fn no_color_is_missing() {
        for dark in [false, true] {
            assert!(!format!("{:?}", Tokens::of(dark)).contains(&format!("{MISSING:?}")), "dark {dark}");
        }
    }
}
