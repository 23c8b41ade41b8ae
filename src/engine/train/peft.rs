//! Adapters as folders that peft reads and writes: adapter_config.json and adapter_model.safetensors.
//!
//! Tensors are called `base_model.model.MODULE.lora_A.weight` (rank, in) and `….lora_B.weight` (out, rank), also where
//! the matrix itself lies as (in, out). Source: peft 0.21, `utils/save_and_load.py`.

use std::path::Path;

use serde_json::{Value, json};

use super::lora::{Lora, Module, detach, insert, modules};
use crate::error::{Error, Result};
use crate::model::{Decoder, Family};
use crate::tensor::Real;
use crate::weights::{TensorFile, read_json, write_json, write_tensors};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// Saves the adapter of a model as the folder `dir`, which is made if it is not there. `base` is where the model came
/// from: a folder or a hub id.
///
/// # Errors
/// `Bug` when there is no adapter, `Data` when the disk is full or a file cannot be written.
pub fn save_adapter(dir: &Path, model: &Decoder, lora: &Lora, base: &str) -> Result<()> {
    if model.adapters.is_empty() {
        return Err(Error::bug("an adapter is to be saved but the model has none"));
    }
    let parts = model.adapters.iter().flat_map(|(_, adapter)| [adapter.a, adapter.b]);
    write_tensors(&dir.join(WEIGHTS), parts.map(|id| model.params.get(id)))?;
    let config = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "inference_mode": true,
        "r": lora.rank, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout, "target_modules": lora.targets,
        "bias": "none", "fan_in_fan_out": model.config.family == Family::Gpt2, "init_lora_weights": true,
        "use_rslora": false, "use_dora": false, "modules_to_save": null, "rank_pattern": {}, "alpha_pattern": {}
    });
    write_json(&dir.join(CONFIG), &config)
}

/// Adds the adapter in the folder `dir` to a model without one.
///
/// # Errors
/// `Data` when a file is missing or damaged, the adapter is of a kind that is not read, or it belongs to another model;
/// the model is as it was then.
pub fn load_adapter(dir: &Path, model: &mut Decoder) -> Result<Lora> {
    if !model.adapters.is_empty() {
        return Err(Error::config("the model has an adapter already").hint("merge it first"));
    }
    let path = dir.join(CONFIG);
    let config = read_json(&path)?;
    let lora = read_config(&config, model).map_err(|e| e.at(&path))?;
    let file = TensorFile::open(&dir.join(WEIGHTS))?;
    let done = attach_all(&file, model, &lora).map_err(|e| e.at(file.path()));
    if done.is_err() {
        detach(model);
    }
    done.map(|()| lora)
}

/// The fields of adapter_config.json that are understood; others must say nothing.
fn read_config(config: &Value, model: &Decoder) -> Result<Lora> {
    let refuse = |what: String| Err(Error::data(what).hint("merge the adapter with peft and load the merged model"));
    let says = |key: &str| config.get(key).filter(|value| !is_nothing(value));
    if config.get("peft_type").and_then(Value::as_str) != Some("LORA") {
        return refuse(format!("the adapter is of type {}, not LORA", config["peft_type"]));
    }
    if config.get("bias").and_then(Value::as_str).is_some_and(|bias| bias != "none") {
        return refuse(format!("the adapter changes biases (bias is {})", config["bias"]));
    }
    const OTHERS: [&str; 7] = [
        "use_dora",
        "modules_to_save",
        "rank_pattern",
        "alpha_pattern",
        "lora_bias",
        "target_parameters",
        "use_qalora",
    ];
    if let Some(key) = OTHERS.into_iter().find(|key| says(key).is_some()) {
        return refuse(format!("the adapter uses {key}, which is not supported"));
    }
    let wrong = |key: &str| Error::data(format!("{key} is {} in {CONFIG}", config[key])).hint("save the adapter again");
    let rank = config["r"].as_u64().filter(|r| (1..=1 << 20).contains(r)).ok_or_else(|| wrong("r"))?;
    let alpha = config["lora_alpha"].as_f64().filter(|x| x.is_finite()).ok_or_else(|| wrong("lora_alpha"))?;
    let dropout = config["lora_dropout"].as_f64().unwrap_or(0.0);
    if !(0.0..1.0).contains(&dropout) {
        return Err(wrong("lora_dropout"));
    }
    // there ΔW is alpha/√rank·B·A, which is our rule with another alpha
    let is_root = config.get("use_rslora") == Some(&Value::Bool(true));
    let alpha = if is_root { alpha * (rank as f64).sqrt() } else { alpha };
    let targets = match &config["target_modules"] {
        Value::Array(names) => names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
        Value::String(pattern) => vec![pattern.clone()],
        _ => Lora::targets_of(model.config.family).iter().map(|name| (*name).to_owned()).collect(),
    };
    Ok(Lora { rank: rank as usize, alpha, dropout, targets })
}

/// Whether a field is as good as absent.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(said) => !said,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Adds A and B of every module that the file has; what is left over is an error.
fn attach_all(file: &TensorFile, model: &mut Decoder, lora: &Lora) -> Result<()> {
    let (mut used, scale) = (0, lora.alpha / lora.rank as f64);
    for module in modules(model) {
        let name = |part: &str| format!("base_model.model.{}.lora_{part}.weight", module.path);
        let (names, shapes) = ([name("A"), name("B")], [[lora.rank, module.d_in], [module.d_out, lora.rank]]);
        if names.iter().all(|name| file.find(name).is_none()) {
            continue;
        }
        let [a, b] = [0, 1].map(|i| numbers(file, &names[i], shapes[i]));
        insert(model, &module, [a?, b?], lora.rank, (scale, lora.dropout))?;
        used += 2;
    }
    let known = |name: &str| modules(model).iter().any(|m: &Module| name.contains(&format!(".{}.lora_", m.path)));
    match file.entries().iter().find(|entry| !known(&entry.name)) {
        Some(entry) => Err(Error::data(format!("the model has no linear map for \"{}\"", entry.name))
            .hint("the adapter belongs to another model, or adapts embeddings or the head, which is not supported")),
        None if used == 0 || used < file.entries().len() => {
            Err(Error::data("the adapter has no pairs of lora_A and lora_B").hint("save the adapter again with peft"))
        }
        None => Ok(()),
    }
}

fn numbers(file: &TensorFile, name: &str, shape: [usize; 2]) -> Result<Vec<Real>> {
    let entry = file.find(name).ok_or_else(|| {
        Error::data(format!("the adapter lacks \"{name}\"")).hint("save or download the adapter again")
    })?;
    let values = file.numbers(entry).filter(|_| entry.shape == shape).ok_or_else(|| {
        Error::data(format!("\"{name}\" is {:?} of {} but must be {shape:?}", entry.shape, entry.kind))
            .hint("the adapter belongs to another model")
    })?;
    Ok(values.into_iter().map(|x| x as Real).collect())
}
