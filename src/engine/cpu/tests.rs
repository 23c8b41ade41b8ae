//! Operations against slow and obvious ones, differences, and each other.

mod attention;
mod derivatives;
mod head;

use super::CpuKernels;
pub(super) use super::gemm::noise;
use crate::model::{Orientation, Weight};
use crate::tensor::{Real, Tensor};

const CPU: CpuKernels = CpuKernels;

/// A tensor of noise.
fn tensor(shape: &[usize], salt: u64) -> Tensor {
    Tensor::from_vec(shape, noise(shape.iter().product(), salt)).unwrap()
}

/// A parameter of noise.
fn weight(shape: &[usize], orientation: Orientation, salt: u64) -> Weight {
    Weight::owned("w", shape, orientation, noise(shape.iter().product(), salt)).unwrap()
}

/// The largest difference.
fn distance(a: &[Real], b: &[Real]) -> f64 {
    assert_eq!(a.len(), b.len(), "lengths differ");
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

fn bits(x: &[Real]) -> Vec<u64> {
    x.iter().map(|x| f64::from(*x).to_bits()).collect()
}
