//! Text as figures show it: one line, no control characters, numbers with a true minus, powers of ten as superscripts.

use std::fmt::{self, Write as _};

/// A piece of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The characters.
    pub text: String,
    /// Raised and smaller.
    pub superscript: bool,
}

/// A line of text with superscripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label(pub Vec<Span>);

impl Label {
    /// Text without superscripts; line breaks and control characters become spaces.
    pub fn plain(text: &str) -> Self {
        let mut label = Self::default();
        label.push(text, false);
        label
    }

    /// `base` with `exponent` raised, such as 10⁻³.
    pub fn power(base: &str, exponent: i32) -> Self {
        let mut label = Self::plain(base);
        label.push(&exponent.to_string().replace('-', "−"), true);
        label
    }

    /// Appends a piece; nothing when it is empty.
    pub fn push(&mut self, text: &str, superscript: bool) {
        let text = tidy_keeping_edges(text);
        if !text.is_empty() {
            self.0.push(Span { text, superscript });
        }
    }

    /// Whether nothing is to be drawn.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|span| span.text.trim().is_empty())
    }

    /// The characters in order, superscripts included, as a reader copies them from a PDF.
    pub fn text(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }

    /// Plain text for places that cannot raise: 10^−3.
    pub fn flat(&self) -> String {
        self.0.iter().map(|span| if span.superscript { format!("^{}", span.text) } else { span.text.clone() }).collect()
    }
}

/// Appends formatted text.
pub(super) fn put(out: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    out.write_fmt(text).unwrap_or_default();
}

/// One line: control characters and runs of white space become one space; ends are trimmed.
pub(super) fn tidy(text: &str) -> String {
    tidy_keeping_edges(text).trim().to_owned()
}

fn tidy_keeping_edges(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // U+FFFE and U+FFFF may not stand in XML.
        let blank = c.is_whitespace() || c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}');
        if !blank {
            out.push(c);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out
}

/// A number with `decimals` digits after the point, a true minus sign and thousands separated by commas from 10,000 on.
pub(super) fn decimal(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = digits.split_once('.').map_or((digits.as_str(), None), |(w, f)| (w, Some(f)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if whole.len() > 4 && index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = digits.chars().all(|c| c == '0' || c == '.');
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_true_minus_and_no_negative_zero() {
        assert_eq!(decimal(-0.5, 2), "−0.50");
        assert_eq!(decimal(-0.001, 1), "0.0");
        assert_eq!(decimal(1234567.0, 0), "1,234,567");
        assert_eq!(decimal(9999.0, 0), "9999");
    }

    #[test]
    fn labels_are_one_line() {
        assert_eq!(tidy(" a\n\tb\u{0}c\u{FFFF} "), "a b c");
        assert_eq!(Label::power("10", -3).text(), "10−3");
        assert_eq!(Label::power("10", -3).flat(), "10^−3");
    }
}
