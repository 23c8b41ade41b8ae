//! A run that stops and goes on is the run that did not stop, bit for bit.

use memoscope::engine::loss::loss_gradient;
use memoscope::engine::model::Keep;
use memoscope::engine::sinks::SumGrads;
use memoscope::engine::train::{Optimizer, Rule};
use memoscope::engine::{Decoder, Device, NoTap, weights};

use super::steps::{batch, step};
use crate::models::build::golden;

fn bits(model: &Decoder) -> Vec<u32> {
    model.params.iter().flat_map(|(_, w)| w.values().iter().map(|x| x.to_bits()).collect::<Vec<_>>()).collect()
}

fn rules() -> [Rule; 3] {
    [
        Rule::adam_w(0.01),
        Rule::Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.0 },
        Rule::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.1 },
    ]
}

#[test]
fn going_on_from_a_file_is_bit_exact() {
    let scratch = tempfile::tempdir().unwrap();
    let batch = batch("gpt2");
    for (i, rule) in rules().into_iter().enumerate() {
        let mut model = weights::load(&golden("gpt2"), Device::Cpu).unwrap();
        let mut optimizer = Optimizer::new(rule, &model.decoder, &|_| true).unwrap();
        for _ in 0..3 {
            step(&mut model.decoder, &batch, &mut optimizer, 0.01, Some(1.0));
        }
        let (folder, state) = (scratch.path().join(format!("{i}")), scratch.path().join(format!("{i}.safetensors")));
        weights::save(&folder, &model.decoder, &model.report.config, None).unwrap();
        optimizer.save(&model.decoder, &state).unwrap();
        let mut later = weights::load(&folder, Device::Cpu).unwrap().decoder;
        let mut resumed = Optimizer::new(rule, &later, &|_| true).unwrap();
        resumed.restore(&later, &state).unwrap();
        for _ in 0..3 {
            let a = step(&mut model.decoder, &batch, &mut optimizer, 0.01, Some(1.0));
            let b = step(&mut later, &batch, &mut resumed, 0.01, Some(1.0));
            assert_eq!(a, b, "{rule:?}");
        }
        assert_eq!(bits(&model.decoder), bits(&later), "{rule:?}");
    }
}

#[test]
fn a_state_of_something_else_is_refused_and_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path().join("state.safetensors");
    let mut model = weights::load(&golden("gpt2"), Device::Cpu).unwrap().decoder;
    let mut sgd = Optimizer::new(rules()[1], &model, &|_| true).unwrap();
    step(&mut model, &batch("gpt2"), &mut sgd, 0.01, None);
    sgd.save(&model, &state).unwrap();
    let mut adam = Optimizer::new(Rule::adam_w(0.0), &model, &|_| true).unwrap();
    let error = adam.restore(&model, &state).unwrap_err().to_string();
    assert!(error.contains("lacks transformer.wte.weight.exp_avg") && error.contains("state.safetensors"), "{error}");
    assert!(adam.set_rule(rules()[1]).is_err() && adam.set_rule(Rule::adam_w(0.5)).is_ok());
    let other = weights::load(&golden("llama"), Device::Cpu).unwrap().decoder;
    let mut optimizer = Optimizer::new(rules()[1], &other, &|_| true).unwrap();
    assert!(optimizer.restore(&other, &state).unwrap_err().to_string().contains("another model"));
}

#[test]
fn threads_do_not_change_a_bit() {
    let batch = batch("gpt2");
    let run = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let mut model = weights::load(&golden("gpt2"), Device::Cpu).unwrap().decoder;
            let mut optimizer = Optimizer::new(Rule::adam_w(0.1), &model, &|_| true).unwrap();
            for _ in 0..3 {
                step(&mut model, &batch, &mut optimizer, 0.01, Some(0.5));
            }
            bits(&model)
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn frozen_parameters_stay_and_cost_no_state() {
    let mut model = weights::load(&golden("gpt_neox"), Device::Cpu).unwrap().decoder;
    let before = bits(&model);
    let trained = model.blocks[1].mlp.up.weight;
    let wants = move |id| id == trained;
    let mut optimizer = Optimizer::new(Rule::adam_w(0.1), &model, &wants).unwrap();
    let batch = batch("gpt_neox");
    let mut sink = SumGrads::new(&model, &wants).unwrap();
    loss_gradient(&model, &batch, &mut sink, &mut NoTap, Keep::All).unwrap();
    let gradients = sink.into_gradients();
    assert_eq!(gradients.len(), 1);
    optimizer.step(&mut model, &gradients, 0.01).unwrap();
    let after = bits(&model);
    let start: usize = model.params.iter().take_while(|(id, _)| *id != trained).map(|(_, w)| w.len()).sum();
    let changed = start..start + model.params.get(trained).len();
    for (i, (a, b)) in before.iter().zip(&after).enumerate() {
        assert!(a == b || changed.contains(&i), "number {i} changed");
    }
    assert_ne!(before[changed.clone()], after[changed]);
    // a gradient of what is not trained is a mistake
    let mut all = SumGrads::new(&model, &|_| true).unwrap();
    loss_gradient(&model, &batch, &mut all, &mut NoTap, Keep::All).unwrap();
    let gradients = all.into_gradients();
    assert!(optimizer.step(&mut model, &gradients, 0.01).unwrap_err().to_string().contains("is not trained"));
}
