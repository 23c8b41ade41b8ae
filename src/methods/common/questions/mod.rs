//! Questions about facts that rows state, and what a model answers.

mod items;
mod judge;
mod mode;
mod quiz;
mod score;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(in crate::methods) use items::{Item, Items, items};
pub(in crate::methods) use mode::Mode;
pub use quiz::{Marks, Quiz};
pub(in crate::methods) use score::{Answered, Asker};

use crate::methods::Compat;

/// How an answer is read out of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The most likely letter after the question and all options.
    Letter,
    /// The option whose text is most likely after the question: as a sum, a mean over its tokens, and calibrated.
    Likelihood,
    /// What the model says by itself.
    Direct,
}

/// Where wrong options come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distractors {
    /// Answers of everyone in the data.
    #[default]
    Global,
    /// Answers of the people who are asked about.
    Subset,
}

/// How questions are put and answers judged.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How answers are read: letter, likelihood, direct.
    #[schemars(length(min = 1))]
    pub formats: Vec<Format>,
    /// Only the first so many people.
    #[schemars(range(min = 1))]
    pub people: Option<usize>,
    /// Options of a multiple choice, the right one among them.
    #[schemars(range(min = 2, max = 26))]
    pub options: usize,
    /// Where wrong options come from.
    pub distractors: Distractors,
    /// What the model reads; `{question}` stands for the question, in the letter mode with its options.
    pub prompt: String,
    /// Tokens of a direct answer.
    #[schemars(range(min = 1, max = 1024), extend("x-unit" = "tokens"))]
    pub max_answer: usize,
    /// Questions that are answered together; results do not depend on it.
    #[schemars(range(min = 1, max = 4096))]
    pub batch_size: usize,
    /// `paper` asks and judges as LLM-Engram does.
    pub compat: Compat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            formats: vec![Format::Letter, Format::Likelihood, Format::Direct],
            people: None,
            options: 4,
            distractors: Distractors::default(),
            prompt: "{question}\nAnswer:".to_owned(),
            max_answer: 32,
            batch_size: 8,
            compat: Compat::Correct,
        }
    }
}

impl Config {
    pub(in crate::methods) fn has(&self, format: Format) -> bool {
        self.formats.contains(&format)
    }

    pub(in crate::methods) fn prompt(&self, question: &str) -> String {
        self.prompt.replace("{question}", question)
    }

    pub(in crate::methods) fn distractors(&self) -> Distractors {
        if self.compat == Compat::Paper { Distractors::Subset } else { self.distractors }
    }

    /// The published code stops after ten tokens.
    pub(in crate::methods) fn max_answer(&self) -> usize {
        const PAPER: usize = 10;
        if self.compat == Compat::Paper { PAPER } else { self.max_answer }
    }
}
