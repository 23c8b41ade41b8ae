//! Losses of one row of logits, in f64: each turns the logits into their gradient and gives its value.

/// ln Σ exp z, and p in place of z.
fn softmax(z: &mut [f64]) -> f64 {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for x in z.iter_mut() {
        *x = (*x - top).exp();
        sum += *x;
    }
    for x in z.iter_mut() {
        *x /= sum;
    }
    top + sum.ln()
}

/// ln p from logits and their ln Σ exp.
fn log_softmax(z: &[f64]) -> Vec<f64> {
    let mut p = z.to_vec();
    let total = softmax(&mut p);
    z.iter().map(|x| x - total).collect()
}

/// KL(q ‖ p), q of the logits `other`, p of `z`: Σ q (ln q − ln p); gradient p − q.
pub(super) fn kl(z: &mut [f64], other: &[f64]) -> f64 {
    let (q, p) = (log_softmax(other), log_softmax(z));
    let mut value = 0.0;
    for ((z, q), p) in z.iter_mut().zip(q).zip(p) {
        value += q.exp() * (q - p);
        *z = p.exp() - q.exp();
    }
    value
}

/// CE(p, q), q of the logits `other` with β taken from the target's: −Σ q ln p; gradient p − q (UNDIAL).
pub(super) fn undial(z: &mut [f64], other: &[f64], target: usize, beta: f64) -> f64 {
    let mut lowered = other.to_vec();
    if let Some(x) = lowered.get_mut(target) {
        *x -= beta;
    }
    cross_entropy(z, &mut lowered)
}

/// CE(p, q), q of the same logits without the target, taken as constant; gradient p − q (CE-U).
pub(super) fn ce_u(z: &mut [f64], target: usize) -> f64 {
    let mut others = z.to_vec();
    if let Some(x) = others.get_mut(target) {
        *x = f64::NEG_INFINITY;
    }
    cross_entropy(z, &mut others)
}

/// −Σ q ln p with q the softmax of `other`, which is overwritten.
fn cross_entropy(z: &mut [f64], other: &mut [f64]) -> f64 {
    softmax(other);
    let p = log_softmax(z);
    let mut value = 0.0;
    for ((z, q), p) in z.iter_mut().zip(other).zip(p) {
        value -= if *q == 0.0 { 0.0 } else { *q * p };
        *z = p.exp() - *q;
    }
    value
}

/// Σ p ln p, minus the entropy; gradient pⱼ(ln pⱼ − Σ p ln p).
pub(super) fn negative_entropy(z: &mut [f64]) -> f64 {
    let p = log_softmax(z);
    let value: f64 = p.iter().map(|l| l.exp() * l).sum();
    z.iter_mut().zip(&p).for_each(|(z, l)| *z = l.exp() * (l - value));
    value
}

/// ln p of the target below which [`posterior`] is silent.
const SILENT: f64 = -15.0;

/// −ln(1 − p(target)) as ln Σ exp z − ln Σ over the others; gradient p_t/(1−p_t)·(one-hot − p).
pub(super) fn posterior(z: &mut [f64], target: usize) -> f64 {
    let p = log_softmax(z);
    let own = p.get(target).copied().unwrap_or(f64::NEG_INFINITY);
    if own < SILENT {
        z.fill(0.0);
        return 0.0;
    }
    let mut others = p.clone();
    others[target] = f64::NEG_INFINITY;
    let rest = softmax(&mut others);
    let odds = (own - rest).exp();
    for (j, (z, l)) in z.iter_mut().zip(&p).enumerate() {
        // At the target 1 − p is what the others have: nothing cancels near 1.
        *z = if j == target { odds * rest.exp() } else { -odds * l.exp() };
    }
    -rest
}

/// (max z − mean z)²; gradient 2(max − mean)(one-hot of the largest − 1/V) (PDU).
pub(super) fn spread(z: &mut [f64]) -> f64 {
    let n = z.len().max(1) as f64;
    let mean = z.iter().sum::<f64>() / n;
    let top = z.iter().copied().enumerate().fold((0, f64::NEG_INFINITY), |m, x| if x.1 > m.1 { x } else { m });
    let distance = top.1 - mean;
    z.iter_mut().enumerate().for_each(|(j, z)| *z = 2.0 * distance * (f64::from(u8::from(j == top.0)) - 1.0 / n));
    distance * distance
}

/// ln σ(x), without overflow.
pub(super) fn log_sigmoid(x: f64) -> f64 {
    if x < 0.0 { x - x.exp().ln_1p() } else { -(-x).exp().ln_1p() }
}

/// σ(x)
pub(super) fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}
