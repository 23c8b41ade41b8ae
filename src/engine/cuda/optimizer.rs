//! Steps of optimizers, and the element-wise operations around them. Twin of `cpu/optimizer.rs`.

use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes, elements};
use super::module::OPTIMIZER;
use crate::check;
use crate::error::Result;
use crate::kernels::Update;
use crate::model::Weight;
use crate::rng::Mask;
use crate::tensor::Tensor;

/// Moves w, on the card alone, and its moments by g.
pub(super) fn update(gpu: &Arc<Gpu>, w: &mut Weight, moments: &[Tensor], g: &Tensor, update: &Update) -> Result<()> {
    check::update(w, moments, g, update)?;
    let n = w.len();
    let numbers = Args::default().buffer(gpu.weight(w)?.value, 0)?;
    let g = Planes::of(g)?.value;
    let moments = moments.iter().map(|m| Ok(Planes::of(m)?.value)).collect::<Result<Vec<_>>>()?;
    match (*update, moments.as_slice()) {
        (Update::AdamW { betas, eps, keep, rate, root }, [m, v]) => {
            let args = numbers.buffer(m, 0)?.buffer(v, 0)?.buffer(g, 0)?.sizes([n]);
            let singles = [betas[1], 1.0 - betas[0], 1.0 - betas[1], keep, rate, root, eps];
            let args = singles.into_iter().fold(args, |args, x| args.single(x as f32));
            gpu.launch(&OPTIMIZER, "adam_w", false, elements(n), args)?;
        }
        (Update::Sgd { momentum, nesterov, decay, rate }, moments) => {
            let args = numbers.optional(moments.first().copied())?.buffer(g, 0)?.sizes([n]);
            let args = args.single(momentum as f32).flag(nesterov).single(decay as f32).single(rate as f32);
            gpu.launch(&OPTIMIZER, "sgd", false, elements(n), args)?;
        }
        (Update::AdamW { .. }, _) => {}
    }
    w.changed_on_card();
    Ok(())
}

/// x *= factor
pub(super) fn scale(gpu: &Gpu, x: &Tensor, factor: f64) -> Result<()> {
    let n = x.len();
    for x in Planes::of(x)?.each() {
        let args = Args::default().buffer(x, 0)?.sizes([n]).single(factor as f32);
        gpu.launch(&OPTIMIZER, "scale", false, elements(n), args)?;
    }
    Ok(())
}

/// Numbers of x become 0 with probability p, the others grow by 1 / (1 − p).
pub(super) fn dropout(gpu: &Gpu, x: &Tensor, p: f64, mask: Mask) -> Result<()> {
    let n = x.len();
    let whole = |[low, high]: [u32; 2]| (u64::from(low) | u64::from(high) << 32) as usize;
    for x in Planes::of(x)?.each() {
        let sizes = [n, whole(mask.key), whole(mask.prefix), Mask::threshold(p) as usize];
        let args = Args::default().buffer(x, 0)?.sizes(sizes).single((1.0 / (1.0 - p)) as f32);
        gpu.launch(&OPTIMIZER, "dropout", false, elements(n.div_ceil(4)), args)?;
    }
    Ok(())
}
