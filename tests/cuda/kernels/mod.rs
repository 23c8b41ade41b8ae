//! Every kernel beside its twin on the processor, at shapes that fit no tile.

mod attention;
mod faults;
mod head;
mod layers;
mod linear;
mod optimizer;
mod pattern;
mod tensor_attention;

use memoscope_engine::Tensor;
use memoscope_engine::cpu::CpuKernels;
use memoscope_engine::model::{Orientation, Weight};

use super::driver::{Arg, Device, Memory, device, elements, warps};

const CPU: CpuKernels = CpuKernels;

/// What is summed in another order, or by another library, differs by so much.
const TOLERANCE: f32 = 2e-6;

/// Numbers in −1..1 that look random.
fn noise(n: usize, salt: u64) -> Vec<f32> {
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// A tensor of noise, with a tangent if `dual`.
fn tensor(shape: &[usize], salt: u64, dual: bool) -> Tensor {
    let n = shape.iter().product();
    let mut made = Tensor::from_vec(shape, noise(n, salt)).unwrap();
    made.set_tangent(dual.then(|| noise(n, salt + 1000)));
    made
}

/// A parameter of noise, with a tangent if `dual`.
fn weight(shape: &[usize], orientation: Orientation, salt: u64, dual: bool) -> Weight {
    let n = shape.iter().product();
    let mut made = Weight::owned("w", shape, orientation, noise(n, salt)).unwrap();
    made.set_tangent(dual.then(|| std::sync::Arc::new(noise(n, salt + 1000).into())));
    made
}

/// A tensor's planes on the device.
struct Planes {
    value: Memory,
    tangent: Option<Memory>,
}

impl Planes {
    fn of(device: &Device, t: &Tensor) -> Self {
        Self { value: device.upload(t.value()), tangent: t.tangent().map(|t| device.upload(t)) }
    }

    fn of_weight(device: &Device, w: &Weight) -> Self {
        Self { value: device.upload(&w.values()), tangent: w.tangent().map(|t| device.upload(t)) }
    }

    /// Stale planes for a result of `n` numbers.
    fn stale(device: &Device, n: usize, dual: bool) -> Self {
        Self { value: device.stale(4 * n), tangent: dual.then(|| device.stale(4 * n)) }
    }

    fn args(&self) -> [Arg; 2] {
        Arg::pair(&self.value, self.tangent.as_ref())
    }

    /// The planes are those of `want`.
    fn check(&self, want: &Tensor, tolerance: f32, what: &str) {
        close(&self.value.read::<f32>(), want.value(), tolerance, what);
        if let (Some(got), Some(want)) = (&self.tangent, want.tangent()) {
            close(&got.read::<f32>(), want, tolerance, &format!("tangent of {what}"));
        }
    }
}

/// The kernel for values, or for values and tangents.
fn name_of(kernel: &str, dual: bool) -> String {
    if dual { format!("{kernel}_dual") } else { kernel.to_owned() }
}

/// Numbers agree, relative to their own size or that of 1; NaN where the other is NaN.
fn close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: lengths differ");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let agree = (g - w).abs() <= tolerance * (1.0 + w.abs()) || g.to_bits() == w.to_bits();
        assert!(agree || g.is_nan() && w.is_nan(), "{what}: number {i} is {g}, not {w}");
    }
}

/// Arguments one after another.
fn join(parts: &[&[Arg]]) -> Vec<Arg> {
    parts.concat()
}
