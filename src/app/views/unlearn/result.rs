//! What a run of unlearning did: in words, before and after as numbers, where it lies, what the model says now.

use std::sync::Arc;

use egui::{Align2, FontId, Label, ProgressBar, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use super::{Page, Unit, battery, choose, edits, run_and_model, texts, units, whereabouts};
use crate::app::context::ViewCx;
use crate::app::runs::{RunDetails, RunState};
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, TIGHT, size};
use crate::app::widgets::{
    accent_button, badge, caption, columns_ui, empty_ui, loading_ui, region, soft, title, trouble_ui,
};
use crate::methods::Table;
use crate::methods::unlearn::pareto::Outcome;
use crate::methods::unlearn::technique::find;
use crate::methods::unlearn::{Tone, tone};
use crate::runs::store::SavedStep;

const LIST: f32 = 244.0;
const ROW: f32 = 58.0;

/// Transient state.
#[derive(Default)]
pub(super) struct Results {
    texts: texts::Texts,
    whereabouts: whereabouts::Whereabouts,
}

impl Results {
    /// Draws list and result. Returns another page when that is wanted.
    pub(super) fn results_ui(
        &mut self,
        cx: &ViewCx<'_>,
        step: &mut Option<(String, usize)>,
        ui: &mut Ui,
    ) -> Option<Page> {
        let units = units(cx);
        if units.is_empty() {
            return nothing_ui(ui);
        }
        let chosen = units.iter().position(|u| step.as_ref().is_some_and(|s| s.0 == u.run.id && s.1 == u.step));
        let Some(at) = chosen else {
            // Whoever comes here first sees the newest one that is done.
            if let Some(unit) = units.iter().find(|u| u.outcome.is_some()).or_else(|| units.first()) {
                choose(cx, unit, step);
            }
            return None;
        };
        let room = ui.available_rect_before_wrap();
        region(ui, room.with_max_x(room.left() + LIST), "runs", |ui| list_ui(cx, &units, at, step, ui));
        let right = room.with_min_x(room.left() + LIST + PAD);
        let unit = units.get(at)?;
        region(ui, right, "result", |ui| {
            ScrollArea::vertical()
                .id_salt(&unit.run.id)
                .auto_shrink([false, false])
                .show(ui, |ui| {
                    ui.set_max_width(ui.available_width() - 10.0);
                    self.result_ui(cx, unit, &units, ui)
                })
                .inner
        })
    }

    fn result_ui(&mut self, cx: &ViewCx<'_>, unit: &Unit<'_>, units: &[Unit<'_>], ui: &mut Ui) -> Option<Page> {
        head_ui(unit, ui);
        if let Some(trouble) = &unit.run.trouble {
            trouble_ui(cx, "The run has failed", trouble, ui);
        }
        if unit.outcome.is_none() {
            waiting_ui(unit, ui);
            return None;
        }
        let Some(details) = cx.state.runs.details.get(&unit.run.id) else {
            if cx.state.runs.chosen.first() != Some(&unit.run.id) {
                choose(cx, unit, &mut None);
            }
            loading_ui("Reading…", ui);
            return None;
        };
        let saved = details.steps.get(unit.step)?;
        verdict_ui(cx, saved, ui);
        let page = edits::actions_ui(cx, unit, saved, ui);
        ui.add_space(PAD);
        let wide = ui.available_width() > 760.0;
        columns_ui(if wide { 2 } else { 1 }, ui, |columns| {
            if let Some(table) = table_of(details, saved, "battery")
                && let Some(left) = columns.first_mut()
            {
                battery::battery_ui(cx, table, left);
            }
            if let Some(right) = columns.last_mut() {
                self.whereabouts.whereabouts_ui(cx, unit, units, details, saved, right);
            }
        });
        ui.add_space(PAD);
        if let Some(table) = table_of(details, saved, "rows") {
            self.texts.texts_ui(cx, &unit.run.id, unit.step, table, ui);
        }
        page
    }
}

/// A table of a step.
pub(super) fn table_of<'a>(details: &'a RunDetails, step: &SavedStep, id: &str) -> Option<&'a Arc<Table>> {
    let saved = step.tables.iter().find(|t| t.id == id)?;
    details.tables.get(details.table_files.iter().position(|file| *file == saved.file)?)
}

/// Name of a technique with its ratio.
pub(super) fn name_of(outcome: &Outcome) -> String {
    let title = find(&outcome.technique).map_or(outcome.technique.as_str(), |t| t.title);
    match outcome.ratio {
        Some(ratio) => format!("{title} {}", crate::figures::ticks::short(ratio)),
        None => title.to_owned(),
    }
}

/// Name of an edit, also of one that is not made yet.
pub(super) fn unit_name(unit: &Unit<'_>) -> String {
    if let Some(outcome) = unit.outcome {
        return name_of(outcome);
    }
    let at = format!("steps.{}.config.technique", unit.step);
    let id = unit.run.config.get(&at).map_or("balanced-subnet", String::as_str);
    find(id).map_or_else(|_| id.to_owned(), |t| t.title.to_owned())
}

fn list_ui(cx: &ViewCx<'_>, units: &[Unit<'_>], at: usize, step: &mut Option<(String, usize)>, ui: &mut Ui) {
    ui.label(caption(ui, if units.len() == 1 { "1 edit".to_owned() } else { format!("{} edits", units.len()) }));
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().auto_shrink([false, false]).show_rows(ui, ROW, units.len(), |ui, range| {
        for i in range {
            let Some(unit) = units.get(i) else { continue };
            if row_ui(cx, unit, i == at, ui) {
                choose(cx, unit, step);
            }
        }
    });
}

fn row_ui(cx: &ViewCx<'_>, unit: &Unit<'_>, is_on: bool, ui: &mut Ui) -> bool {
    let t = cx.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width() - 8.0, ROW), Sense::click());
    let name = unit_name(unit);
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, is_on, format!("{name}, {}", unit.run.name)));
    if is_on || response.hovered() {
        ui.painter().rect_filled(rect.shrink2(vec2(0.0, 1.0)), 6.0, if is_on { t.accent_soft } else { t.hover });
    }
    let painter = ui.painter().with_clip_rect(rect.shrink2(vec2(4.0, 0.0)).intersect(ui.clip_rect()));
    let at = |y: f32| rect.left_top() + vec2(10.0, y);
    let ink = if is_on { t.accent } else { t.text };
    painter.text(at(5.0), Align2::LEFT_TOP, name, semibold(size::BODY), ink);
    let small = FontId::proportional(size::SMALL);
    let below = if unit.run.methods.len() > 1 {
        format!("{}, step {}", unit.run.name, unit.step)
    } else {
        unit.run.name.clone()
    };
    painter.text(at(22.0), Align2::LEFT_TOP, below, small.clone(), t.text_faint);
    let numbers = match unit.outcome {
        Some(outcome) => {
            let change = |id: &str| {
                let percent = |x: &f64| format!("{:.0}", 100.0 * x);
                Some(format!("{} → {} %", percent(outcome.before.get(id)?), percent(outcome.after.get(id)?)))
            };
            let exact = change("forget.exact").map(|c| format!("exact {c}"));
            let kept = change("retain.accuracy").or_else(|| change("holdout.accuracy")).map(|c| format!("kept {c}"));
            exact.into_iter().chain(kept).collect::<Vec<_>>().join("   ")
        }
        None => unit.run.state.title().to_lowercase(),
    };
    painter.text(at(37.0), Align2::LEFT_TOP, numbers, small, t.text_soft);
    response.clicked()
}

fn head_ui(unit: &Unit<'_>, ui: &mut Ui) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(unit_name(unit)).font(semibold(size::HEADING)));
        ui.label(soft(ui, run_and_model(unit.run)));
    });
    ui.add_space(TIGHT);
}

fn waiting_ui(unit: &Unit<'_>, ui: &mut Ui) {
    let run = unit.run;
    let text = match run.state {
        RunState::Queued => "It waits for its turn.".to_owned(),
        RunState::Running => format!("It is at work: {}.", run.stage),
        _ => "It stopped before this step was done; Runs can go on with it.".to_owned(),
    };
    ui.label(soft(ui, text));
    if let (RunState::Running, Some([done, total])) = (run.state, run.progress) {
        ui.add(ProgressBar::new(done as f32 / total.max(1) as f32).desired_height(8.0));
    }
}

/// What the numbers mean, in words.
fn verdict_ui(cx: &ViewCx<'_>, step: &SavedStep, ui: &mut Ui) {
    let t = cx.tokens;
    for note in &step.notes {
        let tone = tone(note);
        ui.horizontal_top(|ui| {
            let (icon, ink) = match tone {
                Tone::Good => (Icon::Check, t.good),
                Tone::Bad => (Icon::Warn, t.warn),
                Tone::Plain => (Icon::Info, t.text_faint),
            };
            icon.show(ui, 16.0, ink);
            let text = RichText::new(note).color(if tone == Tone::Plain { t.text_faint } else { t.text });
            let text = if tone == Tone::Plain { text.size(size::SMALL) } else { text.font(semibold(size::BODY)) };
            ui.add(Label::new(text).wrap().selectable(true));
        });
    }
    ui.add_space(GAP);
}

fn nothing_ui(ui: &mut Ui) -> Option<Page> {
    let about = "A run of unlearning measures the model, makes a copy of it forget, and measures the copy: what is left, what \
                 it cost, and where in the weights it was.";
    let mut page = None;
    empty_ui(Icon::Unlearn, "Nothing was forgotten yet", about, ui, |ui| {
        if accent_button(ui, Some(Icon::Unlearn), "Set up a run").clicked() {
            page = Some(Page::SetUp);
        }
    });
    page
}

/// A title with a remark, as cards of the result have them.
pub(super) fn section_ui(name: &str, remark: &str, ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.label(title(name));
        if !remark.is_empty() {
            badge(ui, remark, crate::app::style::tokens(ui).text_soft, crate::app::style::tokens(ui).hover);
        }
    });
    ui.add_space(TIGHT);
}
