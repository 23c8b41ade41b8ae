//! What the runs of a sweep found, as one report: settings beside numbers, mean and deviation over seeds, figures.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::figures::{curve_figures, number_figures};
use super::folder::Sweep;
use super::groups::{Group, Spread, groups};
use super::{SEED, names};
use crate::error::Result;
use crate::methods::{Card, Report, Table, Values};
use crate::runs::store::{self, SavedReport, SavedTable};

const CARD: Card = Card {
    id: "sweep",
    group: "runs",
    title: "Sweep",
    about: "What the runs of a sweep found, side by side.",
    formula: "mean = Σ xᵢ / n, deviation = √(Σ (xᵢ − mean)² / (n − 1)) over runs that differ in their seed alone",
    conventions: "Only finished runs count. Bands are one standard deviation below and above the mean.",
    source: "Sample standard deviation",
    version: 1,
};

/// What is known of the members: the ids, labels and units of all numbers, and each member's values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Id, shown name, unit; in the order of the reports.
    pub columns: Vec<[String; 3]>,
    /// By member; absent where the run is not finished or has no such number.
    pub values: Vec<BTreeMap<String, f64>>,
}

impl Numbers {
    /// Spread of a number over the members of a group.
    pub fn spread(&self, id: &str, group: &Group) -> Option<Spread> {
        let values: Vec<f64> =
            group.members.iter().filter_map(|place| self.values.get(*place)?.get(id).copied()).collect();
        Spread::of(&values)
    }

    fn read(sweep: &Sweep) -> Result<Self> {
        let mut numbers = Self { columns: Vec::new(), values: Vec::new() };
        for member in &sweep.members {
            let report = match sweep.run(member) {
                Ok(run) => SavedReport::read(&run)?.filter(|report| report.complete),
                Err(_) => None,
            };
            numbers.values.push(BTreeMap::new());
            for (id, scalar) in report.iter().flat_map(SavedReport::named_scalars) {
                if numbers.columns.iter().all(|[known, ..]| *known != id) {
                    numbers.columns.push([id.clone(), scalar.label.clone(), scalar.unit.clone()]);
                }
                if let (Some(value), Some(row)) = (scalar.value, numbers.values.last_mut()) {
                    row.insert(id, value);
                }
            }
        }
        Ok(numbers)
    }
}

/// Reads all finished runs and writes report, tables and figures into the folder of the sweep.
pub fn merge(sweep: &Sweep) -> Result<SavedReport> {
    let numbers = Numbers::read(sweep)?;
    let groups = groups(&sweep.members);
    let mut report = Report { tables: vec![runs_table(sweep, &numbers)], ..Report::default() };
    if sweep.members.len() > groups.len() {
        report.tables.push(means_table(&groups, &numbers));
    }
    report.figures = number_figures(&groups, &numbers);
    report.figures.extend(curve_figures(sweep, &groups)?);
    let open = sweep.states().iter().filter(|state| **state != Some(store::State::Done)).count();
    if open > 0 {
        report.notes.push(format!("{open} of {} runs are not finished and left out.", sweep.members.len()));
    }
    let results = sweep.results();
    for folder in [results.tables(), results.figures()] {
        store::make_folder(&folder)?;
    }
    let config = json!({ "sweep": sweep.experiment.sweep });
    let mut step = store::save_step(&results, "", &CARD, &config, &report)?;
    for table in &report.tables {
        let copy = Table { id: format!("{}.parquet", table.id), parquet: true, ..table.clone() };
        let file = format!("tables/{}", copy.id);
        store::write_table(&results.path().join(&file), &copy)?;
        step.tables.push(SavedTable::new(&copy, file));
    }
    let mut saved = SavedReport::new(&sweep.experiment.name, sweep.experiment.seed);
    saved.complete = open == 0;
    saved.steps.push(step);
    store::write_json(&results.report_path(), &saved)?;
    Ok(saved)
}

fn runs_table(sweep: &Sweep, numbers: &Numbers) -> Table {
    let texts = |of: &dyn Fn(usize) -> String| Values::Text((0..sweep.members.len()).map(of).collect());
    let states = sweep.states();
    let member = |i: usize| sweep.members.get(i).map(|member| member.run.clone()).unwrap_or_default();
    let state = |i: usize| states.get(i).copied().flatten().map_or("gone", store::State::name).to_owned();
    let rows: Vec<&Map<String, Value>> = sweep.members.iter().map(|member| &member.values).collect();
    let mut table = with_values(Table::new("runs", "Runs of the sweep"), &rows);
    for [id, label, unit] in &numbers.columns {
        let values = numbers.values.iter().map(|row| row.get(id).copied()).collect();
        table = table.column(id, unit, label, Values::Float(values));
    }
    let table = table.column("state", "", "State of the run", texts(&state));
    table.column("run", "", "Folder of the run", texts(&member))
}

fn means_table(groups: &[Group], numbers: &Numbers) -> Table {
    let rows: Vec<&Map<String, Value>> = groups.iter().map(|group| &group.values).collect();
    let mut table = with_values(Table::new("means", "Mean and standard deviation over seeds"), &rows);
    let finished = |group: &Group| {
        let has_any = |place: &&usize| numbers.values.get(**place).is_some_and(|row| !row.is_empty());
        group.members.iter().filter(has_any).count()
    };
    table = table.column("n", "", "Finished runs", Values::ints(groups.iter().map(finished)));
    for [id, label, unit] in &numbers.columns {
        let spreads: Vec<Option<Spread>> = groups.iter().map(|group| numbers.spread(id, group)).collect();
        let means = spreads.iter().map(|spread| spread.map(|s| s.mean)).collect();
        let deviations = spreads.iter().map(|spread| spread.and_then(|s| s.deviation)).collect();
        table = table.column(id, unit, &format!("{label}, mean"), Values::Float(means));
        let about = format!("{label}, standard deviation");
        table = table.column(&format!("{id}.deviation"), unit, &about, Values::Float(deviations));
    }
    table
}

/// A column for each varied field.
fn with_values(table: Table, rows: &[&Map<String, Value>]) -> Table {
    let paths: Vec<&String> = rows.first().into_iter().flat_map(|row| row.keys()).collect();
    let labels = names::labels(&paths);
    paths.iter().zip(labels).fold(table, |table, (path, label)| {
        let about = if *path == SEED { "Seed of everything random" } else { path.as_str() };
        let values: Vec<&Value> = rows.iter().map(|row| row.get(*path).unwrap_or(&Value::Null)).collect();
        table.column(&label, "", about, typed(&values))
    })
}

/// Values as the narrowest type that holds all of them.
fn typed(values: &[&Value]) -> Values {
    if values.iter().all(|value| value.is_i64()) {
        return Values::Int(values.iter().map(|value| value.as_i64()).collect());
    }
    if values.iter().all(|value| value.is_number()) {
        return Values::Float(values.iter().map(|value| value.as_f64()).collect());
    }
    Values::Text(values.iter().map(|value| names::shown(value)).collect())
}
