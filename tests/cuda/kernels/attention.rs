//! Attention, forward and backward.

use memoscope_engine::kernels::{AttentionSpec, Kernels as _, Span};
use memoscope_engine::{Offsets, Tensor};

use super::{Arg, CPU, Device, Memory, Planes, close, device, join, name_of, tensor};

/// Spans and heads on the device.
pub(super) struct Setting {
    spans: Memory,
    spec: Vec<Arg>,
    /// Grids over queries and over keys.
    queries: [usize; 3],
    keys: [usize; 3],
}

impl Setting {
    pub(super) fn new(device: &Device, spans: &[Span], spec: &AttentionSpec) -> Self {
        let flat: Vec<u64> =
            spans.iter().flat_map(|s| [s.q.start, s.q.end, s.kv.start, s.kv.end].map(|x| x as u64)).collect();
        let tiles = |lengths: &dyn Fn(&Span) -> usize| spans.iter().map(lengths).max().unwrap_or(0).div_ceil(32);
        Self {
            spans: device.upload(&flat),
            spec: vec![
                Arg::size(spec.n_head),
                Arg::size(spec.n_kv_head),
                Arg::size(spec.d_head),
                Arg::Real(spec.scale as f32),
                Arg::size(spec.window.unwrap_or(0)),
            ],
            queries: [tiles(&|s| s.q.len()), spec.n_head, spans.len()],
            keys: [tiles(&|s| s.kv.len()), spec.n_kv_head, spans.len()],
        }
    }

    /// Runs a kernel over queries, or over keys.
    pub(super) fn run(&self, device: &Device, name: &str, over_keys: bool, operands: &[&[Arg]]) {
        let args = join(&[&operands.concat(), &[self.spans.arg()], &self.spec]);
        device.launch(name, if over_keys { self.keys } else { self.queries }, &args);
    }
}

/// Sequences one after another, all of their keys their own.
fn packed(lengths: &[usize]) -> Vec<Span> {
    let offsets = Offsets::from_lengths(lengths.iter().copied());
    offsets.iter().map(|r| Span { q: r.clone(), kv: r }).collect()
}

fn heads(n_head: usize, n_kv_head: usize, d_head: usize, window: Option<usize>) -> AttentionSpec {
    AttentionSpec { n_head, n_kv_head, d_head, scale: 1.0 / (d_head as f64).sqrt(), window }
}

/// All passes beside the processor's. `duals` says which of q, k, v, dz carry a tangent in a dual pass.
fn check(spans: &[Span], spec: &AttentionSpec, dual: bool, duals: [bool; 4]) {
    let Some(device) = device() else { return };
    let rows = |f: &dyn Fn(&Span) -> usize| spans.iter().map(f).max().unwrap_or(0);
    let (n, s) = (rows(&|s| s.q.end), rows(&|s| s.kv.end));
    let (wide, narrow) = (spec.n_head * spec.d_head, spec.n_kv_head * spec.d_head);
    let [q, dz] = [(1, 0), (4, 3)].map(|(salt, i)| tensor(&[n, wide], salt, dual && duals[i]));
    let [k, v] = [(2, 1), (3, 2)].map(|(salt, i)| tensor(&[s, narrow], salt, dual && duals[i]));
    let what = format!("{spans:?} {spec:?} dual {dual} {duals:?}");
    let setting = Setting::new(device, spans, spec);
    let [on_q, on_k, on_v, on_dz] = [&q, &k, &v, &dz].map(|t| Planes::of(device, t));
    let stats = device.stale(4 * 5 * n * spec.n_head);
    let name = |kernel: &str| name_of(kernel, dual);
    let qk = join(&[&on_q.args(), &on_k.args()]);

    let mut z = Tensor::zeros(&[n, wide], dual);
    let on_z = Planes::of(device, &z);
    CPU.attention(&mut z, [&q, &k, &v], spans, spec).unwrap();
    setting.run(device, &name("attention_stats"), false, &[&[stats.arg()], &qk]);
    setting.run(device, &name("attention_forward"), false, &[&on_z.args(), &[stats.arg()], &qk, &on_v.args()]);
    on_z.check(&z, 3e-6, &format!("z of {what}"));

    let [mut dq, mut dk, mut dv] = [(n, wide), (s, narrow), (s, narrow)].map(|(n, w)| tensor(&[n, w], 5, dual));
    let [on_dq, on_dk, on_dv] = [&dq, &dk, &dv].map(|t| Planes::of(device, t));
    CPU.attention_backward_acc([&mut dq, &mut dk, &mut dv], &dz, [&q, &k, &v], spans, spec).unwrap();
    let inputs = join(&[&[stats.arg()], &on_dz.args(), &qk, &on_v.args()]);
    setting.run(device, &name("attention_backward_stats"), false, &[&inputs]);
    setting.run(device, &name("attention_backward_q"), false, &[&on_dq.args(), &inputs]);
    setting.run(device, &name("attention_backward_k"), true, &[&on_dk.args(), &inputs]);
    let without_v = join(&[&[stats.arg()], &on_dz.args(), &qk]);
    setting.run(device, &name("attention_backward_v"), true, &[&on_dv.args(), &without_v]);
    on_dq.check(&dq, 1e-5, &format!("dq of {what}"));
    on_dk.check(&dk, 1e-5, &format!("dk of {what}"));
    on_dv.check(&dv, 1e-5, &format!("dv of {what}"));
}

#[test]
fn one_token_sees_itself() {
    check(&packed(&[1]), &heads(1, 1, 1, None), false, [false; 4]);
    check(&packed(&[1, 1, 1]), &heads(2, 1, 7, Some(1)), true, [true; 4]);
}

#[test]
fn packed_sequences_of_any_length() {
    check(&packed(&[3, 33, 0, 1, 70]), &heads(2, 2, 5, None), false, [false; 4]);
    check(&packed(&[3, 33, 70]), &heads(2, 2, 40, None), true, [true; 4]);
}

/// The chain over keys is cut at 256.
#[test]
fn long_sequences() {
    check(&packed(&[300]), &heads(1, 1, 4, None), false, [false; 4]);
    check(&packed(&[290]), &heads(1, 1, 3, Some(270)), true, [true; 4]);
}

#[test]
fn windows_and_grouped_heads() {
    check(&packed(&[50, 97]), &heads(4, 2, 6, Some(5)), false, [false; 4]);
    check(&packed(&[97]), &heads(6, 2, 6, Some(33)), true, [true; 4]);
    check(&packed(&[40]), &heads(3, 1, 6, Some(1)), true, [true; 4]);
}

#[test]
fn large_heads() {
    check(&packed(&[34]), &heads(1, 1, 256, None), false, [false; 4]);
    check(&packed(&[3]), &heads(2, 1, 255, None), true, [true; 4]);
}

#[test]
fn a_missing_tangent_is_zero() {
    for missing in 0..4 {
        let mut duals = [true; 4];
        duals[missing] = false;
        check(&packed(&[37]), &heads(2, 1, 4, None), true, duals);
    }
    check(&packed(&[5]), &heads(2, 1, 4, None), true, [false; 4]);
}

/// Decoding: few queries at the end of many keys, with unused rows of the cache between sequences.
#[test]
fn queries_at_the_end_of_a_cache() {
    let spans = [Span { q: 0..1, kv: 3..80 }, Span { q: 1..6, kv: 90..95 }, Span { q: 6..41, kv: 100..399 }];
    check(&spans, &heads(2, 1, 8, None), false, [false; 4]);
    check(&spans, &heads(2, 2, 8, Some(40)), true, [true; 4]);
}

/// One query a sequence has a kernel of its own, with the bits of the others; also past the chain of 256 keys, behind a
/// window, and for heads that no block divides.
#[test]
fn decoding_has_the_bits_of_the_whole() {
    let Some(device) = device() else { return };
    let spans = [
        Span { q: 0..1, kv: 0..1 },
        Span { q: 1..1, kv: 1..1 },
        Span { q: 1..2, kv: 3..80 },
        Span { q: 2..3, kv: 90..690 },
    ];
    for (n_head, n_kv_head, d_head, window) in [(2, 1, 8, None), (4, 2, 40, Some(300)), (1, 1, 255, Some(33))] {
        let spec = heads(n_head, n_kv_head, d_head, window);
        let (wide, narrow) = (n_head * d_head, n_kv_head * d_head);
        let qkv = [(3, wide, 1), (690, narrow, 2), (690, narrow, 3)];
        let [q, k, v] = qkv.map(|(n, w, salt)| device.upload(tensor(&[n, w], salt, false).value()));
        let setting = Setting::new(device, &spans, &spec);
        let (z, decoded) = (device.stale(4 * 3 * wide), device.stale(4 * 3 * wide));
        let (stats, scores) = (device.stale(4 * 5 * 3 * n_head), device.stale(4 * spans.len() * n_head * 600));
        let [on_q, on_k, on_v] = [&q, &k, &v].map(|m| Arg::pair(m, None));
        setting.run(device, "attention_stats", false, &[&[stats.arg()], &on_q, &on_k]);
        setting.run(device, "attention_forward", false, &[&[z.arg(), Arg::NULL, stats.arg()], &on_q, &on_k, &on_v]);
        let pointers = [decoded.arg(), scores.arg(), q.arg(), k.arg(), v.arg(), setting.spans.arg(), Arg::size(600)];
        device.launch("attention_decode", [n_head, spans.len(), 1], &join(&[&pointers, &setting.spec]));
        close(&decoded.read::<f32>(), &z.read::<f32>(), 0.0, &format!("{spec:?}"));
    }
}

/// A row's result has the same bits alone and in company.
#[test]
fn a_sequence_does_not_see_its_batch() {
    let Some(device) = device() else { return };
    let spec = heads(2, 1, 6, None);
    let run = |spans: &[Span], rows: std::ops::Range<usize>| {
        let setting = Setting::new(device, spans, &spec);
        let part = |t: &Tensor| t.value()[rows.start * t.cols()..rows.end * t.cols()].to_vec();
        let [q, k, v] = [(12, 1), (6, 2), (6, 3)].map(|(w, salt)| device.upload(&part(&tensor(&[90, w], salt, false))));
        let [q, k, v] = [&q, &k, &v].map(|m| Arg::pair(m, None));
        let (z, stats) = (device.stale(4 * rows.len() * 12), device.stale(4 * 5 * rows.len() * 2));
        setting.run(device, "attention_stats", false, &[&[stats.arg()], &q, &k]);
        setting.run(device, "attention_forward", false, &[&[z.arg(), Arg::NULL, stats.arg()], &q, &k, &v]);
        z.read::<f32>()
    };
    let all = run(&packed(&[20, 45, 25]), 0..90);
    let alone = run(&packed(&[45]), 20..65);
    close(&all[20 * 12..65 * 12], &alone, 0.0, "the middle sequence");
}
