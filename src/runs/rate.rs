//! How fast a stage goes and when it will be done.

use std::collections::VecDeque;

/// Seconds over which the rate is averaged, so that it follows changes but does not jump.
const WINDOW_SECS: f64 = 15.0;
/// Seconds between two samples.
const SAMPLE_SECS: f64 = 0.25;

/// Measures a stage. Times are seconds of a monotonic clock.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    stage: String,
    samples: VecDeque<(f64, u64)>,
}

/// Units a second, and seconds left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rate {
    /// Units a second lately.
    pub(super) per_sec: Option<f64>,
    /// Seconds left.
    pub(super) eta_secs: Option<f64>,
}

impl RateMeter {
    /// Takes note that `done` of `total` units of `stage` are finished at time `at`.
    pub(super) fn update(&mut self, stage: &str, done: u64, total: u64, at: f64) -> Rate {
        if self.stage != stage || self.samples.back().is_some_and(|last| done < last.1) {
            stage.clone_into(&mut self.stage);
            self.samples.clear();
        }
        if self.samples.back().is_none_or(|last| at - last.0 >= SAMPLE_SECS) {
            self.samples.push_back((at, done));
        }
        while self.samples.len() > 2 && self.samples.front().is_some_and(|first| at - first.0 > WINDOW_SECS) {
            self.samples.pop_front();
        }
        let Some(&(since, done_then)) = self.samples.front() else { return Rate::default() };
        if at - since < SAMPLE_SECS || done == done_then {
            return Rate::default();
        }
        let per_sec = (done - done_then) as f64 / (at - since);
        Rate { per_sec: Some(per_sec), eta_secs: Some(total.saturating_sub(done) as f64 / per_sec) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_restored_from_an_interrupted_run_do_not_count_as_speed() {
        let mut meter = RateMeter::default();
        assert_eq!(meter.update("score", 500, 1000, 0.0), Rate::default());
        let rate = meter.update("score", 510, 1000, 1.0);
        assert_eq!(rate, Rate { per_sec: Some(10.0), eta_secs: Some(49.0) });
        assert_eq!(meter.update("next", 0, 10, 1.1), Rate::default());
    }

    #[test]
    fn the_rate_follows_the_last_seconds() {
        let mut meter = RateMeter::default();
        for second in 0..100 {
            meter.update("s", second, 10_000, second as f64);
        }
        let rate = (0..30).map(|i| meter.update("s", 100 + i * 10, 10_000, 100.0 + i as f64)).last();
        assert!(rate.and_then(|r| r.per_sec).is_some_and(|r| (r - 10.0).abs() < 1e-9), "{rate:?}");
    }
}
