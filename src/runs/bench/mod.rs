//! `memoscope bench`: how fast this machine is, on work that a PyTorch user knows.
//!
//! Weights are random and shapes are those of the named models, so nothing is downloaded. Each workload
//! runs once to warm up and then several times; the median rate counts. Beside it stands the share of
//! what the machine's own matrix product would allow for the operations that cannot be avoided.
//! `--peer COMMAND` runs another program on the same workloads, in the same session, and prints ratios.

mod card;
mod models;
mod peer;
mod workloads;

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::engine::kernels::{Kernels, kernels};
use crate::engine::{Device, Place};
use crate::error::{Error, Result};
pub use card::CARD_WORKLOADS;
pub use models::Scale;
pub use workloads::{WORKLOADS, Workload};

/// What to measure and how.
#[derive(Clone, Debug)]
pub struct BenchSpec {
    /// Names of workloads; empty means all.
    pub names: Vec<String>,
    /// Timed repeats after one warm-up.
    pub runs: usize,
    /// Threads; 0 takes all cores.
    pub threads: usize,
    /// Where to compute, and in which numbers.
    pub place: Place,
    /// How large models and texts are.
    pub scale: Scale,
    /// Whether to print JSON lines only.
    pub json: bool,
    /// A command that prints the same JSON lines for the same names, such as `python3 torch_peer.py`.
    pub peer: Option<String>,
}

/// One measured rate.
#[derive(Clone, Debug, Serialize)]
pub struct Rate {
    /// Name of the workload.
    pub workload: &'static str,
    /// Unit of `value`.
    pub unit: &'static str,
    /// Median rate.
    pub value: f64,
    /// Timed repeats.
    pub runs: usize,
    /// Share of the machine's matrix-product rate spent on operations that cannot be avoided.
    pub share_of_sgemm: Option<f64>,
    /// Rate of the peer on the same machine, if one was asked.
    pub peer: Option<f64>,
    /// Ours over the peer's.
    pub ratio: Option<f64>,
    /// Threads.
    pub threads: usize,
    /// Device.
    pub device: String,
    /// Numbers of products and attention.
    pub precision: &'static str,
    /// Version of this program.
    pub memoscope: &'static str,
}

/// Measures and prints, one line a workload.
///
/// # Errors
/// `Config` for an unknown workload or a peer that does not answer.
pub fn bench(spec: &BenchSpec, out: &mut dyn Write) -> Result<Vec<Rate>> {
    let chosen = choose(&spec.names, spec.place.device)?;
    let threads =
        if spec.threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { spec.threads };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::device(format!("no pool of {threads} threads: {e}")))?;
    let kernels = kernels(spec.place)?;
    let ceiling = pool.install(|| median_rate(&WORKLOADS[0], &kernels, spec))?;
    let mut rates = Vec::new();
    for workload in chosen {
        let value = if workload.name == WORKLOADS[0].name {
            ceiling
        } else {
            pool.install(|| median_rate(workload, &kernels, spec))?
        };
        let peer =
            spec.peer.as_deref().map(|command| peer::rate(command, workload.name, threads, spec.runs)).transpose()?;
        let rate = Rate {
            workload: workload.name,
            unit: workload.unit,
            value,
            runs: spec.runs,
            share_of_sgemm: workload.gflop.filter(|_| !spec.scale.tiny).map(|gflop| gflop * value / ceiling),
            peer,
            ratio: peer.map(|p| value / p),
            threads,
            device: spec.place.device.to_string(),
            precision: spec.place.precision.name(),
            memoscope: env!("CARGO_PKG_VERSION"),
        };
        print(&rate, spec.json, out)?;
        rates.push(rate);
    }
    Ok(rates)
}

/// Those of these names; without names all, those of cards on a card only.
fn choose(names: &[String], device: Device) -> Result<Vec<&'static Workload>> {
    if names.is_empty() {
        let of_cards = CARD_WORKLOADS.iter().filter(|_| device != Device::Cpu);
        return Ok(WORKLOADS.iter().chain(of_cards).collect());
    }
    let find = |name: &String| {
        workloads().find(|w| w.name == name).ok_or_else(|| {
            let known: Vec<&str> = workloads().map(|w| w.name).collect();
            Error::config(format!("there is no workload `{name}`")).hint(format!("known: {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

/// All workloads, those of cards last.
pub fn workloads() -> impl Iterator<Item = &'static Workload> {
    WORKLOADS.iter().chain(CARD_WORKLOADS)
}

fn median_rate(workload: &Workload, kernels: &Arc<dyn Kernels>, spec: &BenchSpec) -> Result<f64> {
    let mut work = (workload.make)(kernels, spec.scale)?;
    work()?;
    kernels.wait()?;
    let mut rates = Vec::with_capacity(spec.runs.max(1));
    for _ in 0..spec.runs.max(1) {
        let start = Instant::now();
        let units = work()?;
        kernels.wait()?;
        rates.push(units / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let middle = rates.len() / 2;
    Ok(if rates.len() % 2 == 1 { rates[middle] } else { f64::midpoint(rates[middle - 1], rates[middle]) })
}

fn print(rate: &Rate, json: bool, out: &mut dyn Write) -> Result<()> {
    let failed = |e: std::io::Error| Error::data(format!("printing failed: {e}"));
    if json {
        let line = serde_json::to_string(rate).map_err(|e| Error::bug(format!("a rate as JSON: {e}")))?;
        return writeln!(out, "{line}").map_err(failed);
    }
    let share = rate.share_of_sgemm.map_or(String::new(), |s| format!("{:4.0} % of sgemm", 100.0 * s));
    let peer = match (rate.peer, rate.ratio) {
        (Some(peer), Some(ratio)) => format!("  peer {peer:10.3}  ratio {ratio:.2}"),
        _ => String::new(),
    };
    writeln!(out, "{:20} {:12.3} {:12} {share:16}{peer}", rate.workload, rate.value, rate.unit).map_err(failed)
}
