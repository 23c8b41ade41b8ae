//! Directions as files: `directions.safetensors` holds `x/<parameter>` and `y/<parameter>`, `directions.json` beside it
//! says how they were made.

use std::path::Path;

use serde_json::{Value, json};

use super::config::Config;
use super::directions::Directions;
use super::normalize::Numbers;
use crate::engine::Real;
use crate::engine::weights::{Numbers as Stored, TensorFile, replace_json, write_numbers};
use crate::error::{Error, Result};
use crate::methods::{Context, LoadedModel};

/// Name of the file in the folder of the step.
pub(super) const FILE: &str = "directions.safetensors";

/// Keeps the directions of a run.
pub(super) fn write(config: &Config, cx: &mut Context<'_>, model: &LoadedModel, found: &Directions) -> Result<()> {
    let path = cx.host.folder()?.join(FILE);
    let both = [("x", Some(&found.x)), ("y", found.y.as_ref())];
    let mut tensors = Vec::new();
    for (axis, direction) in both.iter().filter_map(|(axis, d)| Some((axis, (*d)?))) {
        for ((_, weight), values) in model.decoder.params.iter().zip(direction) {
            tensors.push((format!("{axis}/{}", weight.name), weight.shape.clone(), Stored::F32(values)));
        }
    }
    write_numbers(&path, &tensors)?;
    // last, so that what is described is there
    replace_json(&path.with_extension("json"), &about(config, cx, model, found))
}

fn about(config: &Config, cx: &Context<'_>, model: &LoadedModel, found: &Directions) -> Value {
    let data: Vec<Value> =
        cx.datasets("data").iter().map(|set| json!({"name": set.name, "sha256": set.hash})).collect();
    json!({
        "schema": 1,
        "program": env!("CARGO_PKG_VERSION"),
        "span": config.span,
        "normalize": config.scaling(),
        "ignore_vectors": config.ignore_vectors,
        "orthogonal": config.orthogonal,
        "compat": config.compat,
        "seed": cx.seed,
        "model": model.name,
        "model_crc32": fingerprint(model),
        "data": data,
        "labels": found.labels,
        "loss": config.mean,
    })
}

/// A checksum of the numbers of a model, as they are stored.
fn fingerprint(model: &LoadedModel) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (_, weight) in model.decoder.params.iter() {
        hasher.update(&weight.bytes());
    }
    hasher.finalize()
}

/// The directions of another run.
pub(super) fn read(config: &Config, model: &LoadedModel) -> Result<Directions> {
    let path = Path::new(config.directions.as_deref().unwrap_or_default());
    let file = TensorFile::open(path)?;
    let known = model.decoder.params.iter().map(|(_, w)| &w.name);
    let known: std::collections::BTreeSet<&String> = known.collect();
    let stranger = file.entries().iter().map(|e| e.name.as_str()).find(|name| {
        let own = name.strip_prefix("x/").or_else(|| name.strip_prefix("y/"));
        own.is_none_or(|own| !known.contains(&own.to_owned()))
    });
    if let Some(name) = stranger {
        return Err(mismatch(&model.name, &format!("the model has no parameter for `{name}`"), path));
    }
    let x = direction(&file, "x", model)?.ok_or_else(|| {
        Error::data("the file holds no direction `x`").hint("use directions.safetensors of a run").at(path)
    })?;
    let y = direction(&file, "y", model)?;
    if config.axes == 2 && y.is_none() {
        return Err(Error::data("the file holds one direction, and a plane needs two").hint("set axes to 1").at(path));
    }
    Ok(Directions {
        x,
        y,
        labels: ["saved direction 1".to_owned(), "saved direction 2".to_owned()],
        ranges: [[-0.5, 0.5]; 2],
        ..Directions::default()
    })
}

/// One direction; parameters that the file does not name stay where they are.
fn direction(file: &TensorFile, axis: &str, model: &LoadedModel) -> Result<Option<Numbers>> {
    let mut present = false;
    let mut numbers = Numbers::new();
    for (_, weight) in model.decoder.params.iter() {
        let Some(entry) = file.find(&format!("{axis}/{}", weight.name)) else {
            numbers.push(vec![0.0; weight.len()]);
            continue;
        };
        if entry.shape != weight.shape {
            let what = format!("{} is {:?} in the model and {:?} in the file", weight.name, weight.shape, entry.shape);
            return Err(mismatch(&model.name, &what, file.path()));
        }
        let values = file.numbers(entry).ok_or_else(|| {
            Error::data(format!("{}: numbers of the type {:?} are no direction", entry.name, entry.kind))
                .at(file.path())
        })?;
        if values.iter().any(|v| !v.is_finite()) {
            return Err(Error::data(format!("{} holds numbers that are not finite", entry.name)).at(file.path()));
        }
        present = true;
        numbers.push(values.into_iter().map(|v| v as Real).collect());
    }
    Ok(present.then_some(numbers))
}

fn mismatch(model: &str, what: &str, path: &Path) -> Error {
    Error::data(format!("the directions do not belong to {model}: {what}"))
        .hint("use directions of a model of the same shape")
        .at(path)
}
