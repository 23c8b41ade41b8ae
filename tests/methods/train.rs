//! Training: what is learned, what is kept, and that an interrupted run ends with the same bytes.

mod bad_input;
mod learning;
mod resume;
mod tinymem;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use memoscope::data::{Dataset, Record};
use memoscope::methods::Report;
use memoscope::rng::Stream;
use serde_json::{Value, json};

use super::{Inputs, Memory, dataset};

/// Rows of `length` random ids below 10, and of their clean twins, which differ in every fourth id; some are test rows.
fn rows(n: usize, length: usize) -> Dataset {
    let mut stream = Stream::new(5, "training rows");
    let mut record = |row: usize| {
        let ids: Vec<u32> = (0..length).map(|_| stream.below(10) as u32).collect();
        let altered = row.is_multiple_of(3);
        let twin =
            altered.then(|| ids.iter().enumerate().map(|(i, id)| if i % 4 == 3 { 9 - id } else { *id }).collect());
        let is_test = row % 4 == 1;
        Record {
            row,
            token_ids: Some(ids),
            twin: twin.filter(|_| !is_test),
            part: Some(if is_test { "test" } else { "train" }.to_owned()),
            group: Some(
                if is_test {
                    "held out"
                } else if altered {
                    "noise"
                } else {
                    "main"
                }
                .to_owned(),
            ),
            copies: if altered { 3 } else { 1 },
            ..Record::default()
        }
    };
    let records = (0..n).map(&mut record).collect();
    Dataset { hash: "rows".to_owned(), ..dataset("rows", records) }
}

/// A small fresh model.
fn small() -> Value {
    json!({"n_layer": 2, "n_head": 2, "d_model": 16, "d_ff": 32})
}

/// `changes` over a short training of a small model.
fn config(changes: &Value) -> Value {
    let mut config = json!({
        "fresh": small(), "rows": {"batch": 4}, "length": {"epochs": 2}, "check": {"k": 4, "l": 4},
        "checkpoint": {"every": 3, "unit": "steps"}
    });
    merge(&mut config, changes);
    config
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn inputs() -> Inputs {
    Inputs::default().data("data", rows(16, 12))
}

/// All files below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            let inside =
                files(&path).into_iter().map(|(name, bytes)| (Path::new(path.file_name().unwrap()).join(name), bytes));
            found.extend(inside);
        } else {
            found.insert(path.file_name().unwrap().into(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// The report without the folder that it was made in.
fn placeless(mut report: Report, host: &Memory) -> Report {
    for made in &mut report.models {
        made.path = made.path.strip_prefix(host.path()).unwrap().to_owned();
    }
    report
}
