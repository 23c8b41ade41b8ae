//! What the filter knows about a run, and what it says when it cannot be read.

use std::sync::Arc;

use crate::app::runs::RunEntry;
use crate::runs::filter::{Facts, Filter};

impl Facts for RunEntry {
    /// Exactly, or as the last part of a dotted name.
    fn values(&self, name: &str) -> Vec<String> {
        match name.to_lowercase().as_str() {
            "state" => return vec![self.state.title().to_lowercase()],
            "method" => return self.methods.clone(),
            "name" => return vec![self.name.clone()],
            "model" => return vec![self.model.clone()],
            "device" => return vec![self.device.clone()],
            "tag" | "tags" => return self.tags.clone(),
            "note" => return vec![self.note.clone()],
            "starred" => return vec![self.is_starred.to_string()],
            "created" => return vec![super::columns::date(self.created)],
            "time" => return self.seconds.map(|s| s.to_string()).into_iter().collect(),
            _ => {}
        }
        let is_it = |key: &str| key == name || key.strip_suffix(name).is_some_and(|before| before.ends_with('.'));
        let numbers = self.scalars.iter().filter(|(k, _)| is_it(k)).map(|(_, v)| v.to_string());
        numbers.chain(self.config.iter().filter(|(k, _)| is_it(k)).map(|(_, v)| v.clone())).collect()
    }

    fn any_text(&self, test: &dyn Fn(&str) -> bool) -> bool {
        let texts = [&self.name, &self.id, &self.model, &self.note, &self.device];
        texts.into_iter().chain(&self.methods).chain(&self.tags).any(|t| test(t)) || test(self.state.title())
    }
}

/// A typed filter and what is to be said about it.
#[derive(Default)]
pub(super) struct Typed {
    text: String,
    serial: u64,
    filter: Option<Filter>,
    /// Why it cannot be read, or why it finds nothing.
    pub(super) remark: Option<String>,
}

impl Typed {
    /// Reads the text again when it or the runs changed. Returns whether it was.
    pub(super) fn update(&mut self, text: &str, runs: &[Arc<RunEntry>], serial: u64) -> bool {
        if self.filter.is_some() && self.text == text && self.serial == serial {
            return false;
        }
        text.clone_into(&mut self.text);
        self.serial = serial;
        match Filter::parse(text) {
            Ok(filter) => {
                self.remark = filter.names().iter().find_map(|name| unknown(name, runs));
                self.filter = Some(filter);
            }
            Err(fault) => {
                // The list stays as it was while a comparison is half typed.
                self.remark = Some(format!("At {}: {}.", fault.at + 1, fault.message));
                self.filter = self.filter.take().or_else(|| Filter::parse("").ok());
            }
        }
        true
    }

    /// Whether a run is shown.
    pub(super) fn finds(&self, run: &RunEntry) -> bool {
        self.filter.as_ref().is_none_or(|f| f.finds(run))
    }
}

/// A remark about a name that no run has, with the nearest one that some run has.
fn unknown(name: &str, runs: &[Arc<RunEntry>]) -> Option<String> {
    if runs.is_empty() || runs.iter().any(|r| !r.values(name).is_empty()) {
        return None;
    }
    let own = ["state", "method", "name", "model", "device", "tags", "note", "starred", "created", "time"];
    if own.contains(&name.to_lowercase().as_str()) {
        return None;
    }
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let keys = runs.iter().flat_map(|r| r.scalars.keys().chain(r.config.keys()));
    let all: std::collections::BTreeSet<String> =
        keys.flat_map(|k| [k.clone(), last(k)]).chain(own.map(str::to_owned)).collect();
    let near = |k: &&String| strsim::damerau_levenshtein(k, name);
    let best = all.iter().min_by_key(near).filter(|k| near(k) <= 2);
    Some(match best {
        Some(best) => format!("No run has `{name}`; did you mean `{best}`?"),
        None => format!("No run has `{name}`."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Arc<RunEntry> {
        Arc::new(RunEntry {
            name: "first try".into(),
            methods: vec!["mia".into()],
            tags: vec!["paper".into(), "v2".into()],
            scalars: [("auroc.loss".into(), 0.61)].into(),
            config: [("steps.0.config.k".into(), "32".into())].into(),
            created: 1_767_312_000.0,
            ..RunEntry::default()
        })
    }

    #[test]
    fn everything_of_a_run_can_be_asked_for() {
        let runs = [run()];
        let mut typed = Typed::default();
        for (text, found) in [
            ("k = 32 and auroc.loss > 0.6", true),
            ("config.k < 32", false),
            ("tag = paper", true),
            ("state = queued and not starred = true", true),
            ("created > 2025 and created < 2027", true),
            ("v2 first", true),
        ] {
            typed.update(text, &runs, 0);
            assert_eq!((typed.finds(&runs[0]), &typed.remark), (found, &None), "{text}");
        }
    }

    #[test]
    fn half_typed_and_misspelled_filters_are_explained() {
        let runs = [run()];
        let mut typed = Typed::default();
        typed.update("nothing", &runs, 0);
        typed.update("k <", &runs, 0);
        assert!(typed.remark.as_ref().is_some_and(|r| r.starts_with("At 4: a value is missing")), "{:?}", typed.remark);
        assert!(!typed.finds(&runs[0]), "the list stays as it was");
        typed.update("auroc.los > 0.5", &runs, 0);
        assert_eq!(typed.remark.as_deref(), Some("No run has `auroc.los`; did you mean `auroc.loss`?"));
    }
}
