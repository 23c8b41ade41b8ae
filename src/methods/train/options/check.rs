//! What is measured and kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is measured while it learns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// How often is measured, in `unit`; at the start and at the end it is anyway.
    #[schemars(range(min = 1))]
    pub every: u64,
    /// What `every` counts.
    pub unit: Unit,
    /// Measure loss, accuracy and perplexity on the test rows.
    pub quality: bool,
    /// Measure how many training rows are memorized.
    pub memorization: bool,
    /// Prefix length k of the memorization check.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "tokens"))]
    pub k: usize,
    /// Continuation length l of the memorization check; shorter where a row ends.
    #[schemars(range(min = 1, max = 65536), extend("x-unit" = "tokens"))]
    pub l: usize,
    /// Rows of each group and test set that are measured: the first ones.
    #[schemars(range(min = 1), extend("x-unit" = "rows"))]
    pub limit: usize,
    /// People whose questions about stated facts are asked, of members and nonmembers each; 0 asks none.
    #[schemars(range(min = 0))]
    pub answers: usize,
    /// Steps behind one point of the training curve; at most a thousand points when absent.
    #[schemars(range(min = 1), extend("x-unit" = "steps"))]
    pub log_every: Option<u64>,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            every: 1,
            unit: Unit::Epochs,
            quality: true,
            memorization: true,
            k: 32,
            l: 32,
            limit: 1000,
            answers: 0,
            log_every: None,
        }
    }
}

/// What a period counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Passes over the data.
    Epochs,
    /// Updates of the weights.
    Steps,
}

/// When training ends early.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// Checks in a row without a lower test loss after which training ends; never when absent.
    #[schemars(range(min = 1), extend("x-unit" = "checks"))]
    pub patience: Option<u64>,
    /// Fall of the test loss that counts.
    #[schemars(range(min = 0.0, max = 100.0), extend("x-unit" = "nats/token"))]
    pub min_delta: f64,
}

/// What is kept for going on, and for looking back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoints {
    /// How often the model is kept, in `unit`; at most ten times in the whole run when absent. At the end it is anyway.
    #[schemars(range(min = 1))]
    pub every: Option<u64>,
    /// What `every` counts.
    pub unit: Unit,
    /// Newest checkpoints from which training can go on; older ones keep the model alone.
    #[schemars(range(min = 1, max = 1000))]
    pub resumable: usize,
    /// Newest checkpoints of all that are kept; all when absent.
    #[schemars(range(min = 1, max = 100_000))]
    pub keep: Option<usize>,
    /// Keep the moments of the optimizer with the final model, for training that goes on later.
    pub final_moments: bool,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every: None, unit: Unit::Epochs, resumable: 2, keep: None, final_moments: false }
    }
}
