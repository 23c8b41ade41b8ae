//! Norms, nonlinearities, rotations, heads, embeddings, cross-entropy.

use memoscope_engine::Kernels as _;
use memoscope_engine::Tensor;
use memoscope_engine::kernels::HeadLayout;
use memoscope_engine::model::{Activation, Norm, Orientation};

use super::{Arg, CPU, Planes, TOLERANCE, close, device, elements, join, name_of, noise, tensor, warps, weight};

#[test]
fn norms_forward_and_backward() {
    let Some(device) = device() else { return };
    for (rows, c) in [(1, 1), (9, 33), (17, 100), (3, 32)] {
        for (norm, dual) in [Norm::Layer { eps: 1e-5 }, Norm::Rms { eps: 1e-6 }].into_iter().zip([true, false]) {
            norm_case(device, rows, c, norm, dual);
            norm_case(device, rows, c, norm, !dual);
        }
    }
}

fn norm_case(device: &super::Device, rows: usize, c: usize, norm: Norm, dual: bool) {
    let [x, dy, mut dx] = [1, 2, 3].map(|salt| tensor(&[rows, c], salt, dual));
    let (gain, bias) = (weight(&[c], Orientation::OutIn, 4, dual), weight(&[c], Orientation::OutIn, 5, false));
    let (eps, is_rms) = match norm {
        Norm::Layer { eps } => (eps, 0),
        Norm::Rms { eps } => (eps, 1),
    };
    let tail = [Arg::size(rows), Arg::size(c), Arg::Double(eps), Arg::Flag(is_rms)];
    let [on_x, on_dy, on_dx] = [&x, &dy, &dx].map(|t| Planes::of(device, t));
    let [on_gain, on_bias] = [&gain, &bias].map(|w| Planes::of_weight(device, w));
    let what = format!("{norm:?} of {rows} x {c}, dual {dual}");

    let mut want = Tensor::stale(&[rows, c], dual);
    for with_bias in [true, false] {
        CPU.norm(&mut want, &x, &gain, with_bias.then_some(&bias), norm).unwrap();
        let y = Planes::stale(device, rows * c, dual);
        let bias = if with_bias { on_bias.args() } else { [Arg::NULL; 2] };
        let args = join(&[&y.args(), &on_x.args(), &on_gain.args(), &bias, &tail]);
        device.launch(&name_of("norm_forward", dual), warps(rows), &args);
        y.check(&want, TOLERANCE, &what);
    }

    let mut dgain = Tensor::stale(&[rows, c], dual);
    CPU.norm_backward_acc(&mut dx, Some(&mut dgain), &dy, &x, &gain, norm).unwrap();
    let on_dgain = Planes::stale(device, rows * c, dual);
    let inputs = join(&[&on_dy.args(), &on_x.args(), &on_gain.args(), &tail]);
    let args = join(&[&on_dx.args(), &on_dgain.args(), &inputs]);
    device.launch(&name_of("norm_backward_acc", dual), warps(rows), &args);
    // a row of one number has variance 0: 1/√eps multiplies every rounding
    let tolerance = if c == 1 { 1e-3 } else { 1e-5 };
    on_dx.check(&dx, tolerance, &format!("dx of {what}"));
    on_dgain.check(&dgain, tolerance, &format!("dgain of {what}"));
    let none = join(&[&on_dx.args(), &[Arg::NULL; 2], &inputs]);
    device.launch(&name_of("norm_backward_acc", dual), warps(rows), &none);
}

/// Every curve, far out and at NaN too.
#[test]
fn activations_and_gates() {
    let Some(device) = device() else { return };
    let curves = [Activation::GeluTanh, Activation::GeluErf, Activation::Silu, Activation::Relu];
    for (f, curve) in curves.into_iter().enumerate() {
        for dual in [false, true] {
            let n = 700;
            let mut x = tensor(&[n], 1, dual);
            x.value_mut().iter_mut().for_each(|x| *x *= 6.0);
            x.value_mut()[..5].copy_from_slice(&[0.0, -100.0, 100.0, f32::NAN, -0.0]);
            let (dy, up) = (tensor(&[n], 2, dual), tensor(&[n], 3, false));
            let [on_x, on_dy, on_up] = [&x, &dy, &up].map(|t| Planes::of(device, t));
            let tail = [Arg::size(n), Arg::Flag(f as i32)];
            let [mut want, mut want2] = [0, 1].map(|_| Tensor::stale(&[n], dual));
            let [y, y2] = [0, 1].map(|_| Planes::stale(device, n, dual));
            let run = |kernel: &str, parts: &[&Planes]| {
                let args: Vec<Arg> = parts.iter().flat_map(|p| p.args()).chain(tail).collect();
                device.launch(&name_of(kernel, dual), elements(n), &args);
            };
            let what = format!("{curve:?}, dual {dual}");

            CPU.activation(&mut want, &x, curve).unwrap();
            run("activation_forward", &[&y, &on_x]);
            y.check(&want, TOLERANCE, &what);
            CPU.activation_backward(&mut want, &dy, &x, curve).unwrap();
            run("activation_backward", &[&y, &on_dy, &on_x]);
            y.check(&want, TOLERANCE, &format!("backward of {what}"));
            CPU.gate(&mut want, &x, &up, curve).unwrap();
            run("gate_forward", &[&y, &on_x, &on_up]);
            y.check(&want, TOLERANCE, &format!("gate of {what}"));
            CPU.gate_backward([&mut want, &mut want2], &dy, &x, &up, curve).unwrap();
            run("gate_backward", &[&y, &y2, &on_dy, &on_x, &on_up]);
            y.check(&want, TOLERANCE, &format!("dgate of {what}"));
            y2.check(&want2, TOLERANCE, &format!("dup of {what}"));
        }
    }
}

#[test]
fn rotations_turn_the_first_channels() {
    let Some(device) = device() else { return };
    for (interleaved, inverse) in [(false, false), (false, true), (true, false), (true, true)] {
        let (rows, n_head, d) = (11, 3, 14);
        let mut x = tensor(&[rows, n_head * d], 1, false);
        let inv_freq: Vec<f64> = (0..5).map(|i| 10000f64.powf(-f64::from(i) / 5.0)).collect();
        let positions: Vec<u32> = (0..rows as u32).map(|i| i * i * 37).collect();
        let [on_x, on_positions] = [device.upload(x.value()), device.upload(&positions)];
        let frequencies = device.upload(&inv_freq);
        CPU.rotate(&mut x, &positions, n_head, &inv_freq, interleaved, inverse).unwrap();
        let args = [
            on_x.arg(),
            on_positions.arg(),
            Arg::size(rows),
            Arg::size(n_head),
            Arg::size(d),
            frequencies.arg(),
            Arg::size(inv_freq.len()),
            Arg::Flag(i32::from(interleaved)),
            Arg::Flag(i32::from(inverse)),
        ];
        device.launch("rotate", elements(rows * inv_freq.len()), &args);
        close(&on_x.read::<f32>(), x.value(), TOLERANCE, &format!("interleaved {interleaved}, inverse {inverse}"));
    }
}

#[test]
fn heads_are_split_and_merged() {
    let Some(device) = device() else { return };
    for (layout, per_head) in [(HeadLayout::Thirds, 0), (HeadLayout::PerHead, 1)] {
        let (rows, n_head, d) = (7, 3, 5);
        let n = rows * n_head * d;
        let fused = tensor(&[rows, 3 * n_head * d], 1, false);
        let mut parts = [0, 1, 2].map(|_| Tensor::stale(&[rows, n_head * d], false));
        let [q, k, v] = &mut parts;
        CPU.split_heads([q, k, v], &fused, n_head, layout).unwrap();
        let got = [0, 1, 2].map(|_| device.stale(4 * n));
        let on_fused = device.upload(fused.value());
        let tail = [Arg::size(rows), Arg::size(n_head), Arg::size(d), Arg::Flag(per_head)];
        let args = [&[got[0].arg(), got[1].arg(), got[2].arg(), on_fused.arg()][..], &tail].concat();
        device.launch("split_heads", elements(n), &args);
        for (got, want) in got.iter().zip(&parts) {
            assert_eq!(got.read::<f32>(), want.value(), "{layout:?}");
        }
        let back = device.stale(4 * 3 * n);
        let args = [&[back.arg(), got[0].arg(), got[1].arg(), got[2].arg()][..], &tail].concat();
        device.launch("merge_heads", elements(n), &args);
        assert_eq!(back.read::<f32>(), fused.value(), "{layout:?} merged");
        let args = [&[back.arg(), got[0].arg(), Arg::NULL, Arg::NULL][..], &tail].concat();
        device.launch("merge_heads", elements(n), &args);
        let zeros = back.read::<f32>().iter().filter(|x| **x == 0.0).count();
        assert_eq!(zeros, 2 * n, "what is not there reads as zeros");
    }
}

#[test]
fn embeddings_add_rows_in_order() {
    let Some(device) = device() else { return };
    let (n, c, vocab) = (40, 300, 9);
    let ids: Vec<u32> = (0..n as u32).map(|i| i * i % vocab).collect();
    let table = weight(&[vocab as usize, c], Orientation::OutIn, 1, false);
    let mut y = tensor(&[n, c], 2, false);
    let [on_y, on_table, on_ids] = [device.upload(y.value()), device.upload(&table.values()), device.upload(&ids)];
    CPU.embed_acc(&mut y, &table, &ids).unwrap();
    device.launch(
        "embed_acc",
        elements(n * c),
        &[on_y.arg(), on_table.arg(), on_ids.arg(), Arg::size(n), Arg::size(c)],
    );
    assert_eq!(on_y.read::<f32>(), y.value(), "embedded");

    let start = tensor(&[vocab as usize, c], 3, false);
    let mut want = start.copied().unwrap();
    CPU.embed_backward_acc(&mut want, &ids, &y, 3..n - 2).unwrap();
    let mut order: Vec<u32> = (3..n as u32 - 2).collect();
    order.sort_by_key(|row| ids[*row as usize]);
    let starts = |id: u32| order.partition_point(|row| ids[*row as usize] < id) as u32;
    let groups: Vec<u32> = (0..vocab).flat_map(|id| [id, starts(id), starts(id + 1)]).collect();
    let (order, groups) = (device.upload(&order), device.upload(&groups));
    for blocks in [1, 4, vocab as usize] {
        let dtable = device.upload(start.value());
        let sizes = [Arg::size(vocab as usize), Arg::size(c)];
        let args = [&[dtable.arg(), on_y.arg(), order.arg(), groups.arg()][..], &sizes].concat();
        device.launch("embed_backward_acc", [c.div_ceil(256), blocks, 1], &args);
        assert_eq!(dtable.read::<f32>(), want.value(), "{blocks} blocks");
    }
    let sum = tensor(&[n, c], 4, false);
    let on_sum = device.upload(sum.value());
    device.launch("add", elements(n * c), &[on_sum.arg(), on_y.arg(), Arg::size(n * c)]);
    let want: Vec<f32> = sum.value().iter().zip(y.value()).map(|(a, b)| a + b).collect();
    assert_eq!(on_sum.read::<f32>(), want, "added");
}

/// A memorized token (p within 1e-30 of 1), one without a chance, one that does not count, and plain ones.
#[test]
fn cross_entropy_keeps_the_digits_of_memorized_tokens() {
    let Some(device) = device() else { return };
    for (vocab, dual) in [(1, false), (33, true), (1000, false), (1000, true)] {
        let n = 5;
        let mut logits = tensor(&[n, vocab], 1, dual);
        let targets: Vec<u32> = vec![0, vocab as u32 - 1, 7 % vocab as u32, 99999, vocab as u32 / 2];
        let weights = [1.0f32, 0.25, 2.0, 0.0, 0.5];
        logits.value_mut()[targets[0] as usize] += 70.0;
        logits.value_mut()[vocab + targets[1] as usize] -= 60.0;
        let on_logits = Planes::of(device, &logits);
        let losses = device.stale(8 * n);
        let [on_targets, on_weights] = [device.upload(&targets), device.upload(&weights)];
        let want = CPU.cross_entropy(&mut logits, &targets, &weights).unwrap();
        let tail = [losses.arg(), on_targets.arg(), on_weights.arg(), Arg::size(n), Arg::size(vocab)];
        device.launch(&name_of("cross_entropy", dual), [n, 1, 1], &join(&[&on_logits.args(), &tail]));
        for (got, want) in losses.read::<f64>().iter().zip(&want) {
            assert!((got - want).abs() <= 1e-12 * want.abs(), "loss {got}, not {want}");
        }
        let what = format!("vocabulary {vocab}, dual {dual}");
        on_logits.check(&logits, TOLERANCE, &what);
        let (got, want) = (on_logits.value.read::<f32>()[0], logits.value()[0]);
        assert!(vocab == 1 || want < 0.0 && (got / want - 1.0).abs() < 1e-6, "{what}: memorized {got:e}, not {want:e}");
    }
}

/// A model that went wrong must not look healthy.
#[test]
fn nan_stays_in_its_row() {
    let Some(device) = device() else { return };
    let vocab = 300;
    let mut logits = noise(2 * vocab, 1);
    logits[17] = f32::NAN;
    let [on_logits, losses] = [device.upload(&logits), device.stale(16)];
    let [targets, weights] = [device.upload(&[3u32, 3]), device.upload(&[1.0f32, 1.0])];
    let tail = [losses.arg(), targets.arg(), weights.arg(), Arg::size(2), Arg::size(vocab)];
    device.launch("cross_entropy", [2, 1, 1], &join(&[&[on_logits.arg(), Arg::NULL], &tail]));
    let losses = losses.read::<f64>();
    assert!(losses[0].is_nan() && losses[1].is_finite(), "losses {losses:?}");
}
