//! What was found as figures.

use super::Findings;
use super::options::Robustness;
use super::prefixes::{Prefixes, Reach};
use super::quick::Quick;
use super::relearning::Relearning;
use super::report::{Plain, numbers_of_draws, share, value};
use super::sampling::Sampling;
use crate::figures::{Axis, Figure, Mark, Rows, Scale, Series};
use crate::methods::common::tables::caption;
use crate::methods::unlearn::CARD;

/// All figures of what was asked for.
pub(in crate::methods::unlearn) fn figures(found: &Findings, plain: &Plain<'_>, options: &Robustness) -> Vec<Figure> {
    let mut figures = Vec::new();
    figures.extend(found.relearning.as_ref().map(relearning));
    if !found.rounding.is_empty() {
        figures.push(rounding(found, plain));
    }
    figures.extend(found.prefixes.as_ref().map(prefixes));
    figures.extend(found.sampling.as_ref().map(|s| draws(s, options)));
    figures
}

fn bars(name: &str, color: usize, heights: Vec<f64>) -> Series {
    Series { name: name.to_owned(), color, mark: Mark::Bars { heights, errors: Vec::new() }, rows: Rows::default() }
}

fn line(name: &str, color: usize, points: Vec<[f64; 2]>, dashed: bool) -> Series {
    let mark = Mark::Line { points, band: None, dashed };
    Series { name: name.to_owned(), color, mark, rows: Rows::default() }
}

fn share_axis(label: &str) -> Axis {
    Axis { label: label.to_owned(), range: Some([0.0, 1.0]), ..Axis::default() }
}

fn relearning(found: &Relearning) -> Figure {
    let has_exact = found.before.rest.exact.is_some();
    let of = |quick: &Quick| if has_exact { quick.exact } else { quick.accuracy };
    let mut series = Vec::new();
    for (i, course) in found.courses.iter().enumerate() {
        let points = |pick: &dyn Fn(&super::relearning::Check) -> Option<f64>| -> Vec<[f64; 2]> {
            course.checks.iter().filter_map(|(step, check)| Some([*step as f64, pick(check)?])).collect()
        };
        series.push(line(&format!("{}, rest", course.name), 2 * i, points(&|c| of(&c.rest)), false));
        series.push(line(&format!("{}, trained part", course.name), 2 * i, points(&|c| of(&c.part)), true));
        if i == 0 {
            series.push(line("edited, retained accuracy", 1, points(&|c| c.retain.accuracy), false));
        }
    }
    let last = found.courses.iter().filter_map(|c| c.checks.last()).map(|c| c.0).max().unwrap_or(1) as f64;
    if let Some(before) = of(&found.before.rest) {
        let mark = Mark::Reference { from: [0.0, before], to: [last, before] };
        series.push(Series { name: "before, rest".to_owned(), color: 3, mark, rows: Rows::default() });
    }
    let label = if has_exact { "exact extraction" } else { "token accuracy" };
    let [part, rest] = found.n;
    Figure {
        id: "relearning".to_owned(),
        title: "Trained on a part again".to_owned(),
        x: Axis { label: "step".to_owned(), ..Axis::default() },
        y: share_axis(label),
        series,
        caption: caption(&CARD, &format!("Training on {part} of the texts to forget, looking at the others;"), rest),
    }
}

fn rounding(found: &Findings, plain: &Plain<'_>) -> Figure {
    const SHOWN: [(&str, &str); 3] = [
        ("forget.exact", "exact, forget"),
        ("forget.accuracy", "accuracy, forget"),
        ("retain.accuracy", "accuracy, retain"),
    ];
    let shown: Vec<(&str, &str)> = SHOWN
        .into_iter()
        .filter(|(id, _)| value(plain.before, id).is_some() && value(plain.after, id).is_some())
        .collect();
    let heights = |list: &[crate::methods::unlearn::battery::Metric]| -> Vec<f64> {
        shown.iter().map(|(id, _)| value(list, id).unwrap_or(f64::NAN)).collect()
    };
    let mut series = vec![bars("before", 0, heights(plain.before)), bars("after", 1, heights(plain.after))];
    for (i, r) in found.rounding.iter().enumerate() {
        series.push(bars(&format!("after, {} bits", r.bits), 2 + i, heights(&r.after)));
    }
    let n = plain.after.iter().find(|m| m.id == "forget.exact").map_or(0, |m| m.n);
    Figure {
        id: "rounding".to_owned(),
        title: "Weights of few bits".to_owned(),
        x: Axis { categories: shown.iter().map(|s| s.1.to_owned()).collect(), ..Axis::default() },
        y: share_axis("share"),
        series,
        caption: caption(&CARD, "Matrices of all blocks rounded to the nearest;", n),
    }
}

fn prefixes(found: &Prefixes) -> Figure {
    let exact = |list: &Vec<Option<Reach>>| share(list, |r| f64::from(u8::from(r.exact))).unwrap_or(f64::NAN);
    let n = found.tried.first().map_or(0, |t| t.after.iter().flatten().count());
    Figure {
        id: "prefixes".to_owned(),
        title: "Texts before the prompt".to_owned(),
        x: Axis { categories: found.tried.iter().map(|t| t.name.clone()).collect(), ..Axis::default() },
        y: share_axis("exact extraction"),
        series: vec![
            bars("before", 0, found.tried.iter().map(|t| exact(&t.before)).collect()),
            bars("after", 1, found.tried.iter().map(|t| exact(&t.after)).collect()),
        ],
        caption: caption(&CARD, "Exact extraction behind a text;", n),
    }
}

fn draws(found: &Sampling, options: &Robustness) -> Figure {
    let numbers = numbers_of_draws(options.draws);
    let points = |side: usize| -> Vec<[f64; 2]> {
        numbers.iter().filter_map(|n| Some([*n as f64, found.appearing(side, *n as f64)?])).collect()
    };
    let what = format!("Temperature {}, the {} likeliest tokens (0: all);", options.temperature, options.top_k);
    Figure {
        id: "draws".to_owned(),
        title: "Many draws".to_owned(),
        x: Axis { label: "draws".to_owned(), scale: Scale::Log, ..Axis::default() },
        y: share_axis("texts that appear"),
        series: vec![line("before", 0, points(0), false), line("after", 1, points(1), false)],
        caption: caption(&CARD, &what, found.n()),
    }
}
