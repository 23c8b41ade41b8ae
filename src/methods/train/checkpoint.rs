//! Checkpoints: written so that going on gives the same bytes, and found again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::history::History;
use super::regularize::RegularizerState;
use super::start::{ADAPTER, Student};
use super::step::Mover;
use crate::engine::Decoder;
use crate::engine::train::{merge_into, save_adapter};
use crate::engine::weights::{self, MOMENTS, STATE, read_state, seal};
use crate::error::{Error, Result};
use crate::methods::Host;

/// The folder of the finished model.
const FINAL: &str = "final";
const WEIGHTS: &str = "model.safetensors";

/// What training needs to go on, beside the weights and the moments of the optimizer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// Version of the program, settings, seed and data: only the same training goes on.
    pub(super) identity: Value,
    /// Whether the folder has the tokenizer of a fresh model.
    pub(super) has_tokenizer: bool,
    /// Steps that were taken. Which rows come next follows from it.
    pub(super) steps: u64,
    /// Tokens that were read.
    pub(super) tokens: u64,
    pub(super) history: History,
    pub(super) regularizers: RegularizerState,
}

/// A checkpoint that is whole.
pub(super) struct Found {
    pub(super) dir: PathBuf,
    pub(super) state: State,
    /// Whether it is the finished model.
    pub(super) is_final: bool,
}

/// The checkpoints of a run.
pub(super) struct Shelf {
    folder: PathBuf,
    pub(super) identity: Value,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf, identity: Value) -> Self {
        Self { folder, identity }
    }

    /// The newest checkpoint from which training can go on; damaged ones are passed over with a warning.
    ///
    /// # Errors
    /// A folder that cannot be read; a checkpoint of another training.
    pub(super) fn newest(&self, host: &mut dyn Host) -> Result<Option<Found>> {
        let mut places = weights::checkpoints(&self.folder)?;
        places.push((u64::MAX, self.folder.join(FINAL)));
        for (number, dir) in places.into_iter().rev() {
            match self.read(&dir) {
                Ok(Some(state)) => return Ok(Some(Found { dir, state, is_final: number == u64::MAX })),
                Ok(None) => {}
                Err(error @ Error::Config(_)) => return Err(error),
                Err(error) => host.warn(&format!("a checkpoint is passed over: {error}")),
            }
        }
        Ok(None)
    }

    fn read(&self, dir: &Path) -> Result<Option<State>> {
        if !weights::has_state(dir) {
            return Ok(None);
        }
        let value = read_state(dir)?;
        let state: State = serde_json::from_value(value)
            .map_err(|e| Error::data(format!("the state of training cannot be read: {e}")).at(&dir.join(STATE)))?;
        if state.identity != self.identity {
            let what = difference(&state.identity, &self.identity);
            return Err(Error::config(format!("this checkpoint belongs to another training: {what}"))
                .hint("start a new run")
                .at(dir));
        }
        Ok(Some(state))
    }

    /// The moments of the optimizer in a checkpoint.
    pub(super) fn moments(dir: &Path) -> PathBuf {
        dir.join(MOMENTS)
    }

    /// Writes a checkpoint; it is there completely or not at all.
    pub(super) fn save(&self, student: &Student, mover: &Mover, state: &State) -> Result<PathBuf> {
        let dir = self.folder.join(weights::checkpoint_name(state.steps));
        write(&dir, student, Some(mover), state)?;
        Ok(dir)
    }

    /// Writes the finished model, with the moments of the optimizer if `mover` is given.
    pub(super) fn finish(&self, student: &Student, mover: Option<&Mover>, state: &State) -> Result<PathBuf> {
        let dir = self.final_dir();
        write(&dir, student, mover, state)?;
        Ok(dir)
    }

    pub(super) fn final_dir(&self) -> PathBuf {
        self.folder.join(FINAL)
    }

    /// Leaves of older checkpoints what the options keep: those that are not `regular` go, only the newest
    /// `resumable` keep what going on needs, and only the newest `keep` stay at all.
    pub(super) fn tidy(&self, resumable: usize, keep: Option<usize>, regular: &dyn Fn(u64) -> bool) -> Result<()> {
        let places = weights::checkpoints(&self.folder)?;
        for (age, (number, dir)) in places.iter().rev().enumerate() {
            let is_newest = age == 0 && resumable > 0;
            if (!regular(*number) && !is_newest) || keep.is_some_and(|keep| age >= keep) {
                weights::discard(dir)?;
            } else if age >= resumable {
                weights::strip(dir)?;
            }
        }
        Ok(())
    }

    /// The models of the checkpoints that are there, by steps.
    pub(super) fn models(&self) -> Result<Vec<(u64, PathBuf)>> {
        weights::checkpoints(&self.folder)
    }
}

/// What differs between the training that wrote a checkpoint and this one.
fn difference(old: &Value, new: &Value) -> String {
    let (name, old, new) = first_difference(old, new);
    match name.split('.').next().unwrap_or_default() {
        "program" => format!("it was written by version {} of the program, this is {}", plain(old), plain(new)),
        "settings" => {
            let field = name.strip_prefix("settings.").unwrap_or(&name);
            format!("`{field}` was {old}, and is {new}")
        }
        "seed" => format!("the seed was {old}, and is {new}"),
        "data" => "it learned other data".to_owned(),
        "test" => "it was tested with other data".to_owned(),
        _ => "its settings are not known here".to_owned(),
    }
}

/// The first field with different values, dots between its names.
fn first_difference<'a>(old: &'a Value, new: &'a Value) -> (String, &'a Value, &'a Value) {
    if let (Some(a), Some(b)) = (old.as_object(), new.as_object()) {
        for (name, old) in a {
            match b.get(name) {
                Some(new) if new != old => {
                    let (inner, old, new) = first_difference(old, new);
                    let name = if inner.is_empty() { name.clone() } else { format!("{name}.{inner}") };
                    return (name, old, new);
                }
                Some(_) => {}
                None => return (name.clone(), old, &Value::Null),
            }
        }
    }
    (String::new(), old, new)
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// Writes the folder of a model with what going on needs, in place of what is there.
fn write(dir: &Path, student: &Student, mover: Option<&Mover>, state: &State) -> Result<()> {
    let value =
        serde_json::to_value(state).map_err(|e| Error::bug(format!("the state of training cannot be written: {e}")))?;
    weights::replace(dir)?;
    let base = student.companions.as_deref().filter(|_| student.lora.is_some());
    let mut more = |dir: &Path| {
        if let Some(tokenizer) = &student.tokenizer {
            tokenizer.save(dir)?;
        }
        let mut files = vec![WEIGHTS];
        if let Some(mover) = mover {
            mover.optimizer.save(&student.decoder, &dir.join(MOMENTS))?;
            files.push(MOMENTS);
        }
        if let Some((lora, base)) = student.lora.as_ref().zip(base) {
            save_adapter(&dir.join(ADAPTER), &student.decoder, lora, &base.display().to_string())?;
        }
        seal(dir, &value, &files)
    };
    let merged = base.map(|base| merged(student, base)).transpose()?;
    let model = merged.as_ref().unwrap_or(&student.decoder);
    let written = weights::save_with(dir, model, &student.config, student.companions.as_deref(), &mut more);
    written.map_err(with_remedy)
}

/// What to do when a checkpoint cannot be written; the one before is still there.
fn with_remedy(error: Error) -> Error {
    if error.fault().is_some_and(|fault| fault.hint.is_none()) {
        return error.hint("make room on this disk and resume the run: it goes on from the checkpoint before");
    }
    error
}

/// The model that was adapted, with the adapters added to its weights.
fn merged(student: &Student, base: &Path) -> Result<Decoder> {
    let mut merged = weights::load(base, student.decoder.kernels.place())?.decoder;
    merge_into(&mut merged, &student.decoder);
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named() {
        let of = |program: &str, peak: f64, seed: u64, data: &str| json!({"program": program, "settings": {"lr": {"peak": peak}}, "seed": seed, "data": [data], "test": []});
        let old = of("1.0", 0.1, 1, "a");
        for (new, wanted) in [
            (of("1.1", 0.1, 1, "a"), "it was written by version 1.0 of the program, this is 1.1"),
            (of("1.0", 0.2, 1, "a"), "`lr.peak` was 0.1, and is 0.2"),
            (of("1.0", 0.1, 2, "a"), "the seed was 1, and is 2"),
            (of("1.0", 0.1, 1, "b"), "it learned other data"),
            (json!({}), "it was written by version 1.0 of the program, this is ?"),
        ] {
            assert_eq!(difference(&old, &new), wanted);
        }
    }
}
