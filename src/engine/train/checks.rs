//! Checks of training on whole models: gradients of adapters against differences, dropout, clipping.

use crate::cpu::CpuKernels;
use crate::hooks::NoTap;
use crate::kernels::Kernels as _;
use crate::loss::loss_gradient;
use crate::model::{Decoder, Keep, ModelConfig, ParamId};
use crate::rng::Stream;
use crate::sinks::{PerSample, SumGrads};
use crate::tensor::{Batch, Real, Tensor};
use crate::testing::{decoder, sequences, shapes};
use crate::train::{Lora, clip, global_norm};

/// A model with an adapter on every linear map of its blocks, B not zero; and a batch.
fn adapted(config: &ModelConfig, dropout: f64) -> (Decoder, Vec<ParamId>, Batch) {
    let mut model = decoder(config, 1);
    let lora = Lora { rank: 3, alpha: 5.0, dropout, targets: vec!["all-linear".to_owned()] };
    let ids = lora.attach(&mut model, 2).unwrap();
    let mut random = Stream::new(3, "adapter");
    for id in &ids {
        model.params.get_mut(*id).values_mut().iter_mut().for_each(|x| *x += 0.3 * random.normal() as Real);
    }
    model.adapters.set_noise(Some(Stream::new(4, "dropout").item(0)));
    let batch = Batch::causal(&sequences(&[7, 1, 5], config.vocab_size, 5)).token_mean();
    (model, ids, batch)
}

/// The gradient of everything with an adapter, inputs of adapters dropping out, against central differences.
#[cfg(feature = "f64")]
#[test]
fn gradients_through_adapters_agree_with_differences() {
    const STEP: f64 = 1e-5;
    for (name, config) in shapes() {
        for dropout in [0.0, 0.4] {
            let (mut model, _, batch) = adapted(&config, dropout);
            let mut sink = SumGrads::new(&model, &|_| true).unwrap();
            loss_gradient(&model, &batch, &mut sink, &mut NoTap, Keep::Residuals).unwrap();
            let gradients = sink.into_gradients();
            let mut random = Stream::new(6, "direction");
            for (id, gradient) in gradients {
                let unit = (gradient.len() as f64).sqrt().recip();
                let direction: Vec<f64> = gradient.value().iter().map(|_| unit * random.normal()).collect();
                let slope: f64 = gradient.value().iter().zip(&direction).map(|(g, d)| g * d).sum();
                let mut at = |step: f64| {
                    let w = model.params.get_mut(id).values_mut();
                    w.iter_mut().zip(&direction).for_each(|(w, d)| *w += step * d);
                    let mut nothing = SumGrads::new(&model, &|_| false).unwrap();
                    loss_gradient(&model, &batch, &mut nothing, &mut NoTap, Keep::All).unwrap().total
                };
                let (up, down) = (at(STEP), at(-2.0 * STEP));
                at(STEP);
                let want = (up - down) / (2.0 * STEP);
                let what = &model.params.get(id).name;
                assert!((slope - want).abs() <= 1e-6 * want.abs().max(1e-2), "{name} {dropout} {what}: {slope} {want}");
            }
        }
    }
}

/// One step of each rule against its formula, number by number.
#[cfg(feature = "f64")]
#[test]
fn updates_follow_their_formulas() {
    use crate::kernels::Update;
    use crate::model::{Orientation, Weight};
    let numbers = |salt: f64| (0..70_000).map(|i| (f64::from(i) * 0.37 + salt).sin()).collect::<Vec<f64>>();
    let (w0, g, m0, v0) = (numbers(0.0), numbers(1.0), numbers(2.0), numbers(3.0));
    let tensor = |values: &[f64]| Tensor::from_vec(&[values.len()], values.to_vec()).unwrap();
    let run = |moments: &mut [Tensor], update: &Update| {
        let mut w = Weight::owned("w", &[w0.len()], Orientation::OutIn, w0.clone()).unwrap();
        CpuKernels.update(&mut w, moments, &tensor(&g), update).unwrap();
        w.values().into_owned()
    };
    let squares: Vec<f64> = v0.iter().map(|v| v * v).collect();
    let mut moments = [tensor(&m0), tensor(&squares)];
    let adam = Update::AdamW { betas: [0.9, 0.98], eps: 1e-8, keep: 0.99, rate: 0.01, root: 0.5 };
    let found = run(&mut moments, &adam);
    let mut heavy = [tensor(&m0)];
    let sgd = |nesterov| Update::Sgd { momentum: 0.9, nesterov, decay: 0.1, rate: 0.01 };
    let (nesterov, plain) = (run(&mut heavy, &sgd(true)), run(&mut [], &sgd(false)));
    for i in 0..w0.len() {
        let m = 0.9 * m0[i] + 0.1 * g[i];
        let v = 0.98 * squares[i] + 0.02 * g[i] * g[i];
        let want = 0.99 * w0[i] - 0.01 * m / (v.sqrt() / 0.5 + 1e-8);
        assert!((found[i] - want).abs() < 1e-12, "AdamW {i}");
        assert!((moments[0].value()[i] - m).abs() < 1e-14 && (moments[1].value()[i] - v).abs() < 1e-14, "moments {i}");
        let d = g[i] + 0.1 * w0[i];
        let u = 0.9 * m0[i] + d;
        assert!((heavy[0].value()[i] - u).abs() < 1e-14, "momentum {i}");
        assert!((nesterov[i] - (w0[i] - 0.01 * (d + 0.9 * u))).abs() < 1e-14, "Nesterov {i}");
        assert!((plain[i] - (w0[i] - 0.01 * d)).abs() < 1e-14, "SGD {i}");
    }
}

/// What drops out in a row depends on the row's place, and backward drops what forward dropped.
#[test]
fn dropout_keeps_its_share_and_its_mean() {
    let (p, n) = (0.3, 200_000);
    let mut x = Tensor::from_vec(&[n], vec![1.0; n]).unwrap();
    let mask = Stream::new(1, "dropout").item(9).mask();
    CpuKernels.dropout(&mut x, p, mask).unwrap();
    let kept = x.value().iter().filter(|x| **x != 0.0).count();
    let share = kept as f64 / n as f64;
    assert!((share - 0.7).abs() < 4.0 * (0.21 / n as f64).sqrt(), "{share} is kept");
    assert!(x.value().iter().all(|x| *x == 0.0 || (*x - (1.0 / 0.7) as Real).abs() < 1e-6));
    let mut part = Tensor::from_vec(&[1001], vec![1.0; 1001]).unwrap();
    CpuKernels.dropout(&mut part, p, mask).unwrap();
    assert_eq!(part.value(), &x.value()[..1001], "a number's fate depends on its place alone");
    let mut other = Tensor::from_vec(&[1001], vec![1.0; 1001]).unwrap();
    CpuKernels.dropout(&mut other, p, Stream::new(1, "dropout").item(10).mask()).unwrap();
    let same = other.value().iter().zip(part.value()).filter(|(a, b)| a == b).count();
    assert!((500..670).contains(&same), "{same} of 1001 agree; 0.58 are expected of independent masks");
}

#[test]
fn adapters_work_with_every_sink() {
    for (name, config) in shapes() {
        let (model, ids, batch) = adapted(&config, 0.2);
        let wants = |id| ids.contains(&id);
        let batch = batch.example_mean();
        let mut sum = SumGrads::new(&model, &wants).unwrap();
        loss_gradient(&model, &batch, &mut sum, &mut NoTap, Keep::All).unwrap();
        let mut own = PerSample::new(&model, 3, &wants).unwrap();
        loss_gradient(&model, &batch, &mut own, &mut NoTap, Keep::All).unwrap();
        for (id, total) in sum.into_gradients() {
            for (i, want) in total.value().iter().enumerate() {
                let got: f64 = own.get(id).iter().map(|g| g.value()[i] as f64).sum();
                assert!((got - *want as f64).abs() < 2e-5, "{name} {}", model.params.get(id).name);
            }
        }
    }
}

#[test]
fn clipping_bounds_the_norm() {
    let model = decoder(&shapes()[0].1, 1);
    let tensor = |values: Vec<Real>| Tensor::from_vec(&[values.len()], values).unwrap();
    let mut gradients = vec![(ParamId(0), tensor(vec![3.0, 0.0])), (ParamId(1), tensor(vec![4.0]))];
    assert_eq!(clip(&*model.kernels, &mut gradients, 10.0).unwrap(), 5.0);
    assert_eq!(gradients[0].1.value(), [3.0, 0.0], "a short gradient stays");
    assert_eq!(clip(&*model.kernels, &mut gradients, 1.0).unwrap(), 5.0);
    let norm = global_norm(&*model.kernels, &gradients).unwrap();
    assert!((norm - 1.0).abs() < 1e-5 && (gradients[1].1.value()[0] - 0.8).abs() < 1e-5, "{norm}");
}
