//! An edit whose ratio moves: scores are computed once, cut anew for each ratio, and the cheap part of the battery says
//! what is gone and what it cost. The interactive counterpart of the method: the same scores, cuts and measurements.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::battery::{Measured, Metric, Side, metrics, passes};
use super::choose::{Cut, choose};
use super::config::Config;
use super::edit::{About, Edit};
use super::job::Job;
use super::scores::ScoreMap;
use super::sets::{Item, Sets, reproduced, sets};
use super::technique::{How, Technique};
use super::work::{about, check_numbers, origin};
use crate::data::Dataset;
use crate::engine::Decoder;
use crate::engine::weights::{read_json, save};
use crate::error::{Error, Result};
use crate::methods::common::tables::counted;
use crate::methods::common::texts::chunk_len;
use crate::methods::{Context, Host, LoadedModel};

/// What a session is made of.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Technique and settings; those about measuring apply too.
    pub config: Config,
    /// Seed of everything random.
    pub seed: u64,
    /// Texts of each set that are measured, from the start; scores are computed from all of them.
    pub rows: usize,
    /// Folders of steps in which a run may have kept these scores.
    pub kept: Vec<PathBuf>,
}

/// What a session knows before the ratio moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Shown name of the model.
    pub model: String,
    /// Scored weights or hidden units.
    pub n_scores: usize,
    /// Whether the scores are those that a run kept.
    pub is_kept: bool,
    /// Texts to forget, and how many of them are measured.
    pub forget: [usize; 2],
    /// Texts to retain, and how many of them are measured.
    pub retain: [usize; 2],
    /// Texts to forget that are long enough for the memorization check, among those that are measured.
    pub n_checked: usize,
    /// The model before the technique, with the edits it starts from.
    pub before: Reading,
    /// Sentences about what was left out.
    pub notes: Vec<String>,
}

/// The cheap part of the battery. Absent where there is no text to measure it on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Share of the texts to forget that are reproduced exactly: l tokens after k.
    pub exact: Option<f64>,
    /// Token accuracy on texts to forget.
    pub forget_accuracy: Option<f64>,
    /// Mean loss of texts to forget, nats/token.
    pub forget_loss: Option<f64>,
    /// Token accuracy on texts to retain.
    pub retain_accuracy: Option<f64>,
    /// Mean loss of texts to retain, nats/token.
    pub retain_loss: Option<f64>,
}

/// What a ratio does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Fraction removed.
    pub ratio: f64,
    /// Numbers that became 0.
    pub n_zeroed: usize,
    /// Numbers of the whole model.
    pub n_parameters: usize,
    /// What is measured then.
    pub reading: Reading,
}

/// Whether the ratio of a technique can move without computing everything anew.
pub fn can_move(technique: &Technique) -> bool {
    matches!(technique.how, How::Localize(_))
}

/// Scores of a model, and texts to measure on. The model itself is never changed.
pub struct Live {
    setup: Setup,
    /// The model with the edits it starts from; shares its numbers.
    start: Decoder,
    /// The first texts to forget and to retain.
    texts: [Vec<Item>; 2],
    data: Dataset,
    scores: ScoreMap,
    about: About,
    facts: Facts,
}

impl Live {
    /// Reads the texts, finds or computes the scores, measures the model as it is.
    ///
    /// # Errors
    /// A technique without scores, those of the method, `Cancelled` when `host` does not want it any more.
    pub fn start(
        base: &LoadedModel,
        setup: Setup,
        data: &BTreeMap<String, Vec<Dataset>>,
        host: &mut dyn Host,
    ) -> Result<Self> {
        let config = &setup.config;
        let technique = config.technique()?;
        if !can_move(technique) {
            return Err(Error::config(format!(
                "the technique `{}` has no scores that could be cut anew",
                technique.id
            ))
            .hint("start a run, with several `ratios` to see them beside each other"));
        }
        super::config::check(config)?;
        let mut start = base.decoder.shared();
        for folder in &config.apply {
            Edit::load(Path::new(folder))?.apply(&mut start).map_err(|e| e.at(Path::new(folder)))?;
        }
        let models = BTreeMap::new();
        let mut cx = Context { host, seed: setup.seed, models: &models, data, step: "live".to_owned() };
        let sets = sets(config, technique, base, &mut cx)?;
        let about = about(config, technique, base, &sets, 0.0, setup.seed)?;
        let (scores, is_kept) = scores(&setup, technique, base, &sets, &start, &mut cx)?;
        let first = |items: &[Item]| items.iter().take(setup.rows).cloned().collect::<Vec<_>>();
        let texts = [first(&sets.forget), first(&sets.retain)];
        let facts = Facts {
            model: base.name.clone(),
            n_scores: scores.len(),
            is_kept,
            forget: [sets.forget.len(), texts[0].len()],
            retain: [sets.retain.len(), texts[1].len()],
            n_checked: texts[0].iter().take(config.generated_rows).filter(|i| i.probe.is_some()).count(),
            before: Reading::default(),
            notes: sets.notes.clone(),
        };
        // Of the data only the names are needed from here on.
        let data = Dataset { name: sets.data.name.clone(), ..Dataset::default() };
        let mut live = Self { setup, start, texts, data, scores, about, facts };
        live.facts.before = live.reading(base, &live.start, &|| true)?;
        Ok(live)
    }

    /// What is known before the ratio moves.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The copy with this fraction removed, and its edit.
    ///
    /// # Errors
    /// A ratio that selects nothing.
    pub fn cut(&self, base: &LoadedModel, ratio: f64) -> Result<(Decoder, Edit)> {
        let mut model = self.start.shared();
        let config = &self.setup.config;
        let cut = Cut { ratio, rounding: config.rounding, is_paper: config.is_paper() };
        if ratio > 0.0 {
            choose(&model, &self.scores, cut, About::default())?.edit.apply(&mut model)?;
        }
        check_numbers(&model, &self.start)?;
        let mut about = self.about.clone();
        if let Some(place) = about.settings.pointer_mut("/knobs/ratio") {
            *place = ratio.into();
        }
        let edit = Edit::between(&base.decoder, &model, about);
        Ok((model, edit))
    }

    /// Removes this fraction from a copy and measures it.
    ///
    /// # Errors
    /// A ratio that selects nothing; `Cancelled` once it is not wanted any more.
    pub fn at(&self, base: &LoadedModel, ratio: f64, is_wanted: &dyn Fn() -> bool) -> Result<Point> {
        let (model, edit) = self.cut(base, ratio)?;
        let n_zeroed = edit.parts.iter().map(super::edit::Part::n_zeroed).sum();
        let n_parameters = model.params.n_elements();
        Ok(Point { ratio, n_zeroed, n_parameters, reading: self.reading(base, &model, is_wanted)? })
    }

    /// Writes the copy with this fraction removed as a model folder, which must not exist or be empty.
    ///
    /// # Errors
    /// A ratio that selects nothing, an existing folder, a full disk, a missing permission.
    pub fn keep(&self, base: &LoadedModel, ratio: f64, folder: &Path) -> Result<()> {
        let (model, _) = self.cut(base, ratio)?;
        save(folder, &model, &read_json(&base.path.join("config.json"))?, Some(&base.path))
    }

    fn reading(&self, base: &LoadedModel, model: &Decoder, is_wanted: &dyn Fn() -> bool) -> Result<Reading> {
        let [forget, retain] = &self.texts;
        let config = &self.setup.config;
        let mut found = Measured {
            forget: self.side(model, forget, is_wanted)?,
            retain: self.side(model, retain, is_wanted)?,
            ..Measured::default()
        };
        // Whether a text is reproduced needs no decoding: what matches is the true continuation.
        let checked = forget.get(..config.generated_rows.min(forget.len())).unwrap_or_default();
        let exact = reproduced(config, model, checked)?;
        let generated = checked.iter().zip(exact).map(|(item, exact)| super::battery::Generated {
            probe: item.probe.as_ref().map(|p| if exact == Some(true) { p.continuation.clone() } else { Vec::new() }),
            answer: None,
        });
        found.forget.generated = generated.collect();
        let sets = Sets::of_texts(forget.clone(), retain.clone(), &self.data);
        Ok(Reading::of(&metrics(config, base, &sets, &found, None)))
    }

    fn side(&self, model: &Decoder, items: &[Item], is_wanted: &dyn Fn() -> bool) -> Result<Side> {
        let chunk = chunk_len(items.iter().map(|i| i.text.ids.len()), self.setup.config.batch_tokens);
        let mut side = Side::default();
        for items in items.chunks(chunk.max(1)) {
            if !is_wanted() {
                return Err(Error::Cancelled);
            }
            side.passes.extend(passes(model, items)?);
        }
        Ok(side)
    }
}

impl Reading {
    fn of(list: &[Metric]) -> Self {
        let value = |id: &str| list.iter().find(|m| m.id == id)?.value;
        Self {
            exact: value("forget.exact"),
            forget_accuracy: value("forget.accuracy"),
            forget_loss: value("forget.loss"),
            retain_accuracy: value("retain.accuracy"),
            retain_loss: value("retain.loss"),
        }
    }
}

/// Scores that a run kept, or new ones; and whether they were kept.
fn scores<'h>(
    setup: &Setup,
    technique: &'static Technique,
    base: &'h LoadedModel,
    sets: &Sets<'h>,
    start: &Decoder,
    cx: &mut Context<'h>,
) -> Result<(ScoreMap, bool)> {
    let How::Localize(rule) = &technique.how else { return Err(Error::bug("scores of a technique without")) };
    let config = &setup.config;
    let mut job = Job {
        cx,
        model: start.shared(),
        base,
        sets,
        knobs: config.knobs()?,
        config,
        notes: Vec::new(),
        curves: Vec::new(),
        stage: format!("scores of {}", counted(sets.forget.len(), "text")),
    };
    let origin = origin(&job, technique);
    for folder in &setup.kept {
        // A run that is being written, or thrown away, only costs the time of computing them again.
        if let Ok(Some(map)) = ScoreMap::load(folder, &origin) {
            return Ok((map, true));
        }
    }
    let tensors = rule.scores(&mut job)?;
    let map = ScoreMap { kind: rule.kind(), rule: rule.rule(), tensors, origin };
    map.check()?;
    Ok((map, false))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::data::Record;
    use crate::methods::Table;
    use crate::methods::unlearn::testing::{config as tiny_config, tiny};

    /// Keeps files in a folder, and stops after so many calls of `progress`.
    struct Folder(tempfile::TempDir, usize);

    impl Host for Folder {
        fn progress(&mut self, _: &str, _: u64, _: u64) -> bool {
            self.1 = self.1.saturating_sub(1);
            self.1 > 0
        }
        fn warn(&mut self, _: &str) {}
        fn metric(&mut self, _: &str, _: u64, _: f64) {}
        fn restore(&mut self, _: &str, _: usize) -> Result<Option<Vec<u8>>> {
            Ok(None)
        }
        fn keep(&mut self, _: &str, _: &[u8]) -> Result<()> {
            Ok(())
        }
        fn rows(&mut self, _: Table) -> Result<()> {
            Ok(())
        }
        fn folder(&mut self) -> Result<PathBuf> {
            Ok(self.0.path().to_owned())
        }
    }

    fn host() -> Folder {
        Folder(tempfile::tempdir().unwrap(), usize::MAX)
    }

    fn rows(n: usize, first: u32) -> Vec<Dataset> {
        let record = |i: usize| {
            let ids = (0..10).map(|j| (first + 3 * i as u32 + j * j) % 13).collect();
            Record { row: i, token_ids: Some(ids), ..Record::default() }
        };
        vec![Dataset { name: "rows".to_owned(), records: (0..n).map(record).collect(), ..Dataset::default() }]
    }

    fn data() -> BTreeMap<String, Vec<Dataset>> {
        [("forget".to_owned(), rows(6, 0)), ("retain".to_owned(), rows(5, 1))].into()
    }

    fn base() -> LoadedModel {
        LoadedModel { name: "tiny".to_owned(), path: PathBuf::new(), decoder: tiny("gpt2", 1), tokenizer: None }
    }

    fn setup(technique: &str) -> Setup {
        let config = json!({"technique": technique, "ratio": 0.3, "ratios": [0.1, 0.5], "k": 3, "l": 2,
            "save_model": false});
        Setup { config: serde_json::from_value(config).unwrap(), seed: 5, rows: 100, kept: Vec::new() }
    }

    fn bits(model: &Decoder) -> Vec<u32> {
        model.params.iter().flat_map(|(_, w)| w.values().iter().map(|x| x.to_bits()).collect::<Vec<_>>()).collect()
    }

    /// The table by ratio of a run, and its scalars.
    fn run(technique: &str, host: &mut Folder) -> crate::methods::Report {
        let models = [("model".to_owned(), vec![base()])].into();
        let data = data();
        let mut cx = Context { host, seed: 5, models: &models, data: &data, step: "0".to_owned() };
        super::super::work::run(&setup(technique).config, &mut cx).unwrap()
    }

    #[test]
    fn numbers_at_a_ratio_are_those_of_a_run_and_the_model_is_not_touched() {
        for technique in ["durable", "zero-taylor", "random-weights"] {
            let report = run(technique, &mut host());
            let scalar = |id: &str| report.scalars.iter().find(|s| s.id == id).unwrap().value;
            let base = base();
            let untouched = bits(&base.decoder);
            let live = Live::start(&base, setup(technique), &data(), &mut host()).unwrap();
            let point = live.at(&base, 0.3, &|| true).unwrap();
            let numbers = |r: Reading| [r.exact, r.forget_accuracy, r.forget_loss, r.retain_accuracy, r.retain_loss];
            let ids = ["forget.exact", "forget.accuracy", "forget.loss", "retain.accuracy", "retain.loss"];
            let wanted = |side: &str| ids.map(|id| scalar(&format!("{side}.{id}")));
            assert_eq!(numbers(point.reading), wanted("after"), "{technique}");
            assert_eq!(numbers(live.facts().before), wanted("before"), "{technique}");
            assert_ne!(wanted("before"), wanted("after"), "{technique} does something");
            assert_eq!(Some(point.n_zeroed as f64), scalar("edit.zeroed"), "{technique}");
            let table = report.tables.iter().find(|t| t.id == "ratios").unwrap();
            let by_ratio = |name: &str| table.columns.iter().find(|c| c.name == name).unwrap().values.clone();
            let again = [0.3, 0.1, 0.5].map(|ratio| live.at(&base, ratio, &|| true).unwrap().reading.retain_accuracy);
            assert_eq!(by_ratio("retain_accuracy"), crate::methods::Values::Float(again.to_vec()), "{technique}");
            assert_eq!(bits(&base.decoder), untouched, "{technique}");
            assert_eq!(live.at(&base, 0.0, &|| true).unwrap().reading, live.facts().before);
        }
    }

    #[test]
    fn scores_that_a_run_kept_are_found() {
        let mut kept = host();
        run("durable", &mut kept);
        let base = base();
        let at = |folder: &Path| {
            let setup = Setup { kept: vec![PathBuf::from("nowhere"), folder.to_owned()], ..setup("durable") };
            let live = Live::start(&base, setup, &data(), &mut host()).unwrap();
            (live.facts().is_kept, live.at(&base, 0.3, &|| true).unwrap())
        };
        let ((is_kept, point), (is_new, same)) = (at(kept.0.path()), at(Path::new("nowhere")));
        assert_eq!((is_kept, is_new, point), (true, false, same));
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let (base, data) = (base(), data());
        let refused =
            |technique: &str| Live::start(&base, setup(technique), &data, &mut host()).err().unwrap().to_string();
        assert!(refused("balanced-subnet").contains("has no scores that could be cut anew"));
        let stopped = Live::start(&base, setup("zero"), &data, &mut Folder(tempfile::tempdir().unwrap(), 2));
        assert!(matches!(stopped, Err(Error::Cancelled)));
        let live = Live::start(&base, setup("durable"), &data, &mut host()).unwrap();
        let error = live.at(&base, 1e-6, &|| true).unwrap_err().to_string();
        assert!(error.contains("is not even one"), "{error}");
        assert!(matches!(live.at(&base, 0.3, &|| false), Err(Error::Cancelled)));
        let few = Live::start(&base, Setup { rows: 2, ..setup("durable") }, &data, &mut host()).unwrap();
        assert_eq!((few.facts().forget, few.facts().retain), ([6, 2], [4, 2]), "one text is in both sets");
    }

    #[test]
    fn a_cut_is_kept_as_a_model_folder() {
        let source = tempfile::tempdir().unwrap();
        std::fs::write(source.path().join("config.json"), tiny_config("gpt2").to_string()).unwrap();
        let base = LoadedModel { path: source.path().to_owned(), ..base() };
        let live = Live::start(&base, setup("durable"), &data(), &mut host()).unwrap();
        let folder = source.path().join("kept");
        live.keep(&base, 0.3, &folder).unwrap();
        let opened = crate::engine::weights::open(&folder).unwrap().load(crate::engine::Device::Cpu).unwrap();
        assert_eq!(bits(&opened.decoder), bits(&live.cut(&base, 0.3).unwrap().0));
    }
}
