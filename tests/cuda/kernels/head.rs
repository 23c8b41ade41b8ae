//! Token scores and the inner products of logit gradients: what the kernels give for chunks, and for rows.

use memoscope_engine::kernels::{Kernels as _, Want};
use memoscope_engine::model::{Orientation, Weight};
use memoscope_engine::{Tensor, TokenScore};

use super::{Arg, CPU, Device, Memory, close, device, elements, tensor, warps, weight};

const CHUNK: usize = 512;

/// As in head.cu.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Part {
    others: [f64; 3],
    top: f32,
    argmax: u32,
    ahead: u32,
    n_best: u32,
    best_token: [u32; 8],
    best_logit: [f32; 8],
}

/// As in head_gram.cu.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct GramPart {
    others: f64,
    top: f32,
    own: f32,
    has_own: u32,
    unused: u32,
}

/// As in head_gram.cu.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Normalizer {
    top: f32,
    factor: f32,
    target: f32,
}

/// Logits (n, width) of a slice of the vocabulary.
fn logits(device: &Device, x: &Tensor, w: &Weight, b: &Weight, tokens: &std::ops::Range<usize>) -> Memory {
    let (n, c, width) = (x.rows(), x.cols(), tokens.len());
    let out = device.stale(4 * n * width);
    let [on_x, on_w, on_b] = [device.upload(x.value()), device.upload(&w.values()), device.upload(&b.values())];
    let sizes = [n, width, c, c, 1, c, 1, width].map(Arg::size);
    let pointers = [out.arg(), on_x.arg(), on_w.after(tokens.start * c), on_b.after(tokens.start)];
    let args = [&pointers[..], &sizes, &[Arg::Flag(1)]].concat();
    device.launch("gemm", [width.div_ceil(64), n.div_ceil(64), 1], &args);
    out
}

/// Slices of two chunks.
fn slices(vocab: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..vocab).step_by(2 * CHUNK).map(move |start| start..vocab.min(start + 2 * CHUNK))
}

/// All chunks of a row together, as in head.cu.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Joined {
    log_sum: f64,
    moments: [f64; 2],
    top: f32,
    target_logit: f32,
    argmax: u32,
    rank: u32,
    n_best: u32,
    unused: u32,
    best_token: [u32; 8],
    best_logit: [f32; 8],
}

impl Joined {
    fn score(&self) -> TokenScore {
        let log_prob = |z: f32| f64::from(z) - f64::from(self.top) - self.log_sum;
        TokenScore {
            log_prob: log_prob(self.target_logit),
            argmax: self.argmax,
            rank: Some(self.rank),
            moments: Some(self.moments),
            top: (0..self.n_best as usize).map(|i| (self.best_token[i], log_prob(self.best_logit[i]))).collect(),
        }
    }
}

/// Scores of all rows from the kernels.
fn scores(device: &Device, x: &Tensor, w: &Weight, b: &Weight, targets: &[u32]) -> Vec<TokenScore> {
    let (n, c, vocab) = (x.rows(), x.cols(), w.d_out());
    let (per_row, on_targets) = (vocab.div_ceil(CHUNK), device.upload(targets));
    let own = device.stale(4 * n);
    let parts = device.stale(size_of::<Part>() * n * per_row);
    let [on_x, on_w, on_b] = [device.upload(x.value()), device.upload(&w.values()), device.upload(&b.values())];
    let pointers = [own.arg(), on_x.arg(), on_w.arg(), on_b.arg(), on_targets.arg()];
    device.launch("target_logits", elements(n), &[&pointers[..], &[n, c, c, 1].map(Arg::size)].concat());
    for tokens in slices(vocab) {
        let z = logits(device, x, w, b, &tokens);
        let sizes = [n, tokens.start, tokens.len(), tokens.start / CHUNK, per_row].map(Arg::size);
        let wants = [Arg::Flag(1), Arg::Flag(1), Arg::Flag(5)];
        let args = [&[parts.arg(), z.arg(), on_targets.arg(), own.arg()][..], &sizes, &wants].concat();
        device.launch("chunk_scores", warps(n * tokens.len().div_ceil(CHUNK)), &args);
    }
    let joined = device.stale(size_of::<Joined>() * n);
    let pointers = [joined.arg(), parts.arg(), own.arg()];
    device.launch("join_scores", elements(n), &[&pointers[..], &[n, per_row].map(Arg::size), &[Arg::Flag(5)]].concat());
    joined.read::<Joined>().iter().map(Joined::score).collect()
}

#[test]
fn token_scores_of_chunks() {
    let Some(device) = device() else { return };
    let near = |a: f64, b: f64| (a - b).abs() < 2e-6 * (1.0 + b.abs());
    for (n, c, vocab) in [(1, 3, 1), (5, 7, 40), (9, 17, 1700), (3, 5, 1024)] {
        let (x, mut w) = (tensor(&[n, c], 1, false), weight(&[vocab, c], Orientation::OutIn, 2, false));
        let b = weight(&[vocab], Orientation::OutIn, 3, false);
        w.values_mut().iter_mut().for_each(|w| *w *= 4.0);
        let targets: Vec<u32> = (0..n).map(|i| (i * 397 % vocab) as u32).collect();
        let want = Want { rank: true, moments: true, top: 5 };
        let want = CPU.token_scores(&x, &w, Some(&b), &targets, want).unwrap();
        for (got, want) in scores(device, &x, &w, &b, &targets).iter().zip(&want) {
            assert!(near(got.log_prob, want.log_prob), "log p {} not {}", got.log_prob, want.log_prob);
            assert_eq!((got.argmax, got.rank), (want.argmax, want.rank), "vocabulary {vocab}");
            let (m, e) = (got.moments.unwrap(), want.moments.unwrap());
            assert!(near(m[0], e[0]) && near(m[1], e[1]), "moments {m:?} not {e:?}");
            let tokens = |s: &TokenScore| s.top.iter().map(|t| t.0).collect::<Vec<_>>();
            assert_eq!(tokens(got), tokens(want), "most likely of {vocab}");
            assert!(got.top.iter().zip(&want.top).all(|(g, w)| near(g.1, w.1)), "log p of the most likely");
        }
    }
}

/// A target's logit is taken from the slice that holds it, and from no other.
#[test]
fn logits_of_targets_are_picked_from_their_slice() {
    let Some(device) = device() else { return };
    let z: Vec<f32> = (0..20).map(|i| i as f32).collect();
    let (on_z, targets, out) = (device.upload(&z), device.upload(&[6u32, 11, 5, 7]), device.upload(&[-1.0f32; 4]));
    device.launch(
        "pick_logits",
        elements(4),
        &[&[out.arg(), on_z.arg(), targets.arg()][..], &[4, 6, 5].map(Arg::size)].concat(),
    );
    assert_eq!(out.read::<f32>(), [0.0, -1.0, -1.0, 16.0]);
}

/// Equal logits: the lower id comes first, in the list, as arg-max and in the rank. NaN is nobody.
#[test]
fn ties_go_to_the_lower_id() {
    let Some(device) = device() else { return };
    let width = 600;
    let mut z = vec![1.0f32; width];
    z[100] = 3.0;
    z[90] = 3.0;
    z[5] = f32::NEG_INFINITY;
    let [on_z, targets, own] = [device.upload(&z), device.upload(&[300u32]), device.upload(&[1.0f32])];
    let parts = device.stale(2 * size_of::<Part>());
    let sizes = [1, 0, width, 0, 2].map(Arg::size);
    let wants = [Arg::Flag(1), Arg::Flag(1), Arg::Flag(4)];
    let args = [&[parts.arg(), on_z.arg(), targets.arg(), own.arg()][..], &sizes, &wants].concat();
    device.launch("chunk_scores", warps(2), &args);
    let parts = parts.read::<Part>();
    assert_eq!((parts[0].argmax, parts[1].argmax), (90, 512));
    assert_eq!(&parts[0].best_token[..4], [90, 100, 0, 1]);
    assert_eq!((parts[0].ahead, parts[1].ahead), (299, 0), "all before the target but the impossible one");
    let want = 1.0 + 509.0 * (-2.0f64).exp();
    assert!((parts[0].others[0] - want).abs() < 1e-4, "{} not {want}", parts[0].others[0]);
}

#[test]
fn inner_products_of_logit_gradients() {
    let Some(device) = device() else { return };
    for (n, c, vocab) in [(1, 2, 3), (11, 6, 700), (7, 9, 2100)] {
        let (x, w) = (tensor(&[n, c], 1, false), weight(&[vocab, c], Orientation::OutIn, 2, false));
        let b = weight(&[vocab], Orientation::OutIn, 3, false);
        let targets: Vec<u32> = (0..n).map(|i| (i * 611 % vocab) as u32).collect();
        let weights: Vec<f32> = (0..n).map(|i| 1.0 / (1.0 + i as f32)).collect();
        let mut want = Tensor::stale(&[n, n], false);
        CPU.head_gram(&mut want, &x, &w, Some(&b), &targets, &weights).unwrap();

        let per_row = vocab.div_ceil(CHUNK);
        let (parts, on_targets) = (device.stale(size_of::<GramPart>() * n * per_row), device.upload(&targets));
        for tokens in slices(vocab) {
            let z = logits(device, &x, &w, &b, &tokens);
            let sizes = [n, tokens.start, tokens.len(), tokens.start / CHUNK, per_row].map(Arg::size);
            let args = [&[parts.arg(), z.arg(), on_targets.arg()][..], &sizes].concat();
            device.launch("gram_parts", warps(n * tokens.len().div_ceil(CHUNK)), &args);
        }
        let parts = parts.read::<GramPart>();
        let norms: Vec<Normalizer> = parts.chunks(per_row).zip(&weights).map(|(p, &w)| normalizer(p, w)).collect();
        let norms = device.upload(&norms);
        let s = device.upload(&vec![0.0f32; n * n]);
        for tokens in slices(vocab) {
            let (a, width) = (logits(device, &x, &w, &b, &tokens), tokens.len());
            let sizes = [n, tokens.start, width].map(Arg::size);
            let args = [&[a.arg(), norms.arg(), on_targets.arg()][..], &sizes].concat();
            device.launch("gram_gradient", elements(n * width), &args);
            let sizes = [n, n, width, width, 1, width, 1, n].map(Arg::size);
            let args = [&[s.arg(), a.arg(), a.arg(), Arg::NULL][..], &sizes, &[Arg::Flag(2)]].concat();
            device.launch("gemm", [n.div_ceil(64), n.div_ceil(64), 1], &args);
        }
        close(&s.read::<f32>(), want.value(), 2e-6, &format!("gram of {n} rows and {vocab} tokens"));
    }
}

fn normalizer(parts: &[GramPart], weight: f32) -> Normalizer {
    let top = parts.iter().map(|p| p.top).fold(f32::NEG_INFINITY, f32::max);
    let scale = |z: f32| (f64::from(z) - f64::from(top)).exp();
    let others: f64 = parts.iter().map(|p| scale(p.top) * p.others).sum();
    let own: f64 = parts.iter().filter(|p| p.has_own == 1).map(|p| scale(p.own)).sum();
    let total = others + own;
    let factor = (1.0 / total) as f32 * weight;
    Normalizer { top, factor, target: (-f64::from(weight) * others / total) as f32 }
}
