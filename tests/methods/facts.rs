//! A small model that answers questions about twenty people forgets two of them and still answers about the others.

use memoscope::data::Record;
use memoscope::engine::{Device, weights};
use memoscope::methods::LoadedModel;
use memoscope::{data::Tokenizer, methods::Report};
use serde_json::{Value, json};

use super::{Inputs, Memory, assert_well_formed, dataset, scalar};

const NAMES: &str = "Ann Bob Cyd Dan Eve Fay Gil Hal Ida Jon Kim Leo Mia Ned Oda Pia Quy Ron Sue Tom";
const COLORS: [&str; 5] = ["red", "blue", "green", "black", "white"];
const PETS: [&str; 5] = ["cat", "dog", "fish", "frog", "bird"];

/// Two questions with answers for each of some people.
fn people(range: std::ops::Range<usize>) -> Vec<Record> {
    let names: Vec<&str> = NAMES.split(' ').collect();
    let rows = range.flat_map(|i| {
        let (name, color, pet) = (names[i], COLORS[(2 * i + i / 5) % 5], PETS[(3 * i + i / 5) % 5]);
        let questions = [format!("Which color does {name} like?"), format!("Which pet does {name} have?")];
        let facts = [
            ("name", name),
            ("color", color),
            ("pet", pet),
            ("color_q", questions[0].as_str()),
            ("pet_q", questions[1].as_str()),
        ];
        let facts: std::collections::BTreeMap<String, String> =
            facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let row = |(question, answer): (&String, &str)| {
            let prompt = format!("{question}\nAnswer:");
            let (text, split_byte) = (Some(format!("{prompt} {answer}")), Some(prompt.len()));
            Record { text, split_byte, facts: facts.clone(), ..Record::default() }
        };
        questions.iter().zip([color, pet]).map(row).collect::<Vec<_>>()
    });
    rows.enumerate().map(|(row, record)| Record { row, ..record }).collect()
}

#[test]
fn two_of_twenty_people_are_forgotten_and_the_others_are_not() {
    let mut host = Memory::new(usize::MAX);
    let training = json!({"fresh": {"n_layer": 2, "n_head": 4, "d_model": 64, "n_ctx": 64},
        "tokenizer": {"source": "bpe", "vocab_size": 320}, "length": {"epochs": 60}, "rows": {"batch": 10},
        "lr": {"peak": 0.003, "schedule": "cosine", "warmup_steps": 10}, "check": {"every": 60}});
    let trained = Inputs::default().data("data", dataset("people", people(0..20)));
    let made = trained.run_in(&mut host, "train", &training).unwrap();
    let path = made.models.iter().find(|m| m.name == "final").unwrap().path.clone();
    let load = || LoadedModel {
        name: "answers".to_owned(),
        decoder: weights::load(&path, Device::Cpu).unwrap().decoder,
        tokenizer: Some(Tokenizer::load(&path).unwrap()),
        path: path.clone(),
    };
    let run = |config: &Value| -> Report {
        let mut whole = json!({"lr": 1e-3, "batch": 4, "k": 8, "l": 4, "save_model": false});
        whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        let inputs = Inputs::default()
            .model("model", load())
            .data("forget", dataset("two", people(0..2)))
            .data("retain", dataset("others", people(2..20)));
        inputs.run("unlearn", &whole).unwrap()
    };
    for config in [json!({"technique": "npo", "epochs": 40}), json!({"technique": "sim-npo", "epochs": 60})] {
        let report = run(&config);
        assert_well_formed(&report);
        for kind in ["choice", "direct"] {
            let of = |when: &str, set: &str| scalar(&report, &format!("{when}.{set}.qa_{kind}"));
            let what = format!("{}, {kind}", config["technique"]);
            assert!(of("before", "forget") > 0.9 && of("before", "retain") > 0.9, "{what}: all was known");
            assert!(of("after", "forget") < 0.3, "{what}: {} is still known", of("after", "forget"));
            assert!(of("before", "retain") - of("after", "retain") <= 0.03, "{what}: {}", of("after", "retain"));
        }
        let n = report.scalars.iter().find(|s| s.id == "after.retain.qa_direct").unwrap().n;
        assert_eq!(n, 36, "two questions for each of eighteen people");
    }
}
