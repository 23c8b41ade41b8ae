//! Trained masks of matrices: scores that gradient descent moves (Ramanujan et al. 2020, arXiv:1911.13299).
//!
//! Forward uses W ⊙ M, where M drops the ⌊numel·r⌋ smallest |S| of each matrix. Backward lets the gradient straight
//! through: ∂L/∂S = sign(S) ⊙ W ⊙ ∂L/∂(W ⊙ M), also for dropped weights. SGD as torch: v ← μv + (g + λS),
//! S ← S − ηv, the first v is g + λS.
//! Memory: 12 bytes a weight for W, S and v, besides model and gradient.

use rayon::prelude::*;

use crate::buffer::Reuse;
use crate::error::{Error, Result};
use crate::model::{Decoder, ParamId};
use crate::rng::Stream;
use crate::select::{End, select};
use crate::tensor::{Real, Tensor};

/// One matrix: its weights, their scores and the momentum.
struct Masked {
    id: ParamId,
    weights: Vec<Real>,
    scores: Vec<Real>,
    velocity: Vec<Real>,
    /// Number of dropped weights.
    n_drop: usize,
    /// Places of the dropped weights.
    dropped: Vec<u32>,
}

/// SGD on scores.
#[derive(Clone, Copy, Debug)]
pub struct Descent {
    /// η
    pub lr: f64,
    /// μ
    pub momentum: f64,
    /// λ
    pub weight_decay: f64,
}

/// The masked matrices of a model.
pub struct Masks {
    matrices: Vec<Masked>,
    /// Each step asks for the memory that the last one gave back.
    _reuse: Reuse,
}

impl Masks {
    /// Scores U(−b, b), b = 1/√(outputs), from `stream`; masks that drop the share `ratio` of each of the matrices.
    ///
    /// # Errors
    /// `Config` for a ratio that drops nothing.
    pub fn new(model: &Decoder, matrices: &[ParamId], ratio: f64, stream: &Stream) -> Result<Self> {
        let make = |id: &ParamId| {
            let w = model.params.get(*id);
            let bound = 1.0 / (w.d_out().max(1) as f64).sqrt();
            let mut own = stream.item(u64::from(id.0));
            let scores = (0..w.len()).map(|_| ((2.0 * own.uniform() - 1.0) * bound) as Real).collect();
            Masked {
                id: *id,
                weights: w.values().into_owned(),
                scores,
                velocity: Vec::new(),
                // Up by a hair, so that 0.3 of 10 is 3 and not 2.
                n_drop: ((w.len() as f64 * ratio * (1.0 + 1e-12)) as usize).min(w.len()),
                dropped: Vec::new(),
            }
        };
        let mut masks = Self { matrices: matrices.iter().map(make).collect(), _reuse: Reuse::begin() };
        let largest = masks.matrices.iter().map(|m| m.weights.len()).max().unwrap_or(0);
        if masks.matrices.iter().all(|m| m.n_drop == 0) {
            return Err(Error::config(format!("ratio: {ratio} of {largest} weights is not even one"))
                .hint(format!("the smallest ratio that removes something is {:.1e}", 1.0 / largest.max(1) as f64)));
        }
        masks.choose();
        Ok(masks)
    }

    /// Whether a parameter is masked.
    pub fn covers(&self, id: ParamId) -> bool {
        self.matrices.iter().any(|m| m.id == id)
    }

    /// Drops the smallest |S| of each matrix; gives the share of masked weights that changed sides.
    pub fn choose(&mut self) -> f64 {
        let flipped: usize = self.matrices.par_iter_mut().map(Masked::choose).sum();
        let n: usize = self.matrices.iter().map(|m| m.weights.len()).sum();
        flipped as f64 / n.max(1) as f64
    }

    /// Puts W ⊙ M into the model.
    pub fn put(&self, model: &mut Decoder) {
        for m in &self.matrices {
            let values = model.params.get_mut(m.id).values_mut();
            values.copy_from_slice(&m.weights);
            m.dropped.iter().for_each(|i| values[*i as usize] = 0.0);
        }
    }

    /// One step from the gradients of W ⊙ M.
    ///
    /// # Errors
    /// `Device` when the card fails.
    pub fn step(&mut self, gradients: &[(ParamId, Tensor)], rule: Descent) -> Result<()> {
        for (id, gradient) in gradients {
            let Some(m) = self.matrices.iter_mut().find(|m| m.id == *id) else { continue };
            m.step(&gradient.to_host()?, rule);
        }
        Ok(())
    }

    #[cfg(test)]
    fn scores(&self, id: ParamId) -> Option<&[Real]> {
        self.matrices.iter().find(|m| m.id == id).map(|m| m.scores.as_slice())
    }

    #[cfg(test)]
    fn set_scores(&mut self, id: ParamId, scores: &[Real]) {
        let m = self.matrices.iter_mut().find(|m| m.id == id).unwrap();
        m.scores.copy_from_slice(scores);
        self.choose();
    }

    #[cfg(test)]
    fn dropped(&self, id: ParamId) -> &[u32] {
        &self.matrices.iter().find(|m| m.id == id).unwrap().dropped
    }
}

impl Masked {
    fn choose(&mut self) -> usize {
        let sizes: Vec<Real> = self.scores.iter().map(|s| s.abs()).collect();
        let (dropped, _) = select(&sizes, self.n_drop, End::Smallest);
        let stayed = shared(&self.dropped, &dropped);
        let flipped = self.dropped.len() + dropped.len() - 2 * stayed;
        self.dropped = dropped;
        flipped
    }

    fn step(&mut self, gradient: &[Real], rule: Descent) {
        const CHUNK: usize = 1 << 13;
        let is_first = self.velocity.is_empty() && rule.momentum != 0.0;
        if is_first {
            self.velocity = vec![0.0; self.scores.len()];
        }
        let (lr, mu, decay) = (rule.lr as Real, rule.momentum as Real, rule.weight_decay as Real);
        let push = |s: Real, w: Real, g: Real| if s == 0.0 { 0.0 } else { s.signum() * w * g } + decay * s;
        let rows =
            self.scores.par_chunks_mut(CHUNK).zip(self.weights.par_chunks(CHUNK)).zip(gradient.par_chunks(CHUNK));
        if rule.momentum == 0.0 {
            return rows.for_each(|((s, w), g)| {
                s.iter_mut().zip(w).zip(g).for_each(|((s, w), g)| *s -= lr * push(*s, *w, *g));
            });
        }
        rows.zip(self.velocity.par_chunks_mut(CHUNK)).for_each(|(((s, w), g), v)| {
            for (((s, w), g), v) in s.iter_mut().zip(w).zip(g).zip(v) {
                *v = mu * *v + push(*s, *w, *g);
                *s -= lr * *v;
            }
        });
    }
}

/// How many numbers two ascending lists share.
fn shared(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut n) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                (i, j, n) = (i + 1, j + 1, n + 1);
            }
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{decoder, shapes};

    fn tiny() -> Decoder {
        decoder(&shapes()[0].1, 1)
    }

    fn feed_forward(model: &Decoder) -> Vec<ParamId> {
        model.blocks.iter().flat_map(|b| [b.mlp.up.weight, b.mlp.down.weight]).collect()
    }

    /// Scores 0.3, −0.1, 0.2 of weights 2, −1, 0.5 with gradients 1, 2, −4, η = 0.1, μ = 0.9, λ = 5e-4, by hand.
    #[test]
    fn three_steps_by_hand() {
        let mut m = Masked {
            id: ParamId(0),
            weights: vec![2.0, -1.0, 0.5],
            scores: vec![0.3, -0.1, 0.2],
            velocity: Vec::new(),
            n_drop: 1,
            dropped: Vec::new(),
        };
        let rule = Descent { lr: 0.1, momentum: 0.9, weight_decay: 5e-4 };
        // sign(S)·W·g is 2, 2, −2; the first velocity is that with decay: 2.00015, 1.99995, −1.9999. At the third step
        // the first score is negative, and its push turns around.
        for (step, wanted) in [
            [0.099_985, -0.299_995, 0.399_99],
            [-0.280_033_499, -0.679_975_500, 0.779_961_001],
            [-0.422_036_147, -1.221_923_952, 1.321_895_903],
        ]
        .iter()
        .enumerate()
        {
            m.step(&[1.0, 2.0, -4.0], rule);
            for (s, w) in m.scores.iter().zip(wanted) {
                assert!((f64::from(*s) - w).abs() < 1e-6, "step {step}: {s} is not {w}");
            }
        }
        m.choose();
        assert_eq!(m.dropped, [0]);
    }

    #[test]
    fn masks_drop_exactly_the_smallest_and_the_weights_come_back() {
        let base = tiny();
        let up = base.blocks[0].mlp.up.weight;
        let n = base.params.get(up).len();
        for ratio in [0.03, 0.1, 0.5, 0.999] {
            let masks = Masks::new(&base, &feed_forward(&base), ratio, &Stream::new(0, "scores")).unwrap();
            let mut model = base.shared();
            masks.put(&mut model);
            let dropped = masks.dropped(up);
            assert_eq!(dropped.len(), (n as f64 * ratio) as usize, "ratio {ratio}");
            let bound = masks.scores(up).unwrap().iter().fold(0.0, |m: Real, s| m.max(s.abs()));
            assert!(bound <= 1.0 / (base.params.get(up).d_out() as Real).sqrt());
            let (old, new) = (base.params.get(up).values(), model.params.get(up).values());
            for i in 0..n {
                let wanted = if dropped.contains(&(i as u32)) { 0.0 } else { old[i] };
                assert_eq!(new[i], wanted);
            }
        }
        let error = Masks::new(&base, &feed_forward(&base), 1e-9, &Stream::new(0, "scores")).err().unwrap().to_string();
        assert!(error.contains("is not even one"), "{error}");
    }

    #[test]
    fn a_mask_tells_how_much_of_it_changed() {
        let base = tiny();
        let mut masks = Masks::new(&base, &feed_forward(&base), 0.25, &Stream::new(0, "scores")).unwrap();
        assert_eq!(masks.choose(), 0.0);
        let up = base.blocks[0].mlp.up.weight;
        let reversed: Vec<Real> = masks.scores(up).unwrap().iter().map(|s| 1.0 - s.abs()).collect();
        let before = masks.dropped(up).to_vec();
        masks.set_scores(up, &reversed);
        assert_eq!(shared(&before, masks.dropped(up)), 0);
    }
}
