//! The parameters of a data set that is made, as a form.

use std::sync::LazyLock;

use egui::{CollapsingHeader, Ui};
use serde_json::{Map, Value};

use super::context::ViewCx;
use super::fields::{Typed, about, line_ui, value_ui};
use super::widgets::segmented;
use crate::data::make::Make;
use crate::data::make::bios::Bios;
use crate::data::make::tinymem::TinyMem;
use crate::methods::schema::{self, Field, Problem};

/// Data sets that are made in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sequences with noise or a backdoor.
    TinyMem,
    /// Biographies of people who do not exist.
    Bios,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::TinyMem, Self::Bios];

    /// Which of them a set is; none for a set that is made from files.
    pub fn of(make: &Make) -> Option<Self> {
        let tinymem = make.tinymem.is_some().then_some(Self::TinyMem);
        tinymem.or_else(|| make.bios.is_some().then_some(Self::Bios))
    }

    /// Shown name.
    pub fn title(self) -> &'static str {
        match self {
            Self::TinyMem => "TinyMem",
            Self::Bios => "People",
        }
    }

    /// What it is.
    pub fn about(self) -> &'static str {
        match self {
            Self::TinyMem => "Sequences of which a known part is altered: noise, backdoors, duplicates",
            Self::Bios => "bioS: biographies of people who do not exist, with questions and paraphrases",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::TinyMem => "tinymem",
            Self::Bios => "bios",
        }
    }

    /// A set of this kind that a small model learns in minutes.
    pub fn small(self) -> Make {
        match self {
            Self::TinyMem => {
                let tinymem = TinyMem {
                    rows: Some(600),
                    n_test: 100,
                    n_noise: 60,
                    noise_share: 0.25,
                    length: 8,
                    max_ctx: 64,
                    extra_constants: Vec::new(),
                    duplicate: vec![0, 1],
                    ..TinyMem::default()
                };
                Make { tinymem: Some(tinymem), ..Make::default() }
            }
            Self::Bios => {
                let bios = Bios { people: 200, paraphrases: 1, question_people: 50, ..Bios::default() };
                Make { bios: Some(bios), ..Make::default() }
            }
        }
    }

    /// Parameters that are asked for first.
    fn first(self) -> &'static [&'static str] {
        match self {
            Self::TinyMem => &["task", "artifact", "rows", "n_noise", "noise_share", "length", "duplicate", "n_test"],
            Self::Bios => &["people", "members", "forms", "order", "paraphrases", "question_people"],
        }
    }

    fn fields(self) -> &'static [Field] {
        static TINYMEM: LazyLock<Vec<Field>> =
            LazyLock::new(|| schema::fields(&schemars::schema_for!(TinyMem), &Kind::TinyMem.defaults()));
        static BIOS: LazyLock<Vec<Field>> =
            LazyLock::new(|| schema::fields(&schemars::schema_for!(Bios), &Kind::Bios.defaults()));
        match self {
            Self::TinyMem => &TINYMEM,
            Self::Bios => &BIOS,
        }
    }

    fn defaults(self) -> Value {
        match self {
            Self::TinyMem => serde_json::to_value(TinyMem::default()).unwrap_or_default(),
            Self::Bios => serde_json::to_value(Bios::default()).unwrap_or_default(),
        }
    }
}

/// Which kind, as a row of choices; another one begins with its small set.
pub fn kind_ui(make: &Make, ui: &mut Ui) -> Option<Make> {
    let choices = Kind::ALL.map(|kind| (Some(kind), kind.title(), kind.about()));
    let chosen = Kind::of(make);
    let clicked = segmented(ui, "Made", chosen, &choices).flatten()?;
    (Some(clicked) != chosen).then(|| clicked.small())
}

/// The parameters of a set; the set with the change that was made.
pub fn make_ui(cx: &ViewCx<'_>, make: &Make, [label, field]: [f32; 2], typed: &mut Typed, ui: &mut Ui) -> Option<Make> {
    let kind = Kind::of(make)?;
    let wrong: Vec<Problem> = make
        .problems()
        .into_iter()
        .map(|w| Problem { path: w.field, message: w.message, hint: Some(w.hint) })
        .collect();
    let form = Form { cx, kind, make, wrong: &wrong, widths: [label, field] };
    let (first, rest): (Vec<&Field>, Vec<&Field>) =
        kind.fields().iter().partition(|f| kind.first().contains(&f.path.as_str()));
    let mut changed = None;
    for item in first {
        changed = form.line_ui(item, typed, ui).or(changed);
    }
    CollapsingHeader::new("More parameters").id_salt(("more of", kind.name())).show(ui, |ui| {
        for item in rest {
            changed = form.line_ui(item, typed, ui).or_else(|| changed.take());
        }
    });
    changed
}

struct Form<'a> {
    cx: &'a ViewCx<'a>,
    kind: Kind,
    make: &'a Make,
    wrong: &'a [Problem],
    widths: [f32; 2],
}

impl Form<'_> {
    fn line_ui(&self, item: &Field, typed: &mut Typed, ui: &mut Ui) -> Option<Make> {
        let name = self.kind.name();
        let values = serde_json::to_value(self.make).unwrap_or_default();
        let value = values.get(name).and_then(|v| v.get(&item.path)).unwrap_or(&item.default).clone();
        let path = format!("{name}.{}", item.path);
        // What was typed and cannot be taken is still in the field.
        let tried = typed.get(&path).map(|text| super::fields::parse(&item.kind, item.optional, text));
        let refused = tried.and_then(|value| changed(name, self.make, &item.path, &value).err());
        let wrong: Vec<&Problem> = self.wrong.iter().filter(|p| p.path == path).chain(&refused).collect();
        let mut new = None;
        let [label, width] = self.widths;
        let shown = sentence(&item.path);
        line_ui(self.cx, label, &shown, &about(item), value != item.default, &wrong, ui, |ui| {
            let named = Field { path: path.clone(), ..item.clone() };
            new = value_ui(self.cx, &named, &value, !wrong.is_empty(), width, typed, ui);
            if !item.unit.is_empty() {
                ui.label(super::widgets::caption(ui, item.unit.as_str()));
            }
        });
        changed(name, self.make, &item.path, &new?).ok()
    }
}

/// `n_noise` as `N noise`.
fn sentence(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str().replace('_', " "))
}

/// The set with another value of a parameter.
fn changed(name: &str, make: &Make, field: &str, value: &Value) -> Result<Make, Problem> {
    let mut whole = serde_json::to_value(make).unwrap_or_default();
    if let Some(inner) = whole.get_mut(name).and_then(Value::as_object_mut) {
        set(inner, field, value);
    }
    if let Some(problem) = schema::problems(&schemars::schema_for!(Make), &whole).into_iter().next() {
        return Err(problem);
    }
    serde_json::from_value(whole).map_err(|e| Problem { path: field.to_owned(), message: e.to_string(), hint: None })
}

fn set(inner: &mut Map<String, Value>, field: &str, value: &Value) {
    if value.is_null() {
        inner.remove(field);
    } else {
        inner.insert(field.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_parameter_is_changed_or_refused_with_its_range() {
        let make = Kind::TinyMem.small();
        let more = changed("tinymem", &make, "rows", &json!(900)).unwrap();
        assert_eq!(more.tinymem.as_ref().and_then(|t| t.rows), Some(900));
        let default = changed("tinymem", &more, "rows", &Value::Null).unwrap();
        assert_eq!(default.tinymem.and_then(|t| t.rows), None);
        let refused = changed("tinymem", &make, "noise_share", &json!(2)).unwrap_err();
        assert!(refused.message.contains("0 to 1"), "{refused:?}");
        assert!(changed("bios", &Kind::Bios.small(), "people", &json!("many")).is_err());
    }

    #[test]
    fn small_sets_are_good_and_ask_for_fields_that_exist() {
        for kind in Kind::ALL {
            assert!(kind.small().problems().is_empty());
            assert_eq!(Kind::of(&kind.small()), Some(kind));
            for name in kind.first() {
                assert!(kind.fields().iter().any(|f| f.path == *name), "{name}");
            }
        }
    }
}
