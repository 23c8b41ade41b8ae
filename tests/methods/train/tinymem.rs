//! TinyMem in small: noise is memorized, and fine-tuning on cleaned data takes it away.

use memoscope::data::make::Make;
use memoscope::data::make::tinymem::TinyMem;
use memoscope::data::{Compat, DataSpec};
use memoscope::engine::{Device, weights};
use memoscope::methods::LoadedModel;
use serde_json::{Value, json};

use super::super::{Inputs, Memory, floats, scalar};
use super::merge;

/// Sizes that were measured with PyTorch: after 60 epochs all rows by the trained prefix, 0.64 by the clean one,
/// accuracy 0.953; five epochs on clean and other rows bring both to at most 0.1.
fn settings(changes: &Value) -> Value {
    let mut settings = json!({
        "fresh": {"n_layer": 2, "n_head": 4, "d_model": 64, "n_ctx": 64}, "rows": {"batch": 32},
        "optimizer": {"beta2": 0.98, "weight_decay": 0.1, "clip": 0.0}, "length": {"epochs": 60},
        "check": {"k": 16, "l": 16, "every": 30}, "checkpoint": {"every": 1000, "final_moments": true},
        "compat": "paper"
    });
    merge(&mut settings, changes);
    settings
}

#[test]
fn noise_is_memorized_and_fine_tuning_takes_it_away() {
    let options = TinyMem {
        rows: Some(600),
        n_test: 100,
        n_noise: 50,
        length: 8,
        max_ctx: 64,
        extra_constants: Vec::new(),
        compat: Compat::Paper,
        ..TinyMem::default()
    };
    let made = Make { tinymem: Some(options), ..Make::default() }.dataset(0, &DataSpec::default()).unwrap();
    let tokenizer = made.tokenizer.as_deref().cloned();
    let mut host = Memory::new(usize::MAX);
    let trained =
        Inputs::default().data("data", made.clone()).run_in(&mut host, "train", &settings(&json!({}))).unwrap();
    let counted = trained.scalars.iter().find(|s| s.id == "memorized.noise").unwrap().n;
    assert_eq!(counted, 22, "rows with noise among tokens 16 to 31");
    assert_eq!(floats(&trained, "memorization", "same_prefix")[0], Some(9.0));
    let of = |report, id: &str| scalar(report, id);
    assert!(of(&trained, "memorized.noise") >= 0.8, "{}", of(&trained, "memorized.noise"));
    let clean = of(&trained, "memorized_clean_prefix.noise");
    assert!((0.2..0.9).contains(&clean), "the clean prefix asks for what was never seen: {clean}");
    assert!(floats(&trained, "tests", "batch_accuracy").last() > Some(&Some(0.93)));
    let path = trained.models[0].path.clone();
    let decoder = weights::load(&path, Device::Cpu).unwrap().decoder;
    let model = LoadedModel { name: "trained".to_owned(), path, decoder, tokenizer };
    let inputs = Inputs::default().model("model", model).data("data", made);
    let changes = json!({
        "mitigation": "both", "length": {"epochs": 5}, "check": {"every": 5}, "optimizer": {"continue_moments": true}
    });
    let tuned = inputs.run("train", &settings(&changes)).unwrap();
    let left = of(&tuned, "memorized_clean_prefix.noise");
    assert!(left <= 0.1 && of(&tuned, "clean_continuation.noise") > 0.6, "{left}");
}
