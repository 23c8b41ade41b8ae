//! Questions against log-probabilities and greedy text of transformers (`tests/golden/make/qa.py`).

use memoscope::data::Record;
use serde_json::{Value, json};

use super::{
    Inputs, Memory, assert_close, assert_well_formed, dataset, expected, floats, model, numbers, scalar, strings, texts,
};

fn people(golden: &Value) -> Vec<Record> {
    let record = |(row, person): (usize, &Value)| {
        let facts = person.as_object().unwrap().iter();
        let facts = facts.map(|(field, value)| (field.clone(), value.as_str().unwrap().to_owned())).collect();
        Record { row, label: Some(u8::from(row < 2)), facts, ..Record::default() }
    };
    golden["people"].as_array().unwrap().iter().enumerate().map(record).collect()
}

fn inputs(golden: &Value) -> Inputs {
    Inputs::default()
        .model("model", model("gpt2"))
        .model("others", model("llama"))
        .data("data", dataset("people", people(golden)))
}

#[test]
fn every_mode_agrees_with_transformers() {
    let golden = expected("qa.json");
    let config = json!({"max_answer": golden["max_answer"], "batch_size": 3});
    let report = inputs(&golden).run("qa", &config).unwrap();
    assert_well_formed(&report);
    let names = texts(&report, "options", "model");
    let column = |name: &str| floats(&report, "options", name);
    let (item, option) = (column("item"), texts(&report, "options", "option"));
    let [letter, sum, mean, calibrated] = ["letter", "sum", "mean", "calibrated"].map(column);
    assert_eq!(names.len(), 2 * 8 * 4);
    for row in 0..names.len() {
        let entry = &golden["models"][&names[row]][item[row].unwrap() as usize];
        let wanted = numbers(&entry["options"][&option[row]]);
        for (found, wanted) in [sum[row], mean[row], calibrated[row]].into_iter().zip(wanted) {
            assert_close(found.unwrap(), wanted, 1e-4, &format!("{} {}", names[row], option[row]));
        }
        let first = row - row % 4;
        let order = option[first..first + 4].join("|");
        if let Some(letters) = entry["letters"].get(&order) {
            assert_close(letter[row].unwrap(), numbers(letters)[row % 4], 1e-4, &order);
        }
    }
    let said = texts(&report, "items", "direct");
    for (found, name) in said.chunks(8).zip(["gpt2", "llama"]) {
        let wanted: Vec<Value> = golden["models"][name].as_array().unwrap().iter().map(|e| e["said"].clone()).collect();
        assert_eq!(found, strings(&Value::from(wanted)), "{name}");
    }
    accuracies_follow_from_the_numbers(&report);
}

/// The counts of the report are those of its own table of options.
fn accuracies_follow_from_the_numbers(report: &memoscope::methods::Report) {
    let sums = floats(report, "options", "sum");
    let memoscope::methods::Values::Bool(answers) = &super::column(report, "options", "is_answer").values else {
        panic!("no flags")
    };
    let right = sums[..32].chunks(4).zip(answers[..32].chunks(4)).filter(|(sums, answers)| {
        let best = sums.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let chosen = sums.iter().position(|sum| *sum == Some(best)).unwrap();
        answers[chosen]
    });
    let share = right.count() as f64 / 8.0;
    assert_close(scalar(report, "accuracy.likelihood_sum"), share, 1e-12, "accuracy");
    let by_field = ["color", "shoe"].map(|field| scalar(report, &format!("accuracy.likelihood_sum.{field}")));
    assert_close(f64::midpoint(by_field[0], by_field[1]), share, 1e-12, "fields of equal size");
    let (people, field) = (texts(report, "accuracy", "people"), texts(report, "accuracy", "field"));
    assert!(people.contains(&"members".to_owned()) && people.contains(&"nonmembers".to_owned()));
    assert_eq!(field.iter().filter(|f| *f == "all").count(), 2 * 5 * 3);
    assert!(scalar(report, "accuracy.direct.model-1") <= 1.0);
}

#[test]
fn an_interrupted_run_ends_with_the_same_numbers() {
    let golden = expected("qa.json");
    let inputs = inputs(&golden);
    let config = json!({"formats": ["likelihood"], "batch_size": 2});
    let whole = inputs.run("qa", &config).unwrap();
    let mut host = Memory::new(3);
    assert!(inputs.run_in(&mut host, "qa", &config).is_err(), "stopped");
    host.budget = usize::MAX;
    assert_eq!(inputs.run_in(&mut host, "qa", &config).unwrap(), whole);
    let other = inputs.run("qa", &json!({"formats": ["likelihood"], "batch_size": 8})).unwrap();
    assert_eq!(other.tables, whole.tables, "the size of a batch does not matter");
}

#[test]
fn paper_mode_and_what_cannot_be_asked() {
    let golden = expected("qa.json");
    let report = inputs(&golden).run("qa", &json!({"compat": "paper"})).unwrap();
    assert_well_formed(&report);
    assert!(scalar(&report, "accuracy.letter") <= 1.0);
    let message = |config: Value, records: Vec<Record>| {
        let inputs = Inputs::default().model("model", model("gpt2")).data("data", dataset("none", records));
        inputs.run("qa", &config).unwrap_err().to_string()
    };
    assert!(message(json!({}), vec![Record::default()]).contains("none states no facts"));
    assert!(message(json!({"prompt": "Q"}), people(&golden)).contains("write `{question}`"));
    let many = Inputs::default().model("model", model("gpt2")).data("data", dataset("people", people(&golden)));
    let report = many.run("qa", &json!({"options": 5})).unwrap();
    let letter = report.scalars.iter().find(|s| s.id == "accuracy.letter").unwrap();
    assert_eq!((letter.value, letter.note.as_str()), (None, "no question could be put"));
    assert!(report.notes.iter().any(|n| n.contains("`color` has too few different answers for 5 options")));
}

#[test]
fn a_prompt_without_any_words_has_no_calibrated_likelihood() {
    let golden = expected("qa.json");
    let run = |formats: Value, prompt: &str| inputs(&golden).run("qa", &json!({"formats": formats, "prompt": prompt}));
    let message = run(json!(["likelihood"]), "{question}").unwrap_err().to_string();
    assert!(message.contains("nothing stands before an answer when its question is left out"), "{message}");
    assert!(run(json!(["letter"]), "{question}").is_ok());
    assert!(run(json!(["likelihood"]), "{question} :").is_ok());
}
