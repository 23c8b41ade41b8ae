//! `memoscope pairs`: the models of some runs as they descend, and what was measured before and after.

use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::run::RUNS;
use super::show::{aligned, number};
use super::{Streams, json_arg, text};
use crate::error::Result;
use crate::methods::common::tables::counted;
use crate::runs::index;
use crate::runs::lineage::{Comparison, Lineage, Measured, Node};

pub(super) fn command() -> Command {
    Command::new("pairs")
        .about("Before and after: the same measurement of a model and of what was made of it")
        .long_about(
            "Before and after: the same measurement of a model and of what was made of it.\n\n\
             Models descend from each other by the runs that trained or edited them. Two measurements are compared \
             when method, configuration, seed and data are the same; of several of one model the newest counts.",
        )
        .arg(Arg::new("folder").value_name("DIR").default_value(RUNS).help("Folder that holds the folders of runs"))
        .arg(json_arg())
}

pub(super) fn pairs(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let rows = index::rows(Path::new(&text(args, "folder")))?;
    let steps: Vec<_> = rows.into_iter().map(|row| (row.name(), row.studied)).collect();
    let lineage = Lineage::new(steps.iter().map(|(run, steps)| (run.as_str(), steps.as_slice())));
    let families = lineage.families();
    if args.get_flag("json") {
        let families: Vec<_> = families
            .iter()
            .map(|family| json!({"models": family, "comparisons": lineage.comparisons(family)}))
            .collect();
        return streams.json(&json!({"models": lineage.nodes, "families": families}));
    }
    if families.is_empty() {
        return streams.line("no model here was made of another; `train` and `unlearn` make models");
    }
    for family in &families {
        let (shown, left_out) = lineage.looked_at(family);
        for node in &shown {
            let Some(model) = lineage.nodes.get(*node) else { continue };
            streams.line(&format!("{}{}", "  ".repeat(lineage.depth(*node)), model_line(model)))?;
        }
        if left_out > 0 {
            streams.line(&format!("  and {} that nothing was measured on", counted(left_out, "model")))?;
        }
        for comparison in lineage.comparisons(family) {
            streams.line(&table(&lineage, &comparison))?;
        }
        streams.line("")?;
    }
    Ok(())
}

fn model_line(model: &Node) -> String {
    match (&model.how, &model.made_by) {
        (Some(how), Some(run)) => format!("{} · {how} in {run} · {}", model.name, model.about),
        _ if model.path.is_dir() => format!("{} ({})", model.name, model.path.display()),
        _ => model.name.clone(),
    }
}

/// A line for every number and model, with the change from the model before.
fn table(lineage: &Lineage, comparison: &Comparison) -> String {
    let mut rows = Vec::new();
    let labels = comparison.measured.first().map_or(&[][..], |one| one.scalars.as_slice());
    for scalar in labels {
        let value = |one: &Measured| one.scalars.iter().find(|s| s.id == scalar.id).and_then(|s| s.value);
        for (at, one) in comparison.measured.iter().enumerate() {
            let name = lineage.nodes.get(one.model).map_or("", |node| node.name.as_str());
            let before = comparison.before(lineage, at).and_then(value);
            let change = value(one).zip(before).map(|(now, before)| now - before);
            rows.push([
                if at == 0 { format!("    {}", scalar.label) } else { String::new() },
                name.to_owned(),
                value(one).map_or_else(|| "undefined".to_owned(), number),
                change.map(|by| format!("{}{}", if by < 0.0 { "" } else { "+" }, number(by))).unwrap_or_default(),
                format!("{} step {}", one.run, one.step),
            ]);
        }
    }
    format!("  {}\n{}", comparison.method, aligned(&rows))
}
