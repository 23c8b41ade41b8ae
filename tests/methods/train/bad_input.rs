//! What cannot be trained on, and trainings that fail.

use memoscope::data::Record;
use serde_json::{Value, json};

use super::super::{Inputs, Memory, dataset, model};
use super::{config, inputs, rows};

fn refusal(inputs: &Inputs, settings: &Value) -> String {
    inputs.run("train", settings).err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn a_loss_that_is_not_finite_names_step_rows_and_layer() {
    let settings =
        config(&json!({"lr": {"peak": 100.0}, "optimizer": {"rule": "sgd", "clip": 0.0}, "length": {"epochs": 40}}));
    let mut host = Memory::new(usize::MAX);
    let error = inputs().run_in(&mut host, "train", &settings).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("step ") && text.contains("is not") && text.contains("finite"), "{text}");
    assert!(text.contains("rows ") && text.contains("lower lr.peak"), "{text}");
    let mut broken = model("gpt2");
    broken.path = host.path().join("broken");
    let loaded = memoscope::engine::weights::load(&super::super::golden("models/gpt2"), memoscope::engine::Device::Cpu);
    let mut decoder = loaded.unwrap().decoder;
    let gain = decoder.blocks[1].norm1.gain;
    decoder.params.get_mut(gain).values_mut()[0] = f32::NAN;
    let description = memoscope::engine::weights::read_json(&super::super::golden("models/gpt2/config.json")).unwrap();
    memoscope::engine::weights::save(&broken.path, &decoder, &description, None).unwrap();
    let inputs = Inputs::default().model("model", broken).data("data", rows(4, 8));
    let settings = json!({"rows": {"batch": 2}, "check": {"quality": false, "memorization": false}});
    let text = refusal(&inputs, &settings);
    assert!(
        text.starts_with("step 1: the loss is not a finite number: rows ") && text.contains("in layer 1"),
        "{text}"
    );
}

#[test]
fn rows_that_do_not_fit_are_refused_with_a_remedy() {
    let long = Inputs::default().data("data", rows(4, 12));
    let settings = config(&json!({"fresh": {"n_ctx": 8}, "rows": {"long": "refuse"}}));
    let text = refusal(&long, &settings);
    assert!(text.contains("row 1 has 12 tokens; the context of the fresh model is 8"), "{text}");
    let empty = Inputs::default().data("data", dataset("empty", vec![Record::default()]));
    assert!(refusal(&empty, &config(&json!({}))).contains("neither text nor a token id"));
    let foreign = Record { token_ids: Some(vec![1, 4000]), ..Record::default() };
    let foreign = Inputs::default().model("model", model("gpt2")).data("data", dataset("foreign", vec![foreign]));
    let text = refusal(&foreign, &json!({}));
    assert!(text.contains("row 1: token id 4000 exceeds the vocabulary of gpt2"), "{text}");
}

#[test]
fn options_that_need_more_than_there_is_say_so() {
    let untested = Inputs::default().data("data", {
        let mut set = rows(8, 12);
        set.records.retain(|record| record.part.as_deref() == Some("train"));
        set
    });
    assert!(refusal(&untested, &config(&json!({"stop": {"patience": 1}}))).contains("there are no test rows"));
    assert!(refusal(&inputs(), &config(&json!({"freeze": {"layers": [7]}}))).contains("the blocks 0 to 1"));
    let given = Inputs::default().model("model", model("gpt2")).data("data", rows(8, 12));
    let text = refusal(&given, &json!({"optimizer": {"continue_moments": true}}));
    assert!(text.contains("checkpoint.final_moments"), "{text}");
}
