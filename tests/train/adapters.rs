//! LoRA against peft: adapters it wrote are read, give its logits and gradients, and are written as it writes them.

use std::fs;
use std::path::{Path, PathBuf};

use memoscope::engine::loss::{logits, loss_gradient};
use memoscope::engine::model::{Keep, Orientation};
use memoscope::engine::sinks::SumGrads;
use memoscope::engine::train::{Lora, Optimizer, Rule, detach, load_adapter, merge, save_adapter};
use memoscope::engine::weights::TensorFile;
use memoscope::engine::{Batch, Decoder, Device, NoTap, weights};
use serde_json::{Value, json};

use super::steps::batch;
use crate::models::build::golden;

const CASES: [&str; 3] = ["gpt2", "gpt_neox", "llama"];

fn adapter(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/training/adapters").join(name)
}

fn base(name: &str) -> Decoder {
    weights::load(&golden(name), Device::Cpu).unwrap().decoder
}

fn all_logits(model: &Decoder, batch: &Batch) -> Vec<f64> {
    let y = logits(model, batch, &mut NoTap).unwrap();
    y.to_host().unwrap().iter().map(|x| f64::from(*x)).collect()
}

fn assert_close(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let error = got.iter().zip(want).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let norm = want.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert!(norm > 0.0 && error <= tolerance * norm, "{what}: off by {error} of {norm}");
}

#[test]
fn adapters_of_peft_give_its_logits_and_gradients() {
    for name in CASES {
        let (mut model, batch) = (base(name), batch(name));
        let plain = all_logits(&model, &batch);
        load_adapter(&adapter(name), &mut model).unwrap();
        let reference = TensorFile::open(&adapter(name).join("reference.safetensors")).unwrap();
        let want = |key: &str| reference.numbers(reference.find(key).unwrap()).unwrap();
        assert_close(&all_logits(&model, &batch), &want("logits"), 1e-5, name);

        let adapters = model.adapters.clone();
        let mut sink = SumGrads::new(&model, &|id| adapters.holds(id)).unwrap();
        loss_gradient(&model, &batch, &mut sink, &mut NoTap, Keep::Residuals).unwrap();
        let gradients = sink.into_gradients();
        assert_eq!(gradients.len(), reference.entries().len() - 1, "{name}");
        for (id, gradient) in &gradients {
            let key = &model.params.get(*id).name;
            let got: Vec<f64> = gradient.value().iter().map(|x| f64::from(*x)).collect();
            assert_close(&got, &want(&format!("grad/{key}")), 1e-4, &format!("{name} {key}"));
        }

        let adapted = all_logits(&model, &batch);
        let mut removed = base(name);
        load_adapter(&adapter(name), &mut removed).unwrap();
        detach(&mut removed);
        assert_eq!(all_logits(&removed, &batch), plain, "{name}");
        merge(&mut model);
        assert!(model.adapters.is_empty() && model.params.len() == base(name).params.len());
        assert_close(&all_logits(&model, &batch), &adapted, 1e-5, &format!("{name} merged"));
    }
}

#[test]
fn adapters_are_written_as_peft_writes_them() {
    let scratch = tempfile::tempdir().unwrap();
    for name in CASES {
        let mut model = base(name);
        let lora = load_adapter(&adapter(name), &mut model).unwrap();
        let dir = scratch.path().join(name);
        save_adapter(&dir, &model, &lora, "tests/golden/models").unwrap();
        let open = |dir: &Path| TensorFile::open(&dir.join("adapter_model.safetensors")).unwrap();
        let (ours, theirs) = (open(&dir), open(&adapter(name)));
        assert_eq!(ours.entries().len(), theirs.entries().len());
        for (a, b) in ours.entries().iter().zip(theirs.entries()) {
            assert_eq!((&a.name, &a.shape, a.kind), (&b.name, &b.shape, b.kind), "{name}");
            assert_eq!(ours.bytes(a), theirs.bytes(b), "{name} {}", a.name);
        }
        let config = |dir: &Path| -> Value {
            serde_json::from_slice(&fs::read(dir.join("adapter_config.json")).unwrap()).unwrap()
        };
        let (ours, theirs) = (config(&dir), config(&adapter(name)));
        for key in ["peft_type", "task_type", "r", "target_modules", "bias", "fan_in_fan_out"] {
            assert_eq!(ours[key], theirs[key], "{name} {key}");
        }
        let scale = |c: &Value| {
            let root = if c["use_rslora"] == true { 0.5 } else { 1.0 };
            c["lora_alpha"].as_f64().unwrap() / c["r"].as_f64().unwrap().powf(root)
        };
        assert!((scale(&ours) - scale(&theirs)).abs() < 1e-12, "{name}");
        let mut again = base(name);
        assert_eq!(load_adapter(&dir, &mut again).unwrap(), lora);
        assert_eq!(all_logits(&again, &batch(name)), all_logits(&model, &batch(name)), "{name}");
    }
}

/// What the study's target names hit: in GPT-2 both projections that are called `c_proj`, in GPT-NeoX not
/// `dense_h_to_4h`.
#[test]
fn targets_hit_whole_names() {
    for (name, per_block) in [("gpt2", 3), ("gpt_neox", 2), ("llama", 4), ("gptj", 4), ("gpt_neo", 4)] {
        let mut model = base(name);
        let targets = Lora::targets_of(model.config.family).iter().map(|t| (*t).to_owned()).collect();
        let lora = Lora { rank: 2, alpha: 4.0, dropout: 0.0, targets };
        let before = all_logits(&model, &batch(name));
        let ids = lora.attach(&mut model, 1).unwrap();
        assert_eq!(ids.len(), 2 * per_block * model.config.n_layer, "{name}");
        assert_eq!(all_logits(&model, &batch(name)), before, "{name}: B is zero");
        for (weight, adapter) in model.adapters.iter() {
            let [w, a, b] = [weight, adapter.a, adapter.b].map(|id| model.params.get(id));
            assert_eq!((&a.shape[..], &b.shape[..]), (&[2, w.d_in()][..], &[w.d_out(), 2][..]), "{name}");
            assert_eq!(b.orientation, Orientation::InOut);
            let bound = 1.0 / (w.d_in() as f32).sqrt();
            let largest = a.values().iter().fold(0.0, |m: f32, x| m.max(x.abs()));
            assert!(largest <= bound && largest > 0.7 * bound, "{name}: {largest} of {bound}");
        }
        assert!(lora.attach(&mut model, 1).unwrap_err().to_string().contains("already"));
        let all = Lora { targets: vec!["all-linear".to_owned()], ..lora };
        detach(&mut model);
        let in_block = if name == "gpt2" || name == "gpt_neox" {
            4
        } else if name == "llama" {
            7
        } else {
            6
        };
        assert_eq!(all.attach(&mut model, 1).unwrap().len(), 2 * in_block * model.config.n_layer, "{name}");
    }
}

#[test]
fn training_moves_the_adapter_alone() {
    let (mut model, batch) = (base("llama"), batch("llama"));
    let targets = vec!["q_proj".to_owned(), "down_proj".to_owned()];
    let lora = Lora { rank: 4, alpha: 16.0, dropout: 0.1, targets };
    let n_base = model.params.len();
    let ids = lora.attach(&mut model, 3).unwrap();
    let mut optimizer = Optimizer::new(Rule::adam_w(0.0), &model, &|id| ids.contains(&id)).unwrap();
    let mut losses = Vec::new();
    for step in 0..30 {
        model.adapters.set_noise(Some(memoscope::engine::rng::Stream::new(7, "dropout").item(step)));
        let mut sink = SumGrads::new(&model, &|id| ids.contains(&id)).unwrap();
        losses.push(loss_gradient(&model, &batch, &mut sink, &mut NoTap, Keep::All).unwrap().total);
        let gradients = sink.into_gradients();
        assert!(gradients.iter().all(|(id, _)| ids.contains(id)) && gradients.len() == ids.len());
        optimizer.step(&mut model, &gradients, 0.02).unwrap();
    }
    assert!(losses[29] < 0.6 * losses[0], "{losses:?}");
    for ((_, ours), (_, theirs)) in model.params.iter().zip(base("llama").params.iter()).take(n_base) {
        assert_eq!(ours.values(), theirs.values(), "{} is frozen", ours.name);
    }
    model.adapters.set_noise(None);
    assert_eq!(all_logits(&model, &batch), all_logits(&model, &batch), "nothing drops out of an evaluation");
    let scratch = tempfile::tempdir().unwrap();
    let refused = weights::save(&scratch.path().join("whole"), &model, &json!({}), None).unwrap_err().to_string();
    assert!(refused.contains("must be merged first"), "{refused}");
}

#[test]
fn adapters_that_do_not_fit_are_refused_and_leave_the_model_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("adapter");
    let mut model = base("gpt2");
    let before = all_logits(&model, &batch("gpt2"));
    let changed = |change: &dyn Fn(&mut Value)| {
        fs::create_dir_all(&dir).unwrap();
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            fs::copy(adapter("gpt2").join(file), dir.join(file)).unwrap();
        }
        let path = dir.join("adapter_config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(path, config.to_string()).unwrap();
    };
    let mut refuses = |change: &dyn Fn(&mut Value), said: &str| {
        changed(change);
        let error = load_adapter(&dir, &mut model).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("hint: "), "{error}");
        assert!(model.adapters.is_empty());
    };
    refuses(&|c| c["peft_type"] = json!("IA3"), "of type \"IA3\"");
    refuses(&|c| c["bias"] = json!("all"), "changes biases");
    refuses(&|c| c["use_dora"] = json!(true), "uses use_dora");
    refuses(&|c| c["rank_pattern"] = json!({"c_attn": 5}), "uses rank_pattern");
    refuses(&|c| c["r"] = json!(5), "must be [5, 16]");
    refuses(&|c| c["r"] = json!("many"), "r is \"many\"");
    assert_eq!(all_logits(&model, &batch("gpt2")), before);
    let mut other = base("llama");
    let error = load_adapter(&adapter("gpt2"), &mut other).unwrap_err().to_string();
    assert!(error.contains("no linear map for") && error.contains("another model"), "{error}");
    let lora = |targets: &str, rank| Lora { rank, alpha: 1.0, dropout: 0.0, targets: vec![targets.to_owned()] };
    let error = lora("lm_head", 1).attach(&mut other, 0).unwrap_err().to_string();
    assert!(error.contains("\"lm_head\"") && error.contains("down_proj, gate_proj"), "{error}");
    assert!(lora("q_proj", 0).attach(&mut other, 0).is_err());
}
