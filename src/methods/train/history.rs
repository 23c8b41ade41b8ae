//! What was found so far: the training curve and the checks. All of the report is made from it.

use serde::{Deserialize, Serialize};

use super::check::{AnswerCheck, BackdoorCheck, MemorizationCheck, QualityCheck};

/// The training curve and the checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    pub(super) curve: Vec<Point>,
    pub(super) checks: Vec<Checked>,
    /// Steps since the last point of the curve.
    pub(super) open: Open,
    /// Lowest test loss, and checks since.
    pub(super) best: Option<(f64, u64)>,
    /// Whether training ended before its last step because the test loss fell no more.
    pub(super) stopped: bool,
}

/// A point of the training curve: means over the steps since the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    /// Steps that were taken.
    pub(super) step: u64,
    pub(super) epoch: f64,
    /// Tokens that were read.
    pub(super) tokens: u64,
    /// Learning rate of the last of the steps.
    pub(super) lr: f64,
    /// Nats per token, all examples counted.
    pub(super) loss: f64,
    /// The loss whose gradient was taken: where loss truncation leaves out examples, that of the kept ones.
    pub(super) objective: f64,
    /// What the penalties on weights add to it.
    pub(super) penalty: f64,
    /// Norm of the gradient before it was cut.
    pub(super) grad_norm: f64,
    /// Share of the examples that loss truncation kept.
    pub(super) kept: f64,
}

/// Sums over steps that have no point yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) n: u64,
    pub(super) sums: [f64; 5],
}

/// What one step found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stepped {
    pub(super) loss: f64,
    pub(super) objective: f64,
    pub(super) penalty: f64,
    pub(super) grad_norm: f64,
    pub(super) kept: f64,
    pub(super) lr: f64,
    pub(super) tokens: u64,
}

/// A check of the model as it was after `step` steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Checked {
    pub(super) step: u64,
    pub(super) epoch: f64,
    pub(super) tokens: u64,
    /// One a test set; empty when not asked for.
    pub(super) quality: Vec<QualityCheck>,
    /// One a group of training rows; empty when not asked for.
    pub(super) memorized: Vec<MemorizationCheck>,
    /// One a test set: rows that were never trained on, or of poisoned ones how often the attack succeeds.
    pub(super) held_out: Vec<HeldOut>,
    /// Questions about stated facts, by whom they are about; empty when not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) answers: Vec<AnswerCheck>,
}

/// What became of a test set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HeldOut {
    /// Rows as they are.
    Plain(MemorizationCheck),
    /// Rows with a trigger.
    Backdoor(BackdoorCheck),
}

impl History {
    /// Takes a step into account; gives the new point of the curve every `every` steps and at the `last` one.
    pub(super) fn add(&mut self, stepped: &Stepped, at: (u64, f64, u64), every: u64, last: bool) -> Option<Point> {
        self.open.n += 1;
        let numbers = [stepped.loss, stepped.objective, stepped.penalty, stepped.grad_norm, stepped.kept];
        self.open.sums.iter_mut().zip(numbers).for_each(|(sum, x)| *sum += x);
        if at.0.is_multiple_of(every) || last { self.close(at, stepped.lr) } else { None }
    }

    /// Makes a point of the steps that have none yet; `lr` is that of the last of them.
    pub(super) fn close(&mut self, at: (u64, f64, u64), lr: f64) -> Option<Point> {
        let Open { n, sums } = std::mem::take(&mut self.open);
        if n == 0 {
            return None;
        }
        let (step, epoch, tokens) = at;
        let [loss, objective, penalty, grad_norm, kept] = sums.map(|sum| sum / n as f64);
        let point = Point { step, epoch, tokens, lr, loss, objective, penalty, grad_norm, kept };
        self.curve.push(point);
        Some(point)
    }

    /// Whether the model was checked after `step` steps.
    pub(super) fn is_checked(&self, step: u64) -> bool {
        self.checks.last().is_some_and(|check| check.step == step)
    }

    /// Takes note of a check; `patience` checks without a test loss lower by `min_delta` end the training.
    pub(super) fn check(&mut self, check: Checked, patience: Option<u64>, min_delta: f64) {
        let loss = check.test_loss();
        self.checks.push(check);
        let (Some(patience), Some(loss)) = (patience, loss) else { return };
        self.best = match self.best {
            Some((best, since)) if loss >= best - min_delta => Some((best, since + 1)),
            _ => Some((loss, 0)),
        };
        self.stopped = self.best.is_some_and(|(_, since)| since >= patience);
    }
}

impl Checked {
    /// Mean loss over the tokens of all test sets.
    pub(super) fn test_loss(&self) -> Option<f64> {
        let tokens: usize = self.quality.iter().map(|q| q.n_tokens).sum();
        let nll: f64 = self.quality.iter().map(|q| q.loss * q.n_tokens as f64).sum();
        (tokens > 0).then(|| nll / tokens as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_means_over_the_steps_between() {
        let mut history = History::default();
        let step = |loss: f64| Stepped { loss, lr: 0.1, kept: 1.0, ..Stepped::default() };
        assert_eq!(history.add(&step(2.0), (1, 0.1, 10), 2, false), None);
        let point = history.add(&step(4.0), (2, 0.2, 20), 2, false).unwrap();
        assert_eq!((point.loss, point.step, point.tokens), (3.0, 2, 20));
        let last = history.add(&step(7.0), (3, 0.3, 30), 2, true).unwrap();
        assert_eq!((last.loss, history.curve.len()), (7.0, 2));
        assert_eq!(history.close((3, 0.3, 30), 0.1), None, "nothing is open");
        history.add(&step(5.0), (4, 0.4, 40), 3, false);
        let closed = history.close((4, 0.4, 40), 0.2).unwrap();
        assert_eq!((closed.loss, closed.step, closed.lr, history.curve.len()), (5.0, 4, 0.2, 3));
    }

    #[test]
    fn patience_counts_checks_without_a_lower_test_loss() {
        let mut history = History::default();
        let with = |loss: f64| Checked {
            quality: vec![QualityCheck { n_tokens: 10, loss, ..QualityCheck::default() }],
            ..Checked::default()
        };
        let stops: Vec<bool> = [3.0, 2.0, 1.99, 2.5, 1.0, 1.0, 1.0]
            .into_iter()
            .map(|loss| {
                history.check(with(loss), Some(3), 0.05);
                history.stopped
            })
            .collect();
        assert_eq!(stops, [false, false, false, false, false, false, false]);
        history.check(with(0.99), Some(3), 0.05);
        assert!(history.stopped, "the third check without a fall of 0.05");
    }
}
