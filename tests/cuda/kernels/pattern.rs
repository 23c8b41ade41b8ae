//! Attention in steps.

use memoscope_engine::Tensor;
use memoscope_engine::kernels::{AttentionSpec, Kernels as _, Span};

use super::attention::Setting;
use super::{Arg, CPU, Device, Planes, device, join, name_of, tensor, warps};

struct Case {
    span: Span,
    spec: AttentionSpec,
    dual: bool,
}

fn cases() -> Vec<Case> {
    let spec = |n_head, n_kv_head, d_head, window| AttentionSpec { n_head, n_kv_head, d_head, scale: 0.4, window };
    [
        (0..1, 0..1, spec(1, 1, 3, None), false),
        (2..39, 2..39, spec(4, 2, 5, None), true),
        (1..36, 3..70, spec(2, 1, 33, Some(9)), true),
        (0..70, 5..75, spec(2, 2, 4, Some(40)), false),
    ]
    .map(|(q, kv, spec, dual)| Case { span: Span { q, kv }, spec, dual })
    .into()
}

#[test]
fn weights_of_every_pair() {
    let Some(device) = device() else { return };
    for Case { span, spec, dual } in cases() {
        let q = tensor(&[span.q.end + 1, spec.n_head * spec.d_head], 1, dual);
        let k = tensor(&[span.kv.end + 1, spec.n_kv_head * spec.d_head], 2, dual);
        let mut want = Tensor::stale(&[spec.n_head, span.q.len(), span.kv.len()], dual);
        CPU.pattern(&mut want, &q, &k, &span, &spec).unwrap();
        let p = Planes::stale(device, want.value().len(), dual);
        let [on_q, on_k] = [&q, &k].map(|t| Planes::of(device, t));
        let stats = device.stale(4 * 5 * q.rows() * spec.n_head);
        let setting = Setting::new(device, std::slice::from_ref(&span), &spec);
        let qk = join(&[&[stats.arg()], &on_q.args(), &on_k.args()]);
        setting.run(device, &name_of("attention_stats", dual), false, &[&qk]);
        setting.run(device, &name_of("pattern", dual), false, &[&p.args(), &qk]);
        p.check(&want, 2e-6, &format!("weights of {span:?} {spec:?}"));
    }
}

/// One gemm of a head: offsets of the three operands, sizes, strides and what it starts from.
fn gemm(device: &Device, operands: [Arg; 3], sizes: [usize; 8], start: i32) {
    let [m, n, ..] = sizes;
    let args = join(&[&operands, &[Arg::NULL], &sizes.map(Arg::size), &[Arg::Flag(start)]]);
    device.launch("gemm", [n.div_ceil(64), m.div_ceil(64), 1], &args);
}

/// dq and dk through the softmax: the kernel for scores, and products head by head.
#[test]
fn gradients_through_the_softmax() {
    let Some(device) = device() else { return };
    for Case { span, spec, dual } in cases() {
        let (t, s, d) = (span.q.len(), span.kv.len(), spec.d_head);
        let (wide, narrow) = (spec.n_head * d, spec.n_kv_head * d);
        let [q, mut dq] = [1, 3].map(|salt| tensor(&[span.q.end, wide], salt, dual));
        let [k, mut dk] = [2, 4].map(|salt| tensor(&[span.kv.end, narrow], salt, dual));
        let dp = tensor(&[spec.n_head, t, s], 5, dual);
        let mut p = Tensor::stale(&[spec.n_head, t, s], dual);
        CPU.pattern(&mut p, &q, &k, &span, &spec).unwrap();
        let [on_q, on_k, on_dq, on_dk, on_p] = [&q, &k, &dq, &dk, &p].map(|t| Planes::of(device, t));
        let ds = Planes::of(device, &dp);
        CPU.pattern_backward_acc([&mut dq, &mut dk], &dp, &p, [&q, &k], &span, &spec).unwrap();
        let tail = [
            Arg::size(spec.n_head),
            Arg::size(t),
            Arg::size(s),
            Arg::Real(spec.scale as f32),
            Arg::size(spec.window.unwrap_or(0)),
        ];
        let args = join(&[&ds.args(), &ds.args(), &on_p.args(), &tail]);
        device.launch(&name_of("pattern_score_gradient", dual), warps(spec.n_head * t), &args);
        for head in 0..spec.n_head {
            let (q_at, k_at) =
                (span.q.start * wide + head * d, span.kv.start * narrow + head * spec.n_kv_head / spec.n_head * d);
            let add = |out: [&super::Memory; 2], scores: &super::Memory, inputs: [&super::Memory; 2]| {
                let scores = scores.after(head * t * s);
                let rows = [out[0].after(q_at), scores, inputs[0].after(k_at)];
                gemm(device, rows, [t, d, s, s, 1, 1, narrow, wide], 2);
                let columns = [out[1].after(k_at), scores, inputs[1].after(q_at)];
                gemm(device, columns, [s, d, t, 1, s, 1, wide, narrow], 2);
            };
            add([&on_dq.value, &on_dk.value], &ds.value, [&on_k.value, &on_q.value]);
            let tangents = [&on_dq, &on_dk, &ds, &on_k, &on_q].map(|p| p.tangent.as_ref());
            if let [Some(dq_t), Some(dk_t), Some(ds_t), Some(k_t), Some(q_t)] = tangents {
                add([dq_t, dk_t], ds_t, [&on_k.value, &on_q.value]);
                add([dq_t, dk_t], &ds.value, [k_t, q_t]);
            }
        }
        on_dq.check(&dq, 1e-5, &format!("dq of {span:?} {spec:?}"));
        on_dk.check(&dk, 1e-5, &format!("dk of {span:?} {spec:?}"));
    }
}
