//! One figure of every kind, with numbers that look like results.

use memoscope::figures::{Axis, Band, Contour, Figure, Mark, Relief, Rows, Scale, Series};

/// Text on the axes of [`roc`].
pub(super) const ROC_LABELS: [&str; 2] = ["False positive rate", "True positive rate"];

fn axis(label: &str, unit: &str) -> Axis {
    Axis { label: label.to_owned(), unit: unit.to_owned(), ..Axis::default() }
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

/// A named series without rows.
pub(super) fn series(name: &str, color: usize, mark: Mark) -> Series {
    Series { name: name.to_owned(), color, mark, rows: Rows::default() }
}

/// ROC curves with a band and the diagonal; log-log when asked, where the first points are zeros.
pub(super) fn roc(scale: Scale) -> Figure {
    let unit = |label: &str| Axis {
        scale,
        range: Some(if scale == Scale::Log { [1e-3, 1.0] } else { [0.0, 1.0] }),
        ..axis(label, "")
    };
    let curve = |power: f64| -> Vec<[f64; 2]> {
        (0..=1000).map(|i| f64::from(i) / 1000.0).map(|fpr| [fpr, fpr.powf(power)]).collect()
    };
    let band = |power: f64| Band {
        lower: curve(power * 1.15).iter().map(|p| p[1]).collect(),
        upper: curve(power * 0.87).iter().map(|p| p[1]).collect(),
    };
    let line = |power: f64, band| Mark::Line { points: curve(power), band, dashed: false };
    Figure {
        id: "roc".to_owned(),
        title: "Membership inference on WikiMIA".to_owned(),
        x: unit(ROC_LABELS[0]),
        y: unit(ROC_LABELS[1]),
        series: vec![
            series("Min-K%++ (AUROC 0.78)", 0, line(0.3, Some(band(0.3)))),
            series("zlib (0.66)", 1, line(0.55, None)),
            series("Loss (0.60)", 2, line(0.7, None)),
            series("Chance", 6, Mark::Reference { from: [0.0, 0.0], to: [1.0, 1.0] }),
        ],
        caption: "ROC of three attack scores, n = 500 members and 500 non-members, 95% bootstrap band.".to_owned(),
    }
}

/// Two overlapping histograms.
pub(super) fn histogram() -> Figure {
    let edges: Vec<f64> = (0..=30).map(|i| 1.5 + f64::from(i) * 0.1).collect();
    let bell = |center: f64, width: f64| -> Vec<f64> {
        edges.windows(2).map(|e| (80.0 * (-((e[0] + 0.05 - center) / width).powi(2)).exp()).round()).collect()
    };
    let histogram = |heights| Mark::Histogram { edges: edges.clone(), heights };
    Figure {
        id: "loss-histogram".to_owned(),
        title: "Loss of members and non-members".to_owned(),
        x: axis("Loss", "nats/token"),
        y: axis("Texts", ""),
        series: vec![
            series("Members", 0, histogram(bell(2.6, 0.5))),
            series("Non-members", 1, histogram(bell(3.3, 0.6))),
        ],
        caption: "Distribution of the loss, n = 1000.".to_owned(),
    }
}

/// Bars with whiskers; long names when asked.
pub(super) fn bars(long: bool) -> Figure {
    let names = if long {
        named(&["Memorization score", "Gradient alignment", "Min-K%++", "Reference model", "Lowercase", "zlib"])
    } else {
        named(&["Loss", "zlib", "Min-K%", "Ref."])
    };
    let heights: Vec<f64> = (0..names.len()).map(|i| 0.52 + 0.06 * i as f64).collect();
    let errors: Vec<[f64; 2]> = heights.iter().map(|h| [h - 0.03, h + 0.04]).collect();
    let fewer: Vec<f64> = heights.iter().map(|h| h - 0.08).collect();
    Figure {
        id: "auroc-bars".to_owned(),
        title: "AUROC by attack".to_owned(),
        x: Axis { categories: names, ..axis("", "") },
        y: axis("AUROC", ""),
        series: vec![
            series("Pythia-1b", 0, Mark::Bars { heights, errors }),
            series("Pythia-70m", 1, Mark::Bars { heights: fewer, errors: Vec::new() }),
            series("Chance", 6, Mark::Reference { from: [-0.5, 0.5], to: [5.5, 0.5] }),
        ],
        caption: "Whiskers are 95% bootstrap intervals.".to_owned(),
    }
}

/// A diverging map of correlations between checkpoints.
pub(super) fn heatmap() -> Figure {
    let names = named(&["1k", "4k", "16k", "64k", "143k"]);
    let mut values: Vec<f64> = (0..25).map(|i| 1.0 - 0.35 * f64::from((i % 5 - i / 5i32).abs())).collect();
    values[7] = f64::NAN;
    Figure {
        id: "correlation".to_owned(),
        title: "Correlation of memorization between checkpoints".to_owned(),
        x: Axis { categories: names.clone(), ..axis("Checkpoint", "step") },
        y: Axis { categories: names, ..axis("Checkpoint", "step") },
        series: vec![series(
            "",
            0,
            Mark::Heatmap { columns: 5, values, diverging: true, label: "Correlation".to_owned() },
        )],
        caption: String::new(),
    }
}

/// A fine sequential map over numeric axes, such as a loss landscape.
pub(super) fn landscape() -> Figure {
    let n = 80;
    let values = (0..n * n)
        .map(|i| {
            let (x, y) = (f64::from(i % n) / 40.0 - 1.0, 1.0 - f64::from(i / n) / 40.0);
            2.0 + 3.0 * (x * x + 0.5 * y * y + 0.3 * (5.0 * x).sin())
        })
        .collect();
    let range = Some([-1.0, 1.0]);
    Figure {
        id: "landscape".to_owned(),
        title: "Loss landscape".to_owned(),
        x: Axis { range, ..axis("Direction α", "") },
        y: Axis { range, ..axis("Direction β", "") },
        series: vec![series(
            "",
            0,
            Mark::Heatmap { columns: n as usize, values, diverging: false, label: "Loss (nats/token)".to_owned() },
        )],
        caption: String::new(),
    }
}

/// A surface over a plane with a hole, logarithmic colors, and the path of a training run.
pub(super) fn surface() -> Figure {
    let n = 21;
    let place = |i: i32| f64::from(i) / 10.0 - 1.0;
    let mut values: Vec<f64> = (0..n * n)
        .map(|i| [place(i % n), place(i / n)])
        .map(|[x, y]| (3.0 * (x * x + 0.5 * y * y + 0.3 * x * y)).exp())
        .collect();
    values[440] = f64::NAN;
    let (x, y) = ([-1.0, 1.0], [-1.0, 1.0]);
    let surface = Contour {
        columns: n as usize,
        values,
        x,
        y,
        scale: Scale::Log,
        label: "Loss (nats/token)".to_owned(),
        ..Contour::default()
    };
    let points = vec![[-0.8, 0.7], [-0.5, 0.1], [-0.2, 0.2], [0.0, 0.0]];
    Figure {
        id: "surface".to_owned(),
        title: "Loss around the model".to_owned(),
        x: Axis { range: Some(x), ..axis("Direction α", "") },
        y: Axis { range: Some(y), ..axis("Direction β", "") },
        series: vec![
            series("", 0, Mark::Contour(surface)),
            series("Checkpoints", 1, Mark::Line { points, band: None, dashed: false }),
        ],
        caption: String::new(),
    }
}

/// The same in space.
pub(super) fn relief() -> Figure {
    let flat = surface();
    Figure { id: "relief".to_owned(), ..flat.in_space(Relief::default()).expect("a map") }
}

/// A cloud of points with a trend line.
pub(super) fn scatter() -> Figure {
    let points = |shift: f64| -> Vec<[f64; 2]> {
        (0..150)
            .map(|i| {
                let t = f64::from(i) / 150.0;
                [t + 0.1 * (f64::from(i) * 2.4).sin(), shift + 0.8 * t + 0.15 * (f64::from(i) * 1.7).cos()]
            })
            .collect()
    };
    Figure {
        id: "alignment".to_owned(),
        title: "Alignment and loss".to_owned(),
        x: axis("Gradient alignment", ""),
        y: axis("Loss", "nats/token"),
        series: vec![
            series("Members", 0, Mark::Scatter { points: points(0.2) }),
            series("Non-members", 1, Mark::Scatter { points: points(0.9) }),
        ],
        caption: String::new(),
    }
}

/// Training curves over many steps: a shared power of ten, markers, a dashed line, a staircase.
pub(super) fn curves() -> Figure {
    let points = |rate: f64| -> Vec<[f64; 2]> {
        (0..=14).map(|i| f64::from(i) * 1e4).map(|step| [step, 2.0 + 4.0 * (-step * rate).exp()]).collect()
    };
    Figure {
        id: "curves".to_owned(),
        title: "Validation loss during training and unlearning with three methods, a long title that has to wrap"
            .to_owned(),
        x: axis("Step", ""),
        y: axis("Loss", "nats/token"),
        series: vec![
            series("BalancedSubnet", 0, Mark::Line { points: points(4e-5), band: None, dashed: false }),
            series("NPO", 1, Mark::Line { points: points(2e-5), band: None, dashed: false }),
            series("Original", 2, Mark::Line { points: points(1e-5), band: None, dashed: true }),
            series(
                "Learning rate",
                3,
                Mark::Step { points: vec![[0.0, 5.0], [4e4, 4.0], [1e5, 3.0], [1.4e5, 3.0]], dashed: false },
            ),
        ],
        caption: String::new(),
    }
}

/// Fifteen curves with long names.
pub(super) fn many() -> Figure {
    let curve = |k: usize| {
        (0..=200).map(|i| f64::from(i) / 20.0).map(|x| [x, (x - k as f64 * 0.4).sin() + k as f64 * 0.1]).collect()
    };
    let line = |k: usize| Mark::Line { points: curve(k), band: None, dashed: false };
    let named =
        |k: usize| series(&format!("Pythia-{k}b deduplicated, seed {k}, after unlearning with NPO"), k, line(k));
    Figure { id: "many".to_owned(), series: (0..15).map(named).collect(), x: axis("Time", "s"), ..Figure::default() }
}

/// Labels in Hangul, Han, kana, Greek, Arabic and emoji.
pub(super) fn scripts() -> Figure {
    let mut figure = scatter();
    figure.title = "기억 점수 記憶 きおく 🧠 ذاكرة memorization ≥ 0.5".into();
    figure.y.label = "손실 ∇θ".into();
    figure.series[0].name = "원문 (original)".into();
    figure.series[1].name = "바꿔쓰기 👩‍🔬".into();
    figure
}

/// All of them.
pub(super) fn all() -> Vec<Figure> {
    vec![
        roc(Scale::Linear),
        Figure { id: "roc-log".to_owned(), ..roc(Scale::Log) },
        histogram(),
        bars(false),
        Figure { id: "bars-long".to_owned(), ..bars(true) },
        heatmap(),
        landscape(),
        surface(),
        relief(),
        scatter(),
        curves(),
    ]
}
