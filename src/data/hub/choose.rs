//! Which files of a repository are fetched.

use super::Kind;
use super::fetch::Wanted;
use crate::error::{Error, Result};

/// Configuration and tokenizer files of a model.
const MODEL_FILES: [&str; 9] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "model.safetensors.index.json",
];

/// Endings of weights that are pickles.
const PICKLES: [&str; 3] = [".bin", ".pt", ".pth"];

/// Endings of data files that can be read.
const DATA_ENDINGS: [&str; 6] = [".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet"];

/// The wanted files among `all`.
pub(super) fn choose(wanted: &Wanted<'_>, all: &[String]) -> Result<Vec<String>> {
    match wanted.kind {
        Kind::Model => model(wanted.id, all),
        Kind::Dataset => dataset(wanted, all),
    }
}

fn model(id: &str, all: &[String]) -> Result<Vec<String>> {
    if !all.iter().any(|name| name == "config.json") {
        return Err(Error::data(format!("`{id}` has no config.json")).hint("choose a repository with a whole model"));
    }
    let at_root: Vec<&String> =
        all.iter().filter(|name| name.ends_with(".safetensors") && !name.contains('/')).collect();
    let is_sharded = all.iter().any(|name| name == "model.safetensors.index.json");
    let has_whole = at_root.iter().any(|name| *name == "model.safetensors");
    let is_weight = |name: &str| {
        if is_sharded {
            name.starts_with("model-")
        } else if has_whole {
            name == "model.safetensors"
        } else {
            !name.starts_with("adapter") && !name.starts_with("consolidated")
        }
    };
    let weights: Vec<String> = at_root.into_iter().filter(|name| is_weight(name)).cloned().collect();
    if weights.is_empty() {
        let pickled = all.iter().find(|name| PICKLES.iter().any(|ending| name.ends_with(ending)));
        let message = format!("`{id}` has no safetensors weights");
        return Err(match pickled {
            Some(name) => Error::data(format!("{message}, only {name}")).hint(
                "that is a pickle, which runs code when opened and is never read; convert it with transformers: \
                 AutoModelForCausalLM.from_pretrained(ID).save_pretrained(FOLDER)",
            ),
            None => Error::data(message).hint("choose a repository or revision that holds them"),
        });
    }
    let small = all.iter().filter(|name| MODEL_FILES.contains(&name.as_str())).cloned();
    Ok(small.chain(weights).collect())
}

fn dataset(wanted: &Wanted<'_>, all: &[String]) -> Result<Vec<String>> {
    let is_data = |name: &&String| {
        DATA_ENDINGS.iter().any(|ending| name.ends_with(ending)) && !name.ends_with("dataset_infos.json")
    };
    let data: Vec<String> = all.iter().filter(is_data).cloned().collect();
    let id = wanted.id;
    if wanted.files.is_empty() {
        return match data.len() {
            1 => Ok(data),
            0 => Err(Error::data(format!("`{id}` has no data file that can be read: {}", list(all)))
                .hint(format!("files that can be read end in {}", DATA_ENDINGS.join(", ")))),
            n => Err(Error::config(format!("`{id}` has {n} data files; name the one to use"))
                .hint(format!("there are {}", list(&data)))),
        };
    }
    let mut chosen = Vec::new();
    for pattern in wanted.files {
        let before = chosen.len();
        chosen.extend(all.iter().filter(|name| matches(pattern, name)).cloned());
        if chosen.len() == before {
            return Err(Error::config(format!("`{id}` has no file `{pattern}`"))
                .hint(format!("there are {}", list(if data.is_empty() { all } else { &data }))));
        }
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

fn list(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
    let rest = names.len().saturating_sub(shown.len());
    match (shown.is_empty(), rest) {
        (true, _) => "none".to_owned(),
        (_, 0) => shown.join(", "),
        (_, rest) => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// Whether `name` fits `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn stars_stand_for_any_text() {
        assert!(matches("data/train-*.parquet", "data/train-00000-of-00002.parquet"));
        assert!(matches("*", "a"));
        assert!(matches("a*b*c", "aXbYbc"));
        assert!(!matches("a*b*c", "acb"));
        assert!(!matches("train", "train.jsonl"));
    }

    #[test]
    fn a_model_is_configuration_tokenizer_and_one_set_of_weights() {
        let all = names(&["README.md", "config.json", "tokenizer.json", "pytorch_model.bin", "model.safetensors"]);
        assert_eq!(model("m", &all).unwrap(), ["config.json", "tokenizer.json", "model.safetensors"]);
        let sharded = names(&[
            "config.json",
            "consolidated.safetensors",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "onnx/model.safetensors",
        ]);
        assert_eq!(model("m", &sharded).unwrap().len(), 4);
        let error = model("m", &names(&["config.json", "pytorch_model.bin"])).unwrap_err().to_string();
        assert!(error.contains("pickle"), "{error}");
    }
}
