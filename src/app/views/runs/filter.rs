//! Finding runs: words, and comparisons joined by `and`, such as `config.k < 64 and auroc > 0.6`.

use crate::app::runs::RunEntry;

/// Whether a run matches. Words have to occur somewhere; comparisons look at numbers, settings, state and method.
pub(super) fn matches(run: &RunEntry, text: &str) -> bool {
    text.split(" and ").map(str::trim).filter(|p| !p.is_empty()).all(|part| matches_part(run, part))
}

fn matches_part(run: &RunEntry, part: &str) -> bool {
    for operator in ["<=", ">=", "!=", "=", "<", ">"] {
        if let Some((name, wanted)) = part.split_once(operator) {
            let (name, wanted) = (name.trim(), wanted.trim().trim_matches(['"', '\'']));
            return !name.is_empty() && values(run, name).iter().any(|v| compare(v, operator, wanted));
        }
    }
    let part = part.to_lowercase();
    let texts = [&run.name, &run.id, &run.model, &run.note];
    texts.iter().any(|t| t.to_lowercase().contains(&part))
        || run.methods.iter().any(|m| m.contains(&part))
        || run.state.title().to_lowercase().contains(&part)
}

/// Everything that goes by this name: exactly, or as the last part of a dotted one.
fn values(run: &RunEntry, name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    match lower.as_str() {
        "state" => return vec![run.state.title().to_lowercase()],
        "method" => return run.methods.clone(),
        "name" => return vec![run.name.clone()],
        "model" => return vec![run.model.clone()],
        _ => {}
    }
    let is_it = |key: &str| key == name || key.ends_with(&format!(".{name}"));
    let numbers = run.scalars.iter().filter(|(k, _)| is_it(k)).map(|(_, v)| v.to_string());
    numbers.chain(run.config.iter().filter(|(k, _)| is_it(k)).map(|(_, v)| v.clone())).collect()
}

fn compare(value: &str, operator: &str, wanted: &str) -> bool {
    let order = match (value.parse::<f64>(), wanted.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.partial_cmp(&b),
        _ => Some(value.to_lowercase().cmp(&wanted.to_lowercase())),
    };
    let Some(order) = order else { return false };
    match operator {
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "<=" => order.is_le(),
        ">=" => order.is_ge(),
        "!=" => order.is_ne(),
        _ => order.is_eq(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_comparisons_find_runs() {
        let run = RunEntry {
            name: "first try".into(),
            methods: vec!["mia".into()],
            scalars: [("auroc.loss".into(), 0.61)].into(),
            config: [("steps.0.config.k".into(), "32".into())].into(),
            ..RunEntry::default()
        };
        for text in
            ["", "first", "mia", "k = 32", "k<64 and auroc.loss > 0.6", "state = queued", "method != perplexity"]
        {
            assert!(matches(&run, text), "{text}");
        }
        for text in ["second", "k > 32", "auroc.loss > 0.7", "nothing = 1", "first and k = 31"] {
            assert!(!matches(&run, text), "{text}");
        }
    }
}
