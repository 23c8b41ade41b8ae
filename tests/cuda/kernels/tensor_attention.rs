//! Attention on tensor cores, forward and backward, beside the processor's, on factors that rounding leaves as they are:
//! what differs is the rounding of weights and of their gradients.

use memoscope_engine::kernels::{AttentionSpec, Kernels as _, Span};
use memoscope_engine::{Offsets, Tensor};

use super::{Arg, CPU, Device, device, join, noise};

const SIZES: [usize; 5] = [32, 64, 96, 128, 256];
/// Number type and how far results may be from the exact ones: weights keep 8 or 11 bits.
const TYPES: [(&str, f32); 2] = [("bf16", 6e-3), ("tf32", 8e-4)];

/// Noise of 7 bits after the first.
fn rounded(shape: &[usize], salt: u64) -> Tensor {
    let values = noise(shape.iter().product(), salt);
    let values = values.into_iter().map(|x| f32::from_bits(x.to_bits() & 0xffff_0000)).collect();
    Tensor::from_vec(shape, values).unwrap()
}

fn packed(lengths: &[usize]) -> Vec<Span> {
    let offsets = Offsets::from_lengths(lengths.iter().copied());
    offsets.iter().map(|r| Span { q: r.clone(), kv: r }).collect()
}

fn heads(n_head: usize, n_kv_head: usize, d_head: usize, window: Option<usize>) -> AttentionSpec {
    AttentionSpec { n_head, n_kv_head, d_head, scale: 1.5 / (d_head as f64).sqrt(), window }
}

/// Runs a kernel over rows of queries, or of keys.
fn run_kernel(device: &Device, kernel: &str, over_keys: bool, operands: &[Arg], spans: &[Span], spec: &AttentionSpec) {
    let flat: Vec<u64> =
        spans.iter().flat_map(|s| [s.q.start, s.q.end, s.kv.start, s.kv.end].map(|x| x as u64)).collect();
    let flat = device.upload(&flat);
    let sizes = [spec.n_head, spec.n_kv_head, spec.d_head].map(Arg::size);
    let rest = [Arg::Real(spec.scale as f32), Arg::size(spec.window.unwrap_or(0))];
    let longest = spans.iter().map(|s| if over_keys { s.kv.len() } else { s.q.len() }).max().unwrap_or(0);
    let n_heads = if over_keys { spec.n_kv_head } else { spec.n_head };
    let args = join(&[operands, &[flat.arg()], &sizes, &rest]);
    device.launch(kernel, [longest.div_ceil(128), n_heads, spans.len()], &args);
}

fn close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    let size = (want.iter().map(|x| x * x).sum::<f32>() / want.len() as f32).sqrt();
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance * (4.0 * size + w.abs()), "{what}: number {i} is {g}, not {w}");
    }
}

fn check(spans: &[Span], spec: &AttentionSpec) {
    let Some(device) = device() else { return };
    let size = SIZES.into_iter().find(|size| spec.d_head <= *size).unwrap();
    let end = |f: &dyn Fn(&Span) -> usize| spans.iter().map(f).max().unwrap_or(0);
    let (n, s) = (end(&|s| s.q.end), end(&|s| s.kv.end));
    let (wide, narrow) = (spec.n_head * spec.d_head, spec.n_kv_head * spec.d_head);
    let [q, dz] = [rounded(&[n, wide], 1), rounded(&[n, wide], 4)];
    let [k, v] = [rounded(&[s, narrow], 2), rounded(&[s, narrow], 3)];
    let mut z = Tensor::zeros(&[n, wide], false);
    CPU.attention(&mut z, [&q, &k, &v], spans, spec).unwrap();
    let start = [rounded(&[n, wide], 5), rounded(&[s, narrow], 6), rounded(&[s, narrow], 7)];
    let [mut dq, mut dk, mut dv] = start.each_ref().map(|t| t.copied().unwrap());
    CPU.attention_backward_acc([&mut dq, &mut dk, &mut dv], &dz, [&q, &k, &v], spans, spec).unwrap();
    let inputs = [&q, &k, &v, &dz].map(|t| device.upload(t.value()));
    let [on_q, on_k, on_v, on_dz] = inputs.each_ref().map(super::Memory::arg);
    for (name, tolerance) in TYPES {
        let what = |which: &str| format!("{which} {name} {spans:?} {spec:?}");
        let kernel = |stem: &str| format!("tensor_{stem}_{size}_{name}");
        let on_z = device.upload(&vec![0.0f32; n * wide]);
        run_kernel(device, &kernel("forward"), false, &[on_z.arg(), on_q, on_k, on_v], spans, spec);
        close(&on_z.read::<f32>(), z.value(), tolerance, &what("z"));
        let stats = device.stale(4 * 5 * n * spec.n_head);
        let all = [stats.arg(), on_dz, on_q, on_k, on_v];
        run_kernel(device, &kernel("stats"), false, &all, spans, spec);
        for (i, (stem, want)) in [("q", &dq), ("k", &dk), ("v", &dv)].into_iter().enumerate() {
            let out = device.upload(start[i].value());
            run_kernel(device, &kernel(&format!("backward_{stem}")), i > 0, &join(&[&[out.arg()], &all]), spans, spec);
            close(&out.read::<f32>(), want.value(), tolerance, &what(&format!("d{stem}")));
        }
    }
}

#[test]
fn one_token_and_packed_sequences() {
    check(&packed(&[1]), &heads(1, 1, 32, None));
    check(&packed(&[3, 0, 1, 131]), &heads(1, 1, 64, None));
}

/// Blocks of 128 rows, heads that fill no tile, groups, windows.
#[test]
fn windows_groups_and_odd_heads() {
    check(&packed(&[20, 131]), &heads(2, 1, 40, Some(5)));
    check(&packed(&[50]), &heads(3, 1, 80, Some(33)));
    check(&packed(&[40]), &heads(3, 1, 7, Some(1)));
}

#[test]
fn large_heads() {
    check(&packed(&[19]), &heads(2, 1, 128, None));
    check(&packed(&[11, 2]), &heads(1, 1, 256, None));
    check(&packed(&[10]), &heads(1, 1, 255, Some(9)));
}

#[test]
fn queries_at_the_end_of_a_cache() {
    check(
        &[Span { q: 0..1, kv: 3..80 }, Span { q: 1..6, kv: 90..95 }, Span { q: 6..41, kv: 100..270 }],
        &heads(2, 1, 32, None),
    );
    check(&[Span { q: 0..30, kv: 0..190 }], &heads(2, 2, 32, Some(40)));
}

/// A row's result has the same bits alone and in company.
#[test]
fn a_sequence_does_not_see_its_batch() {
    let Some(device) = device() else { return };
    let spec = heads(2, 1, 32, None);
    let run_of = |spans: &[Span], rows: std::ops::Range<usize>, name: &str| {
        let part = |t: &Tensor| t.value()[rows.start * t.cols()..rows.end * t.cols()].to_vec();
        let qkv = [(64, 1), (32, 2), (32, 3)].map(|(w, salt)| device.upload(&part(&rounded(&[90, w], salt))));
        let z = device.stale(4 * rows.len() * 64);
        let [q, k, v] = qkv.each_ref().map(super::Memory::arg);
        run_kernel(device, &format!("tensor_forward_32_{name}"), false, &[z.arg(), q, k, v], spans, &spec);
        z.read::<f32>()
    };
    for (name, _) in TYPES {
        let (all, alone) = (run_of(&packed(&[20, 45, 25]), 0..90, name), run_of(&packed(&[45]), 20..65, name));
        assert_eq!(
            all[20 * 64..65 * 64].iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            alone.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        );
    }
}
