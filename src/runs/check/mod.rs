//! `memoscope check`: does a device compute what the processor computes?
//!
//! Every operation at shapes that fit no tile, with and without tangents, and small models of every family as a whole,
//! on the same random numbers. What differs is the order of sums and the last digits of library functions.

mod attention;
mod models;
mod ops;
mod run;

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::engine::kernels::{Kernels, kernels};
use crate::engine::{Device, Place, Precision};
use crate::error::{Error, Result};
use ops::Op;
use run::Run;

/// How far numbers may differ.
struct Tolerance {
    /// Of an operation: this part of 1 plus their size.
    operation: f64,
    /// Of a model: this part of their norm.
    model: f64,
}

impl Tolerance {
    /// Rounded factors of products differ in the 11th or the 8th bit; sums of a few hundred of them gain two or three.
    fn of(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self { operation: 2e-5, model: 1e-4 },
            Precision::Tf32 => Self { operation: 4e-2, model: 5e-3 },
            Precision::Bf16 => Self { operation: 3e-1, model: 4e-2 },
        }
    }
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The operation, or the model and what of it.
    pub name: String,
    /// Whether tangents were carried.
    pub tangents: bool,
    /// Numbers compared.
    pub n: usize,
    /// Largest difference: relative to 1 plus the number for operations, to the norm of all for models.
    pub max_error: f64,
    /// What is allowed.
    pub tolerance: f64,
    /// Milliseconds on the processor.
    pub cpu_ms: f64,
    /// Milliseconds on the device, compiling at first use included.
    pub device_ms: f64,
    /// Whether it agrees.
    pub ok: bool,
}

/// All comparisons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Whether everything agrees.
    pub ok: bool,
    /// The device that was compared with the processor.
    pub device: String,
    /// Numbers of its products and of attention.
    pub precision: &'static str,
    /// In the order of the operations, then the models.
    pub comparisons: Vec<Comparison>,
}

/// Compares a device with the processor, and tells each comparison as it is made.
///
/// # Errors
/// `Device` when the device is not there or fails.
pub fn check(place: Place, watch: &mut dyn FnMut(&Comparison) -> Result<()>) -> Result<Check> {
    let (ours, cpu) = (kernels(place)?, kernels(Device::Cpu)?);
    let tolerance = Tolerance::of(place.precision);
    let mut comparisons = Vec::new();
    let mut push = |comparison: Comparison| {
        watch(&comparison)?;
        comparisons.push(comparison);
        Ok::<(), Error>(())
    };
    for op in ops::OPS.iter().chain(attention::OPS) {
        for dual in [false, true].into_iter().filter(|dual| !dual || op.dual) {
            push(compare(op, dual, &*ours, &*cpu, tolerance.operation)?)?;
        }
    }
    for (family, config) in models::families() {
        let (device, host) = (models::outcome(&config, &ours)?, models::outcome(&config, &cpu)?);
        for ((what, numbers, seconds), (_, want, cpu_seconds)) in device.parts.iter().zip(&host.parts) {
            if *what == models::GREEDY && place.precision != Precision::F32 {
                // a text goes another way at the first near tie
                continue;
            }
            let max_error = relative_to_norm(numbers, want);
            let (name, seconds) = (format!("{family}: {what}"), [*cpu_seconds, *seconds]);
            push(verdict(name, want.len(), max_error, tolerance.model, seconds))?;
        }
    }
    let (ok, device) = (comparisons.iter().all(|c| c.ok), place.device.to_string());
    Ok(Check { ok, device, precision: place.precision.name(), comparisons })
}

/// Names of the operations that are compared.
pub fn operations() -> impl Iterator<Item = &'static str> {
    ops::OPS.iter().chain(attention::OPS).map(|op| op.name)
}

fn compare(op: &Op, dual: bool, ours: &dyn Kernels, cpu: &dyn Kernels, tolerance: f64) -> Result<Comparison> {
    let [mut device, mut host] = [ours, cpu].map(|kernels| Run::new(kernels, op.name, dual));
    for run in [&mut device, &mut host] {
        (op.check)(run).map_err(|e| e.context(op.name))?;
    }
    let max_error = relative_to_each(&device.numbers, &host.numbers);
    let seconds = [host.seconds, device.seconds];
    let found = verdict(op.name.to_owned(), host.numbers.len(), max_error, tolerance, seconds);
    Ok(Comparison { tangents: dual, ..found })
}

fn verdict(name: String, n: usize, max_error: f64, tolerance: f64, seconds: [f64; 2]) -> Comparison {
    let [cpu_ms, device_ms] = seconds.map(|s| 1e3 * s);
    Comparison { name, tangents: false, n, max_error, tolerance, cpu_ms, device_ms, ok: max_error <= tolerance }
}

/// The largest difference relative to 1 plus the number; infinite where one is no number or lists differ in length.
fn relative_to_each(ours: &[f64], want: &[f64]) -> f64 {
    if ours.len() != want.len() {
        return f64::INFINITY;
    }
    let errors = ours.iter().zip(want).map(|(a, b)| (a - b).abs() / (1.0 + b.abs()));
    errors.fold(0.0, |worst, e| if e.is_nan() { f64::INFINITY } else { e.max(worst) })
}

/// The norm of the difference over the norm; infinite where one is no number or lists differ in length.
fn relative_to_norm(ours: &[f64], want: &[f64]) -> f64 {
    if ours.len() != want.len() {
        return f64::INFINITY;
    }
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut ours.iter().zip(want).map(|(a, b)| a - b));
    let error = difference / norm(&mut want.iter().copied()).max(f64::MIN_POSITIVE);
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Compares, and writes a table line by line or JSON at the end. Gives whether everything agrees.
///
/// # Errors
/// As [`check`].
pub fn print(place: Place, as_json: bool, out: &mut dyn Write) -> Result<bool> {
    let failed = |e: std::io::Error| Error::io("writing the outcome", Path::new("standard output"), &e);
    if as_json {
        let found = check(place, &mut |_| Ok(()))?;
        let text = serde_json::to_string_pretty(&found).map_err(|e| Error::bug(e.to_string()))?;
        return writeln!(out, "{text}").map_err(failed).map(|()| found.ok);
    }
    let mut begun = false;
    let found = check(place, &mut |c| {
        if !std::mem::replace(&mut begun, true) {
            writeln!(out, "{HEADER}").map_err(failed)?;
        }
        let tangents = if c.tangents { "with tangents" } else { "" };
        let verdict = if c.ok { "ok" } else { "FAIL" };
        let (name, n, error) = (&c.name, c.n, c.max_error);
        let (cpu, device) = (c.cpu_ms, c.device_ms);
        writeln!(out, "{name:24} {tangents:13} {n:>8} {error:>10.1e} {cpu:>9.3} {device:>9.3}  {verdict}")
            .map_err(failed)
    })?;
    let n_failed = found.comparisons.iter().filter(|c| !c.ok).count();
    let verdict = if n_failed == 0 { "all ok".to_owned() } else { format!("{n_failed} FAIL") };
    writeln!(out, "{}: {} comparisons, {verdict}", found.device, found.comparisons.len()).map_err(failed)?;
    Ok(found.ok)
}

const HEADER: &str = "operation                               numbers  max error    cpu ms device ms";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_and_what_is_no_number_are_seen() {
        assert_eq!(relative_to_each(&[1.0, 3.0], &[1.0, 2.0]), 1.0 / 3.0);
        assert_eq!(relative_to_each(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(relative_to_each(&[f64::NAN], &[1.0]), f64::INFINITY);
        assert_eq!(relative_to_norm(&[3.0, 4.5], &[3.0, 4.0]), 0.1);
        assert_eq!(relative_to_norm(&[f64::NAN], &[1.0]), f64::INFINITY);
    }
}
