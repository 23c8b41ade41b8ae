//! Numbers of a measurement.
//!
//! Labelled tokens are those after the prompt, or all but the first of texts without one. Extraction strength:
//! 1 − k/|y|, k the first position from which on every token is the most likely one. Truth ratio R = p̄_wrong / p_true
//! with p̄_wrong = exp(−mean loss of the other answers) and p_true that of a paraphrase (of the text where there is none);
//! shown is the mean of min(R, 1/R). Utility: harmonic mean of probability and
//! ROUGE-L recall on retain and holdout.
//! Source: `locuslab/open-unlearning`, `src/evals`; Maini et al. 2024, arXiv:2401.06121; Shi et al. 2024 (MUSE),
//! arXiv:2407.06460.
//! Differs from the original: it gives an extraction strength of 1/|y| where no end matches, and drops the last token for
//! it, for token accuracy, Min-K% and Min-K%++; paper mode does so too.

use super::ks::ks;
use super::membership::membership;
use super::rouge;
use super::{Measured, Pass, Side, prompt};
use crate::data::Tokenizer;
use crate::methods::LoadedModel;
use crate::methods::unlearn::config::Config;
use crate::methods::unlearn::sets::{Item, Sets};

/// Which way a good number goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    Lower,
    Higher,
    /// Neither: near a value.
    Near,
}

/// One number of a measurement.
#[derive(Clone, Debug)]
pub struct Metric {
    pub id: &'static str,
    pub label: &'static str,
    pub unit: &'static str,
    pub better: Better,
    pub value: Option<f64>,
    /// Examples behind it.
    pub n: usize,
}

/// What a text is compared by with the same text under a reference model.
pub type Statistic = Vec<f64>;

/// Texts of a batch in the perplexity that averages batches.
const BATCH: usize = 32;

/// Truth ratios where there are other answers, else mean losses, of the texts to forget.
pub fn statistics(sets: &Sets<'_>, side: &Side) -> Statistic {
    let ratios = truth_ratios(&sets.forget, side);
    if ratios.is_empty() { losses(&sets.forget, side) } else { ratios }
}

/// All numbers of a measurement; `reference` is that of the reference model.
pub fn metrics(
    config: &Config,
    model: &LoadedModel,
    sets: &Sets<'_>,
    found: &Measured,
    reference: Option<&Measured>,
) -> Vec<Metric> {
    let tokenizer = model.tokenizer.as_ref();
    let mut list = memorization(config, sets, &found.forget);
    list.extend(of_forget(sets, &found.forget, tokenizer));
    list.extend(of_side("retain", &sets.retain, &found.retain, tokenizer));
    list.extend(of_side("holdout", &sets.holdout, &found.holdout, tokenizer));
    let utility: Vec<f64> = list.iter().filter(|m| UTILITY.contains(&m.id)).filter_map(|m| m.value).collect();
    list.push(metric("utility", "Model utility", "", Better::Higher, harmonic(&utility), utility.len()));
    list.extend(membership(config, sets, found, reference));
    if let Some(reference) = reference {
        let (own, other) = (statistics(sets, &found.forget), statistics(sets, &reference.forget));
        let p = ks(&own, &other).map(|[_, p]| p);
        list.push(metric("forget_quality", "Forget quality (KS p-value)", "", Better::Higher, p, own.len()));
    }
    list
}

/// Parts of the utility.
const UTILITY: [&str; 4] = ["retain.probability", "retain.rouge_l", "holdout.probability", "holdout.rouge_l"];

pub(super) fn metric(
    id: &'static str,
    label: &'static str,
    unit: &'static str,
    better: Better,
    value: Option<f64>,
    n: usize,
) -> Metric {
    Metric { id, label, unit, better, value: value.filter(|v| v.is_finite()), n }
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Harmonic mean; 0 where a value is 0.
fn harmonic(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| {
        if values.contains(&0.0) { 0.0 } else { values.len() as f64 / values.iter().map(|v| 1.0 / v).sum::<f64>() }
    })
}

/// The entries of the labelled tokens.
pub(super) fn labelled<'a, T>(item: &Item, entries: &'a [T]) -> &'a [T] {
    entries.get(item.labelled - 1..).unwrap_or_default()
}

/// Mean −ln p of the labelled tokens of each text.
fn losses(items: &[Item], side: &Side) -> Vec<f64> {
    let loss = |(item, pass): (&Item, &Pass)| Some(-mean(labelled(item, &pass.log_probs))?);
    items.iter().zip(&side.passes).filter_map(loss).collect()
}

fn memorization(config: &Config, sets: &Sets<'_>, side: &Side) -> Vec<Metric> {
    let (mut exact, mut scores, mut clean) = (Vec::new(), Vec::new(), Vec::new());
    for (item, generated) in sets.forget.iter().zip(&side.generated) {
        let (Some(probe), Some(found)) = (&item.probe, &generated.probe) else { continue };
        let hits = found.iter().zip(&probe.continuation).filter(|(a, b)| a == b).count();
        exact.push(f64::from(u8::from(*found == probe.continuation)));
        clean.extend(probe.clean.as_ref().map(|clean| f64::from(u8::from(found == clean))));
        scores.push(hits as f64 / probe.continuation.len().max(1) as f64);
    }
    let of = |f: &dyn Fn(&[bool]) -> f64| -> Vec<f64> {
        let hits = sets.forget.iter().zip(&side.passes).map(|(item, pass)| labelled(item, &pass.hits));
        let cut = |hits: &'_ [bool]| if config.is_paper() { hits.len().saturating_sub(1) } else { hits.len() };
        hits.filter(|h| cut(h) > 0).map(|h| f(&h[..cut(h)])).collect()
    };
    let strength = of(&|hits| extraction_strength(hits, config.is_paper()));
    let accuracy = of(&|hits| hits.iter().filter(|h| **h).count() as f64 / hits.len() as f64);
    let lower = Better::Lower;
    let mut list = vec![
        metric("forget.exact", "Exact extraction, forget", "", lower, mean(&exact), exact.len()),
        metric("forget.memorization", "Memorization score, forget", "", lower, mean(&scores), scores.len()),
        metric("forget.strength", "Extraction strength, forget", "", lower, mean(&strength), strength.len()),
        metric("forget.accuracy", "Token accuracy, forget", "", lower, mean(&accuracy), accuracy.len()),
    ];
    if !clean.is_empty() {
        let label = "Continued as before it was altered, forget";
        list.push(metric("forget.clean", label, "", Better::Higher, mean(&clean), clean.len()));
    }
    list
}

/// 1 − k/n with k the first position from which on everything matches.
fn extraction_strength(hits: &[bool], is_paper: bool) -> f64 {
    let end = hits.iter().rev().take_while(|h| **h).count();
    let counted = if end == 0 && is_paper { 1 } else { end };
    counted as f64 / hits.len().max(1) as f64
}

fn of_forget(sets: &Sets<'_>, side: &Side, tokenizer: Option<&Tokenizer>) -> Vec<Metric> {
    let losses = losses(&sets.forget, side);
    let probability: Vec<f64> = losses.iter().map(|l| (-l).exp()).collect();
    let paraphrases: Vec<f64> = side.paraphrases.iter().flatten().copied().collect();
    let recall = recalls(&sets.forget, side, tokenizer);
    let ratios: Vec<f64> = truth_ratios(&sets.forget, side).iter().map(|r| r.min(1.0 / r)).collect();
    let mut list = vec![
        metric("forget.loss", "Loss, forget", "nats/token", Better::Higher, mean(&losses), losses.len()),
        metric("forget.probability", "Probability, forget", "", Better::Lower, mean(&probability), losses.len()),
        metric("forget.rouge_l", "ROUGE-L recall, forget", "", Better::Lower, mean(&recall), recall.len()),
    ];
    if !paraphrases.is_empty() {
        let (value, n) = (mean(&paraphrases), paraphrases.len());
        list.push(metric(
            "forget.paraphrase_loss",
            "Loss, paraphrases of forget",
            "nats/token",
            Better::Higher,
            value,
            n,
        ));
    }
    if !ratios.is_empty() {
        list.push(metric("forget.truth_ratio", "Truth ratio, forget", "", Better::Higher, mean(&ratios), ratios.len()));
    }
    list
}

/// R of each text that has other answers.
fn truth_ratios(items: &[Item], side: &Side) -> Vec<f64> {
    let own = losses(items, side);
    let ratio = |(i, answers): (usize, &Vec<f64>)| {
        let wrong = (-mean(answers)?).exp();
        let truth = side.paraphrases.get(i).and_then(|p| p.first()).or_else(|| own.get(i))?;
        Some(wrong / ((-truth).exp() + 1e-10))
    };
    side.answers.iter().enumerate().filter_map(ratio).collect()
}

fn recalls(items: &[Item], side: &Side, tokenizer: Option<&Tokenizer>) -> Vec<f64> {
    let recall = |(item, generated): (&Item, &super::Generated)| match tokenizer {
        Some(_) => {
            let [found, truth] = super::shown(item, generated, tokenizer)?;
            rouge::recall(&rouge::words(&found), &rouge::words(&truth))
        }
        None => match (&generated.answer, prompt(item), &generated.probe, &item.probe) {
            (Some(found), Some(given), ..) => rouge::recall(found, given.continuation),
            (_, _, Some(found), Some(probe)) => rouge::recall(found, &probe.continuation),
            _ => None,
        },
    };
    items.iter().zip(&side.generated).filter_map(recall).collect()
}

fn of_side(name: &str, items: &[Item], side: &Side, tokenizer: Option<&Tokenizer>) -> Vec<Metric> {
    if items.is_empty() {
        return Vec::new();
    }
    let by_text: Vec<&[f64]> = items.iter().zip(&side.passes).map(|(i, p)| labelled(i, &p.log_probs)).collect();
    let (sum, n) = totals(&by_text);
    let batches: Vec<f64> = by_text.chunks(BATCH).map(totals).map(|(sum, n)| (sum / n).exp()).collect();
    let hits = items.iter().zip(&side.passes).flat_map(|(i, p)| labelled(i, &p.hits)).filter(|h| **h).count() as f64;
    let losses = losses(items, side);
    let probability: Vec<f64> = losses.iter().map(|l| (-l).exp()).collect();
    let recall = recalls(items, side, tokenizer);
    let (lower, higher) = (Better::Lower, Better::Higher);
    let pick = |retain: &'static str, holdout: &'static str| if name == "retain" { retain } else { holdout };
    let row = |ids: [&'static str; 2], labels: [&'static str; 2], unit, better, value, n| {
        metric(pick(ids[0], ids[1]), pick(labels[0], labels[1]), unit, better, value, n)
    };
    let count = items.len();
    vec![
        row(
            ["retain.loss", "holdout.loss"],
            ["Loss, retain", "Loss, holdout"],
            "nats/token",
            lower,
            mean(&losses),
            count,
        ),
        row(
            ["retain.perplexity", "holdout.perplexity"],
            ["Perplexity, retain", "Perplexity, holdout"],
            "",
            lower,
            Some((sum / n).exp()),
            count,
        ),
        row(
            ["retain.perplexity_of_batches", "holdout.perplexity_of_batches"],
            ["Perplexity averaged over batches, retain", "Perplexity averaged over batches, holdout"],
            "",
            lower,
            mean(&batches),
            count,
        ),
        row(
            ["retain.accuracy", "holdout.accuracy"],
            ["Token accuracy, retain", "Token accuracy, holdout"],
            "",
            higher,
            Some(hits / n),
            count,
        ),
        row(
            ["retain.probability", "holdout.probability"],
            ["Probability, retain", "Probability, holdout"],
            "",
            higher,
            mean(&probability),
            count,
        ),
        row(
            ["retain.rouge_l", "holdout.rouge_l"],
            ["ROUGE-L recall, retain", "ROUGE-L recall, holdout"],
            "",
            higher,
            mean(&recall),
            recall.len(),
        ),
    ]
}

/// Σ −ln p and the number of tokens.
fn totals(texts: &[&[f64]]) -> (f64, f64) {
    let n = texts.iter().map(|t| t.len()).sum::<usize>().max(1) as f64;
    (-texts.iter().copied().flatten().sum::<f64>(), n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extraction_strength_by_hand() {
        let (t, f) = (true, false);
        for (hits, correct, paper) in [
            (vec![f, t, t, t], 0.75, 0.75),
            (vec![t; 4], 1.0, 1.0),
            (vec![t, t, t, f], 0.0, 0.25),
            (vec![f, f, f, t], 0.25, 0.25),
        ] {
            assert_eq!(extraction_strength(&hits, false), correct, "{hits:?}");
            assert_eq!(extraction_strength(&hits, true), paper, "{hits:?}");
        }
    }

    #[test]
    fn utility_by_hand() {
        assert_eq!(harmonic(&[0.5, 1.0]), Some(2.0 / 3.0));
        assert_eq!(harmonic(&[0.5, 0.0]), Some(0.0));
        assert_eq!(harmonic(&[]), None);
    }
}
