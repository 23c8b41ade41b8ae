//! The axes of parallel coordinates: where every run passes, and what the ticks say.

use std::sync::Arc;

use serde_json::Value;

use crate::app::numbers::rounded;
use crate::app::runs::RunEntry;
use crate::runs::sweep::{labels, shown};

/// Different values up to which each has a tick.
const MOST_TICKS: usize = 7;
/// From this ratio of the largest to the smallest value on, an axis of settings is logarithmic.
const WIDE: f64 = 20.0;

/// An axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Coordinate {
    /// Shown name.
    pub(super) name: String,
    /// Whether it is something that was varied, and not a number that was found.
    pub(super) is_setting: bool,
    /// Whether runs differ in it.
    pub(super) differs: bool,
    /// By run: 0 at the lower end, 1 at the upper; absent where the run has no value.
    pub(super) places: Vec<Option<f64>>,
    /// By run: the value in words.
    pub(super) texts: Vec<String>,
    /// Places and texts of the ticks.
    pub(super) ticks: Vec<(f64, String)>,
}

/// The axes of the runs of a sweep: what was varied, then their numbers in the order of the reports.
pub(super) fn coordinates(runs: &[&Arc<RunEntry>]) -> Vec<Coordinate> {
    let first = runs.iter().find_map(|run| run.sweep.as_ref());
    let paths: Vec<&String> = first.into_iter().flat_map(|point| point.values.keys()).collect();
    let settings = paths.iter().zip(labels(&paths)).map(|(path, label)| {
        let value = |run: &&Arc<RunEntry>| run.sweep.as_ref()?.values.get(*path).cloned();
        setting(label, &runs.iter().map(value).collect::<Vec<_>>())
    });
    let mut names: Vec<&String> = Vec::new();
    for name in runs.iter().flat_map(|run| &run.order) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let numbers = names.iter().map(|name| {
        let values: Vec<Option<f64>> = runs.iter().map(|run| run.scalars.get(*name).copied()).collect();
        scaled((*name).clone(), false, &values)
    });
    settings.chain(numbers).collect()
}

/// Numbers on a scale, everything else as names at equal distances.
fn setting(name: String, values: &[Option<Value>]) -> Coordinate {
    let numbers: Vec<Option<f64>> = values.iter().map(|value| value.as_ref()?.as_f64()).collect();
    if numbers.iter().zip(values).all(|(number, value)| number.is_some() == value.is_some()) {
        return scaled(name, true, &numbers);
    }
    let texts: Vec<String> = values.iter().map(|value| value.as_ref().map(shown).unwrap_or_default()).collect();
    let mut names: Vec<&String> = Vec::new();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        if !names.contains(&text) {
            names.push(text);
        }
    }
    let at = |i: usize| if names.len() > 1 { i as f64 / (names.len() - 1) as f64 } else { 0.5 };
    let places = texts.iter().map(|text| names.iter().position(|name| *name == text).map(at)).collect();
    let ticks = names.iter().enumerate().map(|(i, name)| (at(i), (*name).clone())).collect();
    Coordinate { differs: names.len() > 1, name, is_setting: true, places, ticks, texts }
}

fn scaled(name: String, is_setting: bool, values: &[Option<f64>]) -> Coordinate {
    let mut known: Vec<f64> = values.iter().flatten().copied().filter(|value| value.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    known.dedup();
    let (low, high) = (known.first().copied().unwrap_or(0.0), known.last().copied().unwrap_or(0.0));
    let is_log = is_setting && low > 0.0 && high / low >= WIDE;
    let on_scale = |value: f64| if is_log { value.ln() } else { value };
    let (from, to) = (on_scale(low), on_scale(high));
    let place = |value: f64| if to > from { (on_scale(value) - from) / (to - from) } else { 0.5 };
    let few = known.len() <= MOST_TICKS && is_setting;
    let even = || {
        let steps = if to > from { 4 } else { 0 };
        let value = move |i: i32| from + (to - from) * f64::from(i) / f64::from(steps.max(1));
        (0..=steps).map(move |i| if is_log { value(i).exp() } else { value(i) }).collect::<Vec<f64>>()
    };
    let ticked = if known.is_empty() || few { known.clone() } else { even() };
    Coordinate {
        name,
        is_setting,
        differs: known.len() > 1,
        places: values.iter().map(|value| value.filter(|value| value.is_finite()).map(place)).collect(),
        texts: values.iter().map(|value| value.map(text).unwrap_or_default()).collect(),
        ticks: ticked.into_iter().map(|value| (place(value), text(value))).collect(),
    }
}

fn text(value: f64) -> String {
    crate::figures::ticks::short(rounded(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wide_settings_are_logarithmic_and_words_have_equal_distances() {
        let values = [json!(1e-4), json!(1e-3), json!(1e-2)].map(Some);
        let axis = setting("lr".into(), &values);
        assert!(axis.places.iter().zip([0.0, 0.5, 1.0]).all(|(p, e)| (p.unwrap() - e).abs() < 1e-12), "{axis:?}");
        assert_eq!(axis.ticks.len(), 3);
        let axis = setting("scope".into(), &[Some(json!("head")), None, Some(json!("all")), Some(json!("head"))]);
        assert_eq!(axis.places, [Some(0.0), None, Some(1.0), Some(0.0)]);
        assert_eq!(axis.ticks, [(0.0, "head".to_owned()), (1.0, "all".to_owned())]);
    }

    #[test]
    fn numbers_fill_their_axis_and_equal_ones_lie_in_its_middle() {
        let axis = scaled("loss".into(), false, &[Some(2.0), Some(4.0), None, Some(f64::NAN)]);
        assert_eq!(axis.places, [Some(0.0), Some(1.0), None, None]);
        assert_eq!(axis.ticks.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["2", "2.5", "3", "3.5", "4"]);
        let axis = scaled("loss".into(), false, &[Some(2.0), Some(2.0)]);
        assert_eq!((axis.places, axis.differs), (vec![Some(0.5); 2], false));
    }
}
