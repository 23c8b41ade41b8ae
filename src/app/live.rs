//! Charts of the numbers that runs report while they work, several runs in one chart.

use std::sync::Arc;

use egui::{Slider, Ui, WidgetInfo};

use super::chart::{Chart, ChartLine, Frame, chart_ui, placed};
use super::context::ViewCx;
use super::curves::{Abscissa, Curve, RunLog, smooth};
use super::runs::RunEntry;
use super::style::tokens::{GAP, PAD};
use super::widgets::{button, caption, columns_ui, segmented, soft, swatch_ui};

/// Height of a chart, points.
const HEIGHT: f32 = 210.0;

/// Which lines share a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrange {
    /// Those of the same name, one a run.
    #[default]
    Runs,
    /// Those of one kind, such as the memorized share of every group of rows; of the steps of this method alone.
    Kinds(&'static str),
}

/// What the charts show, worked out again only when a run said something or a control moved.
#[derive(Default)]
pub struct Live {
    arrange: Arrange,
    factor: f64,
    logs: [bool; 2],
    x: Abscissa,
    charts: Vec<Chart>,
    key: Option<Key>,
    is_reset: bool,
}

type Key = (Vec<(String, u64, usize)>, u64, [bool; 2], Abscissa);

impl Live {
    /// Charts in this arrangement.
    pub fn arranged(arrange: Arrange) -> Self {
        Self { arrange, ..Self::default() }
    }

    /// Draws the charts of the chosen runs.
    pub fn live_ui(&mut self, cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
        let shown: Vec<(&RunEntry, &Arc<RunLog>, usize)> = runs
            .iter()
            .enumerate()
            .filter(|(_, r)| !cx.state.runs.hidden.contains(&r.id))
            .filter_map(|(i, r)| Some((r.as_ref(), cx.state.runs.logs.get(&r.id)?, i)))
            .collect();
        self.controls_ui(cx, runs, &shown, ui);
        self.update(&shown);
        if self.charts.is_empty() {
            let text = if shown.is_empty() { "No run is shown." } else { "No numbers were reported yet." };
            ui.label(soft(ui, text));
            return;
        }
        let n = ((ui.available_width() / 440.0) as usize).clamp(1, 3);
        let frame = Frame {
            x: self.x,
            logs: self.logs,
            group: ui.scope_id().with("cursor"),
            is_reset: std::mem::take(&mut self.is_reset),
            height: HEIGHT,
            has_key: self.arrange != Arrange::Runs,
        };
        for (row, charts) in self.charts.chunks(n).enumerate() {
            ui.push_id(row, |ui| {
                columns_ui(n, ui, |columns| {
                    for (column, chart) in columns.iter_mut().zip(charts) {
                        chart_ui(chart, frame, column);
                    }
                });
            });
            ui.add_space(PAD);
        }
    }

    fn controls_ui(
        &mut self,
        cx: &ViewCx<'_>,
        runs: &[&Arc<RunEntry>],
        shown: &[(&RunEntry, &Arc<RunLog>, usize)],
        ui: &mut Ui,
    ) {
        if self.arrange == Arrange::Runs {
            ui.horizontal_wrapped(|ui| {
                for run in runs {
                    swatch_ui(cx, run, ui);
                    ui.label(&run.name);
                }
            });
        }
        ui.horizontal_wrapped(|ui| {
            ui.label(caption(ui, "Smoothing"));
            let slider = ui.add(Slider::new(&mut self.factor, 0.0..=0.99).fixed_decimals(2));
            slider.widget_info(|| WidgetInfo::slider(true, self.factor, "Smoothing"));
            slider
                .on_hover_text("Exponential moving average, corrected for its start; the values themselves stay faint");
            let carried = Abscissa::ALL.into_iter().filter(|x| shown.iter().any(|(_, log, _)| log.has(*x)));
            let choices: Vec<(Abscissa, &str, &str)> = carried.map(|x| (x, x.title(), about(x))).collect();
            if let Some(x) = segmented(ui, "Horizontal axis", self.x, &choices) {
                self.x = x;
            }
            let [x, y] = &mut self.logs;
            ui.checkbox(x, "Log x");
            ui.checkbox(y, "Log y");
            let reset = button(ui, None, "Reset zoom");
            self.is_reset |= reset.clicked();
            reset.on_hover_text(
                "In a chart: drag to move, drag with the right button to enlarge a box, Ctrl and wheel to zoom, \
                 double click to see everything",
            );
        });
        ui.add_space(GAP);
    }

    fn update(&mut self, shown: &[(&RunEntry, &Arc<RunLog>, usize)]) {
        let runs = shown.iter().map(|(run, log, _)| (run.id.clone(), log.serial, run.color)).collect();
        let key = (runs, self.factor.to_bits(), self.logs, self.x);
        if self.key.as_ref() == Some(&key) {
            return;
        }
        self.charts.clear();
        match self.arrange {
            Arrange::Runs => self.arrange_by_name(shown),
            Arrange::Kinds(method) => self.arrange_by_kind(method, shown),
        }
        self.key = Some(key);
    }

    fn arrange_by_name(&mut self, shown: &[(&RunEntry, &Arc<RunLog>, usize)]) {
        for (run, log, place) in shown {
            for curve in log.curves.iter().filter(|curve| !Abscissa::carries(&curve.name)) {
                let name = if curve.step > 0 {
                    format!("step {}: {}", curve.step + 1, curve.name)
                } else {
                    curve.name.clone()
                };
                self.add(&name, log, curve, (run.name.clone(), run.color, *place));
            }
        }
        // What methods report comes before the speed.
        self.charts.sort_by_key(|c| c.name.contains("units/s"));
    }

    fn arrange_by_kind(&mut self, method: &str, shown: &[(&RunEntry, &Arc<RunLog>, usize)]) {
        let mut names: Vec<String> = Vec::new();
        let mut orders = Vec::new();
        for (run, log, place) in shown {
            let is_own = |curve: &&Curve| run.methods.get(curve.step).is_some_and(|own| own == method);
            for curve in log.curves.iter().filter(is_own).filter(|curve| !Abscissa::carries(&curve.name)) {
                let (order, chart, line) = kind(&curve.name);
                // The same rows have the same color in every chart.
                let color = names.iter().position(|n| *n == line).unwrap_or(names.len());
                if color == names.len() {
                    names.push(line.clone());
                }
                orders.push((chart.to_owned(), order));
                self.add(chart, log, curve, (line, color, *place));
            }
        }
        self.charts.sort_by_key(|c| orders.iter().find(|(name, _)| *name == c.name).map(|(_, order)| *order));
    }

    fn add(&mut self, chart: &str, log: &RunLog, curve: &Curve, (name, color, place): (String, usize, usize)) {
        let points = log.points(curve, self.x);
        if points.is_empty() {
            return;
        }
        let smooth = if self.factor > 0.0 { smooth(&points, self.factor) } else { Vec::new() };
        let (raw, smooth) = (placed(&points, self.logs), placed(&smooth, self.logs));
        let line = ChartLine { name, color, place, raw, smooth };
        match self.charts.iter_mut().find(|c| c.name == chart) {
            Some(chart) => chart.lines.push(line),
            None => self.charts.push(Chart { name: chart.to_owned(), lines: vec![line] }),
        }
    }
}

/// Place and title of the chart to which a number belongs, and which rows it is about.
fn kind(name: &str) -> (usize, &str, String) {
    /// Beginning of the name, title, and what is said of the rows: numbers of test rows alone do not say so.
    const KINDS: [(&str, &str, &str); 8] = [
        ("test_loss.", "Loss", " (test)"),
        ("memorized.", "Memorized share", ""),
        ("memorized_clean_prefix.", "Memorized share, from the clean prefix", ""),
        ("backdoor_success.", "Backdoor success", ""),
        ("answers.", "Answers that are right", ""),
        ("first_token.", "Answers that begin rightly", ""),
        ("accuracy.", "Accuracy", " (test)"),
        ("perplexity.", "Perplexity", " (test)"),
    ];
    let known = KINDS.iter().enumerate().find_map(|(order, (prefix, title, rows))| {
        Some((order, *title, format!("{}{rows}", name.strip_prefix(prefix)?)))
    });
    known.unwrap_or_else(|| {
        let (order, title) = match name {
            "train_loss" => (0, "Loss"),
            "lr" => (KINDS.len(), "Learning rate"),
            "grad_norm" => (KINDS.len() + 1, "Gradient norm"),
            _ if name.starts_with("units/s") => (KINDS.len() + 3, "Tokens a second"),
            _ => (KINDS.len() + 2, name),
        };
        (order, title, "training".to_owned())
    })
}

fn about(x: Abscissa) -> &'static str {
    match x {
        Abscissa::Step => "As the run counts: steps, checkpoints or finished units",
        Abscissa::Tokens => "Tokens seen",
        Abscissa::Epoch => "Passes through the data",
        Abscissa::Elapsed => "Time since the start of each run",
        Abscissa::Clock => "Time of day",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_are_made_again_only_when_something_changed() {
        let mut log = RunLog::new("r");
        let event = crate::runs::store::Event::Metric { step: 0, name: "loss".into(), at: 1, value: Some(2.0) };
        log.add(&crate::runs::store::Line { time: 1.0, event });
        let (run, log) = (RunEntry { id: "r".into(), ..RunEntry::default() }, Arc::new(log));
        let mut live = Live::default();
        live.update(&[(&run, &log, 0)]);
        assert_eq!(live.charts.len(), 1);
        live.charts.clear();
        live.update(&[(&run, &log, 0)]);
        assert!(live.charts.is_empty(), "nothing changed");
        live.factor = 0.5;
        live.update(&[(&run, &log, 0)]);
        assert_eq!(live.charts[0].lines[0].smooth.len(), 1);
    }
    #[test]
    fn groups_of_rows_share_a_chart_and_keep_their_color() {
        let mut log = RunLog::new("r");
        for name in ["memorized.main", "train_loss", "tokens", "accuracy.main", "memorized.x10", "epoch"] {
            let event = crate::runs::store::Event::Metric { step: 0, name: name.into(), at: 1, value: Some(0.5) };
            log.add(&crate::runs::store::Line { time: 1.0, event });
        }
        let event = crate::runs::store::Event::Metric { step: 1, name: "forget loss".into(), at: 1, value: Some(0.5) };
        log.add(&crate::runs::store::Line { time: 1.0, event });
        let methods = vec!["train".to_owned(), "unlearn".to_owned()];
        let (run, log) = (RunEntry { id: "r".into(), methods, ..RunEntry::default() }, Arc::new(log));
        let mut live = Live::arranged(Arrange::Kinds("train"));
        live.update(&[(&run, &log, 0)]);
        let shown: Vec<(&str, Vec<(&str, usize)>)> = live
            .charts
            .iter()
            .map(|c| (c.name.as_str(), c.lines.iter().map(|l| (l.name.as_str(), l.color)).collect()))
            .collect();
        let wanted = [
            ("Loss", vec![("training", 1)]),
            ("Memorized share", vec![("main", 0), ("x10", 3)]),
            ("Accuracy", vec![("main (test)", 2)]),
        ];
        assert_eq!(shown, wanted);
    }
}
