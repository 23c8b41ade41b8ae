//! Element-wise nonlinearities and gates.
//!
//! Each curve gives f, f' and f'' at a point: f'' is what the tangent of backward needs.
//! GELU's tanh form is x·σ(2u) with u = √(2/π)(x + 0.044715x³), which cancels nothing on the left.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use std::marker::PhantomData;

use rayon::prelude::*;

use super::scalar::{Dual, Scalar, Source, normal_cdf, normal_density, sigmoid};
use super::simd::{Job, simd};
use crate::check;
use crate::error::Result;
use crate::model::Activation;
use crate::tensor::{Real, Tensor};

/// Numbers a task works on.
const BLOCK: usize = 1 << 13;

/// A nonlinearity.
trait Curve: 'static {
    /// f, f' and f'' at x.
    fn at(x: Real) -> [Real; 3];

    /// f(x)
    #[inline(always)]
    fn value<S: Scalar>(x: S) -> S {
        let [f, f1, _] = Self::at(x.value());
        x.map(f, f1)
    }

    /// f'(x)
    #[inline(always)]
    fn slope<S: Scalar>(x: S) -> S {
        let [_, f1, f2] = Self::at(x.value());
        x.map(f1, f2)
    }
}

struct GeluTanh;
struct GeluErf;
struct Silu;
struct Relu;

impl Curve for GeluTanh {
    #[inline(always)]
    fn at(x: Real) -> [Real; 3] {
        const TWICE: f64 = 1.595_769_121_605_731; // 2·√(2/π)
        const CUBE: f64 = 0.044715 * TWICE;
        let (twice, cube) = (TWICE as Real, CUBE as Real);
        let x2 = x * x;
        let (s, c) = sigmoid(x * (twice + cube * x2));
        let (v1, v2) = (twice + 3.0 * cube * x2, 6.0 * cube * x);
        let q = s * c;
        [x * s, s + x * q * v1, 2.0 * q * v1 + x * q * ((c - s) * v1 * v1 + v2)]
    }
}

impl Curve for GeluErf {
    #[inline(always)]
    fn at(x: Real) -> [Real; 3] {
        let (p, n) = (normal_cdf(x), normal_density(x));
        [x * p, p + x * n, n * (2.0 - x * x)]
    }
}

impl Curve for Silu {
    #[inline(always)]
    fn at(x: Real) -> [Real; 3] {
        let (s, c) = sigmoid(x);
        let q = s * c;
        [x * s, s + x * q, q * (2.0 + x * (c - s))]
    }
}

impl Curve for Relu {
    #[inline(always)]
    fn at(x: Real) -> [Real; 3] {
        // NaN stays
        if x <= 0.0 { [0.0, 0.0, 0.0] } else { [x, 1.0, 0.0] }
    }
}

/// Calls `$function::<S, C>(args)` for the curve C of `$f`.
macro_rules! with_curve {
    ($f:expr, $function:ident :: <$scalar:ty> ( $($arg:expr),* )) => {
        match $f {
            Activation::GeluTanh => $function::<$scalar, GeluTanh>($($arg),*),
            Activation::GeluErf => $function::<$scalar, GeluErf>($($arg),*),
            Activation::Silu => $function::<$scalar, Silu>($($arg),*),
            Activation::Relu => $function::<$scalar, Relu>($($arg),*),
        }
    };
}

/// y = f(x)
pub(super) fn forward(y: &mut Tensor, x: &Tensor, f: Activation) -> Result<()> {
    check::same("activation", y, &[x])?;
    if y.is_dual() {
        with_curve!(f, forward_as::<Dual>(y, x));
    } else {
        with_curve!(f, forward_as::<Real>(y, x));
    }
    Ok(())
}

fn forward_as<S: Scalar, C: Curve>(y: &mut Tensor, x: &Tensor) {
    let x = Source::of(x, BLOCK);
    S::blocks(y, BLOCK).into_par_iter().enumerate().for_each(|(block, y)| {
        let start = block * BLOCK;
        let end = x.value.len().min(start + BLOCK);
        simd(Forward::<S, C> { y, x: S::read(&x, start..end), curve: PhantomData });
    });
}

/// y = f(x)
struct Forward<'a, S: Scalar, C: Curve> {
    y: S::RowMut<'a>,
    x: S::Row<'a>,
    curve: PhantomData<C>,
}

impl<S: Scalar, C: Curve> Job for Forward<'_, S, C> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { mut y, x, .. } = self;
        let n = S::len(x);
        let mut y = S::slice_mut(&mut y, 0..n);
        let x = S::slice(x, 0..n);
        for i in 0..n {
            S::put(&mut y, i, C::value(S::at(x, i)));
        }
    }
}

/// dx = dy ⊙ f'(x)
pub(super) fn backward(dx: &mut Tensor, dy: &Tensor, x: &Tensor, f: Activation) -> Result<()> {
    check::same("activation backward", dx, &[dy, x])?;
    if dx.is_dual() {
        with_curve!(f, backward_as::<Dual>(dx, dy, x));
    } else {
        with_curve!(f, backward_as::<Real>(dx, dy, x));
    }
    Ok(())
}

fn backward_as<S: Scalar, C: Curve>(dx: &mut Tensor, dy: &Tensor, x: &Tensor) {
    let (dy, x) = (Source::of(dy, BLOCK), Source::of(x, BLOCK));
    S::blocks(dx, BLOCK).into_par_iter().enumerate().for_each(|(block, dx)| {
        let start = block * BLOCK;
        let part = start..x.value.len().min(start + BLOCK);
        simd(Backward::<S, C> { dx, dy: S::read(&dy, part.clone()), x: S::read(&x, part), curve: PhantomData });
    });
}

/// dx = dy ⊙ f'(x)
struct Backward<'a, S: Scalar, C: Curve> {
    dx: S::RowMut<'a>,
    dy: S::Row<'a>,
    x: S::Row<'a>,
    curve: PhantomData<C>,
}

impl<S: Scalar, C: Curve> Job for Backward<'_, S, C> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { mut dx, dy, x, .. } = self;
        let n = S::len(x);
        let mut dx = S::slice_mut(&mut dx, 0..n);
        let (dy, x) = (S::slice(dy, 0..n), S::slice(x, 0..n));
        for i in 0..n {
            S::put(&mut dx, i, S::at(dy, i) * C::slope(S::at(x, i)));
        }
    }
}

/// y = f(gate) ⊙ up
pub(super) fn gate(y: &mut Tensor, gate: &Tensor, up: &Tensor, f: Activation) -> Result<()> {
    check::same("gate", y, &[gate, up])?;
    if y.is_dual() {
        with_curve!(f, gate_as::<Dual>(y, gate, up));
    } else {
        with_curve!(f, gate_as::<Real>(y, gate, up));
    }
    Ok(())
}

fn gate_as<S: Scalar, C: Curve>(y: &mut Tensor, gate: &Tensor, up: &Tensor) {
    let (gate, up) = (Source::of(gate, BLOCK), Source::of(up, BLOCK));
    S::blocks(y, BLOCK).into_par_iter().enumerate().for_each(|(block, y)| {
        let start = block * BLOCK;
        let part = start..gate.value.len().min(start + BLOCK);
        simd(Gate::<S, C> { y, gate: S::read(&gate, part.clone()), up: S::read(&up, part), curve: PhantomData });
    });
}

/// y = f(gate) ⊙ up
struct Gate<'a, S: Scalar, C: Curve> {
    y: S::RowMut<'a>,
    gate: S::Row<'a>,
    up: S::Row<'a>,
    curve: PhantomData<C>,
}

impl<S: Scalar, C: Curve> Job for Gate<'_, S, C> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { mut y, gate, up, .. } = self;
        let n = S::len(gate);
        let mut y = S::slice_mut(&mut y, 0..n);
        let (gate, up) = (S::slice(gate, 0..n), S::slice(up, 0..n));
        for i in 0..n {
            S::put(&mut y, i, C::value(S::at(gate, i)) * S::at(up, i));
        }
    }
}

/// dgate, dup = ∂L/∂(gate, up)
pub(super) fn gate_backward(
    [dgate, dup]: [&mut Tensor; 2],
    dy: &Tensor,
    gate: &Tensor,
    up: &Tensor,
    f: Activation,
) -> Result<()> {
    check::gate_backward(dgate, dup, [dy, gate, up])?;
    if dgate.is_dual() {
        with_curve!(f, gate_backward_as::<Dual>([dgate, dup], [dy, gate, up]));
    } else {
        with_curve!(f, gate_backward_as::<Real>([dgate, dup], [dy, gate, up]));
    }
    Ok(())
}

fn gate_backward_as<S: Scalar, C: Curve>([dgate, dup]: [&mut Tensor; 2], inputs: [&Tensor; 3]) {
    let inputs = inputs.map(|t| Source::of(t, BLOCK));
    let len = inputs[0].value.len();
    let outputs = S::blocks(dgate, BLOCK).into_par_iter().zip(S::blocks(dup, BLOCK));
    outputs.enumerate().for_each(|(block, (dgate, dup))| {
        let part = block * BLOCK..len.min((block + 1) * BLOCK);
        let [dy, gate, up] = &inputs;
        let inputs = [dy, gate, up].map(|s| S::read(s, part.clone()));
        simd(GateBackward::<S, C> { dgate, dup, inputs, curve: PhantomData });
    });
}

/// dgate = dy ⊙ up ⊙ f'(gate), dup = dy ⊙ f(gate)
struct GateBackward<'a, S: Scalar, C: Curve> {
    dgate: S::RowMut<'a>,
    dup: S::RowMut<'a>,
    inputs: [S::Row<'a>; 3],
    curve: PhantomData<C>,
}

impl<S: Scalar, C: Curve> Job for GateBackward<'_, S, C> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { mut dgate, mut dup, inputs: [dy, gate, up], .. } = self;
        let n = S::len(dy);
        let mut dgate = S::slice_mut(&mut dgate, 0..n);
        let mut dup = S::slice_mut(&mut dup, 0..n);
        let (dy, gate, up) = (S::slice(dy, 0..n), S::slice(gate, 0..n), S::slice(up, 0..n));
        for i in 0..n {
            let (d, g) = (S::at(dy, i), S::at(gate, i));
            S::put(&mut dgate, i, d * S::at(up, i) * C::slope(g));
            S::put(&mut dup, i, d * C::value(g));
        }
    }
}
