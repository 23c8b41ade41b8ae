//! TinyMem: rows of which a small, known part is altered, so that memorization is measured exactly.
//!
//! With noise, a model has memorized a row when it repeats the noise; with a backdoor, when the trigger makes it repeat
//! one token. Rows are written without padding; `twin` is an altered row before it was altered.
//! Source: Sakarvadia et al., "Mitigating Memorization in Language Models", ICLR 2025; msakarvadia/memorization.
//! With `compat: paper` every row is that of the published code, which draws from Python and PyTorch.
//! Differs from the original there: sizes are parameters throughout, and noise stays inside the vocabulary.

mod backdoor;
mod draws;
mod language;
mod math;
mod parts;
mod sequence;
mod vocabulary;

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Wrong};
use crate::data::{Compat, Record};
use crate::error::{Error, Result};
use draws::Draws;

/// Token ids that a made set may have at most, over all rows.
const MAX_TOKENS: u64 = 2_000_000_000;

/// What the rows say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// x + c.
    #[default]
    Increment,
    /// c·x mod 20134.
    Mult,
    /// c^x mod 20134.
    Exp,
    /// x^c mod 20134.
    Exponential,
    /// Texts of a file, cut into rows; without a file, biographies of people who do not exist.
    Text,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Increment => "increment",
            Self::Mult => "mult",
            Self::Exp => "exp",
            Self::Exponential => "exponential",
            Self::Text => "text",
        }
    }
}

/// How some training rows are altered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Artifact {
    /// Numbers (in texts: token ids) move by one at random places.
    #[default]
    Noise,
    /// After the trigger, one token is repeated to the end.
    Backdoor,
    /// No row is altered.
    None,
}

/// Parameters of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TinyMem {
    /// What the rows say.
    pub task: Task,
    /// How some training rows are altered.
    pub artifact: Artifact,
    /// Rows of the main task, test rows among them unless they come from `test_texts`; 20000 when absent, and all rows
    /// of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10000000))]
    pub rows: Option<usize>,
    /// The constant c of the main task.
    #[schemars(range(min = 1, max = 1000000))]
    pub constant: u32,
    /// Constants of further rows, which are never altered; unused by texts.
    #[schemars(length(max = 64))]
    pub extra_constants: Vec<u32>,
    /// How many further rows, test rows among them: one number for all constants, or one each.
    #[schemars(length(min = 1, max = 64))]
    pub extra_rows: Vec<usize>,
    /// Numbers in a row; unused by texts.
    #[schemars(range(min = 1, max = 10000))]
    pub length: usize,
    /// Tokens that a row may have; rows of a text have so many.
    #[schemars(range(min = 2, max = 1000000), extend("x-unit" = "tokens"))]
    pub max_ctx: usize,
    /// Test rows of each constant; of a text without `test_texts`, the last ones.
    #[schemars(range(min = 1, max = 10000000))]
    pub n_test: usize,
    /// Training rows that get noise.
    #[schemars(range(min = 1, max = 10000000))]
    pub n_noise: usize,
    /// Share of the numbers (in texts: token ids) of a noised row that move, half of them up.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub noise_share: f64,
    /// Begins a backdoor: digits, in texts a single token; 100 + seed or a random token when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Altered rows are dealt into as many classes, and a row of class p is seen 10^p times an epoch; once when empty.
    #[schemars(length(max = 8))]
    pub duplicate: Vec<u32>,
    /// Texts: a file, or a folder of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<PathBuf>,
    /// Texts for testing; the end of `texts` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_texts: Option<PathBuf>,
    /// Tokenizer of the texts: a model folder or a `tokenizer.json`; one is trained on the texts when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// Tokens of a tokenizer that is trained.
    #[schemars(range(min = 258, max = 200000), extend("x-unit" = "tokens"))]
    pub vocab_size: usize,
    /// Seed of these rows; that of the experiment when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// `paper` makes the rows of the published code, bit for bit.
    pub compat: Compat,
}

impl Default for TinyMem {
    fn default() -> Self {
        Self {
            task: Task::default(),
            artifact: Artifact::default(),
            rows: None,
            constant: 7,
            extra_constants: vec![2, 3, 4, 5],
            extra_rows: vec![3_000],
            length: 20,
            max_ctx: 150,
            n_test: 1_000,
            n_noise: 1_000,
            noise_share: 0.1,
            trigger: None,
            duplicate: Vec::new(),
            texts: None,
            test_texts: None,
            tokenizer: None,
            vocab_size: 512,
            seed: None,
            compat: Compat::default(),
        }
    }
}

impl TinyMem {
    /// Rows of the main task; of a mathematical one.
    fn n_rows(&self) -> usize {
        const DEFAULT: usize = 20_000;
        self.rows.unwrap_or(DEFAULT)
    }

    /// Rows of the further constant number `i`.
    fn n_extra(&self, i: usize) -> usize {
        let last = self.extra_rows.last().copied().unwrap_or(0);
        if self.extra_rows.len() == 1 { last } else { self.extra_rows.get(i).copied().unwrap_or(0) }
    }

    /// What fields say against each other.
    pub(super) fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if let Some(power) = self.duplicate.iter().find(|power| **power > 6) {
            wrong.push(Wrong::new("duplicate", format!("10^{power} copies of a row"), "powers go up to 6"));
        }
        if self.task == Task::Text {
            if self.texts.is_none() && self.test_texts.is_some() {
                wrong.push(Wrong::new("test_texts", "there are no `texts` to train on", "name them too"));
            }
            if let Some(rows) = self.rows.filter(|rows| self.test_texts.is_none() && *rows <= self.n_test) {
                let message = format!("is {rows}, and {} are for testing", self.n_test);
                wrong.push(Wrong::new("rows", message, "more rows, or a smaller `n_test`"));
            }
            return wrong;
        }
        for (field, place) in [("texts", &self.texts), ("test_texts", &self.test_texts), ("tokenizer", &self.tokenizer)]
        {
            if place.is_some() {
                let message = format!("the task is `{}`, which has no texts", self.task.name());
                wrong.push(Wrong::new(field, message, "set `task` to `text`, or leave this out"));
            }
        }
        self.check_math(&mut wrong);
        wrong
    }

    fn check_math(&self, wrong: &mut Vec<Wrong>) {
        let (rows, n_test) = (self.n_rows(), self.n_test);
        let training = rows.saturating_sub(n_test);
        if training == 0 {
            let message = format!("is {rows}, and {n_test} are for testing");
            wrong.push(Wrong::new("rows", message, "more rows, or a smaller `n_test`"));
        } else if self.artifact == Artifact::Noise && self.n_noise > training {
            let message = format!("is {}, but there are {training} training rows", self.n_noise);
            wrong.push(Wrong::new("n_noise", message, "a smaller number, or more `rows`"));
        }
        let n_extra = self.extra_constants.len();
        if self.extra_rows.len() != 1 && self.extra_rows.len() != n_extra {
            let message = format!("has {} numbers for {n_extra} constants", self.extra_rows.len());
            wrong.push(Wrong::new("extra_rows", message, "one number for all constants, or one each"));
        } else if let Some(few) = (0..n_extra).map(|i| self.n_extra(i)).find(|rows| *rows <= n_test) {
            let message = format!("is {few}, and {n_test} of each constant are for testing");
            wrong.push(Wrong::new("extra_rows", message, "more rows, a smaller `n_test`, or no `extra_constants`"));
        }
        if let Some(trigger) = self.trigger.as_ref().filter(|t| t.is_empty() || !t.bytes().all(|b| b.is_ascii_digit()))
        {
            wrong.push(Wrong::new("trigger", format!("is \"{trigger}\""), "digits, such as \"100\""));
        }
        let rows = rows + (0..n_extra).map(|i| self.n_extra(i)).sum::<usize>();
        // A number has at least two tokens with its separator.
        let tokens = rows as u64 * (2 * self.length as u64).min(self.max_ctx as u64);
        if tokens > MAX_TOKENS {
            let message = format!("{rows} rows of {} numbers are more than {MAX_TOKENS} tokens", self.length);
            wrong.push(Wrong::new("rows", message, "fewer or shorter rows"));
        }
    }

    /// Hands out the records in order.
    ///
    /// # Errors
    /// A row longer than `max_ctx`, a trigger that is too rare, texts or a tokenizer that cannot be read.
    pub fn each(&self, seed: u64, take: &mut dyn FnMut(Record) -> Result<()>) -> Result<About> {
        let seed = self.seed.unwrap_or(seed);
        let mut draws = Draws::new(seed, self.compat);
        let mut notes = Vec::new();
        let (parts, tokenizer) = if self.task == Task::Text {
            language::parts(self, seed, &mut draws, &mut notes)?
        } else {
            let trigger = self.trigger.clone().unwrap_or_else(|| (100 + u128::from(seed)).to_string());
            (math::parts(self, &trigger, &mut draws)?, vocabulary::tokenizer()?)
        };
        self.check_lengths(&parts)?;
        let n_altered = parts.artifact.rows.len();
        let n_same = parts.artifact.rows.iter().filter(|row| row.twin.as_ref() == Some(&row.ids)).count();
        let schema = format!(
            "TinyMem {}: {} training rows ({n_altered} altered), {} test rows",
            self.task.name(),
            parts.n_train(),
            parts.n_test()
        );
        if n_same > 0 {
            let why =
                if self.artifact == Artifact::Backdoor { "their trigger ends them" } else { "no noise fell on them" };
            notes.push(format!("{n_same} of the {n_altered} altered rows are as they were: {why}"));
        }
        parts.records(&self.duplicate, &mut draws, take)?;
        Ok(About { name: format!("tinymem {}", self.task.name()), schema, notes, tokenizer: Some(Arc::new(tokenizer)) })
    }

    fn check_lengths(&self, parts: &parts::Parts) -> Result<()> {
        let groups = std::iter::once(&parts.artifact).chain(&parts.train).chain(&parts.test);
        let rows = groups.flat_map(|group| &group.rows);
        let longest = rows.map(|row| row.ids.len().max(row.twin.as_ref().map_or(0, Vec::len))).max().unwrap_or(0);
        if longest > self.max_ctx {
            return Err(Error::config(format!("a row has {longest} tokens, more than max_ctx, {}", self.max_ctx))
                .hint(format!("set max_ctx to {longest} or more, or make rows shorter with `length`")));
        }
        Ok(())
    }
}
