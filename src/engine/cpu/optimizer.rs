//! Steps of optimizers, and the element-wise operations around them, each in one pass.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use rayon::prelude::*;

use super::simd::{Job, simd};
use crate::check;
use crate::error::Result;
use crate::kernels::Update;
use crate::model::Weight;
use crate::rng::Mask;
use crate::tensor::{Real, Tensor};

/// Numbers a task works on; a multiple of 4.
const BLOCK: usize = 1 << 15;

/// Moves w and its moments by g.
pub(super) fn update(w: &mut Weight, moments: &mut [Tensor], g: &Tensor, update: &Update) -> Result<()> {
    check::update(w, moments, g, update)?;
    let g = g.value().par_chunks(BLOCK);
    let w = w.values_mut().par_chunks_mut(BLOCK).zip(g);
    match (*update, moments) {
        (Update::AdamW { betas, eps, keep, rate, root }, [m, v]) => {
            let moments = m.value_mut().par_chunks_mut(BLOCK).zip(v.value_mut().par_chunks_mut(BLOCK));
            let real = |x: f64| x as Real;
            let (kept, new) = (real(betas[1]), betas.map(|b| real(1.0 - b)));
            let [keep, rate, root, eps] = [keep, rate, root, eps].map(real);
            w.zip(moments).for_each(|((w, g), (m, v))| simd(AdamW { w, g, m, v, kept, new, keep, rate, root, eps }));
        }
        (Update::Sgd { momentum, nesterov, decay, rate }, moments) => {
            let [momentum, decay, rate] = [momentum, decay, rate].map(|x| x as Real);
            let step = Sgd { momentum, nesterov, decay, rate };
            match moments {
                [u, ..] => {
                    w.zip(u.value_mut().par_chunks_mut(BLOCK)).for_each(|((w, g), u)| simd(Heavy { w, g, u, step }));
                }
                [] => w.for_each(|(w, g)| simd(Light { w, g, step })),
            }
        }
        (Update::AdamW { .. }, _) => {}
    }
    Ok(())
}

/// [`Update::AdamW`] for a block: `kept` is β₂, `new` are 1 − β₁ and 1 − β₂.
struct AdamW<'a> {
    w: &'a mut [Real],
    g: &'a [Real],
    m: &'a mut [Real],
    v: &'a mut [Real],
    kept: Real,
    new: [Real; 2],
    keep: Real,
    rate: Real,
    root: Real,
    eps: Real,
}

impl Job for AdamW<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { w, g, m, v, kept, new, keep, rate, root, eps } = self;
        for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m += new[0] * (g - *m);
            *v = kept * *v + new[1] * (g * g);
            *w = keep * *w - rate * (*m / (v.sqrt() / root + eps));
        }
    }
}

/// The numbers of [`Update::Sgd`].
#[derive(Clone, Copy)]
struct Sgd {
    momentum: Real,
    nesterov: bool,
    decay: Real,
    rate: Real,
}

/// With a running sum.
struct Heavy<'a> {
    w: &'a mut [Real],
    g: &'a [Real],
    u: &'a mut [Real],
    step: Sgd,
}

impl Job for Heavy<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { w, g, u, step: Sgd { momentum, nesterov, decay, rate } } = self;
        for ((w, &g), u) in w.iter_mut().zip(g).zip(u) {
            let d = g + decay * *w;
            *u = momentum * *u + d;
            let d = if nesterov { d + momentum * *u } else { *u };
            *w -= rate * d;
        }
    }
}

/// Without one.
struct Light<'a> {
    w: &'a mut [Real],
    g: &'a [Real],
    step: Sgd,
}

impl Job for Light<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { w, g, step: Sgd { decay, rate, .. } } = self;
        for (w, &g) in w.iter_mut().zip(g) {
            *w -= rate * (g + decay * *w);
        }
    }
}

/// x *= factor
pub(super) fn scale(x: &mut Tensor, factor: f64) {
    let factor = factor as Real;
    let each = |x: &mut [Real]| x.par_chunks_mut(BLOCK).for_each(|x| x.iter_mut().for_each(|x| *x *= factor));
    let (value, tangent) = x.planes_mut();
    each(value);
    if let Some(tangent) = tangent {
        each(tangent);
    }
}

/// Numbers of x become 0 with probability p, the others grow by 1 / (1 − p).
pub(super) fn dropout(x: &mut Tensor, p: f64, mask: Mask) {
    let (threshold, factor) = (Mask::threshold(p), (1.0 / (1.0 - p)) as Real);
    let each = |x: &mut [Real]| {
        x.par_chunks_mut(BLOCK).enumerate().for_each(|(block, x)| {
            simd(Drop { x, mask, quad: (block * BLOCK / 4) as u64, threshold, factor });
        });
    };
    let (value, tangent) = x.planes_mut();
    each(value);
    if let Some(tangent) = tangent {
        each(tangent);
    }
}

/// Dropout of a block whose first element is 4·`quad`.
struct Drop<'a> {
    x: &'a mut [Real],
    mask: Mask,
    quad: u64,
    threshold: u32,
    factor: Real,
}

impl Job for Drop<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { x, mask, quad, threshold, factor } = self;
        for (i, x) in x.chunks_mut(4).enumerate() {
            let words = mask.words(quad + i as u64);
            for (x, word) in x.iter_mut().zip(words) {
                *x = if word < threshold { 0.0 } else { *x * factor };
            }
        }
    }
}
