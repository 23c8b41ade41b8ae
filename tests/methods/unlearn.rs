//! Unlearning on tiny checkpoints: every technique, edits and their files, refusals.

use memoscope::data::{Dataset, Record};
use memoscope::error::Error;
use memoscope::methods::{Host as _, Report};
use serde_json::{Value, json};

use super::{Inputs, Memory, assert_well_formed, dataset, expected, floats, model, scalar, texts};

pub(super) fn rows(list: &Value) -> Vec<Record> {
    let record = |(row, ids): (usize, &Value)| Record { row, token_ids: Some(super::ids(ids)), ..Record::default() };
    list.as_array().unwrap().iter().enumerate().map(record).collect()
}

fn set(name: &str, list: &Value) -> Dataset {
    dataset(name, rows(list))
}

pub(super) fn inputs(name: &str) -> Inputs {
    let golden = expected("unlearn.json");
    Inputs::default()
        .model("model", model(name))
        .data("forget", set("forget", &golden["forget"]))
        .data("retain", set("retain", &golden["retain"]))
}

pub(super) fn config(technique: &str, more: &Value) -> Value {
    let mut config = json!({"technique": technique, "k": 2, "l": 3, "save_model": false});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

/// All techniques run, change what they say, and the report is whole.
#[test]
fn every_technique_runs_on_every_kind_of_block() {
    for name in ["gpt2", "gpt_neox", "llama"] {
        for technique in memoscope::methods::unlearn::technique::techniques() {
            let mut more = json!({});
            let set = |more: &mut Value, key: &str, value: Value| {
                if technique.knobs.iter().any(|(k, _)| *k == key) {
                    more[key] = value;
                }
            };
            set(&mut more, "epochs", json!(2));
            set(&mut more, "ratio", json!(if technique.id == "greedy" { 0.001 } else { 0.1 }));
            set(&mut more, "ig_steps", json!(2));
            set(&mut more, "lr", json!(0.001));
            set(&mut more, "layer", json!(0));
            let inputs = inputs(name).data("answers", set_of_answers()).model("tuned", model(name));
            let found = match technique.id {
                "none" => continue,
                "task-vector" => {
                    let found = inputs.run("unlearn", &config(technique.id, &more)).unwrap();
                    assert_eq!(scalar(&found, "edit.changed"), 0.0, "the same model has no direction");
                    continue;
                }
                id => inputs.run("unlearn", &config(id, &more)).unwrap_or_else(|e| panic!("{id} on {name}: {e}")),
            };
            assert_well_formed(&found);
            assert!(scalar(&found, "edit.changed") > 0.0, "{} on {name} changed nothing", technique.id);
            assert!(found.notes.iter().any(|n| n.contains(technique.title)), "{:?}", found.notes);
        }
    }
}

fn set_of_answers() -> Dataset {
    set("answers", &expected("unlearn.json")["answers"])
}

fn refusal(inputs: &Inputs, wanted: &Value) -> String {
    inputs.run("unlearn", wanted).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_done() {
    let golden = expected("unlearn.json");
    let alone = Inputs::default().model("model", model("gpt2")).data("forget", set("forget", &golden["forget"]));
    let text = refusal(&alone, &config("balanced-subnet", &json!({})));
    assert!(text.contains("`balanced-subnet` needs texts to retain") && text.contains("input `retain`"), "{text}");
    let text = refusal(&alone, &config("dpo", &json!({})));
    assert!(text.contains("needs other answers"), "{text}");
    let text = refusal(&alone, &config("task-vector", &json!({})));
    assert!(text.contains("tuned: `task-vector` needs a model"), "{text}");
    let text = refusal(&alone, &config("durable", &json!({"ratio": 1e-9})));
    assert!(text.contains("is not even one") && text.contains("smallest ratio that removes something"), "{text}");
    let text = refusal(&alone, &config("subnet", &json!({"ratio": 1e-9})));
    assert!(text.contains("is not even one"), "{text}");
    let text = refusal(&alone, &config("greedy", &json!({"ratio": 1e-9})));
    assert!(text.contains("parameters is not even one"), "{text}");
    let text = refusal(&alone, &config("rmu", &json!({"layer": 2})));
    assert!(text.contains("has the blocks 0 to 1"), "{text}");
    let text = refusal(&alone, &config("durable", &json!({"forget_rows": "memorized"})));
    assert!(text.contains("there is nothing to forget: gpt2 reproduces none of the 3 rows"), "{text}");
    assert!(text.contains("forget_rows `all`"), "{text}");
    let text = refusal(&alone, &config("durable", &json!({"forget_rows": "memorized", "k": 30, "l": 2})));
    assert!(text.contains("no row of forget has k + l = 32 tokens"), "{text}");
    let same = alone.data("retain", set("retain", &golden["forget"]));
    let text = refusal(&same, &config("balanced-subnet", &json!({})));
    assert!(text.contains("all 3 texts to retain are also to be forgotten"), "{text}");
}

#[test]
fn texts_of_both_sets_are_counted_and_taken_out() {
    let golden = expected("unlearn.json");
    let mut both = rows(&golden["retain"]);
    both.extend(rows(&golden["forget"]).into_iter().take(2));
    let inputs = Inputs::default()
        .model("model", model("gpt2"))
        .data("forget", set("forget", &golden["forget"]))
        .data("retain", dataset("retain", both));
    let run = |compat: &str| {
        inputs.run("unlearn", &config("balanced-subnet", &json!({"epochs": 1, "compat": compat}))).unwrap()
    };
    let (correct, paper) = (run("correct"), run("paper"));
    let n = |report: &Report| report.scalars.iter().find(|s| s.id == "sets.overlap").map(|s| (s.value, s.n)).unwrap();
    assert_eq!(n(&correct), (Some(2.0), 3), "taken out");
    assert_eq!(n(&paper), (Some(2.0), 5), "kept, as published");
    assert!(correct.notes.iter().any(|n| n.contains("2 texts were also to be forgotten")), "{:?}", correct.notes);
}

#[test]
fn scores_that_are_no_numbers_are_refused() {
    let mut broken = model("gpt2");
    let up = broken.decoder.blocks[0].mlp.up.weight;
    broken.decoder.params.get_mut(up).values_mut()[3] = f32::NAN;
    let inputs =
        Inputs::default().model("model", broken).data("forget", set("forget", &expected("unlearn.json")["forget"]));
    let text = refusal(&inputs, &config("magnitude", &json!({})));
    assert!(text.contains("not finite numbers") && text.contains("inspect"), "{text}");
}

/// Rows that are their own other answers have the truth ratio 1, whatever lies between them.
#[test]
fn answers_belong_to_their_rows() {
    let golden = expected("unlearn.json");
    let truth = |forget: Vec<Record>, answers: Vec<Record>| {
        let inputs = Inputs::default()
            .model("model", model("gpt2"))
            .data("forget", dataset("forget", forget))
            .data("answers", dataset("answers", answers));
        let report = inputs.run("unlearn", &config("random-weights", &json!({"ratio": 0.1}))).unwrap();
        let ratio =
            report.scalars.iter().find(|s| s.id == "before.forget.truth_ratio").map(|s| (s.value.unwrap(), s.n));
        (ratio.unwrap(), report.notes)
    };
    let is_one = |(ratio, n): (f64, usize), wanted: usize| (ratio - 1.0).abs() < 1e-6 && n == wanted;
    let good = rows(&golden["forget"]);
    // a row of one token, which no loss can be taken of, before the others
    let mut with_bad = vec![Record { token_ids: Some(vec![1]), ..Record::default() }];
    with_bad.extend(good.iter().map(|r| Record { row: r.row + 1, ..r.clone() }));
    let (ratio, notes) = truth(with_bad.clone(), with_bad.clone());
    assert!(is_one(ratio, 3), "{ratio:?}");
    assert!(notes.iter().any(|n| n.contains("answers: 1 row left out")), "{notes:?}");
    // only one of the two files has it: what stands in its place is left out and said
    let more: Vec<Record> = [&good[..1], &good[..]].concat();
    let more = more.into_iter().enumerate().map(|(row, r)| Record { row, ..r }).collect();
    let (ratio, notes) = truth(with_bad.clone(), more);
    assert!(is_one(ratio, 3), "{ratio:?}");
    assert!(notes.iter().any(|n| n.contains("answers: 1 answer left out, without a partner")), "{notes:?}");
    // with ids the order does not matter, and an unknown id never falls back to it
    let named = |list: &[Record], ids: &[&str]| -> Vec<Record> {
        list.iter().zip(ids).map(|(r, id)| Record { id: Some((*id).to_owned()), ..r.clone() }).collect()
    };
    let backwards: Vec<Record> = good.iter().rev().cloned().collect();
    let (ratio, _) = truth(named(&good, &["a", "b", "c"]), named(&backwards, &["c", "b", "a"]));
    assert!(is_one(ratio, 3), "{ratio:?}");
    let (ratio, notes) = truth(named(&good, &["a", "b", "c"]), named(&backwards, &["c", "x", "a"]));
    assert!(is_one(ratio, 2), "{ratio:?}");
    assert!(notes.iter().any(|n| n.contains("(row 2)")), "{notes:?}");
    assert!(notes.iter().any(|n| n.contains("there is none for 1 text to forget")), "{notes:?}");
    // two answers a row, in turns
    let twice: Vec<Record> = [&good[..], &good[..]].concat();
    let (ratio, _) = truth(good.clone(), twice);
    assert!(is_one(ratio, 3), "{ratio:?}");
}

/// Settings at which the loss once stopped being a number.
#[test]
fn betas_of_zero_are_limits() {
    for technique in ["sim-npo", "dpo", "idk-dpo", "npo", "undial"] {
        let inputs = inputs("gpt2").data("answers", set_of_answers());
        let report = inputs.run("unlearn", &config(technique, &json!({"beta": 0, "epochs": 1, "lr": 0.001}))).unwrap();
        assert!(scalar(&report, "edit.changed") > 0.0 || technique == "undial", "{technique}");
    }
}

/// The axis of the losses names a unit where all of them have it.
#[test]
fn losses_say_what_they_are_measured_in() {
    let label = |technique: &str| {
        let report = inputs("gpt2").run("unlearn", &config(technique, &json!({"epochs": 1, "lr": 0.001}))).unwrap();
        report.figures.iter().find(|f| f.id == "losses").unwrap().y.label.clone()
    };
    for (technique, wanted) in [
        ("grad-diff", "loss (nats/token)"),
        ("undial", "loss (nats/token)"),
        ("balanced-subnet", "loss (nats/token)"),
        ("npo", "loss"),
        ("pdu", "loss"),
    ] {
        assert_eq!(label(technique), wanted, "{technique}");
    }
}

/// 0.01 of 24 hidden units: the published code takes none, the correct mode one a layer.
#[test]
fn less_than_one_hidden_unit() {
    let run = |more: &Value| inputs("gpt2").run("unlearn", &config("activations", more)).unwrap();
    let paper = run(&json!({"ratio": 0.01, "compat": "paper"}));
    assert_eq!(scalar(&paper, "edit.changed"), 0.0);
    assert_well_formed(&paper);
    assert!(paper.notes.iter().any(|n| n.contains("Nothing was removed: 0.01 of 24 hidden")), "{:?}", paper.notes);
    // what a unit reads with: 16 weights and a bias in each of two layers
    for more in [json!({"ratio": 0.01}), json!({"ratio": 0.01, "compat": "paper", "rounding": "at_least_one"})] {
        assert_eq!(scalar(&run(&more), "edit.changed"), 34.0, "{more}");
    }
}

/// Low-rank additions alone are trained, and merged into matrices of the blocks.
#[test]
fn additions_alone_are_trained() {
    let wanted = config("grad-diff", &json!({"train": "lora", "lora_rank": 2, "lr": 0.01, "epochs": 2}));
    let report = inputs("llama").run("unlearn", &wanted).unwrap();
    let names = texts(&report, "changed", "parameter");
    assert!(!names.is_empty() && names.iter().all(|n| n.contains("_proj")), "{names:?}");
    assert!(scalar(&report, "change.forget.loss") > 0.0);
}

/// The edit and the model that a run leaves: applied to the base, the edit makes the model; on another one it is refused.
#[test]
fn edits_and_models_are_files() {
    let mut host = Memory::new(usize::MAX);
    let wanted = config("durable", &json!({"ratio": 0.1, "save_model": true}));
    let report = inputs("gpt2").run_in(&mut host, "unlearn", &wanted).unwrap();
    let made = &report.models[0];
    assert_eq!(made.name, "edited");
    let loaded = memoscope::engine::weights::load(&made.path, memoscope::engine::Device::Cpu).unwrap().decoder;
    let delta = host.folder().unwrap().join("edit-0.1");
    let again = config("none", &json!({"apply": [delta]}));
    let reapplied = inputs("gpt2").run("unlearn", &again).unwrap();
    for id in ["after.forget.loss", "after.retain.loss", "edit.zeroed"] {
        assert_eq!(scalar(&reapplied, id), scalar(&report, id), "{id}");
    }
    let edit = memoscope::methods::unlearn::edit::Edit::load(&delta).unwrap();
    let base = model("gpt2").decoder;
    let mut own = base.shared();
    edit.apply(&mut own).unwrap();
    for ((_, a), (_, b)) in own.params.iter().zip(loaded.params.iter()) {
        assert_eq!(a.values(), b.values(), "{}", a.name);
    }
    edit.revert(&mut own).unwrap();
    for ((_, a), (_, b)) in own.params.iter().zip(base.params.iter()) {
        assert_eq!(a.values(), b.values(), "{}", a.name);
    }
    let text = refusal(&inputs("llama"), &again);
    assert!(text.contains("the edit belongs to another model") && text.contains("made for gpt2"), "{text}");
    // on top of the first, a second
    let second =
        inputs("gpt2").run("unlearn", &config("random-weights", &json!({"apply": [delta], "ratio": 0.1}))).unwrap();
    assert!(scalar(&second, "edit.zeroed") > scalar(&report, "edit.zeroed"));
}

/// A larger ratio of the same scores; the main one comes first whatever its size.
#[test]
fn scores_are_computed_once_for_all_ratios() {
    let mut host = Memory::new(usize::MAX);
    let wanted = config("durable", &json!({"ratio": 0.1, "ratios": [0.3, 0.1, 0.02]}));
    let report = inputs("gpt2").run_in(&mut host, "unlearn", &wanted).unwrap();
    assert_well_formed(&report);
    assert_eq!(floats(&report, "ratios", "ratio"), [Some(0.1), Some(0.3), Some(0.02)]);
    let zeroed = floats(&report, "ratios", "zeroed");
    assert!(zeroed[1] > zeroed[0] && zeroed[0] > zeroed[2], "{zeroed:?}");
    assert_eq!(host.stages.iter().filter(|s| s.starts_with("edit")).count(), 1, "{:?}", host.stages);
    let alone = inputs("gpt2").run("unlearn", &config("durable", &json!({"ratio": 0.3}))).unwrap();
    assert_eq!(Some(scalar(&alone, "after.forget.loss").to_bits()), {
        let other = inputs("gpt2").run("unlearn", &config("durable", &json!({"ratio": 0.3, "ratios": [0.1]}))).unwrap();
        Some(scalar(&other, "after.forget.loss").to_bits())
    });
}

/// Stopped anywhere, the model that came is as it was, and going on ends with the same report.
#[test]
fn stopped_half_way() {
    for (budget, technique, more) in [
        (9, "balanced-subnet", json!({"epochs": 3, "batch": 2})),
        (9, "npo", json!({"epochs": 2, "batch": 2, "lr": 0.01})),
        (9, "durable", json!({"batch": 1})),
        (9, "slimming", json!({"epochs": 2, "batch": 2, "ratios": [0.3, 0.5]})),
        (9, "greedy", json!({"ratio": 0.001, "ratios": [0.002]})),
    ] {
        let inputs = inputs("gpt2");
        let bits = |inputs: &Inputs| -> Vec<u32> {
            let decoder = &inputs.models["model"][0].decoder;
            decoder
                .params
                .iter()
                .flat_map(|(_, w)| w.values().iter().map(|x| x.to_bits()).collect::<Vec<_>>())
                .collect()
        };
        let (before, wanted) = (bits(&inputs), config(technique, &more));
        let whole = inputs.run("unlearn", &wanted).unwrap();
        let mut host = Memory::new(0);
        let (mut stops, mut stops_after) = (0, 0);
        let resumed = loop {
            host.budget = budget + 2 * stops;
            match inputs.run_in(&mut host, "unlearn", &wanted) {
                Ok(report) => break report,
                Err(Error::Cancelled) => stops += 1,
                Err(other) => panic!("{technique}: {other}"),
            }
            let has_edit = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path().join("edit.json").exists();
            stops_after += usize::from(std::fs::read_dir(host.path()).unwrap().any(has_edit));
            assert!(stops < 100, "{technique} does not advance");
        };
        assert!(
            stops > stops_after && stops_after > 0,
            "{technique} was stopped {stops} times, {stops_after} of them later"
        );
        assert_eq!(bits(&inputs), before, "{technique}: the model that came is untouched");
        assert!(!whole.figures.is_empty() && resumed == whole, "{technique}: the resumed report differs");
    }
}
