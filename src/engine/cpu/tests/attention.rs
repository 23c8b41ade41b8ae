//! Attention: windows, shared heads, caches, and every way to the same numbers.

use super::*;
use crate::kernels::{AttentionSpec, Kernels as _, Span};

fn spec(n_head: usize, n_kv_head: usize, d_head: usize, window: Option<usize>) -> AttentionSpec {
    AttentionSpec { n_head, n_kv_head, d_head, scale: 0.3, window }
}

/// Sums in f64, one query at a time.
fn slow(qkv: [&Tensor; 3], spans: &[Span], s: &AttentionSpec) -> Vec<Real> {
    let d = s.d_head;
    let mut z = vec![0.0; qkv[0].value().len()];
    let at = |t: &Tensor, row: usize, head: usize, c: usize| f64::from(t.value()[row * t.cols() + head * d + c]);
    for span in spans {
        for (i, row) in span.q.clone().enumerate() {
            for h in 0..s.n_head {
                let kv = h * s.n_kv_head / s.n_head;
                let last = span.kv.len() - span.q.len() + i;
                let first = s.window.map_or(0, |w| (last + 1).saturating_sub(w));
                let keys: Vec<usize> = (first..=last).map(|k| span.kv.start + k).collect();
                let score = |k: &usize| (0..d).map(|c| at(qkv[0], row, h, c) * at(qkv[1], *k, kv, c)).sum::<f64>();
                let e: Vec<f64> = keys.iter().map(|k| (score(k) * s.scale).exp()).collect();
                let total: f64 = e.iter().sum();
                for c in 0..d {
                    let sum: f64 = keys.iter().zip(&e).map(|(k, e)| e / total * at(qkv[2], *k, kv, c)).sum();
                    z[row * qkv[0].cols() + h * d + c] = sum as Real;
                }
            }
        }
    }
    z
}

fn run(qkv: [&Tensor; 3], spans: &[Span], s: &AttentionSpec) -> Tensor {
    let mut z = Tensor::zeros(qkv[0].shape(), false);
    CPU.attention(&mut z, qkv, spans, s).unwrap();
    z
}

fn packed(lengths: &[usize]) -> Vec<Span> {
    let mut start = 0;
    let mut spans = Vec::new();
    for n in lengths {
        spans.push(Span { q: start..start + n, kv: start..start + n });
        start += n;
    }
    spans
}

#[test]
fn matches_the_definition() {
    for (lengths, h, k, d, window) in [
        (vec![1], 1, 1, 4, None),
        (vec![5, 1, 70], 4, 2, 8, None),
        (vec![130, 3], 6, 2, 33, Some(7)),
        (vec![600], 2, 1, 16, Some(300)),
        (vec![65], 3, 3, 5, Some(1)),
    ] {
        let n: usize = lengths.iter().sum();
        let s = spec(h, k, d, window);
        let (q, key, v) = (tensor(&[n, h * d], 1), tensor(&[n, k * d], 2), tensor(&[n, k * d], 3));
        let spans = packed(&lengths);
        let error = distance(run([&q, &key, &v], &spans, &s).value(), &slow([&q, &key, &v], &spans, &s));
        assert!(error < 2e-6, "{lengths:?} {s:?}: {error}");
    }
}

#[test]
fn a_cached_step_has_the_bits_of_the_full_pass() {
    for (window, d) in [(None, 24), (Some(40), 24), (Some(300), 24), (None, 300), (None, 1)] {
        let (n, h, k) = (610, 4, 2);
        let s = spec(h, k, d, window);
        let (q, key, v) = (tensor(&[n, h * d], 4), tensor(&[n, k * d], 5), tensor(&[n, k * d], 6));
        let full = run([&q, &key, &v], &packed(&[n]), &s);
        for (start, count) in [(0, 1), (1, 1), (63, 1), (64, 2), (255, 1), (256, 1), (300, 100), (609, 1)] {
            let rows = start * h * d..(start + count) * h * d;
            let step = Tensor::from_vec(&[count, h * d], q.value()[rows.clone()].to_vec()).unwrap();
            let span = Span { q: 0..count, kv: 0..start + count };
            let z = run([&step, &key, &v], &[span], &s);
            assert!(bits(z.value()) == bits(&full.value()[rows]), "{count} steps from {start}, window {window:?}");
        }
    }
}

#[test]
fn neighbors_and_threads_change_no_bit() {
    let (h, k, d) = (2, 1, 16);
    let s = spec(h, k, d, None);
    let n = 90 + 17 + 200;
    let (q, key, v) = (tensor(&[n, h * d], 7), tensor(&[n, k * d], 8), tensor(&[n, k * d], 9));
    let together = run([&q, &key, &v], &packed(&[90, 17, 200]), &s);
    let part = |t: &Tensor| {
        let c = t.cols();
        Tensor::from_vec(&[17, c], t.value()[90 * c..107 * c].to_vec()).unwrap()
    };
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let alone = pool.install(|| run([&part(&q), &part(&key), &part(&v)], &packed(&[17]), &s));
        assert!(bits(alone.value()) == bits(part(&together).value()), "{threads} threads");
    }
}

#[test]
fn pattern_and_its_product_are_the_fused_pass() {
    for window in [None, Some(9)] {
        let (n, h, k, d) = (150, 4, 2, 12);
        let s = spec(h, k, d, window);
        let (q, key, v) = (tensor(&[n, h * d], 10), tensor(&[n, k * d], 11), tensor(&[n, k * d], 12));
        let span = &packed(&[n])[0];
        let mut p = Tensor::stale(&[h, n, n], false);
        CPU.pattern(&mut p, &q, &key, span, &s).unwrap();
        let mut z = Tensor::zeros(q.shape(), false);
        CPU.pattern_apply(&mut z, &p, &v, span, &s).unwrap();
        let fused = run([&q, &key, &v], std::slice::from_ref(span), &s);
        assert!(bits(z.value()) == bits(fused.value()), "window {window:?}");
    }
}

#[test]
fn backward_through_the_pattern_is_the_fused_backward() {
    let (n, h, k, d) = (140, 4, 2, 12);
    let s = spec(h, k, d, Some(33));
    let (q, key, v) = (tensor(&[n, h * d], 13), tensor(&[n, k * d], 14), tensor(&[n, k * d], 15));
    let dz = tensor(&[n, h * d], 16);
    let span = &packed(&[n])[0];
    let zeros = |t: &Tensor| Tensor::zeros(t.shape(), false);
    let (mut dq, mut dk, mut dv) = (zeros(&q), zeros(&key), zeros(&v));
    let spans = std::slice::from_ref(span);
    CPU.attention_backward_acc([&mut dq, &mut dk, &mut dv], &dz, [&q, &key, &v], spans, &s).unwrap();
    let (mut p, mut dp) = (Tensor::stale(&[h, n, n], false), Tensor::stale(&[h, n, n], false));
    let (mut dq2, mut dk2, mut dv2) = (zeros(&q), zeros(&key), zeros(&v));
    CPU.pattern(&mut p, &q, &key, span, &s).unwrap();
    CPU.pattern_apply_backward(&mut dp, &mut dv2, &dz, &p, &v, span, &s).unwrap();
    CPU.pattern_backward_acc([&mut dq2, &mut dk2], &dp, &p, [&q, &key], span, &s).unwrap();
    for (name, a, b) in [("dq", &dq, &dq2), ("dk", &dk, &dk2), ("dv", &dv, &dv2)] {
        let error = distance(a.value(), b.value());
        assert!(error < 3e-6, "{name}: {error}");
    }
}
