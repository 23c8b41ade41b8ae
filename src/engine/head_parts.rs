//! What chunks of the vocabulary say about a row, and how they are joined: in f64, in the order of the vocabulary.

use crate::kernels::{TokenScore, Want};
use crate::tensor::Real;

/// Tokens of a chunk.
pub(crate) const CHUNK: usize = 512;
/// Most entries of [`TokenScore::top`].
pub(crate) const TOP: usize = 8;

/// What a row is asked.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub(crate) target: usize,
    /// The target's logit.
    pub(crate) logit: Real,
    pub(crate) want: Want,
}

/// What one chunk says about one row.
pub(crate) struct Part {
    pub(crate) top: Real,
    pub(crate) argmax: usize,
    /// Σ e, Σ e·t and Σ e·t² over the others, with t = z − top, e = exp(t): the largest adds 1, 0 and 0.
    pub(crate) others: [f64; 3],
    /// Tokens before the target.
    pub(crate) ahead: u32,
    pub(crate) best: Vec<(usize, Real)>,
}

/// All chunks of a row together.
pub(crate) fn join(parts: &[Part], q: Question) -> TokenScore {
    let mut best = 0;
    for (i, part) in parts.iter().enumerate() {
        if part.top > parts[best].top {
            best = i;
        }
    }
    let (top, argmax) = parts.get(best).map_or((0.0, 0), |b| (b.top, b.argmax));
    let mut others = [0.0f64; 3];
    for (i, part) in parts.iter().enumerate() {
        let shift = f64::from(part.top) - f64::from(top);
        let (factor, own) = (shift.exp(), if i == best { 0.0 } else { 1.0 });
        if factor == 0.0 && part.others[0].is_finite() {
            continue;
        }
        let [s0, s1, s2] = part.others;
        let s0 = s0 + own;
        others[0] += factor * s0;
        others[1] += factor * (s1 + shift * s0);
        others[2] += factor * (s2 + 2.0 * shift * s1 + shift * shift * s0);
    }
    // the arg-max adds exactly 1, so ln Σ keeps the digits of the rest
    let (sum, log_sum) = (1.0 + others[0], others[0].ln_1p());
    let log_prob = |z: Real| f64::from(z) - f64::from(top) - log_sum;
    let moments = q.want.moments.then(|| {
        let mean = others[1] / sum;
        [mean - log_sum, others[2] / sum - mean * mean]
    });
    let mut candidates: Vec<(usize, Real)> = parts.iter().flat_map(|p| p.best.iter().copied()).collect();
    candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    candidates.truncate(q.want.top.min(TOP));
    TokenScore {
        log_prob: log_prob(q.logit),
        argmax: argmax as u32,
        rank: q.want.rank.then(|| parts.iter().map(|p| p.ahead).sum()),
        moments,
        top: candidates.into_iter().map(|(token, z)| (token as u32, log_prob(z))).collect(),
    }
}

/// Softmax of one row: where it begins and what it is divided by.
#[derive(Clone, Copy)]
pub(crate) struct Normalizer {
    pub(crate) top: Real,
    pub(crate) factor: Real,
    /// weight·(p(target) − 1), from the others.
    pub(crate) target: Real,
}

/// What one chunk says about one row.
pub(crate) struct GramPart {
    pub(crate) top: Real,
    /// The target's logit, if the target is here.
    pub(crate) own: Option<Real>,
    /// Σ exp(z − top) over the others.
    pub(crate) others: f64,
}

/// From each chunk's maximum, the target's logit if it is there, and Σ exp over the others.
pub(crate) fn normalizer(parts: &[GramPart], weight: Real) -> Normalizer {
    let top = parts.iter().fold(Real::NEG_INFINITY, |m, p| if p.top > m { p.top } else { m });
    let (mut others, mut own) = (0.0f64, 0.0f64);
    for part in parts {
        if part.top > Real::NEG_INFINITY {
            others += (f64::from(part.top) - f64::from(top)).exp() * part.others;
        }
        if let Some(z) = part.own {
            own = (f64::from(z) - f64::from(top)).exp();
        }
    }
    let total = others + own;
    Normalizer { top, factor: (1.0 / total) as Real, target: -(f64::from(weight) * others / total) as Real }
}
