//! Fused projections, taken apart and put together. Twin of `cpu/heads.rs`.

use super::gpu::{Args, Gpu, Planes, elements};
use super::memory::DeviceBuffer;
use super::module::HEADS;
use crate::check;
use crate::error::Result;
use crate::kernels::HeadLayout;
use crate::tensor::Tensor;

/// Which plane of a tensor.
type Pick = for<'a> fn(Planes<'a>) -> Option<&'a DeviceBuffer>;

/// Value and, if `dual`, tangent.
fn picks(dual: bool) -> impl Iterator<Item = Pick> {
    let value: Pick = |planes| Some(planes.value);
    let tangent: Pick = |planes| planes.tangent;
    std::iter::once(value).chain(dual.then_some(tangent))
}

fn sizes(args: Args, qkv: &Tensor, n_head: usize, layout: HeadLayout) -> Args {
    let d_head = qkv.cols() / 3 / n_head;
    args.sizes([qkv.rows(), n_head, d_head]).flag(layout == HeadLayout::PerHead)
}

/// q, k, v (N,H·D) from qkv (N,3·H·D)
pub(super) fn split(gpu: &Gpu, parts: [&Tensor; 3], qkv: &Tensor, n_head: usize, layout: HeadLayout) -> Result<()> {
    check::heads(qkv, parts, n_head)?;
    let dual = parts[0].is_dual();
    check::that(parts.iter().all(|p| p.is_dual() == dual), || "heads: only some parts have a tangent".to_owned())?;
    for pick in picks(dual) {
        let mut args = Args::default();
        for part in parts.into_iter().chain([qkv]) {
            args = args.optional(pick(Planes::of(part)?))?;
        }
        gpu.launch(&HEADS, "split_heads", false, elements(qkv.len() / 3), sizes(args, qkv, n_head, layout))?;
    }
    Ok(())
}

/// The transpose of [`split`].
pub(super) fn merge(gpu: &Gpu, qkv: &Tensor, parts: [&Tensor; 3], n_head: usize, layout: HeadLayout) -> Result<()> {
    check::heads(qkv, parts, n_head)?;
    for pick in picks(qkv.is_dual()) {
        let mut args = Args::default();
        for part in std::iter::once(qkv).chain(parts) {
            args = args.optional(pick(Planes::of(part)?))?;
        }
        gpu.launch(&HEADS, "merge_heads", false, elements(qkv.len() / 3), sizes(args, qkv, n_head, layout))?;
    }
    Ok(())
}
