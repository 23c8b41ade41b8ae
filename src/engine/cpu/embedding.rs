//! Rows of a table in, rows of a table's gradient out; sums of tensors.

use std::ops::Range;

use rayon::prelude::*;

use super::grid::TileMut;
use crate::check;
use crate::error::Result;
use crate::model::Weight;
use crate::tensor::{Real, Tensor};

/// Numbers a task adds.
const BLOCK: usize = 1 << 15;
/// Rows of a table that a task reads at least.
const ROWS: usize = 64;
/// Columns of a table that a task adds to.
const COLUMNS: usize = 64;

/// y (N,C) += rows `ids` of `table` (V,C)
pub(super) fn embed_acc(y: &mut Tensor, table: &Weight, ids: &[u32]) -> Result<()> {
    check::embed(y, table, ids)?;
    let c = y.cols();
    let (value, tangent) = y.planes_mut();
    let rows = value.par_chunks_exact_mut(c.max(1)).with_min_len(ROWS).zip(ids);
    rows.for_each(|(row, &id)| {
        let start = id as usize * c;
        add_row(row, &table.values_in(start..start + c));
    });
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
    check::embed_backward(dtable, ids, dy, &rows)?;
    let c = dy.cols();
    // a column of the table is one task's, so that its rows are added in order
    let columns: Vec<Range<usize>> = (0..c).step_by(COLUMNS).map(|start| start..c.min(start + COLUMNS)).collect();
    let height = dtable.rows();
    let scatter = |dtable: &mut [Real], dy: &[Real]| {
        let tiles = TileMut::grid(dtable, c, std::slice::from_ref(&(0..height)), &columns);
        tiles.into_par_iter().zip(&columns).for_each(|(mut tile, columns)| {
            for n in rows.clone() {
                add_row(tile.row(ids[n] as usize), &dy[n * c + columns.start..n * c + columns.end]);
            }
        });
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
