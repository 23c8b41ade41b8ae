//! Losses against PyTorch in f64: rows of five logits, and whole models. Numbers of tests/golden/make/unlearn.py.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::reference::Before;
use super::train::{batch_of, gradient_of, plain};
use super::{Objective, Sequence, Texts, Wanted, ascent, mean_of, rows};
use crate::engine::objective::{Signal, objective_gradient};
use crate::engine::rng::Stream;
use crate::engine::sinks::SumGrads;
use crate::engine::{Decoder, Device, NoTap, ParamId, Tensor, weights};

#[derive(Deserialize)]
struct Golden {
    forget: Vec<Vec<u32>>,
    labelled: Vec<usize>,
    answers: Vec<Vec<u32>>,
    retain: Vec<Vec<u32>>,
    direction: Vec<f64>,
    rows: Vec<Row>,
    models: BTreeMap<String, BTreeMap<String, Whole>>,
}

#[derive(Deserialize)]
struct Row {
    loss: String,
    z: Vec<f64>,
    other: Vec<f64>,
    target: usize,
    value: f64,
    gradient: Vec<f64>,
}

#[derive(Deserialize)]
struct Whole {
    value: f64,
    /// Norm, and inner product with cos(0), cos(1), …
    gradients: BTreeMap<String, [f64; 2]>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../tests/golden/methods/unlearn.json")).unwrap()
}

#[test]
fn losses_of_five_logits() {
    for case in golden().rows {
        let mut z = case.z.clone();
        let value = match case.loss.as_str() {
            "kl" => rows::kl(&mut z, &case.other),
            "undial" => rows::undial(&mut z, &case.other, case.target, 10.0),
            "ce_u" => rows::ce_u(&mut z, case.target),
            "negative_entropy" => rows::negative_entropy(&mut z),
            "posterior" => rows::posterior(&mut z, case.target),
            "spread" => rows::spread(&mut z),
            other => panic!("no loss {other}"),
        };
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs().max(1.0);
        assert!(close(value, case.value), "{} {:?}: {value} is not {}", case.loss, case.z, case.value);
        for (found, wanted) in z.iter().zip(&case.gradient) {
            assert!(close(*found, *wanted), "{} {:?}: {found} is not {wanted}", case.loss, case.z);
        }
    }
}

/// ln(1 − p) keeps its digits where p is near 1, and tokens below the bound are silent.
#[test]
fn posteriors_at_the_ends() {
    let mut z = [40.0, 0.0, 0.0];
    let value = rows::posterior(&mut z, 0);
    assert!((value - (40.0 - 2.0_f64.ln())).abs() < 1e-9, "{value}");
    let mut z = [0.0, 16.0, 0.0];
    assert_eq!((rows::posterior(&mut z, 0), z), (0.0, [0.0; 3]));
}

fn model(name: &str) -> Decoder {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models").join(name);
    weights::load(&path, Device::Cpu).unwrap().decoder
}

/// The same model with all numbers times 1.05.
fn before(model: &Decoder) -> Decoder {
    let mut other = model.shared();
    for w in other.params.iter_mut() {
        w.values_mut().iter_mut().for_each(|x| *x *= 1.05);
    }
    other
}

struct Ascent;

impl Objective for Ascent {
    fn wants_losses(&self) -> bool {
        true
    }

    fn forget<'s>(&'s self, texts: &Texts<'s>, nll: &[f64]) -> Signal<'s> {
        ascent(texts, nll)
    }

    fn weights(&self) -> [f64; 2] {
        [1.0, 0.0]
    }
}

fn objective(loss: &str, golden: &Golden) -> Option<Box<dyn Objective>> {
    let weights = [1.0, 0.0];
    Some(match loss {
        "ascent" => Box::new(Ascent),
        "npo" => Box::new(super::npo::Npo { beta: 0.1, weights }),
        "sim_npo" => Box::new(super::sim_npo::SimNpo { beta: 4.5, delta: 0.2, weights }),
        "dpo" => Box::new(super::dpo::Dpo { beta: 0.1, weights }),
        "wga" => Box::new(super::wga::Weighted { beta: 1.5, weights }),
        "sat_imp" => Box::new(super::sat_imp::Weighted { betas: [0.5, 2.0], weights }),
        "undial" => Box::new(super::undial::Undial { beta: 10.0, is_paper: false, weights }),
        "ce_u" => Box::new(super::ce_u::CeU { skip: 1 }),
        "max_entropy" => Box::new(super::max_entropy::MaxEntropy { is_paper: false, weights }),
        "min_posterior" => Box::new(super::min_posterior::MinPosterior { weights }),
        "pdu" => Box::new(super::pdu::Pdu { gamma: 1.0, dual: 0.0, epsilon: 0.5, dual_lr: 1.0, warm_up: 0 }),
        "rmu" | "rmu_paper" => Box::new(super::rmu::Rmu {
            layer: 0,
            direction: golden.direction.clone(),
            is_paper: loss == "rmu_paper",
            weights,
        }),
        "random_mapping" => Box::new(super::random_mapping::RandomMapping {
            n_layer: 2,
            stream: Stream::new(3, "mapping check"),
            weights,
        }),
        _ => return None,
    })
}

/// The sequences of the golden file, as an objective passes them.
fn sequences<'g>(loss: &str, golden: &'g Golden) -> Vec<Sequence<'g>> {
    let own = golden.forget.iter().zip(&golden.labelled);
    let mut list = Vec::new();
    for (i, (ids, labelled)) in own.enumerate() {
        if loss == "dpo" {
            list.push(plain(&golden.answers[i], *labelled));
        }
        list.push(plain(ids, *labelled));
    }
    list
}

fn assert_gradients(model: &Decoder, found: &[(ParamId, Tensor)], wanted: &Whole, what: &str) {
    let size = wanted.gradients.values().map(|g| g[0] * g[0]).sum::<f64>().sqrt();
    let mut n = 0;
    for (id, gradient) in found {
        let name = &model.params.get(*id).name;
        let values = gradient.value();
        let norm = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let inner: f64 = values.iter().enumerate().map(|(i, x)| f64::from(*x) * (i as f64).cos()).sum();
        let [norm_wanted, inner_wanted] = wanted.gradients.get(name).copied().unwrap_or_default();
        n += usize::from(wanted.gradients.contains_key(name));
        assert!((norm - norm_wanted).abs() <= 2e-5 * size, "{what}, norm of {name}: {norm} is not {norm_wanted}");
        assert!((inner - inner_wanted).abs() <= 6e-5 * size, "{what}, {name}: {inner} is not {inner_wanted}");
    }
    assert_eq!(n, wanted.gradients.len(), "{what}: a parameter is missing");
}

#[test]
fn losses_and_gradients_of_whole_models() {
    let golden = golden();
    for (name, losses) in &golden.models {
        let model = model(name);
        let earlier = before(&model);
        for (loss, wanted) in losses {
            let Some(objective) = objective(loss, &golden) else { continue };
            let list = sequences(loss, &golden);
            let list: Vec<&Sequence<'_>> = list.iter().collect();
            let mut known = Before::default();
            known.keep_head(&earlier);
            for s in &list {
                known.learn(&earlier, s, objective.reference()).unwrap();
            }
            let batch = batch_of(&list, objective.counts_prompts());
            let sums = known.sums(&list);
            let texts = Texts { batch: &batch, sums: &sums };
            let mut sink = SumGrads::new(&model, &|_| true).unwrap();
            let value = gradient_of(&model, &*objective, &texts, 1.0, &mut sink, &mut || {
                let wanted = objective.reference() == Wanted::Logits;
                wanted.then(|| known.against(&*model.kernels, &list)).transpose()
            });
            let value = value.unwrap();
            let what = format!("{loss} of {name}");
            assert!(
                (value - wanted.value).abs() <= 1e-5 * wanted.value.abs().max(1.0),
                "{what}: {value} {}",
                wanted.value
            );
            assert_gradients(&model, &sink.into_gradients(), wanted, &what);
        }
    }
}

/// KL(before ‖ now) on retained texts.
#[test]
fn predictions_that_stay() {
    let golden = golden();
    for (name, losses) in &golden.models {
        let (model, wanted) = (model(name), &losses["retain_kl"]);
        let earlier = before(&model);
        let list: Vec<Sequence<'_>> = golden.retain.iter().map(|ids| plain(ids, 1)).collect();
        let list: Vec<&Sequence<'_>> = list.iter().collect();
        let mut known = Before::default();
        known.keep_head(&earlier);
        for s in &list {
            known.learn(&earlier, s, Wanted::Logits).unwrap();
        }
        let batch = batch_of(&list, false);
        let n = batch.weights.iter().filter(|w| **w != 0.0).count() as f64;
        let mut sink = SumGrads::new(&model, &|_| true).unwrap();
        let mut against = Some(known.against(&*model.kernels, &list).unwrap());
        let value = objective_gradient(&model, &batch, &mut sink, &mut NoTap, false, &mut |_| {
            let loss = move |_: usize, z: &mut [f64], before: &[f64]| mean_of(z, n, |z| rows::kl(z, before));
            Ok(Signal::Rows { loss: Box::new(loss), against: against.take() })
        });
        assert!((value.unwrap() - wanted.value).abs() <= 1e-5, "{name}");
        assert_gradients(&model, &sink.into_gradients(), wanted, &format!("retained predictions of {name}"));
    }
}

/// β → 0 is gradient ascent on sums; the dual variable follows the loss and stays at 0.
#[test]
fn limits() {
    let [value, slope] = super::npo::of_text(-0.3, 1e-6);
    assert!((slope - 1.0).abs() < 1e-6, "{slope}");
    assert!((value - (2.0 / 1e-6 * 2.0_f64.ln() - 0.3)).abs() < 1e-4, "{value}");
    // with β = 0 itself: the same without the constant
    let batch = crate::engine::Batch::causal(&[&[0, 1, 2][..], &[3, 4]]);
    let texts = Texts { batch: &batch, sums: &[-1.0, -3.0] };
    let signal = |beta: f64, loss: &str| {
        let nll = [2.0, 0.5, 0.0, 1.25, 0.0];
        let weights = [1.0; 2];
        let (dpo, sim_npo) = (super::dpo::Dpo { beta, weights }, super::sim_npo::SimNpo { beta, delta: 0.5, weights });
        match if loss == "dpo" { dpo.forget(&texts, &nll) } else { sim_npo.forget(&texts, &nll) } {
            Signal::Weights { weights, value } => (value, weights),
            _ => panic!("{loss} gives weights"),
        }
    };
    for (loss, wanted) in [("sim-npo", 0.5 - 1.25), ("dpo", -((-2.5 + 1.0) - (-1.25 + 3.0)))] {
        let ((value, exact), (near, close)) = (signal(0.0, loss), signal(1e-6, loss));
        assert!((value - wanted).abs() < 1e-12, "{loss}: {value} is not {wanted}");
        assert!((near - 2.0 / 1e-6 * 2.0_f64.ln() - value).abs() < 1e-4, "{loss}: {near}");
        assert!(exact.iter().zip(&close).all(|(a, b)| (a - b).abs() < 1e-5), "{loss}: {exact:?} {close:?}");
    }
    let mut pdu = super::pdu::Pdu { gamma: 1.0, dual: 1.0, epsilon: 0.5, dual_lr: 2.0, warm_up: 1 };
    pdu.after_step(0, Some(9.0));
    assert_eq!(pdu.dual, 1.0, "it waits for the warm-up");
    let seen: Vec<f64> = [0.75, 0.75, 0.25, 0.0, 0.0, 0.75]
        .iter()
        .map(|loss| {
            pdu.after_step(1, Some(*loss));
            pdu.dual
        })
        .collect();
    assert_eq!(seen, [1.5, 2.0, 1.5, 0.5, 0.0, 0.5]);
}
