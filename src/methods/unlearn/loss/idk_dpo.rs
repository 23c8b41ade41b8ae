//! IdkDPO: as DPO, with "I don't know" as the other answer.
//!
//! The sentences are our own; the published list has a hundred of the kind.
//! Source: Maini et al. 2024 (TOFU), arXiv:2401.06121; `locuslab/open-unlearning`.

use std::borrow::Cow;

use super::dpo::preferences;
use super::{BATCH, DECAY, EPOCHS, LR, MAX_STEPS, Objective, Sequence, Texts, Wanted, gamma_alpha, own};
use crate::engine::objective::Signal;
use crate::error::{Error, Result};
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::sets::Item;
use crate::methods::unlearn::technique::{How, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "idk-dpo",
    title: "IdkDPO",
    about: "makes \"I don't know\" more likely than the true answer",
    formula: "L of DPO with the answer \"I don't know\"",
    source: "Maini et al. 2024, arXiv:2401.06121; Rafailov et al. 2023, arXiv:2305.18290",
    paper: "the KL term covers the tokens of prompts too",
    knobs: &[EPOCHS, MAX_STEPS, BATCH, LR, DECAY, ("beta", 0.1), ("gamma", 1.0), ("alpha", 1.0)],
    retain: Need::Optional,
    answers: Need::No,
    how: How::Objective(make),
};

/// One of them is drawn for each text and step.
const SENTENCES: [&str; 8] = [
    " I don't know.",
    " I do not know the answer to that.",
    " I'm not sure about that.",
    " I have no information about this.",
    " That is not something I know.",
    " I can't say.",
    " I was not told about that.",
    " My knowledge does not cover this.",
];

fn make(job: &Job<'_, '_>) -> Result<Box<dyn Objective>> {
    let Some(tokenizer) = &job.base.tokenizer else {
        return Err(Error::config(format!(
            "technique: `idk-dpo` writes sentences, but {} has no tokenizer",
            job.base.name
        ))
        .hint("put tokenizer.json beside the weights, or use `dpo` with answers of token ids"));
    };
    let encode = |text: &&str| Ok(tokenizer.encode(text, false)?.ids);
    let sentences = SENTENCES.iter().map(encode).collect::<Result<Vec<_>>>()?;
    let n_ctx = job.model.config.n_ctx;
    Ok(Box::new(IdkDpo { sentences, n_ctx, beta: job.knobs.get("beta")?, weights: gamma_alpha(job)? }))
}

struct IdkDpo {
    sentences: Vec<Vec<u32>>,
    n_ctx: usize,
    beta: f64,
    weights: [f64; 2],
}

impl Objective for IdkDpo {
    fn reference(&self) -> Wanted {
        Wanted::Sums
    }

    fn sequences<'i>(&self, item: &'i Item, draw: u64) -> Vec<Sequence<'i>> {
        let sentence = &self.sentences[(draw % self.sentences.len() as u64) as usize];
        let mut ids = item.text.ids[..item.labelled].to_vec();
        ids.extend(sentence);
        ids.truncate(self.n_ctx);
        vec![Sequence { ids: Cow::Owned(ids), labelled: item.labelled }, own(item)]
    }

    fn wants_losses(&self) -> bool {
        true
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
        preferences(self.beta, texts, nll)
    }

    fn weights(&self) -> [f64; 2] {
        self.weights
    }
}
