//! Memorization score against greedy decoding by full forward passes.

use memoscope::data::{Dataset, Record};
use memoscope::figures::Mark;
use memoscope::methods::LoadedModel;
use serde_json::{Value, json};

use super::{
    Inputs, assert_close, assert_well_formed, dataset, expected, floats, ids, model, scalar, text_record, texts,
};

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
    let figure = |id: &str| report.figures.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("no figure {id}"));
    let Mark::Heatmap { columns, values, .. } = &figure("score_correlation").series[0].mark else {
        panic!("no heat map")
    };
    let r = correlation(&early, &last);
    assert_eq!(*columns, 2);
    values.iter().zip([1.0, r, r, 1.0]).for_each(|(found, wanted)| assert_close(*found, wanted, 1e-12, "correlation"));
    assert!(r.abs() < 0.999, "the checkpoints differ: {r}");
    let Mark::Line { points, .. } = &figure("checkpoints").series[0].mark else { panic!("no line") };
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    for (point, wanted) in points.iter().zip([mean(&early), mean(&last)]) {
        assert_close(point[1], wanted, 1e-12, "mean score");
    }
    assert_eq!(figure("exact_correlation").series.len(), 1);
}

/// Pearson's correlation from sums.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(*x, *y)).sum::<f64>();
    let (x, y) = (sum(&|x, _| x), sum(&|_, y| y));
    let (xx, yy, xy) = (sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
    (n * xy - x * y) / ((n * xx - x * x) * (n * yy - y * y)).sqrt()
}

#[test]
fn rows_that_are_too_short_are_counted_and_named() {
    let records = vec![text_record(0, "a b c"), text_record(4, "a b c d e f g"), text_record(5, "")];
    let inputs = Inputs::default().model("model", model("llama")).data("data", dataset("texts", records));
    let report = inputs.run("memorization-score", &json!({"k": 3, "l": 3})).unwrap();
    assert_eq!(floats(&report, "rows", "row"), [Some(4.0)]);
    assert_eq!(texts(&report, "rows", "prefix_text"), ["a b c"]);
    assert!(
        report.notes.iter().any(|n| n.contains("1 row left out, shorter than k + l tokens (row 1)")),
        "{:?}",
        report.notes
    );
    assert!(report.notes.iter().any(|n| n.contains("the text is empty (row 6)")), "{:?}", report.notes);
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

#[test]
fn rows_may_be_split_where_the_file_splits_them() {
    let split = |row: usize, text: &str, byte: usize| Record { split_byte: Some(byte), ..text_record(row, text) };
    let records = vec![
        split(0, "a b c d e f g h i", 5),
        // Inside the third token.
        split(1, "a b Q d e f g h i", 4),
        split(2, "a b c d e f", 9),
        split(3, "a b c d e f", 0),
        text_record(4, "a b c d e f"),
        Record { token_ids: Some((3..12).collect()), split_at: Some(2), row: 5, ..Record::default() },
    ];
    let inputs = Inputs::default().model("model", model("llama")).data("data", dataset("rows", records));
    let report = inputs.run("memorization-score", &json!({"k": 2, "l": 4, "split": "row"})).unwrap();
    assert_eq!(floats(&report, "rows", "row"), [Some(0.0), Some(1.0), Some(5.0)]);
    // Of three tokens before the split only the last two are given.
    assert_eq!(texts(&report, "rows", "prefix_text")[..2], ["b c", "a b"]);
    assert_eq!(texts(&report, "rows", "true_text")[..2], [" d e f g", " Q d e f"]);
    for part in [
        "1 row split inside a token",
        "fewer than l tokens after its split (row 3)",
        "its prompt has no token (row 4)",
        "does not split it into prompt and continuation (row 5)",
    ] {
        assert!(report.notes.iter().any(|n| n.contains(part)), "{part}: {:?}", report.notes);
    }
    let plain = inputs.run("memorization-score", &json!({"k": 2, "l": 4})).unwrap();
    assert_eq!(texts(&plain, "rows", "prefix_text")[0], "a b");
    assert!(plain.notes.iter().any(|n| n.contains("not where the file split them")), "{:?}", plain.notes);
}

#[test]
fn what_fits_is_said_when_nothing_does() {
    let error = |texts: &[&str], config: Value| {
        let records = texts.iter().enumerate().map(|(i, t)| text_record(i, t)).collect();
        let inputs = Inputs::default().model("model", model("llama")).data("data", dataset("texts", records));
        inputs.run("memorization-score", &config).unwrap_err().to_string()
    };
    let short = ["a b c d e f g", "a b c d e", "a b c d e f"];
    let message = error(&short, json!({}));
    assert!(message.contains("no row of texts has k + l = 64 tokens; its rows have 5 to 7"), "{message}");
    assert!(message.contains("k = 2 and l = 3 keep nine of ten rows"), "{message}");
    let message = error(&short, json!({"split": "row"}));
    assert!(message.contains("the file does not split it into prompt and continuation"), "{message}");
    let message = error(&["a"], json!({}));
    assert!(message.contains("it has a single token"), "{message}");
    let message = error(&["a b"], json!({"split": "tokens", "k": 1, "l": 2}));
    assert!(message.contains("its rows have 2") && message.contains("k = 1 and l = 1"), "{message}");
}
