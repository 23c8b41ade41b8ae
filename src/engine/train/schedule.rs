//! Learning rates over a run, as factors of the highest one.
//!
//! Source: transformers, `optimization.py`: `get_constant_schedule_with_warmup`, `get_linear_schedule_with_warmup`,
//! `get_cosine_schedule_with_warmup` (half a cosine).

use serde::{Deserialize, Serialize};

/// How the learning rate changes. `warmup`: steps in which it rises linearly from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Schedule {
    /// 1 after warm-up.
    Constant { warmup: u64 },
    /// Falls linearly to 0 at the last step.
    Linear { warmup: u64 },
    /// Falls to 0 along half a cosine.
    Cosine { warmup: u64 },
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Constant { warmup: 0 }
    }
}

impl Schedule {
    /// The factor on the learning rate for step `step` (the first is 0) of `total`.
    pub fn factor(self, step: u64, total: u64) -> f64 {
        let (Self::Constant { warmup } | Self::Linear { warmup } | Self::Cosine { warmup }) = self;
        if step < warmup {
            return step as f64 / warmup.max(1) as f64;
        }
        let falling = total.saturating_sub(warmup).max(1) as f64;
        match self {
            Self::Constant { .. } => 1.0,
            Self::Linear { .. } => total.saturating_sub(step) as f64 / falling,
            Self::Cosine { .. } => {
                let progress = (step - warmup) as f64 / falling;
                (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0)
            }
        }
    }
}
