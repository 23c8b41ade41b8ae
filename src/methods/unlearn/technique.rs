//! What a technique is: its card, its settings, and one of three traits.
//!
//! [`Localize`] scores weights or neurons, and the highest scores are removed. [`Edit`] changes the model itself.
//! [`Objective`] is a loss on texts to forget and to retain, which training lowers. To add one, write a file with
//! `pub(super) static TECHNIQUE` and name it twice in the `mod.rs` of its folder.

use std::collections::BTreeMap;

use super::cost::{Passes, Size, of_localization};
use super::job::Job;
use super::loss::Objective;
use super::scores::{Kind, Rule, Scored};
use crate::error::{Error, Result};

/// One way to forget.
pub struct Technique {
    /// Stable name, equal to the file stem with `-` for `_`.
    pub id: &'static str,
    /// Shown name.
    pub title: &'static str,
    /// One sentence: what it does.
    pub about: &'static str,
    /// The formula in plain text.
    pub formula: &'static str,
    /// Paper with section, or code.
    pub source: &'static str,
    /// What the paper-compatible mode does differently; empty when there is no difference.
    pub paper: &'static str,
    /// The settings it has, with their values when none are given.
    pub knobs: &'static [(&'static str, f64)],
    /// Whether it needs texts to retain.
    pub retain: Need,
    /// Whether it needs other answers (input `answers`).
    pub answers: Need,
    /// What it does.
    pub how: How,
}

/// Whether an input is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is not used.
    No,
    /// It is used where it is given.
    Optional,
    /// Without it there is nothing to do.
    Yes,
}

/// The three kinds of techniques.
pub enum How {
    /// Scores that are cut at a ratio.
    Localize(&'static dyn Localize),
    /// A change of the model.
    Edit(&'static dyn Edit),
    /// A loss to be lowered.
    Objective(fn(&Job<'_, '_>) -> Result<Box<dyn Objective>>),
}

/// Scores weights or neurons; the largest are removed.
pub trait Localize: Sync {
    /// What it scores.
    fn kind(&self) -> Kind;
    /// Among what the largest are taken.
    fn rule(&self) -> Rule {
        Rule::PerTensor
    }
    /// Settings that a mode passes over, because the published code fixes them or has them alone.
    fn unused(&self, is_paper: bool) -> &'static [&'static str] {
        let _ = is_paper;
        &[]
    }
    /// What the scores cost.
    ///
    /// # Errors
    /// `Bug` for a setting that the technique does not declare.
    fn passes(&self, knobs: &Knobs, size: &Size) -> Result<Passes> {
        of_localization(knobs, size)
    }
    /// The scores, in the order of the model.
    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>>;
}

/// Changes the model by a method of its own; what it removes depends on the ratio from the start.
pub trait Edit: Sync {
    /// Changes `job.model`, removing `ratio` of what it may remove; techniques without a ratio are given 0.
    fn edit(&self, job: &mut Job<'_, '_>, ratio: f64) -> Result<()>;
    /// What that costs.
    ///
    /// # Errors
    /// `Bug` for a setting that the technique does not declare.
    fn passes(&self, knobs: &Knobs, size: &Size, ratio: f64) -> Result<Passes>;
}

/// The settings of a technique: those given, and its own values for the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Knobs(BTreeMap<String, f64>);

impl Knobs {
    /// The values of `technique`, replaced by those in `given`.
    pub fn new(technique: &Technique, given: &BTreeMap<String, f64>) -> Self {
        let value = |(name, value): &(&str, f64)| ((*name).to_owned(), given.get(*name).copied().unwrap_or(*value));
        Self(technique.knobs.iter().map(value).collect())
    }

    /// The setting with this name.
    ///
    /// # Errors
    /// `Bug` when the technique does not declare it.
    pub fn get(&self, name: &str) -> Result<f64> {
        self.0.get(name).copied().ok_or_else(|| Error::bug(format!("the technique does not declare `{name}`")))
    }

    /// As a count.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn count(&self, name: &str) -> Result<usize> {
        self.get(name).map(|x| x.max(0.0) as usize)
    }

    /// Whether the technique has a setting of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All settings, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// What a technique works on, as lists of techniques are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Single weights.
    Weights,
    /// Hidden units.
    Neurons,
    /// A loss.
    Losses,
    /// What others have to be better than.
    Controls,
}

impl Group {
    /// All, in the order of lists.
    pub const ALL: [Self; 4] = [Self::Weights, Self::Neurons, Self::Losses, Self::Controls];

    /// Shown name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Weights => "Weights",
            Self::Neurons => "Neurons",
            Self::Losses => "Losses",
            Self::Controls => "Controls",
        }
    }

    /// The group of a technique.
    pub fn of(technique: &Technique) -> Self {
        const CONTROLS: [&str; 5] = ["magnitude", "none", "random-neurons", "random-weights", "wanda"];
        let is_in = |list: &[&Technique]| list.iter().any(|t| t.id == technique.id);
        match technique.id {
            id if CONTROLS.contains(&id) => Self::Controls,
            _ if is_in(super::weight::TECHNIQUES) => Self::Weights,
            _ if is_in(super::neuron::TECHNIQUES) => Self::Neurons,
            _ => Self::Losses,
        }
    }
}

/// All techniques: weights, neurons, losses, each sorted by id.
pub fn techniques() -> impl Iterator<Item = &'static Technique> {
    let groups = [super::weight::TECHNIQUES, super::neuron::TECHNIQUES, super::loss::TECHNIQUES];
    groups.into_iter().flatten().copied()
}

/// The technique with this id.
///
/// # Errors
/// Names the nearest one.
pub fn find(id: &str) -> Result<&'static Technique> {
    techniques().find(|t| t.id == id).ok_or_else(|| {
        let near = crate::methods::schema::nearest(id, techniques().map(|t| t.id));
        Error::config(format!("technique: there is no technique `{id}`")).hint(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("use one of {}", techniques().map(|t| t.id).collect::<Vec<_>>().join(", ")),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::unlearn::Config;

    #[test]
    fn every_control_is_a_technique_and_every_group_has_some() {
        let of = |group| techniques().filter(|t| Group::of(t) == group).count();
        assert_eq!(of(Group::Controls), 5);
        assert!(Group::ALL.into_iter().all(|group| of(group) > 3));
    }

    #[test]
    fn techniques_are_complete_sorted_and_unique() {
        let groups =
            [super::super::weight::TECHNIQUES, super::super::neuron::TECHNIQUES, super::super::loss::TECHNIQUES];
        for group in groups {
            let ids: Vec<&str> = group.iter().map(|t| t.id).collect();
            assert!(ids.is_sorted(), "sort them by id: {ids:?}");
        }
        let fields = serde_json::to_value(Config::default()).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for t in techniques() {
            assert!(seen.insert(t.id), "{} is there twice", t.id);
            for text in [t.title, t.about, t.formula, t.source] {
                assert!(!text.is_empty(), "the card of {} is not complete", t.id);
            }
            for (name, _) in t.knobs {
                assert!(fields.get(name).is_some(), "{}: the configuration has no field `{name}`", t.id);
            }
            let cuts = t.knobs.iter().any(|(name, _)| *name == "ratio");
            assert_eq!(
                cuts,
                !matches!(t.how, How::Objective(_)) && t.id != "none" && t.id != "task-vector",
                "{}",
                t.id
            );
        }
    }
}
