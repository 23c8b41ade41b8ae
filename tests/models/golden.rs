//! Golden checkpoints of every family: logits, losses, all gradients, H·v and greedy decoding.
//!
//! Source: transformers in float64, see `tests/golden/PROVENANCE.md`.

use memoscope::engine::Device;
use memoscope::runs::verify::verify;

use super::build::{GOLDEN, golden};

#[test]
fn every_family_equals_transformers() {
    for name in GOLDEN {
        let dir = golden(name);
        let mut text = Vec::new();
        let ok = verify(&dir, Device::Cpu, &dir.join("reference.safetensors"), false, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(ok, "{name}\n{text}");
        for item in ["logits", "nll", "loss", "grad/", "hvp/", "greedy"] {
            assert!(
                text.lines().any(|line| line.starts_with(item) && line.ends_with(" ok")),
                "{name}: no {item}\n{text}"
            );
        }
    }
}

#[test]
fn a_wrong_reference_fails_and_names_what_differs() {
    let (dir, other) = (golden("gpt2"), golden("gpt2_variant"));
    let mut text = Vec::new();
    let ok = verify(&other, Device::Cpu, &dir.join("reference.safetensors"), true, &mut text).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert!(!ok && report["ok"] == false);
    let logits = report["items"].as_array().unwrap().iter().find(|item| item["name"] == "logits").unwrap();
    assert!(logits["ok"] == false && logits["max_abs"].as_f64().unwrap() > 0.1);
}

#[test]
fn a_reference_of_another_model_is_refused() {
    let mut text = Vec::new();
    let reference = golden("gptj").join("reference.safetensors");
    let error = verify(&golden("llama"), Device::Cpu, &reference, false, &mut text).unwrap_err().to_string();
    assert!(error.contains("the model has no tensor") && error.contains("reference.safetensors"), "{error}");
}
