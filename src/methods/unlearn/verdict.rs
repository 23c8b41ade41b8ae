//! What the numbers mean, in words: whether it was forgotten, what it cost, whether the model collapsed.

use super::battery::Metric;

/// Perplexity grows by more than this factor, or accuracy falls below this share, where a model collapsed.
const COLLAPSE: [f64; 2] = [10.0, 0.5];
/// Relative loss of utility that is called small.
const SMALL: f64 = 0.02;
/// AUROC below which texts are told apart because they are less likely than unseen ones.
const OVER: f64 = 0.3;

/// Whether a sentence of the report says something good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As wanted.
    Good,
    /// Neither, or not about success.
    Plain,
    /// Not as wanted.
    Bad,
}

/// The tone of a sentence about an edit; others are plain.
pub fn tone(sentence: &str) -> Tone {
    const BAD: [&str; 4] = ["The model collapsed", "Over-forgetting", "It did not unlearn", "It cost"];
    const GOOD: [&str; 3] = ["Nothing is reproduced exactly any more", "Other texts are k", "Exact extraction fell"];
    let begins = |list: &[&str]| list.iter().any(|begin| sentence.starts_with(begin));
    match (begins(&BAD), begins(&GOOD)) {
        (true, _) => Tone::Bad,
        (_, true) => Tone::Good,
        _ => Tone::Plain,
    }
}

fn value(list: &[Metric], id: &str) -> Option<f64> {
    list.iter().find(|m| m.id == id)?.value
}

/// Sentences about an edit.
pub(super) fn sentences(before: &[Metric], after: &[Metric], vocab_size: usize) -> Vec<String> {
    let pair = |id: &str| Some([value(before, id)?, value(after, id)?]);
    let mut list = vec![forgotten(pair("forget.exact"), pair("forget.accuracy"))];
    let collapsed = collapse(&pair, vocab_size);
    if let Some(side) = collapsed {
        list.push(format!("The model collapsed: what it says about the {side} texts is no longer language it knew."));
    } else if let Some([old, new]) = pair("retain.accuracy").or_else(|| pair("holdout.accuracy")) {
        let lost = if old > 0.0 { (old - new) / old } else { 0.0 };
        list.push(if lost.abs() <= SMALL {
            format!("Other texts are kept: token accuracy {} to {}.", percent(old), percent(new))
        } else if lost < 0.0 {
            format!("Other texts are known better than before: token accuracy {} to {}.", percent(old), percent(new))
        } else {
            format!(
                "It cost {} of the token accuracy on other texts: {} to {}.",
                percent(lost),
                percent(old),
                percent(new)
            )
        });
    }
    if let Some([_, new]) = pair("mia.loss").filter(|[_, new]| *new < OVER && collapsed.is_none()) {
        list.push(format!(
            "Over-forgetting: the forgotten texts are less likely than texts that were never seen (AUROC {new:.2}), \
             which gives them away."
        ));
    }
    list
}

fn forgotten(exact: Option<[f64; 2]>, accuracy: Option<[f64; 2]>) -> String {
    match (exact, accuracy) {
        (Some([0.0, _]), _) => {
            "No text to forget was reproduced exactly before; see extraction strength and loss.".to_owned()
        }
        (Some([old, 0.0]), _) => {
            format!("Nothing is reproduced exactly any more; before, {} of the texts were.", percent(old))
        }
        (Some([old, new]), _) if new < old => {
            format!("Exact extraction fell from {} to {} of the texts.", percent(old), percent(new))
        }
        (Some([old, new]), _) => {
            format!(
                "It did not unlearn: {} of the texts are reproduced exactly, before {}.",
                percent(new),
                percent(old)
            )
        }
        (None, Some([old, new])) => format!(
            "The texts to forget are too short for k + l tokens; their token accuracy went from {} to {}.",
            percent(old),
            percent(new)
        ),
        (None, None) => "Nothing could be measured on the texts to forget.".to_owned(),
    }
}

/// The set on which the model collapsed.
fn collapse(pair: &dyn Fn(&str) -> Option<[f64; 2]>, vocab_size: usize) -> Option<&'static str> {
    for (side, perplexity, accuracy) in
        [("retained", "retain.perplexity", "retain.accuracy"), ("holdout", "holdout.perplexity", "holdout.accuracy")]
    {
        let grew = pair(perplexity).is_some_and(|[old, new]| new > COLLAPSE[0] * old || new > vocab_size as f64);
        let fell = pair(accuracy).is_some_and(|[old, new]| new < COLLAPSE[1] * old);
        if grew || fell {
            return Some(side);
        }
    }
    None
}

fn percent(x: f64) -> String {
    format!("{:.1} %", 100.0 * x)
}

#[cfg(test)]
mod tests {
    use super::super::battery::Better;
    use super::*;

    fn list(values: &[(&'static str, f64)]) -> Vec<Metric> {
        let metric = |(id, value): &(&'static str, f64)| Metric {
            id,
            label: "",
            unit: "",
            better: Better::Near,
            value: Some(*value),
            n: 1,
        };
        values.iter().map(metric).collect()
    }

    #[test]
    fn numbers_in_words() {
        let before =
            list(&[("forget.exact", 0.8), ("retain.accuracy", 0.9), ("retain.perplexity", 2.0), ("mia.loss", 0.9)]);
        let tones = |values: &[(&'static str, f64)]| {
            sentences(&before, &list(values), 50).iter().map(|s| tone(s)).collect::<Vec<_>>()
        };
        let (good, bad) = (Tone::Good, Tone::Bad);
        assert_eq!(tones(&[("forget.exact", 0.0), ("retain.accuracy", 0.9)]), [good, good]);
        assert_eq!(tones(&[("forget.exact", 0.2), ("retain.accuracy", 0.95)]), [good, good]);
        assert_eq!(tones(&[("forget.exact", 0.8), ("retain.accuracy", 0.1)]), [bad, bad]);
        assert_eq!(tones(&[("forget.exact", 0.8), ("retain.accuracy", 0.8), ("mia.loss", 0.1)]), [bad, bad, bad]);
        assert_eq!(tone("NPO: a formula."), Tone::Plain);
        let said = |values: &[(&'static str, f64)]| sentences(&before, &list(values), 50).join(" ");
        let good =
            said(&[("forget.exact", 0.0), ("retain.accuracy", 0.89), ("retain.perplexity", 2.1), ("mia.loss", 0.5)]);
        assert!(good.contains("Nothing is reproduced exactly any more") && good.contains("are kept"), "{good}");
        let collapsed =
            said(&[("forget.exact", 0.0), ("retain.accuracy", 0.1), ("retain.perplexity", 60.0), ("mia.loss", 0.1)]);
        assert!(collapsed.contains("collapsed") && !collapsed.contains("Over-forgetting"), "{collapsed}");
        let over =
            said(&[("forget.exact", 0.1), ("retain.accuracy", 0.7), ("retain.perplexity", 3.0), ("mia.loss", 0.1)]);
        assert!(
            over.contains("Over-forgetting") && over.contains("It cost 22.2 %") && over.contains("80.0 % to 10.0 %"),
            "{over}"
        );
        let not = said(&[("forget.exact", 0.8), ("retain.accuracy", 0.9), ("retain.perplexity", 2.0)]);
        assert!(not.contains("It did not unlearn"), "{not}");
    }
}
