//! What was found as numbers, tables and sentences.

use super::options::Robustness;
use super::prefixes::{Prefixes, Reach, Tried};
use super::relearning::Relearning;
use super::sampling::{Sampling, appears};
use super::{Findings, Rounded};
use crate::methods::common::tables::{float, int, scalar, text};
use crate::methods::unlearn::battery::Metric;
use crate::methods::{Scalar, Table};

pub(in crate::methods::unlearn) use super::charts::figures;

/// Rows of the table of rounding.
const ROUNDED: [&str; 9] = [
    "forget.exact",
    "forget.memorization",
    "forget.strength",
    "forget.accuracy",
    "forget.loss",
    "retain.accuracy",
    "retain.perplexity",
    "holdout.accuracy",
    "holdout.perplexity",
];

/// The battery before and after, to compare with.
pub(in crate::methods::unlearn) struct Plain<'a> {
    pub(in crate::methods::unlearn) before: &'a [Metric],
    pub(in crate::methods::unlearn) after: &'a [Metric],
}

pub(super) fn value(list: &[Metric], id: &str) -> Option<f64> {
    list.iter().find(|m| m.id == id)?.value
}

pub(super) fn share<T>(list: &[Option<T>], of: impl Fn(&T) -> f64) -> Option<f64> {
    let values: Vec<f64> = list.iter().flatten().map(of).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn is_exact(reach: &Reach) -> f64 {
    f64::from(u8::from(reach.exact))
}

/// Headline numbers.
pub(in crate::methods::unlearn) fn scalars(found: &Findings, options: &Robustness) -> Vec<Scalar> {
    let mut list = Vec::new();
    let short = "no text to forget has k + l tokens";
    for Rounded { bits, before, after } in &found.rounding {
        for (when, metrics) in [("after", after), ("before", before)] {
            for (id, label) in
                [("forget.exact", "Exact extraction, forget"), ("retain.accuracy", "Token accuracy, retain")]
            {
                let Some(metric) = metrics.iter().find(|m| m.id == id) else { continue };
                let id = format!("robust.rounding_{bits}.{when}.{id}");
                list.push(scalar(&id, &format!("{label}, {when}, {bits} bits"), "", metric.value, metric.n, short));
            }
        }
    }
    if let Some(prefixes) = &found.prefixes {
        for (side, when) in [(1, "after"), (0, "before")] {
            let any = prefixes.any(side);
            let label = format!("Exact extraction behind some text, {when}");
            let (value, n) = (share(&any, |e| f64::from(u8::from(*e))), any.iter().flatten().count());
            list.push(scalar(&format!("robust.prefixes.{when}"), &label, "", value, n, short));
        }
    }
    if let Some(sampling) = &found.sampling {
        let n = options.draws as f64;
        for (side, when) in [(1, "after"), (0, "before")] {
            let label = format!("Texts that appear in {} draws, {when}", options.draws);
            let value = sampling.appearing(side, n);
            list.push(scalar(&format!("robust.sampling.{when}"), &label, "", value, sampling.n(), short));
        }
    }
    if let Some(relearning) = &found.relearning {
        let rest = relearning.courses.first().and_then(|c| c.checks.last()).and_then(|c| c.1.rest.exact);
        let [_, n] = relearning.n;
        let label = "Exact extraction of the rest after training on a part again";
        list.push(scalar("robust.relearning.exact", label, "", rest, n, short));
        let steps = relearning.recovered().map(|s| s as f64);
        let (label, note) =
            ("Steps until half of the rest is back", format!("not within {} steps", options.relearn_steps));
        list.push(scalar("robust.relearning.steps", label, "steps", steps, n, &note));
    }
    list
}

/// All tables of what was asked for.
pub(in crate::methods::unlearn) fn tables(found: &Findings, plain: &Plain<'_>, options: &Robustness) -> Vec<Table> {
    let mut tables = Vec::new();
    if !found.rounding.is_empty() {
        tables.push(rounding(&found.rounding, plain));
    }
    tables.extend(found.prefixes.as_ref().map(prefixes));
    if let Some(sampling) = &found.sampling {
        tables.push(draws(sampling, options));
        tables.push(drawn_rows(sampling, options));
    }
    tables.extend(found.relearning.as_ref().map(relearning));
    tables
}

fn rounding(rounded: &[Rounded], plain: &Plain<'_>) -> Table {
    let shown: Vec<&Metric> = ROUNDED.iter().filter_map(|id| plain.before.iter().find(|m| m.id == *id)).collect();
    let of = |list: &[Metric]| shown.iter().map(|m| value(list, m.id)).collect::<Vec<_>>();
    let mut columns = vec![
        text("metric", "What was measured.", shown.iter().map(|m| m.label.to_owned())),
        text("id", "Its stable name.", shown.iter().map(|m| m.id.to_owned())),
    ];
    for (when, about, plain) in
        [("before", "The model as it came", plain.before), ("after", "The edited model", plain.after)]
    {
        columns.push(float(when, "", &format!("{about}."), of(plain)));
        for r in rounded {
            let list = if when == "before" { &r.before } else { &r.after };
            let about = format!("{about}, its blocks' matrices rounded to {} bits.", r.bits);
            columns.push(float(&format!("{when}_{}_bits", r.bits), "", &about, of(list)));
        }
    }
    Table { id: "rounding".to_owned(), title: "Weights of few bits".to_owned(), columns, parquet: false }
}

fn prefixes(found: &Prefixes) -> Table {
    let tried = &found.tried;
    let any = [0, 1].map(|side| found.any(side));
    let exact = |side: usize, of: fn(&Tried) -> &Vec<Option<Reach>>| -> Vec<Option<f64>> {
        let all = share(&any[side], |e| f64::from(u8::from(*e)));
        tried.iter().map(|t| share(of(t), is_exact)).chain([all]).collect()
    };
    let begun = |of: fn(&Tried) -> &Vec<Option<Reach>>| -> Vec<Option<f64>> {
        tried.iter().map(|t| share(of(t), |r| r.begun)).chain([None]).collect()
    };
    let counts = tried.iter().map(|t| t.after.iter().flatten().count()).chain([any[1].iter().flatten().count()]);
    let names = tried.iter().map(|t| t.name.clone()).chain(["any of them".to_owned()]);
    let columns = vec![
        text("before_the_prompt", "What the model reads before the prompt.", names),
        float("exact_before", "", "Share reproduced to the end, model as it came.", exact(0, |t| &t.before)),
        float("exact_after", "", "The same of the edited model.", exact(1, |t| &t.after)),
        float("begun_before", "", "Mean share of the continuation before the first wrong token.", begun(|t| &t.before)),
        float("begun_after", "", "The same of the edited model.", begun(|t| &t.after)),
        int("n", "", "Texts that were tried.", counts),
    ];
    Table { id: "prefixes".to_owned(), title: "Texts before the prompt".to_owned(), columns, parquet: false }
}

/// 1, 2, 4, … and the number of draws.
pub(super) fn numbers_of_draws(most: usize) -> Vec<usize> {
    let mut list: Vec<usize> = std::iter::successors(Some(1), |n| Some(2 * n)).take_while(|n| *n < most).collect();
    list.push(most);
    list
}

fn draws(found: &Sampling, options: &Robustness) -> Table {
    let numbers = numbers_of_draws(options.draws);
    let appearing = |side: usize| numbers.iter().map(|n| found.appearing(side, *n as f64)).collect::<Vec<_>>();
    let p = options.probability;
    let share = |side: usize| numbers.iter().map(|n| found.discoverable(side, *n as f64, p)).collect::<Vec<_>>();
    let with = format!("with probability {p} or more");
    let columns = vec![
        int("draws", "", "Draws of each continuation.", numbers.iter().copied()),
        float("appearing_before", "", "Expected share of texts that appear at least once.", appearing(0)),
        float("appearing_after", "", "The same of the edited model.", appearing(1)),
        float("discoverable_before", "", &format!("Share of texts that appear {with}."), share(0)),
        float("discoverable_after", "", "The same of the edited model.", share(1)),
    ];
    Table { id: "draws".to_owned(), title: "Many draws".to_owned(), columns, parquet: false }
}

fn drawn_rows(found: &Sampling, options: &Robustness) -> Table {
    let n = options.draws as f64;
    let chance = |side: usize| found.log_q[side].iter().map(move |q| q.map(|q| appears(q, n))).collect::<Vec<_>>();
    let columns = vec![
        int("row", "", "Row in the file, from 0.", found.rows.iter().map(|r| r.0)),
        text("id", "The row's own name.", found.rows.iter().map(|r| r.1.clone())),
        float(
            "log_q_before",
            "nats",
            "ln of the probability of being drawn at once; empty where it cannot be.",
            found.log_q[0].iter().copied(),
        ),
        float("log_q_after", "nats", "The same of the edited model.", found.log_q[1].iter().copied()),
        float("appears_before", "", "Probability of appearing in all draws together.", chance(0)),
        float("appears_after", "", "The same of the edited model.", chance(1)),
    ];
    Table { id: "drawn_rows".to_owned(), title: "Texts in many draws".to_owned(), columns, parquet: false }
}

fn relearning(found: &Relearning) -> Table {
    let rows: Vec<_> =
        found.courses.iter().flat_map(|c| c.checks.iter().map(|(s, check)| (&c.name, *s, check))).collect();
    let columns = vec![
        text("model", "The edited model, or the one that never saw the texts.", rows.iter().map(|r| r.0.clone())),
        int("steps", "", "Steps of training on the part.", rows.iter().map(|r| r.1)),
        float(
            "exact_rest",
            "",
            "Exact extraction of the texts that are not trained on.",
            rows.iter().map(|r| r.2.rest.exact),
        ),
        float("exact_part", "", "Exact extraction of the texts that are.", rows.iter().map(|r| r.2.part.exact)),
        float("accuracy_rest", "", "Token accuracy, rest.", rows.iter().map(|r| r.2.rest.accuracy)),
        float("accuracy_part", "", "Token accuracy, part.", rows.iter().map(|r| r.2.part.accuracy)),
        float("loss_rest", "nats/token", "Mean loss, rest.", rows.iter().map(|r| r.2.rest.loss)),
        float("loss_part", "nats/token", "Mean loss, part.", rows.iter().map(|r| r.2.part.loss)),
        float(
            "accuracy_retain",
            "",
            "Token accuracy of the retained texts, by text.",
            rows.iter().map(|r| r.2.retain.accuracy),
        ),
    ];
    Table { id: "relearning".to_owned(), title: "Trained on a part again".to_owned(), columns, parquet: false }
}

fn percent(x: f64) -> String {
    format!("{:.1} %", 100.0 * x)
}

/// What it means, in words.
pub(in crate::methods::unlearn) fn notes(found: &Findings, plain: &Plain<'_>, options: &Robustness) -> Vec<String> {
    let mut notes = Vec::new();
    for r in &found.rounding {
        let Some((now, then)) = value(&r.after, "forget.exact").zip(value(plain.after, "forget.exact")) else {
            continue;
        };
        let bits = r.bits;
        notes.push(if now > then {
            format!(
                "Rounded to {bits} bits it says more of what was forgotten: {} of the texts, {} unrounded.",
                percent(now),
                percent(then)
            )
        } else {
            format!("Rounding to {bits} bits brings nothing back: {} of the texts are reproduced.", percent(now))
        });
    }
    if let Some(prefixes) = &found.prefixes {
        notes.extend(prefixes.notes.iter().cloned());
        let best = prefixes.tried.iter().skip(1).filter_map(|t| Some((&t.name, share(&t.after, is_exact)?)));
        let best = best.max_by(|a, b| a.1.total_cmp(&b.1));
        let bare = prefixes.tried.first().and_then(|t| share(&t.after, is_exact));
        if let Some(((name, most), bare)) = best.zip(bare) {
            notes.push(if most > bare {
                format!("Behind {name} it reproduces {} of the texts, {} without.", percent(most), percent(bare))
            } else {
                "No text before the prompt brings more back than the prompt alone.".to_owned()
            });
        }
    }
    if let Some((after, before)) = found
        .sampling
        .as_ref()
        .and_then(|s| s.appearing(1, options.draws as f64).zip(s.appearing(0, options.draws as f64)))
    {
        let draws = options.draws;
        notes.push(format!(
            "In {draws} draws {} of the texts are expected to appear; before, {}.",
            percent(after),
            percent(before)
        ));
    }
    if let Some(relearning) = &found.relearning {
        let [part, rest] = relearning.n;
        notes.push(match (relearning.before.rest.exact, relearning.recovered()) {
            (Some(known), Some(steps)) if known > 0.0 => format!(
                "Training on {part} of the texts again brings half of the other {rest} back after {steps} steps."
            ),
            (Some(known), None) if known > 0.0 => format!(
                "{} steps of training on {part} of the texts do not bring half of the other {rest} back.",
                options.relearn_steps
            ),
            _ => "The texts that are not trained on again were not reproduced before: see their accuracy and loss."
                .to_owned(),
        });
    }
    notes
}
