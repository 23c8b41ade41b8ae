//! The workloads: names and units are those of the peer script.

use std::hint::black_box;
use std::sync::Arc;

use super::models::{Pythia, Scale, gpt2, ids, pythia, tiny_mem};
use crate::engine::Kernels;
use crate::engine::alignment::head_gram;
use crate::engine::generate::greedy_from;
use crate::engine::hooks::NoTap;
use crate::engine::hvp::{Direction, hvp};
use crate::engine::kernels::Want;
use crate::engine::loss::loss_gradient;
use crate::engine::masks::{Descent, Masks};
use crate::engine::model::{Decoder, Keep, Orientation, Weight};
use crate::engine::rng::Stream;
use crate::engine::score::{score_targets, score_tokens};
use crate::engine::sinks::{Gram, Pairs, SumGrads};
use crate::engine::tensor::{Batch, Real};
use crate::engine::train::{Optimizer, Rule};
use crate::engine::walk::Walker;
use crate::error::Result;

/// Repeatable work; each call says how many units it did.
pub(super) type Work = Box<dyn FnMut() -> Result<f64> + Send>;

/// Something to measure.
pub struct Workload {
    /// Name, as in the peer script.
    pub name: &'static str,
    /// Unit of the rate.
    pub unit: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Multiply-adds of matrix products that one unit cannot avoid, in GFLOP; absent where memory decides.
    pub gflop: Option<f64>,
    /// Builds model and data.
    pub(super) make: fn(&Arc<dyn Kernels>, Scale) -> Result<Work>,
}

/// Parameters in the matrices of the blocks and of the head.
pub(super) const GPT2: (f64, f64) = (84.9e6, 38.6e6);
const PYTHIA_160M: (f64, f64) = (84.9e6, 38.6e6);
const PYTHIA_70M: (f64, f64) = (18.9e6, 25.8e6);
const TINY_MEM: f64 = 0.786e6 + 14.0 * 128.0;
/// Parameters in the matrices of all blocks of TinyMem, and of the feed-forward blocks among them.
const TINY_MEM_BLOCKS: (f64, f64) = (786_432.0, 524_288.0);

/// All workloads; the first is the ceiling.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "sgemm",
        unit: "GFLOP/s",
        about: "The device's own ceiling: a 1024 x 1024 x 1024 product.",
        gflop: Some(1.0),
        make: sgemm,
    },
    Workload {
        name: "forward-gpt2",
        unit: "token/s",
        about: "GPT-2 124M: loss of 2 x 512 tokens.",
        gflop: Some(2e-9 * (GPT2.0 + GPT2.1)),
        make: forward_gpt2,
    },
    Workload {
        name: "train-gpt2",
        unit: "token/s",
        about: "GPT-2 124M: forward, backward, AdamW on 4 x 256 tokens.",
        gflop: Some(6e-9 * (GPT2.0 + GPT2.1)),
        make: train_gpt2,
    },
    Workload {
        name: "train-tinymem",
        unit: "step/s",
        about: "TinyMem, 4 layers, d 128, 4 heads, ReLU, vocabulary 14: AdamW steps on 128 x 150 tokens.",
        gflop: Some(6e-9 * 128.0 * 150.0 * TINY_MEM),
        make: train_tinymem,
    },
    Workload {
        name: "score-decode",
        unit: "sequence/s",
        about: "Memorization score, Pythia-160M shape: prefix 32, greedy continuation 32, batch 8, KV cache.",
        gflop: None,
        make: score_decode,
    },
    Workload {
        name: "exact-scan",
        unit: "sequence/s",
        about: "Which of 8 rows (32-token prefix, 32-token suffix) are extracted exactly.",
        gflop: Some(2e-9 * (63.0 * PYTHIA_160M.0 + 32.0 * PYTHIA_160M.1)),
        make: exact_scan,
    },
    Workload {
        name: "align-head",
        unit: "pair/s",
        about: "Cosine of the output-head gradients of two 128-token texts, Pythia-160M shape.",
        gflop: Some(2e-9 * 256.0 * (PYTHIA_160M.0 + PYTHIA_160M.1)),
        make: align_head,
    },
    Workload {
        name: "persample-gradnorm",
        unit: "sample/s",
        about: "Norm of each sample's own gradient over all parameters, Pythia-70M shape, 64 tokens.",
        gflop: Some(4e-9 * 64.0 * (PYTHIA_70M.0 + PYTHIA_70M.1)),
        make: persample_gradnorm,
    },
    Workload {
        name: "hvp",
        unit: "product/s",
        about: "Exact Hessian-vector products over all parameters, Pythia-70M shape, 4 x 64 tokens.",
        gflop: Some(16e-9 * 256.0 * (PYTHIA_70M.0 + PYTHIA_70M.1)),
        make: hessian_vector,
    },
    Workload {
        name: "landscape-tinymem",
        unit: "point/s",
        about: "Loss of TinyMem (4 layers) at points of a plane: set the weights, evaluate 128 x 150 tokens.",
        gflop: Some(2e-9 * 19200.0 * TINY_MEM),
        make: landscape_tinymem,
    },
    Workload {
        name: "unlearn-bsn",
        unit: "step/s",
        about: "BalancedSubnet steps on TinyMem (4 layers): straight-through masks on both MLP matrices, batch 64 x 150.",
        gflop: Some(2e-9 * 9600.0 * (2.0 * TINY_MEM_BLOCKS.0 + TINY_MEM_BLOCKS.1)),
        make: unlearn_bsn,
    },
];

fn sgemm(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let side = scale.side(1024);
    let mut stream = Stream::new(0, "bench product");
    let mut numbers = || (0..side * side).map(|_| stream.uniform() as Real - 0.5).collect::<Vec<Real>>();
    let x = kernels.upload(&[side, side], numbers(), None)?;
    let w = Weight::owned("w", &[side, side], Orientation::OutIn, numbers())?;
    let mut y = kernels.stale(&[side, side], false)?;
    let kernels = Arc::clone(kernels);
    Ok(Box::new(move || {
        for _ in 0..20 {
            kernels.linear(&mut y, &x, &w, None)?;
        }
        Ok(20.0 * 2.0 * (side as f64).powi(3) / 1e9)
    }))
}

fn forward_gpt2(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let (model, texts) = (gpt2(kernels, scale)?, ids(2, scale.tokens(512), scale.vocab(50257), 1));
    Ok(Box::new(move || {
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        black_box(score_tokens(&model, &texts, Want::default())?);
        Ok(texts.iter().map(|text| text.len()).sum::<usize>() as f64)
    }))
}

fn train_gpt2(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let texts = ids(4, scale.tokens(256), scale.vocab(50257), 1);
    let units = texts.iter().map(Vec::len).sum::<usize>() as f64;
    train(gpt2(kernels, scale)?, &texts, Rule::adam_w(0.01), 1e-4, units)
}

fn train_tinymem(kernels: &Arc<dyn Kernels>, _: Scale) -> Result<Work> {
    let rule = Rule::AdamW { betas: [0.9, 0.98], eps: 1e-8, weight_decay: 0.1 };
    train(tiny_mem(kernels)?, &ids(128, 150, 14, 1), rule, 1e-3, 1.0)
}

/// Steps of training on one batch, worth `units` each.
fn train(mut model: Decoder, texts: &[Vec<u32>], rule: Rule, lr: f64, units: f64) -> Result<Work> {
    let batch = Batch::causal(texts).token_mean();
    let mut optimizer = Optimizer::new(rule, &model, &|_| true)?;
    Ok(Box::new(move || {
        let mut sums = SumGrads::new(&model, &|_| true)?;
        loss_gradient(&model, &batch, &mut sums, &mut NoTap, Keep::All)?;
        let gradients = sums.into_gradients();
        optimizer.step(&mut model, &gradients, lr)?;
        Ok(units)
    }))
}

fn score_decode(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let (model, texts) = (pythia(kernels, Pythia::M160, scale)?, ids(8, 32, scale.vocab(50304), 1));
    Ok(Box::new(move || {
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        black_box(greedy_from(&model, &texts, &[32; 8], &mut |_| true)?);
        Ok(8.0)
    }))
}

fn exact_scan(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let (model, texts) = (pythia(kernels, Pythia::M160, scale)?, ids(8, 64, scale.vocab(50304), 1));
    Ok(Box::new(move || {
        let mut batch = Batch::causal(&texts);
        for rows in batch.offsets.clone().iter() {
            batch.weights[rows.start..rows.start + 31].fill(0.0);
        }
        let scores = score_targets(&model, &batch, Want::default())?;
        let exact = scores.iter().zip(&texts).filter(|(s, t)| s.iter().zip(&t[32..]).all(|(s, id)| s.argmax == *id));
        black_box(exact.count());
        Ok(8.0)
    }))
}

fn align_head(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let model = pythia(kernels, Pythia::M160, scale)?;
    let mut texts = ids(1, 128, scale.vocab(50304), 1);
    texts.extend(ids(1, 128, scale.vocab(50304), 2));
    Ok(Box::new(move || {
        let gram = head_gram(&model, &Batch::causal(&texts).example_mean())?;
        black_box(gram.cosine(0, 1));
        Ok(1.0)
    }))
}

fn persample_gradnorm(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let (model, texts) = (pythia(kernels, Pythia::M70, scale)?, ids(4, 64, scale.vocab(50304), 1));
    Ok(Box::new(move || {
        let batch = Batch::causal(&texts).example_mean();
        let mut norms = Gram::new(&model, &batch, Pairs::Norms, &|_| true);
        loss_gradient(&model, &batch, &mut norms, &mut NoTap, Keep::All)?;
        black_box(norms.into_products());
        Ok(4.0)
    }))
}

fn hessian_vector(kernels: &Arc<dyn Kernels>, scale: Scale) -> Result<Work> {
    let mut model = pythia(kernels, Pythia::M70, scale)?;
    let batch = Batch::causal(&ids(4, 64, scale.vocab(50304), 1)).token_mean();
    let mut stream = Stream::new(3, "bench direction");
    let mut numbers = |n: usize| (0..n).map(|_| stream.uniform() as Real - 0.5).collect::<Vec<Real>>();
    let direction: Direction = model.params.iter().map(|(id, w)| (id, Arc::new(numbers(w.len()).into()))).collect();
    Ok(Box::new(move || {
        black_box(hvp(&mut model, &batch, direction.clone(), &|_| true, Keep::All)?);
        Ok(1.0)
    }))
}

fn landscape_tinymem(kernels: &Arc<dyn Kernels>, _: Scale) -> Result<Work> {
    const POINTS: usize = 4;
    let (model, texts) = (tiny_mem(kernels)?, ids(128, 150, 14, 1));
    let mut stream = Stream::new(4, "bench directions");
    let mut numbers = |n: usize| (0..n).map(|_| stream.normal() as Real).collect::<Vec<Real>>();
    let mut direction =
        || -> Direction { model.params.iter().map(|(id, w)| (id, Arc::new(numbers(w.len()).into()))).collect() };
    let mut walker = Walker::new(&model, &[direction(), direction()])?;
    Ok(Box::new(move || {
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for k in 0..POINTS {
            let there = walker.go(&[0.01 * k as f64, 0.02])?;
            black_box(score_tokens(there, &texts, Want::default())?);
        }
        Ok(POINTS as f64)
    }))
}

fn unlearn_bsn(kernels: &Arc<dyn Kernels>, _: Scale) -> Result<Work> {
    let (mut model, texts) = (tiny_mem(kernels)?, ids(64, 150, 14, 1));
    let matrices: Vec<_> = model.blocks.iter().flat_map(|b| [b.mlp.up.weight, b.mlp.down.weight]).collect();
    let mut masks = Masks::new(&model, &matrices, 0.1, &Stream::new(0, "bench masks"))?;
    let rule = Descent { lr: 0.1, momentum: 0.9, weight_decay: 5e-4 };
    let mut batch = Batch::causal(&texts).example_mean();
    for (i, rows) in batch.offsets.clone().iter().enumerate() {
        // half of the texts are forgotten, the others kept
        let factor = if i % 2 == 0 { -0.3 } else { 0.7 } / 32.0;
        batch.weights[rows].iter_mut().for_each(|w| *w *= factor);
    }
    Ok(Box::new(move || {
        masks.put(&mut model);
        let mut sums = SumGrads::new(&model, &|id| masks.covers(id))?;
        black_box(loss_gradient(&model, &batch, &mut sums, &mut NoTap, Keep::All)?);
        let gradients = sums.into_gradients();
        masks.step(&gradients, rule)?;
        black_box(masks.choose());
        Ok(1.0)
    }))
}
