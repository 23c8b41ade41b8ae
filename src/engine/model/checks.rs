//! Checks of whole models: gradients against differences (f64 build), sinks against each other,
//! and the promise that a text's scores depend on nothing but the text.

use std::sync::Arc;

use crate::alignment::head_gram;
use crate::hooks::{NoTap, Site};
use crate::hvp::Direction;
#[cfg(feature = "f64")]
use crate::hvp::hvp;
use crate::kernels::Want;
use crate::loss::{logits, loss_gradient};
use crate::model::{Decoder, Keep, ParamId};
use crate::rng::Stream;
use crate::score::score_tokens;
use crate::sinks::{DotWith, Gram, Pairs, PerSample, SumGrads};
use crate::taps::{Edit, EditTap, Record};
use crate::tensor::{Batch, Real, Tensor};
use crate::testing::{decoder, sequences, shapes};

/// Relative error of sums in the number type of this build.
const CLOSE: f64 = if cfg!(feature = "f64") { 1e-11 } else { 2e-5 };

fn everything(_: ParamId) -> bool {
    true
}

fn direction(model: &Decoder, seed: u64) -> Direction {
    let mut random = Stream::new(seed, "direction");
    let numbers = |n: usize, random: &mut Stream| (0..n).map(|_| random.normal() as Real).collect::<Vec<_>>();
    model.params.iter().map(|(id, w)| (id, Arc::new(numbers(w.len(), &mut random).into()))).collect()
}

fn gradient(model: &Decoder, batch: &Batch, keep: Keep) -> (f64, Vec<(ParamId, Tensor)>) {
    let mut sink = SumGrads::new(model, &everything).unwrap();
    let loss = loss_gradient(model, batch, &mut sink, &mut NoTap, keep).unwrap();
    (loss.total, sink.into_gradients())
}

fn assert_close(a: f64, b: f64, scale: f64, what: &str) {
    assert!((a - b).abs() <= CLOSE * scale.max(1e-3), "{what}: {a} and {b}");
}

#[cfg(feature = "f64")]
fn moved(model: &mut Decoder, by: &Direction, step: f64) {
    for (id, d) in by {
        model.params.get_mut(*id).values_mut().iter_mut().zip(d.iter()).for_each(|(w, d)| *w += step * d);
    }
}

/// ∇L·v and H·v against central differences along v, for every family.
#[cfg(feature = "f64")]
#[test]
fn gradient_and_hvp_agree_with_differences() {
    const STEP: f64 = 1e-5;
    for lengths in [&[1][..], &[7, 1, 5], &[16, 3]] {
        for (name, config) in shapes() {
            let mut model = decoder(&config, 1);
            let batch = Batch::causal(&sequences(lengths, config.vocab_size, 2)).token_mean();
            let v = direction(&model, 3);
            let both = hvp(&mut model, &batch, v.clone(), &everything, Keep::All).unwrap();
            moved(&mut model, &v, STEP);
            let (up, gradient_up) = gradient(&model, &batch, Keep::All);
            moved(&mut model, &v, -2.0 * STEP);
            let (down, gradient_down) = gradient(&model, &batch, Keep::All);
            let slope: f64 = both
                .iter()
                .zip(&v)
                .map(|((_, g), (_, d))| g.value().iter().zip(d.iter()).map(|(g, d)| g * d).sum::<f64>())
                .sum();
            let expected = (up - down) / (2.0 * STEP);
            assert!(
                (slope - expected).abs() <= 1e-6 * expected.abs().max(1e-2),
                "{name} {lengths:?}: {slope} {expected}"
            );
            for (((id, h), (_, a)), (_, b)) in both.iter().zip(&gradient_up).zip(&gradient_down) {
                let numeric: Vec<f64> = a.value().iter().zip(b.value()).map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
                let exact = h.tangent().unwrap();
                let error: f64 = exact.iter().zip(&numeric).map(|(e, n)| (e - n).powi(2)).sum::<f64>().sqrt();
                let norm: f64 = numeric.iter().map(|n| n * n).sum::<f64>().sqrt();
                assert!(error <= 1e-6 * norm.max(1e-2), "{name} {}: {error} of {norm}", model.params.get(*id).name);
            }
        }
    }
}

#[test]
fn recomputed_blocks_give_the_same_gradient() {
    for (name, config) in shapes() {
        let model = decoder(&config, 4);
        let batch = Batch::causal(&sequences(&[9, 4], config.vocab_size, 5)).token_mean();
        let (loss, stored) = gradient(&model, &batch, Keep::All);
        let (again, recomputed) = gradient(&model, &batch, Keep::Residuals);
        assert_eq!(loss, again, "{name}");
        for ((_, a), (_, b)) in stored.iter().zip(&recomputed) {
            assert_eq!(a.value(), b.value(), "{name}");
        }
    }
}

/// Per-sample gradients, their sum, ghost inner products and directional products tell the same story.
#[test]
fn sinks_agree() {
    for (name, config) in shapes() {
        let model = decoder(&config, 6);
        let texts = sequences(&[9, 2, 6], config.vocab_size, 7);
        let batch = Batch::causal(&texts).example_mean();
        let mut per_sample = PerSample::new(&model, 3, &everything).unwrap();
        loss_gradient(&model, &batch, &mut per_sample, &mut NoTap, Keep::All).unwrap();
        let (_, sum) = gradient(&model, &batch, Keep::All);
        let mut gram = Gram::new(&model, &batch, Pairs::All, &everything);
        loss_gradient(&model, &batch, &mut gram, &mut NoTap, Keep::All).unwrap();
        let pairs = gram.pairs().to_vec();
        let products = gram.into_products();
        let inner = |a: &[Real], b: &[Real]| a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum::<f64>();
        for (id, total) in &sum {
            let own = per_sample.get(*id);
            let what = format!("{name} {}", model.params.get(*id).name);
            for (n, value) in total.value().iter().enumerate() {
                let added: f64 = own.iter().map(|g| g.value()[n] as f64).sum();
                assert_close(added, *value as f64, 1.0, &what);
            }
            for (product, (i, j)) in products[id].iter().zip(&pairs) {
                let expected = inner(own[*i].value(), own[*j].value());
                let scale = (inner(own[*i].value(), own[*i].value()) * inner(own[*j].value(), own[*j].value())).sqrt();
                assert_close(*product, expected, scale, &format!("{what} ⟨{i}, {j}⟩"));
            }
        }
        let v = direction(&model, 8);
        let expected: Vec<f64> =
            (0..3).map(|i| v.iter().map(|(id, d)| inner(per_sample.get(*id)[i].value(), d)).sum()).collect();
        let mut dots = DotWith::new(&model, 3, v).unwrap();
        loss_gradient(&model, &batch, &mut dots, &mut NoTap, Keep::All).unwrap();
        for (dot, expected) in dots.into_dots().into_iter().zip(expected) {
            assert_close(dot, expected, 10.0, name);
        }
    }
}

/// The Gram identity of the head against gradients that were formed.
#[test]
fn head_products_need_no_gradient() {
    for (name, config) in shapes() {
        let mut config = config;
        config.tied_embeddings = false;
        let model = decoder(&config, 20);
        let batch = Batch::causal(&sequences(&[9, 5, 2], config.vocab_size, 21)).example_mean();
        let gram = head_gram(&model, &batch).unwrap();
        let ids = [Some(model.head.weight), model.head.bias];
        let mut formed = PerSample::new(&model, 3, &|p| ids.contains(&Some(p))).unwrap();
        loss_gradient(&model, &batch, &mut formed, &mut NoTap, Keep::All).unwrap();
        for (i, j) in Pairs::All.list(3) {
            let inner = |id: ParamId| {
                let [a, b] = [i, j].map(|k| formed.get(id)[k].value());
                a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum::<f64>()
            };
            let expected: f64 = ids.iter().flatten().map(|id| inner(*id)).sum();
            assert_close(gram.inner(i, j), expected, gram.norm(i) * gram.norm(j), name);
        }
        assert_close(gram.cosine(0, 0).unwrap(), 1.0, 1.0, name);
    }
}

/// The gradient of the mean is the weighted mean of the gradients: Σ (nᵢ/n) gᵢ.
#[test]
fn batch_gradient_is_the_weighted_mean_of_sample_gradients() {
    let (_, config) = shapes().remove(4);
    let model = decoder(&config, 9);
    let texts = sequences(&[9, 4], config.vocab_size, 10);
    let (_, whole) = gradient(&model, &Batch::causal(&texts).token_mean(), Keep::All);
    let mut own = PerSample::new(&model, 2, &everything).unwrap();
    loss_gradient(&model, &Batch::causal(&texts).example_mean(), &mut own, &mut NoTap, Keep::All).unwrap();
    for (id, g) in whole {
        let [a, b] = own.get(id) else { panic!("two sequences") };
        for (n, value) in g.value().iter().enumerate() {
            let mean = (8.0 * a.value()[n] as f64 + 3.0 * b.value()[n] as f64) / 11.0;
            assert_close(mean, *value as f64, 1.0, &model.params.get(id).name);
        }
    }
}

#[test]
fn scores_depend_on_the_text_alone() {
    let want = Want { rank: true, moments: true, top: 5 };
    for (name, config) in shapes() {
        let model = decoder(&config, 11);
        let texts = sequences(&[16, 2, 7, 1, 11, 5], config.vocab_size, 12);
        let alone: Vec<_> = texts.iter().flat_map(|t| score_tokens(&model, &[t], want).unwrap()).collect();
        let slices: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        for threads in 1..=3 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let together = pool.install(|| score_tokens(&model, &slices, want)).unwrap();
            assert_eq!(alone, together, "{name} with {threads} threads");
            let reversed: Vec<&[u32]> = slices.iter().rev().copied().collect();
            let backwards = pool.install(|| score_tokens(&model, &reversed, want)).unwrap();
            assert!(backwards.iter().rev().eq(&alone), "{name} in reverse order");
        }
    }
}

#[test]
fn scores_are_those_of_the_logits() {
    for (name, config) in shapes() {
        let model = decoder(&config, 13);
        let texts = sequences(&[8], config.vocab_size, 14);
        let want = Want { rank: true, moments: true, top: 3 };
        let scores = score_tokens(&model, &[&texts[0]], want).unwrap().remove(0);
        let z = logits(&model, &Batch::causal(&texts), &mut NoTap).unwrap();
        for (t, score) in scores.iter().enumerate() {
            let row: Vec<f64> = z.value()[t * z.cols()..(t + 1) * z.cols()].iter().map(|z| *z as f64).collect();
            let max = row.iter().copied().fold(f64::MIN, f64::max);
            let lse = max + row.iter().map(|z| (z - max).exp()).sum::<f64>().ln();
            let log_p: Vec<f64> = row.iter().map(|z| z - lse).collect();
            let target = texts[0][t + 1] as usize;
            assert_close(score.log_prob, log_p[target], 1.0, name);
            let rank =
                log_p.iter().enumerate().filter(|(i, l)| **l > log_p[target] || (**l == log_p[target] && *i < target));
            assert_eq!(score.rank, Some(rank.count() as u32), "{name} rank at {t}");
            let mu: f64 = log_p.iter().map(|l| l.exp() * l).sum();
            let square: f64 = log_p.iter().map(|l| l.exp() * l * l).sum();
            let [m, s2] = score.moments.unwrap();
            assert_close(m, mu, 1.0, name);
            assert_close(s2, square - mu * mu, 10.0, name);
            assert_eq!(score.top[0].0, score.argmax, "{name}");
            assert!(score.top.windows(2).all(|w| w[0].1 >= w[1].1), "{name}: top tokens in order");
        }
    }
}

/// A tap that looks changes nothing; attention weights sum to one and give the same result as the fused kernel.
#[test]
fn looking_changes_nothing() {
    for (name, config) in shapes() {
        let model = decoder(&config, 15);
        let batch = Batch::causal(&sequences(&[9, 4], config.vocab_size, 16)).token_mean();
        let (loss, plain) = gradient(&model, &batch, Keep::All);
        let places: Vec<_> = [Site::ResidPre, Site::Q, Site::K, Site::V, Site::Pattern, Site::Z, Site::AttnOut]
            .into_iter()
            .chain([Site::ResidMid, Site::MlpPre, Site::MlpPost, Site::MlpOut, Site::ResidPost])
            .flat_map(|site| [(0, site), (1, site)])
            .chain([(0, Site::Embed), (2, Site::FinalNorm)])
            .collect();
        let mut record = Record::new(&places);
        let mut sink = SumGrads::new(&model, &everything).unwrap();
        let seen = loss_gradient(&model, &batch, &mut sink, &mut record, Keep::All).unwrap();
        assert_close(seen.total, loss, 1.0, name);
        for ((id, a), (_, b)) in plain.iter().zip(sink.into_gradients()) {
            for (a, b) in a.value().iter().zip(b.value()) {
                assert_close(*a as f64, *b as f64, 1.0, &format!("{name} {}", model.params.get(*id).name));
            }
        }
        let patterns = &record.forward[&(1, Site::Pattern)];
        assert_eq!(patterns.len(), 2, "one a sequence");
        for row in patterns.iter().flat_map(|p| p.value().chunks_exact(p.cols())) {
            assert_close(row.iter().map(|p| *p as f64).sum(), 1.0, 1.0, name);
        }
        assert_eq!(record.backward[&(0, Site::Embed)].len(), 1);
    }
}

/// The gradient with respect to an activation is what a small push there does to the loss.
#[test]
fn gradients_at_taps_are_slopes() {
    let (step, close) = if cfg!(feature = "f64") { (1e-5, 1e-7) } else { (1e-2, 2e-3) };
    for (name, config) in shapes() {
        let model = decoder(&config, 17);
        let batch = Batch::causal(&sequences(&[6, 5], config.vocab_size, 18)).token_mean();
        for site in [
            Site::ResidPre,
            Site::Q,
            Site::K,
            Site::V,
            Site::Z,
            Site::AttnOut,
            Site::MlpPre,
            Site::MlpPost,
            Site::MlpOut,
        ] {
            let mut record = Record::new(&[(1, site)]);
            let mut sink = SumGrads::new(&model, &|_| false).unwrap();
            loss_gradient(&model, &batch, &mut sink, &mut record, Keep::All).unwrap();
            let d = &record.backward[&(1, site)][0];
            let channel = d.cols() / 2;
            let slope: f64 = d.value().chunks_exact(d.cols()).map(|row| row[channel] as f64).sum();
            let pushed = |by: f64| {
                let mut push = vec![0.0; d.cols()];
                push[channel] = by as Real;
                let mut tap = EditTap { layer: 1, site, edit: Edit::Add(push) };
                let mut sink = SumGrads::new(&model, &|_| false).unwrap();
                loss_gradient(&model, &batch, &mut sink, &mut tap, Keep::All).unwrap().total
            };
            let expected = (pushed(step) - pushed(-step)) / (2.0 * step);
            assert!((slope - expected).abs() <= close * expected.abs().max(0.3), "{name} {site:?}: {slope} {expected}");
        }
    }
}

#[test]
fn foreign_ids_and_long_texts_are_refused() {
    let (_, config) = shapes().remove(0);
    let model = decoder(&config, 19);
    let foreign = score_tokens(&model, &[&[1, 19]], Want::default()).unwrap_err();
    assert!(foreign.to_string().contains("id 19 exceeds the vocabulary"), "{foreign}");
    let long = score_tokens(&model, &[&[1; 17]], Want::default()).unwrap_err();
    assert!(long.to_string().contains("17 tokens is longer than the context"), "{long}");
    assert_eq!(score_tokens(&model, &[&[], &[3]], Want::default()).unwrap(), vec![vec![], vec![]]);
}

/// What is frozen changes no bit of the other gradients, wherever the way back ends.
#[test]
fn frozen_parameters_change_nothing() {
    for (name, config) in shapes() {
        let model = decoder(&config, 1);
        let batch = Batch::causal(&sequences(&[7, 1, 5], config.vocab_size, 2)).token_mean();
        let (_, whole) = gradient(&model, &batch, Keep::All);
        let n_block = 0..model.blocks.len();
        let feed_forward = |layer: usize| {
            let mlp = model.blocks[layer].mlp;
            [mlp.gate, Some(mlp.up), Some(mlp.down)].into_iter().flatten().map(|l| l.weight).collect::<Vec<_>>()
        };
        let mut choices: Vec<Vec<ParamId>> = n_block.clone().map(feed_forward).collect();
        choices.extend(n_block.map(|layer| vec![model.blocks[layer].attn_out.weight]));
        choices.push(model.blocks[1].norm2.map(|n| n.gain).into_iter().collect());
        choices.push(vec![model.final_norm.gain]);
        for wanted in choices {
            let mut sink = SumGrads::new(&model, &|id| wanted.contains(&id)).unwrap();
            loss_gradient(&model, &batch, &mut sink, &mut NoTap, Keep::Residuals).unwrap();
            for (id, own) in sink.into_gradients() {
                let (_, same) = whole.iter().find(|(other, _)| *other == id).unwrap();
                assert_eq!(own.value(), same.value(), "{name}: {}", model.params.get(id).name);
            }
        }
    }
}
