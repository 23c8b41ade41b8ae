//! Membership inference against whole logits, materialized gradients and counted thresholds.

use memoscope::data::{Dataset, Record};
use serde_json::{Value, json};

use super::{
    Inputs, Memory, assert_close, assert_well_formed, dataset, expected, floats, model, scalar, strings, text_record,
    texts,
};

const ALL: [&str; 7] = ["loss", "zlib", "lowercase", "min_k", "min_k_plus_plus", "recall", "gradient_norm"];

fn rows(golden: &Value, key: &str) -> Dataset {
    let records = golden[key].as_array().unwrap().iter().enumerate();
    dataset(key, records.map(|(i, r)| text_record(i, r["text"].as_str().unwrap())).collect())
}

fn neighbors(golden: &Value) -> Dataset {
    let all = ["members", "nonmembers"].into_iter().flat_map(|key| golden[key].as_array().unwrap());
    let record = |(i, r): (usize, &Value)| Record {
        paraphrases: strings(&r["neighbors"]),
        ..text_record(i, r["text"].as_str().unwrap())
    };
    dataset("neighbors", all.enumerate().map(record).collect())
}

fn inputs(golden: &Value) -> Inputs {
    Inputs::default()
        .model("model", model("llama"))
        .model("reference", model("gpt_neox"))
        .data("members", rows(golden, "members"))
        .data("nonmembers", rows(golden, "nonmembers"))
        .data("neighbors", neighbors(golden))
}

#[test]
fn every_score_and_its_metrics() {
    let golden = expected("mia.json");
    let config = json!({"scores": ALL, "ratios": [0.1, 0.2, 0.7, 1.0], "bootstrap": 20, "batch_tokens": 40});
    let report = inputs(&golden).run("mia", &config).unwrap();
    assert_well_formed(&report);
    let methods = texts(&report, "metrics", "method");
    for (name, wanted) in golden["scores"].as_object().unwrap() {
        if name == "gradient_norm_paper" {
            continue;
        }
        let found = floats(&report, "scores", name);
        for (f, w) in found.iter().zip(wanted.as_array().unwrap()) {
            match w.as_f64() {
                Some(w) => assert_close(f.unwrap(), w, 1e-4, name),
                None => assert_eq!(*f, None, "{name}"),
            }
        }
        let line = methods.iter().position(|m| m == name).unwrap();
        for metric in ["auroc", "fpr95", "tpr05"] {
            let w = golden["metrics"][name][metric].as_f64().unwrap();
            assert_close(floats(&report, "metrics", metric)[line].unwrap(), w, 1e-9, &format!("{metric} {name}"));
        }
    }
    assert_close(scalar(&report, "auroc.loss"), golden["metrics"]["loss"]["auroc"].as_f64().unwrap(), 1e-12, "auroc");
    let undefined = methods.iter().position(|m| m == "recall").unwrap();
    assert_eq!(floats(&report, "metrics", "n_undefined")[undefined], Some(1.0));
}

/// Every score that needs nothing but the text comes from one pass, in which each text goes forward once.
#[test]
fn black_box_scores_share_one_forward_pass() {
    let golden = expected("mia.json");
    let inputs = || {
        Inputs::default()
            .model("model", model("llama"))
            .data("members", rows(&golden, "members"))
            .data("nonmembers", rows(&golden, "nonmembers"))
    };
    let config = |scores: &[&str]| json!({"scores": scores, "bootstrap": 0, "batch_tokens": 40});
    let mut host = Memory::new(usize::MAX);
    let black_box = ["loss", "zlib", "min_k", "min_k_plus_plus"];
    let all = inputs().run_in(&mut host, "mia", &config(&black_box)).unwrap();
    assert_eq!(host.stages, ["score"], "nothing but the pass is computed");
    let n_texts = floats(&all, "scores", "loss").len();
    let passed: usize = host.records.iter().map(|(_, record)| record_len(record)).sum();
    assert_eq!((passed, host.records.iter().all(|r| r.0 == "0/score")), (n_texts, true), "each text once");
    for one in black_box {
        let alone = inputs().run("mia", &config(&[one])).unwrap();
        let columns = alone.tables.iter().find(|t| t.id == "scores").unwrap().columns.iter();
        for column in columns.filter(|c| c.name.starts_with(one)) {
            assert_eq!(floats(&all, "scores", &column.name), floats(&alone, "scores", &column.name), "{one}");
        }
    }
}

/// Results in a record: after the number of the first come how many there are.
fn record_len(record: &[u8]) -> usize {
    let (_, rest) = postcard::take_from_bytes::<u64>(record).unwrap();
    postcard::take_from_bytes::<u64>(rest).unwrap().0 as usize
}

#[test]
fn paper_mode_of_the_gradient_norm_and_of_small_shares() {
    let golden = expected("mia.json");
    let config = json!({"scores": ["gradient_norm", "min_k"], "ratios": [0.1, 1.0], "bootstrap": 0, "compat": "paper"});
    let report = inputs(&golden).run("mia", &config).unwrap();
    let wanted = golden["scores"]["gradient_norm_paper"].as_array().unwrap();
    for (f, w) in floats(&report, "scores", "gradient_norm").iter().zip(wanted) {
        assert_close(f.unwrap(), w.as_f64().unwrap(), 1e-4, "gradient_norm");
    }
    let n_tokens = floats(&report, "scores", "n_tokens");
    for (score, n) in floats(&report, "scores", "min_k_0.1").iter().zip(n_tokens) {
        assert_eq!(score.is_none(), n.unwrap() < 11.0, "fewer than ten predictions leave no token");
    }
}

#[test]
fn labelled_rows_are_the_same_as_two_files() {
    let golden = expected("mia.json");
    let labelled = |key: &str, label: u8| {
        rows(&golden, key).records.into_iter().map(move |r| Record { label: Some(label), ..r }).collect::<Vec<_>>()
    };
    let one = dataset("both", [labelled("members", 1), labelled("nonmembers", 0)].concat());
    let inputs_of_one = Inputs::default().model("model", model("llama")).data("data", one);
    let config = json!({"scores": ["loss", "zlib"], "bootstrap": 0});
    let [a, b] = [inputs(&golden), inputs_of_one].map(|i| i.run("mia", &config).unwrap());
    assert_eq!(scalar(&a, "auroc.loss"), scalar(&b, "auroc.loss"));
    assert_eq!(floats(&a, "scores", "zlib"), floats(&b, "scores", "zlib"));
}

#[test]
fn neighbors_may_be_rows_in_order() {
    let golden = expected("mia.json");
    let all = ["members", "nonmembers"].into_iter().flat_map(|key| golden[key].as_array().unwrap());
    let flat: Vec<String> = all.flat_map(|r| strings(&r["neighbors"])).collect();
    let flat = flat.iter().enumerate().map(|(i, t)| text_record(i, t)).collect();
    let inputs = Inputs::default()
        .model("model", model("llama"))
        .data("members", rows(&golden, "members"))
        .data("nonmembers", rows(&golden, "nonmembers"))
        .data("neighbors", dataset("flat", flat));
    let report = inputs.run("mia", &json!({"scores": ["loss"], "bootstrap": 0})).unwrap();
    let wanted = golden["scores"]["neighborhood"].as_array().unwrap();
    for (f, w) in floats(&report, "scores", "neighborhood").iter().zip(wanted) {
        assert_close(f.unwrap(), w.as_f64().unwrap(), 1e-4, "neighborhood");
    }
}

/// Neighbors belong to rows of the files, however many of these are measured.
#[test]
fn neighbors_stay_with_their_texts_when_others_are_left_out() {
    let golden = expected("mia.json");
    let all = || ["members", "nonmembers"].into_iter().flat_map(|key| golden[key].as_array().unwrap());
    let flat: Vec<String> = all().flat_map(|r| strings(&r["neighbors"])).collect();
    let flat = dataset("flat", flat.iter().enumerate().map(|(i, t)| text_record(i, t)).collect());
    let nameless =
        |(i, r): (usize, &Value)| Record { row: i, paraphrases: strings(&r["neighbors"]), ..Record::default() };
    let placed = dataset("placed", all().enumerate().map(nameless).collect());
    let wanted = golden["scores"]["neighborhood"].as_array().unwrap();
    let run = |neighbors: Dataset, members: Dataset| {
        let inputs = Inputs::default()
            .model("model", model("llama"))
            .data("members", members)
            .data("nonmembers", rows(&golden, "nonmembers"))
            .data("neighbors", neighbors);
        inputs.run("mia", &json!({"scores": ["loss"], "bootstrap": 0, "limit": 4}))
    };
    for neighbors in [flat, placed, neighbors(&golden)] {
        // the first row has too few tokens and is not measured
        let mut members = rows(&golden, "members");
        members.records[0].text = Some(String::new());
        let found = floats(&run(neighbors, members).unwrap(), "scores", "neighborhood");
        let measured = [1, 2, 3, 12, 13, 14, 15];
        assert_eq!(found.len(), measured.len());
        for (f, at) in found.iter().zip(measured) {
            assert_close(f.unwrap(), wanted[at].as_f64().unwrap(), 1e-4, "neighborhood");
        }
    }
    let mut some = neighbors(&golden);
    some.records.remove(2);
    let message = run(some, rows(&golden, "members")).unwrap_err().to_string();
    assert!(message.contains("1 of 8 texts have no neighbors, though others do; the first is row 3"), "{message}");
    let few = dataset("few", (0..16).map(|i| text_record(i, "L H d a")).collect());
    let message = run(few, rows(&golden, "members")).unwrap_err().to_string();
    assert!(message.contains("16 rows of neighbors for 24 rows of texts"), "{message}");
}

#[test]
fn lowercase_reads_what_was_read_and_no_more() {
    let golden = expected("mia.json");
    let set = |key: &str, cut: &dyn Fn(&str) -> String| {
        let mut data = rows(&golden, key);
        let longer = |text: &str| format!("{text} {}", text.to_uppercase());
        data.records.iter_mut().for_each(|r| r.text = r.text.as_deref().map(|text| cut(&longer(text))));
        data
    };
    let run = |cut: &dyn Fn(&str) -> String| {
        let inputs = Inputs::default()
            .model("model", model("llama"))
            .data("members", set("members", cut))
            .data("nonmembers", set("nonmembers", cut));
        let report = inputs.run("mia", &json!({"scores": ["lowercase"], "bootstrap": 0, "max_tokens": 6})).unwrap();
        floats(&report, "scores", "lowercase")
    };
    let tokenizer = model("llama").tokenizer.unwrap();
    let read = |text: &str| {
        let end = tokenizer.encode(text, true).unwrap().offsets.iter().take(6).map(|(_, end)| *end).max().unwrap();
        text[..end].to_owned()
    };
    assert_eq!(run(&str::to_owned), run(&read));
}

#[test]
fn rows_of_another_kind_than_they_count_as_are_told() {
    let golden = expected("mia.json");
    let labelled = |key: &str, label: u8, part: &str| {
        let of = |r: Record| Record {
            label: Some(label),
            part: Some(part.to_owned()),
            group: Some("form 1".to_owned()),
            ..r
        };
        rows(&golden, key).records.into_iter().map(of).collect::<Vec<_>>()
    };
    let mut records = [labelled("members", 1, "train"), labelled("nonmembers", 0, "test")].concat();
    records[1].group = Some("question".to_owned());
    records[2].part = Some("paraphrase".to_owned());
    let inputs = Inputs::default().model("model", model("llama")).data("data", dataset("people", records));
    let report = inputs.run("mia", &json!({"scores": ["loss"], "bootstrap": 0, "control_folds": 0})).unwrap();
    let notes = |what: &str| report.notes.iter().filter(|note| note.contains(what)).count();
    assert_eq!(notes("people: 1 row of the part `paraphrase` taken as members."), 1, "{:?}", report.notes);
    assert_eq!(notes("people: all rows of `question` are on one side"), 1, "{:?}", report.notes);
}

/// One score by two methods, also where paraphrases are missing, in paper mode too.
#[test]
fn alignment_is_that_of_the_method_of_its_own() {
    let golden = expected("mia.json");
    let with = |key: &str, counts: [usize; 4]| {
        let mut data = rows(&golden, key);
        for (i, (record, row)) in data.records.iter_mut().zip(golden[key].as_array().unwrap()).enumerate() {
            record.paraphrases = strings(&row["neighbors"]).into_iter().take(counts[i % 4]).collect();
        }
        data
    };
    let inputs = Inputs::default()
        .model("model", model("gpt_neox"))
        .data("members", with("members", [2, 1, 0, 3]))
        .data("nonmembers", with("nonmembers", [0, 3, 1, 2]));
    for compat in ["correct", "paper"] {
        let config = |scores: Value| {
            let mut config = json!({"bootstrap": 0, "compat": compat});
            if scores.is_array() {
                config["scores"] = scores;
            }
            config
        };
        let own = inputs.run("mia", &config(json!(["alignment"]))).unwrap();
        let other = inputs.run("gradient-alignment", &config(Value::Null)).unwrap();
        let own: Vec<f64> = floats(&own, "scores", "alignment").into_iter().flatten().collect();
        let other: Vec<f64> = floats(&other, "texts", "cosine").into_iter().flatten().collect();
        assert_eq!(own.len() == 24, compat == "paper", "texts without paraphrases are left out, or are their own");
        assert_eq!(own, other, "{compat}");
    }
}

#[test]
fn alignment_is_a_score_of_rows_with_paraphrases() {
    let golden = expected("mia.json");
    let with = |key: &str| {
        let mut data = rows(&golden, key);
        for (record, row) in data.records.iter_mut().zip(golden[key].as_array().unwrap()) {
            record.paraphrases = strings(&row["neighbors"]);
        }
        data
    };
    let inputs = || {
        Inputs::default()
            .model("model", model("llama"))
            .data("members", with("members"))
            .data("nonmembers", with("nonmembers"))
    };
    let own = inputs().run("mia", &json!({"scores": ["alignment"], "bootstrap": 0})).unwrap();
    let other = inputs().run("gradient-alignment", &json!({"bootstrap": 0})).unwrap();
    let kept: Vec<f64> = floats(&own, "scores", "alignment").into_iter().flatten().collect();
    let wanted: Vec<f64> = floats(&other, "texts", "cosine").into_iter().flatten().collect();
    assert_eq!(kept, wanted);
}

#[test]
fn words_that_give_the_classes_away_are_a_warning() {
    let text = |i: usize, word: &str| text_record(i, &format!("{word} a b {} {}", ["c", "d", "e"][i % 3], word));
    let set = |name: &str, word: &str| dataset(name, (0..10).map(|i| text(i, word)).collect());
    let inputs = Inputs::default()
        .model("model", model("llama"))
        .data("members", set("in", "M"))
        .data("nonmembers", set("out", "N"));
    let report = inputs.run("mia", &json!({"scores": ["loss"], "bootstrap": 0})).unwrap();
    assert_eq!(scalar(&report, "auroc.control"), 1.0);
    assert!(report.notes.iter().any(|n| n.contains("The words alone")), "{:?}", report.notes);
}

#[test]
fn inputs_that_do_not_suffice_are_named() {
    let golden = expected("mia.json");
    let half = Inputs::default().model("model", model("llama")).data("members", rows(&golden, "members"));
    let message = |inputs: &Inputs, config: Value| inputs.run("mia", &config).unwrap_err().to_string();
    assert!(message(&half, json!({})).contains("there are no nonmembers"));
    let both = Inputs::default()
        .model("model", model("llama"))
        .data("members", rows(&golden, "members"))
        .data("nonmembers", rows(&golden, "nonmembers"));
    assert!(message(&both, json!({"scores": ["reference"]})).contains("`reference` is missing"));
    assert!(message(&both, json!({"scores": ["neighborhood"]})).contains("needs the input `neighbors`"));
    assert!(message(&both, json!({"scores": ["alignment"]})).contains("needs texts with paraphrases"));
    assert!(message(&both, json!({"scores": ["min_k"], "ratios": []})).contains("at least one ratio"));
}
