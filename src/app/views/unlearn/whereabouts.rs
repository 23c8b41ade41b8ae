//! Where an edit lies in the weights, and how much edits share.

use std::sync::Arc;

use egui::{Align2, FontId, Sense, Ui, WidgetInfo, vec2};

use super::Unit;
use super::result::{section_ui, unit_name};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::plot::{map_color, plot_ui};
use crate::app::runs::{RunCommand, RunDetails};
use crate::app::style::tokens::{GAP, size};
use crate::app::unlearn::UnlearnCommand;
use crate::app::widgets::{caption, card, link, soft};
use crate::figures::Figure;
use crate::runs::store::SavedStep;
use crate::runs::unlearned::Overlaps;

/// Edits that are compared with each other.
const MOST: usize = 6;
const HEIGHT: f32 = 176.0;
/// Figures about the place of an edit.
const MAPS: [&str; 2] = ["changed_tensors", "changed_units"];
/// Figures about how it went.
const COURSES: [&str; 3] = ["ratios", "losses", "course"];

/// Transient state.
#[derive(Default)]
pub(super) struct Whereabouts {
    asked: Option<Vec<(String, usize)>>,
}

impl Whereabouts {
    /// Draws heat maps, overlap and curves.
    pub(super) fn whereabouts_ui(
        &mut self,
        cx: &ViewCx<'_>,
        unit: &Unit<'_>,
        units: &[Unit<'_>],
        details: &RunDetails,
        step: &SavedStep,
        ui: &mut Ui,
    ) {
        let figures = |ids: &[&str]| -> Vec<(&str, &Arc<Figure>)> {
            let own = ids.iter().filter_map(|id| step.figures.iter().find(|f| f.id == *id));
            own.filter_map(|f| details.figures.iter().find(|(file, _)| *file == f.file))
                .map(|(file, figure)| (file.as_str(), figure))
                .collect()
        };
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            section_ui("Where it lies", "", ui);
            let maps = figures(&MAPS);
            if maps.is_empty() {
                ui.label(soft(ui, "Nothing in the feed-forward blocks changed."));
            }
            for map in maps {
                figure_ui(cx, unit, map, ui);
            }
        });
        ui.add_space(GAP);
        self.overlap_ui(cx, unit, units, ui);
        let courses = figures(&COURSES);
        if !courses.is_empty() {
            card(ui, |ui| {
                ui.set_width(ui.available_width());
                section_ui("How it went", "", ui);
                for figure in courses {
                    figure_ui(cx, unit, figure, ui);
                }
            });
        }
    }

    /// The Jaccard index of each two edits of the run; of a run with one, with those of others on the same model.
    fn overlap_ui(&mut self, cx: &ViewCx<'_>, unit: &Unit<'_>, units: &[Unit<'_>], ui: &mut Ui) {
        let is_done = |u: &&Unit<'_>| u.outcome.is_some();
        let of_run: Vec<&Unit<'_>> = units.iter().filter(is_done).filter(|u| u.run.id == unit.run.id).collect();
        let is_own = of_run.len() > 1;
        let mut compared = of_run;
        if !is_own {
            let others = units.iter().filter(is_done);
            let others = others.filter(|u| u.run.id != unit.run.id && u.run.model == unit.run.model);
            compared.extend(others.take(MOST - 1));
        }
        compared.truncate(MOST);
        if compared.len() < 2 {
            return;
        }
        let steps: Vec<(String, usize)> = compared.iter().map(|u| (u.run.id.clone(), u.step)).collect();
        let known = cx.state.unlearn.overlaps.get(&steps);
        if known.is_none() && self.asked.as_ref() != Some(&steps) {
            self.asked = Some(steps.clone());
            cx.send(Command::Unlearn(UnlearnCommand::Overlaps(steps)));
        }
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            section_ui("What edits share", if is_own { "of this run" } else { "of this model" }, ui);
            match known {
                Some(Ok(found)) => matrix_ui(&compared, found, ui),
                Some(Err(trouble)) => {
                    ui.add(egui::Label::new(soft(ui, format!("Edits cannot be compared: {}", trouble.message))).wrap());
                }
                None => {
                    ui.label(soft(ui, "Reading the edits…"));
                }
            }
        });
        ui.add_space(GAP);
    }
}

fn figure_ui(cx: &ViewCx<'_>, unit: &Unit<'_>, (file, figure): (&str, &Arc<Figure>), ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.label(caption(ui, figure.title.as_str())).on_hover_text(&figure.caption);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if link(ui, "In Figures").clicked() {
                cx.send(Command::Run(RunCommand::ShowFigure(unit.run.id.clone(), file.to_owned())));
            }
        });
    });
    plot_ui(figure, &format!("unlearn {} {file}", unit.run.id), HEIGHT, None, ui);
}

/// Each two edits: the share of what either changes that both change.
fn matrix_ui(compared: &[&Unit<'_>], found: &Overlaps, ui: &mut Ui) {
    const CELL: f32 = 44.0;
    const NAME: f32 = 150.0;
    let t = crate::app::style::tokens(ui);
    let dark = ui.visuals().dark_mode;
    let n = found.edits.len();
    let small = FontId::proportional(size::SMALL);
    let (rect, response) = ui.allocate_exact_size(vec2(NAME + CELL * n as f32, 20.0 * n as f32 + 20.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, "Overlap of edits"));
    for (i, unit) in compared.iter().enumerate() {
        let y = rect.top() + 20.0 * i as f32 + 30.0;
        let label = format!("{} {}", i + 1, unit_name(unit));
        let clip =
            egui::Rect::from_min_max(egui::pos2(rect.left(), y - 10.0), egui::pos2(rect.left() + NAME - 6.0, y + 10.0));
        let painter = ui.painter().with_clip_rect(clip.intersect(ui.clip_rect()));
        painter.text(egui::pos2(rect.left(), y), Align2::LEFT_CENTER, label, small.clone(), t.text_soft);
        let head = egui::pos2(rect.left() + NAME + CELL * (i as f32 + 0.5), rect.top() + 10.0);
        ui.painter().text(head, Align2::CENTER_CENTER, (i + 1).to_string(), small.clone(), t.text_faint);
        for j in 0..n {
            let Some(value) = found.jaccard.get(i * n + j).copied() else { continue };
            let min = egui::pos2(rect.left() + NAME + CELL * j as f32, y - 10.0);
            let cell = egui::Rect::from_min_size(min, vec2(CELL, 20.0)).shrink(1.0);
            let fill = value.map_or(t.sunken, |v| map_color(v, dark));
            ui.painter().rect_filled(cell, 3.0, fill);
            let text = value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
            ui.painter().text(cell.center(), Align2::CENTER_CENTER, text, small.clone(), t.ink_on(fill));
        }
    }
    let about = "Jaccard index: of the numbers that either changes, the share that both change.";
    ui.add(egui::Label::new(caption(ui, about)).wrap());
}
