//! Ten steps of every family against torch.optim in float64; schedules against transformers.

use memoscope::engine::loss::loss_gradient;
use memoscope::engine::model::Keep;
use memoscope::engine::sinks::SumGrads;
use memoscope::engine::train::{Optimizer, Rule, Schedule, clip};
use memoscope::engine::weights::TensorFile;
use memoscope::engine::{Batch, Decoder, Device, NoTap, ParamId, weights};
use serde_json::Value;

use crate::models::build::golden;

const GOLDEN: &str = include_str!("../golden/training/steps.json");

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The token ids of a golden model's reference, as a batch whose loss is the mean over all targets.
pub(super) fn batch(model: &str) -> Batch {
    let file = TensorFile::open(&golden(model).join("reference.safetensors")).unwrap();
    let ids = file.integers(file.find("input_ids").unwrap()).unwrap();
    let ids: Vec<u32> = ids.into_iter().map(|id| id as u32).collect();
    Batch::causal(&ids.chunks(14).collect::<Vec<_>>()).token_mean()
}

fn rule(run: &Value) -> Rule {
    let weight_decay = number(&run["weight_decay"]);
    if run["kind"] == "adam_w" {
        let betas = [number(&run["betas"][0]), number(&run["betas"][1])];
        return Rule::AdamW { betas, eps: number(&run["eps"]), weight_decay };
    }
    Rule::Sgd { momentum: number(&run["momentum"]), nesterov: run["nesterov"] == true, weight_decay }
}

/// One step; gives the loss before it and the norm of the gradient, if it is bounded.
pub(super) fn step(
    model: &mut Decoder,
    batch: &Batch,
    optimizer: &mut Optimizer,
    lr: f64,
    max: Option<f64>,
) -> [f64; 2] {
    let mut sink = SumGrads::new(model, &|_| true).unwrap();
    let loss = loss_gradient(model, batch, &mut sink, &mut NoTap, Keep::All).unwrap().total;
    let mut gradients = sink.into_gradients();
    let norm = max.map_or(0.0, |max| clip(&*model.kernels, &mut gradients, max).unwrap());
    optimizer.step(model, &gradients, lr).unwrap();
    [loss, norm]
}

#[test]
fn ten_steps_equal_torch() {
    let golden_runs: Value = serde_json::from_str(GOLDEN).unwrap();
    let runs = golden_runs["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 10);
    for run in runs {
        let name = run["model"].as_str().unwrap();
        let what = format!("{name} {:?} decay {}", rule(run), run["decay"]);
        let mut model = weights::load(&golden(name), Device::Cpu).unwrap().decoder;
        let batch = batch(name);
        let mut optimizer = Optimizer::new(rule(run), &model, &|_| true).unwrap();
        if run["decay"] == "matrices" {
            let is_matrix: Vec<bool> = model.params.iter().map(|(_, w)| w.shape.len() > 1).collect();
            optimizer = optimizer.decaying(&|ParamId(id)| is_matrix[id as usize]);
        }
        let max = run["max_norm"].as_f64();
        for (i, want) in run["losses"].as_array().unwrap().iter().enumerate() {
            let [loss, norm] = step(&mut model, &batch, &mut optimizer, number(&run["lr"]), max);
            assert!((loss - number(want)).abs() < 1e-4, "{what}, step {i}: {loss}, not {want}");
            if max.is_some() {
                let want = number(&run["norms"][i]);
                assert!((norm / want - 1.0).abs() < 1e-4, "{what}, step {i}: norm {norm}, not {want}");
            }
        }
        for (_, w) in model.params.iter() {
            // attention cannot see the bias of keys: its gradient is rounding, of which AdamW makes whole steps
            if w.name.ends_with("c_attn.bias") || w.name.ends_with("query_key_value.bias") {
                continue;
            }
            let sum: f64 = w.values().iter().map(|x| f64::from(x.abs())).sum();
            let want = number(&run["sums"][w.name.as_str()]);
            assert!((sum / want - 1.0).abs() < 1e-3, "{what}: {} sums to {sum}, not {want}", w.name);
        }
    }
}

#[test]
fn schedules_equal_transformers() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for case in golden["schedules"].as_array().unwrap() {
        let schedule: Schedule = serde_json::from_value(serde_json::json!({
            "kind": case["kind"], "warmup": case["warmup"]
        }))
        .unwrap();
        let total = case["total"].as_u64().unwrap();
        let factors = case["factors"].as_array().unwrap();
        assert!(factors.len() as u64 == total + 2);
        for (step, want) in factors.iter().enumerate() {
            let got = schedule.factor(step as u64, total);
            assert!((got - number(want)).abs() < 1e-12, "{schedule:?} of {total}, step {step}: {got}, not {want}");
        }
    }
}
