//! Whether published code is followed to the letter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
