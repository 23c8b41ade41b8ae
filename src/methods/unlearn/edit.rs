//! Edits of a model: which numbers change from what to what. Revertible, composable, saved beside the model.
//!
//! Files: `edit.safetensors` holds for each changed parameter NAME the tensors `NAME.old` and `NAME.new`, and `NAME.at`
//! with the flat places where only some numbers change; `edit.json` says what was done to which model.
//! Both sides are kept, so that an edit can be undone exactly and is never put on a model it does not belong to.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::engine::weights::{Numbers, TensorFile, read_json, replace_json, write_numbers};
use crate::engine::{Decoder, ParamId, Real};
use crate::error::{Error, Result};

const TENSORS: &str = "edit.safetensors";
const ABOUT: &str = "edit.json";

/// What was done, for people and for checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The technique, or several joined by `, then `.
    pub technique: String,
    /// Its settings.
    pub settings: serde_json::Value,
    /// Shown name of the model it belongs to.
    pub base: String,
    /// Parameters that change, in the order of the model.
    pub parameters: Vec<String>,
}

/// The change of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Name of the parameter.
    pub name: String,
    /// Its shape on disk.
    pub shape: Vec<usize>,
    /// Flat places of the numbers that change, ascending; `None` when all are given.
    pub at: Option<Vec<u32>>,
    /// What they were.
    pub old: Vec<Real>,
    /// What they become.
    pub new: Vec<Real>,
}

/// A change of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// What was done.
    pub about: About,
    /// By parameter, in the order of the model.
    pub parts: Vec<Part>,
}

/// Which numbers of an edit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

impl Part {
    fn side(&self, side: Side) -> &[Real] {
        if side == Side::Old { &self.old } else { &self.new }
    }

    /// Number of changed numbers that are 0 afterwards and were not before.
    pub fn n_zeroed(&self) -> usize {
        self.old.iter().zip(&self.new).filter(|(old, new)| **old != 0.0 && **new == 0.0).count()
    }

    /// Number of numbers that differ.
    pub fn n_changed(&self) -> usize {
        self.old.iter().zip(&self.new).filter(|(old, new)| old.to_bits() != new.to_bits()).count()
    }

    /// Flat places of the numbers that differ.
    pub fn changed(&self) -> impl Iterator<Item = usize> + '_ {
        let differs = |i: &usize| self.old[*i].to_bits() != self.new[*i].to_bits();
        (0..self.old.len()).filter(differs).map(|i| self.at.as_ref().map_or(i, |at| at[i] as usize))
    }

    /// Σ (new − old)².
    pub fn squared_change(&self) -> f64 {
        self.old.iter().zip(&self.new).map(|(old, new)| (f64::from(*new) - f64::from(*old)).powi(2)).sum()
    }
}

impl Edit {
    /// Sets these places of these parameters to 0. Places need not be sorted; parameters may come in any order.
    ///
    /// # Errors
    /// `Bug` for a place outside its parameter.
    pub fn zeros(model: &Decoder, places: Vec<(ParamId, Vec<u32>)>, about: About) -> Result<Self> {
        let mut edit = Self { about, parts: Vec::new() };
        let mut places = places;
        places.sort_by_key(|(id, _)| *id);
        for (id, mut at) in places.into_iter().filter(|(_, at)| !at.is_empty()) {
            let weight = model.params.get(id);
            let values = weight.values();
            at.sort_unstable();
            at.dedup();
            let old = at.iter().map(|i| values.get(*i as usize).copied()).collect::<Option<Vec<Real>>>();
            let old = old.ok_or_else(|| Error::bug(format!("an edit outside {}", weight.name)))?;
            let new = vec![0.0; old.len()];
            edit.parts.push(Part { name: weight.name.clone(), shape: weight.shape.clone(), at: Some(at), old, new });
        }
        edit.name_parameters();
        Ok(edit)
    }

    /// What turns `before` into `after`, two models of the same parameters.
    pub fn between(before: &Decoder, after: &Decoder, about: About) -> Self {
        let mut edit = Self { about, parts: Vec::new() };
        for ((_, a), (_, b)) in before.params.iter().zip(after.params.iter()) {
            if a.is_shared_with(b) {
                continue;
            }
            let (old, new) = (a.values(), b.values());
            let differs = |i: &usize| old[*i].to_bits() != new[*i].to_bits();
            let n = (0..old.len()).filter(differs).count();
            if n == 0 {
                continue;
            }
            let (name, shape) = (a.name.clone(), a.shape.clone());
            // Places cost as much as a side.
            edit.parts.push(if 3 * n > 2 * old.len() {
                Part { name, shape, at: None, old: old.into_owned(), new: new.into_owned() }
            } else {
                let at: Vec<usize> = (0..old.len()).filter(differs).collect();
                let pick = |side: &[Real]| at.iter().map(|i| side[*i]).collect();
                Part { name, shape, old: pick(&old), new: pick(&new), at: Some(at.iter().map(|i| *i as u32).collect()) }
            });
        }
        edit.name_parameters();
        edit
    }

    fn name_parameters(&mut self) {
        self.about.parameters = self.parts.iter().map(|part| part.name.clone()).collect();
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Changes the model.
    ///
    /// # Errors
    /// A model whose numbers are not those that the edit was made for; nothing is changed then.
    pub fn apply(&self, model: &mut Decoder) -> Result<()> {
        self.replace(model, Side::Old, Side::New)
    }

    /// Undoes the change, to the last bit.
    ///
    /// # Errors
    /// A model that does not carry the edit; nothing is changed then.
    pub fn revert(&self, model: &mut Decoder) -> Result<()> {
        self.replace(model, Side::New, Side::Old)
    }

    fn replace(&self, model: &mut Decoder, from: Side, to: Side) -> Result<()> {
        let ids = self.parts.iter().map(|part| self.place_of(model, part, from)).collect::<Result<Vec<ParamId>>>()?;
        for (part, id) in self.parts.iter().zip(ids) {
            let values = model.params.get_mut(id).values_mut();
            match &part.at {
                None => values.copy_from_slice(part.side(to)),
                Some(at) => at.iter().zip(part.side(to)).for_each(|(i, x)| values[*i as usize] = *x),
            }
        }
        Ok(())
    }

    /// The parameter of a part, when it has the numbers that the part begins with.
    fn place_of(&self, model: &Decoder, part: &Part, from: Side) -> Result<ParamId> {
        let wrong = |why: String| {
            let base = if self.about.base.is_empty() { "another model" } else { &self.about.base };
            Error::data(format!("the edit belongs to another model: {why}"))
                .hint(format!("it was made for {base}; choose that model, and apply earlier edits first"))
        };
        let name = &part.name;
        let id = model.params.find(name).ok_or_else(|| wrong(format!("this one has no {name}")))?;
        let weight = model.params.get(id);
        if weight.shape != part.shape {
            return Err(wrong(format!("{name} is {:?} here and {:?} there", weight.shape, part.shape)));
        }
        let values = weight.values();
        let same = |i: usize, x: &Real| values.get(i).is_some_and(|v| v.to_bits() == x.to_bits());
        let fits = match &part.at {
            None => {
                part.side(from).len() == values.len() && part.side(from).iter().enumerate().all(|(i, x)| same(i, x))
            }
            Some(at) => at.iter().zip(part.side(from)).all(|(i, x)| same(*i as usize, x)),
        };
        if fits { Ok(id) } else { Err(wrong(format!("{name} has other numbers"))) }
    }

    /// Writes the edit into `folder`.
    ///
    /// # Errors
    /// A full disk, a missing permission.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let mut tensors = Vec::new();
        for part in &self.parts {
            let shape = if part.at.is_some() { vec![part.old.len()] } else { part.shape.clone() };
            let mut add = |kind: &str, numbers| tensors.push((format!("{}.{kind}", part.name), shape.clone(), numbers));
            add("old", Numbers::F32(&part.old));
            add("new", Numbers::F32(&part.new));
            if let Some(at) = &part.at {
                add("at", Numbers::U32(at));
            }
        }
        write_numbers(&folder.join(TENSORS), &tensors)?;
        let shapes: Vec<_> = self.parts.iter().map(|part| &part.shape).collect();
        replace_json(&folder.join(ABOUT), &serde_json::json!({"about": self.about, "shapes": shapes}))
    }

    /// The edit in `folder`.
    ///
    /// # Errors
    /// No edit, or a damaged one.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(ABOUT);
        if !path.exists() {
            return Err(Error::data("there is no edit here: edit.json is missing")
                .hint("name the folder that a run of `unlearn` made, with edit.json and edit.safetensors")
                .at(folder));
        }
        let Saved { about, shapes } = serde_json::from_value(read_json(&path)?)
            .map_err(|e| Error::data(format!("this is no edit: {e}")).hint("make it again").at(&path))?;
        let file = TensorFile::open(&folder.join(TENSORS))?;
        let part = |(name, shape): (&String, Vec<usize>)| {
            read_part(&file, name, shape).ok_or_else(|| {
                Error::data(format!("the edit of {name} is damaged")).hint("make it again").at(file.path())
            })
        };
        let parts = about.parameters.iter().zip(shapes).map(part).collect::<Result<Vec<Part>>>()?;
        Ok(Self { about, parts })
    }
}

#[derive(Deserialize)]
struct Saved {
    about: About,
    shapes: Vec<Vec<usize>>,
}

fn read_part(file: &TensorFile, name: &str, shape: Vec<usize>) -> Option<Part> {
    let side = |kind: &str| -> Option<Vec<Real>> {
        let numbers = file.numbers(file.find(&format!("{name}.{kind}"))?)?;
        Some(numbers.into_iter().map(|x| x as Real).collect())
    };
    let n: usize = shape.iter().product();
    let at = match file.find(&format!("{name}.at")) {
        Some(entry) => {
            let at: Vec<u32> =
                file.integers(entry)?.into_iter().map(|i| u32::try_from(i).ok()).collect::<Option<_>>()?;
            (at.windows(2).all(|w| w[0] < w[1]) && at.last().is_none_or(|i| (*i as usize) < n)).then_some(Some(at))?
        }
        None => None,
    };
    let (old, new) = (side("old")?, side("new")?);
    let len = at.as_ref().map_or(n, Vec::len);
    (old.len() == len && new.len() == len).then_some(Part { name: name.to_owned(), shape, at, old, new })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::unlearn::testing::tiny;

    fn bits(model: &Decoder) -> Vec<Vec<u32>> {
        model.params.iter().map(|(_, w)| w.values().iter().map(|x| x.to_bits()).collect()).collect()
    }

    fn change(model: &mut Decoder, name: &str, places: &[usize]) {
        let id = model.params.find(name).unwrap();
        let values = model.params.get_mut(id).values_mut();
        for i in places {
            values[*i] += 1.0;
        }
    }

    #[test]
    fn edits_are_undone_to_the_last_bit_and_compose() {
        let base = tiny("gpt2", 1);
        let before = bits(&base);
        let mut model = base.shared();
        change(&mut model, "transformer.h.0.mlp.c_fc.weight", &[0, 7]);
        let first = Edit::between(&base, &model, About::default());
        let halfway = model.shared();
        let all: Vec<usize> = (0..model.params.get(model.embed).len()).collect();
        change(&mut model, "transformer.wte.weight", &all);
        let second = Edit::between(&halfway, &model, About::default());
        assert_eq!(first.parts[0].at.as_deref(), Some(&[0, 7][..]));
        assert_eq!((second.parts[0].at.clone(), second.parts[0].n_changed()), (None, all.len()));
        let after = bits(&model);
        assert_eq!(bits(&base), before, "the base is not touched");
        assert!(first.revert(&mut base.shared()).is_err(), "the base does not carry it");
        second.revert(&mut model).unwrap();
        first.revert(&mut model).unwrap();
        assert_eq!(bits(&model), before);
        let whole = {
            first.apply(&mut model).unwrap();
            second.apply(&mut model).unwrap();
            Edit::between(&base, &model, About::default())
        };
        assert_eq!(bits(&model), after);
        assert_eq!(whole.about.parameters, ["transformer.wte.weight", "transformer.h.0.mlp.c_fc.weight"]);
    }

    #[test]
    fn edits_survive_a_file_and_know_their_model() {
        let (base, other) = (tiny("gpt2", 1), tiny("gpt2", 2));
        let up = base.blocks[1].mlp.up.weight;
        let about = About { technique: "random".to_owned(), base: "mine".to_owned(), ..About::default() };
        let edit = Edit::zeros(&base, vec![(up, vec![5, 1, 5])], about).unwrap();
        assert_eq!((edit.parts[0].n_zeroed(), edit.parts[0].at.clone()), (2, Some(vec![1, 5])));
        let folder = tempfile::tempdir().unwrap();
        edit.save(folder.path()).unwrap();
        let read = Edit::load(folder.path()).unwrap();
        assert_eq!(read, edit);
        let error = read.apply(&mut other.shared()).unwrap_err().to_string();
        assert!(error.contains("belongs to another model") && error.contains("it was made for mine"), "{error}");
        let error = read.apply(&mut tiny("gpt_neox", 1)).unwrap_err().to_string();
        assert!(error.contains("this one has no transformer.h.1.mlp.c_fc.weight"), "{error}");
        let error = Edit::load(&folder.path().join("nothing")).unwrap_err().to_string();
        assert!(error.contains("there is no edit here"), "{error}");
    }
}
