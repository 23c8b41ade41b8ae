//! Matrix products: by our own kernel in one order of summation, or by cuBLASLt on tensor cores.

use std::sync::Arc;

use super::blaslt::{Factor, Places, Shape, WORKSPACE};
use super::gpu::{Args, Gpu, elements};
use super::memory::DeviceBuffer;
use super::module::{LINEAR, NARROW};
use crate::error::Result;
use crate::precision::Precision;

/// Rows and columns of a tile of the kernel.
const TILE: usize = 64;
/// Most tiles of rows at once.
const ROW_TILES: usize = 65535;
/// Rows of a narrowed matrix begin at multiples of so many numbers: 16 bytes, which tensor cores load at once.
const STRIDE: usize = 8;
/// Bytes of a narrow number.
const NARROW_BYTES: usize = 2;

/// One side of a product: element (i, k) is number `at + i·row + k·step`.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) buffer: &'a DeviceBuffer,
    /// The same numbers as bf16 in the same places, where they are kept.
    pub(super) narrow: Option<&'a DeviceBuffer>,
    pub(super) at: usize,
    pub(super) row: usize,
    pub(super) step: usize,
}

/// The result: element (i, j) is number `at + i·row + j`.
#[derive(Clone, Copy)]
pub(super) struct Out<'a> {
    pub(super) buffer: &'a DeviceBuffer,
    pub(super) at: usize,
    pub(super) row: usize,
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// One number a column.
    Bias(&'a DeviceBuffer, usize),
    /// What is there.
    Add,
}

/// c (m,n) = start + Σ over k of a·b
pub(super) fn product(
    gpu: &Arc<Gpu>,
    precision: Precision,
    c: Out<'_>,
    [a, b]: [Side<'_>; 2],
    [m, n, k]: [usize; 3],
    start: Start<'_>,
) -> Result<()> {
    if precision == Precision::F32 || m == 0 || n == 0 || k == 0 {
        return in_order(gpu, c, [a, b], [m, n, k], start);
    }
    if on_tensor_cores(gpu, precision, c, [a, b], [m, n, k], start)? {
        return Ok(());
    }
    // no algorithm fits these strides: more exact, and slower
    in_order(gpu, c, [a, b], [m, n, k], start)
}

/// By our own kernel: f32, blocks of 256 steps, in order.
fn in_order(gpu: &Gpu, c: Out<'_>, [a, b]: [Side<'_>; 2], [m, n, k]: [usize; 3], start: Start<'_>) -> Result<()> {
    for first in (0..m).step_by(TILE * ROW_TILES) {
        let rows = (m - first).min(TILE * ROW_TILES);
        let args = Args::default().buffer(c.buffer, c.at + first * c.row)?;
        // without steps nothing is read, and the first number may lie behind the end
        let args = if k == 0 {
            args.optional(None)?.optional(None)?
        } else {
            args.buffer(a.buffer, a.at + first * a.row)?.buffer(b.buffer, b.at)?
        };
        let (args, code) = match start {
            Start::Zero => (args.optional(None)?, 0),
            Start::Bias(bias, at) => (args.buffer(bias, at)?, 1),
            Start::Add => (args.optional(None)?, 2),
        };
        let args = args.sizes([rows, n, k, a.row, a.step, b.row, b.step, c.row]).flag(code);
        gpu.launch(&LINEAR, "gemm", false, [n.div_ceil(TILE), rows.div_ceil(TILE), 1], args)?;
    }
    Ok(())
}

/// A factor ready for tensor cores: its own numbers, or narrow ones.
enum Ready<'a> {
    Lent(&'a DeviceBuffer, usize),
    Made(DeviceBuffer),
}

impl Ready<'_> {
    fn address(&self) -> Result<u64> {
        match self {
            Self::Lent(buffer, byte) => buffer.address(*byte),
            Self::Made(buffer) => buffer.address(0),
        }
    }
}

/// By cuBLASLt. It thinks in columns: our rows of C are its columns, so that its first factor is our second.
fn on_tensor_cores(
    gpu: &Arc<Gpu>,
    precision: Precision,
    c: Out<'_>,
    [a, b]: [Side<'_>; 2],
    [m, n, k]: [usize; 3],
    start: Start<'_>,
) -> Result<bool> {
    let (Some(left), Some(right)) = (stored(b, n, k), stored(a, m, k)) else { return Ok(false) };
    // a matrix with its steps together is (inner, rows) in columns: transposed as the first factor, not as the second
    let (left_turned, right_turned) = (left.steps_together, !right.steps_together);
    let (first, left_ld) = ready(gpu, precision, b, left)?;
    let (second, right_ld) = ready(gpu, precision, a, right)?;
    let shape = Shape {
        precision,
        rows: n,
        columns: m,
        inner: k,
        factors: [Factor { transposed: left_turned, ld: left_ld }, Factor { transposed: right_turned, ld: right_ld }],
        ld: c.row,
        bias: matches!(start, Start::Bias(..)),
    };
    let bias = match start {
        Start::Bias(bias, at) => bias.address(at * size_of::<f32>())?,
        Start::Zero | Start::Add => 0,
    };
    let workspace = DeviceBuffer::stale::<u8>(gpu, WORKSPACE)?;
    let places = Places {
        factors: [first.address()?, second.address()?],
        out: c.buffer.address(c.at * size_of::<f32>())?,
        bias,
        workspace: workspace.address(0)?,
    };
    gpu.multiply(&shape, places, matches!(start, Start::Add))
}

/// How a side lies: `lines` of `width` numbers together, `ld` from line to line.
#[derive(Clone, Copy)]
struct Stored {
    /// The steps of a row lie together; else the rows of a step.
    steps_together: bool,
    lines: usize,
    width: usize,
    ld: usize,
}

/// None where neither rows nor steps lie together.
fn stored(side: Side<'_>, rows: usize, steps: usize) -> Option<Stored> {
    if side.step == 1 && (side.row >= steps || rows == 1) {
        let ld = side.row.max(steps);
        return Some(Stored { steps_together: true, lines: rows, width: steps, ld });
    }
    if side.row == 1 && (side.step >= rows || steps == 1) {
        let ld = side.step.max(rows);
        return Some(Stored { steps_together: false, lines: steps, width: rows, ld });
    }
    None
}

/// The numbers of a side as the library takes them, and from line to line.
fn ready<'a>(gpu: &Arc<Gpu>, precision: Precision, side: Side<'a>, stored: Stored) -> Result<(Ready<'a>, usize)> {
    if precision != Precision::Bf16 {
        return Ok((Ready::Lent(side.buffer, side.at * size_of::<f32>()), stored.ld));
    }
    if let Some(narrow) = side.narrow {
        return Ok((Ready::Lent(narrow, side.at * NARROW_BYTES), stored.ld));
    }
    let ld = stored.width.next_multiple_of(STRIDE);
    let made = DeviceBuffer::stale::<u16>(gpu, stored.lines * ld)?;
    narrow_lines(gpu, (&made, ld), (side.buffer, side.at), stored)?;
    Ok((Ready::Made(made), ld))
}

fn narrow_lines(
    gpu: &Gpu,
    (to, to_ld): (&DeviceBuffer, usize),
    (from, at): (&DeviceBuffer, usize),
    Stored { lines, width, ld, .. }: Stored,
) -> Result<()> {
    let args = Args::default().buffer(to, 0)?.sizes([to_ld]).buffer(from, at)?.sizes([ld, lines, width]);
    gpu.launch(&NARROW, "narrow", false, elements(lines * to_ld), args)
}

/// All `n` numbers of a buffer as bf16, in the same places.
pub(super) fn narrowed(gpu: &Arc<Gpu>, from: &DeviceBuffer, n: usize) -> Result<DeviceBuffer> {
    let made = DeviceBuffer::stale::<u16>(gpu, n)?;
    narrow_lines(gpu, (&made, n), (from, 0), Stored { steps_together: true, lines: 1, width: n, ld: n })?;
    Ok(made)
}
