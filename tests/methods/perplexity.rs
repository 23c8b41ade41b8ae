//! Perplexity against whole logits.

use serde_json::json;

use super::{
    Inputs, assert_close, assert_well_formed, dataset, expected, floats, model, numbers, scalar, strings, text_record,
    texts,
};

fn inputs(texts: &[String]) -> Inputs {
    let records = texts.iter().enumerate().map(|(i, t)| text_record(i, t)).collect();
    Inputs::default().model("model", model("llama")).data("data", dataset("texts", records))
}

#[test]
fn both_definitions_and_every_token() {
    let golden = expected("perplexity.json");
    let inputs = inputs(&strings(&golden["texts"]));
    let report = inputs.run("perplexity", &json!({"compat": "paper", "batch_tokens": 20})).unwrap();
    assert_well_formed(&report);
    for (id, key) in [
        ("perplexity.corpus", "corpus"),
        ("perplexity.mean_of_texts", "mean_of_texts"),
        ("bits_per_byte", "bits_per_byte"),
        ("perplexity.paper", "paper"),
    ] {
        assert_close(scalar(&report, id), golden[key].as_f64().unwrap(), 1e-5, id);
    }
    for (found, wanted) in floats(&report, "texts", "nll").iter().zip(numbers(&golden["nll"])) {
        assert_close(found.unwrap(), wanted, 1e-5, "nll");
    }
    let tokens = golden["tokens"].as_array().unwrap();
    for (column, key) in [("log_prob", "log_prob"), ("rank", "rank"), ("entropy", "entropy")] {
        let wanted: Vec<f64> = tokens.iter().flat_map(|t| numbers(&t[key])).collect();
        let found = floats(&report, "tokens", column);
        assert_eq!(found.len(), wanted.len());
        found.iter().zip(&wanted).for_each(|(f, w)| assert_close(f.unwrap(), *w, 1e-5, column));
    }
    let first: Vec<String> = strings(&golden["texts"])[0].split(' ').skip(1).map(str::to_owned).collect();
    assert_eq!(texts(&report, "tokens", "token")[..first.len()], first);
}

#[test]
fn long_texts_are_cut_read_in_windows_or_refused() {
    let long = vec!["a b c d e f g h i j k l m n o p q A B C D E F G H I J K L M N O P Q a b c".to_owned()];
    let n = long[0].split(' ').count();
    let inputs = inputs(&long);
    let cut = inputs.run("perplexity", &json!({})).unwrap();
    assert_eq!(scalar(&cut, "n_tokens"), 31.0);
    assert!(cut.notes.iter().any(|t| t.contains("1 text cut to the first 32 tokens")), "{:?}", cut.notes);
    let windows = inputs.run("perplexity", &json!({"long_texts": "window", "stride": 5})).unwrap();
    assert_eq!(scalar(&windows, "n_tokens"), (n - 1) as f64);
    // The first window sees what the cut text sees.
    let [a, b] = [&cut, &windows].map(|r| floats(r, "tokens", "log_prob"));
    assert_eq!(a[..], b[..31]);
    let refused = inputs.run("perplexity", &json!({"long_texts": "refuse"})).unwrap_err().to_string();
    assert!(refused.contains("37 tokens; 32 are allowed"), "{refused}");
}

#[test]
fn a_beginning_token_makes_the_first_token_predicted() {
    let inputs = inputs(&["a b c".to_owned(), "d".to_owned()]);
    let without = inputs.run("perplexity", &json!({})).unwrap();
    assert_eq!(scalar(&without, "n_tokens"), 2.0);
    assert!(without.notes.iter().any(|n| n.contains("it has a single token (row 2)")), "{:?}", without.notes);
    let with = inputs.run("perplexity", &json!({"bos": "always"})).unwrap();
    assert_eq!(scalar(&with, "n_tokens"), 4.0);
}

#[test]
fn nothing_to_measure_is_said() {
    let error = inputs(&[String::new()]).run("perplexity", &json!({})).unwrap_err().to_string();
    assert!(error.contains("texts has no text that can be measured: the text is empty"), "{error}");
    let error = inputs(&[]).run("perplexity", &json!({})).unwrap_err().to_string();
    assert!(error.contains("it has no rows"), "{error}");
}

/// The same scores, to the last bit, in any batch.
#[test]
fn batches_do_not_matter() {
    let golden = expected("perplexity.json");
    let inputs = inputs(&strings(&golden["texts"]));
    let [one, all] = [1, 4096].map(|n| inputs.run("perplexity", &json!({"batch_tokens": n})).unwrap());
    assert_eq!(one, all);
}
