//! Memorization score against greedy decoding by full forward passes.

use memoscope::data::{Dataset, Record};
use memoscope::methods::LoadedModel;
use serde_json::{Value, json};

use super::{Inputs, assert_well_formed, dataset, expected, floats, ids, model, scalar, text_record, texts};

fn rows(golden: &Value) -> Dataset {
    let record = |(row, r): (usize, &Value)| {
        let token_ids = [ids(&r["prompt"]), ids(&r["continuation"])].concat();
        Record {
            row,
            token_ids: Some(token_ids),
            split_at: Some(4),
            source: Some(r["source"].as_str().unwrap().to_owned()),
            ..Record::default()
        }
    };
    dataset("rows", golden["rows"].as_array().unwrap().iter().enumerate().map(record).collect())
}

fn matches(golden: &Value, generated: &str) -> Vec<String> {
    let rows = golden["rows"].as_array().unwrap().iter().zip(golden["generated"][generated].as_array().unwrap());
    let bits = |(row, generated): (&Value, &Value)| {
        let pairs = ids(&row["continuation"]).into_iter().zip(ids(generated));
        pairs.map(|(a, b)| if a == b { '1' } else { '0' }).collect()
    };
    rows.map(bits).collect()
}

/// The model of the golden numbers; a token that it makes often takes the part of the end-of-text token.
fn with_eos(golden: &Value) -> LoadedModel {
    let mut model = model("llama");
    model.decoder.config.eos = vec![eos(golden)];
    model
}

fn eos(golden: &Value) -> u32 {
    u32::try_from(golden["eos"].as_u64().unwrap()).unwrap()
}

#[test]
fn scores_equal_free_greedy_decoding() {
    let golden = expected("memorization.json");
    let inputs = Inputs::default().model("model", with_eos(&golden)).data("data", rows(&golden));
    for (policy, compat, key) in [
        ("free", "correct", "free"),
        ("stop", "correct", "stop"),
        ("forbid", "correct", "forbid"),
        ("free", "paper", "stop"),
    ] {
        let config = json!({"k": 4, "l": 6, "eos_policy": policy, "compat": compat, "batch_tokens": 30});
        let report = inputs.run("memorization-score", &config).unwrap();
        assert_well_formed(&report);
        let wanted = matches(&golden, key);
        assert_eq!(texts(&report, "rows", "all_match"), wanted, "{policy} {compat}");
        let n = wanted.len() as f64;
        let hits = wanted.iter().map(|w| w.matches('1').count()).sum::<usize>() as f64;
        let exact = wanted.iter().filter(|w| !w.contains('0')).count() as f64;
        assert!((scalar(&report, "memorization_score") - hits / 6.0 / n).abs() < 1e-12);
        assert!((scalar(&report, "exact_match") - exact / n).abs() < 1e-12);
        let by_source = floats(&report, "sources", "n");
        assert_eq!(by_source.iter().flatten().sum::<f64>(), n);
    }
}

#[test]
fn the_policies_differ_where_a_row_holds_an_end_of_text_token() {
    let golden = expected("memorization.json");
    assert_ne!(matches(&golden, "free"), matches(&golden, "stop"));
    assert_ne!(matches(&golden, "free"), matches(&golden, "forbid"));
    let inputs = Inputs::default().model("model", with_eos(&golden)).data("data", rows(&golden));
    let report = inputs.run("memorization-score", &json!({"k": 4, "l": 6})).unwrap();
    let holds = |r: &&Value| ids(&r["continuation"]).contains(&eos(&golden));
    let n = golden["rows"].as_array().unwrap().iter().filter(holds).count();
    assert!(n > 0);
    assert_eq!(scalar(&report, "rows_with_eos.continuation"), n as f64);
}

#[test]
fn checkpoints_make_a_series() {
    let golden = expected("memorization.json");
    let inputs = Inputs::default()
        .model("model", model("llama"))
        .model("checkpoints", model("mistral"))
        .data("data", rows(&golden));
    let report = inputs.run("memorization-score", &json!({"k": 4, "l": 6})).unwrap();
    assert_well_formed(&report);
    assert_eq!(texts(&report, "checkpoints", "checkpoint"), ["mistral", "llama"]);
    let score = |bits: &str| bits.matches('1').count() as f64 / 6.0;
    let [early, last] = ["early", "free"].map(|k| matches(&golden, k).iter().map(|b| score(b)).collect::<Vec<_>>());
    for (column, wanted) in [("score_1", &early), ("score_2", &last)] {
        let found = floats(&report, "scores_by_checkpoint", column);
        assert!(found.iter().zip(wanted).all(|(f, w)| (f.unwrap() - w).abs() < 1e-12), "{column}");
    }
    let ids: Vec<&str> = report.figures.iter().map(|f| f.id.as_str()).collect();
    assert!(["checkpoints", "score_correlation", "exact_correlation"].iter().all(|id| ids.contains(id)), "{ids:?}");
}

#[test]
fn rows_that_are_too_short_are_counted_and_named() {
    let records = vec![text_record(0, "a b c"), text_record(4, "a b c d e f g"), text_record(5, "")];
    let inputs = Inputs::default().model("model", model("llama")).data("data", dataset("texts", records));
    let report = inputs.run("memorization-score", &json!({"k": 3, "l": 3})).unwrap();
    assert_eq!(floats(&report, "rows", "row"), [Some(4.0)]);
    assert_eq!(texts(&report, "rows", "prefix_text"), ["a b c"]);
    assert!(
        report.notes.iter().any(|n| n.contains("1 row left out, shorter than k + l tokens (row 0)")),
        "{:?}",
        report.notes
    );
    assert!(report.notes.iter().any(|n| n.contains("the text is empty (row 5)")), "{:?}", report.notes);
}

#[test]
fn ids_of_another_vocabulary_and_rows_beyond_the_context_are_refused() {
    let foreign = Record { token_ids: Some(vec![1, 5000, 3, 4]), ..Record::default() };
    let inputs = Inputs::default().model("model", model("llama")).data("data", dataset("amber", vec![foreign]));
    let error = inputs.run("memorization-score", &json!({"k": 2, "l": 2})).unwrap_err().to_string();
    assert!(error.contains("5000 exceeds the vocabulary of llama (37 tokens)"), "{error}");

    let long = Record { token_ids: Some(vec![3; 80]), ..Record::default() };
    let inputs = Inputs::default().model("model", model("llama")).data("data", dataset("long", vec![long]));
    let error = inputs.run("memorization-score", &json!({"k": 40, "l": 40})).unwrap_err().to_string();
    assert!(error.contains("a row has 80 tokens; the context of llama is 32"), "{error}");
}
