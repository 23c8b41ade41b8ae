//! One operation on one device, on numbers that are the same on every device.

use std::time::Instant;

use crate::engine::model::{Orientation, Weight};
use crate::engine::rng::Stream;
use crate::engine::{Kernels, Real, Tensor};
use crate::error::Result;

/// Gives an operation its inputs and takes its results.
pub(super) struct Run<'a> {
    kernels: &'a dyn Kernels,
    /// Whether inputs and results have tangents.
    pub(super) dual: bool,
    stream: Stream,
    /// Whether numbers are multiples of 1/16.
    coarse: bool,
    /// Results, in the order they were given.
    pub(super) numbers: Vec<f64>,
    /// Seconds in the operation.
    pub(super) seconds: f64,
}

impl<'a> Run<'a> {
    /// Inputs depend on `name` alone.
    pub(super) fn new(kernels: &'a dyn Kernels, name: &str, dual: bool) -> Self {
        Self { kernels, dual, stream: Stream::new(0, name), coarse: false, numbers: Vec::new(), seconds: 0.0 }
    }

    pub(super) fn numbers(&mut self, n: usize) -> Vec<Real> {
        let coarse = self.coarse;
        let number = |x: f64| if coarse { (16.0 * x).round() / 16.0 } else { x };
        (0..n).map(|_| number(self.stream.normal()) as Real).collect()
    }

    /// From now on numbers are multiples of 1/16: every precision keeps them, and sums of products are exact, so that
    /// what comes first stays first, and ties stay ties.
    pub(super) fn exact_sums(&mut self) {
        self.coarse = true;
    }

    /// Whole numbers below `end`.
    pub(super) fn ids(&mut self, n: usize, end: usize) -> Vec<u32> {
        (0..n).map(|_| self.stream.below(end) as u32).collect()
    }

    /// A tensor, with a tangent where this run has them.
    pub(super) fn tensor(&mut self, shape: &[usize]) -> Result<Tensor> {
        let n = shape.iter().product();
        let values = self.numbers(n);
        let tangent = self.dual.then(|| self.numbers(n));
        self.kernels.upload(shape, values, tangent)
    }

    /// Room for a result.
    pub(super) fn stale(&self, shape: &[usize]) -> Result<Tensor> {
        self.kernels.stale(shape, self.dual)
    }

    /// A parameter, with a direction where this run has them.
    pub(super) fn weight(&mut self, shape: &[usize], orientation: Orientation) -> Result<Weight> {
        let n = shape.iter().product();
        let mut weight = Weight::owned("w", shape, orientation, self.numbers(n))?;
        if self.dual {
            weight.set_tangent(Some(std::sync::Arc::new(self.numbers(n).into())));
        }
        Ok(weight)
    }

    /// Calls the operation and waits for it.
    pub(super) fn call<T>(&mut self, operation: impl FnOnce(&dyn Kernels) -> Result<T>) -> Result<T> {
        self.kernels.wait()?;
        let begun = Instant::now();
        let result = operation(self.kernels)?;
        self.kernels.wait()?;
        self.seconds += begun.elapsed().as_secs_f64();
        Ok(result)
    }

    /// Calls what an operation needs before it.
    pub(super) fn prepare(&self, operation: impl FnOnce(&dyn Kernels) -> Result<()>) -> Result<()> {
        operation(self.kernels)
    }

    /// Takes results.
    pub(super) fn give<'t>(&mut self, results: impl IntoIterator<Item = &'t Tensor>) -> Result<()> {
        for tensor in results {
            self.numbers.extend(tensor.to_host()?.iter().map(|x| f64::from(*x)));
            if let Some(tangent) = tensor.tangent_to_host()? {
                self.numbers.extend(tangent.iter().map(|x| f64::from(*x)));
            }
        }
        Ok(())
    }
}
