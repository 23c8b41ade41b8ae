//! A run that is stopped at any place and goes on ends with the same report.

use memoscope::data::Record;
use memoscope::error::Error;
use serde_json::{Value, json};

use super::{Inputs, Memory, dataset, expected, model, strings, text_record};

fn inputs() -> Inputs {
    let golden = expected("mia.json");
    let rows = |key: &str| {
        let record = |(i, r): (usize, &Value)| Record {
            paraphrases: strings(&r["neighbors"]),
            ..text_record(i, r["text"].as_str().unwrap())
        };
        golden[key].as_array().unwrap()[..6].iter().enumerate().map(record).collect::<Vec<_>>()
    };
    Inputs::default()
        .model("model", model("llama"))
        .data("data", dataset("texts", rows("members")))
        .data("members", dataset("in", rows("members")))
        .data("nonmembers", dataset("out", rows("nonmembers")))
}

#[test]
fn stopped_runs_go_on_to_the_same_report() {
    let inputs = inputs();
    // Every stage that is passed over calls once: fewer calls than stages would never come to new work.
    for (budget, method, config) in [
        (3, "memorization-score", json!({"k": 2, "l": 3, "batch_tokens": 10})),
        (4, "perplexity", json!({"batch_tokens": 10, "compat": "paper"})),
        (6, "gradient-alignment", json!({"bootstrap": 5})),
        (4, "landscape", json!({"steps": 3, "batch_tokens": 20, "per_text": true})),
        (3, "landscape", json!({"steps": 3, "axes": 1, "span": "gradients"})),
        (9, "curvature", json!({"eigenvalues": 2, "max_products": 8, "probes": 3, "lanczos_steps": 5, "limit": 3})),
        (
            7,
            "mia",
            json!({"bootstrap": 5, "batch_tokens": 10, "scores": ["loss", "lowercase", "min_k", "recall", "gradient_norm"]}),
        ),
    ] {
        let whole = inputs.run(method, &config).unwrap();
        let mut memory = Memory::new(0);
        let mut stops = 0;
        let resumed = loop {
            memory.budget = budget;
            match inputs.run_in(&mut memory, method, &config) {
                Ok(report) => break report,
                Err(Error::Cancelled) => stops += 1,
                Err(other) => panic!("{method}: {other}"),
            }
            assert!(stops < 500, "{method} does not advance");
        };
        assert!(stops > 0, "{method} was never stopped");
        assert!(resumed == whole, "{method}: the resumed report differs");
    }
}
