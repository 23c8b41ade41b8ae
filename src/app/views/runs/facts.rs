//! What the filter knows about a run, and what it says when it cannot be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::names::RunNames;
use crate::app::runs::RunEntry;
use crate::runs::filter::{Facts, Filter};

/// A run, and which of its numbers and settings the names of the filter mean.
struct Asked<'a> {
    run: &'a RunEntry,
    meant: &'a BTreeMap<String, Vec<String>>,
}

impl Facts for Asked<'_> {
    fn values(&self, name: &str) -> Vec<String> {
        let run = self.run;
        let Some(keys) = self.meant.get(name) else { return own_values(run, name) };
        let numbers = keys.iter().filter_map(|key| run.scalars.get(key)).map(f64::to_string);
        numbers.chain(keys.iter().filter_map(|key| run.config.get(key)).cloned()).collect()
    }

    fn any_text(&self, test: &dyn Fn(&str) -> bool) -> bool {
        let run = self.run;
        let texts = [&run.name, &run.id, &run.model, &run.note, &run.device];
        texts.into_iter().chain(&run.methods).chain(&run.tags).any(|t| test(t)) || test(run.state.title())
    }
}

/// What every run has.
const OWN: [&str; 12] =
    ["state", "method", "name", "model", "device", "sweep", "tag", "tags", "note", "starred", "created", "time"];

fn own_values(run: &RunEntry, name: &str) -> Vec<String> {
    match name.to_lowercase().as_str() {
        "state" => vec![run.state.title().to_lowercase()],
        "method" => run.methods.clone(),
        "name" => vec![run.name.clone()],
        "model" => vec![run.model.clone()],
        "device" => vec![run.device.clone()],
        "sweep" => run.sweep.iter().map(|sweep| sweep.title().to_owned()).collect(),
        "tag" | "tags" => run.tags.clone(),
        "note" => vec![run.note.clone()],
        "starred" => vec![run.is_starred.to_string()],
        "created" => vec![super::columns::date(run.created)],
        "time" => run.seconds.map(|s| s.to_string()).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A typed filter and what is to be said about it.
#[derive(Default)]
pub(super) struct Typed {
    text: String,
    names: Arc<RunNames>,
    filter: Option<Filter>,
    /// Numbers and settings by the names in the filter, looked up once and not for every run.
    meant: BTreeMap<String, Vec<String>>,
    /// Why it cannot be read, or why it finds nothing.
    pub(super) remark: Option<String>,
}

impl Typed {
    /// Reads the text again when it or the runs changed. Returns whether other runs may be found now.
    pub(super) fn update(&mut self, text: &str, names: &Arc<RunNames>) -> bool {
        if self.filter.is_some() && self.text == text && Arc::ptr_eq(&self.names, names) {
            return false;
        }
        let mut is_other = self.filter.is_none() || !Arc::ptr_eq(&self.names, names);
        text.clone_into(&mut self.text);
        self.names = Arc::clone(names);
        match Filter::parse(text) {
            Ok(filter) => {
                self.remark = filter.names().iter().find_map(|name| unknown(name, names));
                self.filter = Some(filter);
                is_other = true;
            }
            Err(fault) => {
                // The list stays as it was while a comparison is half typed.
                self.remark = Some(format!("At {}: {}.", fault.at + 1, fault.message));
                self.filter = self.filter.take().or_else(|| Filter::parse("").ok());
            }
        }
        if is_other {
            let asked = self.filter.iter().flat_map(Filter::names);
            let asked = asked.filter(|name| !OWN.contains(&name.to_lowercase().as_str()));
            self.meant = asked.map(|name| (name.clone(), meant_by(name, names))).collect();
        }
        is_other
    }

    /// Whether a run is shown.
    pub(super) fn finds(&self, run: &RunEntry) -> bool {
        self.filter.as_ref().is_none_or(|f| f.finds(&Asked { run, meant: &self.meant }))
    }
}

/// A remark about a name that no run has, with the nearest one that some run has.
fn unknown(name: &str, names: &RunNames) -> Option<String> {
    let keys = || keys(names).map(String::as_str);
    if OWN.contains(&name.to_lowercase().as_str()) || keys().any(|key| goes_by(key, name)) || keys().next().is_none() {
        return None;
    }
    let last_parts = keys().filter_map(|key| key.rsplit('.').next());
    let near = |key: &&str| strsim::damerau_levenshtein(key, name);
    let best = keys().chain(last_parts).chain(OWN).min_by_key(near).filter(|key| near(key) <= 2);
    Some(match best {
        Some(best) => format!("No run has `{name}`; did you mean `{best}`?"),
        None => format!("No run has `{name}`."),
    })
}

/// Ids of all numbers and dotted names of all settings.
fn keys(names: &RunNames) -> impl Iterator<Item = &String> {
    names.numbers.iter().chain(names.settings.iter().map(|(key, _)| key))
}

/// The numbers and settings that go by a name.
fn meant_by(name: &str, names: &RunNames) -> Vec<String> {
    keys(names).filter(|key| goes_by(key, name)).cloned().collect()
}

/// Whether a setting or number is meant by `name`: exactly, or by its last parts.
fn goes_by(key: &str, name: &str) -> bool {
    key == name || key.strip_suffix(name).is_some_and(|before| before.ends_with('.'))
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
            order: vec!["auroc.loss".into()],
            config: [("steps.0.config.k".into(), "32".into())].into(),
            created: 1_767_312_000.0,
            ..RunEntry::default()
        })
    }

    #[test]
    fn everything_of_a_run_can_be_asked_for() {
        let runs = [run()];
        let names = Arc::new(RunNames::of(&runs));
        let mut typed = Typed::default();
        for (text, found) in [
            ("k = 32 and auroc.loss > 0.6", true),
            ("config.k < 32", false),
            ("tag = paper", true),
            ("state = queued and not starred = true", true),
            ("created > 2025 and created < 2027", true),
            ("v2 first", true),
        ] {
            typed.update(text, &names);
            assert_eq!((typed.finds(&runs[0]), &typed.remark), (found, &None), "{text}");
        }
    }

    #[test]
    fn half_typed_and_misspelled_filters_are_explained() {
        let runs = [run()];
        let names = Arc::new(RunNames::of(&runs));
        let mut typed = Typed::default();
        typed.update("nothing", &names);
        typed.update("k <", &names);
        assert!(typed.remark.as_ref().is_some_and(|r| r.starts_with("At 4: a value is missing")), "{:?}", typed.remark);
        assert!(!typed.finds(&runs[0]), "the list stays as it was");
        typed.update("auroc.los > 0.5", &names);
        assert_eq!(typed.remark.as_deref(), Some("No run has `auroc.los`; did you mean `auroc.loss`?"));
    }
}
