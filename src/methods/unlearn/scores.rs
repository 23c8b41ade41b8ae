//! Scores of weights or neurons: what a localization says, before anything is removed.
//!
//! A score map is computed once and cut at any ratio. Larger = removed first. Files: `scores.safetensors` (one f32
//! tensor for every scored parameter, or one of F numbers a layer) and `scores.json` (what they are).

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::engine::weights::{Numbers, TensorFile, read_json, replace_json, write_numbers};
use crate::error::{Error, Result};

/// What is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Single weights of feed-forward blocks.
    Weight,
    /// Hidden units of feed-forward blocks: one number for each unit of a layer.
    Neuron,
}

/// Among what the highest scores are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// In each tensor (of neurons: in each layer) on its own.
    #[default]
    PerTensor,
    /// In all tensors together.
    Global,
}

/// Scores of one tensor or layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Name of the parameter, or `layer.N` for neurons.
    pub name: String,
    /// Shape of the parameter on disk, or (F).
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

/// Where scores come from: two maps with the same origin are the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The technique.
    pub technique: String,
    /// Its settings, as JSON.
    pub settings: serde_json::Value,
    /// Seed of the experiment.
    pub seed: u64,
    /// Fingerprint of the model that was scored.
    pub base: String,
    /// Fingerprint of the texts that were used.
    pub texts: String,
}

/// The scores of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreMap {
    /// What is scored.
    pub kind: Kind,
    /// How they are cut.
    pub rule: Rule,
    /// By tensor or layer, in the order of the model.
    pub tensors: Vec<Scored>,
    /// Where they come from.
    pub origin: Origin,
}

const TENSORS: &str = "scores.safetensors";
const ABOUT: &str = "scores.json";

impl ScoreMap {
    /// Refuses scores that are not numbers: torch would take them for the largest.
    ///
    /// # Errors
    /// Names the first tensor with such a score, and how many there are.
    pub fn check(&self) -> Result<()> {
        let bad = |t: &Scored| t.values.iter().filter(|x| x.is_nan()).count();
        let Some(first) = self.tensors.iter().find(|t| bad(t) > 0) else { return Ok(()) };
        let total: usize = self.tensors.iter().map(bad).sum();
        Err(Error::data(format!("{total} scores are not numbers; the first are in {}", first.name)).hint(
            "the model's weights or losses are not finite, or the step size is too large: \
             `memoscope inspect` names damaged tensors; lower lr",
        ))
    }

    /// Numbers in all tensors.
    pub fn len(&self) -> usize {
        self.tensors.iter().map(|t| t.values.len()).sum()
    }

    /// Whether nothing is scored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the scores into `folder`.
    ///
    /// # Errors
    /// A full disk, a missing permission.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let tensors: Vec<_> =
            self.tensors.iter().map(|t| (t.name.clone(), t.shape.clone(), Numbers::F32(&t.values))).collect();
        write_numbers(&folder.join(TENSORS), &tensors)?;
        let names: Vec<&str> = self.tensors.iter().map(|t| t.name.as_str()).collect();
        let about = json!({"kind": self.kind, "rule": self.rule, "origin": self.origin, "tensors": names});
        replace_json(&folder.join(ABOUT), &about)
    }

    /// The scores in `folder` if they have this origin; `None` when there are none or others.
    ///
    /// # Errors
    /// Damaged files.
    pub fn load(folder: &Path, origin: &Origin) -> Result<Option<Self>> {
        let path = folder.join(ABOUT);
        if !path.exists() {
            return Ok(None);
        }
        let about: About = serde_json::from_value(read_json(&path)?)
            .map_err(|e| Error::data(format!("these are no scores: {e}")).hint("remove the file").at(&path))?;
        if about.origin != *origin {
            return Ok(None);
        }
        let file = TensorFile::open(&folder.join(TENSORS))?;
        let read = |name: &String| {
            let entry = file.find(name)?;
            let values = file.numbers(entry)?.into_iter().map(|x| x as f32).collect();
            Some(Scored { name: name.clone(), shape: entry.shape.clone(), values })
        };
        let tensors = about.tensors.iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(|| {
            Error::data("scores of a tensor are missing")
                .hint("remove the file; they are computed again")
                .at(file.path())
        })?;
        Ok(Some(Self { kind: about.kind, rule: about.rule, tensors, origin: about.origin }))
    }
}

#[derive(Deserialize)]
struct About {
    kind: Kind,
    rule: Rule,
    origin: Origin,
    tensors: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_survive_a_file_and_are_told_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let origin = Origin { technique: "durable".to_owned(), seed: 3, ..Origin::default() };
        let tensors = vec![
            Scored { name: "b".to_owned(), shape: vec![2, 1], values: vec![1.0, 0.5] },
            Scored { name: "a".to_owned(), shape: vec![1], values: vec![-1.0] },
        ];
        let map = ScoreMap { kind: Kind::Weight, rule: Rule::Global, tensors, origin: origin.clone() };
        assert_eq!(ScoreMap::load(folder.path(), &origin).unwrap(), None);
        map.save(folder.path()).unwrap();
        assert_eq!(ScoreMap::load(folder.path(), &origin).unwrap().as_ref(), Some(&map));
        assert_eq!(ScoreMap::load(folder.path(), &Origin { seed: 4, ..origin }).unwrap(), None);
    }

    #[test]
    fn scores_that_are_no_numbers_are_refused() {
        let tensors = vec![Scored { name: "w".to_owned(), shape: vec![2], values: vec![f32::NAN, 1.0] }];
        let map = ScoreMap { kind: Kind::Neuron, rule: Rule::PerTensor, tensors, origin: Origin::default() };
        let error = map.check().unwrap_err().to_string();
        assert!(error.contains("1 scores are not numbers; the first are in w"), "{error}");
    }
}
