//! What a technique says on its way: curves, sentences, ties. Kept beside what it makes, so that a run that goes on from
//! there ends with the same report.
//!
//! Files: `course.safetensors` (f64, one tensor of (step, value) pairs a curve) and `course.json` (the rest).

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::engine::weights::{Numbers, TensorFile, read_json, replace_json, write_numbers};
use crate::error::{Error, Result};

/// Unit of losses that are −ln p of a token.
pub const NATS: &str = "nats/token";

/// A live curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Shown name.
    pub name: String,
    /// Unit of the values; empty where they have none.
    pub unit: String,
    /// (step, value)
    pub points: Vec<[f64; 2]>,
}

/// Everything that is said on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// In the order of their first points.
    pub curves: Vec<Curve>,
    /// Sentences for the report.
    pub notes: Vec<String>,
    /// Tensors or layers in which equal scores decided.
    pub n_tied: usize,
    /// Scored numbers, where there are scores.
    pub n_scores: Option<usize>,
}

const TENSORS: &str = "course.safetensors";
const ABOUT: &str = "course.json";

#[derive(Serialize, Deserialize)]
struct About {
    curves: Vec<[String; 2]>,
    notes: Vec<String>,
    n_tied: usize,
    n_scores: Option<usize>,
}

impl Course {
    /// Writes it into `folder`.
    ///
    /// # Errors
    /// A full disk, a missing permission.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let flat: Vec<&[f64]> = self.curves.iter().map(|curve| curve.points.as_flattened()).collect();
        let tensors: Vec<_> = flat
            .into_iter()
            .enumerate()
            .map(|(i, numbers)| (i.to_string(), vec![numbers.len() / 2, 2], Numbers::F64(numbers)))
            .collect();
        write_numbers(&folder.join(TENSORS), &tensors)?;
        let curves: Vec<[&str; 2]> = self.curves.iter().map(|c| [c.name.as_str(), c.unit.as_str()]).collect();
        let about = json!({"curves": curves, "notes": self.notes, "n_tied": self.n_tied, "n_scores": self.n_scores});
        replace_json(&folder.join(ABOUT), &about)
    }

    /// The course in `folder`; `None` when there is none.
    ///
    /// # Errors
    /// Damaged files.
    pub fn load(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(ABOUT);
        if !path.exists() {
            return Ok(None);
        }
        let about: About = serde_json::from_value(read_json(&path)?)
            .map_err(|e| Error::data(format!("this is no course: {e}")).hint("remove the file").at(&path))?;
        let file = TensorFile::open(&folder.join(TENSORS))?;
        let curve = |(i, [name, unit]): (usize, [String; 2])| {
            let numbers = file.numbers(file.find(&i.to_string())?)?;
            Some(Curve { name, unit, points: numbers.as_chunks().0.to_vec() })
        };
        let curves = about.curves.into_iter().enumerate().map(curve).collect::<Option<_>>().ok_or_else(|| {
            Error::data("a curve is missing").hint("remove the folder; it is made again").at(file.path())
        })?;
        Ok(Some(Self { curves, notes: about.notes, n_tied: about.n_tied, n_scores: about.n_scores }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_survives_its_files_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Course::load(folder.path()).unwrap(), None);
        let mut course = Course::default();
        course.save(folder.path()).unwrap();
        assert_eq!(Course::load(folder.path()).unwrap().as_ref(), Some(&course), "without curves");
        let curve = |name: &str, unit: &str, points| Curve { name: name.to_owned(), unit: unit.to_owned(), points };
        let points = (0..30_000).map(|step| [f64::from(step), 1.0 / (f64::from(step) + 3.0)]).collect();
        course.curves = vec![curve("forget loss", NATS, points), curve("mean factor", "", vec![[1.0, 0.1 + 0.2]])];
        course.notes.push("3 of 9 turns passed.".to_owned());
        (course.n_tied, course.n_scores) = (2, Some(7));
        course.save(folder.path()).unwrap();
        assert_eq!(Course::load(folder.path()).unwrap().unwrap(), course);
    }
}
