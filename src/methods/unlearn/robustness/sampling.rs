//! Many draws instead of the likeliest continuation: a text that is no longer the likeliest may still be drawn.
//!
//! q = the probability that sampling draws the l tokens after k exactly (temperature, then top-k), from one
//! teacher-forced pass. In n draws a text appears with probability 1 − (1−q)^n; it is (n, p)-discoverable when that is
//! at least p. Nothing is drawn, so that no seed is needed and no draw can miss.
//! Source: Hayes et al. 2024, arXiv:2410.19482, eq. 2 and 3.

use crate::engine::Decoder;
use crate::engine::generate::{GenerateConfig, Strategy, drawn_log_prob};
use crate::error::Result;
use crate::methods::common::continuations::EosPolicy;
use crate::methods::unlearn::config::Config;
use crate::methods::unlearn::sets::{Item, Sets, eos_policy};
use crate::methods::{Context, LoadedModel};

/// ln q of every text, before and after; absent for texts that are too short.
pub(in crate::methods::unlearn) struct Sampling {
    pub(super) log_q: [Vec<Option<f64>>; 2],
    /// The texts.
    pub(super) rows: Vec<(usize, String)>,
}

impl Sampling {
    /// Mean over texts of the probability of appearing in `n` draws; 0: before, 1: after.
    pub(super) fn appearing(&self, side: usize, n: f64) -> Option<f64> {
        mean(self.log_q[side].iter().flatten().map(|q| appears(*q, n)))
    }

    /// Share of the texts that appear in `n` draws with at least the probability `p`.
    pub(super) fn discoverable(&self, side: usize, n: f64, p: f64) -> Option<f64> {
        mean(self.log_q[side].iter().flatten().map(|q| f64::from(u8::from(appears(*q, n) >= p))))
    }

    /// Texts that are long enough.
    pub(super) fn n(&self) -> usize {
        self.log_q[0].iter().flatten().count()
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0), |(sum, n), x| (sum + x, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

/// 1 − (1−q)^n, exact for the smallest q too.
pub(super) fn appears(log_q: f64, n: f64) -> f64 {
    let q = log_q.exp().min(1.0);
    -(n * (-q).ln_1p()).exp_m1()
}

pub(super) fn run(
    config: &Config,
    cx: &mut Context<'_>,
    base: &LoadedModel,
    edited: &Decoder,
    sets: &Sets<'_>,
) -> Result<Sampling> {
    let log_q = [
        of_model(config, cx, &base.decoder, &sets.forget, "before: draws")?,
        of_model(config, cx, edited, &sets.forget, "after: draws")?,
    ];
    Ok(Sampling { log_q, rows: sets.forget.iter().map(|i| (i.text.row, i.id.clone())).collect() })
}

fn of_model(
    config: &Config,
    cx: &mut Context<'_>,
    model: &Decoder,
    items: &[Item],
    stage: &str,
) -> Result<Vec<Option<f64>>> {
    let options = &config.robustness;
    let strategy = Strategy::Sample { temperature: options.temperature, top_k: options.top_k, top_p: 1.0 };
    let forbid = if eos_policy(config, model) == EosPolicy::Forbid { model.config.eos.clone() } else { Vec::new() };
    let sampled = GenerateConfig { strategy, forbid, ..GenerateConfig::default() };
    cx.map(stage, items.len(), 1, |range| {
        let of = |item: &Item| {
            let probe = item.probe.as_ref();
            probe.map(|p| drawn_log_prob(model, &p.prefix, &p.continuation, &sampled)).transpose()
        };
        items[range].iter().map(of).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appearing_in_draws_by_hand() {
        let sampling = Sampling {
            log_q: [vec![Some(0.5_f64.ln()), None, Some(f64::NEG_INFINITY)], vec![Some(0.0), None, Some(0.1_f64.ln())]],
            rows: Vec::new(),
        };
        assert_eq!((sampling.appearing(0, 1.0), sampling.n()), (Some(0.25), 2));
        assert!((sampling.appearing(0, 3.0).unwrap() - 0.5 * 0.875).abs() < 1e-12);
        // 1 − 0.9^n reaches one half at the seventh draw
        assert_eq!([6.0, 7.0].map(|n| sampling.discoverable(1, n, 0.5)), [Some(0.5), Some(1.0)]);
        assert!((appears(-40.0, 1e6) / (1e6 * (-40.0_f64).exp()) - 1.0).abs() < 1e-9, "small probabilities are kept");
    }
}
