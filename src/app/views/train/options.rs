//! Lines of the form: an option of training under a name of its own.

use std::sync::LazyLock;

use egui::Ui;
use serde_json::{Map, Value};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::{DraftCommand, field};
use crate::app::fields::{Typed, about, line_ui, value_ui};
use crate::app::widgets::caption;
use crate::methods::Method as _;
use crate::methods::schema::{Field, Problem};

pub(super) const LABEL: f32 = 132.0;
pub(super) const FIELD: f32 = 170.0;

/// What lines are drawn from.
pub(super) struct Lines<'a> {
    pub(super) cx: &'a ViewCx<'a>,
    pub(super) config: Map<String, Value>,
    pub(super) base: Map<String, Value>,
    pub(super) problems: Vec<Problem>,
}

fn fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| crate::methods::train::METHOD.fields());
    &FIELDS
}

impl<'a> Lines<'a> {
    pub(super) fn new(cx: &'a ViewCx<'a>) -> Self {
        let draft = &cx.state.draft;
        Self { cx, config: draft.config(), base: draft.base(), problems: draft.experiment.problems() }
    }

    /// The present value of an option.
    pub(super) fn value(&self, path: &str) -> Value {
        let item = fields().iter().find(|f| f.path == path);
        field(&self.config, path).cloned().or_else(|| item.map(|f| f.default.clone())).unwrap_or_default()
    }

    /// One option.
    pub(super) fn option_ui(&self, path: &str, label: &str, typed: &mut Typed, ui: &mut Ui) {
        let Some(item) = fields().iter().find(|f| f.path == path) else { return };
        let value = self.value(path);
        let base = field(&self.base, path).unwrap_or(&item.default);
        let at = format!("steps.0.config.{path}");
        let wrong: Vec<&Problem> = self.problems.iter().filter(|p| p.path == at).collect();
        line_ui(self.cx, LABEL, label, &about(item), value != *base, &wrong, ui, |ui| {
            if let Some(new) = value_ui(self.cx, item, &value, !wrong.is_empty(), FIELD, typed, ui) {
                self.set(path, (new != item.default).then_some(new));
            }
            if !item.unit.is_empty() {
                ui.label(caption(ui, item.unit.as_str()));
            }
        });
    }

    /// Sets an option; `None` is its default.
    pub(super) fn set(&self, path: &str, value: Option<Value>) {
        self.cx.send(Command::Edit(DraftCommand::Field(path.to_owned(), value)));
    }
}
