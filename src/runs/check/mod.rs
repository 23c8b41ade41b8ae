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

use crate::engine::Device;
use crate::engine::kernels::{Kernels, kernels};
use crate::error::{Error, Result};
use ops::Op;
use run::Run;

/// Numbers of an operation may differ by this part of 1 plus their size.
const OF_AN_OPERATION: f64 = 2e-5;
/// Numbers of a model may differ by this part of their norm.
const OF_A_MODEL: f64 = 1e-4;

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
    /// In the order of the operations, then the models.
    pub comparisons: Vec<Comparison>,
}

/// Compares a device with the processor, and tells each comparison as it is made.
///
/// # Errors
/// `Device` when the device is not there or fails.
pub fn check(device: Device, watch: &mut dyn FnMut(&Comparison) -> Result<()>) -> Result<Check> {
    let (ours, cpu) = (kernels(device)?, kernels(Device::Cpu)?);
    let mut comparisons = Vec::new();
    let mut push = |comparison: Comparison| {
        watch(&comparison)?;
        comparisons.push(comparison);
        Ok::<(), Error>(())
    };
    for op in ops::OPS.iter().chain(attention::OPS) {
        for dual in [false, true].into_iter().filter(|dual| !dual || op.dual) {
            push(compare(op, dual, &*ours, &*cpu)?)?;
        }
    }
    for (family, config) in models::families() {
        let (device, host) = (models::outcome(&config, &ours)?, models::outcome(&config, &cpu)?);
        for ((what, numbers, seconds), (_, want, cpu_seconds)) in device.parts.iter().zip(&host.parts) {
            let max_error = relative_to_norm(numbers, want);
            push(verdict(format!("{family}: {what}"), want.len(), max_error, OF_A_MODEL, [*cpu_seconds, *seconds]))?;
        }
    }
    Ok(Check { ok: comparisons.iter().all(|c| c.ok), device: device.to_string(), comparisons })
}

/// Names of the operations that are compared.
pub fn operations() -> impl Iterator<Item = &'static str> {
    ops::OPS.iter().chain(attention::OPS).map(|op| op.name)
}

fn compare(op: &Op, dual: bool, ours: &dyn Kernels, cpu: &dyn Kernels) -> Result<Comparison> {
    let [mut device, mut host] = [ours, cpu].map(|kernels| Run::new(kernels, op.name, dual));
    for run in [&mut device, &mut host] {
        (op.check)(run).map_err(|e| e.context(op.name))?;
    }
    let max_error = relative_to_each(&device.numbers, &host.numbers);
    let seconds = [host.seconds, device.seconds];
    let found = verdict(op.name.to_owned(), host.numbers.len(), max_error, OF_AN_OPERATION, seconds);
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
pub fn print(device: Device, as_json: bool, out: &mut dyn Write) -> Result<bool> {
    let failed = |e: std::io::Error| Error::io("writing the outcome", Path::new("standard output"), &e);
    if as_json {
        let found = check(device, &mut |_| Ok(()))?;
        let text = serde_json::to_string_pretty(&found).map_err(|e| Error::bug(e.to_string()))?;
        return writeln!(out, "{text}").map_err(failed).map(|()| found.ok);
    }
    let mut begun = false;
    let found = check(device, &mut |c| {
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
