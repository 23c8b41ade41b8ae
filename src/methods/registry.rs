//! The list of methods and what each declares about itself.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema::{self, Problem};
use super::{Context, Report, gradient, landscape, mia, qa, score, train, unlearn};
pub use crate::data::Compat;
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

/// How much a method is given, counted before it runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// Texts or rows by data slot.
    pub texts: BTreeMap<String, u64>,
    /// Tokens by data slot, after cutting at the context length.
    pub tokens: BTreeMap<String, u64>,
    /// Models by model slot.
    pub models: BTreeMap<String, u64>,
    /// Rows with the label 0 and with the label 1 by data slot.
    pub labels: BTreeMap<String, [u64; 2]>,
    /// Rows with paraphrases by data slot.
    pub with_paraphrases: BTreeMap<String, u64>,
    /// Rows that state facts, by input name.
    pub with_facts: BTreeMap<String, u64>,
    /// Numbers of the model of the slot `model`; like the next two 0 while nobody has made it.
    #[serde(default)]
    pub parameters: u64,
    /// Its layers.
    #[serde(default)]
    pub n_layer: u64,
    /// Hidden units of a feed-forward layer.
    #[serde(default)]
    pub d_ff: u64,
}

impl Amount {
    /// Texts of all data slots together.
    pub fn all_texts(&self) -> u64 {
        self.texts.values().sum()
    }

    /// Tokens of all data slots together.
    pub fn all_tokens(&self) -> u64 {
        self.tokens.values().sum()
    }
}

/// What a method will do with it: the base of the time estimate. An honest "about".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Tokens that go forward through a model.
    pub forward_tokens: u64,
    /// Tokens that also go backward.
    pub backward_tokens: u64,
    /// Tokens decoded one by one.
    pub decoded_tokens: u64,
    /// Of the forward tokens, those that leave no row of their own on the disk: texts that are read again and again.
    #[serde(default)]
    pub fleeting_tokens: u64,
    /// Vectors as long as all parameters of the model that are held besides it.
    #[serde(default)]
    pub vectors: u64,
    /// Bytes of a model that the method makes, with what training it takes.
    #[serde(default)]
    pub own_bytes: u64,
    /// Bytes of models that it leaves on the disk.
    #[serde(default)]
    pub kept_bytes: u64,
}

/// A method, whatever the type of its configuration.
pub trait Method: Sync {
    /// What it is.
    fn card(&self) -> &Card;
    /// What it needs. Every method has the input `model`.
    fn inputs(&self) -> &'static [Input];
    /// JSON schema of its configuration: descriptions, ranges, defaults.
    fn schema(&self) -> Schema;
    /// Default configuration.
    fn defaults(&self) -> Value;
    /// Everything that is wrong with a configuration, field by field; empty when it is good.
    fn problems(&self, config: &Value) -> Vec<Problem>;
    /// Says what is missing when it could do nothing with this input.
    fn fits(&self, amount: &Amount) -> Result<()>;
    /// What it will do with this much input.
    fn work(&self, config: &Value, amount: &Amount) -> Result<Work>;
    /// Runs it.
    fn run(&self, config: &Value, cx: &mut Context<'_>) -> Result<Report>;

    /// Checks a configuration without running; the error is about the first wrong field.
    fn validate(&self, config: &Value) -> Result<()> {
        self.problems(config).into_iter().next().map_or(Ok(()), |problem| Err(problem.into_error()))
    }

    /// The configuration with every field that it leaves out taken from the defaults.
    fn resolved(&self, config: &Value) -> Value {
        let config = if config.is_null() { &Value::Object(Map::new()) } else { config };
        schema::fill(config, &self.defaults(), &self.schema())
    }

    /// Fields that ask for tokens of every row, and how many: a shorter row is of no use.
    fn row_needs(&self, config: &Value) -> Result<Vec<(&'static str, usize)>>;

    /// The fields of the configuration, for forms and command lines.
    fn fields(&self) -> Vec<schema::Field> {
        schema::fields(&self.schema(), &self.defaults())
    }
}

/// A method with a typed configuration.
///
/// The fields of `C` are the options: doc comments, `#[schemars(range(…))]` and, for units,
/// `#[schemars(extend("x-unit" = "tokens"))]`. Real numbers are `f64`, so that defaults print as written.
pub struct Typed<C: 'static> {
    /// What it is.
    pub card: Card,
    /// What it needs.
    pub inputs: &'static [Input],
    /// Checks beyond the ranges of single fields; [`no_check`] when there are none.
    pub check: fn(&C) -> Result<()>,
    /// Fields that ask for tokens of every row, and how many; [`any_row`] when every row is of use.
    pub row_needs: fn(&C) -> Vec<(&'static str, usize)>,
    /// Says what is missing when it could do nothing with this input; [`any_amount`] when every input will do.
    pub fits: fn(&Amount) -> Result<()>,
    /// What it will do with this much input, for the time estimate.
    pub work: fn(&C, &Amount) -> Work,
    /// The work.
    pub run: fn(&C, &mut Context<'_>) -> Result<Report>,
}

/// For [`Typed::check`] of methods whose fields do not depend on each other.
pub fn no_check<C>(_: &C) -> Result<()> {
    Ok(())
}

/// For [`Typed::row_needs`] of methods that can use every row.
pub fn any_row<C>(_: &C) -> Vec<(&'static str, usize)> {
    Vec::new()
}

/// For [`Typed::fits`] of methods that can use every input.
pub fn any_amount(_: &Amount) -> Result<()> {
    Ok(())
}

impl<C: DeserializeOwned> Typed<C> {
    fn parse(config: &Value) -> Result<C> {
        serde_json::from_value(config.clone()).map_err(|e| Error::config(e.to_string()))
    }
}

impl<C: Default + Serialize + DeserializeOwned + JsonSchema> Method for Typed<C> {
    fn card(&self) -> &Card {
        &self.card
    }

    fn inputs(&self) -> &'static [Input] {
        self.inputs
    }

    fn schema(&self) -> Schema {
        schemars::schema_for!(C)
    }

    fn defaults(&self) -> Value {
        // By text, so that an `f32` prints as written.
        let written = serde_json::to_string(&C::default()).unwrap_or_default();
        serde_json::from_str(&written).unwrap_or_default()
    }

    fn problems(&self, config: &Value) -> Vec<Problem> {
        let config = self.resolved(config);
        let found = schema::problems(&self.schema(), &config);
        if !found.is_empty() {
            return found;
        }
        let checked = Self::parse(&config).and_then(|config| (self.check)(&config));
        checked.err().map(Problem::from).into_iter().collect()
    }

    fn row_needs(&self, config: &Value) -> Result<Vec<(&'static str, usize)>> {
        Ok((self.row_needs)(&Self::parse(&self.resolved(config))?))
    }

    fn fits(&self, amount: &Amount) -> Result<()> {
        (self.fits)(amount)
    }

    fn work(&self, config: &Value, amount: &Amount) -> Result<Work> {
        Ok((self.work)(&Self::parse(&self.resolved(config))?, amount))
    }

    fn run(&self, config: &Value, cx: &mut Context<'_>) -> Result<Report> {
        self.validate(config)?;
        (self.run)(&Self::parse(&self.resolved(config))?, cx)
    }
}

/// All methods, sorted by id.
pub fn registry() -> &'static [&'static dyn Method] {
    static METHODS: [&dyn Method; 9] = [
        &landscape::curvature::METHOD,
        &gradient::alignment::METHOD,
        &landscape::surface::METHOD,
        &score::memorization::METHOD,
        &mia::METHOD,
        &score::perplexity::METHOD,
        &qa::METHOD,
        &train::METHOD,
        &unlearn::METHOD,
    ];
    &METHODS
}

/// The method with this id; the error names the nearest one.
pub fn find(id: &str) -> Result<&'static dyn Method> {
    let known = || registry().iter().map(|m| m.card().id);
    registry().iter().copied().find(|m| m.card().id == id).ok_or_else(|| {
        Error::config(format!("there is no method `{id}`")).hint(match schema::nearest(id, known()) {
            Some(near) => format!("did you mean `{near}`? `memoscope list` names them all"),
            None => "`memoscope list` names them all".to_owned(),
        })
    })
}
