//! Scores of localization on tiny checkpoints, against PyTorch.

use memoscope::data::Record;
use memoscope::engine::loss::loss_gradient;
use memoscope::engine::model::Keep;
use memoscope::engine::sinks::SumGrads;
use memoscope::engine::weights::TensorFile;
use memoscope::engine::{Batch, NoTap};
use memoscope::methods::Host as _;
use serde_json::{Value, json};

use super::unlearn::{config, inputs, rows};
use super::{Inputs, Memory, assert_well_formed, dataset, expected, floats, model, numbers};

/// The numbers of a score map by name.
fn scores(host: &mut Memory, name: &str) -> Vec<f64> {
    let file = TensorFile::open(&host.folder().unwrap().join("scores.safetensors")).unwrap();
    file.numbers(file.find(name).unwrap_or_else(|| panic!("no scores of {name}"))).unwrap()
}

fn assert_all_close(found: &[f64], wanted: &[f64], what: &str) {
    let size = wanted.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (i, (f, w)) in found.iter().zip(wanted).enumerate() {
        assert!((f - w).abs() <= 3e-5 * size, "{what} {i}: {f} is not {w}");
    }
}

#[test]
fn scores_of_neurons() {
    let golden = expected("unlearn.json");
    for name in ["gpt2", "llama"] {
        for (technique, key, compat) in [
            ("zero", "zero", "correct"),
            ("zero", "zero_paper", "paper"),
            ("zero-taylor", "zero_taylor", "correct"),
            ("activations", "activations", "correct"),
        ] {
            let mut host = Memory::new(usize::MAX);
            let wanted = config(technique, &json!({"ratio": 0.1, "compat": compat}));
            let report = inputs(name).run_in(&mut host, "unlearn", &wanted).unwrap();
            assert_well_formed(&report);
            for layer in 0..2 {
                let what = format!("{key} of {name}, layer {layer}");
                let wanted = numbers(&golden["scores"][name][key][layer]);
                assert_all_close(&scores(&mut host, &format!("layer.{layer}")), &wanted, &what);
            }
        }
    }
}

#[test]
fn scores_of_weights() {
    let golden = expected("unlearn.json");
    for name in ["gpt2", "llama"] {
        for technique in ["durable", "durable-aggregate"] {
            let mut host = Memory::new(usize::MAX);
            let report =
                inputs(name).run_in(&mut host, "unlearn", &config(technique, &json!({"ratio": 0.05}))).unwrap();
            for (parameter, wanted) in golden["scores"][name]["durable"].as_object().unwrap() {
                let found = scores(&mut host, parameter);
                let [norm, inner] = [0, 1].map(|i| wanted[i].as_f64().unwrap());
                let own: f64 = found.iter().map(|x| x * x).sum::<f64>().sqrt();
                let product: f64 = found.iter().enumerate().map(|(i, x)| x * (i as f64).cos()).sum();
                assert!((own - norm).abs() <= 2e-5 * norm, "{parameter}: {own} is not {norm}");
                assert!((product - inner).abs() <= 6e-5 * norm, "{parameter}: {product} is not {inner}");
            }
            let counts = floats(&report, "changed", "zeroed");
            let sizes = floats(&report, "changed", "numbers");
            let total: f64 = counts.iter().flatten().sum();
            if technique == "durable" {
                for (count, size) in counts.iter().zip(&sizes) {
                    assert_eq!(count.unwrap(), (size.unwrap() * 0.05).floor(), "the share of each tensor");
                }
            } else {
                // all feed-forward numbers of both checkpoints, biases included
                let all = if name == "gpt2" { 2 * (16 * 24 * 2 + 24 + 16) } else { llama_numbers(&golden) };
                assert_eq!(total, (all as f64 * 0.05).floor());
            }
        }
    }
}

fn llama_numbers(golden: &Value) -> usize {
    let names = golden["scores"]["llama"]["durable"].as_object().unwrap();
    let model = model("llama");
    names.keys().map(|n| model.decoder.params.get(model.decoder.params.find(n).unwrap()).len()).sum()
}

/// Rows that were split into prompt and answer: their answers are what is localized, in paper mode their whole texts.
#[test]
fn prompts_are_not_localized() {
    let whole = rows(&expected("unlearn.json")["forget"]);
    let split: Vec<Record> = whole.iter().map(|r| Record { split_at: Some(3), ..r.clone() }).collect();
    let scored = |records: &[Record], technique: &str, compat: &str| -> Vec<f64> {
        let mut host = Memory::new(usize::MAX);
        let inputs =
            Inputs::default().model("model", model("gpt2")).data("forget", dataset("forget", records.to_vec()));
        inputs.run_in(&mut host, "unlearn", &config(technique, &json!({"ratio": 0.1, "compat": compat}))).unwrap();
        let file = TensorFile::open(&host.folder().unwrap().join("scores.safetensors")).unwrap();
        file.entries().iter().flat_map(|e| file.numbers(e).unwrap()).collect()
    };
    for technique in ["durable", "obs", "activations", "hard-concrete", "integrated-gradients", "slimming", "zero"] {
        let equal = |compat: &str| scored(&whole, technique, compat) == scored(&split, technique, compat);
        assert!(equal("paper"), "{technique} in paper mode");
        assert!(!equal("correct"), "{technique}");
    }
    // the gradient of the mean loss of the answers
    let base = model("gpt2").decoder;
    let ids: Vec<&[u32]> = whole.iter().map(|r| r.token_ids.as_deref().unwrap()).collect();
    let mut batch = Batch::causal(&ids);
    batch.offsets.clone().iter().for_each(|rows| batch.weights[rows][..2].fill(0.0));
    let up = base.blocks[1].mlp.up.weight;
    let mut sums = SumGrads::new(&base, &|id| id == up).unwrap();
    loss_gradient(&base, &batch.token_mean(), &mut sums, &mut NoTap, Keep::All).unwrap();
    let wanted: Vec<f64> = sums.get(up).unwrap().to_host().unwrap().iter().map(|x| f64::from(x.abs())).collect();
    let mut host = Memory::new(usize::MAX);
    let inputs = Inputs::default().model("model", model("gpt2")).data("forget", dataset("forget", split));
    inputs.run_in(&mut host, "unlearn", &config("durable", &json!({"ratio": 0.1}))).unwrap();
    assert_all_close(&scores(&mut host, &base.params.get(up).name), &wanted, "gradients of answers");
}
