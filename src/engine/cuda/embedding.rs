//! Rows of a table in, rows of a table's gradient out; sums of tensors. Twin of `cpu/embedding.rs`.

use std::ops::Range;
use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes, elements};
use super::launch::THREADS;
use super::memory::DeviceBuffer;
use super::module::EMBEDDING;
use crate::check;
use crate::error::Result;
use crate::model::Weight;
use crate::tensor::Tensor;

/// Most blocks in the second direction of a grid.
const MAX_GROUPS: usize = 65535;

/// y (N,C) += rows `ids` of `table` (V,C)
pub(super) fn embed_acc(gpu: &Arc<Gpu>, y: &Tensor, table: &Weight, ids: &[u32]) -> Result<()> {
    check::embed(y, table, ids)?;
    let n_c = [ids.len(), y.cols()];
    let ids = DeviceBuffer::of(gpu, ids)?;
    for (y, table) in Planes::of(y)?.each().zip(gpu.weight(table)?.each()) {
        let args = Args::default().buffer(y, 0)?.buffer(table, 0)?.buffer(&ids, 0)?;
        gpu.launch(&EMBEDDING, "embed_acc", false, elements(n_c[0] * n_c[1]), args.sizes(n_c))?;
    }
    Ok(())
}

/// dtable rows `ids[n]` += dy row n, for n in `rows`, in row order
pub(super) fn embed_backward_acc(
    gpu: &Arc<Gpu>,
    dtable: &Tensor,
    ids: &[u32],
    dy: &Tensor,
    rows: &Range<usize>,
) -> Result<()> {
    check::embed_backward(dtable, ids, dy, rows)?;
    let c = dy.cols();
    let (order, groups) = grouped(ids, rows);
    let n_groups = groups.len() / 3;
    let (order, groups) = (DeviceBuffer::of(gpu, &order)?, DeviceBuffer::of(gpu, &groups)?);
    for (dtable, dy) in Planes::of(dtable)?.each().zip(Planes::of(dy)?.each()) {
        let args = Args::default().buffer(dtable, 0)?.buffer(dy, 0)?.buffer(&order, 0)?.buffer(&groups, 0)?;
        let grid = [c.div_ceil(THREADS as usize), n_groups.min(MAX_GROUPS), 1];
        gpu.launch(&EMBEDDING, "embed_backward_acc", false, grid, args.sizes([n_groups, c]))?;
    }
    Ok(())
}

/// Rows by id, those of an id in order, and of each id: itself, where its rows begin, where they end.
fn grouped(ids: &[u32], rows: &Range<usize>) -> (Vec<u32>, Vec<u32>) {
    let mut order: Vec<u32> = rows.clone().map(|row| row as u32).collect();
    order.sort_by_key(|row| ids[*row as usize]);
    let mut groups = Vec::new();
    let mut start = 0;
    for group in order.chunk_by(|a, b| ids[*a as usize] == ids[*b as usize]) {
        let end = start + group.len();
        groups.extend([ids[group[0] as usize], start as u32, end as u32]);
        start = end;
    }
    (order, groups)
}

/// y += x
pub(super) fn add(gpu: &Gpu, y: &Tensor, x: &Tensor) -> Result<()> {
    check::same("add", y, &[x])?;
    let n = y.len();
    for (y, x) in Planes::of(y)?.each().zip(Planes::of(x)?.each()) {
        let args = Args::default().buffer(y, 0)?.buffer(x, 0)?.sizes([n]);
        gpu.launch(&EMBEDDING, "add", false, elements(n), args)?;
    }
    Ok(())
}
