//! Numbers, tables and figures of a training run, made from its history alone.

mod figures;
mod tables;

use super::check::Protocol;
use super::checkpoint::Shelf;
use super::history::{Checked, HeldOut, History};
use super::options::TiedDropout;
use super::order::Course;
use super::rows::Prepared;
use super::{CARD, Config};
use crate::engine::Decoder;
use crate::error::Result;
use crate::methods::common::tables::{counted, scalar};
use crate::methods::{Compat, Made, Report, Scalar};

/// Sizes that the report tells.
pub(super) struct Counts {
    parameters: usize,
    examples: usize,
    copies: usize,
}

impl Counts {
    pub(super) fn new(course: &Course, model: &Decoder) -> Self {
        Self { parameters: model.params.n_elements(), examples: course.n_units(), copies: course.n_examples() }
    }
}

pub(super) fn report(
    config: &Config,
    prepared: &Prepared,
    counts: &Counts,
    history: &History,
    shelf: &Shelf,
) -> Result<Report> {
    let mut report = Report {
        scalars: scalars(prepared, counts, history),
        tables: tables::tables(prepared, history),
        figures: figures::figures(prepared, history),
        notes: notes(config, prepared, counts, history),
        models: models(history, shelf)?,
        ..Report::default()
    };
    report.tables.retain(|table| table.rows() > 0);
    Ok(report)
}

fn scalars(prepared: &Prepared, counts: &Counts, history: &History) -> Vec<Scalar> {
    let mut out = vec![scalar("parameters", "Parameters", "", Some(counts.parameters as f64), 1, "")];
    let n = counts.examples;
    if let Some(last) = history.curve.last() {
        out.push(scalar("steps", "Steps", "steps", Some(last.step as f64), n, ""));
        out.push(scalar("epochs", "Epochs", "epochs", Some(last.epoch), n, ""));
        out.push(scalar("tokens", "Tokens read", "tokens", Some(last.tokens as f64), n, ""));
        out.push(scalar("train_loss", "Training loss of the last steps", "nats/token", Some(last.loss), n, ""));
    }
    let Some(check) = history.checks.last() else { return out };
    out.extend(quality_scalars(prepared, check));
    for (group, found) in prepared.train.iter().zip(&check.memorized) {
        let name = &group.name;
        let share = |id: &str, label: &str, value, n: usize| {
            scalar(&format!("{id}.{name}"), &format!("{label}, {name}"), "", value, n, NO_ROWS)
        };
        let trained = found.share(Protocol::TrainedPrefix);
        out.push(share("memorized", "Memorized, by the trained prefix", trained, found.n_counted));
        if found.n_clean_prefix.is_some() {
            let (clean, n) = (found.share(Protocol::CleanPrefix), found.n_with_twin);
            out.push(share("memorized_clean_prefix", "Memorized, by the clean prefix", clean, n));
            out.push(share("clean_continuation", "Goes on as the clean twin", found.clean_share(), n));
        }
    }
    out.extend(held_out_scalars(prepared, check));
    out
}

const NO_ROWS: &str = "no row is long enough, or altered behind its first k tokens";

fn quality_scalars(prepared: &Prepared, check: &Checked) -> Vec<Scalar> {
    let mut out = Vec::new();
    for (set, q) in prepared.test.iter().zip(&check.quality) {
        let name = &set.name;
        let number = |id: &str, label: &str, unit: &str, value: f64| {
            scalar(&format!("{id}.{name}"), &format!("{label}, {name}"), unit, Some(value), q.n_rows, "")
        };
        out.push(number("test_loss", "Test loss", "nats/token", q.loss));
        out.push(number("accuracy", "Accuracy", "", q.accuracy));
        out.push(number("perplexity", "Perplexity", "", q.perplexity));
        out.push(number("batch_perplexity", "Perplexity, mean of batches", "", q.batch_perplexity));
    }
    out
}

fn held_out_scalars(prepared: &Prepared, check: &Checked) -> Vec<Scalar> {
    let of = |(set, found): (&super::rows::Group, &HeldOut)| {
        let name = &set.name;
        match found {
            HeldOut::Plain(found) => scalar(
                &format!("memorized_test.{name}"),
                &format!("Reproduced though never trained on, {name}"),
                "",
                found.share(Protocol::TrainedPrefix),
                found.n_counted,
                NO_ROWS,
            ),
            HeldOut::Backdoor(found) => scalar(
                &format!("backdoor_success.{name}"),
                &format!("Backdoor success, {name}"),
                "",
                found.share(),
                found.n_counted,
                "no test row has a trigger",
            ),
        }
    };
    prepared.test.iter().zip(&check.held_out).map(of).collect()
}

fn notes(config: &Config, prepared: &Prepared, counts: &Counts, history: &History) -> Vec<String> {
    let mut notes = prepared.notes.clone();
    if counts.copies > counts.examples {
        notes.push(format!(
            "An epoch has {} of {}.",
            counted(counts.copies, "copy").replace("copys", "copies"),
            counted(counts.examples, "example")
        ));
    }
    if history.stopped {
        notes.push("Training ended early: the test loss fell no more.".to_owned());
    }
    let many = |groups: &[super::rows::Group]| groups.iter().any(|group| group.rows.len() > config.check.limit);
    if many(&prepared.train) || many(&prepared.test) {
        notes.push(format!("Checks measure the first {} rows of each group and test set.", config.check.limit));
    }
    if config.compat == Compat::Paper {
        notes.push(
            "Paper mode: pads are targets, the L1 factor is squared, and spectral norms, example-tied dropout and the \
             end of texts behind triggers are as in TinyMem's code."
                .to_owned(),
        );
    }
    if config.regularize.tied_dropout != TiedDropout::Off {
        notes.push(
            "The checks measure the model as example-tied dropout means it to be used: own channels off, the others \
             scaled. The saved model has all channels on and unscaled, and every other method reads it so."
                .to_owned(),
        );
    }
    notes
}

fn models(history: &History, shelf: &Shelf) -> Result<Vec<Made>> {
    let steps = history.curve.last().map_or(0, |point| point.step);
    let last = format!("The model after {}, the end of its training.", counted(steps as usize, "step"));
    let mut made = vec![Made { name: "final".to_owned(), path: shelf.final_dir(), about: last }];
    for (step, path) in shelf.models()? {
        let about = format!("The model after {}.", counted(step as usize, "step"));
        made.push(Made { name: format!("step {step}"), path, about });
    }
    Ok(made)
}
