//! Colors, markers and dashes of data, shared by the window and the exported files.
//!
//! Series colors are those of Okabe and Ito (2008), moved as little as gives each a contrast of at least 3:1 on its
//! background while the first six stay apart under protanopia and deuteranopia (OKLab distance 0.085).
//! Color maps are viridis and cividis (perceptually uniform) and, for signed values, one with a neutral zero.
//! Meaning never rests on color alone: each series has its own marker and dash pattern too.

use serde::{Deserialize, Serialize};

/// An opaque sRGB color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rgb {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
}

impl Rgb {
    /// From `0xRRGGBB`.
    pub const fn hex(value: u32) -> Self {
        Self { r: (value >> 16) as u8, g: (value >> 8) as u8, b: value as u8 }
    }

    /// `#rrggbb`, as SVG and CSS write it.
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }

    /// Relative luminance of WCAG 2, from 0 (black) to 1 (white).
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let v = f64::from(channel) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.r) + 0.7152 * linear(self.g) + 0.0722 * linear(self.b)
    }

    /// Contrast ratio of WCAG 2 between two colors, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The color at `t` in 0..=1 on the way from `self` to `to`.
    #[must_use]
    pub fn mix(self, to: Self, t: f64) -> Self {
        let channel = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t.clamp(0.0, 1.0)).round() as u8;
        Self { r: channel(self.r, to.r), g: channel(self.g, to.g), b: channel(self.b, to.b) }
    }

    /// Black or white, whichever reads better on this color.
    pub fn ink(self) -> Self {
        let (black, white) = (Self::hex(0x00_0000), Self::hex(0xFF_FFFF));
        if self.contrast(black) >= self.contrast(white) { black } else { white }
    }
}

/// The background that colors are chosen for. Exported files are always light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near-black.
    Dark,
}

impl Theme {
    /// The background of figures.
    pub const fn background(self) -> Rgb {
        match self {
            Self::Light => Rgb::hex(0xFF_FFFF),
            Self::Dark => Rgb::hex(0x1B_1D22),
        }
    }

    /// Axes and text.
    pub const fn ink(self) -> Rgb {
        match self {
            Self::Light => Rgb::hex(0x1A_1A1A),
            Self::Dark => Rgb::hex(0xE8_E8EA),
        }
    }

    /// Reference lines and secondary text.
    pub const fn muted(self) -> Rgb {
        match self {
            Self::Light => Rgb::hex(0x73_7373),
            Self::Dark => Rgb::hex(0x9A_9CA3),
        }
    }

    /// Grid lines.
    pub const fn grid(self) -> Rgb {
        match self {
            Self::Light => Rgb::hex(0xE6_E6E6),
            Self::Dark => Rgb::hex(0x33_363D),
        }
    }

    /// Cells without a value.
    pub const fn missing(self) -> Rgb {
        match self {
            Self::Light => Rgb::hex(0xE0_E0E0),
            Self::Dark => Rgb::hex(0x3F_4148),
        }
    }
}

/// Number of distinct series colors; indices beyond it start again with other dashes and markers.
pub const SERIES: usize = 8;

const LIGHT: [Rgb; SERIES] = [
    Rgb::hex(0x05_72BC), // blue
    Rgb::hex(0xC4_570C), // vermilion
    Rgb::hex(0x06_9B70), // bluish green
    Rgb::hex(0xCB_7AA9), // reddish purple
    Rgb::hex(0xCC_8404), // orange
    Rgb::hex(0x23_6F86), // sky blue
    Rgb::hex(0x4D_4D4D), // black
    Rgb::hex(0x97_8D00), // yellow
];

const DARK: [Rgb; SERIES] = [
    Rgb::hex(0x26_85D2),
    Rgb::hex(0xD5_5E00),
    Rgb::hex(0x11_9A6E),
    Rgb::hex(0xCE_79A3),
    Rgb::hex(0xE6_9F01),
    Rgb::hex(0x56_B4EA),
    Rgb::hex(0xC4_C4C4),
    Rgb::hex(0xF0_E442),
];

/// The color of series `index`; a method keeps its index, and so its color, in every figure.
pub fn series(index: usize, theme: Theme) -> Rgb {
    let table = match theme {
        Theme::Light => &LIGHT,
        Theme::Dark => &DARK,
    };
    table[index % SERIES]
}

/// The shape drawn at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Up,
    /// ◆
    Diamond,
    /// ▼
    Down,
    /// ✚
    Plus,
    /// ✖
    Cross,
}

/// The marker of series `index`. Their number is prime to the number of colors, so pairs repeat late.
pub fn marker(index: usize) -> Marker {
    const ORDER: [Marker; 7] =
        [Marker::Circle, Marker::Square, Marker::Up, Marker::Diamond, Marker::Down, Marker::Plus, Marker::Cross];
    ORDER[index % ORDER.len()]
}

/// The dash pattern of series `index` in multiples of the line width; empty for a solid line.
pub fn dash(index: usize) -> &'static [f64] {
    const ORDER: [&[f64]; 5] = [&[], &[5.0, 1.8], &[1.2, 1.5], &[6.0, 1.8, 1.2, 1.8], &[2.8, 1.5]];
    ORDER[index % ORDER.len()]
}

/// A map from numbers to colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colormap {
    /// Sequential, the default.
    #[default]
    Viridis,
    /// Sequential, the same for readers with and without color vision deficiency.
    Cividis,
    /// For signed values: blue below zero, neutral at zero, red above.
    Diverging,
}

// Eleven equally spaced values of the 256-entry tables of matplotlib 3; Diverging is RdBu reversed with its center
// at the background, and for dark backgrounds berlin.
const VIRIDIS: [u32; 11] =
    [0x440154, 0x482475, 0x414487, 0x355F8D, 0x2A788E, 0x21918C, 0x22A884, 0x44BF70, 0x7AD151, 0xBDDF26, 0xFDE725];
const CIVIDIS: [u32; 11] =
    [0x00224E, 0x083370, 0x35456C, 0x4F576C, 0x666970, 0x7D7C78, 0x948E77, 0xAEA371, 0xC8B866, 0xE5CF52, 0xFEE838];
const DIVERGING_LIGHT: [u32; 11] =
    [0x053061, 0x2065AB, 0x4393C3, 0x90C4DD, 0xD1E5F0, 0xF7F7F7, 0xFDDBC7, 0xF3A481, 0xD6604D, 0xB1182B, 0x67001F];
const DIVERGING_DARK: [u32; 11] =
    [0x9EB0FF, 0x62A6E0, 0x3280A6, 0x20526A, 0x18303B, 0x1A1A1A, 0x3D1B10, 0x61200B, 0x964A36, 0xCA7B71, 0xFFADAD];

impl Colormap {
    /// The color at `t` in 0..=1; 0.5 is the neutral zero of the diverging map.
    pub fn at(self, t: f64, theme: Theme) -> Rgb {
        let table = match (self, theme) {
            (Self::Viridis, _) => &VIRIDIS,
            (Self::Cividis, _) => &CIVIDIS,
            (Self::Diverging, Theme::Light) => &DIVERGING_LIGHT,
            (Self::Diverging, Theme::Dark) => &DIVERGING_DARK,
        };
        let last = table.len() - 1;
        let position = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) } * last as f64;
        let lower = (position as usize).min(last - 1);
        Rgb::hex(table[lower]).mix(Rgb::hex(table[lower + 1]), position - lower as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_color_reads_on_its_background() {
        for theme in [Theme::Light, Theme::Dark] {
            for index in 0..SERIES {
                let contrast = series(index, theme).contrast(theme.background());
                assert!(contrast >= 3.0, "series {index} on {theme:?}: contrast {contrast:.2}");
            }
            assert!(theme.ink().contrast(theme.background()) >= 7.0, "ink on {theme:?}");
            assert!(theme.muted().contrast(theme.background()) >= 4.5, "muted on {theme:?}");
        }
    }

    /// Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
    const PROTAN: [[f64; 3]; 3] =
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]];
    const DEUTAN: [[f64; 3]; 3] =
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]];
    const NORMAL: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

    /// OKLab coordinates of a color as seen through `matrix`.
    fn seen(color: Rgb, matrix: &[[f64; 3]; 3]) -> [f64; 3] {
        let linear = [color.r, color.g, color.b].map(|c| {
            let v = f64::from(c) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        let dot = |row: &[f64; 3], v: &[f64; 3]| row.iter().zip(v).map(|(a, b)| a * b).sum::<f64>();
        let rgb = [0, 1, 2].map(|i| dot(&matrix[i], &linear).clamp(0.0, 1.0));
        let lms = [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
        .map(|row| dot(&row, &rgb).cbrt());
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
        .map(|row| dot(&row, &lms))
    }

    #[test]
    fn the_first_six_series_stay_apart_for_color_blind_readers() {
        for theme in [Theme::Light, Theme::Dark] {
            for (name, matrix) in [("normal", &NORMAL), ("protan", &PROTAN), ("deutan", &DEUTAN)] {
                for a in 0..6 {
                    for b in 0..a {
                        let (p, q) = (seen(series(a, theme), matrix), seen(series(b, theme), matrix));
                        let distance = p.iter().zip(&q).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                        assert!(distance > 0.08, "{theme:?} {name}: {b} and {a} are {distance:.3} apart");
                    }
                }
            }
        }
    }

    #[test]
    fn sequential_maps_grow_lighter_and_the_diverging_zero_is_neutral() {
        for map in [Colormap::Viridis, Colormap::Cividis] {
            let light: Vec<f64> = (0..=50).map(|i| map.at(f64::from(i) / 50.0, Theme::Light).luminance()).collect();
            assert!(light.windows(2).all(|w| w[1] > w[0]), "{map:?}");
        }
        for theme in [Theme::Light, Theme::Dark] {
            let zero = Colormap::Diverging.at(0.5, theme);
            assert!(zero.r == zero.g && zero.g == zero.b, "{theme:?}: {zero:?}");
        }
        assert_eq!(Colormap::Viridis.at(f64::NAN, Theme::Light), Rgb::hex(0x440154));
    }

    #[test]
    fn color_marker_and_dash_together_repeat_late() {
        let style = |i: usize| (series(i, Theme::Light).css(), format!("{:?}", marker(i)));
        assert!((1..56).all(|i| style(i) != style(0)));
        assert_eq!(style(56), style(0));
    }
}
