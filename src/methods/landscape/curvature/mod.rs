//! Curvature of the loss around a model: largest eigenvalues, trace and spectral density, for each text set and model.
//!
//! Formula: λ by power iteration with deflation; trace ≈ mean of vᵀ·H·v over vectors v of random signs; density by
//! stochastic Lanczos quadrature.
//! Units: nats per token, by the square of a parameter.
//! Source: Yao et al. 2020, arXiv:1912.07145 (amirgholami/PyHessian); Ghorbani et al. 2019, arXiv:1901.10159.
//! Differs from PyHessian: the last eigenvalue and its residual are given; a fixed number of probes with the standard
//! error instead of a stop when the mean stands still; vectors are orthogonalized twice.
//! Cost: a product is one pass forward and one backward on value and tangent, about 2.7 gradients.

mod config;
mod report;
mod subset;

pub use config::{Config, Kind};

use serde::{Deserialize, Serialize};

use super::kept::once;
use super::lanczos::{Ritz, lanczos};
use super::operator::{Layout, LossCurvature, Operator as _};
use super::power::{Pair, Stop, next_pair};
use super::sets::{Reading, TextSet, text_sets, tokens};
use crate::engine::Real;
use crate::engine::rng::Stream;
use crate::engine::vectors::dot;
use crate::error::{Error, Result};
use crate::methods::common::tables::counted;
use crate::methods::{
    Amount, Card, Context, Input, InputKind, LoadedModel, Report, Typed, Work, any_amount, any_row, no_check,
};

/// Curvature.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input { name: "model", kind: InputKind::Model, required: true, many: false, about: "The model under study." },
        Input {
            name: "data",
            kind: InputKind::Data,
            required: true,
            many: true,
            about: "Text sets, such as memorized and ordinary text; each has its own curvature.",
        },
        Input {
            name: "around",
            kind: InputKind::Model,
            required: false,
            many: true,
            about: "Further models, such as edited ones, for the same table.",
        },
    ],
    check: no_check,
    row_needs: any_row,
    fits: any_amount,
    work,
    run,
};

pub(super) const CARD: Card = Card {
    id: "curvature",
    group: "landscape",
    title: "Curvature",
    about: "How sharp the loss of each text set is around a model: largest eigenvalues, trace and spectrum of the Hessian.",
    formula: "v ← H·v / ‖H·v‖, λ = v·H·v; trace ≈ mean of v·H·v, v = ±1; density ≈ Σ w · N(θ, σ²) over the eigenvalues θ of the \
        tridiagonal matrix of Lanczos, w the squared first components of its eigenvectors",
    conventions: "Products with the Hessian are exact: value and tangent through the same code, no finite differences. \
        Where a ReLU bends, its second derivative is 0. Eigenvalues are those of largest magnitude and may be negative; \
        each is at most ‖H·v − λ·v‖ from a true one. The interval of the trace is two standard errors. Gauss-Newton and \
        Fisher matrices are named as such.",
    source: "Yao et al. 2020, arXiv:1912.07145; Ghorbani et al. 2019, arXiv:1901.10159; Schraudolph 2002",
    version: 1,
};

/// What was found about a model and a text set.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The model.
    pub(super) model: String,
    /// The text set, and how many texts it has.
    pub(super) set: (String, usize),
    /// Parameters the curvature is over.
    pub(super) n_parameters: usize,
    /// Eigenvalues in the order found.
    pub(super) pairs: Vec<Eigenvalue>,
    /// vᵀ·H·v of every probe.
    pub(super) probes: Vec<f64>,
    /// Runs of Lanczos.
    pub(super) runs: Vec<Ritz>,
}

/// An eigenvalue without its vector.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Eigenvalue {
    pub(super) value: f64,
    pub(super) residual: f64,
    pub(super) products: usize,
    pub(super) converged: bool,
}

fn work(config: &Config, amount: &Amount) -> Work {
    // a product costs about as much as three gradients
    const GRADIENTS: u64 = 3;
    let half = config.max_products.div_ceil(2);
    let products = config.eigenvalues * half + config.probes + config.lanczos_steps * config.lanczos_runs;
    let models = 1 + amount.models.get("around").copied().unwrap_or(0);
    let tokens = tokens(amount, config.max_tokens).saturating_mul(products as u64).saturating_mul(models);
    // with a choice of parameters the vectors are shorter, and `vector_memory` alone decides
    let whole = config.layers.is_empty() && config.kinds.is_empty();
    let vectors = if whole { vectors(config) as u64 } else { 0 };
    Work { backward_tokens: GRADIENTS.saturating_mul(tokens), vectors, ..Work::default() }
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let model = cx.model("model")?;
    let reading = Reading { bos: config.bos, max_tokens: config.max_tokens, limit: config.limit, prefix: None };
    let (sets, notes) = text_sets(model, cx.datasets("data"), reading)?;
    let centers: Vec<&LoadedModel> = std::iter::once(model).chain(cx.models("around")).collect();
    let mut found = Vec::new();
    for (m, center) in centers.iter().enumerate() {
        let layout = subset::chosen(config, &center.decoder).map_err(|e| e.context(&center.name))?;
        check_memory(config, &layout)?;
        for (s, set) in sets.iter().enumerate() {
            let place = if centers.len() * sets.len() == 1 { String::new() } else { format!(" {}.{}", m + 1, s + 1) };
            found.push(measure(config, cx, center, set, (&layout, &place))?);
        }
    }
    let mut report = report::report(config, &found);
    report.notes.splice(0..0, notes);
    Ok(report)
}

/// Refuses what would hold too many vectors, with the numbers and what would fit.
fn check_memory(config: &Config, layout: &Layout) -> Result<()> {
    let held = vectors(config);
    let bytes = held as f64 * layout.len() as f64 * size_of::<Real>() as f64;
    let allowed = config.vector_memory * 1e9;
    if bytes <= allowed {
        return Ok(());
    }
    let fit = (allowed / layout.len() as f64 / size_of::<Real>() as f64).floor();
    let what = format!(
        "{} of {} numbers need {:.1} GB, and vector_memory allows {:.1} GB",
        counted(held, "vector"),
        layout.len(),
        bytes / 1e9,
        config.vector_memory
    );
    Err(Error::config(what).hint(format!(
        "{fit:.0} vectors would fit: take fewer lanczos_steps or eigenvalues, set reorthogonalize to false, or choose \
         layers or kinds"
    )))
}

/// Vectors that are held at once, at most.
fn vectors(config: &Config) -> usize {
    // products work on a direction, an f64 sum (two vectors) and the gradients with tangents
    const PRODUCT: usize = 6;
    let lanczos = match (config.lanczos_steps, config.reorthogonalize) {
        (0, _) => 0,
        (steps, true) => steps + 1,
        (_, false) => 4,
    };
    PRODUCT + lanczos.max(config.eigenvalues + 2)
}

fn measure(
    config: &Config,
    cx: &mut Context<'_>,
    model: &LoadedModel,
    set: &TextSet,
    (layout, place): (&Layout, &str),
) -> Result<Found> {
    let kind = (config.matrix, config.batch_tokens);
    let mut matrix = LossCurvature::new(&model.decoder, set, config.mean, layout, kind);
    let pairs = eigenvalues(config, cx, &mut matrix, place)?;
    let mut probes = Vec::new();
    for i in 0..config.probes {
        let stage = format!("trace{place} {}", i + 1);
        let v = signs(cx.seed, "curvature trace", i, layout.len());
        probes.push(once(cx, &stage, |cx| {
            let shown = format!("trace{place}");
            let w = matrix.product(&v, &mut |_, _| cx.progress(&shown, i, config.probes))?;
            Ok(dot(&v, &w))
        })?);
    }
    let mut runs = Vec::new();
    for i in 0..if config.lanczos_steps == 0 { 0 } else { config.lanczos_runs } {
        let stage = format!("density{place} {}", i + 1);
        let start = signs(cx.seed, "curvature density", i, layout.len());
        runs.push(once(cx, &stage, |cx| {
            let mut done = 0;
            let mut tick = |part: usize, of: usize| {
                done += usize::from(part == of);
                cx.progress(&stage, done, config.lanczos_steps.min(layout.len()))
            };
            lanczos(&mut matrix, start, config.lanczos_steps, config.reorthogonalize, &mut tick)
        })?);
    }
    let set_name = (set.name.clone(), set.texts.len());
    let (model, n_parameters) = (model.name.clone(), layout.len());
    Ok(Found { model, set: set_name, n_parameters, pairs, probes, runs })
}

fn eigenvalues(
    config: &Config,
    cx: &mut Context<'_>,
    matrix: &mut LossCurvature<'_>,
    place: &str,
) -> Result<Vec<Eigenvalue>> {
    let stop = Stop { products: config.max_products, tolerance: config.tolerance };
    let mut pairs: Vec<Pair> = Vec::new();
    for i in 0..config.eigenvalues.min(matrix.len()) {
        let stage = format!("eigenvalue{place} {}", i + 1);
        let mut stream = Stream::new(cx.seed, "curvature eigenvalues").item(i as u64);
        let start: Vec<Real> = (0..matrix.len()).map(|_| stream.normal() as Real).collect();
        pairs.push(once(cx, &stage, |cx| {
            let mut done = 0;
            let mut tick = |part: usize, of: usize| {
                done += usize::from(part == of);
                cx.progress(&stage, done, config.max_products)
            };
            next_pair(matrix, start, &pairs, stop, &mut tick)
        })?);
    }
    let without =
        |p: &Pair| Eigenvalue { value: p.value, residual: p.residual, products: p.products, converged: p.converged };
    let mut found: Vec<Eigenvalue> = pairs.iter().map(without).collect();
    // of eigenvalues that lie close together the smaller may be found first
    found.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
    Ok(found)
}

/// A vector of random signs.
fn signs(seed: u64, name: &str, item: usize, n: usize) -> Vec<Real> {
    let mut stream = Stream::new(seed, name).item(item as u64);
    (0..n).map(|_| if stream.next_u64() & 1 == 0 { -1.0 } else { 1.0 }).collect()
}
