//! Choosing among scored tokens.

use crate::rng::Stream;

/// Index of the highest score, the lowest among equals; `None` when nothing is possible.
pub(super) fn best(row: &[f64]) -> Option<usize> {
    let mut found = None;
    let mut max = f64::NEG_INFINITY;
    for (i, x) in row.iter().enumerate() {
        if *x > max {
            max = *x;
            found = Some(i);
        }
    }
    found
}

/// An index drawn with probability ∝ exp(score); `None` when nothing is possible.
pub(super) fn draw(row: &[f64], stream: &mut Stream) -> Option<usize> {
    let max = row[best(row)?];
    let total: f64 = row.iter().map(|x| (x - max).exp()).sum();
    let target = stream.uniform() * total;
    let mut sum = 0.0;
    let mut last = None;
    for (i, x) in row.iter().enumerate().filter(|(_, x)| **x > f64::NEG_INFINITY) {
        sum += (x - max).exp();
        last = Some(i);
        if sum > target {
            break;
        }
    }
    last
}

/// A continuation of a beam by one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// Sum of log-probabilities.
    pub(super) score: f64,
    /// Index of the beam in its group.
    pub(super) beam: usize,
    pub(super) token: u32,
}

/// The best `n` candidates offered so far, best first; among equals those offered first.
#[derive(Debug)]
pub(super) struct Best {
    n: usize,
    found: Vec<Candidate>,
}

impl Best {
    pub(super) fn new(n: usize) -> Self {
        Self { n, found: Vec::with_capacity(n + 1) }
    }

    pub(super) fn offer(&mut self, candidate: Candidate) {
        let worst = match self.found.last() {
            Some(last) if self.found.len() == self.n => last.score,
            _ => f64::NEG_INFINITY,
        };
        if candidate.score > worst {
            let place = self.found.partition_point(|c| c.score >= candidate.score);
            self.found.insert(place, candidate);
            self.found.truncate(self.n);
        }
    }

    pub(super) fn into_vec(self) -> Vec<Candidate> {
        self.found
    }
}

/// Draws `n` candidates without replacement, each with probability ∝ exp(score) among those left; best first.
pub(super) fn draw_without_replacement(mut pool: Vec<Candidate>, n: usize, stream: &mut Stream) -> Vec<Candidate> {
    let max = pool.iter().map(|c| c.score).fold(f64::NEG_INFINITY, f64::max);
    let mut weights: Vec<f64> = pool.iter().map(|c| (c.score - max).exp()).collect();
    let mut drawn = Vec::with_capacity(n.min(pool.len()));
    while drawn.len() < n && !pool.is_empty() {
        let total: f64 = weights.iter().sum();
        let target = stream.uniform() * total;
        let mut sum = 0.0;
        let passes = |w: &f64| {
            sum += w;
            sum > target
        };
        // Rounding, or weights too small to count, may leave none: then the heaviest.
        let chosen = weights.iter().position(passes).or_else(|| best(&weights)).unwrap_or(0);
        drawn.push(pool.remove(chosen));
        weights.remove(chosen);
    }
    drawn.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.beam, a.token).cmp(&(b.beam, b.token))));
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: f64 = f64::NEG_INFINITY;

    /// χ² of `counts` against `probs` over `n` draws.
    fn chi_square(counts: &[u32], probs: &[f64], n: u32) -> f64 {
        let cells = counts.iter().zip(probs).filter(|(_, p)| **p > 0.0);
        cells.map(|(c, p)| (f64::from(*c) - p * f64::from(n)).powi(2) / (p * f64::from(n))).sum()
    }

    #[test]
    fn ties_go_to_the_lower_id() {
        assert_eq!(best(&[1.0, 2.0, 2.0]), Some(1));
        assert_eq!(best(&[OUT, OUT]), None);
        assert_eq!(best(&[f64::NAN]), None);
    }

    #[test]
    fn draws_follow_the_distribution() {
        let probs = [0.5, 0.0, 0.3, 0.15, 0.05];
        let row = probs.map(f64::ln);
        let mut stream = Stream::new(1, "draw");
        let mut counts = [0; 5];
        for _ in 0..20_000 {
            counts[draw(&row, &mut stream).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0, "an impossible token was drawn");
        // 3 degrees of freedom: 16.27 is exceeded once in a thousand.
        assert!(chi_square(&counts, &probs, 20_000) < 16.27, "{counts:?}");
    }

    #[test]
    fn draws_without_replacement_follow_plackett_and_luce() {
        let probs: [f64; 3] = [0.6, 0.3, 0.1];
        let pool: Vec<Candidate> =
            (0..3).map(|i| Candidate { score: probs[i].ln() + 5.0, beam: 0, token: i as u32 }).collect();
        let mut stream = Stream::new(2, "draw");
        let mut counts = [0; 3];
        for _ in 0..20_000 {
            let pair = draw_without_replacement(pool.clone(), 2, &mut stream);
            assert!(pair[0].score > pair[1].score, "best first");
            let left_out = 3 - pair[0].token - pair[1].token;
            counts[left_out as usize] += 1;
        }
        // P(i is left out) = Σ over the two orders of the others.
        let left_out =
            |i: usize, j: usize| probs[i] * probs[j] / (1.0 - probs[i]) + probs[j] * probs[i] / (1.0 - probs[j]);
        let expected = [left_out(1, 2), left_out(0, 2), left_out(0, 1)];
        assert!(chi_square(&counts, &expected, 20_000) < 13.82, "{counts:?} for {expected:?}");
    }

    #[test]
    fn drawing_more_than_there_are_gives_all() {
        let pool = vec![Candidate { score: -2000.0, beam: 1, token: 0 }, Candidate { score: 0.0, beam: 0, token: 7 }];
        let drawn = draw_without_replacement(pool, 6, &mut Stream::new(3, "draw"));
        assert_eq!(drawn.iter().map(|c| c.token).collect::<Vec<_>>(), [7, 0]);
    }

    #[test]
    fn best_keeps_order_and_the_first_of_equals() {
        let mut best = Best::new(2);
        for (token, score) in [(0, OUT), (1, 1.0), (2, 3.0), (3, 1.0), (4, 3.0), (5, 2.0)] {
            best.offer(Candidate { score, beam: 0, token });
        }
        assert_eq!(best.into_vec().iter().map(|c| c.token).collect::<Vec<_>>(), [2, 4]);
    }
}
