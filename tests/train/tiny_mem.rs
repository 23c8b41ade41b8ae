//! TinyMem's training fixture: every number from one running counter, so nothing but the table is needed.
//!
//! Two layers, two heads, width 8, ReLU; the n-th number of all parameters in order is 0.3·sin(1 + n), norm gains 1 +
//! that. Expected numbers: PyTorch and transformers in float32.

use memoscope::engine::kernels::Want;
use memoscope::engine::loss::{logits, loss_gradient};
use memoscope::engine::model::Keep;
use memoscope::engine::score::score_tokens;
use memoscope::engine::sinks::SumGrads;
use memoscope::engine::train::init::{InitSpec, fresh};
use memoscope::engine::train::{Optimizer, Rule};
use memoscope::engine::{Batch, Decoder, Device, NoTap};
use serde_json::json;

use super::steps::step;

const ROWS: [[u32; 16]; 2] = [
    [10, 7, 12, 1, 4, 12, 2, 1, 12, 2, 8, 11, 13, 13, 13, 13],
    [10, 0, 12, 0, 12, 0, 12, 0, 12, 0, 11, 13, 13, 13, 13, 13],
];

fn model() -> Decoder {
    let config = json!({
        "model_type": "gpt2", "vocab_size": 14, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2,
        "activation_function": "relu", "bos_token_id": 10, "eos_token_id": 11
    });
    let mut model = fresh(&config, InitSpec::tiny_mem(8), 0, Device::Cpu).unwrap();
    let mut count = 0_u32;
    for w in model.params.iter_mut() {
        let center = if w.shape.len() == 1 && w.name.ends_with("weight") { 1.0 } else { 0.0 };
        for x in w.values_mut() {
            *x = (center + 0.3 * f64::from(1 + count).sin()) as f32;
            count += 1;
        }
    }
    assert_eq!(count, 2000);
    model
}

fn near(got: f64, want: f64, what: &str) {
    assert!((got - want).abs() < 1e-4, "{what}: {got}, not {want}");
}

#[test]
fn forward_and_gradient() {
    let model = model();
    let batch = Batch::causal(&ROWS).token_mean();
    let y = logits(&model, &batch, &mut NoTap).unwrap();
    let y = y.to_host().unwrap();
    for (i, want) in [0.752573, -1.525454, -0.308666, 1.615276].into_iter().enumerate() {
        near(f64::from(y[i]), want, "logit");
    }
    near(f64::from(y[31 * 14 + 13]), -0.503547, "last logit");
    assert!((y.iter().map(|x| f64::from(*x)).sum::<f64>() - 12.56434).abs() < 1e-3);

    let mut sink = SumGrads::new(&model, &|_| true).unwrap();
    let loss = loss_gradient(&model, &batch, &mut sink, &mut NoTap, Keep::All).unwrap();
    near(loss.total, 2.917738, "loss");
    let mean = |rows: std::ops::Range<usize>| loss.nll[rows].iter().sum::<f64>() / 15.0;
    near(mean(0..15), 2.677334, "loss of the first row");
    near(mean(16..31), 3.158143, "loss of the second row");
    for (name, want) in [
        ("wte.weight", 2.364947),
        ("wpe.weight", 1.672398),
        ("h.0.attn.c_attn.weight", 3.683504),
        ("h.1.mlp.c_fc.weight", 1.372245),
        ("ln_f.bias", 0.006246),
    ] {
        let id = model.params.find(&format!("transformer.{name}")).unwrap();
        let squares: f64 = sink.get(id).unwrap().value().iter().map(|g| f64::from(*g).powi(2)).sum();
        near(squares.sqrt(), want, name);
    }
    let scores = score_tokens(&model, &[&ROWS[0][..], &ROWS[1]], Want::default()).unwrap();
    let right =
        scores.iter().zip(&ROWS).flat_map(|(s, row)| s.iter().zip(&row[1..])).filter(|(s, id)| s.argmax == **id);
    assert_eq!(right.count(), 2, "of 30 tokens");
}

#[test]
fn losses_of_the_first_steps() {
    let mut model = model();
    let batch = Batch::causal(&ROWS).token_mean();
    let rule = Rule::AdamW { betas: [0.9, 0.98], eps: 1e-8, weight_decay: 0.1 };
    let mut optimizer = Optimizer::new(rule, &model, &|_| true).unwrap();
    for (i, want) in [2.917738, 2.826693, 2.725040, 2.661252, 2.635298, 2.580029].into_iter().enumerate() {
        let [loss, _] = step(&mut model, &batch, &mut optimizer, 1e-3, None);
        assert!((loss - want).abs() < 1e-3, "step {i}: {loss}, not {want}");
    }
}
