//! Against what transformers generates with the same weights; see tests/golden/make/generate.py.

use memoscope::engine::generate::{GenerateConfig, generate, never_stop};
use serde::Deserialize;

use super::{golden, load};

#[derive(Deserialize)]
struct Goldens {
    prompts: Vec<Vec<u32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    config: GenerateConfig,
    outputs: Vec<Vec<Expected>>,
}

#[derive(Deserialize)]
struct Expected {
    tokens: Vec<u32>,
    score: f64,
}

#[test]
fn every_strategy_gives_the_tokens_of_transformers() {
    let model = load(&golden().join("generate/model"));
    let text = std::fs::read_to_string(golden().join("generate/cases.json")).unwrap();
    let goldens: Goldens = serde_json::from_str(&text).unwrap();
    assert!(goldens.cases.len() >= 20, "cases are missing");
    for case in goldens.cases {
        let out = generate(&model, &goldens.prompts, &case.config, &never_stop, &mut |_| true).unwrap();
        for (prompt, (found, expected)) in out.iter().zip(&case.outputs).enumerate() {
            let place = format!("{}, prompt {prompt}", case.name);
            let tokens: Vec<&Vec<u32>> = found.iter().map(|g| &g.tokens).collect();
            assert_eq!(tokens, expected.iter().map(|g| &g.tokens).collect::<Vec<_>>(), "{place}");
            for (g, e) in found.iter().zip(expected) {
                assert!((g.score - e.score).abs() <= 1e-4 * e.score.abs().max(1.0), "{place}: {} {}", g.score, e.score);
            }
        }
    }
}
