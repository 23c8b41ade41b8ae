//! Small models of every family, whole: logits, gradients, Hessian-vector products, greedy texts.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::engine::families::blueprint;
use crate::engine::generate::greedy_from;
use crate::engine::hvp::{Direction, hvp};
use crate::engine::loss::{logits, loss_gradient};
use crate::engine::model::{Decoder, Keep, Weight};
use crate::engine::rng::Stream;
use crate::engine::sinks::SumGrads;
use crate::engine::train::{Optimizer, Rule, clip};
use crate::engine::{Batch, Kernels, NoTap, Real};
use crate::error::Result;

/// Name and configuration of each family's model.
pub(super) fn families() -> Vec<(&'static str, Value)> {
    let llama = json!({
        "model_type": "llama", "vocab_size": 601, "hidden_size": 36, "num_hidden_layers": 2, "num_attention_heads": 6,
        "num_key_value_heads": 2, "intermediate_size": 70, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "hidden_act": "silu", "tie_word_embeddings": false
    });
    vec![
        (
            "gpt2",
            json!({
                "model_type": "gpt2", "vocab_size": 601, "n_positions": 64, "n_embd": 36, "n_layer": 2, "n_head": 4,
                "activation_function": "gelu_new"
            }),
        ),
        (
            "gpt_neo",
            json!({
                "model_type": "gpt_neo", "vocab_size": 601, "max_position_embeddings": 64, "hidden_size": 36,
                "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 7,
                "activation_function": "gelu_new"
            }),
        ),
        (
            "gpt_neox",
            json!({
                "model_type": "gpt_neox", "vocab_size": 601, "hidden_size": 32, "num_hidden_layers": 2,
                "num_attention_heads": 4, "intermediate_size": 70, "max_position_embeddings": 64, "rotary_pct": 0.5,
                "hidden_act": "gelu"
            }),
        ),
        (
            "gptj",
            json!({
                "model_type": "gptj", "vocab_size": 601, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4,
                "rotary_dim": 4, "activation_function": "gelu_new"
            }),
        ),
        ("llama", llama),
    ]
}

/// The model of a configuration on a device, with weights that are the same everywhere.
fn model(config: &Value, kernels: &Arc<dyn Kernels>) -> Result<Decoder> {
    let mut stream = Stream::new(0, "check weights");
    blueprint(config)?.build(Arc::clone(kernels), |wanted| {
        let is_vector = wanted.shape.len() == 1;
        let center = if is_vector && wanted.name.ends_with("weight") { 1.0 } else { 0.0 };
        let n = wanted.shape.iter().product();
        let values = (0..n).map(|_| (center + 0.15 * stream.normal()) as Real).collect();
        Weight::owned(&wanted.name, &wanted.shape, wanted.orientation, values)
    })
}

/// Greedy texts, among what a model gives.
pub(super) const GREEDY: &str = "greedy";

/// What a model gives.
pub(super) struct Outcome {
    /// What, its numbers, and the seconds it took.
    pub(super) parts: Vec<(&'static str, Vec<f64>, f64)>,
}

/// The numbers of a model after two steps of AdamW with a bound on the gradient.
fn trained(model: &mut Decoder, batch: &Batch) -> Result<Vec<f64>> {
    // a gradient that is only rounding must not make a step of the size of the others
    let rule = Rule::AdamW { betas: [0.9, 0.98], eps: 1e-3, weight_decay: 0.1 };
    let mut optimizer = Optimizer::new(rule, model, &|_| true)?;
    for _ in 0..2 {
        let mut sums = SumGrads::new(model, &|_| true)?;
        loss_gradient(model, batch, &mut sums, &mut NoTap, Keep::All)?;
        let mut gradients = sums.into_gradients();
        clip(&*model.kernels, &mut gradients, 0.5)?;
        optimizer.step(model, &gradients, 1e-3)?;
    }
    Ok(model.params.iter().flat_map(|(_, w)| w.values().iter().map(|x| f64::from(*x)).collect::<Vec<_>>()).collect())
}

/// Everything of one model on one device.
pub(super) fn outcome(config: &Value, kernels: &Arc<dyn Kernels>) -> Result<Outcome> {
    let mut model = model(config, kernels)?;
    let mut stream = Stream::new(0, "check texts");
    let texts: Vec<Vec<u32>> =
        [37, 1, 12].iter().map(|&n| (0..n).map(|_| stream.below(601) as u32).collect()).collect();
    let batch = Batch::causal(&texts).token_mean();
    let wide = |values: &[Real]| values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let mut parts = Vec::new();
    let mut begun = Instant::now();
    let mut push = |what, numbers| {
        parts.push((what, numbers, begun.elapsed().as_secs_f64()));
        begun = Instant::now();
    };
    push("logits", wide(&logits(&model, &batch, &mut NoTap)?.to_host()?));
    let mut sums = SumGrads::new(&model, &|_| true)?;
    loss_gradient(&model, &batch, &mut sums, &mut NoTap, Keep::Residuals)?;
    let mut numbers = Vec::new();
    for (_, gradient) in sums.into_gradients() {
        numbers.extend(wide(&gradient.to_host()?));
    }
    push("gradients", numbers);
    let numbers: Vec<(_, usize)> = model.params.iter().map(|(id, w)| (id, w.len())).collect();
    let mut random = |n: usize| (0..n).map(|_| stream.normal() as Real).collect::<Vec<Real>>();
    let direction: Direction = numbers.into_iter().map(|(id, n)| (id, Arc::new(random(n).into()))).collect();
    let mut numbers = Vec::new();
    for (_, product) in hvp(&mut model, &batch, direction, &|_| true, Keep::All)? {
        numbers.extend(wide(&product.tangent_to_host()?.unwrap_or_default()));
    }
    push("H·v", numbers);
    let prompts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let greedy = greedy_from(&model, &prompts, &[20; 3], &mut |_| true)?;
    push(GREEDY, greedy.into_iter().flatten().map(f64::from).collect());
    push("trained", trained(&mut model, &batch)?);
    Ok(Outcome { parts })
}
