//! The list of methods and what each declares about itself.

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Context, Report};
use crate::error::{Error, Result};

/// The method card: it goes with every number.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Card {
    /// Stable id, equal to the file stem with `-` for `_`; also the command-line verb.
    pub id: &'static str,
    /// Group in menus: `score`, `pairs`, `mia`, …
    pub group: &'static str,
    /// Shown name.
    pub title: &'static str,
    /// One sentence: what it tells.
    pub about: &'static str,
    /// The formula in plain text.
    pub formula: &'static str,
    /// Conventions and how the paper-compatible mode differs.
    pub conventions: &'static str,
    /// Paper with equation.
    pub source: &'static str,
    /// Raised whenever a number changes.
    pub version: u32,
}

/// An input slot of a method.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Input {
    /// Name in the experiment file and, as `--name`, on the command line.
    pub name: &'static str,
    /// Model or data.
    pub kind: InputKind,
    /// Whether the method refuses to run without it.
    pub required: bool,
    /// Whether several may be given.
    pub many: bool,
    /// What it is.
    pub about: &'static str,
}

/// What an input slot takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A model folder or hub id.
    Model,
    /// A data file or hub data set.
    Data,
}

/// Whether a known quirk of the published code is corrected or reproduced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// What the definition says.
    #[default]
    Correct,
    /// What the published code does, so that published numbers can be checked.
    Paper,
}

/// A method, whatever the type of its configuration.
pub trait Method: Sync {
    /// What it is.
    fn card(&self) -> &'static Card;
    /// What it needs. Every method has the input `model`.
    fn inputs(&self) -> &'static [Input];
    /// JSON schema of its configuration: descriptions, ranges, defaults.
    fn schema(&self) -> Schema;
    /// Default configuration.
    fn defaults(&self) -> Value;
    /// Checks a configuration without running.
    fn validate(&self, config: &Value) -> Result<()>;
    /// Runs it.
    fn run(&self, config: &Value, cx: &mut Context<'_>) -> Result<Report>;
}

/// A method with a typed configuration.
pub struct Typed<C: 'static> {
    /// What it is.
    pub card: Card,
    /// What it needs.
    pub inputs: &'static [Input],
    /// Checks beyond the ranges of single fields.
    pub check: fn(&C) -> Result<()>,
    /// The work.
    pub run: fn(&C, &mut Context<'_>) -> Result<Report>,
}

impl<C: Default + Serialize + DeserializeOwned + JsonSchema> Method for Typed<C> {
    fn card(&self) -> &'static Card {
        todo!()
    }
    fn inputs(&self) -> &'static [Input] {
        self.inputs
    }
    fn schema(&self) -> Schema {
        schemars::schema_for!(C)
    }
    fn defaults(&self) -> Value {
        todo!()
    }
    fn validate(&self, config: &Value) -> Result<()> {
        let _ = config;
        Err(Error::bug("not written yet"))
    }
    fn run(&self, config: &Value, cx: &mut Context<'_>) -> Result<Report> {
        let _ = (config, cx, self.run);
        Err(Error::bug("not written yet"))
    }
}

/// All methods, sorted by id.
pub fn registry() -> &'static [&'static dyn Method] {
    &[]
}

/// The method with this id; the error names the nearest ones.
pub fn find(id: &str) -> Result<&'static dyn Method> {
    registry()
        .iter()
        .copied()
        .find(|m| m.card().id == id)
        .ok_or_else(|| Error::config(format!("there is no method `{id}`")).hint("`memoscope list` names them all"))
}
