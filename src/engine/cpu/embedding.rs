//! Rows of a table in, rows of a table's gradient out; sums of tensors.

use std::ops::Range;

use rayon::prelude::*;

use super::check;
use crate::error::Result;
use crate::model::Weight;
use crate::tensor::{Real, Tensor};

/// Numbers a task adds.
const BLOCK: usize = 1 << 15;

/// Every id has a row.
fn check_ids(table: &str, ids: &[u32], rows: usize) -> Result<()> {
    check::that(ids.iter().all(|&id| (id as usize) < rows), || {
        let worst = ids.iter().max().copied().unwrap_or(0);
        format!("embedding: id {worst} but {table} has {rows} rows")
    })
}

/// y (N,C) += rows `ids` of `table` (V,C)
pub(super) fn embed_acc(y: &mut Tensor, table: &Weight, ids: &[u32]) -> Result<()> {
    let c = y.cols();
    check::that(y.rows() == ids.len() && table.len().is_multiple_of(c.max(1)), || {
        format!("embedding: {} ids of {} {:?} into {:?}", ids.len(), table.name, table.shape, y.shape())
    })?;
    check_ids(&table.name, ids, table.len() / c.max(1))?;
    let (value, tangent) = y.planes_mut();
    for (row, &id) in value.chunks_exact_mut(c.max(1)).zip(ids) {
        let start = id as usize * c;
        add_row(row, &table.values_in(start..start + c));
    }
    if let (Some(tangent), Some(direction)) = (tangent, table.tangent()) {
        for (row, &id) in tangent.chunks_exact_mut(c.max(1)).zip(ids) {
            let start = id as usize * c;
            add_row(row, &direction[start..start + c]);
        }
    }
    Ok(())
}

/// dtable rows `ids[n]` += dy row n, for n in `rows`, in row order
pub(super) fn embed_backward_acc(dtable: &mut Tensor, ids: &[u32], dy: &Tensor, rows: Range<usize>) -> Result<()> {
    let c = dy.cols();
    check::that(rows.end <= ids.len() && rows.end <= dy.rows() && rows.start <= rows.end, || {
        format!("embedding backward: rows {rows:?} of {} ids and dy {:?}", ids.len(), dy.shape())
    })?;
    check::that(dtable.cols() == c, || {
        format!("embedding backward: dtable {:?}, dy {:?}", dtable.shape(), dy.shape())
    })?;
    check_ids("the gradient", &ids[rows.clone()], dtable.rows())?;
    let scatter = |dtable: &mut [Real], dy: &[Real]| {
        for n in rows.clone() {
            let start = ids[n] as usize * c;
            add_row(&mut dtable[start..start + c], &dy[n * c..(n + 1) * c]);
        }
    };
    let (value, tangent) = dtable.planes_mut();
    scatter(value, dy.value());
    if let (Some(tangent), Some(dy)) = (tangent, dy.tangent()) {
        scatter(tangent, dy);
    }
    Ok(())
}

/// y += x
pub(super) fn add(y: &mut Tensor, x: &Tensor) -> Result<()> {
    check::same("add", y, &[x])?;
    let (value, tangent) = y.planes_mut();
    add_all(value, x.value());
    if let (Some(tangent), Some(x)) = (tangent, x.tangent()) {
        add_all(tangent, x);
    }
    Ok(())
}

fn add_all(y: &mut [Real], x: &[Real]) {
    y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(y, x)| add_row(y, x));
}

fn add_row(y: &mut [Real], x: &[Real]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}
