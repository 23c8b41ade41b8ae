//! Decoding with a cache gives the bits of the full forward pass, whatever runs beside it.

use memoscope::engine::cache::KvCache;
use memoscope::engine::generate::{
    EarlyStopping, GenerateConfig, Generation, Strategy, generate, greedy_from, never_stop,
};
use memoscope::engine::model::Keep;
use memoscope::engine::score::score_tokens;
use memoscope::engine::{Batch, Decoder, NoTap, Want};

use super::models;

/// Sequences of unequal lengths, made by a formula.
fn sequences(model: &Decoder, lengths: &[usize]) -> Vec<Vec<u32>> {
    let id = |s: usize, t: usize| (((s + 3) * 7919 + t * t * 31 + t * 17) % model.config.vocab_size) as u32;
    let cut = |n: &usize| (*n).min(model.config.n_ctx);
    lengths.iter().enumerate().map(|(s, n)| (0..cut(n)).map(|t| id(s, t)).collect()).collect()
}

fn hidden_of(model: &Decoder, sequence: &[u32]) -> Vec<f32> {
    model.forward(&Batch::causal(&[sequence]), &mut NoTap, Keep::Nothing).unwrap().hidden.to_host().unwrap().to_vec()
}

#[test]
fn cached_steps_equal_the_full_forward_bit_for_bit() {
    for (name, model) in models() {
        let c = model.config.d_model;
        let all = sequences(&model, &[30, 17, 26]);
        let full: Vec<Vec<f32>> = all.iter().map(|s| hidden_of(&model, s)).collect();
        let mut cache = KvCache::new(&model, 4, 30).unwrap();
        cache.restart(3).unwrap();
        // Unequal prompts, then a few tokens at once, then one at a time.
        let mut read = [0; 3];
        for n in [[9, 1, 5], [3, 1, 7]].into_iter().chain(std::iter::repeat_n([1; 3], 14)) {
            let tokens: Vec<&[u32]> = (0..3).map(|s| &all[s][read[s]..read[s] + n[s]]).collect();
            let hidden = model.step(&mut cache, &tokens).unwrap();
            let mut row = 0;
            for s in 0..3 {
                let rows = &hidden.to_host().unwrap()[row * c..(row + n[s]) * c];
                assert_eq!(rows, &full[s][read[s] * c..(read[s] + n[s]) * c], "{name}: sequence {s} at {}", read[s]);
                row += n[s];
                read[s] += n[s];
            }
        }
    }
}

#[test]
fn reordered_sequences_go_on_from_their_parents() {
    for (name, model) in models() {
        let all = sequences(&model, &[8, 5]);
        let mut cache = KvCache::new(&model, 4, 16).unwrap();
        cache.restart(2).unwrap();
        model.step(&mut cache, &[&all[0], &all[1]]).unwrap();
        let mut past = vec![all[0].clone(), all[1].clone()];
        for parents in [vec![1, 0, 1, 1], vec![3, 1, 0, 2], vec![2, 2, 2, 0], vec![3, 1]] {
            cache.reorder(&parents).unwrap();
            past = parents.iter().map(|p| past[*p].clone()).collect();
            let tokens: Vec<u32> = (0..parents.len() as u32).map(|i| 3 + i).collect();
            let hidden = model.step(&mut cache, &tokens.chunks(1).collect::<Vec<_>>()).unwrap();
            for (row, (past, token)) in past.iter_mut().zip(&tokens).enumerate() {
                past.push(*token);
                let full = hidden_of(&model, past);
                let c = model.config.d_model;
                assert_eq!(
                    &hidden.to_host().unwrap()[row * c..(row + 1) * c],
                    &full[full.len() - c..],
                    "{name}: {parents:?} {row}"
                );
            }
        }
    }
}

#[test]
fn greedy_tokens_are_those_a_teacher_forced_pass_prefers() {
    for (name, model) in models() {
        let prompts = sequences(&model, &[12, 3, 7]);
        let n_new = [10, 0, 20];
        let slices: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let out = greedy_from(&model, &slices, &n_new, &mut |_| true).unwrap();
        assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), n_new, "{name}");
        for (prompt, new) in prompts.iter().zip(&out).filter(|(_, new)| !new.is_empty()) {
            let whole = [prompt.as_slice(), new].concat();
            let scores = score_tokens(&model, &[&whole], Want::default()).unwrap();
            let preferred: Vec<u32> = scores[0][prompt.len() - 1..].iter().map(|s| s.argmax).collect();
            assert_eq!(&preferred, new, "{name}");
        }
    }
}

fn strategies() -> Vec<GenerateConfig> {
    let (length_penalty, early_stopping) = (1.0, EarlyStopping::Heuristic);
    let all = [
        (Strategy::Greedy, 1),
        (Strategy::Sample { temperature: 1.0, top_k: 20, top_p: 0.9 }, 2),
        (Strategy::Beam { beams: 3, length_penalty, early_stopping }, 2),
        (Strategy::BeamSample { beams: 2, length_penalty, early_stopping, temperature: 1.0, top_k: 0, top_p: 1.0 }, 2),
        (Strategy::DiverseBeam { beams: 4, groups: 2, diversity: 1.0, length_penalty, early_stopping }, 4),
    ];
    let config = |(strategy, n_return)| GenerateConfig {
        strategy,
        n_return,
        max_new_tokens: 8,
        repetition_penalty: 1.1,
        eos: vec![2],
        seed: 3,
        ..GenerateConfig::default()
    };
    all.map(config).into()
}

#[test]
fn unequal_prompts_give_the_same_together_and_alone() {
    for (name, model) in models() {
        let prompts = sequences(&model, &[11, 1, 25, 4, 16]);
        let go = |prompts: &[Vec<u32>], config: &GenerateConfig| -> Vec<Vec<Generation>> {
            generate(&model, prompts, config, &never_stop, &mut |_| true).unwrap()
        };
        for config in strategies() {
            let together = go(&prompts, &config);
            let in_twos = go(&prompts, &GenerateConfig { rows_at_once: 8, ..config.clone() });
            assert_eq!(together, in_twos, "{name}: {:?}", config.strategy);
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let on_pool = pool.install(|| go(&prompts, &config));
                assert_eq!(together, on_pool, "{name}: {:?} on {threads} threads", config.strategy);
            }
            for (i, prompt) in prompts.iter().enumerate() {
                let alone = GenerateConfig { first_prompt: i as u64, ..config.clone() };
                assert_eq!(go(std::slice::from_ref(prompt), &alone)[0], together[i], "{name}: {:?}", config.strategy);
            }
        }
    }
}

#[test]
fn unsuitable_prompts_are_refused_by_name() {
    for (name, model) in models() {
        let (n_ctx, vocab_size) = (model.config.n_ctx, model.config.vocab_size as u32);
        let go = |prompt: Vec<u32>, config: GenerateConfig| {
            generate(&model, &[vec![1], prompt], &config, &never_stop, &mut |_| true).unwrap_err().to_string()
        };
        let fine = GenerateConfig::default;
        for (error, part) in [
            (go(vec![], fine()), "prompt 1 is empty"),
            (go(vec![1; n_ctx + 1], fine()), "more than the context"),
            (go(vec![1, vocab_size], fine()), "exceeds the vocabulary"),
            (go(vec![1], GenerateConfig { max_new_tokens: 0, ..fine() }), "max_new_tokens"),
            (go(vec![1], GenerateConfig { eos: vec![vocab_size], ..fine() }), "exceeds the vocabulary"),
            (go(vec![1], GenerateConfig { n_return: 2, ..fine() }), "has one continuation"),
        ] {
            assert!(error.contains(part), "{name}: {error}");
        }
        let too_long = greedy_from(&model, &[&[1, 1]], &[n_ctx], &mut |_| true).unwrap_err().to_string();
        assert!(too_long.contains("exceed the context"), "{name}: {too_long}");
    }
}
