//! Where the marks of an axis go and what they say.
//!
//! Linear axes step by 1, 2, 2.5 or 5 times a power of ten (Heckbert 1990, with 2.5); logarithmic ones by decades,
//! within one decade by 1, 2, 5. Numbers too large or too small to read share a power of ten that goes to the axis label.

use super::text::{Label, decimal};
use super::{Axis, Scale};

/// A labeled mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Position in data units.
    pub value: f64,
    /// What it says.
    pub label: Label,
}

/// The marks of an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ticks {
    /// Labeled marks, ascending.
    pub major: Vec<Tick>,
    /// Unlabeled marks between them, ascending.
    pub minor: Vec<f64>,
    /// The shown numbers times 10 to this power are the values; it belongs into the axis label.
    pub exponent: i32,
}

/// Marks on `range` (ascending; positive on a log scale), at most about `most` labeled ones. `knee` is where a symmetric
/// logarithmic axis turns.
pub fn ticks(scale: Scale, range: [f64; 2], knee: f64, most: usize) -> Ticks {
    match scale {
        Scale::Linear => linear(range, most),
        Scale::Log => log(range, most),
        Scale::Symlog => symmetric(range, knee, most),
    }
}

fn symmetric(range: [f64; 2], knee: f64, most: usize) -> Ticks {
    let (major, minor) = super::symlog::marks(range, knee, most);
    let label = |v: f64| match v {
        0.0 => Label::plain("0"),
        v if v < 0.0 => Label::power("−10", v.abs().log10().round() as i32),
        v => Label::power("10", v.log10().round() as i32),
    };
    let major = major.into_iter().map(|value| Tick { value, label: label(value) }).collect();
    Ticks { major, minor, exponent: 0 }
}

/// The distance of two labeled marks: the smallest nice number that leaves at most `most` of them.
fn nice_step(span: f64, most: usize) -> f64 {
    let rough = span / most.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(rough)
}

fn linear([low, high]: [f64; 2], most: usize) -> Ticks {
    let span = high - low;
    // The nice step for so few marks may have no multiple inside; then a finer one says more than none.
    let within = |step: f64| ((high / step + 1e-6).floor() - (low / step - 1e-6).ceil() + 1.0).max(0.0);
    let mut steps = (most.saturating_sub(1).max(1)..most + 8).map(|most| nice_step(span, most));
    let step = steps.clone().find(|step| within(*step) >= 2.0).or_else(|| steps.next_back()).unwrap_or(span);
    if !(span > 0.0 && step.is_finite() && step > 0.0) {
        return Ticks { major: vec![Tick { value: low, label: Label::plain(&short(low)) }], ..Ticks::default() };
    }
    let slack = step * 1e-6;
    let multiples = |step: f64| {
        let (first, last) = (((low - slack) / step).ceil(), ((high + slack) / step).floor());
        (0..(last - first + 1.0).clamp(0.0, 1000.0) as usize).map(move |i| (first + i as f64) * step)
    };
    let values: Vec<f64> = multiples(step).map(|v| if v.abs() < slack { 0.0 } else { v }).collect();
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let exponent = shared_exponent(largest, step);
    let unit = 10f64.powi(exponent);
    let decimals = decimals_of(step / unit);
    let major: Vec<Tick> =
        values.iter().map(|v| Tick { value: *v, label: Label::plain(&decimal(v / unit, decimals)) }).collect();
    // A step of 2 is halved, the others are cut into fifths, so that minor marks are nice numbers too.
    let mantissa = step / 10f64.powf(step.log10().floor());
    let parts = if (1.9..2.1).contains(&mantissa) { 4.0 } else { 5.0 };
    let minor = multiples(step / parts).filter(|v| values.iter().all(|m| (m - v).abs() > slack)).collect();
    Ticks { major, minor, exponent }
}

/// The power of ten that makes labels readable; 0 when they are already.
fn shared_exponent(largest: f64, step: f64) -> i32 {
    if largest == 0.0 {
        return 0;
    }
    let magnitude = largest.log10().floor() as i32;
    if magnitude >= 5 || (magnitude <= -4) || (magnitude <= -3 && step < 1e-3 * 0.999) {
        magnitude.div_euclid(3) * 3
    } else {
        0
    }
}

/// Digits after the point that tell multiples of `step` apart.
fn decimals_of(step: f64) -> usize {
    (0..15)
        .find(|d| {
            let scaled = step * 10f64.powi(*d);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .unwrap_or(15) as usize
}

fn log([low, high]: [f64; 2], most: usize) -> Ticks {
    let (first, last) = ((low.log10() - 1e-9).ceil() as i32, (high.log10() + 1e-9).floor() as i32);
    let decades = last - first + 1;
    if decades < 2 {
        return within_a_decade([low, high], most);
    }
    let every = (1..=decades).find(|e| (decades - 1) / e < most.max(2) as i32).unwrap_or(1);
    let major = (first..=last)
        .filter(|e| (e - first) % every == 0)
        .map(|e| Tick { value: 10f64.powi(e), label: Label::power("10", e) })
        .collect();
    let inside = |v: &f64| *v >= low * (1.0 - 1e-9) && *v <= high * (1.0 + 1e-9);
    let minor = if every > 1 {
        (first..=last).filter(|e| (e - first) % every != 0).map(|e| 10f64.powi(e)).collect()
    } else {
        (first - 1..=last).flat_map(|e| (2..10).map(move |m| f64::from(m) * 10f64.powi(e))).filter(inside).collect()
    };
    Ticks { major, minor, exponent: 0 }
}

/// Less than two powers of ten are inside: 1, 2, 5 multiples when there are enough of them, else a linear choice.
fn within_a_decade([low, high]: [f64; 2], most: usize) -> Ticks {
    let inside = |v: &f64| *v >= low * (1.0 - 1e-9) && *v <= high * (1.0 + 1e-9);
    let from = low.log10().floor() as i32;
    let grid = |multiples: &'static [u8]| {
        (from..from + 3).flat_map(move |e| multiples.iter().map(move |m| f64::from(*m) * 10f64.powi(e))).filter(inside)
    };
    let coarse: Vec<f64> = grid(&[1, 2, 5]).collect();
    if coarse.len() < 2 || coarse.len() > most.max(2) {
        return Ticks { minor: Vec::new(), ..linear([low, high], most) };
    }
    let minor =
        grid(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).filter(|v| coarse.iter().all(|c| (c - v).abs() > 1e-9 * c)).collect();
    Ticks { major: coarse.iter().map(|v| Tick { value: *v, label: plain_or_power(*v) }).collect(), minor, exponent: 0 }
}

fn plain_or_power(value: f64) -> Label {
    if (1e-3..1e5).contains(&value) {
        return Label::plain(&short(value));
    }
    let power = (value.log10() + 1e-9).floor() as i32;
    let multiple = (value / 10f64.powi(power)).round();
    if multiple == 1.0 { Label::power("10", power) } else { Label::power(&format!("{multiple}×10"), power) }
}

/// `value` with about four significant digits, for color bars, cell values and single numbers.
pub fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "–"
        } else if value > 0.0 {
            "∞"
        } else {
            "−∞"
        }
        .to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..7).contains(&magnitude) {
        return format!("{value:.2e}").replace('-', "−");
    }
    let text = decimal(value, (3 - magnitude).clamp(0, 8) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The title of an axis: `Loss (nats/token)`, with the shared power of ten of its numbers when there is one.
pub fn axis_title(axis: &Axis, exponent: i32) -> Label {
    let mut title = Label::plain(axis.label.trim());
    let unit = axis.unit.trim();
    if exponent == 0 && unit.is_empty() {
        return title;
    }
    title.push(if title.is_empty() { "(" } else { " (" }, false);
    if exponent != 0 {
        title.push("×10", false);
        title.push(&exponent.to_string().replace('-', "−"), true);
        title.push(if unit.is_empty() { "" } else { " " }, false);
    }
    title.push(unit, false);
    title.push(")", false);
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ticks: &Ticks) -> Vec<String> {
        ticks.major.iter().map(|t| t.label.flat()).collect()
    }

    #[test]
    fn marks_lie_inside_and_say_the_scale_even_when_few_have_room() {
        for range in [[0.15, 0.83], [0.0, 0.077], [-0.4, 0.9], [1.2, 1.9]] {
            let [low, high] = [range[0] - 1e-9, range[1] + 1e-9];
            for most in 1..4 {
                let ticks = ticks(Scale::Linear, range, 1.0, most);
                assert!(ticks.major.iter().all(|t| t.value >= low && t.value <= high), "{range:?} {most}: {ticks:?}");
                assert!((2..=4).contains(&ticks.major.len()), "{range:?} {most}: {ticks:?}");
                assert!(ticks.minor.iter().all(|v| *v >= low && *v <= high), "{range:?} {most}: {ticks:?}");
            }
        }
    }

    #[test]
    fn linear_marks_are_nice_numbers() {
        assert_eq!(texts(&linear([0.0, 1.0], 6)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&linear([-3.2, 4.1], 5)), ["−2", "0", "2", "4"]);
        assert_eq!(texts(&linear([0.0, 0.1], 5)), ["0.000", "0.025", "0.050", "0.075", "0.100"]);
        assert_eq!(linear([0.0, 1.0], 6).minor.len(), 15);
    }

    #[test]
    fn unreadable_numbers_share_a_power_of_ten() {
        let large = linear([0.0, 2e6], 5);
        assert_eq!(
            (texts(&large), large.exponent),
            (vec!["0.0".into(), "0.5".into(), "1.0".into(), "1.5".into(), "2.0".into()], 6)
        );
        let small = linear([0.0, 4e-5], 5);
        assert_eq!((texts(&small)[1].as_str(), small.exponent), ("10", -6));
        let axis = Axis { label: "Step".into(), unit: "s".into(), ..Axis::default() };
        assert_eq!(axis_title(&axis, -6).flat(), "Step (×10^−6 s)");
        assert_eq!(axis_title(&Axis { label: "AUROC".into(), ..Axis::default() }, 0).flat(), "AUROC");
    }

    #[test]
    fn log_marks_are_powers_of_ten_with_eight_between() {
        let ticks = log([1e-3, 1.0], 6);
        assert_eq!(texts(&ticks), ["10^−3", "10^−2", "10^−1", "10^0"]);
        assert_eq!(ticks.minor.len(), 24);
        assert_eq!(texts(&log([1e-12, 1.0], 4)), ["10^−12", "10^−8", "10^−4", "10^0"]);
        assert_eq!(texts(&log([1.5, 30.0], 6)), ["2", "5", "10", "20"]);
        assert!(texts(&log([2.1, 2.3], 5)).len() >= 2);
    }

    #[test]
    fn every_mark_lies_inside_whatever_the_range() {
        let ranges =
            [[0.0, 1e-300], [-1e300, 1e300], [1e-5, 1e-5 + 1e-12], [-7.0, -6.99], [3.0, 3.0], [1e9, 1e9 + 1.0]];
        for range in ranges {
            for most in 1..12 {
                let ticks = linear(range, most);
                let slack = (range[1] - range[0]) * 1e-6;
                assert!(
                    ticks.major.iter().all(|t| t.value >= range[0] - slack && t.value <= range[1] + slack),
                    "{range:?}"
                );
                assert!(ticks.major.len() <= most + 2, "{range:?} {most}: {}", ticks.major.len());
            }
        }
    }
}
