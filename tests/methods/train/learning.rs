//! What is learned.

use memoscope::data::{Record, Tokenizer};
use memoscope::engine::{Device, weights};
use serde_json::json;

use super::super::{Inputs, Memory, assert_well_formed, dataset, floats, golden, model, scalar, text_record};
use super::{config, inputs, rows};

fn sentences() -> Vec<Record> {
    const NAMES: [&str; 6] = ["Ada", "Bruno", "Clara", "David", "Elena", "Felix"];
    const PLACES: [&str; 6] = ["Oslo", "Lima", "Kyoto", "Accra", "Turin", "Quito"];
    let text = |i: usize| format!("{} was born in {} and never left the town.", NAMES[i], PLACES[(i * 5 + 2) % 6]);
    (0..6).map(|i| text_record(i, &text(i))).collect()
}

#[test]
fn a_fresh_model_learns_texts_by_heart_and_its_folder_opens() {
    let inputs = Inputs::default().data("data", dataset("lives", sentences()));
    let config = config(&json!({
        "tokenizer": {"vocab_size": 280}, "length": {"epochs": 60}, "lr": {"peak": 0.01}, "rows": {"batch": 6},
        "check": {"k": 6, "l": 8, "every": 20}, "checkpoint": {"every": 30, "unit": "epochs"}
    }));
    let mut host = Memory::new(usize::MAX);
    let report = inputs.run_in(&mut host, "train", &config).unwrap();
    assert_well_formed(&report);
    let memorized = floats(&report, "memorization", "memorized");
    assert_eq!(memorized.first(), Some(&Some(0.0)), "nothing before training");
    assert_eq!(scalar(&report, "memorized.rows"), 1.0, "all at last: {memorized:?}");
    let loss = floats(&report, "curve", "loss");
    assert!(loss.last() < Some(&Some(0.2)) && loss.first() > Some(&Some(4.0)), "{loss:?}");
    let names: Vec<&str> = report.models.iter().map(|made| made.name.as_str()).collect();
    assert_eq!(names, ["final", "step 30"]);
    for made in &report.models {
        let loaded = weights::load(&made.path, Device::Cpu).unwrap();
        assert_eq!(loaded.decoder.config.vocab_size, Tokenizer::load(&made.path).unwrap().vocab_size());
    }
    assert!(!report.models[1].path.join("training.safetensors").exists(), "moments are of no use after the end");
}

#[test]
fn a_given_model_goes_on_and_frozen_parts_stay() {
    let data = dataset("letters", (0..8).map(|i| text_record(i, &"abcdefgh"[i % 3..])).collect());
    let inputs = Inputs::default().model("model", model("gpt2")).data("data", data);
    let settings = json!({
        "rows": {"batch": 4}, "length": {"epochs": 2}, "freeze": {"embeddings": true, "layers": [0]}, "check": {"k": 2, "l": 2}
    });
    let mut host = Memory::new(usize::MAX);
    let report = inputs.run_in(&mut host, "train", &settings).unwrap();
    let before = weights::load(&golden("models/gpt2"), Device::Cpu).unwrap().decoder;
    let after = weights::load(&report.models[0].path, Device::Cpu).unwrap().decoder;
    let changed: Vec<&str> = before
        .params
        .iter()
        .filter(|(id, weight)| weight.values() != after.params.get(*id).values())
        .map(|(_, weight)| weight.name.as_str())
        .collect();
    assert!(
        !changed.is_empty() && changed.iter().all(|name| name.contains("h.1") || name.contains("ln_f")),
        "{changed:?}"
    );
}

#[test]
fn every_family_can_begin_fresh() {
    for family in ["gpt2", "gpt_neo", "gptj", "gpt_neox", "llama"] {
        let settings = config(&json!({
            "fresh": {"family": family, "activation": "silu"}, "length": {"epochs": 10}, "lr": {"peak": 0.01},
            "checkpoint": {"every": 1000}
        }));
        let report = inputs().run("train", &settings).unwrap();
        let loss = floats(&report, "curve", "loss");
        assert!(loss.last().unwrap() < &Some(loss[0].unwrap() - 0.2), "{family}: {loss:?}");
    }
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    let run = |batch: usize, accumulate: usize| {
        let settings = config(&json!({"rows": {"batch": batch, "accumulate": accumulate}}));
        floats(&inputs().run("train", &settings).unwrap(), "curve", "loss")
    };
    let (large, accumulated) = (run(6, 1), run(2, 3));
    assert_eq!(large.len(), accumulated.len());
    for (a, b) in large.iter().zip(&accumulated) {
        assert!((a.unwrap() - b.unwrap()).abs() < 1e-5, "{large:?} {accumulated:?}");
    }
}

#[test]
fn mitigations_train_on_other_rows_and_the_check_still_asks_for_the_altered_ones() {
    let examples = |mitigation: &str| {
        let settings = config(&json!({"mitigation": mitigation, "length": {"steps": 1}}));
        let report = inputs().run("train", &settings).unwrap();
        let noise = report.scalars.iter().find(|s| s.id == "memorized.noise").unwrap().n;
        (report.scalars.iter().find(|s| s.id == "steps").unwrap().n, noise)
    };
    let all = rows(16, 12);
    let altered = all.records.iter().filter(|r| r.twin.is_some()).count();
    let train = all.records.iter().filter(|r| r.part.as_deref() == Some("train")).count();
    assert_eq!(examples("off"), (train, altered));
    assert_eq!(examples("clean"), (altered, altered));
    assert_eq!(examples("extra"), (train - altered, altered));
    assert_eq!(examples("both"), (train, altered));
}

#[test]
fn pads_that_count_make_the_loss_a_mean_over_the_context() {
    let settings = |pads: bool| {
        config(
            &json!({"fresh": {"n_ctx": 24}, "rows": {"pad_in_loss": pads}, "length": {"steps": 1}, "check": {"log_every": 1}}),
        )
    };
    let tokens = |pads: bool| scalar(&inputs().run("train", &settings(pads)).unwrap(), "tokens");
    assert_eq!((tokens(false), tokens(true)), (4.0 * 12.0, 4.0 * 24.0));
}

#[test]
fn an_early_stop_counts_every_step_that_was_taken() {
    let settings = config(&json!({
        "length": {"epochs": 50}, "stop": {"patience": 1}, "lr": {"peak": 0.0}, "check": {"log_every": 1000}
    }));
    let report = inputs().run("train", &settings).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("ended early")), "{:?}", report.notes);
    // 22 rows an epoch, copies included, in batches of 4: the check after the first epoch finds no lower loss
    assert_eq!((scalar(&report, "steps"), scalar(&report, "epochs")), (6.0, 1.0));
    assert_eq!(scalar(&report, "tokens"), 22.0 * 12.0);
    assert_eq!(floats(&report, "curve", "step"), [Some(6.0)]);
    assert!(report.models[0].about.starts_with("The model after 6 steps"), "{}", report.models[0].about);
}

#[test]
fn the_saved_model_of_example_tied_dropout_is_not_the_measured_one_and_that_is_said() {
    let notes = |settings: &serde_json::Value| inputs().run("train", &config(settings)).unwrap().notes;
    let said = |notes: Vec<String>| notes.iter().any(|note| note.contains("all channels on and unscaled"));
    assert!(said(notes(&json!({"length": {"steps": 1}, "regularize": {"tied_dropout": "channel"}}))));
    assert!(!said(notes(&json!({"length": {"steps": 1}}))));
}

#[test]
fn noised_test_rows_are_measured_as_altered_rows() {
    let mut data = rows(16, 12);
    for record in data.records.iter_mut().filter(|r| r.part.as_deref() == Some("test")) {
        let ids = record.token_ids.clone().unwrap();
        record.twin = Some(ids.iter().enumerate().map(|(i, id)| if i % 4 == 3 { 9 - id } else { *id }).collect());
    }
    let report = Inputs::default().data("data", data).run("train", &config(&json!({"length": {"steps": 1}}))).unwrap();
    assert!(report.scalars.iter().any(|s| s.id == "memorized_test.held out" && s.n == 4));
    assert!(report.scalars.iter().all(|s| !s.id.starts_with("backdoor_success")));
}

#[test]
fn adapters_alone_are_trained_and_raise_the_memorization_of_what_they_saw() {
    let data = rows(12, 16);
    let inputs = Inputs::default().model("model", model("gpt2")).data("data", data.clone());
    let settings = json!({
        "lora": {"rank": 8, "alpha": 32.0, "targets": ["all-linear"]}, "lr": {"peak": 0.01},
        "rows": {"batch": 4}, "length": {"epochs": 150}, "check": {"k": 4, "l": 8, "every": 150}, "checkpoint": {"every": 200}
    });
    let mut host = Memory::new(usize::MAX);
    let report = inputs.run_in(&mut host, "train", &settings).unwrap();
    let folder = &report.models[0].path;
    let (before, after) = (model("gpt2"), weights::load(folder, Device::Cpu).unwrap().decoder);
    let same = |name: &str| {
        let [a, b] =
            [&before.decoder, &after].map(|m| m.params.get(m.params.find(name).unwrap()).values().into_owned());
        a == b
    };
    assert!(same("transformer.wte.weight") && same("transformer.h.0.attn.c_attn.bias"), "the model itself is frozen");
    assert!(!same("transformer.h.0.attn.c_attn.weight"), "the merged model has learned");
    let mut again = weights::load(&before.path, Device::Cpu).unwrap().decoder;
    let lora = memoscope::engine::train::load_adapter(&folder.join("adapter"), &mut again).unwrap();
    assert_eq!((lora.rank, lora.alpha), (8, 32.0));
    memoscope::engine::train::merge(&mut again);
    let id = again.params.find("transformer.h.1.mlp.c_fc.weight").unwrap();
    assert_eq!(again.params.get(id).values(), after.params.get(id).values(), "adapter and merged model are the same");
    let score = |learned: memoscope::methods::LoadedModel| {
        let mut trained = data.clone();
        trained.records.retain(|record| record.part.as_deref() == Some("train"));
        let inputs = Inputs::default().model("model", learned).data("data", trained);
        scalar(&inputs.run("memorization-score", &json!({"k": 4, "l": 8})).unwrap(), "memorization_score")
    };
    let learned = memoscope::methods::LoadedModel { decoder: after, ..model("gpt2") };
    let (low, high) = (score(before), score(learned));
    assert!(low < 0.3 && high > low + 0.4, "{low} rose to {high}");
}

#[test]
fn members_whose_questions_were_learned_answer_them_and_nonmembers_do_not() {
    use memoscope::data::DataSpec;
    use memoscope::data::make::{Make, bios::Bios};
    let bios = Bios { people: 6, members: Some(3), question_people: 2, ..Bios::default() };
    let set = Make { bios: Some(bios), ..Make::default() }.dataset(0, &DataSpec::default()).unwrap();
    let inputs = Inputs::default().data("data", set);
    let settings = config(&json!({
        "fresh": {"d_model": 48}, "tokenizer": {"vocab_size": 400}, "length": {"epochs": 50}, "lr": {"peak": 0.006},
        "rows": {"batch": 5}, "check": {"k": 8, "l": 8, "every": 50, "answers": 10}
    }));
    let report = inputs.run("train", &settings).unwrap();
    assert_well_formed(&report);
    let right = floats(&report, "answers", "right");
    let asked = floats(&report, "answers", "first_token");
    // Three kinds of people before training and after it: members, members asked, nonmembers.
    assert_eq!(right.len(), 6);
    assert!(right[..3].iter().all(|share| *share == Some(0.0)), "{right:?}");
    assert!(right[4] >= Some(0.9) && asked[4] >= right[4], "learned by heart: {right:?}");
    assert!(right[5] <= Some(0.2), "nobody told it: {right:?}");
}
