//! Localization and unlearning: a copy of the model forgets, and the same measurements tell before from after.
//!
//! The order of work: texts are read, the model is measured, the technique edits a copy, the copy is measured. The model
//! itself is never changed. The edit is kept in the step's folder as soon as it is made, so that an interrupted run goes
//! on from there; scores are kept too and cut at every ratio that is asked for.
//! A technique is a file in `weight`, `neuron` or `loss`: see [`technique`].

pub mod battery;
mod charts;
pub mod choose;
pub mod config;
pub mod cost;
pub mod course;
pub mod edit;
pub mod job;
pub mod live;
pub mod loss;
mod mlp;
mod neuron;
pub mod pareto;
pub mod picked;
mod report;
pub mod robustness;
pub mod scores;
pub mod sets;
pub mod technique;
#[cfg(test)]
mod testing;
mod verdict;
mod weight;
mod work;

pub use config::Config;
pub use verdict::{Tone, tone};

use crate::error::Result;
use crate::methods::{Amount, Card, Context, Input, InputKind, Report, Typed, any_row};

/// Localization and unlearning.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input {
            name: "model",
            kind: InputKind::Model,
            required: true,
            many: false,
            about: "The model that is to forget.",
        },
        Input { name: "forget", kind: InputKind::Data, required: true, many: false, about: "Texts to be forgotten." },
        Input {
            name: "retain",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Texts that the model should still know; some techniques need them.",
        },
        Input {
            name: "holdout",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Texts of the same kind that it never saw: for membership scores and utility.",
        },
        Input {
            name: "answers",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Rows with the prompts of the texts to forget and other answers, in their order or with their ids: what \
                DPO prefers, and what the truth ratio compares with.",
        },
        Input {
            name: "reference",
            kind: InputKind::Model,
            required: false,
            many: false,
            about: "A model that never saw the texts to forget: for forget quality and PrivLeak.",
        },
        Input {
            name: "tuned",
            kind: InputKind::Model,
            required: false,
            many: false,
            about: "For task-vector: the model after further training on the texts to forget.",
        },
    ],
    row_needs: any_row,
    fits,
    check: config::check,
    work: work::work,
    run,
};

const CARD: Card = Card {
    id: "unlearn",
    group: "unlearn",
    title: "Localization and unlearning",
    about: "What a technique removes from a model, what that costs, and where it sat in the weights.",
    formula: "by technique; localization: the highest scores are set to 0; losses: γ·L_forget + α·L_retain",
    conventions: "The same measurements before and after. Losses in nats per labelled token: those after the prompt, or \
        all but the first; localization looks at the same tokens. Exact extraction: l tokens after k are reproduced greedily; rows with a clean twin are \
        prompted with it. Ties among scores go to the lower place. Texts to forget are taken out of those to retain. \
        Paper mode: the published code of each technique, whose card says what that changes; texts to forget stay among \
        those to retain; localization looks at whole texts; a ratio may be less than one hidden unit; an end-of-text \
        token is never generated; neurons of a layer are removed where its number occurs last in a parameter's name.",
    source: "Sakarvadia et al. 2025, arXiv:2410.02159; open-unlearning (locuslab); Analysis360 (LLM360)",
    version: 2,
};

fn fits(amount: &Amount) -> Result<()> {
    if amount.texts.get("forget").is_some_and(|n| *n == 0) {
        return Err(crate::error::Error::data("there is nothing to forget: `forget` has no rows")
            .hint("choose texts that the model was trained on"));
    }
    Ok(())
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    work::run(config, cx)
}
