//! The workloads of a card: texts of 1024 tokens, models up to 1.4 G parameters. On a processor they take minutes.

use std::hint::black_box;
use std::sync::Arc;

use super::models::{Pythia, Scale, gpt2, ids, pythia};
use super::workloads::{GPT2, Work, Workload};
use crate::engine::generate::greedy_from;
use crate::engine::hooks::NoTap;
use crate::engine::kernels::Want;
use crate::engine::loss::loss_gradient;
use crate::engine::model::{Decoder, Keep};
use crate::engine::score::score_tokens;
use crate::engine::sinks::SumGrads;
use crate::engine::train::{Optimizer, Rule};
use crate::engine::{Batch, Kernels};
use crate::error::Result;

/// Tokens of a text.
const T: usize = 1024;
/// Parameters in the matrices of the blocks and of the head.
const PYTHIA_410M: f64 = 302.0e6 + 51.5e6;
const PYTHIA_1_4B: f64 = 1208.0e6 + 103.0e6;

/// What is measured on a card besides the workloads of a processor.
pub const CARD_WORKLOADS: &[Workload] = &[
    Workload {
        name: "train-124m",
        unit: "token/s",
        about: "GPT-2 124M: forward, backward and AdamW on 8 x 1024 tokens.",
        gflop: Some(6e-9 * (GPT2.0 + GPT2.1)),
        make: |kernels, scale| train(gpt2(kernels, scale)?, scale, 8),
    },
    Workload {
        name: "train-410m",
        unit: "token/s",
        about: "Pythia-410M: forward, backward and AdamW on 4 x 1024 tokens.",
        gflop: Some(6e-9 * PYTHIA_410M),
        make: |kernels, scale| train(pythia(kernels, Pythia::M410, scale)?, scale, 4),
    },
    Workload {
        name: "train-1.4b",
        unit: "token/s",
        about: "Pythia-1.4B: forward, backward and AdamW on 2 x 1024 tokens.",
        gflop: Some(6e-9 * PYTHIA_1_4B),
        make: |kernels, scale| train(pythia(kernels, Pythia::B14, scale)?, scale, 2),
    },
    Workload {
        name: "score-gpt2",
        unit: "token/s",
        about: "GPT-2 124M: log-probability of every token of 16 x 1024.",
        gflop: Some(2e-9 * (GPT2.0 + GPT2.1)),
        make: score,
    },
    Workload {
        name: "decode-64",
        unit: "token/s",
        about: "Pythia-160M: 64 greedy continuations of 64 tokens after 32, KV cache.",
        gflop: None,
        make: decode,
    },
];

fn train(mut model: Decoder, scale: Scale, texts: usize) -> Result<Work> {
    let texts = ids(scale.texts(texts), scale.tokens(T), model.config.vocab_size, 1);
    let batch = Batch::causal(&texts).token_mean();
    let mut optimizer = Optimizer::new(Rule::adam_w(0.01), &model, &|_| true)?;
    Ok(Box::new(move || {
        let mut sums = SumGrads::new(&model, &|_| true)?;
        black_box(loss_gradient(&model, &batch, &mut sums, &mut NoTap, Keep::All)?);
        let gradients = sums.into_gradients();
        optimizer.step(&mut model, &gradients, 1e-4)?;
        Ok(batch.tokens.len() as f64)
    }))
}

fn score(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let model = gpt2(kernels, scale)?;
    let texts = ids(scale.texts(16), scale.tokens(T), model.config.vocab_size, 1);
    Ok(Box::new(move || {
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        black_box(score_tokens(&model, &texts, Want::default())?);
        Ok(texts.iter().map(|text| text.len()).sum::<usize>() as f64)
    }))
}

fn decode(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let model = pythia(kernels, Pythia::M160, scale)?;
    let (n, new) = (scale.texts(64), scale.tokens(64));
    let texts = ids(n, scale.tokens(32), model.config.vocab_size, 1);
    Ok(Box::new(move || {
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        black_box(greedy_from(&model, &texts, &vec![new; n], &mut |_| true)?);
        Ok((n * new) as f64)
    }))
}
