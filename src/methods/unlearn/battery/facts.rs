//! What is still known of the people in each set: questions about the facts that rows state.
//!
//! Choice among four options by the mean log-likelihood of their tokens, and greedy answers in the model's own words, as
//! `qa` asks and judges. Who is to be forgotten is not asked about as retained.

use super::metrics::{Better, Metric, metric};
use crate::engine::Decoder;
use crate::error::Result;
use crate::methods::common::questions::{Marks, Quiz};
use crate::methods::unlearn::config::Config;
use crate::methods::unlearn::sets::Sets;
use crate::methods::{Context, LoadedModel};

/// Names of a set's two metrics.
type Names = [[&'static str; 2]; 2];
const NAMES: [(Names, Better); 3] = [
    (
        [["forget.qa_choice", "Questions by choice, forget"], ["forget.qa_direct", "Questions in own words, forget"]],
        Better::Lower,
    ),
    (
        [["retain.qa_choice", "Questions by choice, retain"], ["retain.qa_direct", "Questions in own words, retain"]],
        Better::Higher,
    ),
    (
        [
            ["holdout.qa_choice", "Questions by choice, holdout"],
            ["holdout.qa_direct", "Questions in own words, holdout"],
        ],
        Better::Higher,
    ),
];

/// The questions; none where rows state no facts, nobody is to be asked, or the model has no tokenizer.
pub fn quiz(config: &Config, base: &LoadedModel, sets: &Sets<'_>, seed: u64) -> Option<Quiz> {
    (config.qa_people > 0 && base.tokenizer.is_some()).then(|| Quiz::new(&sets.people, config.qa_people, seed))?
}

/// Asks a model; `phase` is shown and names the records.
///
/// # Errors
/// Those of the engine, `Cancelled`.
pub fn facts(
    quiz: Option<&Quiz>,
    cx: &mut Context<'_>,
    base: &LoadedModel,
    model: &Decoder,
    phase: &str,
) -> Result<Vec<Metric>> {
    let Some(quiz) = quiz else { return Ok(Vec::new()) };
    let asked = LoadedModel {
        name: base.name.clone(),
        path: base.path.clone(),
        decoder: model.shared(),
        tokenizer: base.tokenizer.clone(),
    };
    let marks = quiz.put(cx, &format!("{phase}: questions"), &asked)?;
    let of = |(marks, ([choice, direct], better)): (Marks, (Names, Better))| {
        let row = |[id, label]: [&'static str; 2], value, n| metric(id, label, "", better, value, n);
        [row(choice, marks.choice, marks.n_choice), row(direct, marks.direct, marks.n_direct)]
    };
    Ok(marks.into_iter().zip(NAMES).flat_map(of).filter(|m| m.n > 0).collect())
}
