//! Rows and columns of tensors, copied; tensors from and to the host. Twin of `cpu/rows.rs`.

use std::ops::Range;
use std::sync::Arc;

use super::gpu::{Args, Gpu, Planes, elements};
use super::memory::DeviceBuffer;
use super::module::REDUCE;
use crate::check;
use crate::error::Result;
use crate::tensor::{Real, Tensor};

/// A tensor of any values.
pub(super) fn stale(gpu: &Arc<Gpu>, shape: &[usize], dual: bool) -> Result<Tensor> {
    let n = shape.iter().product();
    let tangent = dual.then(|| DeviceBuffer::stale::<Real>(gpu, n)).transpose()?;
    Ok(Tensor::on_card(shape, DeviceBuffer::stale::<Real>(gpu, n)?, tangent))
}

/// A tensor of zeros.
pub(super) fn zeros(gpu: &Arc<Gpu>, shape: &[usize], dual: bool) -> Result<Tensor> {
    let n = shape.iter().product();
    let tangent = dual.then(|| DeviceBuffer::zeros(gpu, n)).transpose()?;
    Ok(Tensor::on_card(shape, DeviceBuffer::zeros(gpu, n)?, tangent))
}

/// A tensor of these values and this tangent.
pub(super) fn upload(gpu: &Arc<Gpu>, shape: &[usize], values: &[Real], tangent: Option<&[Real]>) -> Result<Tensor> {
    let n = shape.iter().product::<usize>();
    check::that(values.len() == n && tangent.is_none_or(|t| t.len() == n), || {
        format!("tensor of shape {shape:?} from {} values", values.len())
    })?;
    let tangent = tangent.map(|t| DeviceBuffer::of(gpu, t)).transpose()?;
    Ok(Tensor::on_card(shape, DeviceBuffer::of(gpu, values)?, tangent))
}

/// Rows of `to` from row `at` on = `rows` of `from`.
pub(super) fn copy(to: &Tensor, at: usize, from: &Tensor, rows: &Range<usize>) -> Result<()> {
    check::copy_rows(to, at, from, rows)?;
    let c = from.cols();
    let (source, target) = (rows.start * c..rows.end * c, at * c..(at + rows.len()) * c);
    let (to, from) = (Planes::of(to)?, Planes::of(from)?);
    to.value.copy(target.start, from.value, source.clone())?;
    match (to.tangent, from.tangent) {
        (Some(to), Some(from)) => to.copy(target.start, from, source),
        (Some(to), None) => to.clear(target),
        _ => Ok(()),
    }
}

/// Rows of x from row `at` on = `rows` of x.
pub(super) fn repeat(x: &Tensor, rows: &Range<usize>, at: usize) -> Result<()> {
    check::repeat_rows(x, rows, at)?;
    let c = x.cols();
    Planes::of(x)?.each().try_for_each(|plane| plane.copy(at * c, plane, rows.start * c..rows.end * c))
}

/// Some columns of x on the host, row by row.
pub(super) fn columns(gpu: &Arc<Gpu>, x: &Tensor, columns: &[u32]) -> Result<Vec<Real>> {
    check::columns(x, columns)?;
    let (n, width) = (x.rows(), columns.len());
    let x_value = Planes::of(x)?.value;
    let out = DeviceBuffer::stale::<Real>(gpu, n * width)?;
    for (place, &column) in columns.iter().enumerate().filter(|_| n > 0) {
        let args = Args::default().buffer(&out, place)?.sizes([width]).buffer(x_value, column as usize)?;
        gpu.launch(&REDUCE, "copy2d", false, elements(n), args.sizes([x.cols(), n, 1]))?;
    }
    out.read(n * width)
}
