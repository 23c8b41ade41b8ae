//! Attention of one query a sequence: a step of decoding.
//!
//! Keys and values are read once where they lie, instead of being repacked for a tile. Every sum has the order it
//! has in a tile, so a step gives the bits of the full pass.
#![expect(clippy::inline_always, reason = "bodies are compiled per instruction set")]

use rayon::prelude::*;

use super::{AttentionSpec, Pair, Sight, Span, heads, softmax, tiles};
use crate::cpu::gemm::{Chain, KC};
use crate::cpu::grid::TileMut;
use crate::cpu::simd::{Job, simd};
use crate::tensor::{Real, Tensor};

/// Keys whose scores are formed at once: as many chains of multiply-adds are in flight.
const KEYS: usize = 16;
/// Channels whose sums are formed at once.
const CHANNELS: usize = 256;

/// z (N,H·D) for spans of one query each.
pub(super) fn single(z: &mut Tensor, [q, k, v]: [&Tensor; 3], spans: &[Span], spec: &AttentionSpec) {
    let (h, d) = (spec.n_head, spec.d_head);
    let group = h / spec.n_kv_head;
    let ld = k.cols();
    let rows: Vec<_> = spans.iter().map(|s| s.q.clone()).collect();
    let work = |weights: &mut Vec<Real>, (i, mut z): (usize, Pair<TileMut<'_>>)| {
        let (span, head) = (&spans[i / h], i % h);
        let seen = Sight::new(span, spec).of(0);
        // As in a tile, from a multiple of `KC` on; what is not seen weighs nothing.
        let first = seen.start - seen.start % KC;
        weights.clear();
        weights.resize(seen.end - first, 0.0);
        let place = (span.kv.start + first) * ld + head / group * d;
        let q = &q.value()[span.q.start * h * d + head * d..][..d];
        simd(Scores { weights: &mut *weights, q, k: &k.value()[place..], ld });
        softmax::softmax(weights, &(seen.start - first..seen.end - first), spec.scale as Real);
        simd(Values { z: z.v.row(0), weights: &*weights, v: &v.value()[place..], ld });
    };
    tiles(z, &rows, &heads(h, d)).into_par_iter().with_min_len(4).enumerate().for_each_init(Vec::new, work);
}

/// weights = q·k for every key.
struct Scores<'a> {
    weights: &'a mut [Real],
    q: &'a [Real],
    /// From the first key on, `ld` numbers from one to the next.
    k: &'a [Real],
    ld: usize,
}

impl Job for Scores<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { weights, q, k, ld } = self;
        let chain = Chain::here();
        for (block, scores) in weights.chunks_mut(KEYS).enumerate() {
            let last = scores.len() - 1;
            let keys: [&[Real]; KEYS] = std::array::from_fn(|j| &k[(block * KEYS + j.min(last)) * ld..][..q.len()]);
            let mut totals = [0.0; KEYS];
            for start in (0..q.len()).step_by(KC) {
                let mut sums = [0.0; KEYS];
                for c in start..q.len().min(start + KC) {
                    for (sum, key) in sums.iter_mut().zip(&keys) {
                        *sum = chain.step(q[c], key[c], *sum);
                    }
                }
                for (total, sum) in totals.iter_mut().zip(sums) {
                    *total += sum;
                }
            }
            scores.copy_from_slice(&totals[..=last]);
        }
    }
}

/// z = Σ weights·v over the keys.
struct Values<'a> {
    z: &'a mut [Real],
    weights: &'a [Real],
    /// From the first key on, `ld` numbers from one to the next.
    v: &'a [Real],
    ld: usize,
}

impl Job for Values<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Self { z, weights, v, ld } = self;
        let chain = Chain::here();
        for (part, z) in z.chunks_mut(CHANNELS).enumerate() {
            z.fill(0.0);
            for (block, weights) in weights.chunks(KC).enumerate() {
                let mut sums = [0.0; CHANNELS];
                for (j, &weight) in weights.iter().enumerate() {
                    let value = &v[(block * KC + j) * ld + part * CHANNELS..][..z.len()];
                    for (sum, &x) in sums.iter_mut().zip(value) {
                        *sum = chain.step(weight, x, *sum);
                    }
                }
                for (z, sum) in z.iter_mut().zip(sums) {
                    *z += sum;
                }
            }
        }
    }
}
