//! Steps of optimizers, and scaling. Dropout is compared through the program, which alone makes masks.

use memoscope_engine::Kernels as _;
use memoscope_engine::Tensor;
use memoscope_engine::kernels::Update;
use memoscope_engine::model::{Orientation, Weight};

use super::{Arg, CPU, Planes, TOLERANCE, close, device, elements, noise, tensor};

const N: usize = 1003;

fn param() -> Weight {
    Weight::owned("w", &[N], Orientation::OutIn, noise(N, 1)).unwrap()
}

#[test]
fn adam_w_moves_weights_and_moments() {
    let Some(device) = device() else { return };
    let (mut w, g) = (param(), tensor(&[N], 2, false));
    let mut moments = [tensor(&[N], 3, false), tensor(&[N], 4, false)];
    moments[1].value_mut().iter_mut().for_each(|v| *v *= *v);
    let [on_w, on_g] = [device.upload(&w.values()), device.upload(g.value())];
    let [on_m, on_v] = moments.each_ref().map(|m| device.upload(m.value()));
    let update = Update::AdamW { betas: [0.9, 0.98], eps: 1e-8, keep: 0.99, rate: 0.01, root: 0.3 };
    CPU.update(&mut w, &mut moments, &g, &update).unwrap();
    let numbers = [0.98, 1.0 - 0.9, 1.0 - 0.98, 0.99, 0.01, 0.3, 1e-8].map(|x: f64| Arg::Real(x as f32));
    let args = [&[on_w.arg(), on_m.arg(), on_v.arg(), on_g.arg(), Arg::size(N)][..], &numbers].concat();
    device.launch("adam_w", elements(N), &args);
    close(&on_w.read::<f32>(), &w.values(), TOLERANCE, "weights");
    close(&on_m.read::<f32>(), moments[0].value(), TOLERANCE, "means");
    close(&on_v.read::<f32>(), moments[1].value(), TOLERANCE, "squares");
}

#[test]
fn sgd_with_and_without_a_running_sum() {
    let Some(device) = device() else { return };
    for (nesterov, heavy) in [(false, true), (true, true), (false, false)] {
        let (mut w, g) = (param(), tensor(&[N], 2, false));
        let mut moments: Vec<Tensor> = heavy.then(|| tensor(&[N], 3, false)).into_iter().collect();
        let [on_w, on_g] = [device.upload(&w.values()), device.upload(g.value())];
        let on_u = moments.first().map(|u| device.upload(u.value()));
        let update = Update::Sgd { momentum: 0.9, nesterov, decay: 0.1, rate: 0.01 };
        CPU.update(&mut w, &mut moments, &g, &update).unwrap();
        let sum = on_u.as_ref().map_or(Arg::NULL, |u| u.arg());
        let flags = [Arg::Real(0.9), Arg::Flag(i32::from(nesterov)), Arg::Real(0.1), Arg::Real(0.01)];
        let args = [&[on_w.arg(), sum, on_g.arg(), Arg::size(N)][..], &flags].concat();
        device.launch("sgd", elements(N), &args);
        let what = format!("nesterov {nesterov}, sum {heavy}");
        close(&on_w.read::<f32>(), &w.values(), TOLERANCE, &what);
        if let (Some(on_u), Some(u)) = (&on_u, moments.first()) {
            close(&on_u.read::<f32>(), u.value(), TOLERANCE, &format!("sum, {what}"));
        }
    }
}

#[test]
fn scaling_is_once_per_plane() {
    let Some(device) = device() else { return };
    let mut x = tensor(&[N], 5, true);
    let on_x = Planes::of(device, &x);
    CPU.scale(&mut x, 0.3).unwrap();
    for plane in [Some(&on_x.value), on_x.tangent.as_ref()].into_iter().flatten() {
        device.launch("scale", elements(N), &[plane.arg(), Arg::size(N), Arg::Real(0.3)]);
    }
    on_x.check(&x, TOLERANCE, "scaled");
}
