//! A sweep: all of its runs in parallel coordinates, their numbers and curves with mean and deviation.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{FontId, Sense, Stroke, Ui, vec2};

use super::compare::Compare;
use super::details::scroll;
use super::parallel::Parallel;
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::live::Live;
use crate::app::plot::{plot_ui, run_color};
use crate::app::runs::{RunCommand, RunEntry, RunState};
use crate::app::style::Icon;
use crate::app::style::tokens;
use crate::app::style::tokens::{GAP, PAD, size};
use crate::app::widgets::{button, caption, columns_ui, segmented, soft, title};
use crate::figures::{Figure, Mark};
use crate::runs::sweep::{Curves, Group, Member, Numbers, groups, mean_figure, number_figures};

/// Runs that the comparison can show side by side.
const SIDE_BY_SIDE: usize = 4;
/// Height of a figure, points.
const HEIGHT: f32 = 250.0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Parallel,
    Numbers,
    Curves,
    Compare,
}

/// Transient state.
#[derive(Default)]
pub(super) struct SweepView {
    tab: Tab,
    /// Whether curves are drawn run by run, and not as means.
    each: bool,
    parallel: Parallel,
    numbers: Cached<u64>,
    curves: Cached<Vec<(String, u64)>>,
}

/// Figures that are made again when their key changes.
#[derive(Default)]
struct Cached<K> {
    key: Option<(String, K)>,
    page: Page,
}

/// Figures with a legend of their own, or with a common one above them.
#[derive(Default)]
struct Page {
    figures: Vec<Arc<Figure>>,
    /// Name, color, and whether the line is dashed.
    legend: Vec<(String, usize, bool)>,
}

impl SweepView {
    /// Draws the sweep of this id, whose runs are chosen.
    pub(super) fn sweep_ui(&mut self, cx: &ViewCx<'_>, id: &str, compare: &mut Compare, live: &mut Live, ui: &mut Ui) {
        let chosen = &cx.state.runs.chosen;
        let mut runs = cx.state.runs.of_sweep(id);
        runs.retain(|run| chosen.contains(&run.id));
        self.head_ui(cx, &runs, ui);
        ui.add_space(GAP);
        match self.tab {
            Tab::Parallel => self.parallel.parallel_ui(cx, id, &runs, ui),
            Tab::Numbers => {
                let page = self.numbers.update(id, cx.state.runs.serial, || number_figures_of(&runs));
                let nothing = "Nothing to draw yet: finished runs with different settings are needed.";
                scroll(ui, |ui| figures_ui(page, nothing, ui));
            }
            Tab::Curves => scroll(ui, |ui| self.curves_ui(cx, id, &runs, live, ui)),
            Tab::Compare => compare.compare_ui(cx, live, ui),
        }
    }

    fn head_ui(&mut self, cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
        let done = runs.iter().filter(|run| run.state == RunState::Done).count();
        ui.horizontal(|ui| {
            ui.label(title(format!("Sweep of {} runs", runs.len())));
            ui.label(caption(ui, format!("{done} done")));
            let choices = [
                (Tab::Parallel, "Parallel", "All settings and numbers on parallel axes"),
                (Tab::Numbers, "Numbers", "Numbers against settings, mean ± deviation over seeds"),
                (Tab::Curves, "Curves", "Numbers over time, also while it works"),
                (Tab::Compare, "Compare", "Side by side"),
            ];
            let n = if runs.len() <= SIDE_BY_SIDE { choices.len() } else { choices.len() - 1 };
            if n < choices.len() && self.tab == Tab::Compare {
                self.tab = Tab::Parallel;
            }
            if let Some(tab) = segmented(ui, "Sweep", self.tab, choices.get(..n).unwrap_or_default()) {
                self.tab = tab;
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| work_ui(cx, runs, ui));
        });
    }

    fn curves_ui(&mut self, cx: &ViewCx<'_>, id: &str, runs: &[&Arc<RunEntry>], live: &mut Live, ui: &mut Ui) {
        let choices = [
            (false, "Mean ± deviation", "Over runs that differ in their seed alone"),
            (true, "Every run", "With smoothing and other axes"),
        ];
        ui.horizontal(|ui| {
            if let Some(each) = segmented(ui, "Kind of curves", self.each, &choices) {
                self.each = each;
            }
        });
        ui.add_space(GAP);
        if self.each {
            return live.live_ui(cx, runs, ui);
        }
        let logs = &cx.state.runs.logs;
        let key = runs.iter().filter_map(|run| Some((run.id.clone(), logs.get(&run.id)?.serial))).collect();
        let page = self.curves.update(id, key, || curve_figures_of(cx, runs));
        figures_ui(page, "No numbers were reported yet.", ui);
    }
}

/// Stops everything that waits or works, or goes on with everything that can.
fn work_ui(cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
    let send = |of: &dyn Fn(&RunEntry) -> bool, command: fn(String) -> RunCommand| {
        for run in runs.iter().filter(|run| of(run)) {
            cx.send(Command::Run(command(run.id.clone())));
        }
    };
    if runs.iter().any(|run| run.state.is_active()) {
        let stop = button(ui, Some(Icon::Stop), "Stop all");
        if stop.on_hover_text("What is done is kept; a second time stops at once").clicked() {
            send(&|run| run.state.is_active(), RunCommand::Cancel);
        }
    } else if runs.iter().any(|run| run.state.can_resume()) && button(ui, Some(Icon::Resume), "Go on").clicked() {
        send(&|run| run.state.can_resume(), RunCommand::Resume);
    }
}

impl<K: PartialEq> Cached<K> {
    fn update(&mut self, id: &str, key: K, make: impl FnOnce() -> Vec<Figure>) -> &Page {
        let is_same = self.key.as_ref().is_some_and(|(known, before)| known == id && *before == key);
        if !is_same {
            self.page = Page::of(make());
            self.key = Some((id.to_owned(), key));
        }
        &self.page
    }
}

impl Page {
    /// A legend of many lines would cover each of the figures, so it stands above them.
    fn of(mut figures: Vec<Figure>) -> Self {
        const FEW: usize = 3;
        let largest = figures.iter().max_by_key(|figure| figure.series.len());
        let mut legend = Vec::new();
        if let Some(figure) = largest.filter(|figure| figure.series.len() > FEW) {
            let is_dashed = |mark: &Mark| matches!(mark, Mark::Line { dashed: true, .. });
            legend = figure.series.iter().map(|s| (s.name.clone(), s.color, is_dashed(&s.mark))).collect();
            figures.iter_mut().flat_map(|figure| &mut figure.series).for_each(|series| series.name.clear());
        }
        Self { figures: figures.into_iter().map(Arc::new).collect(), legend }
    }
}

fn figures_ui(page: &Page, nothing: &str, ui: &mut Ui) {
    let figures = &page.figures;
    if figures.is_empty() {
        ui.label(soft(ui, nothing));
        return;
    }
    ui.horizontal_wrapped(|ui| {
        page.legend.iter().for_each(|entry| legend_ui(entry, ui));
    });
    let n = ((ui.available_width() / 440.0) as usize).clamp(1, 3);
    for (row, figures) in figures.chunks(n).enumerate() {
        ui.push_id(row, |ui| {
            columns_ui(n, ui, |columns| {
                for (column, figure) in columns.iter_mut().zip(figures) {
                    column.label(title(&figure.title)).on_hover_text(&figure.caption);
                    plot_ui(figure, &figure.id, HEIGHT, None, column);
                }
            });
        });
        ui.add_space(PAD);
    }
}

/// A piece of line and a name that stay together.
fn legend_ui((name, color, is_dashed): &(String, usize, bool), ui: &mut Ui) {
    const LINE: f32 = 22.0;
    let t = tokens(ui);
    let font = FontId::proportional(size::SMALL);
    let galley = ui.painter().layout_no_wrap(name.clone(), font, t.text_soft);
    let (rect, _) = ui.allocate_exact_size(galley.size() + vec2(LINE + PAD, 4.0), Sense::hover());
    let ink = Stroke::new(2.5, run_color(*color, ui.visuals().dark_mode));
    let x = |share: f32| rect.left() + share * (LINE - 6.0);
    let ends: &[[f32; 2]] = if *is_dashed { &[[0.0, 0.35], [0.65, 1.0]] } else { &[[0.0, 1.0]] };
    for [from, to] in ends {
        ui.painter().hline(x(*from)..=x(*to), rect.center().y, ink);
    }
    ui.painter().galley(rect.min + vec2(LINE, 2.0), galley, t.text_soft);
}

fn members(runs: &[&Arc<RunEntry>]) -> Vec<Member> {
    let values = |run: &RunEntry| run.sweep.as_ref().map(|sweep| sweep.values.clone()).unwrap_or_default();
    let member = |run: &&Arc<RunEntry>| Member { run: run.id.clone(), label: run.name.clone(), values: values(run) };
    runs.iter().map(member).collect()
}

fn number_figures_of(runs: &[&Arc<RunEntry>]) -> Vec<Figure> {
    let mut numbers = Numbers::default();
    for run in runs {
        for id in run.order.iter().filter(|id| run.scalars.contains_key(*id)) {
            if numbers.columns.iter().all(|[known, ..]| known != id) {
                numbers.columns.push([id.clone(), id.replace('_', " "), String::new()]);
            }
        }
        numbers.values.push(if run.state == RunState::Done { run.scalars.clone() } else { BTreeMap::new() });
    }
    number_figures(&groups(&members(runs)), &numbers)
}

fn curve_figures_of(cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>]) -> Vec<Figure> {
    let mut found: BTreeMap<(usize, String), Vec<(String, Curves)>> = BTreeMap::new();
    for Group { label, members, .. } in groups(&members(runs)) {
        let mut curves: BTreeMap<(usize, String), Curves> = BTreeMap::new();
        for log in members.iter().filter_map(|place| cx.state.runs.logs.get(&runs.get(*place)?.id)) {
            for curve in log.curves.iter().filter(|curve| !curve.name.starts_with("units/s")) {
                let points = curve.points.iter().map(|point| (point.at, point.value)).collect();
                curves.entry((curve.step, curve.name.clone())).or_default().push(points);
            }
        }
        for (key, curves) in curves {
            found.entry(key).or_default().push((label.clone(), curves));
        }
    }
    found.iter().filter_map(|((step, name), groups)| mean_figure(*step, name, groups)).collect()
}
