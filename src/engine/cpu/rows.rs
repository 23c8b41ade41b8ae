//! Rows and columns of tensors, copied.

use std::ops::Range;

use crate::check;
use crate::error::Result;
use crate::tensor::{Real, Tensor};

/// A tensor of these values and this tangent.
pub(super) fn upload(shape: &[usize], values: Vec<Real>, tangent: Option<Vec<Real>>) -> Result<Tensor> {
    let mut x = Tensor::from_vec(shape, values)?;
    let fits = tangent.as_ref().is_none_or(|t| t.len() == x.len());
    check::that(fits, || format!("a tangent of another length than its tensor {shape:?}"))?;
    x.set_tangent(tangent);
    Ok(x)
}

/// Rows of `to` from row `at` on = `rows` of `from`.
pub(super) fn copy(to: &mut Tensor, at: usize, from: &Tensor, rows: Range<usize>) -> Result<()> {
    check::copy_rows(to, at, from, &rows)?;
    let c = from.cols();
    let (source, target) = (rows.start * c..rows.end * c, at * c..(at + rows.len()) * c);
    let (value, tangent) = to.planes_mut();
    value[target.clone()].copy_from_slice(&from.value()[source.clone()]);
    match (tangent, from.tangent()) {
        (Some(to), Some(from)) => to[target].copy_from_slice(&from[source]),
        (Some(to), None) => to[target].fill(0.0),
        _ => {}
    }
    Ok(())
}

/// Rows of x from row `at` on = `rows` of x.
pub(super) fn repeat(x: &mut Tensor, rows: Range<usize>, at: usize) -> Result<()> {
    check::repeat_rows(x, &rows, at)?;
    let c = x.cols();
    let (value, tangent) = x.planes_mut();
    for plane in std::iter::once(value).chain(tangent) {
        plane.copy_within(rows.start * c..rows.end * c, at * c);
    }
    Ok(())
}

/// Some columns of x, row by row.
pub(super) fn columns(x: &Tensor, columns: &[u32]) -> Result<Vec<Real>> {
    check::columns(x, columns)?;
    let rows = x.value().chunks_exact(x.cols().max(1));
    Ok(rows.flat_map(|row| columns.iter().map(|&c| row[c as usize])).collect())
}
