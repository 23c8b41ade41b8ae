//! Every operation of an engine's device, at shapes that fit no tile.

use super::run::Run;
use crate::engine::kernels::{HeadLayout, Rows, Update, Want};
use crate::engine::model::{Activation, Norm, Orientation};
use crate::engine::rng::Stream;
use crate::error::Result;

/// An operation.
pub(super) struct Op {
    /// Its name in trait `Kernels`.
    pub(super) name: &'static str,
    /// Whether it carries tangents.
    pub(super) dual: bool,
    /// Calls it.
    pub(super) check: fn(&mut Run<'_>) -> Result<()>,
}

const fn op(name: &'static str, check: fn(&mut Run<'_>) -> Result<()>) -> Op {
    Op { name, dual: true, check }
}

/// One without tangents.
const fn plain(name: &'static str, check: fn(&mut Run<'_>) -> Result<()>) -> Op {
    Op { name, dual: false, check }
}

/// All but attention.
pub(super) const OPS: &[Op] = &[
    op("copy_rows", copy_rows),
    op("repeat_rows", repeat_rows),
    plain("columns", columns),
    op("linear", linear),
    op("linear_backward", linear_backward),
    op("linear_backward_acc", linear_backward_acc),
    op("outer_acc", outer_acc),
    op("column_sum_acc", column_sum_acc),
    plain("gram", gram),
    op("norm", norm),
    op("norm_backward_acc", norm_backward_acc),
    op("split_heads", split_heads),
    op("merge_heads", merge_heads),
    op("rotate", rotate),
    op("activation", activation),
    op("activation_backward", activation_backward),
    op("gate", gate),
    op("gate_backward", gate_backward),
    op("embed_acc", embed_acc),
    op("embed_backward_acc", embed_backward_acc),
    op("add", add),
    op("scale", scale),
    op("dropout", dropout),
    op("cross_entropy", cross_entropy),
    plain("token_scores", token_scores),
    plain("head_gram", head_gram),
    plain("dot", dot),
    plain("dot_rows", dot_rows),
    plain("update", update),
];

/// Rows, inputs and outputs: one, none, and around tiles of 64 and chains of 256 steps.
const PRODUCTS: [[usize; 3]; 5] = [[1, 1, 1], [3, 5, 7], [65, 256, 63], [2, 257, 130], [70, 300, 1]];
const ORIENTATIONS: [Orientation; 2] = [Orientation::OutIn, Orientation::InOut];
const CURVES: [Activation; 4] = [Activation::GeluTanh, Activation::GeluErf, Activation::Silu, Activation::Relu];
const NORMS: [Norm; 2] = [Norm::Layer { eps: 1e-5 }, Norm::Rms { eps: 1e-6 }];
const LAYOUTS: [HeadLayout; 2] = [HeadLayout::Thirds, HeadLayout::PerHead];

/// The shape on disk of a matrix of `c` inputs and `o` outputs.
fn disk(orientation: Orientation, c: usize, o: usize) -> [usize; 2] {
    match orientation {
        Orientation::OutIn => [o, c],
        Orientation::InOut => [c, o],
    }
}

fn copy_rows(run: &mut Run<'_>) -> Result<()> {
    let (mut to, from) = (run.tensor(&[9, 7])?, run.tensor(&[5, 7])?);
    run.call(|k| k.copy_rows(&mut to, 3, &from, 1..4))?;
    run.give([&to])
}

fn repeat_rows(run: &mut Run<'_>) -> Result<()> {
    let mut x = run.tensor(&[9, 7])?;
    run.call(|k| k.repeat_rows(&mut x, 1..4, 6))?;
    run.give([&x])
}

fn columns(run: &mut Run<'_>) -> Result<()> {
    let (x, ids) = (run.tensor(&[5, 700])?, run.ids(33, 700));
    let found = run.call(|k| k.columns(&x, &ids))?;
    run.numbers.extend(found.iter().map(|x| f64::from(*x)));
    Ok(())
}

fn linear(run: &mut Run<'_>) -> Result<()> {
    for [n, c, o] in PRODUCTS {
        for orientation in ORIENTATIONS {
            let (x, mut y) = (run.tensor(&[n, c])?, run.stale(&[n, o])?);
            let w = run.weight(&disk(orientation, c, o), orientation)?;
            let b = run.weight(&[o], Orientation::OutIn)?;
            run.call(|k| k.linear(&mut y, &x, &w, Some(&b)))?;
            run.give([&y])?;
            run.call(|k| k.linear(&mut y, &x, &w, None))?;
            run.give([&y])?;
        }
    }
    Ok(())
}

fn linear_backward(run: &mut Run<'_>) -> Result<()> {
    for [n, c, o] in PRODUCTS {
        for orientation in ORIENTATIONS {
            let (dy, mut dx) = (run.tensor(&[n, o])?, run.stale(&[n, c])?);
            let w = run.weight(&disk(orientation, c, o), orientation)?;
            run.call(|k| k.linear_backward(&mut dx, &dy, &w))?;
            run.give([&dx])?;
        }
    }
    Ok(())
}

fn linear_backward_acc(run: &mut Run<'_>) -> Result<()> {
    for [n, c, o] in PRODUCTS {
        for orientation in ORIENTATIONS {
            let (dy, mut dx) = (run.tensor(&[n, o])?, run.tensor(&[n, c])?);
            let w = run.weight(&disk(orientation, c, o), orientation)?;
            run.call(|k| k.linear_backward_acc(&mut dx, &dy, &w))?;
            run.give([&dx])?;
        }
    }
    Ok(())
}

fn outer_acc(run: &mut Run<'_>) -> Result<()> {
    for [n, c, o] in PRODUCTS {
        for orientation in ORIENTATIONS {
            let (x, dy) = (run.tensor(&[n, c])?, run.tensor(&[n, o])?);
            let shape = disk(orientation, c, o);
            let (w, mut dw) = (run.weight(&shape, orientation)?, run.tensor(&shape)?);
            run.call(|k| k.outer_acc(&mut dw, &x, &dy, n / 3..n, &w))?;
            run.give([&dw])?;
        }
    }
    Ok(())
}

fn column_sum_acc(run: &mut Run<'_>) -> Result<()> {
    let (x, mut db) = (run.tensor(&[150, 333])?, run.tensor(&[333])?);
    run.call(|k| k.column_sum_acc(&mut db, &x, 3..149))?;
    run.give([&db])
}

fn gram(run: &mut Run<'_>) -> Result<()> {
    let (x, dy) = (run.tensor(&[230, 33])?, run.tensor(&[230, 70])?);
    let side = |rows| Rows { x: &x, dy: &dy, rows };
    let product = run.call(|k| k.gram(side(0..227), side(5..230)))?;
    run.numbers.push(product);
    Ok(())
}

fn norm(run: &mut Run<'_>) -> Result<()> {
    for norm in NORMS {
        for c in [1, 33, 768] {
            let (x, mut y) = (run.tensor(&[9, c])?, run.stale(&[9, c])?);
            let (gain, bias) = (run.weight(&[c], Orientation::OutIn)?, run.weight(&[c], Orientation::OutIn)?);
            run.call(|k| k.norm(&mut y, &x, &gain, Some(&bias), norm))?;
            run.give([&y])?;
            run.call(|k| k.norm(&mut y, &x, &gain, None, norm))?;
            run.give([&y])?;
        }
    }
    Ok(())
}

fn norm_backward_acc(run: &mut Run<'_>) -> Result<()> {
    for norm in NORMS {
        for c in [2, 33, 768] {
            let (x, dy, mut dx) = (run.tensor(&[9, c])?, run.tensor(&[9, c])?, run.tensor(&[9, c])?);
            let (gain, mut rows) = (run.weight(&[c], Orientation::OutIn)?, run.stale(&[9, c])?);
            run.call(|k| k.norm_backward_acc(&mut dx, Some(&mut rows), &dy, &x, &gain, norm))?;
            run.give([&dx, &rows])?;
        }
    }
    Ok(())
}

fn split_heads(run: &mut Run<'_>) -> Result<()> {
    for layout in LAYOUTS {
        let fused = run.tensor(&[7, 3 * 5 * 6])?;
        let mut parts = [run.stale(&[7, 30])?, run.stale(&[7, 30])?, run.stale(&[7, 30])?];
        run.call(|k| k.split_heads(parts.each_mut(), &fused, 5, layout))?;
        run.give(&parts)?;
    }
    Ok(())
}

fn merge_heads(run: &mut Run<'_>) -> Result<()> {
    for layout in LAYOUTS {
        let parts = [run.tensor(&[7, 30])?, run.tensor(&[7, 30])?, run.tensor(&[7, 30])?];
        let mut fused = run.stale(&[7, 90])?;
        run.call(|k| k.merge_heads(&mut fused, parts.each_ref(), 5, layout))?;
        run.give([&fused])?;
    }
    Ok(())
}

fn rotate(run: &mut Run<'_>) -> Result<()> {
    let inv_freq: Vec<f64> = (0..3).map(|i| 10000f64.powf(-f64::from(i) / 3.0)).collect();
    for [interleaved, inverse] in [[false, false], [false, true], [true, false], [true, true]] {
        let mut x = run.tensor(&[9, 4 * 8])?;
        let positions = run.ids(9, 2048);
        run.call(|k| k.rotate(&mut x, &positions, 4, &inv_freq, interleaved, inverse))?;
        run.give([&x])?;
    }
    Ok(())
}

fn activation(run: &mut Run<'_>) -> Result<()> {
    for f in CURVES {
        let (x, mut y) = (run.tensor(&[7, 129])?, run.stale(&[7, 129])?);
        run.call(|k| k.activation(&mut y, &x, f))?;
        run.give([&y])?;
    }
    Ok(())
}

fn activation_backward(run: &mut Run<'_>) -> Result<()> {
    for f in CURVES {
        let (x, dy, mut dx) = (run.tensor(&[7, 129])?, run.tensor(&[7, 129])?, run.stale(&[7, 129])?);
        run.call(|k| k.activation_backward(&mut dx, &dy, &x, f))?;
        run.give([&dx])?;
    }
    Ok(())
}

fn gate(run: &mut Run<'_>) -> Result<()> {
    for f in CURVES {
        let (gate, up, mut y) = (run.tensor(&[7, 129])?, run.tensor(&[7, 129])?, run.stale(&[7, 129])?);
        run.call(|k| k.gate(&mut y, &gate, &up, f))?;
        run.give([&y])?;
    }
    Ok(())
}

fn gate_backward(run: &mut Run<'_>) -> Result<()> {
    for f in CURVES {
        let (gate, up, dy) = (run.tensor(&[7, 129])?, run.tensor(&[7, 129])?, run.tensor(&[7, 129])?);
        let mut results = [run.stale(&[7, 129])?, run.stale(&[7, 129])?];
        run.call(|k| k.gate_backward(results.each_mut(), &dy, &gate, &up, f))?;
        run.give(&results)?;
    }
    Ok(())
}

fn embed_acc(run: &mut Run<'_>) -> Result<()> {
    let (table, ids, mut y) = (run.weight(&[50, 33], Orientation::OutIn)?, run.ids(70, 50), run.tensor(&[70, 33])?);
    run.call(|k| k.embed_acc(&mut y, &table, &ids))?;
    run.give([&y])
}

fn embed_backward_acc(run: &mut Run<'_>) -> Result<()> {
    let (ids, dy, mut dtable) = (run.ids(70, 50), run.tensor(&[70, 33])?, run.tensor(&[50, 33])?);
    run.call(|k| k.embed_backward_acc(&mut dtable, &ids, &dy, 2..69))?;
    run.give([&dtable])
}

fn add(run: &mut Run<'_>) -> Result<()> {
    let (mut y, x) = (run.tensor(&[7, 129])?, run.tensor(&[7, 129])?);
    run.call(|k| k.add(&mut y, &x))?;
    run.give([&y])
}

fn scale(run: &mut Run<'_>) -> Result<()> {
    let mut x = run.tensor(&[7, 129])?;
    run.call(|k| k.scale(&mut x, 0.3))?;
    run.give([&x])
}

fn dropout(run: &mut Run<'_>) -> Result<()> {
    let mut x = run.tensor(&[7, 129])?;
    let mask = Stream::new(1, "dropout").mask();
    run.call(|k| k.dropout(&mut x, 0.3, mask))?;
    run.give([&x])
}

fn update(run: &mut Run<'_>) -> Result<()> {
    let adam = Update::AdamW { betas: [0.9, 0.98], eps: 1e-8, keep: 0.99, rate: 0.01, root: 0.3 };
    let sgd = |nesterov| Update::Sgd { momentum: 0.9, nesterov, decay: 0.1, rate: 0.01 };
    for (update, n_moments) in [(adam, 2), (sgd(false), 1), (sgd(true), 1), (sgd(false), 0)] {
        let (mut w, shape) = (run.weight(&[40, 33], Orientation::OutIn)?, [40, 33]);
        let mut moments = Vec::new();
        for _ in 0..n_moments {
            moments.push(run.tensor(&shape)?);
        }
        // the second moment of AdamW is a mean of squares
        if let Some(v) = moments.get_mut(1) {
            v.edit(|values, _| values.iter_mut().for_each(|v| *v *= *v))?;
        }
        for _ in 0..2 {
            let g = run.tensor(&shape)?;
            run.call(|k| k.update(&mut w, &mut moments, &g, &update))?;
        }
        run.numbers.extend(w.values().iter().map(|x| f64::from(*x)));
        run.give(&moments)?;
    }
    Ok(())
}

fn cross_entropy(run: &mut Run<'_>) -> Result<()> {
    for vocab in [7, 1030] {
        let (mut logits, targets) = (run.tensor(&[6, vocab])?, run.ids(6, vocab));
        let weights = [1.0, 0.25, 0.0, -2.0, 1.0, 0.5];
        let losses = run.call(|k| k.cross_entropy(&mut logits, &targets, &weights))?;
        run.numbers.extend(losses);
        run.give([&logits])?;
    }
    Ok(())
}

fn token_scores(run: &mut Run<'_>) -> Result<()> {
    run.exact_sums();
    for (orientation, biased) in [(Orientation::OutIn, true), (Orientation::InOut, false)] {
        let (n, c, vocab) = (5, 40, 1300);
        let (x, targets) = (run.tensor(&[n, c])?, run.ids(n, vocab));
        let w = run.weight(&disk(orientation, c, vocab), orientation)?;
        let b = run.weight(&[vocab], Orientation::OutIn)?;
        let want = Want { rank: true, moments: true, top: 8 };
        let scores = run.call(|k| k.token_scores(&x, &w, biased.then_some(&b), &targets, want))?;
        for score in scores {
            run.numbers.extend([score.log_prob, f64::from(score.argmax), f64::from(score.rank.unwrap_or_default())]);
            run.numbers.extend(score.moments.into_iter().flatten());
            run.numbers.extend(score.top.iter().flat_map(|(token, log_prob)| [f64::from(*token), *log_prob]));
        }
    }
    Ok(())
}

fn head_gram(run: &mut Run<'_>) -> Result<()> {
    let (n, c, vocab) = (6, 40, 1300);
    let (x, targets, mut s) = (run.tensor(&[n, c])?, run.ids(n, vocab), run.stale(&[n, n])?);
    let (w, b) = (run.weight(&[vocab, c], Orientation::OutIn)?, run.weight(&[vocab], Orientation::OutIn)?);
    let weights = [1.0, 0.25, 0.0, 1.0, 1.0, 0.5];
    run.call(|k| k.head_gram(&mut s, &x, &w, Some(&b), &targets, &weights))?;
    run.give([&s])
}

fn dot(run: &mut Run<'_>) -> Result<()> {
    let (a, b) = (run.tensor(&[70_001])?, run.tensor(&[70_001])?);
    let product = run.call(|k| k.dot(&a, &b))?;
    run.numbers.push(product);
    Ok(())
}

fn dot_rows(run: &mut Run<'_>) -> Result<()> {
    let (a, b) = (run.tensor(&[90, 777])?, run.tensor(&[90, 777])?);
    let product = run.call(|k| k.dot_rows(&a, &b, 3..88))?;
    run.numbers.push(product);
    Ok(())
}
