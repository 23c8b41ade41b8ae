//! Numbers, tables and figures of curvature.

use super::super::lanczos::density;
use super::super::operator::Matrix;
use super::config::Config;
use super::{CARD, Found};
use crate::figures::{Axis, Figure, Mark, Rows, Scale, Series};
use crate::methods::common::tables::{caption, flag, float, int, scalar, text};
use crate::methods::{Report, Scalar, Table};

/// Points of a density curve.
const POINTS: usize = 2001;
/// A density below this share of its peak is drawn at it, so that the logarithmic axis ends somewhere.
const FLOOR: f64 = 1e-7;

pub(super) fn report(config: &Config, found: &[Found]) -> Report {
    let several = found.len() > 1;
    let mut report = Report {
        scalars: found.iter().flat_map(|f| scalars(config, f, several)).collect(),
        tables: vec![summary(found)],
        notes: notes(config, found),
        ..Report::default()
    };
    if config.eigenvalues > 0 {
        report.tables.push(eigenvalues(found));
    }
    if found.iter().any(|f| !f.runs.is_empty()) {
        report.tables.push(ritz(found));
        report.figures.push(densities(config, found));
    }
    report
}

fn name(config: &Config) -> &'static str {
    match config.matrix {
        Matrix::Hessian => "Hessian",
        Matrix::GaussNewton => "Gauss-Newton matrix",
        Matrix::EmpiricalFisher => "empirical Fisher matrix",
    }
}

fn notes(config: &Config, found: &[Found]) -> Vec<String> {
    let mut notes = Vec::new();
    let n = found.first().map_or(0, |f| f.n_parameters);
    if !config.layers.is_empty() || !config.kinds.is_empty() {
        notes.push(format!("Only the {n} parameters that layers and kinds choose are varied."));
    }
    let open = found.iter().flat_map(|f| &f.pairs).filter(|p| !p.converged).count();
    if open > 0 {
        let most = config.max_products;
        notes.push(format!(
            "{open} eigenvalues still moved after {most} products; their residuals say how far off they may be."
        ));
    }
    if config.lanczos_steps > 0 && !config.reorthogonalize {
        notes.push(
            "Without reorthogonalization Lanczos finds large eigenvalues more than once; their weights stay right."
                .to_owned(),
        );
    }
    notes
}

/// Mean, standard error and 95 % interval of the trace.
fn trace(found: &Found) -> Option<(f64, Option<f64>)> {
    let n = found.probes.len() as f64;
    if found.probes.is_empty() {
        return None;
    }
    let mean = found.probes.iter().sum::<f64>() / n;
    let variance = found.probes.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((mean, (n > 1.0).then(|| (variance / n).sqrt())))
}

fn scalars(config: &Config, f: &Found, several: bool) -> Vec<Scalar> {
    let (set, n) = (&f.set.0, f.set.1);
    let (id, shown) = if several {
        (format!("{set}.{}", f.model), format!("{set}, {}", f.model))
    } else {
        (set.clone(), set.clone())
    };
    let matrix = name(config);
    let mut out = Vec::new();
    for (i, pair) in f.pairs.iter().enumerate() {
        let label = format!("Eigenvalue {} of the {matrix}, {shown}", i + 1);
        let note = format!("‖Hv − λv‖ = {:.1e} after {} products", pair.residual, pair.products);
        out.push(scalar(&format!("eigenvalue_{}.{id}", i + 1), &label, "", Some(pair.value), n, "").note(note));
    }
    if let Some((mean, error)) = trace(f) {
        let label = format!("Trace of the {matrix}, {shown}");
        let value = scalar(&format!("trace.{id}"), &label, "", Some(mean), f.probes.len(), "");
        out.push(match error {
            Some(error) => value.interval(mean - 2.0 * error, mean + 2.0 * error),
            None => value.note("one probe has no error bar"),
        });
    }
    for (key, label, value) in [
        ("lowest", "Lowest", extreme(f, |r| r.values.first().copied())),
        ("highest", "Highest", extreme(f, |r| r.values.last().copied())),
    ] {
        if !f.runs.is_empty() {
            let label = format!("{label} eigenvalue that Lanczos found, {shown}");
            out.push(scalar(&format!("{key}.{id}"), &label, "", value, n, ""));
        }
    }
    out
}

/// The mean over runs of an extreme eigenvalue.
fn extreme(f: &Found, of: fn(&super::Ritz) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = f.runs.iter().filter_map(of).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// One line for each model and set: sharpness before and after an edit side by side.
fn summary(found: &[Found]) -> Table {
    let of = |f: fn(&Found) -> Option<f64>| found.iter().map(f).collect::<Vec<_>>();
    let columns = vec![
        text("model", "The model.", found.iter().map(|f| f.model.clone())),
        text("set", "The text set.", found.iter().map(|f| f.set.0.clone())),
        int("n_texts", "", "Texts of the set.", found.iter().map(|f| f.set.1)),
        int("n_parameters", "", "Parameters that are varied.", found.iter().map(|f| f.n_parameters)),
        float(
            "eigenvalue_1",
            "",
            "Eigenvalue of largest magnitude, by power iteration.",
            of(|f| f.pairs.first().map(|p| p.value)),
        ),
        float("trace", "", "Sum of all eigenvalues, estimated.", of(|f| trace(f).map(|t| t.0))),
        float("trace_error", "", "Its standard error.", of(|f| trace(f).and_then(|t| t.1))),
        float("lowest", "", "Lowest eigenvalue that Lanczos found.", of(|f| extreme(f, |r| r.values.first().copied()))),
        float(
            "highest",
            "",
            "Highest eigenvalue that Lanczos found.",
            of(|f| extreme(f, |r| r.values.last().copied())),
        ),
        float(
            "mean_eigenvalue",
            "",
            "Mean eigenvalue by Lanczos; times n_parameters a second estimate of the trace.",
            of(|f| {
                let n = f.runs.len() as f64;
                (!f.runs.is_empty()).then(|| f.runs.iter().map(super::Ritz::mean).sum::<f64>() / n)
            }),
        ),
    ];
    Table { id: "curvature".to_owned(), title: "Curvature".to_owned(), columns, parquet: false }
}

fn eigenvalues(found: &[Found]) -> Table {
    let rows = || found.iter().flat_map(|f| f.pairs.iter().enumerate().map(move |(i, p)| (f, i, p)));
    let columns = vec![
        text("model", "The model.", rows().map(|r| r.0.model.clone())),
        text("set", "The text set.", rows().map(|r| r.0.set.0.clone())),
        int("number", "", "1 for the largest magnitude.", rows().map(|r| r.1 + 1)),
        float("eigenvalue", "", "λ.", rows().map(|r| Some(r.2.value))),
        float(
            "residual",
            "",
            "‖H·v − λ·v‖: a true eigenvalue is at most this far.",
            rows().map(|r| Some(r.2.residual)),
        ),
        int("products", "", "Products with the matrix.", rows().map(|r| r.2.products)),
        flag("converged", "Whether λ stood still.", rows().map(|r| r.2.converged)),
    ];
    Table {
        id: "eigenvalues".to_owned(),
        title: "Eigenvalues of largest magnitude".to_owned(),
        columns,
        parquet: false,
    }
}

fn ritz(found: &[Found]) -> Table {
    let rows = || {
        found.iter().flat_map(|f| {
            let of_run = move |(i, run)| {
                let run: &super::Ritz = run;
                run.values.iter().zip(&run.weights).map(move |(v, w)| (f, i, *v, *w))
            };
            f.runs.iter().enumerate().flat_map(of_run)
        })
    };
    let columns = vec![
        text("model", "The model.", rows().map(|r| r.0.model.clone())),
        text("set", "The text set.", rows().map(|r| r.0.set.0.clone())),
        int("run", "", "Run of Lanczos, from 1.", rows().map(|r| r.1 + 1)),
        float("eigenvalue", "", "Eigenvalue of the tridiagonal matrix.", rows().map(|r| Some(r.2))),
        float("weight", "", "Share of the spectrum it stands for.", rows().map(|r| Some(r.3))),
    ];
    Table { id: "spectrum".to_owned(), title: "Spectrum by Lanczos".to_owned(), columns, parquet: false }
}

fn densities(config: &Config, found: &[Found]) -> Figure {
    let mut series = Vec::new();
    for f in found.iter().filter(|f| !f.runs.is_empty()) {
        let mut points = density(&f.runs, POINTS, config.density_width);
        let floor = FLOOR * points.iter().fold(0f64, |m, p| m.max(p[1]));
        for p in &mut points {
            p[1] = p[1].max(floor);
        }
        let one_model = found.iter().all(|other| other.model == f.model);
        let name = if one_model { f.set.0.clone() } else { format!("{}, {}", f.set.0, f.model) };
        let mark = Mark::Line { points, band: None, dashed: false };
        series.push(Series { name, color: series.len(), mark, rows: Rows::default() });
    }
    let n = found.iter().map(|f| f.set.1).sum();
    let title = format!("Spectral density of the {}", name(config));
    Figure {
        id: "density".to_owned(),
        x: Axis { label: "eigenvalue".to_owned(), ..Axis::default() },
        y: Axis { label: "density".to_owned(), scale: Scale::Log, ..Axis::default() },
        series,
        caption: caption(&CARD, &format!("{title} by Lanczos;"), n),
        title,
    }
}
