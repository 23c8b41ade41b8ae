//! Models and data that an earlier step of the same run makes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::store::{RunDir, SavedMade, SavedReport};
use crate::error::{Error, Result};

/// What a step takes from an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutput {
    /// Index of the step that makes it.
    pub step: usize,
    /// Its name there; the only one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

impl StepOutput {
    /// The model folder; the report holds the steps that are done.
    ///
    /// # Errors
    /// The step made no model of that name; the message names those it made.
    pub fn model(&self, run: &RunDir, report: &SavedReport) -> Result<PathBuf> {
        let made = report.steps.get(self.step).map_or(&[][..], |step| &step.models);
        self.find("model", made)?.path(run)
    }

    /// The data file; the report holds the steps that are done.
    ///
    /// # Errors
    /// The step made no data of that name; the message names those it made.
    pub fn data(&self, run: &RunDir, report: &SavedReport) -> Result<PathBuf> {
        let made = report.steps.get(self.step).map_or(&[][..], |step| &step.data);
        self.find("data", made)?.path(run)
    }

    fn find<'a>(&self, kind: &str, made: &'a [SavedMade]) -> Result<&'a SavedMade> {
        let found = match (&self.output, made) {
            (Some(name), _) => made.iter().find(|one| one.name == *name),
            (None, [one]) => Some(one),
            (None, _) => None,
        };
        found.ok_or_else(|| {
            let what = self.output.as_ref().map_or_else(String::new, |name| format!(" named `{name}`"));
            let names: Vec<String> = made.iter().map(|one| format!("`{}`", one.name)).collect();
            let hint = match names.as_slice() {
                [] => format!("step {} makes no {kind}", self.step),
                _ => format!("name one as `output`: {}", names.join(", ")),
            };
            Error::config(format!("step {} did not make exactly one {kind}{what}", self.step)).hint(hint)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> SavedMade {
        SavedMade { name: name.to_owned(), path: format!("checkpoints/0-train/{name}"), about: String::new() }
    }

    #[test]
    fn the_only_output_needs_no_name_and_a_wrong_name_lists_the_right_ones() {
        let any = StepOutput { step: 0, output: None };
        assert_eq!(any.find("model", &[one("final")]).unwrap().name, "final");
        let error = any.find("model", &[one("final"), one("best")]).unwrap_err().to_string();
        assert!(error.contains("`final`, `best`"), "{error}");
        let wrong = StepOutput { step: 0, output: Some("last".to_owned()) };
        let error = wrong.find("data", &[]).unwrap_err().to_string();
        assert!(error.contains("named `last`") && error.contains("makes no data"), "{error}");
    }
}
