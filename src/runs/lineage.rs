//! Which model came from which, and which measurements are a before and an after of each other.
//!
//! Two measurements are a pair when everything but the model is the same (method, version, configuration, seed,
//! data) and one of the models was made of the other: trained, fine-tuned or edited by a step of some run. Nothing
//! has to be marked by hand; the plans and reports of the runs say it all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::experiment::Experiment;
use super::store::{SavedReport, SavedStep, read_json, sha256};
use super::{Plan, RunDir};
use crate::error::Result;
use crate::methods::{self, InputKind, Scalar};

/// A model as plans and reports know it: the same folder, or the same weights elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Shown name.
    pub name: String,
    /// What it is, in a sentence; empty for models that were there before.
    pub about: String,
    /// Its folder, absolute.
    pub path: PathBuf,
    /// Fingerprints of its weights; empty for models that no plan has read.
    pub weights: String,
}

/// What a finished step did: it measured a model, made models of it, or both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Studied {
    /// Id of the method.
    pub method: String,
    /// Equal for steps that do the same to whatever model.
    pub key: String,
    /// The model under study; absent where there are several or none.
    pub model: Option<Seen>,
    /// The models that it made.
    pub made: Vec<Seen>,
    /// Its headline numbers.
    pub scalars: Vec<Scalar>,
}

/// What the finished steps of a run did.
///
/// # Errors
/// Experiment, plan or report cannot be read.
pub fn studied(run: &RunDir) -> Result<Vec<Studied>> {
    let Some(report) = SavedReport::read(run)? else { return Ok(Vec::new()) };
    let (plan, experiment): (Plan, _) = (read_json(&run.plan_path())?, run.experiment()?);
    let steps = report.steps.iter().enumerate();
    Ok(steps.map(|(at, step)| one(run, &experiment, &plan, &report, at, step)).collect())
}

fn one(
    run: &RunDir,
    experiment: &Experiment,
    plan: &Plan,
    report: &SavedReport,
    at: usize,
    step: &SavedStep,
) -> Studied {
    let inputs = plan.steps.get(at).map(|planned| &planned.inputs);
    let names = |slot: &str| inputs.and_then(|inputs| inputs.get(slot)).map_or(&[][..], Vec::as_slice);
    let model = match names("model") {
        [name] => seen(run, plan, report, name),
        [] if !step.models.is_empty() => Some(fresh(run, at)),
        _ => None,
    };
    let mut others = BTreeMap::new();
    for slot in methods::find(&step.method).map(methods::Method::inputs).unwrap_or_default() {
        let known: Vec<Value> = names(slot.name)
            .iter()
            .map(|name| match slot.kind {
                InputKind::Data => data_key(run, experiment, plan, name),
                InputKind::Model => json!(seen(run, plan, report, name).map(|model| model.path)),
            })
            .collect();
        if slot.name != "model" {
            others.insert(slot.name, known);
        }
    }
    let version = plan.steps.get(at).map(|planned| planned.version);
    let key = json!([step.method, version, step.config, plan.seed, others]);
    let made = step.models.iter().filter_map(|made| {
        let path = absolute(&made.path(run).ok()?);
        Some(Seen { name: made.name.clone(), about: made.about.clone(), path, weights: String::new() })
    });
    Studied {
        method: step.method.clone(),
        key: sha256(key.to_string().as_bytes()),
        model,
        made: made.collect(),
        scalars: step.scalars.clone(),
    }
}

/// A model that a step takes: one of the plan, or one that an earlier step made.
fn seen(run: &RunDir, plan: &Plan, report: &SavedReport, name: &str) -> Option<Seen> {
    if let Some(model) = plan.models.get(name) {
        let weights = model.files.iter().filter(|(file, _)| file.ends_with(".safetensors"));
        let weights = weights.map(|(_, print)| print.as_str()).collect::<Vec<_>>().join(" ");
        return Some(Seen { name: model.name.clone(), path: absolute(&model.path), weights, ..Seen::default() });
    }
    let path = plan.made_models.get(name)?.model(run, report).ok()?;
    Some(Seen { name: name.to_owned(), path: absolute(&path), ..Seen::default() })
}

/// The weights with which a training from scratch began; nowhere on the disk, but what its checkpoints share.
fn fresh(run: &RunDir, step: usize) -> Seen {
    Seen {
        name: "fresh weights".to_owned(),
        path: absolute(run.path()).join(format!("step {step}")),
        ..Seen::default()
    }
}

/// What tells a data set from others: its content and which rows of it are used.
fn data_key(run: &RunDir, experiment: &Experiment, plan: &Plan, name: &str) -> Value {
    if let Some(output) = plan.made_data.get(name) {
        return json!([run.name(), output]);
    }
    let hash = plan.data.get(name).map(|data| &data.hash);
    let chosen = experiment.data.get(name).map(|d| json!([d.part, d.group, d.limit, d.columns, d.format]));
    json!([hash, chosen])
}

fn absolute(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// A model with what it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Shown name.
    pub name: String,
    /// What it is, in a sentence; empty for models that were there before.
    pub about: String,
    /// Its folder.
    pub path: PathBuf,
    /// The model that it was made of.
    pub parent: Option<usize>,
    /// The run that made it.
    pub made_by: Option<String>,
    /// How it was made: id of the method.
    pub how: Option<String>,
    /// Whether its step named it first among those it made.
    #[serde(skip)]
    is_first: bool,
}

/// A measurement of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Place of the model among the nodes.
    pub model: usize,
    /// The run.
    pub run: String,
    /// Index of the step.
    pub step: usize,
    /// Its headline numbers.
    pub scalars: Vec<Scalar>,
}

/// The same measurement of several models of a family, ancestors first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Id of the method.
    pub method: String,
    /// Id of the comparison: equal for equal settings and data.
    pub key: String,
    /// The newest measurement of every model.
    pub measured: Vec<Measured>,
}

impl Comparison {
    /// The measurement of the nearest model that `at` was made of.
    pub fn before(&self, lineage: &Lineage, at: usize) -> Option<&Measured> {
        let model = self.measured.get(at)?.model;
        lineage.ancestors(model).find_map(|above| self.measured.iter().find(|one| one.model == above))
    }
}

/// All models of the runs and how they descend.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lineage {
    /// The models.
    pub nodes: Vec<Node>,
    #[serde(skip)]
    steps: Vec<(Measured, String, String)>,
    /// The models that each run measured or made.
    #[serde(skip)]
    of_run: BTreeMap<String, BTreeSet<usize>>,
}

impl Lineage {
    /// Made of what the steps of the runs did, oldest run first.
    pub fn new<'a>(runs: impl IntoIterator<Item = (&'a str, &'a [Studied])>) -> Self {
        let (mut lineage, mut places) = (Self::default(), Places::default());
        for (run, steps) in runs {
            for (at, step) in steps.iter().enumerate() {
                let base = step.model.as_ref().map(|model| lineage.place(&mut places, model));
                for (nth, made) in step.made.iter().enumerate() {
                    let node = lineage.place(&mut places, made);
                    lineage.descend(node, base, (run, &step.method, nth));
                    lineage.of_run.entry(run.to_owned()).or_default().insert(node);
                }
                let Some(model) = base else { continue };
                lineage.of_run.entry(run.to_owned()).or_default().insert(model);
                let measured = Measured { model, run: run.to_owned(), step: at, scalars: step.scalars.clone() };
                lineage.steps.push((measured, step.method.clone(), step.key.clone()));
            }
        }
        lineage
    }

    /// The models above this one, the nearest first.
    pub fn ancestors(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let parent = move |node: &usize| self.nodes.get(*node).and_then(|n| n.parent);
        std::iter::successors(parent(&node), parent)
    }

    /// How many steps lie between a model and the one it all began with.
    pub fn depth(&self, node: usize) -> usize {
        self.ancestors(node).count()
    }

    /// The models that descend from the same ones as those of this run, each after the one it was made of.
    pub fn family(&self, run: &str) -> Vec<usize> {
        let own = self.of_run.get(run).into_iter().flatten();
        let roots: BTreeSet<usize> = own.map(|node| self.root(*node)).collect();
        let mut family = Vec::new();
        for root in roots {
            self.walk(root, &mut family);
        }
        family
    }

    /// The models that no model was the start of, and that others were made of.
    pub fn families(&self) -> Vec<Vec<usize>> {
        let roots = (0..self.nodes.len()).filter(|node| self.nodes[*node].parent.is_none());
        let family = |root| {
            let mut family = Vec::new();
            self.walk(root, &mut family);
            family
        };
        roots.map(family).filter(|family| family.len() > 1).collect()
    }

    /// Those of a family to show, and how many are left out: of the models that a step made only the first, unless the
    /// others were measured or something was made of them. A training leaves many checkpoints.
    pub fn looked_at(&self, family: &[usize]) -> (Vec<usize>, usize) {
        let measured: BTreeSet<usize> = self.steps.iter().map(|(one, ..)| one.model).collect();
        let is_parent = |node: usize| self.nodes.iter().any(|one| one.parent == Some(node));
        let is_first = |node: usize| self.nodes.get(node).is_some_and(|one| one.is_first);
        let is_shown = |node: &usize| measured.contains(node) || is_parent(*node) || is_first(*node);
        let kept: Vec<usize> = family.iter().copied().filter(is_shown).collect();
        let left_out = family.len() - kept.len();
        (kept, left_out)
    }

    /// What was measured alike on at least two models of a family, in the order of first use.
    pub fn comparisons(&self, family: &[usize]) -> Vec<Comparison> {
        let order: BTreeMap<usize, usize> = family.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let mut found: Vec<Comparison> = Vec::new();
        for (measured, method, key) in self.steps.iter().filter(|(one, ..)| order.contains_key(&one.model)) {
            let at = found.iter().position(|one| one.key == *key).unwrap_or_else(|| {
                found.push(Comparison { method: method.clone(), key: key.clone(), measured: Vec::new() });
                found.len() - 1
            });
            let Some(comparison) = found.get_mut(at) else { continue };
            comparison.measured.retain(|one| one.model != measured.model);
            comparison.measured.push(measured.clone());
        }
        found.retain(|comparison| comparison.measured.len() > 1);
        for comparison in &mut found {
            comparison.measured.sort_by_key(|one| order.get(&one.model));
        }
        found
    }

    /// Notes how a model came to be, unless that would make it its own ancestor.
    fn descend(&mut self, node: usize, base: Option<usize>, (run, how, nth): (&str, &str, usize)) {
        let is_above = |base: usize| base == node || self.ancestors(base).any(|above| above == node);
        let base = base.filter(|base| !is_above(*base));
        if let Some(node) = self.nodes.get_mut(node) {
            node.parent = base.or(node.parent);
            node.made_by = Some(run.to_owned());
            node.how = Some(how.to_owned());
            node.is_first = nth == 0;
        }
    }

    fn root(&self, node: usize) -> usize {
        self.ancestors(node).last().unwrap_or(node)
    }

    fn walk(&self, node: usize, into: &mut Vec<usize>) {
        into.push(node);
        for (child, _) in self.nodes.iter().enumerate().filter(|(_, one)| one.parent == Some(node)) {
            self.walk(child, into);
        }
    }

    fn place(&mut self, places: &mut Places, model: &Seen) -> usize {
        // Other weights at the old place are another model.
        let fits = |print: &str| print.is_empty() || model.weights.is_empty() || print == model.weights;
        let by_path = places.paths.get(&model.path).filter(|(_, print)| fits(print)).map(|(place, _)| *place);
        let same_weights = || places.weights.get(&model.weights).copied().filter(|_| !model.weights.is_empty());
        let place = by_path.or_else(same_weights).unwrap_or_else(|| {
            let Seen { name, about, path, .. } = model.clone();
            self.nodes.push(Node { name, about, path, parent: None, made_by: None, how: None, is_first: false });
            self.nodes.len() - 1
        });
        let known = places.paths.entry(model.path.clone()).or_default();
        *known = (place, if model.weights.is_empty() { std::mem::take(&mut known.1) } else { model.weights.clone() });
        if !model.weights.is_empty() {
            places.weights.entry(model.weights.clone()).or_insert(place);
        }
        place
    }
}

/// Where the models are that were met, by what tells them apart.
#[derive(Default)]
struct Places {
    paths: BTreeMap<PathBuf, (usize, String)>,
    weights: BTreeMap<String, usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str) -> Seen {
        Seen { name: name.to_owned(), path: PathBuf::from(name), ..Seen::default() }
    }

    fn measured(model: &str, key: &str, value: f64) -> Studied {
        Studied {
            method: "perplexity".to_owned(),
            key: key.to_owned(),
            model: Some(seen(model)),
            made: Vec::new(),
            scalars: vec![Scalar { id: "loss".to_owned(), value: Some(value), ..Scalar::default() }],
        }
    }

    fn made(base: Option<&str>, method: &str, model: &str) -> Studied {
        let (model, base) = (vec![seen(model)], base.map(seen));
        Studied { method: method.to_owned(), key: method.to_owned(), model: base, made: model, scalars: Vec::new() }
    }

    /// base → tuned → edited, with a stranger that was measured alike.
    fn example() -> Lineage {
        let a = [measured("base", "k", 3.0), made(Some("base"), "train", "tuned"), measured("tuned", "k", 1.0)];
        let b =
            [made(Some("tuned"), "unlearn", "edited"), measured("edited", "k", 2.5), measured("edited", "other", 0.0)];
        let c = [measured("stranger", "k", 9.0)];
        Lineage::new([("a", &a[..]), ("b", &b[..]), ("c", &c[..])])
    }

    #[test]
    fn a_family_holds_ancestors_and_descendants_in_order_and_no_strangers() {
        let lineage = example();
        let names = |family: Vec<usize>| family.iter().map(|n| lineage.nodes[*n].name.clone()).collect::<Vec<_>>();
        assert_eq!(names(lineage.family("b")), ["base", "tuned", "edited"]);
        assert_eq!(names(lineage.family("c")), ["stranger"]);
        assert_eq!(lineage.families().into_iter().map(names).collect::<Vec<_>>(), [["base", "tuned", "edited"]]);
        assert_eq!(lineage.depth(lineage.family("a")[2]), 2);
    }

    #[test]
    fn only_equal_measurements_of_relatives_are_compared() {
        let lineage = example();
        let found = lineage.comparisons(&lineage.family("a"));
        assert_eq!(found.len(), 1, "`other` was measured on one model only");
        let values = found[0].measured.iter().map(|one| one.scalars[0].value).collect::<Vec<_>>();
        assert_eq!(values, [Some(3.0), Some(1.0), Some(2.5)]);
        let before = |at| found[0].before(&lineage, at).map(|one| lineage.nodes[one.model].name.as_str());
        assert_eq!([before(0), before(1), before(2)], [None, Some("base"), Some("tuned")]);
    }

    #[test]
    fn a_model_without_its_own_measurement_is_passed_over() {
        let steps = [measured("base", "k", 3.0), made(Some("base"), "train", "tuned")];
        let later = [made(Some("tuned"), "unlearn", "edited"), measured("edited", "k", 2.0)];
        let lineage = Lineage::new([("a", &steps[..]), ("b", &later[..])]);
        let found = lineage.comparisons(&lineage.family("b"));
        assert_eq!(found[0].before(&lineage, 1).map(|one| one.run.as_str()), Some("a"), "the base is the before");
    }

    #[test]
    fn checkpoints_that_nobody_measured_are_counted_and_not_shown() {
        let mut training = made(None, "train", "final");
        training.made.push(seen("step 10"));
        training.model = Some(seen("fresh"));
        let steps = [training, measured("step 10", "k", 1.0), made(Some("final"), "unlearn", "edited")];
        let lineage = Lineage::new([("a", &steps[..2]), ("b", &steps[2..])]);
        assert_eq!(lineage.looked_at(&lineage.family("a")).1, 0, "`step 10` was measured");
        let lineage = Lineage::new([("a", &steps[..1]), ("b", &steps[2..])]);
        let (shown, left_out) = lineage.looked_at(&lineage.family("a"));
        assert_eq!((shown.len(), left_out), (3, 1));
    }

    #[test]
    fn the_newest_measurement_of_a_model_counts() {
        let runs = [[measured("m", "k", 1.0)], [measured("m", "k", 2.0)], [made(Some("m"), "train", "n")]];
        let again = [measured("n", "k", 3.0)];
        let lineage = Lineage::new([("a", &runs[0][..]), ("b", &runs[1][..]), ("c", &runs[2][..]), ("d", &again[..])]);
        let found = lineage.comparisons(&lineage.family("a"));
        let runs: Vec<&str> = found[0].measured.iter().map(|one| one.run.as_str()).collect();
        assert_eq!(runs, ["b", "d"]);
    }

    #[test]
    fn equal_weights_in_another_folder_are_the_same_model() {
        let print = |path: &str| Seen { weights: "sha256:1".to_owned(), ..seen(path) };
        let step = |path: &str| Studied { model: Some(print(path)), ..measured("", "k", 1.0) };
        let (first, copy) = ([step("here")], [step("copy")]);
        let lineage = Lineage::new([("a", &first[..]), ("b", &copy[..])]);
        assert_eq!(lineage.nodes.len(), 1);
    }

    #[test]
    fn other_weights_in_the_same_folder_are_another_model() {
        let step = |print: &str| Studied {
            model: Some(Seen { weights: print.to_owned(), ..seen("here") }),
            ..measured("", "k", 1.0)
        };
        let (first, other) = ([step("sha256:1")], [step("sha256:2")]);
        assert_eq!(Lineage::new([("a", &first[..]), ("b", &other[..])]).nodes.len(), 2);
    }

    #[test]
    fn nothing_descends_from_itself() {
        let steps = [made(Some("a"), "train", "b"), made(Some("b"), "train", "a"), made(Some("a"), "train", "a")];
        let lineage = Lineage::new([("run", &steps[..])]);
        assert_eq!(lineage.family("run").len(), 2);
    }
}
