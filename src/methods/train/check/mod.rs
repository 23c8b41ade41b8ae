//! What is measured while a model learns.

mod answers;
mod backdoor;
mod memorized;
mod predict;
mod quality;
#[cfg(test)]
mod stub;

pub(super) use answers::{AnswerCheck, answers};
pub(super) use backdoor::{BackdoorCheck, are_poisoned, backdoor};
pub(super) use memorized::{MemorizationCheck, Protocol, memorized};
pub(super) use predict::Trial;
pub(super) use quality::{QualityCheck, quality};
