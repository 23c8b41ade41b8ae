//! A control that never sees the model: how well the words alone tell members from nonmembers.
//!
//! Multinomial naive Bayes over the presence of lower-cased words, add-one smoothing, equal priors; each text is
//! scored by a model fitted on the other folds. Where this control succeeds, the two sets differ in distribution,
//! and a membership score may be seeing that difference (Das et al. 2024, "Blind baselines beat membership
//! inference attacks for foundation models"; Meeus et al. 2024).

use std::collections::{BTreeMap, BTreeSet};

use unicode_segmentation::UnicodeSegmentation as _;

use crate::rng::Stream;

/// The log-odds of being a member for each text, by `folds`-fold cross-validation with both classes spread evenly
/// over the folds. `None` when a class has fewer than two texts.
pub fn cross_validated(texts: &[&str], labels: &[bool], folds: usize, seed: u64) -> Option<Vec<f64>> {
    let smallest = [true, false].map(|c| labels.iter().filter(|l| **l == c).count()).into_iter().min()?;
    if smallest < 2 || texts.len() != labels.len() {
        return None;
    }
    let folds = folds.clamp(2, smallest);
    let words: Vec<BTreeSet<String>> =
        texts.iter().map(|t| t.unicode_words().map(str::to_lowercase).collect()).collect();
    let fold_of = assign_folds(labels, folds, seed);
    let mut scores = vec![0.0; texts.len()];
    for fold in 0..folds {
        let train = (0..texts.len()).filter(|&i| fold_of[i] != fold);
        let model = Model::fit(train.map(|i| (&words[i], labels[i])));
        for i in (0..texts.len()).filter(|&i| fold_of[i] == fold) {
            scores[i] = model.log_odds(&words[i]);
        }
    }
    Some(scores)
}

/// A fold for each item; each class is shuffled and dealt out in turn.
fn assign_folds(labels: &[bool], folds: usize, seed: u64) -> Vec<usize> {
    let mut fold_of = vec![0; labels.len()];
    for class in [true, false] {
        let mut items: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        Stream::new(seed, if class { "member folds" } else { "nonmember folds" }).shuffle(&mut items);
        for (turn, item) in items.into_iter().enumerate() {
            fold_of[item] = turn % folds;
        }
    }
    fold_of
}

/// Word counts of both classes.
#[derive(Default)]
struct Model<'a> {
    counts: BTreeMap<&'a str, [f64; 2]>,
    totals: [f64; 2],
}

impl<'a> Model<'a> {
    fn fit(texts: impl Iterator<Item = (&'a BTreeSet<String>, bool)>) -> Self {
        let mut model = Self::default();
        for (words, label) in texts {
            let class = usize::from(label);
            model.totals[class] += words.len() as f64;
            for word in words {
                model.counts.entry(word).or_default()[class] += 1.0;
            }
        }
        model
    }

    /// Σ over known words of ln p(word | member) − ln p(word | nonmember); unknown words say nothing.
    fn log_odds(&self, words: &BTreeSet<String>) -> f64 {
        let size = self.counts.len() as f64;
        let log_p = |counts: &[f64; 2], class: usize| ((counts[class] + 1.0) / (self.totals[class] + size)).ln();
        words.iter().filter_map(|w| self.counts.get(w.as_str())).map(|c| log_p(c, 1) - log_p(c, 0)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::common::roc::Curve;

    #[test]
    fn words_of_one_class_are_found() {
        let texts: Vec<String> =
            (0..40).map(|i| format!("{} w{} w{}", if i % 2 == 0 { "alpha" } else { "beta" }, i % 7, i % 5)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let labels: Vec<bool> = (0..40).map(|i| i % 2 == 0).collect();
        let scores = cross_validated(&texts, &labels, 5, 1).unwrap();
        assert_eq!(Curve::new(&scores, &labels).unwrap().auroc(), 1.0);
    }

    #[test]
    fn the_same_words_in_both_classes_are_chance() {
        let texts: Vec<String> = (0..400).map(|i| format!("a{} b{}", i * 7 % 11, i * 5 % 13)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut stream = Stream::new(5, "labels");
        let labels: Vec<bool> = (0..400).map(|_| stream.uniform() < 0.5).collect();
        let scores = cross_validated(&texts, &labels, 5, 1).unwrap();
        let auroc = Curve::new(&scores, &labels).unwrap().auroc();
        assert!((0.4..0.6).contains(&auroc), "{auroc}");
    }

    /// By hand: the other member says "a b", the other nonmember "c": p(a) = (1+1)/(2+3) and (0+1)/(1+3).
    #[test]
    fn log_odds_by_hand() {
        let set = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<BTreeSet<_>>();
        let (m, n) = (set(&["a", "b"]), set(&["c"]));
        let model = Model::fit([(&m, true), (&n, false)].into_iter());
        let found = model.log_odds(&set(&["a", "unknown"]));
        assert!((found - (0.4_f64 / 0.25).ln()).abs() < 1e-12, "{found}");
    }

    #[test]
    fn too_few_texts() {
        assert_eq!(cross_validated(&["a", "b", "c"], &[true, false, true], 5, 1), None);
    }
}
