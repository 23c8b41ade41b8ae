//! The rows of the sets of an experiment, as lists to look through.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::Trouble;
use crate::app::unlearn::{SLOTS, SetSheets};
use crate::data::{Dataset, Record};
use crate::error::{Error, Result};
use crate::methods::unlearn::sets::shared_rows;
use crate::runs::inputs::{self, Access};
use crate::runs::{DataRef, Experiment};

/// Rows of one set.
#[derive(Clone, Debug, Default)]
pub struct SetSheet {
    /// Where they are from.
    pub dataset: Arc<Dataset>,
    /// Which of its rows, ascending.
    pub rows: Vec<u32>,
    /// Parts that the file has.
    pub parts: Vec<String>,
    /// Groups that the file has.
    pub groups: Vec<String>,
}

impl SetSheet {
    fn new(dataset: Arc<Dataset>, data: &DataRef) -> Self {
        let is = |asked: &Option<String>, has: &Option<String>| asked.is_none() || asked == has;
        let wanted = |(_, r): &(usize, &Record)| is(&data.part, &r.part) && is(&data.group, &r.group);
        let rows = dataset.records.iter().enumerate().filter(wanted).map(|(i, _)| i as u32);
        let rows = rows.take(data.limit.unwrap_or(usize::MAX)).collect();
        let names = |of: fn(&Record) -> Option<&String>| -> Vec<String> {
            dataset.records.iter().filter_map(of).collect::<BTreeSet<_>>().into_iter().cloned().collect()
        };
        let (parts, groups) = (names(|r| r.part.as_ref()), names(|r| r.group.as_ref()));
        Self { dataset, rows, parts, groups }
    }

    /// The row at a place of the list.
    pub fn record(&self, place: usize) -> Option<&Record> {
        self.dataset.records.get(*self.rows.get(place)? as usize)
    }

    fn records(&self) -> Vec<&Record> {
        (0..self.rows.len()).filter_map(|place| self.record(place)).collect()
    }
}

/// Reads the sets of the first step, files that are open from memory.
pub(super) fn read(experiment: &Experiment, open: &[(PathBuf, Arc<Dataset>)]) -> SetSheets {
    let sets = SLOTS.map(|slot| Some(sheet(experiment, slot_data(experiment, slot)?, open).map_err(Trouble::from)));
    let shared = match &sets {
        [Some(Ok(forget)), Some(Ok(retain)), _] => shared_rows(&forget.records(), &retain.records()),
        _ => Vec::new(),
    };
    SetSheets { sets, shared }
}

/// What the slot of the first step takes.
fn slot_data<'a>(experiment: &'a Experiment, slot: &str) -> Option<&'a DataRef> {
    let step = experiment.steps.first()?;
    let name = step.inputs.get(slot).and_then(|input| input.names().first()).map_or(slot, String::as_str);
    experiment.data.get(name)
}

fn sheet(experiment: &Experiment, data: &DataRef, open: &[(PathBuf, Arc<Dataset>)]) -> Result<SetSheet> {
    if data.step.is_some() {
        return Err(Error::config("these rows are made by an earlier step of the experiment")
            .hint("they are there once the run has begun"));
    }
    let all = DataRef { part: None, group: None, limit: None, ..data.clone() };
    if let Some(make) = &data.make {
        return Ok(SetSheet::new(Arc::new(inputs::make_data(&all, make, experiment.seed)?), data));
    }
    let known = open.iter().find(|(path, _)| data.path.as_ref() == Some(path) && data.columns.is_empty());
    if let Some((_, dataset)) = known {
        return Ok(SetSheet::new(Arc::clone(dataset), data));
    }
    let file = inputs::data_file(&all, &mut Access::from_env())?;
    Ok(SetSheet::new(Arc::new(inputs::load_data(&all, &file)?), data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::Step;

    #[test]
    fn rows_are_filtered_limited_and_compared() {
        let record = |text: &str, group: &str| Record {
            text: Some(text.to_owned()),
            group: Some(group.to_owned()),
            ..Record::default()
        };
        let records = vec![record("a", "x"), record("b", "y"), record("c", "x"), record("d", "x")];
        let open = [(PathBuf::from("f.jsonl"), Arc::new(Dataset { records, ..Dataset::default() }))];
        let of = |group: Option<&str>, limit| DataRef {
            path: Some("f.jsonl".into()),
            group: group.map(str::to_owned),
            limit,
            ..DataRef::default()
        };
        let data = [("forget".to_owned(), of(Some("x"), Some(2))), ("retain".to_owned(), of(None, None))].into();
        let steps = vec![Step { method: "unlearn".to_owned(), ..Step::default() }];
        let found = read(&Experiment { data, steps, ..Experiment::default() }, &open);
        let Some(Ok(forget)) = &found.sets[0] else { panic!("{found:?}") };
        assert_eq!(
            (forget.rows.as_slice(), forget.groups.as_slice()),
            (&[0, 2][..], &["x", "y"].map(String::from)[..])
        );
        assert_eq!(found.shared, [true, false, true, false]);
        assert!(found.sets[2].is_none());
    }
}
