//! Numbers for reading.

/// Seconds for reading.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Four significant digits; whole numbers are counts and stay as they are.
pub fn rounded(value: f64) -> f64 {
    if value.fract() == 0.0 { value } else { digits(value, 4) }
}

/// So many significant digits.
pub fn digits(value: f64, n: u8) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powf(f64::from(n) - 1.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(rounded(0.123_456), 0.1235);
        assert_eq!(rounded(123_456.7), 123_500.0);
        assert_eq!(rounded(123_456.0), 123_456.0, "a count");
        assert_eq!(rounded(0.0), 0.0);
        assert_eq!(digits(0.141_42, 2), 0.14);
    }
}
