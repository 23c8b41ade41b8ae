//! Every backward against differences of its forward, and every tangent against differences of its value.
//!
//! Only in the `f64` build: differences of f32 have no digits to spare.
#![cfg(feature = "f64")]

use std::sync::Arc;

use super::*;
use crate::Result;
use crate::kernels::{AttentionSpec, HeadLayout, Kernels as _, Span};
use crate::model::{Activation, Norm};
use crate::tensor::Buffer;

/// Inputs to outputs; outputs carry a tangent if an input does.
type Map<'a> = dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a;

const STEP: Real = 1e-5;
const TOLERANCE: f64 = 1e-6;
const CURVES: [Activation; 4] = [Activation::GeluTanh, Activation::GeluErf, Activation::Silu, Activation::Relu];

/// The inputs, moved along a direction.
fn moved(inputs: &[Tensor], directions: &[Tensor], step: Real) -> Vec<Tensor> {
    let shift = |(x, d): (&Tensor, &Tensor)| {
        let values = x.value().iter().zip(d.value()).map(|(x, d)| x + step * d).collect();
        Tensor::from_vec(x.shape(), values).unwrap()
    };
    inputs.iter().zip(directions).map(shift).collect()
}

fn directions(inputs: &[Tensor]) -> Vec<Tensor> {
    inputs.iter().enumerate().map(|(i, x)| tensor(x.shape(), 900 + i as u64)).collect()
}

fn dot(a: &[Real], b: &[Real]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Relative error of `got`, in the norm of both.
fn error(got: &[Real], want: &[Real]) -> f64 {
    let difference: f64 = got.iter().zip(want).map(|(a, b)| (a - b).powi(2)).sum();
    (difference / (dot(got, got) + dot(want, want) + 1e-12)).sqrt()
}

/// Tangents of all outputs are differences of their values, with tangents on all inputs and on each alone.
fn check_tangent(name: &str, inputs: &[Tensor], f: &Map<'_>) {
    let all = directions(inputs);
    for only in std::iter::once(None).chain((0..inputs.len()).map(Some)) {
        let mut along = all.clone();
        for (i, d) in along.iter_mut().enumerate() {
            if only.is_some_and(|o| o != i) {
                d.value_mut().fill(0.0);
            }
        }
        let mut dual = inputs.to_vec();
        for (i, (x, d)) in dual.iter_mut().zip(&along).enumerate() {
            if only.is_none_or(|o| o == i) {
                x.set_tangent(Some(d.value().to_vec()));
            }
        }
        let got = f(&dual).unwrap();
        let (up, down) = (f(&moved(inputs, &along, STEP)).unwrap(), f(&moved(inputs, &along, -STEP)).unwrap());
        for (o, ((got, up), down)) in got.iter().zip(&up).zip(&down).enumerate() {
            let want: Vec<Real> = up.value().iter().zip(down.value()).map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
            let e = error(got.tangent().unwrap(), &want);
            assert!(e < TOLERANCE, "{name}: tangent of output {o}, inputs {only:?}, is off by {e}");
        }
        let plain = f(inputs).unwrap();
        for (o, (plain, dual)) in plain.iter().zip(&got).enumerate() {
            assert!(distance(plain.value(), dual.value()) < 1e-12, "{name}: a tangent changes output {o}");
        }
    }
}

/// `backward(inputs…, dy)` gives ∂⟨dy, forward⟩/∂inputs.
fn check_backward(name: &str, inputs: &[Tensor], forward: &Map<'_>, backward: &Map<'_>) {
    let y = forward(inputs).unwrap().remove(0);
    let dy = tensor(y.shape(), 77);
    let mut arguments = inputs.to_vec();
    arguments.push(dy.clone());
    let gradients = backward(&arguments).unwrap();
    for (i, (gradient, direction)) in gradients.iter().zip(directions(inputs)).enumerate() {
        let mut along: Vec<Tensor> = inputs.iter().map(|x| Tensor::zeros(x.shape(), false)).collect();
        along[i] = direction;
        let value = |step| dot(forward(&moved(inputs, &along, step)).unwrap()[0].value(), dy.value());
        let want = (value(STEP) - value(-STEP)) / (2.0 * STEP);
        let got = dot(gradient.value(), along[i].value());
        let e = (got - want).abs() / (got.abs() + want.abs() + 1e-3);
        assert!(e < TOLERANCE, "{name}: gradient of input {i}: {got}, not {want}");
    }
    check_tangent(&format!("{name} forward"), inputs, forward);
    check_tangent(&format!("{name} backward"), &arguments, backward);
}

/// A parameter with the planes of a tensor.
fn param(t: &Tensor, orientation: Orientation) -> Weight {
    let mut w = Weight::owned("w", t.shape(), orientation, t.value().to_vec()).unwrap();
    w.set_tangent(t.tangent().map(|t| Arc::new(Buffer::from(t.to_vec()))));
    w
}

fn vector(t: &Tensor) -> Weight {
    param(t, Orientation::OutIn)
}

fn any_dual(inputs: &[Tensor]) -> bool {
    inputs.iter().any(Tensor::is_dual)
}

#[test]
fn linear() {
    for (n, c, o) in [(1, 1, 3), (5, 7, 33), (17, 300, 9)] {
        for orientation in [Orientation::OutIn, Orientation::InOut] {
            let shape = if orientation == Orientation::OutIn { [o, c] } else { [c, o] };
            let inputs = [tensor(&[n, c], 1), tensor(&shape, 2), tensor(&[o], 3)];
            let forward = |t: &[Tensor]| {
                let mut y = Tensor::stale(&[n, o], any_dual(t));
                CPU.linear(&mut y, &t[0], &param(&t[1], orientation), Some(&vector(&t[2])))?;
                Ok(vec![y])
            };
            let backward = |t: &[Tensor]| {
                let dual = any_dual(t);
                let w = param(&t[1], orientation);
                let (mut dx, mut dw) = (Tensor::zeros(&[n, c], dual), Tensor::zeros(&shape, dual));
                let mut db = Tensor::zeros(&[o], dual);
                CPU.linear_backward_acc(&mut dx, &t[3], &w)?;
                CPU.outer_acc(&mut dw, &t[0], &t[3], 0..n, &w)?;
                CPU.column_sum_acc(&mut db, &t[3], 0..n)?;
                Ok(vec![dx, dw, db])
            };
            check_backward(&format!("linear {n} {c} {o} {orientation:?}"), &inputs, &forward, &backward);
        }
    }
}

#[test]
fn norm() {
    for (n, c) in [(1, 3), (4, 33), (7, 70)] {
        for kind in [Norm::Layer { eps: 1e-5 }, Norm::Rms { eps: 1e-6 }] {
            let inputs = [tensor(&[n, c], 4), tensor(&[c], 5)];
            let forward = |t: &[Tensor]| {
                let mut y = Tensor::stale(&[n, c], any_dual(t));
                CPU.norm(&mut y, &t[0], &vector(&t[1]), None, kind)?;
                Ok(vec![y])
            };
            let backward = |t: &[Tensor]| {
                let dual = any_dual(t);
                let (mut dx, mut rows) = (Tensor::zeros(&[n, c], dual), Tensor::stale(&[n, c], dual));
                CPU.norm_backward_acc(&mut dx, Some(&mut rows), &t[2], &t[0], &vector(&t[1]), kind)?;
                let mut dgain = Tensor::zeros(&[c], dual);
                CPU.column_sum_acc(&mut dgain, &rows, 0..n)?;
                Ok(vec![dx, dgain])
            };
            check_backward(&format!("norm {n} {c} {kind:?}"), &inputs, &forward, &backward);
            let with_bias = |t: &[Tensor]| {
                let mut y = Tensor::stale(&[n, c], any_dual(t));
                CPU.norm(&mut y, &t[0], &vector(&t[1]), Some(&vector(&t[2])), kind)?;
                Ok(vec![y])
            };
            let inputs = [inputs[0].clone(), inputs[1].clone(), tensor(&[c], 6)];
            check_tangent(&format!("norm {n} {c} with bias"), &inputs, &with_bias);
        }
    }
}

#[test]
fn activations_and_gates() {
    for (n, c) in [(1, 1), (3, 37), (5, 130)] {
        for f in CURVES {
            let mut x = tensor(&[n, c], 7);
            x.value_mut().iter_mut().for_each(|x| *x *= 4.0);
            let forward = |t: &[Tensor]| {
                let mut y = Tensor::stale(&[n, c], any_dual(t));
                CPU.activation(&mut y, &t[0], f)?;
                Ok(vec![y])
            };
            let backward = |t: &[Tensor]| {
                let mut dx = Tensor::stale(&[n, c], any_dual(t));
                CPU.activation_backward(&mut dx, &t[1], &t[0], f)?;
                Ok(vec![dx])
            };
            check_backward(&format!("{f:?} {n} {c}"), std::slice::from_ref(&x), &forward, &backward);
            let gate = |t: &[Tensor]| {
                let mut y = Tensor::stale(&[n, c], any_dual(t));
                CPU.gate(&mut y, &t[0], &t[1], f)?;
                Ok(vec![y])
            };
            let gate_backward = |t: &[Tensor]| {
                let dual = any_dual(t);
                let (mut dgate, mut dup) = (Tensor::stale(&[n, c], dual), Tensor::stale(&[n, c], dual));
                CPU.gate_backward([&mut dgate, &mut dup], &t[2], &t[0], &t[1], f)?;
                Ok(vec![dgate, dup])
            };
            check_backward(&format!("gate {f:?} {n} {c}"), &[x, tensor(&[n, c], 8)], &gate, &gate_backward);
        }
    }
}

fn spans(lengths: &[usize]) -> Vec<Span> {
    crate::kernels::spans(&crate::Offsets::from_lengths(lengths.iter().copied()))
}

#[test]
fn attention() {
    for (lengths, h, k, d, window) in
        [(vec![1], 1, 1, 3, None), (vec![5, 68], 4, 2, 5, None), (vec![300], 2, 1, 4, Some(7))]
    {
        let n: usize = lengths.iter().sum();
        let spans = spans(&lengths);
        let spec = AttentionSpec { n_head: h, n_kv_head: k, d_head: d, scale: 0.4, window };
        let inputs = [tensor(&[n, h * d], 9), tensor(&[n, k * d], 10), tensor(&[n, k * d], 11)];
        let forward = |t: &[Tensor]| {
            let mut z = Tensor::stale(&[n, h * d], any_dual(t));
            CPU.attention(&mut z, [&t[0], &t[1], &t[2]], &spans, &spec)?;
            Ok(vec![z])
        };
        let backward = |t: &[Tensor]| {
            let zeros = |x: &Tensor| Tensor::zeros(x.shape(), any_dual(t));
            let (mut dq, mut dk, mut dv) = (zeros(&t[0]), zeros(&t[1]), zeros(&t[2]));
            let outputs = [&mut dq, &mut dk, &mut dv];
            CPU.attention_backward_acc(outputs, &t[3], [&t[0], &t[1], &t[2]], &spans, &spec)?;
            Ok(vec![dq, dk, dv])
        };
        check_backward(&format!("attention {lengths:?}"), &inputs, &forward, &backward);
    }
}

#[test]
fn attention_in_steps() {
    let (n, h, k, d) = (70, 4, 2, 5);
    let span = &spans(&[n])[0];
    let spec = AttentionSpec { n_head: h, n_kv_head: k, d_head: d, scale: 0.4, window: Some(30) };
    let inputs = [tensor(&[n, h * d], 12), tensor(&[n, k * d], 13), tensor(&[n, k * d], 14)];
    let pattern = |t: &[Tensor]| {
        let mut p = Tensor::stale(&[h, n, n], any_dual(t));
        CPU.pattern(&mut p, &t[0], &t[1], span, &spec)?;
        Ok(p)
    };
    let forward = |t: &[Tensor]| {
        let mut z = Tensor::stale(&[n, h * d], any_dual(t));
        CPU.pattern_apply(&mut z, &pattern(t)?, &t[2], span, &spec)?;
        Ok(vec![z])
    };
    let backward = |t: &[Tensor]| {
        let dual = any_dual(t);
        let zeros = |x: &Tensor| Tensor::zeros(x.shape(), dual);
        let (mut dq, mut dk, mut dv) = (zeros(&t[0]), zeros(&t[1]), zeros(&t[2]));
        let p = pattern(&t[..3])?;
        let mut dp = Tensor::stale(&[h, n, n], dual);
        CPU.pattern_apply_backward(&mut dp, &mut dv, &t[3], &p, &t[2], span, &spec)?;
        CPU.pattern_backward_acc([&mut dq, &mut dk], &dp, &p, [&t[0], &t[1]], span, &spec)?;
        Ok(vec![dq, dk, dv])
    };
    check_backward("attention in steps", &inputs, &forward, &backward);
}

#[test]
fn heads_and_rotation() {
    let (n, h, d) = (5, 3, 6);
    for layout in [HeadLayout::Thirds, HeadLayout::PerHead] {
        let forward = |t: &[Tensor]| {
            let mut parts = [9.0; 3].map(|_| Tensor::stale(&[n, h * d], any_dual(t)));
            CPU.split_heads(parts.each_mut(), &t[0], h, layout)?;
            // one output that depends on all three
            let mut sum = parts[0].clone();
            CPU.add(&mut sum, &parts[2])?;
            CPU.add(&mut sum, &parts[1])?;
            CPU.add(&mut sum, &parts[1])?;
            Ok(vec![sum])
        };
        let backward = |t: &[Tensor]| {
            let mut dqkv = Tensor::stale(&[n, 3 * h * d], any_dual(t));
            let mut twice = t[1].clone();
            CPU.add(&mut twice, &t[1])?;
            CPU.merge_heads(&mut dqkv, [&t[1], &twice, &t[1]], h, layout)?;
            Ok(vec![dqkv])
        };
        check_backward(&format!("{layout:?}"), &[tensor(&[n, 3 * h * d], 15)], &forward, &backward);
    }
    for interleaved in [false, true] {
        let turn = |t: &[Tensor], i: usize, inverse| {
            let mut y = Tensor::zeros(t[i].shape(), any_dual(t));
            CPU.add(&mut y, &t[i])?;
            CPU.rotate(&mut y, &[0, 3, 1, 100, 7], h, &[1.0, 0.1], interleaved, inverse)?;
            Ok(vec![y])
        };
        let x = tensor(&[n, h * d], 16);
        check_backward("rotation", std::slice::from_ref(&x), &|t| turn(t, 0, false), &|t| turn(t, 1, true));
        let there = turn(std::slice::from_ref(&x), 0, false).unwrap();
        let back = turn(&there, 0, true).unwrap();
        assert!(distance(back[0].value(), x.value()) < 1e-14, "turning back is not the inverse");
        assert!(distance(there[0].value(), x.value()) > 0.1, "nothing turned");
    }
}

#[test]
fn embedding() {
    let ids = [4, 0, 4, 2];
    let forward = |t: &[Tensor]| {
        let mut y = Tensor::zeros(&[4, 7], any_dual(t));
        CPU.embed_acc(&mut y, &vector(&t[0]), &ids)?;
        Ok(vec![y])
    };
    let backward = |t: &[Tensor]| {
        let mut dtable = Tensor::zeros(&[5, 7], any_dual(t));
        CPU.embed_backward_acc(&mut dtable, &ids, &t[1], 0..1)?;
        CPU.embed_backward_acc(&mut dtable, &ids, &t[1], 1..4)?;
        Ok(vec![dtable])
    };
    check_backward("embedding", &[tensor(&[5, 7], 17)], &forward, &backward);
}

#[test]
fn cross_entropy() {
    for (n, v) in [(1, 2), (4, 33), (3, 200)] {
        let targets: Vec<u32> = (0..n as u32).map(|i| i * 7 % v as u32).collect();
        let weights: Vec<Real> = (0..n).map(|i| [0.5, 0.0, 2.0, 1.0][i % 4]).collect();
        let mut logits = tensor(&[n, v], 18);
        logits.value_mut().iter_mut().for_each(|x| *x *= 5.0);
        let loss = |logits: &Tensor| -> f64 {
            let losses = CPU.cross_entropy(&mut logits.clone(), &targets, &weights).unwrap();
            losses.iter().zip(&weights).map(|(l, w)| l * w).sum()
        };
        let gradient = |t: &[Tensor]| {
            let mut d = t[0].clone();
            if any_dual(t) && !d.is_dual() {
                d.set_tangent(Some(vec![0.0; n * v]));
            }
            CPU.cross_entropy(&mut d, &targets, &weights)?;
            Ok(vec![d])
        };
        let logits = [logits];
        let along = directions(&logits);
        let value = |step| loss(&moved(&logits, &along, step)[0]);
        let want = (value(STEP) - value(-STEP)) / (2.0 * STEP);
        let got = dot(gradient(&logits).unwrap()[0].value(), along[0].value());
        assert!((got - want).abs() / (got.abs() + want.abs()) < TOLERANCE, "{n} x {v}: {got}, not {want}");
        check_tangent(&format!("cross-entropy {n} {v}"), &logits, &gradient);
    }
}
