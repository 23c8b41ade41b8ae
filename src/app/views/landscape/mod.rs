//! The Landscape view: maps of the loss around a model, in space or from above, side by side with one camera and one
//! color scale.

mod controls;
mod maps;
mod sharpness;
mod slices;

use std::sync::Arc;

use egui::{Id, RichText, ScrollArea, Ui, vec2};

use self::maps::{Difference, common_range, maps_of};
use self::sharpness::Sharpness;
use self::slices::Slices;
use super::{View, ViewId};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::desk::DeskCommand;
use crate::app::draft::DraftCommand;
use crate::app::plot::plot_ui;
use crate::app::runs::{RunCommand, RunEntry, RunState};
use crate::app::style::Icon;
use crate::app::style::fonts::semibold;
use crate::app::style::tokens::{GAP, PAD, size};
use crate::app::surface::{Picked, surface_ui};
use crate::app::widgets::{accent_button, button, caption, columns_ui, empty_ui, header, region, soft, trouble_ui};
use crate::figures::{Figure, Relief};
use crate::runs::{Page, Panel};

const METHOD: &str = "landscape";
const CURVATURE: &str = "curvature";
const SIDE: f32 = 268.0;
/// Share of the height that curvature has below the maps.
const SHARPNESS: f32 = 0.32;
/// Maps side by side.
const MOST: usize = 3;

/// How maps are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Look {
    #[default]
    Space,
    Above,
    Slices,
    Difference,
}

/// Transient state.
#[derive(Default)]
pub(super) struct Landscape {
    relief: Relief,
    look: Look,
    /// Whether every map has the range of its own values.
    own_ranges: bool,
    /// Files of the maps that are shown, with their run.
    shown: Vec<(String, String)>,
    difference: Difference,
    slices: Slices,
    sharpness: Sharpness,
    /// Whether curvature is kept out of sight.
    hides_sharpness: bool,
    picked: Option<(String, Picked)>,
}

impl View for Landscape {
    fn view_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let runs: Vec<&Arc<RunEntry>> =
            cx.state.runs.entries.iter().filter(|r| r.methods.iter().any(|m| m == METHOD || m == CURVATURE)).collect();
        header(ui, "Landscape", "", |ui| {
            if accent_button(ui, Some(Icon::Plus), "New landscape").clicked() {
                set_up(cx, METHOD);
            }
            if button(ui, Some(Icon::Plus), "New curvature").clicked() {
                set_up(cx, CURVATURE);
            }
            if self.is_done(cx) && button(ui, Some(Icon::Figures), "As a figure").clicked() {
                self.publish(cx);
            }
        });
        if runs.is_empty() {
            return nothing_ui(cx, ui);
        }
        // Whoever comes here first sees the newest one.
        let current = cx.state.runs.current().filter(|run| runs.iter().any(|r| r.id == run.id));
        let Some(run) = current else {
            let newest = runs.iter().find(|r| r.state == RunState::Done).or_else(|| runs.first());
            if let Some(run) = newest {
                cx.send(Command::Run(RunCommand::Choose(vec![run.id.clone()])));
            }
            return;
        };
        let room = ui.available_rect_before_wrap();
        let side = room.with_min_x(room.right() - SIDE);
        let middle = room.with_max_x(side.left() - PAD);
        let maps = maps_of(&cx.state.runs);
        self.choose(&maps);
        let has_sharpness = self.sharpness.look(&cx.state.runs);
        region(ui, side, "controls", |ui| self.side_ui(cx, &runs, &maps, has_sharpness, ui));
        let mut middle = middle;
        if has_sharpness && !self.hides_sharpness {
            let share = if maps.is_empty() { 1.0 } else { SHARPNESS };
            let cut = middle.bottom() - share * middle.height();
            let below = middle.with_min_y(cut);
            region(ui, below, "curvature", |ui| self.sharpness.show_ui(ui.available_height() - 40.0, ui));
            middle = middle.with_max_y(cut - PAD);
            if maps.is_empty() {
                return;
            }
        }
        region(ui, middle, "maps", |ui| self.maps_ui(cx, run, &maps, ui));
    }
}

/// A map of values in a run.
pub(super) struct Map<'a> {
    run: &'a str,
    file: &'a str,
    figure: &'a Arc<Figure>,
}

impl Map<'_> {
    fn key(&self) -> (String, String) {
        (self.run.to_owned(), self.file.to_owned())
    }
}

impl Landscape {
    /// Maps that are gone are not shown; at first the first two are.
    fn choose(&mut self, maps: &[Map<'_>]) {
        self.shown.retain(|key| maps.iter().any(|m| m.key() == *key));
        if self.shown.is_empty() {
            self.shown = maps.iter().take(2).map(Map::key).collect();
        }
    }

    fn side_ui(
        &mut self,
        cx: &ViewCx<'_>,
        runs: &[&Arc<RunEntry>],
        maps: &[Map<'_>],
        has_sharpness: bool,
        ui: &mut Ui,
    ) {
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            controls::runs_ui(cx, runs, ui);
            if has_sharpness {
                let mut is_on = !self.hides_sharpness;
                ui.checkbox(&mut is_on, "Curvature below the maps");
                self.hides_sharpness = !is_on;
                ui.add_space(GAP);
            }
            if maps.is_empty() {
                return;
            }
            controls::maps_ui(maps, &mut self.shown, MOST, ui);
            let shown = self.figures(maps);
            controls::look_ui(&mut self.look, shown.len() == 2, ui);
            if self.look == Look::Space {
                let fitted = common_range(&shown, self.relief.log);
                controls::relief_ui(&mut self.relief, &mut self.own_ranges, fitted, ui);
            }
            if let Some((title, picked)) = &self.picked {
                ui.add_space(GAP);
                controls::picked_ui(title, picked, ui);
            }
        });
    }

    /// The heights that all maps share, if they do.
    fn range(&self, figures: &[&Arc<Figure>]) -> Option<[f64; 2]> {
        let shared = || self.relief.range.or_else(|| common_range(figures, self.relief.log));
        if self.own_ranges { None } else { shared() }
    }

    fn figures<'a>(&self, maps: &[Map<'a>]) -> Vec<&'a Arc<Figure>> {
        let of = |key: &(String, String)| maps.iter().find(|m| m.key() == *key).map(|m| m.figure);
        self.shown.iter().filter_map(of).collect()
    }

    fn maps_ui(&mut self, cx: &ViewCx<'_>, run: &RunEntry, maps: &[Map<'_>], ui: &mut Ui) {
        if let Some(trouble) = &run.trouble {
            trouble_ui(cx, "The run has failed", trouble, ui);
        }
        let figures = self.figures(maps);
        if figures.is_empty() {
            let text = match run.state {
                RunState::Queued | RunState::Running => "The map appears when its points are computed.",
                _ if cx.state.runs.current_details().is_none() => "Reading…",
                _ => "This run has no map over a plane. Lines are in Figures.",
            };
            ui.label(soft(ui, text));
            return;
        }
        if run.state.is_active()
            && let Some([done, all]) = run.progress
        {
            let text =
                format!("{}: {done} of {all}. Between points of a coarser grid the surface is linear.", run.stage);
            ui.label(caption(ui, text));
        }
        let height = (ui.available_height() - 56.0).max(200.0);
        if self.look == Look::Slices {
            return self.slices.show_ui(&figures, self.relief.log, height, ui);
        }
        if self.look == Look::Difference
            && let [first, second] = figures.as_slice()
            && let Some(figure) = self.difference.of(first, second)
        {
            ui.label(RichText::new(&figure.title).font(semibold(size::BODY)));
            plot_ui(&figure, "landscape difference", height - 10.0, None, ui);
            return;
        }
        let relief = Relief { range: self.range(&figures), ..self.relief };
        self.picked = None;
        columns_ui(figures.len(), ui, |columns| {
            for (i, (column, figure)) in columns.iter_mut().zip(&figures).enumerate() {
                column.label(RichText::new(&figure.title).font(semibold(size::BODY)));
                if self.look == Look::Space {
                    self.surface_ui(figure, relief, i, height, column);
                } else {
                    plot_ui(figure, &format!("landscape {i} {}", figure.id), height, None, column);
                }
            }
        });
        ui.label(caption(ui, "Drag to turn, Shift and drag to move, wheel to enlarge, double click to reset."));
    }

    /// One surface; turning it turns all.
    fn surface_ui(&mut self, figure: &Arc<Figure>, relief: Relief, place: usize, height: f32, ui: &mut Ui) {
        let extent = vec2(ui.available_width(), height);
        let Some((camera, picked)) = surface_ui(figure, relief, Id::unique(("landscape", place)), extent, ui) else {
            ui.label(soft(ui, "No defined values in range."));
            return;
        };
        if camera != relief.camera {
            self.relief.camera = camera;
        }
        if let Some(picked) = picked {
            self.picked = Some((figure.title.clone(), picked));
        }
    }

    /// Whether everything shown is a result, and not on the way to one.
    fn is_done(&self, cx: &ViewCx<'_>) -> bool {
        let is_result = |(run, file): &(String, String)| {
            let details = cx.state.runs.details.get(run);
            details.is_some_and(|d| d.figures.iter().any(|(name, _)| name == file))
        };
        !self.shown.is_empty() && self.shown.iter().all(is_result)
    }

    /// The page of figures that looks like this.
    fn publish(&self, cx: &ViewCx<'_>) {
        let space = (self.look == Look::Space).then_some(self.relief);
        let figures = self.figures(&maps_of(&cx.state.runs));
        let range = self.range(&figures);
        let panel = |(run, file): &(String, String)| {
            let run = cx.state.runs.find(run)?;
            let figure = std::path::Path::new(file).file_stem()?.to_string_lossy().into_owned();
            let relief = space.map(|relief| Relief { range, ..relief });
            Some(Panel { run: run.path.clone(), figure, relief, ..Panel::default() })
        };
        let panels: Vec<Panel> = self.shown.iter().filter_map(panel).collect();
        let columns = panels.len().max(1);
        let page = Page { panels, columns, spec: cx.state.desk.page.spec.clone(), ..Page::default() };
        cx.send(Command::Desk(DeskCommand::Replace(Box::new(page))));
        cx.send(Command::Show(ViewId::Figures));
    }
}

fn set_up(cx: &ViewCx<'_>, method: &str) {
    cx.send(Command::Edit(DraftCommand::Method(method.to_owned())));
    cx.send(Command::Show(ViewId::Experiment));
}

fn nothing_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let about = "A landscape is the loss of texts on a plane through the model's weights: along random directions, between \
                 two models, or along an edit. Memorized and ordinary texts lie on the same plane.";
    empty_ui(Icon::Landscape, "No landscape yet", about, ui, |ui| {
        if accent_button(ui, Some(Icon::Experiment), "Set up a landscape").clicked() {
            set_up(cx, METHOD);
        }
    });
}
