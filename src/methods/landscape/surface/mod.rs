//! The loss on a line or a plane through parameter space, for any number of models and text sets at once.
//!
//! Formula: L(α, β) = loss of the model θ + α·d + β·e. Units: nats per token; α and β in directions.
//! Reads `data` (text sets), `others`, `checkpoints`, `around` (models); keeps the directions as a file.
//! Source: Li et al. 2018, arXiv:1712.09913; marcellodebernardi/loss-landscapes, with which the figures of
//! arXiv:2410.02159 were made. Differs from the package: normal directions, an even grid around the model, and every
//! point from the untouched weights, where the package adds steps up in f32.
//! Cost: one forward pass of all texts at every point; θ, two directions and a copy in memory.

mod components;
mod config;
mod directions;
mod evaluate;
mod figures;
mod grid;
mod normalize;
mod partial;
mod report;
mod saved;

pub use config::{Config, Normalize, Published, Span};

use std::sync::Arc;

use super::sets::{Reading, text_sets, tokens};
use crate::engine::ParamId;
use crate::engine::hvp::Direction;
use crate::engine::walk::Walker;
use crate::error::Result;
use crate::methods::{Amount, Card, Context, Input, InputKind, LoadedModel, Report, Typed, Work, any_amount, any_row};
use config::check;
use directions::{Directions, check_same, directions};
use evaluate::Values;
use grid::Grid;
use normalize::Numbers;
use report::Around;

/// Loss landscape.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input { name: "model", kind: InputKind::Model, required: true, many: false, about: "The model in the middle." },
        Input {
            name: "data",
            kind: InputKind::Data,
            required: true,
            many: true,
            about: "Text sets, such as memorized and ordinary text; each gets its own surface.",
        },
        Input {
            name: "around",
            kind: InputKind::Model,
            required: false,
            many: true,
            about: "Further models, such as edited ones, around which the same directions are followed.",
        },
        Input {
            name: "others",
            kind: InputKind::Model,
            required: false,
            many: true,
            about: "One or two models towards which the line or plane goes, for the span `models`.",
        },
        Input {
            name: "checkpoints",
            kind: InputKind::Model,
            required: false,
            many: true,
            about: "Models whose path is drawn; they span the plane for the span `checkpoints`.",
        },
    ],
    check,
    row_needs: any_row,
    fits: any_amount,
    work,
    run,
};

pub(super) const CARD: Card = Card {
    id: "landscape",
    group: "landscape",
    title: "Loss landscape",
    about: "How the loss of each text set changes along a line or over a plane of models.",
    formula: "L(α, β) = loss of θ + α·d + β·e; filter normalization: d_f ← d_f · ‖θ_f‖ / ‖d_f‖ for each filter f",
    conventions: "Every point is computed from the untouched weights; the one at 0 is the model's plain evaluation to the \
        last bit. A filter is what makes one output. Exact memorization is teacher-forced: every token after the prefix \
        is the most likely one. A point without a finite loss is a hole. `paper` follows the package loss-landscapes \
        (uniform directions of torch's generator with the experiment's seed, even rows one column further), `li` the \
        code of Li et al. (normal directions, vectors copied from the model).",
    source: "Li et al. 2018, arXiv:1712.09913; marcellodebernardi/loss-landscapes; figures of arXiv:2410.02159",
    version: 1,
};

fn work(config: &Config, amount: &Amount) -> Work {
    let points = (config.steps as u64).saturating_pow(config.axes as u32);
    let models = 1 + amount.models.get("around").copied().unwrap_or(0);
    let tokens = tokens(amount, config.max_tokens);
    let backward = match config.span {
        // about a hundred products, each several times a gradient
        Span::Hessian => tokens.saturating_mul(300),
        Span::Gradients => tokens,
        _ => 0,
    };
    let forward_tokens = tokens.saturating_mul(points).saturating_mul(models);
    Work {
        forward_tokens,
        backward_tokens: backward,
        fleeting_tokens: forward_tokens,
        // where the walk begins, where it stands, and each direction as it is built and as it is followed
        vectors: 2 + 2 * config.axes as u64,
        ..Work::default()
    }
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let model = cx.model("model")?;
    let reading =
        Reading { bos: config.bos, max_tokens: config.max_tokens, limit: config.limit, prefix: config.prefix };
    let (sets, mut notes) = text_sets(model, cx.datasets("data"), reading)?;
    let centers: Vec<&LoadedModel> = std::iter::once(model).chain(cx.models("around")).collect();
    centers.iter().try_for_each(|center| check_same(model, center))?;
    let found = directions(config, cx, &sets)?;
    saved::write(config, cx, model, &found)?;
    let path = components::path(config, cx, model, &found.x, found.y.as_ref())?;
    let grid = grid(config, &found);
    let moves: Vec<Direction> = [Some(&found.x), found.y.as_ref()].into_iter().flatten().map(moved).collect();
    let mut around = Vec::new();
    for (i, center) in centers.iter().enumerate() {
        let walker = Walker::new(&center.decoder, &moves)?;
        let stage = if centers.len() == 1 { "points".to_owned() } else { format!("points around model {}", i + 1) };
        let shown = |values: &Values, known: &[bool]| {
            figures::on_the_way(&sets, &grid, &around, (&center.name, values, known), (&found, &path))
        };
        let values = evaluate::evaluate(config, cx, &stage, &sets, (&grid, walker), &shown)?;
        around.push(Around { name: center.name.clone(), values });
    }
    notes.extend(found.notes.iter().cloned());
    let mut report = report::report(config, &sets, &grid, &around, (&found, &path));
    notes.append(&mut report.notes);
    report.notes = notes;
    Ok(report)
}

/// What moves in a direction: tensors of zeros stay where they are.
fn moved(direction: &Numbers) -> Direction {
    let numbered = direction.iter().enumerate().filter(|(_, d)| d.iter().any(|x| *x != 0.0));
    numbered.map(|(i, d)| (ParamId(i as u32), Arc::new(d.clone().into()))).collect()
}

fn grid(config: &Config, found: &Directions) -> Grid {
    let [x, y] = found.ranges;
    let x = config.x_range.unwrap_or(x);
    let plane = found.y.is_some();
    match config.compat {
        Published::Paper if plane => Grid::shifted(config.steps, x[1] - x[0]),
        // the package's lines go from the model to one distance, or to the other model
        Published::Paper if config.span == Span::Models => Grid::after_start(config.steps, 1.0),
        Published::Paper => Grid::after_start(config.steps, x[1] - x[0]),
        _ => Grid::even(config.steps, x, plane.then(|| config.y_range.unwrap_or(y))),
    }
}
