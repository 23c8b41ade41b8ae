//! What a run will need: memory, exactly enough to refuse it, and time, honestly "about".

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inputs;
use super::plan::{Plan, PlannedModel, PlannedStep};
use crate::data::{Dataset, Record, Tokenizer};
use crate::engine::generate::GenerateConfig;
use crate::engine::score::score_tokens;
use crate::engine::{Decoder, Device, Place, Precision, Real, Want, cuda};
use crate::error::{Error, Result};
use crate::methods::{self, Amount, Work};

/// Texts that are tokenized to know how long the others are.
const SAMPLE_TEXTS: usize = 200;
/// A backward pass costs two more products for each of the forward pass.
const BACKWARD_COST: f64 = 2.0;
/// Decoding streams the weights once a token instead of once a block of tokens.
const DECODE_COST: f64 = 4.0;
/// Bytes of tables, journal and figures that the methods leave for each token, measured on the sample; and for a run.
const DISK_PER_TOKEN: u64 = 45;
const DISK_PER_RUN: u64 = 30_000;
/// Bytes of a number of a vector.
const BYTES: u64 = size_of::<Real>() as u64;
/// Models above this size are not run just for an estimate.
const CALIBRATION_PARAMETERS: u64 = 2_000_000_000;

/// Memory and time of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Bytes of the device's memory at the peak.
    pub memory_bytes: u64,
    /// Bytes that were free when the plan was made.
    pub available_bytes: u64,
    /// Bytes that the folder of the run will take, within a factor of about two.
    #[serde(default)]
    pub disk_bytes: u64,
    /// Tokens through models, over all steps.
    pub work: Work,
    /// Seconds, within a factor of about two; absent when nothing is known.
    pub about_secs: Option<f64>,
}

impl Estimate {
    /// Fails when the memory of `device` does not suffice.
    pub fn check(&self, device: Device) -> Result<()> {
        if self.memory_bytes <= self.available_bytes || self.available_bytes == 0 {
            return Ok(());
        }
        Err(Error::device(format!(
            "this needs about {} of memory, and {} are free{}",
            bytes_text(self.memory_bytes),
            bytes_text(self.available_bytes),
            if device == Device::Cpu { String::new() } else { format!(" on {device}") }
        ))
        .hint(match device {
            Device::Cpu => "close other programs, use a smaller model, or run it on a larger machine",
            Device::Cuda(_) => "close other programs on the card, use a smaller model, or the device `cpu`",
        }))
    }
}

/// The estimate of a plan, and sentences about rows that will be left out; `calibrate` runs a few tokens through each
/// model to learn its speed. Fails when no row is long enough for its method.
pub fn estimate(
    plan: &Plan,
    place: Place,
    data: &BTreeMap<String, Dataset>,
    calibrate: bool,
) -> Result<(Estimate, Vec<String>)> {
    let mut warnings = Vec::new();
    let mut total = Estimate { available_bytes: available_on(place.device), ..Estimate::default() };
    let mut secs = Some(0.0);
    let mut speeds: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for step in &plan.steps {
        let work = step_work(plan, step, data, &mut warnings)?;
        let models = step.inputs.values().flatten().filter_map(|name| plan.models.get(name));
        let cached = if work.decoded_tokens > 0 { cached_tokens(step)? } else { 0 };
        let needed: u64 = models.map(|model| model_bytes(model, work, place) + cached * model.cache_bytes).sum();
        let longest = step.model().and_then(|name| plan.models.get(name)).map_or(0, |model| model.parameters);
        let needed = needed.saturating_add(work.vectors.saturating_mul(longest).saturating_mul(BYTES));
        total.memory_bytes = total.memory_bytes.max(needed.saturating_add(work.own_bytes));
        total.work.kept_bytes += work.kept_bytes;
        total.work.forward_tokens += work.forward_tokens;
        total.work.backward_tokens += work.backward_tokens;
        total.work.decoded_tokens += work.decoded_tokens;
        total.work.fleeting_tokens += work.fleeting_tokens;
        let speed = match step.model().and_then(|name| plan.models.get_key_value(name)) {
            Some((name, model)) if calibrate => *speeds.entry(name).or_insert_with(|| tokens_per_sec(model, place)),
            _ => None,
        };
        secs = secs.zip(speed).map(|(secs, speed)| secs + cost(work) / speed);
    }
    if place.device == Device::Cpu {
        total.memory_bytes += data_bytes(data);
    }
    total.about_secs = secs;
    let written = total.work.forward_tokens - total.work.fleeting_tokens + total.work.decoded_tokens;
    total.disk_bytes = DISK_PER_RUN + DISK_PER_TOKEN * written + total.work.kept_bytes;
    Ok((total, warnings))
}

/// Bytes of all rows.
fn data_bytes(data: &BTreeMap<String, Dataset>) -> u64 {
    data.values().flat_map(|set| &set.records).map(record_bytes).sum()
}

/// Bytes for people: `512 MB`, `1.4 GB`.
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(value < 10.0 && unit > 0);
    format!("{value:.digits$} {}", UNITS.get(unit).unwrap_or(&""))
}

/// Memory of a device that can still be taken; zero when it does not say.
fn available_on(device: Device) -> u64 {
    match device {
        Device::Cpu => available_memory(),
        Device::Cuda(number) => {
            let cards = cuda::cards().cards;
            cards.iter().find(|card| card.number == number).and_then(|card| card.free).unwrap_or(0)
        }
    }
}

/// Main memory that programs can still take; zero when the system does not say.
pub fn available_memory() -> u64 {
    sysinfo::System::new().map_or(0, |mut system| {
        system.refresh_memory();
        system.available_memory()
    })
}

/// Tokens in units of a forward token.
pub(super) fn cost(work: Work) -> f64 {
    work.forward_tokens as f64 + BACKWARD_COST * work.backward_tokens as f64 + DECODE_COST * work.decoded_tokens as f64
}

fn step_work(
    plan: &Plan,
    step: &PlannedStep,
    data: &BTreeMap<String, Dataset>,
    warnings: &mut Vec<String>,
) -> Result<Work> {
    let method = methods::find(&step.method)?;
    if step.inputs.values().flatten().any(|name| plan.made_data.contains_key(name)) {
        // nobody knows yet how much there will be
        return Ok(Work::default());
    }
    let needs = method.row_needs(&step.config)?;
    let model = step.model().and_then(|name| plan.models.get(name));
    let tokenizer = match model {
        Some(model) if model.has_tokenizer => Some(Tokenizer::load(&model.path)?),
        _ => None,
    };
    let n_ctx = model.map_or(usize::MAX, |model| model.n_ctx);
    // In every method `limit` means the first rows of each data set.
    let limit = step.config.get("limit").and_then(Value::as_u64).map_or(usize::MAX, |n| n as usize);
    let mut amount = Amount {
        parameters: model.map_or(0, |model| model.parameters),
        n_layer: model.map_or(0, |model| model.n_layer as u64),
        d_ff: model.map_or(0, |model| model.d_ff as u64),
        ..Amount::default()
    };
    for (slot, names) in &step.inputs {
        let sets: Vec<&Dataset> = names.iter().filter_map(|name| data.get(name)).collect();
        if sets.is_empty() {
            amount.models.insert(slot.clone(), names.len() as u64);
            continue;
        }
        let records = || sets.iter().flat_map(|set| set.records.iter().take(limit));
        let counted: Vec<Counted> =
            sets.iter().map(|set| count(first(&set.records, limit), tokenizer.as_ref(), n_ctx)).collect();
        for (set, counted) in sets.iter().zip(&counted) {
            warnings.extend(short_rows(set, counted, &needs)?);
        }
        let labelled = |label: u8| records().filter(|r| r.label == Some(label)).count() as u64;
        amount.labels.insert(slot.clone(), [labelled(0), labelled(1)]);
        let with_paraphrases = records().filter(|r| !r.paraphrases.is_empty()).count() as u64;
        amount.with_paraphrases.insert(slot.clone(), with_paraphrases);
        amount.with_facts.insert(slot.clone(), records().filter(|r| !r.facts.is_empty()).count() as u64);
        amount.texts.insert(slot.clone(), counted.iter().map(|c| c.texts).sum());
        amount.tokens.insert(slot.clone(), counted.iter().map(|c| c.tokens).sum());
    }
    method.fits(&amount)?;
    method.work(&step.config, &amount)
}

fn first(records: &[Record], limit: usize) -> &[Record] {
    records.get(..limit).unwrap_or(records)
}

/// What a data set holds.
struct Counted {
    /// Rows that the step uses.
    rows: usize,
    /// Texts, paraphrases included.
    texts: u64,
    /// About how many tokens they have, after cutting at the context length.
    tokens: u64,
    /// Tokens of the rows that were looked at, uncut.
    lengths: Vec<usize>,
}

fn count(records: &[Record], tokenizer: Option<&Tokenizer>, n_ctx: usize) -> Counted {
    let texts: u64 = records.iter().map(|r| 1 + r.paraphrases.len() as u64).sum();
    let stride = (records.len() / SAMPLE_TEXTS).max(1);
    let lengths: Vec<usize> = records.iter().step_by(stride).filter_map(|r| length(r, tokenizer)).collect();
    let cut = lengths.iter().map(|n| (*n).min(n_ctx)).sum::<usize>();
    let mean = cut as f64 / lengths.len().max(1) as f64;
    Counted { rows: records.len(), texts, tokens: (mean * texts as f64).round() as u64, lengths }
}

/// Says how many rows are too short for a method; when all are, there is nothing to do.
fn short_rows(set: &Dataset, counted: &Counted, needs: &[(&str, usize)]) -> Result<Option<String>> {
    let (n, name) = (counted.lengths.len(), &set.name);
    let need: usize = needs.iter().map(|n| n.1).sum();
    let short = counted.lengths.iter().filter(|length| **length < need).count();
    let fields = needs.iter().map(|n| n.0).collect::<Vec<_>>().join(" + ");
    if short == 0 {
        return Ok(None);
    }
    if short == n && n == counted.rows {
        let longest = counted.lengths.iter().max().copied().unwrap_or_default();
        return Err(Error::data(format!("no row of {name} has {fields} = {need} tokens; the longest has {longest}"))
            .hint(fitting(&counted.lengths, needs).unwrap_or_else(|| "use longer rows".to_owned()))
            .at(&set.path));
    }
    let percent = (100 * short).div_ceil(n.max(1));
    Ok(Some(format!(
        "about {percent} % of the rows of {name} have fewer than {fields} = {need} tokens and are left out"
    )))
}

/// Values of the fields that keep nine of ten rows, in equal parts.
fn fitting(lengths: &[usize], needs: &[(&str, usize)]) -> Option<String> {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let (most, parts) = (*sorted.get(sorted.len() / 10)?, needs.len());
    let share = |(i, need): (usize, &(&str, usize))| format!("{} = {}", need.0, (most + i) / parts);
    (parts > 0 && most >= parts).then(|| {
        let values: Vec<String> = needs.iter().enumerate().map(share).collect();
        format!("{} keep nine of ten rows", values.join(" and "))
    })
}

fn length(record: &Record, tokenizer: Option<&Tokenizer>) -> Option<usize> {
    match (&record.token_ids, &record.text) {
        (Some(ids), _) => Some(ids.len()),
        (None, Some(text)) => tokenizer?.encode(text, false).ok().map(|encoding| encoding.ids.len()),
        (None, None) => None,
    }
}

fn record_bytes(record: &Record) -> u64 {
    let text = record.text.as_ref().map_or(0, String::len);
    let ids = record.token_ids.as_ref().map_or(0, |ids| 4 * ids.len());
    let paraphrases: usize = record.paraphrases.iter().map(String::len).sum();
    (size_of::<Record>() + text + ids + paraphrases) as u64
}

fn model_bytes(model: &PlannedModel, work: Work, place: Place) -> u64 {
    // weights are there once more, rounded
    let narrow = if place.precision == Precision::Bf16 { 2 * model.parameters } else { 0 };
    narrow + if work.backward_tokens > 0 { model.gradient_bytes } else { model.score_bytes }
}

/// Tokens of the sequences that a step decodes together.
fn cached_tokens(step: &PlannedStep) -> Result<u64> {
    let longest: usize = methods::find(&step.method)?.row_needs(&step.config)?.iter().map(|need| need.1).sum();
    Ok((GenerateConfig::default().rows_at_once * longest) as u64)
}

/// Tokens of a forward pass a second, measured on a short text; absent when measuring fails or would take long.
fn tokens_per_sec(model: &PlannedModel, place: Place) -> Option<f64> {
    if model.parameters > CALIBRATION_PARAMETERS {
        return None;
    }
    let loaded = inputs::load_model(&model.name, &model.path, place).ok()?;
    let pass = |decoder: &Decoder| {
        const TOKENS: usize = 64;
        let vocab_size = decoder.config.vocab_size.max(1);
        let ids: Vec<u32> = (0..TOKENS.min(decoder.config.n_ctx)).map(|i| (i * 7919 % vocab_size) as u32).collect();
        let begun = Instant::now();
        score_tokens(decoder, &[&ids], Want::default()).ok()?;
        Some(ids.len() as f64 / begun.elapsed().as_secs_f64().max(1e-9))
    };
    pass(&loaded.decoder)?;
    pass(&loaded.decoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_is_refused_with_both_numbers() {
        let estimate = Estimate { memory_bytes: 29_600_000_000, available_bytes: 8_000_000_000, ..Estimate::default() };
        let error = estimate.check(Device::Cpu).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().starts_with("this needs about 30 GB of memory, and 8.0 GB are free"), "{error}");
        let error = estimate.check(Device::Cuda(1)).unwrap_err().to_string();
        assert!(error.contains("8.0 GB are free on cuda:1") && error.contains("device `cpu`"), "{error}");
    }

    #[test]
    fn rows_that_are_too_short_are_counted_and_refused_when_all_are() {
        let set = Dataset { name: "rows".to_owned(), ..Dataset::default() };
        let of = |rows: usize, lengths: &[usize]| Counted { rows, texts: 0, tokens: 0, lengths: lengths.to_vec() };
        let needs = [("k", 8), ("l", 16)];
        assert_eq!(short_rows(&set, &of(3, &[24, 30, 99]), &needs).unwrap(), None);
        let some = short_rows(&set, &of(3, &[24, 30, 9]), &needs).unwrap().unwrap();
        assert_eq!(some, "about 34 % of the rows of rows have fewer than k + l = 24 tokens and are left out");
        let error = short_rows(&set, &of(2, &[23, 7]), &needs).unwrap_err().to_string();
        assert!(error.contains("no row of rows has k + l = 24 tokens; the longest has 23"), "{error}");
        assert!(error.contains("k = 3 and l = 4 keep nine of ten rows"), "{error}");
        assert!(short_rows(&set, &of(5, &[23, 7]), &needs).is_ok(), "only some of the rows were looked at");
    }

    #[test]
    fn bytes_are_readable() {
        assert_eq!([0, 999, 1500, 512_000_000].map(bytes_text), ["0 B", "999 B", "1.5 kB", "512 MB"]);
    }
}
