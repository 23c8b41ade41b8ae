//! Gradient alignment against materialized gradients.

use memoscope::data::{Excluded, Record};
use serde_json::{Value, json};

use super::{
    Inputs, assert_close, assert_well_formed, dataset, expected, floats, model, scalar, strings, text_record, texts,
};

fn record(row: usize, case: &Value) -> Record {
    let original = case["original"].as_str().unwrap();
    Record { paraphrases: strings(&case["paraphrases"]), ..text_record(row, original) }
}

fn inputs(golden: &Value) -> Inputs {
    let records = golden["cases"].as_array().unwrap().iter().enumerate().map(|(i, c)| record(i, c)).collect();
    Inputs::default().model("model", model(golden["model"].as_str().unwrap())).data("data", dataset("texts", records))
}

fn pairs<'a>(golden: &'a Value, key: &'a str) -> Vec<f64> {
    let cases = golden["cases"].as_array().unwrap().iter();
    cases.flat_map(|c| c["pairs"].as_array().unwrap()).filter_map(|p| p[key].as_f64()).collect()
}

fn check(report: &memoscope::methods::Report, column: &str, wanted: &[f64], what: &str) {
    let found = floats(report, "pairs", column);
    assert_eq!(found.len(), wanted.len(), "{what}");
    found.iter().zip(wanted).for_each(|(f, w)| assert_close(f.unwrap(), *w, 1e-4, what));
}

#[test]
fn every_scope_equals_explicit_gradients() {
    for golden in expected("alignment.json").as_array().unwrap() {
        let inputs = inputs(golden);
        let name = golden["model"].as_str().unwrap();
        for (scope, combine, key) in [
            ("head", "global", "head"),
            ("embed", "global", "embed"),
            ("embed_head", "global", "embed_head"),
            ("last_block", "global", "last_block"),
            ("all", "global", "all"),
            ("all", "per_tensor", "per_tensor"),
        ] {
            let config = json!({"scope": scope, "combine": combine, "bootstrap": 0});
            let report = inputs.run("gradient-alignment", &config).unwrap();
            assert_well_formed(&report);
            check(&report, "cosine", &pairs(golden, key), &format!("{name} {scope} {combine}"));
            if scope == "head" {
                check(&report, "inner", &pairs(golden, "inner"), &format!("{name} inner"));
                check(&report, "norm_paraphrase", &pairs(golden, "norm"), &format!("{name} norm"));
            }
        }
    }
}

#[test]
fn paper_mode_predicts_two_ahead_and_averages_tensors() {
    for golden in expected("alignment.json").as_array().unwrap() {
        let wanted = pairs(golden, "paper");
        let run = inputs(golden).run("gradient-alignment", &json!({"compat": "paper", "bootstrap": 0}));
        if wanted.is_empty() {
            let error = run.unwrap_err().to_string();
            assert!(error.contains("paper mode finds no tensor"), "{error}");
        } else {
            check(&run.unwrap(), "cosine", &wanted, golden["model"].as_str().unwrap());
        }
    }
}

#[test]
fn contributions_of_the_tokens_add_up_to_the_cosine() {
    let golden = &expected("alignment.json")[0];
    let report = inputs(golden).run("gradient-alignment", &json!({"bootstrap": 0})).unwrap();
    let cosines = floats(&report, "pairs", "cosine");
    for side in ["original", "paraphrase"] {
        let mut sums = vec![0.0; cosines.len()];
        let sides = texts(&report, "contributions", "side");
        let pair = floats(&report, "contributions", "pair");
        for ((s, p), v) in sides.iter().zip(&pair).zip(floats(&report, "contributions", "contribution")) {
            if s == side {
                sums[p.unwrap() as usize] += v.unwrap();
            }
        }
        sums.iter().zip(&cosines).for_each(|(sum, cosine)| assert_close(*sum, cosine.unwrap(), 1e-9, side));
    }
}

#[test]
fn layers_have_a_profile_and_do_not_change_the_score() {
    let golden = &expected("alignment.json")[1];
    let inputs = inputs(golden);
    let plain = inputs.run("gradient-alignment", &json!({"bootstrap": 0})).unwrap();
    let layered = inputs.run("gradient-alignment", &json!({"bootstrap": 0, "per_layer": true})).unwrap();
    assert_eq!(floats(&plain, "pairs", "cosine"), floats(&layered, "pairs", "cosine"));
    let names = texts(&layered, "layers", "layer");
    assert_eq!(names, ["embedding and head", "block 0", "block 1", "final norm"]);
    let block: Vec<f64> = pairs(golden, "last_block");
    let mean = block.iter().sum::<f64>() / block.len() as f64;
    assert_close(floats(&layered, "layers", "cosine")[2].unwrap(), mean, 1e-4, "block 1");
}

#[test]
fn what_does_not_count_is_left_out_and_said() {
    let long = "a b c d e f g h";
    let with = |row, text: &str, paraphrases: &[&str]| Record {
        paraphrases: paraphrases.iter().map(|&p| p.to_owned()).collect(),
        ..text_record(row, text)
    };
    let records = vec![
        with(0, long, &["a b c d e f g i", " a b c d e f g h ", "a b c d e f g i", "P Q P"]),
        Record { excluded: Excluded { empty: 1, identical: 2 }, ..with(1, long, &[]) },
    ];
    let inputs = Inputs::default().model("model", model("llama")).data("data", dataset("texts", records));
    let report = inputs.run("gradient-alignment", &json!({"bootstrap": 0})).unwrap();
    assert_eq!(floats(&report, "texts", "n_paraphrases"), [Some(3.0)]);
    assert_eq!(floats(&report, "texts", "n_excluded"), [Some(1.0)]);
    assert!(report.notes.iter().any(|n| n.contains("no valid paraphrase (row 2)")), "{:?}", report.notes);
    let config = json!({"bootstrap": 0, "min_word_jaccard": 0.2, "drop_duplicates": true});
    let strict = inputs.run("gradient-alignment", &config).unwrap();
    assert_eq!(floats(&strict, "pairs", "paraphrase"), [Some(0.0)]);
    // The published code takes the original for a missing paraphrase, which aligns perfectly.
    let paper = inputs.run("gradient-alignment", &json!({"bootstrap": 0, "compat": "paper"})).unwrap();
    assert_eq!(floats(&paper, "texts", "n_paraphrases"), [Some(3.0), Some(3.0)]);
    assert_close(floats(&paper, "texts", "cosine")[1].unwrap(), 1.0, 1e-5, "a text against itself");
}

#[test]
fn members_and_nonmembers_make_a_membership_score() {
    let golden = &expected("alignment.json")[0];
    let records = |from: usize, to: usize| {
        let cases = golden["cases"].as_array().unwrap();
        cases[from..to].iter().enumerate().map(|(i, c)| record(i, c)).collect::<Vec<_>>()
    };
    let inputs = Inputs::default()
        .model("model", model("gpt_neox"))
        .data("members", dataset("in", records(0, 2)))
        .data("nonmembers", dataset("out", records(2, 3)));
    let report = inputs.run("gradient-alignment", &json!({"bootstrap": 10})).unwrap();
    assert_well_formed(&report);
    let cosines: Vec<f64> = floats(&report, "texts", "cosine").into_iter().flatten().collect();
    let wanted = cosines[..2].iter().filter(|c| **c > cosines[2]).count() as f64 / 2.0;
    assert_eq!(scalar(&report, "auroc.cosine"), wanted);
    assert_eq!(texts(&report, "texts", "label"), ["member", "member", "nonmember"]);
}
