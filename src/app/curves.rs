//! Numbers that a run reports while it works, ready for charts.

use super::log::LogLine;
use crate::runs::store::{Event, Line, State};

/// Everything a run said, from its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunLog {
    /// Id of the run.
    pub id: String,
    /// What it said in words.
    pub lines: Vec<LogLine>,
    /// Its numbers by name.
    pub curves: Vec<Curve>,
    /// What its model said, in order.
    pub samples: Vec<Said>,
    /// Time of its first event, seconds since 1970.
    pub started: Option<f64>,
    /// Raised by every event: the key of caches.
    pub serial: u64,
    /// How often it was started.
    starts: u32,
    /// The start in which the last sample came.
    told: u32,
}

/// A continuation that a model wrote on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// After which step.
    pub at: u64,
    /// What it was given.
    pub prompt: String,
    /// How it went on.
    pub text: String,
    /// How the original goes on.
    pub truth: Option<String>,
}

/// One number over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Index of the step that reports it.
    pub step: usize,
    /// Name of the number.
    pub name: String,
    /// Reported values in order.
    pub points: Vec<CurvePoint>,
    /// Which start of the run reported last.
    starts: u32,
}

/// One reported value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Abscissa as reported, such as the training step or the finished units.
    pub at: u64,
    /// Seconds since 1970.
    pub time: f64,
    /// The value.
    pub value: f64,
}

/// What the horizontal axis of a chart counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Abscissa {
    /// The step as reported.
    #[default]
    Step,
    /// Tokens seen, where the run reports them as `tokens`.
    Tokens,
    /// Epochs, where the run reports them as `epoch`.
    Epoch,
    /// Seconds since the run started.
    Elapsed,
    /// Seconds since 1970, shown as time of day.
    Clock,
}

impl Abscissa {
    /// All, in the order of the buttons.
    pub const ALL: [Self; 5] = [Self::Step, Self::Tokens, Self::Epoch, Self::Elapsed, Self::Clock];

    /// Shown name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Step => "Step",
            Self::Tokens => "Tokens",
            Self::Epoch => "Epoch",
            Self::Elapsed => "Elapsed",
            Self::Clock => "Time",
        }
    }

    /// Whether this number is there for the sake of the axis alone.
    pub fn carries(name: &str) -> bool {
        ["tokens", "epoch"].contains(&name)
    }

    /// The curve that carries it; none when it needs no other curve.
    fn carrier(self) -> Option<&'static str> {
        match self {
            Self::Tokens => Some("tokens"),
            Self::Epoch => Some("epoch"),
            _ => None,
        }
    }
}

impl RunLog {
    /// Nothing was said yet.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Takes over one event: metrics, and the speed that comes with progress.
    pub fn add(&mut self, line: &Line) {
        self.serial += 1;
        self.started = Some(self.started.unwrap_or(line.time));
        match &line.event {
            Event::Metric { step, name, at, value: Some(value) } => {
                self.push(*step, name, CurvePoint { at: *at, time: line.time, value: *value });
            }
            Event::State { state: State::Running } => self.starts += 1,
            Event::Sample { at, prompt, text, truth, .. } => {
                let (prompt, text, truth) = (prompt.clone(), text.clone(), truth.clone());
                if self.told != self.starts {
                    self.samples.retain(|said| said.at < *at);
                    self.told = self.starts;
                }
                self.samples.push(Said { at: *at, prompt, text, truth });
            }
            Event::Progress { step, stage, done, rate: Some(rate), .. } if rate.is_finite() => {
                let name = format!("units/s: {stage}");
                self.push(*step, &name, CurvePoint { at: *done, time: line.time, value: *rate });
            }
            _ => {}
        }
    }

    fn push(&mut self, step: usize, name: &str, point: CurvePoint) {
        let starts = self.starts;
        match self.curves.iter_mut().find(|c| c.step == step && c.name == name) {
            Some(curve) => {
                // What was killed begins anew where its last checkpoint was; what came after is told again.
                if curve.starts != starts {
                    curve.points.retain(|known| known.at < point.at);
                    curve.starts = starts;
                }
                curve.points.push(point);
            }
            None => self.curves.push(Curve { step, name: name.to_owned(), points: vec![point], starts }),
        }
    }

    /// Whether the run carries what the axis counts.
    pub fn has(&self, x: Abscissa) -> bool {
        x.carrier().is_none_or(|name| self.curves.iter().any(|c| c.name == name))
    }

    /// Abscissa and ordinate of a curve; points whose abscissa is not known are left out.
    pub fn points(&self, curve: &Curve, x: Abscissa) -> Vec<[f64; 2]> {
        let started = self.started.unwrap_or(0.0);
        let carrier = x.carrier().and_then(|n| self.curves.iter().find(|c| c.name == n && c.step == curve.step));
        let of = |p: &CurvePoint| match x {
            Abscissa::Step => Some(p.at as f64),
            Abscissa::Elapsed => Some(p.time - started),
            Abscissa::Clock => Some(p.time),
            Abscissa::Tokens | Abscissa::Epoch => {
                let points = &carrier?.points;
                let found = points.binary_search_by_key(&p.at, |c| c.at).ok()?;
                points.get(found).map(|c| c.value)
            }
        };
        curve.points.iter().filter_map(|p| Some([of(p)?, p.value])).collect()
    }
}

/// Exponential moving average of the ordinates with weight `factor` (0 to below 1) on the past, corrected for
/// the start at zero as in Adam: the first value is the first value. Values that are not finite pass through.
pub fn smooth(points: &[[f64; 2]], factor: f64) -> Vec<[f64; 2]> {
    let (mut sum, mut weight) = (0.0, 1.0);
    let next = |[x, y]: &[f64; 2]| {
        if !y.is_finite() {
            return [*x, *y];
        }
        sum = factor * sum + (1.0 - factor) * y;
        weight *= factor;
        [*x, sum / (1.0 - weight)]
    };
    points.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(time: f64, name: &str, at: u64, value: f64) -> Line {
        Line { time, event: Event::Metric { step: 0, name: name.to_owned(), at, value: Some(value) } }
    }

    #[test]
    fn smoothing_is_corrected_for_its_start() {
        let points = [[0.0, 2.0], [1.0, 4.0], [2.0, f64::NAN], [3.0, 0.0]];
        let smooth = smooth(&points, 0.5);
        // Weighted means by hand: (2·¼ + 4·½) / ¾, then (2·⅛ + 4·¼ + 0·½) / ⅞.
        assert_eq!(smooth[0], [0.0, 2.0]);
        assert!((smooth[1][1] - 10.0 / 3.0).abs() < 1e-12 && smooth[2][1].is_nan());
        assert!((smooth[3][1] - 10.0 / 7.0).abs() < 1e-12, "{:?}", smooth[3]);
        let constant: Vec<_> = (0..50).map(|i| [f64::from(i), 3.0]).collect();
        assert!(super::smooth(&constant, 0.99).iter().all(|p| (p[1] - 3.0).abs() < 1e-12));
        assert_eq!(super::smooth(&constant, 0.0), constant);
    }

    #[test]
    fn curves_are_drawn_over_what_the_run_reports() {
        let mut log = RunLog::new("r");
        for (time, at) in [(100.0, 1), (101.0, 2), (105.0, 4)] {
            log.add(&metric(time, "loss", at, 1.0 / at as f64));
            if at != 2 {
                log.add(&metric(time, "tokens", at, 512.0 * at as f64));
            }
        }
        let loss = log.curves[0].clone();
        assert_eq!(log.points(&loss, Abscissa::Step), [[1.0, 1.0], [2.0, 0.5], [4.0, 0.25]]);
        assert_eq!(log.points(&loss, Abscissa::Elapsed)[2], [5.0, 0.25]);
        assert_eq!(log.points(&loss, Abscissa::Clock)[0][0], 100.0);
        assert_eq!(log.points(&loss, Abscissa::Tokens), [[512.0, 1.0], [2048.0, 0.25]]);
        assert!(log.has(Abscissa::Tokens) && !log.has(Abscissa::Epoch));
    }

    #[test]
    fn progress_tells_the_speed() {
        let mut log = RunLog::new("r");
        let event = |rate| Event::Progress { step: 1, stage: "score".into(), done: 8, total: 9, rate, eta_secs: None };
        log.add(&Line { time: 1.0, event: event(None) });
        log.add(&Line { time: 2.0, event: event(Some(4.0)) });
        assert_eq!(log.curves.len(), 1);
        assert_eq!(log.curves[0].points, [CurvePoint { at: 8, time: 2.0, value: 4.0 }]);
    }
}
