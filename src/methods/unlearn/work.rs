//! The run: measure, edit, measure.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::battery::{Measured, Metric, facts, measure, metrics, quiz};
use super::choose::{Cut, choose};
use super::config::{Config, Trained};
use super::cost;
use super::course::Course;
use super::edit::{About, Edit};
use super::job::Job;
use super::loss::train::train;
use super::report::{self, Found, Outcome};
use super::robustness::{self, Findings};
use super::scores::{Origin, ScoreMap};
use super::sets::{Sets, sets};
use super::technique::{How, Technique};
use crate::engine::weights::{read_json, save};
use crate::engine::{Decoder, ParamId};
use crate::error::{Error, Result};
use crate::methods::{Amount, Context, LoadedModel, Made, Report, Work};

/// For the time estimate.
pub(super) fn work(config: &Config, amount: &Amount) -> Work {
    let tokens = |slot: &str| amount.tokens.get(slot).copied().unwrap_or(0);
    let rows = |slot: &str| amount.texts.get(slot).copied().unwrap_or(0);
    let measured = tokens("forget") + tokens("retain") + tokens("holdout");
    let (Ok(technique), Ok(ratios), Ok(own)) = (config.technique(), config.all_ratios(), cost::passes(config, amount))
    else {
        return Work::default();
    };
    let phases = 1 + ratios.len() as u64;
    let generated =
        ["forget", "retain", "holdout"].map(|s| rows(s).min(config.generated_rows as u64)).iter().sum::<u64>();
    let decoded = phases * generated * config.l as u64 / 2;
    let asked = phases * questions(config, amount);
    let tried = robustness::work(config, amount);
    let fleeting = (tried.fleeting_tokens + asked).saturating_add(own.forward);
    Work {
        // What the technique and what tries the edit read leaves no rows.
        forward_tokens: (phases * measured + decoded + tried.forward_tokens - tried.fleeting_tokens)
            .saturating_add(fleeting),
        backward_tokens: own.backward.saturating_add(tried.backward_tokens),
        decoded_tokens: decoded + tried.decoded_tokens,
        fleeting_tokens: fleeting,
        vectors: tried.vectors.max(held(technique, config)),
        ..Work::default()
    }
}

/// Tokens of the questions to one model: six a person, each with four options twice.
fn questions(config: &Config, amount: &Amount) -> u64 {
    const A_PERSON: u64 = 6 * 4 * 2 * 22;
    let rows = amount.with_facts.values().map(|rows| (*rows).min(config.qa_people as u64));
    rows.sum::<u64>() * A_PERSON
}

/// Vectors as long as the model that a technique holds: what it changes, and what its optimizer keeps.
fn held(technique: &Technique, config: &Config) -> u64 {
    match &technique.how {
        How::Objective(_) if config.train == Trained::Lora => 1,
        // the copy and two moments
        How::Objective(_) => 3,
        // Of the feed-forward matrices, about half of a model: the copy, and weights, scores and velocity of the mask,
        // less the gradients of everything else, which are not formed.
        How::Edit(_) | How::Localize(_) => 1,
    }
}

pub(super) fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let (technique, base) = (config.technique()?, cx.model("model")?);
    let mut start = base.decoder.shared();
    for folder in &config.apply {
        Edit::load(Path::new(folder))?.apply(&mut start).map_err(|e| e.at(Path::new(folder)))?;
    }
    let sets = sets(config, technique, base, cx)?;
    let reference = match cx.models("reference").first() {
        Some(model) => {
            check_same_tokens(base, model)?;
            Some(measure(config, cx, &model.decoder, &sets, "reference")?)
        }
        None => None,
    };
    let before = measure(config, cx, &base.decoder.shared(), &sets, "before")?;
    let quiz = quiz(config, base, &sets, cx.seed);
    let list = |cx: &mut Context<'_>, model: &Decoder, found: &Measured, phase: &str| -> Result<Vec<Metric>> {
        let mut list = metrics(config, base, &sets, found, reference.as_ref());
        list.extend(facts(quiz.as_ref(), cx, base, model, phase)?);
        Ok(list)
    };
    let mut found = Found {
        config,
        technique,
        base,
        sets: &sets,
        seed: cx.seed,
        before: list(cx, &base.decoder, &before, "before")?,
        before_raw: before,
        outcomes: Vec::new(),
        scores: None,
        n_scores: None,
        curves: Vec::new(),
        notes: Vec::new(),
        models: Vec::new(),
        robustness: Findings::default(),
    };
    let ratios = config.all_ratios()?;
    for (i, ratio) in ratios.iter().enumerate() {
        let phase = if ratios.len() == 1 { "after".to_owned() } else { format!("after {ratio}") };
        let (model, edit, n_tied) = edited(config, technique, cx, base, &sets, &start, *ratio, &phase, &mut found)?;
        let raw = measure(config, cx, &model, &sets, &phase)?;
        let metrics = list(cx, &model, &raw, &phase)?;
        if i == 0 {
            let name = if ratios.len() == 1 { "edited".to_owned() } else { format!("edited-{ratio}") };
            keep(config, cx, &model, base, &name, &mut found.models)?;
            found.robustness = robustness::run(config, cx, base, &model, &sets)?;
        }
        found.outcomes.push(Outcome { ratio: *ratio, edit, n_tied, metrics, raw });
    }
    Ok(report::report(found))
}

/// The copy after the technique, its edit against the model as it came, and ties among scores.
#[expect(clippy::too_many_arguments, reason = "what a ratio shares with the others")]
fn edited<'h>(
    config: &Config,
    technique: &Technique,
    cx: &mut Context<'h>,
    base: &'h LoadedModel,
    sets: &Sets<'h>,
    start: &Decoder,
    ratio: f64,
    phase: &str,
    found: &mut Found<'_>,
) -> Result<(Decoder, Edit, usize)> {
    let folder = cx.host.folder()?.join(format!("edit-{ratio}"));
    let about = about(config, technique, base, sets, ratio, cx.seed)?;
    if let Some((edit, course)) = known(&folder, &about)? {
        // An interrupted run made it.
        let mut model = base.decoder.shared();
        edit.apply(&mut model)?;
        let n_tied = course.n_tied;
        found.take(course);
        return Ok((model, edit, n_tied));
    }
    let mut job = Job {
        cx,
        model: start.shared(),
        base,
        sets,
        knobs: config.knobs()?,
        config,
        notes: Vec::new(),
        curves: Vec::new(),
        stage: if phase == "after" { "edit".to_owned() } else { format!("edit {ratio}") },
    };
    let mut n_tied = 0;
    match &technique.how {
        How::Localize(_) => n_tied = remove_scored(&mut job, technique, ratio, found)?,
        How::Edit(rule) => rule.edit(&mut job, ratio)?,
        How::Objective(make) => train(&mut job, *make)?,
    }
    check_numbers(&job.model, start)?;
    let edit = Edit::between(&base.decoder, &job.model, about);
    let mut curves = std::mem::take(&mut job.curves);
    if phase != "after" {
        for curve in &mut curves {
            curve.name = format!("{}, ratio {ratio}", curve.name);
        }
    }
    let course = Course { curves, notes: std::mem::take(&mut job.notes), n_tied, n_scores: found.n_scores };
    course.save(&folder)?;
    // Last, for it says that all is there.
    edit.save(&folder)?;
    found.take(course);
    Ok((job.model, edit, n_tied))
}

/// Removes what has the highest scores from the copy; gives the number of ties.
fn remove_scored(job: &mut Job<'_, '_>, technique: &Technique, ratio: f64, found: &mut Found<'_>) -> Result<usize> {
    let scores = scores(job, technique, found)?;
    let cut = Cut { ratio, rounding: job.config.rounding, is_paper: job.config.is_paper() };
    let chosen = choose(&job.model, scores, cut, About::default())?;
    chosen.edit.apply(&mut job.model)?;
    if chosen.edit.is_empty() {
        let n = job.model.config.d_ff;
        job.notes.push(format!("Nothing was removed: {ratio} of {n} hidden units is less than one of a layer."));
    }
    Ok(chosen.n_tied)
}

/// The scores of a localization: from an earlier ratio or an interrupted run, or computed now and kept.
fn scores<'f>(job: &mut Job<'_, '_>, technique: &Technique, found: &'f mut Found<'_>) -> Result<&'f ScoreMap> {
    if found.scores.is_none() {
        let How::Localize(rule) = &technique.how else { return Err(Error::bug("scores of a technique without")) };
        let folder = job.cx.host.folder()?;
        let origin = origin(job, technique);
        let map = if let Some((map, course)) = ScoreMap::load(&folder, &origin)?.zip(Course::load(&folder)?) {
            // An edit of an earlier ratio has said it already.
            if found.n_scores.is_none() {
                (job.curves, job.notes) = (course.curves, course.notes);
            }
            map
        } else {
            let tensors = rule.scores(job)?;
            let map = ScoreMap { kind: rule.kind(), rule: rule.rule(), tensors, origin };
            map.check()?;
            let (curves, notes) = (job.curves.clone(), job.notes.clone());
            Course { curves, notes, ..Course::default() }.save(&folder)?;
            map.save(&folder)?;
            map
        };
        found.n_scores = Some(map.len());
        found.scores = Some(map);
    }
    found.scores.as_ref().ok_or_else(|| Error::bug("scores were not kept"))
}

/// Where the scores of a technique come from: enough to tell them from others.
pub(super) fn origin(job: &Job<'_, '_>, technique: &Technique) -> Origin {
    let settings: Value =
        job.knobs.iter().filter(|(k, _)| *k != "ratio").map(|(k, v)| (k.to_owned(), json!(v))).collect();
    Origin {
        technique: technique.id.to_owned(),
        settings: json!({"settings": settings, "k": job.config.k, "compat": job.config.compat}),
        seed: job.cx.seed,
        base: fingerprint(&job.model),
        texts: texts(job.sets),
    }
}

/// The edit that an interrupted run made in this folder for the same work, and what was said on the way.
fn known(folder: &Path, about: &About) -> Result<Option<(Edit, Course)>> {
    if !folder.join("edit.json").exists() {
        return Ok(None);
    }
    let edit = Edit::load(folder)?;
    let same = edit.about.technique == about.technique && edit.about.settings == about.settings;
    Ok(if same { Course::load(folder)?.map(|course| (edit, course)) } else { None })
}

/// What an edit says about itself: enough to tell the same work from other work.
pub(super) fn about(
    config: &Config,
    technique: &Technique,
    base: &LoadedModel,
    sets: &Sets<'_>,
    ratio: f64,
    seed: u64,
) -> Result<About> {
    let mut knobs = serde_json::Map::new();
    for (name, value) in config.knobs()?.iter() {
        knobs.insert(name.to_owned(), json!(if name == "ratio" { ratio } else { value }));
    }
    let settings = json!({"knobs": knobs, "train": config.train, "lora_rank": config.lora_rank, "retain_loss": config.retain_loss, "rounding": config.rounding,
        "compat": config.compat, "apply": config.apply, "seed": seed, "texts": texts(sets), "k": config.k, "l": config.l});
    Ok(About { technique: technique.id.to_owned(), settings, base: base.name.clone(), parameters: Vec::new() })
}

/// Fingerprint of the texts that a technique sees.
fn texts(sets: &Sets<'_>) -> String {
    let mut hash = Sha256::new();
    for set in [&sets.forget, &sets.retain] {
        for item in set {
            item.text.ids.iter().for_each(|id| hash.update(id.to_le_bytes()));
            hash.update(u32::MAX.to_le_bytes());
            hash.update(item.counted.to_le_bytes());
        }
        hash.update(b"|");
    }
    hex(&hash.finalize())
}

/// Fingerprint of the numbers of a model.
fn fingerprint(model: &Decoder) -> String {
    let mut hash = Sha256::new();
    for (_, weight) in model.params.iter() {
        hash.update(weight.name.as_bytes());
        hash.update(weight.bytes());
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |b: u8| char::from_digit(u32::from(b), 16).unwrap_or('0');
    bytes.iter().take(16).flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// Refuses an edit that left numbers that are none.
pub(super) fn check_numbers(model: &Decoder, start: &Decoder) -> Result<()> {
    let changed = |id: ParamId| !model.params.get(id).is_shared_with(start.params.get(id));
    let bad = model.params.iter().find(|(id, w)| changed(*id) && w.values().iter().any(|x| !x.is_finite()));
    match bad {
        Some((_, w)) => Err(Error::data(format!("the technique diverged: {} holds numbers that are none", w.name))
            .hint("lower lr, epochs or max_steps")),
        None => Ok(()),
    }
}

fn check_same_tokens(base: &LoadedModel, other: &LoadedModel) -> Result<()> {
    let (own, found) = (base.decoder.config.vocab_size, other.decoder.config.vocab_size);
    if own == found {
        return Ok(());
    }
    Err(Error::config(format!("reference: {} has {found} tokens and {} has {own}", other.name, base.name))
        .hint("give a model with the same tokenizer"))
}

/// Writes the edited model as a folder of its own, where it is wanted.
fn keep(
    config: &Config,
    cx: &mut Context<'_>,
    model: &Decoder,
    base: &LoadedModel,
    name: &str,
    models: &mut Vec<Made>,
) -> Result<()> {
    if !config.save_model {
        return Ok(());
    }
    let path = cx.host.folder()?.join(name);
    // An interrupted run may have written it; it is written completely or not at all.
    if !path.join("config.json").exists() {
        let original = read_json(&base.path.join("config.json"))?;
        save(&path, model, &original, Some(&base.path))?;
    }
    let about = format!("{} after {}", base.name, config.technique);
    models.push(Made { name: name.to_owned(), path, about });
    Ok(())
}
