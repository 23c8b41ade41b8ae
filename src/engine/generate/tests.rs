//! Decoding against a scripted model: what comes next is a formula of the tokens so far.

use super::config::{EarlyStopping, Finish, GenerateConfig, Generation, Strategy};
use super::step_model::StepModel;
use super::{Control, Fresh, Job, StopRule, never_stop, run};
use crate::error::{Error, Result};
use crate::tensor::{Real, Tensor};

const VOCAB: usize = 12;

/// Gives logits by a function of the whole sequence, and insists on being used as promised.
struct Scripted {
    logits: fn(&[u32]) -> Vec<Real>,
    rows: Vec<Vec<u32>>,
    n_rows: usize,
    capacity: usize,
    n_ctx: usize,
}

impl Scripted {
    fn new(logits: fn(&[u32]) -> Vec<Real>) -> Self {
        Self { logits, rows: Vec::new(), n_rows: 0, capacity: 0, n_ctx: 64 }
    }
}

impl StepModel for Scripted {
    fn vocab_size(&self) -> usize {
        VOCAB
    }

    fn n_ctx(&self) -> usize {
        self.n_ctx
    }

    fn prefill(&mut self, prompts: &[&[u32]], n_rows: usize, capacity: usize) -> Result<()> {
        (self.n_rows, self.capacity) = (n_rows, capacity);
        self.rows = prompts.iter().map(|p| p.to_vec()).collect();
        Ok(())
    }

    fn step(&mut self, tokens: &[u32]) -> Result<()> {
        assert_eq!(tokens.len(), self.rows.len(), "one token a row");
        for (row, token) in self.rows.iter_mut().zip(tokens) {
            row.push(*token);
            assert!(row.len() <= self.capacity, "more tokens than announced");
            assert!(row.len() <= self.n_ctx, "more tokens than the context");
        }
        Ok(())
    }

    fn reorder(&mut self, parents: &[usize]) -> Result<()> {
        assert!(parents.len() <= self.n_rows, "more rows than announced");
        self.rows = parents.iter().map(|p| self.rows[*p].clone()).collect();
        Ok(())
    }

    fn logits(&self) -> Result<Tensor> {
        Tensor::from_vec(&[self.rows.len(), VOCAB], self.rows.iter().flat_map(|r| (self.logits)(r)).collect())
    }

    fn likeliest(&self, n: usize) -> Result<Vec<Vec<(u32, f64)>>> {
        let of = |row: &Vec<u32>| {
            let logits: Vec<f64> = (self.logits)(row).iter().map(|x| f64::from(*x)).collect();
            let total = super::process::log_sum_exp(&logits);
            let mut order: Vec<u32> = (0..VOCAB as u32).collect();
            order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
            order.truncate(n);
            order.iter().map(|id| (*id, logits[*id as usize] - total)).collect()
        };
        Ok(self.rows.iter().map(of).collect())
    }
}

/// Something like noise that depends on the whole sequence.
fn noise(sequence: &[u32]) -> Vec<Real> {
    let seed = sequence.iter().fold(17u32, |h, t| (h ^ t).wrapping_mul(0x0100_0193).rotate_left(7));
    (0..VOCAB as u32)
        .map(|i| (seed ^ i.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B) >> 8)
        .map(|bits| Real::from(bits as u16) / 16000.0)
        .collect()
}

/// Counts upwards: after t comes t + 1, modulo the vocabulary.
fn counting(sequence: &[u32]) -> Vec<Real> {
    let next = sequence.last().map_or(0, |t| (*t as usize + 1) % VOCAB);
    (0..VOCAB).map(|i| if i == next { 5.0 } else { 0.0 }).collect()
}

/// Everything is equally likely.
fn flat(_: &[u32]) -> Vec<Real> {
    vec![0.0; VOCAB]
}

fn go(model: &mut Scripted, prompts: &[&[u32]], config: &GenerateConfig) -> Result<Vec<Vec<Generation>>> {
    go_with(model, prompts, config, 0, &never_stop, &mut |_| true)
}

fn go_with(
    model: &mut Scripted,
    prompts: &[&[u32]],
    config: &GenerateConfig,
    first_prompt: u64,
    stop: &StopRule<'_>,
    control: &mut Control<'_>,
) -> Result<Vec<Vec<Generation>>> {
    let limits = vec![config.max_new_tokens; prompts.len()];
    run(model, &Job { prompts, limits: &limits, config, first_prompt, stop }, control)
}

fn beam(beams: usize) -> Strategy {
    Strategy::Beam { beams, length_penalty: 1.0, early_stopping: EarlyStopping::Heuristic }
}

fn sample() -> Strategy {
    Strategy::Sample { temperature: 0.9, top_k: 0, top_p: 1.0 }
}

fn strategies() -> Vec<GenerateConfig> {
    let (length_penalty, early_stopping) = (1.0, EarlyStopping::Heuristic);
    let beam_sample =
        Strategy::BeamSample { beams: 3, length_penalty, early_stopping, temperature: 1.0, top_k: 5, top_p: 0.9 };
    let diverse = Strategy::DiverseBeam { beams: 4, groups: 2, diversity: 0.5, length_penalty, early_stopping };
    [(Strategy::Greedy, 1), (sample(), 3), (beam(3), 3), (beam_sample, 3), (diverse, 4)]
        .map(|(strategy, n_return)| GenerateConfig {
            strategy,
            n_return,
            max_new_tokens: 9,
            eos: vec![3],
            ..Default::default()
        })
        .into()
}

#[test]
fn a_prompt_gives_the_same_alone_and_in_company() {
    let prompts: [&[u32]; 4] = [&[1], &[2, 5, 9, 9, 0], &[4, 4], &[11, 10, 9]];
    for config in strategies() {
        let together = go(&mut Scripted::new(noise), &prompts, &config).unwrap();
        for (i, prompt) in prompts.iter().enumerate() {
            let alone =
                go_with(&mut Scripted::new(noise), &[prompt], &config, i as u64, &never_stop, &mut |_| true).unwrap();
            assert_eq!(alone[0], together[i], "{:?}", config.strategy);
        }
    }
}

#[test]
fn samples_differ_from_each_other_and_between_seeds() {
    let config = GenerateConfig { strategy: sample(), n_return: 4, max_new_tokens: 12, ..Default::default() };
    let first = go(&mut Scripted::new(flat), &[&[1], &[1]], &config).unwrap();
    let mut all: Vec<&Vec<u32>> = first.iter().flatten().map(|g| &g.tokens).collect();
    let again = go(&mut Scripted::new(flat), &[&[1], &[1]], &config).unwrap();
    assert_eq!(first, again);
    let other = go(&mut Scripted::new(flat), &[&[1], &[1]], &GenerateConfig { seed: 1, ..config }).unwrap();
    all.extend(other.iter().flatten().map(|g| &g.tokens));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 16, "two of the samples are equal");
}

#[test]
fn greedy_counts_and_ends_for_the_right_reason() {
    let mut model = Scripted::new(counting);
    let config = GenerateConfig { max_new_tokens: 4, eos: vec![7, 9], ..Default::default() };
    let out = go(&mut model, &[&[0], &[5], &[8]], &config).unwrap();
    let (tokens, finish): (Vec<_>, Vec<_>) = out.iter().flatten().map(|g| (g.tokens.clone(), g.finish)).unzip();
    assert_eq!(tokens, [vec![1, 2, 3, 4], vec![6, 7], vec![9]]);
    assert_eq!(finish, [Finish::Length, Finish::Eos(7), Finish::Eos(9)]);
    let log_prob = 5.0 - (5f64.exp() + 11.0).ln();
    assert!((out[0][0].score - 4.0 * log_prob).abs() < 1e-9, "{}", out[0][0].score);
}

#[test]
fn ties_go_to_the_lowest_token() {
    let two = GenerateConfig { max_new_tokens: 2, ..Default::default() };
    assert_eq!(go(&mut Scripted::new(flat), &[&[4]], &two).unwrap()[0][0].tokens, [0, 0]);
    let slow = GenerateConfig { repetition_penalty: 1.5, ..two.clone() };
    assert_eq!(go(&mut Scripted::new(flat), &[&[4]], &slow).unwrap()[0][0].tokens, [0, 0], "0 stays 0 when divided");
    let beams = GenerateConfig { strategy: beam(2), n_return: 2, ..two };
    let out = go(&mut Scripted::new(flat), &[&[4]], &beams).unwrap();
    assert_eq!([&out[0][0].tokens, &out[0][1].tokens], [&[0, 0], &[0, 1]]);
}

#[test]
fn suppressed_tokens_do_not_come_with_and_without_logits() {
    for n in [2, 9] {
        let forbid: Vec<u32> = (0..n).collect();
        let config = GenerateConfig { forbid, max_new_tokens: 3, ..Default::default() };
        let out = go(&mut Scripted::new(flat), &[&[4]], &config).unwrap();
        assert_eq!(out[0][0].tokens, [n; 3]);
    }
    let config = GenerateConfig { eos: vec![2], min_new_tokens: 3, max_new_tokens: 9, ..Default::default() };
    let out = go(&mut Scripted::new(counting), &[&[1]], &config).unwrap();
    // 2 is impossible at first, so the lowest of the others; later counting reaches it.
    assert_eq!(out[0][0].tokens, [0, 1, 0, 1, 2]);
    let none = GenerateConfig { forbid: (0..VOCAB as u32).collect(), ..config };
    for strategy in [Strategy::Greedy, sample(), beam(2)] {
        let config = GenerateConfig { strategy, ..none.clone() };
        let error = go(&mut Scripted::new(flat), &[&[1]], &config).unwrap_err();
        assert!(error.to_string().contains("no token is possible"), "{error}");
    }
}

#[test]
fn the_context_is_filled_to_the_last_token_and_no_further() {
    for mut config in strategies() {
        config.eos.clear();
        let mut model = Scripted::new(noise);
        model.n_ctx = 6;
        let out = go(&mut model, &[&[1, 2, 3, 4], &[1, 2, 3, 4, 5, 6]], &config).unwrap();
        for (generations, n) in out.iter().zip([3, 1]) {
            let ends = generations.iter().map(|g| (g.tokens.len(), g.finish));
            assert!(ends.eq(generations.iter().map(|_| (n, Finish::ContextFull))), "{out:?}");
        }
    }
}

#[test]
fn the_caller_may_stop_a_text_and_cancel_the_work() {
    let stop = |new: &[u32]| new.ends_with(&[4, 5]);
    let config = GenerateConfig::default();
    let out = go_with(&mut Scripted::new(counting), &[&[2]], &config, 0, &stop, &mut |_| true).unwrap();
    assert_eq!((out[0][0].tokens.as_slice(), out[0][0].finish), (&[3, 4, 5][..], Finish::Stop));
    let searched = GenerateConfig { strategy: beam(2), ..config.clone() };
    let out = go_with(&mut Scripted::new(counting), &[&[2]], &searched, 0, &stop, &mut |_| true).unwrap();
    assert_eq!((out[0][0].tokens.as_slice(), out[0][0].finish), (&[3, 4, 5][..], Finish::Stop));

    for config in [config, searched] {
        let mut steps = 0;
        let mut control = |step: super::Step<'_>| {
            steps += 1;
            assert_eq!(step.n_new, steps);
            steps < 3
        };
        let cancelled = go_with(&mut Scripted::new(counting), &[&[2]], &config, 0, &never_stop, &mut control);
        assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
        assert_eq!(steps, 3);
    }
}

#[test]
fn tokens_stream_out_as_they_are_chosen() {
    let config = GenerateConfig { max_new_tokens: 2, eos: vec![6], ..Default::default() };
    let mut seen = Vec::new();
    let mut control = |step: super::Step<'_>| {
        seen.push((step.n_running, step.fresh.to_vec()));
        true
    };
    go_with(&mut Scripted::new(counting), &[&[1], &[5]], &config, 7, &never_stop, &mut control).unwrap();
    let fresh = |prompt, token| Fresh { prompt, sample: 0, token };
    assert_eq!(seen, [(1, vec![fresh(7, 2), fresh(8, 6)]), (0, vec![fresh(7, 3)])]);
}

#[test]
fn sampling_follows_the_exact_distribution_over_two_tokens() {
    let config = GenerateConfig {
        strategy: Strategy::Sample { temperature: 0.7, top_k: 4, top_p: 0.95 },
        max_new_tokens: 2,
        n_return: 20_000,
        seed: 5,
        ..Default::default()
    };
    let out = go(&mut Scripted::new(noise), &[&[3, 1]], &config).unwrap();
    // By the definition: the four best, then the smallest set that reaches 0.95.
    let probs = |sequence: &[u32]| -> Vec<(u32, f64)> {
        let logits = noise(sequence);
        let mut order: Vec<u32> = (0..VOCAB as u32).collect();
        order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
        order.truncate(4);
        let weight = |id: u32| (f64::from(logits[id as usize]) / 0.7).exp();
        let total: f64 = order.iter().map(|id| weight(*id)).sum();
        let mut kept = Vec::new();
        while kept.iter().map(|(_, w)| w / total).sum::<f64>() < 0.95 {
            kept.push((order[kept.len()], weight(order[kept.len()])));
        }
        let total: f64 = kept.iter().map(|(_, w)| w).sum();
        kept.into_iter().map(|(id, w)| (id, w / total)).collect()
    };
    let mut chi_square = 0.0;
    let (mut cells, mut counted) = (0, 0);
    for (a, p) in probs(&[3, 1]) {
        for (b, q) in probs(&[3, 1, a]) {
            let count = out[0].iter().filter(|g| g.tokens == [a, b]).count();
            let expected = p * q * 20_000.0;
            chi_square += (count as f64 - expected).powi(2) / expected;
            (cells, counted) = (cells + 1, counted + count);
        }
    }
    assert_eq!(counted, 20_000, "a truncated token was drawn");
    assert!(cells >= 9, "too few cells for a test: {cells}");
    // χ² has mean cells − 1 and deviation √(2(cells − 1)); four deviations are exceeded about once in 3000.
    let n = f64::from(cells - 1);
    assert!(chi_square < n + 4.0 * (2.0 * n).sqrt(), "χ² {chi_square} for {cells} cells");
}

#[test]
fn a_beam_as_wide_as_all_sequences_finds_the_best_one() {
    // 12 × 12 × 12 continuations of three tokens; 144 beams see them all.
    let config = GenerateConfig { strategy: beam(VOCAB * VOCAB), max_new_tokens: 3, ..Default::default() };
    let found = &go(&mut Scripted::new(noise), &[&[6]], &config).unwrap()[0][0];
    let log_prob = |sequence: &[u32], next: u32| {
        let logits: Vec<f64> = noise(sequence).iter().map(|x| f64::from(*x)).collect();
        logits[next as usize] - logits.iter().map(|x| x.exp()).sum::<f64>().ln()
    };
    let mut best = (f64::NEG_INFINITY, Vec::new());
    for id in 0..(VOCAB as u32).pow(3) {
        let [a, b, c] = [id / 144, id / 12 % 12, id % 12];
        let score = log_prob(&[6], a) + log_prob(&[6, a], b) + log_prob(&[6, a, b], c);
        if score > best.0 {
            best = (score, vec![a, b, c]);
        }
    }
    assert_eq!(found.tokens, best.1);
    assert!((found.score - best.0 / 3.0).abs() < 1e-6, "{} is not {} / 3", found.score, best.0);
}

#[test]
fn weights_that_are_not_numbers_are_refused() {
    let broken = |_: &[u32]| vec![Real::NAN; VOCAB];
    for config in strategies() {
        let error = go(&mut Scripted::new(broken), &[&[1]], &config).unwrap_err();
        assert!(error.to_string().contains("not finite"), "{error}");
    }
}
