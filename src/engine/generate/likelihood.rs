//! How likely sampling is to draw a given continuation: exactly, from one teacher-forced pass, without drawing.
//!
//! Source: Hayes et al. 2024, arXiv:2410.19482, eq. 3: the probability of a text under a sampling scheme is the product
//! of the renormalized probabilities of its tokens.

use super::config::GenerateConfig;
use super::process::{log_sum_exp, penalize_repetition, suppress, truncate};
use crate::error::{Error, Result};
use crate::hooks::NoTap;
use crate::loss::logits;
use crate::model::Decoder;
use crate::tensor::Batch;

/// ln of the probability that sampling as `config` says draws `continuation` right after `prompt`, nats; −∞ when one of
/// its tokens is cut off by top-k, top-p or suppression. End-of-text tokens are tokens like others.
///
/// # Errors
/// `Config` for a strategy that does not sample and for fields out of range; `Bug` for an empty prompt or continuation;
/// those of the engine.
pub fn drawn_log_prob(model: &Decoder, prompt: &[u32], continuation: &[u32], config: &GenerateConfig) -> Result<f64> {
    config.check(&model.config)?;
    let sampling = config.sampling().ok_or_else(|| {
        Error::config("the strategy draws nothing, so that nothing has a probability").hint("use the strategy `sample`")
    })?;
    let Some((_, given)) = continuation.split_last().filter(|_| !prompt.is_empty()) else {
        return Err(Error::bug("the probability of nothing, or after nothing"));
    };
    let ids = [prompt, given].concat();
    let all = logits(model, &Batch::causal(&[ids.as_slice()]), &mut NoTap)?;
    let (values, width) = (all.to_host()?, all.cols().max(1));
    let mut total = 0.0;
    let mut scores: Vec<f64> = Vec::with_capacity(width);
    for (n_new, (row, target)) in values.chunks_exact(width).skip(prompt.len() - 1).zip(continuation).enumerate() {
        scores.clear();
        scores.extend(row.iter().map(|x| f64::from(*x)));
        penalize_repetition(&mut scores, &ids[..prompt.len() + n_new], config.repetition_penalty);
        suppress(&mut scores, &config.suppressed(n_new));
        truncate(&mut scores, &sampling);
        let chosen = scores.get(*target as usize).ok_or_else(|| Error::bug("a token beyond the vocabulary"))?;
        total += chosen - log_sum_exp(&scores);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Strategy, generate, never_stop};
    use crate::testing;

    fn sampled(temperature: f64, top_k: usize, forbid: Vec<u32>) -> GenerateConfig {
        GenerateConfig {
            strategy: Strategy::Sample { temperature, top_k, top_p: 1.0 },
            forbid,
            ..GenerateConfig::default()
        }
    }

    /// All continuations of two tokens together are certain, and those that top-k and suppression leave are k·k.
    #[test]
    fn probabilities_of_all_continuations_add_up_to_one() {
        let (_, config) = testing::shapes().remove(0);
        let model = testing::decoder(&config, 3);
        let n = config.vocab_size as u32;
        for (config, possible) in [
            (sampled(1.0, 0, vec![]), n * n),
            (sampled(0.7, 3, vec![]), 9),
            (sampled(2.0, 0, vec![4]), (n - 1) * (n - 1)),
        ] {
            let (mut sum, mut n_possible) = (0.0, 0);
            for (a, b) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))) {
                let p = drawn_log_prob(&model, &[1, 2, 3], &[a, b], &config).unwrap();
                sum += p.exp();
                n_possible += u32::from(p > f64::NEG_INFINITY);
            }
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            assert_eq!(n_possible, possible);
        }
        assert!(
            drawn_log_prob(&model, &[1], &[2], &GenerateConfig::default()).is_err(),
            "greedy decoding draws nothing"
        );
    }

    /// Drawing itself agrees, within four standard errors.
    #[test]
    fn draws_are_as_frequent_as_said() {
        const DRAWS: usize = 4000;
        let (_, config) = testing::shapes().remove(3);
        let model = testing::decoder(&config, 5);
        let config = GenerateConfig { max_new_tokens: 2, n_return: DRAWS, ..sampled(0.5, 4, vec![]) };
        let drawn = generate(&model, &[&[5, 6][..]], &config, &never_stop, &mut |_| true).unwrap().remove(0);
        let mut seen: Vec<Vec<u32>> = drawn.iter().map(|g| g.tokens.clone()).collect();
        seen.sort();
        seen.dedup();
        for tokens in seen {
            let p = drawn_log_prob(&model, &[5, 6], &tokens, &config).unwrap().exp();
            let share = drawn.iter().filter(|g| g.tokens == tokens).count() as f64 / DRAWS as f64;
            let error = (p * (1.0 - p) / DRAWS as f64).sqrt();
            assert!((share - p).abs() < 4.0 * error + 1e-3, "{tokens:?}: {share} of the draws, probability {p}");
        }
    }
}
