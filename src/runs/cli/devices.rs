//! `devices`: what can compute here. `check`: whether it computes what the processor computes.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::{Streams, device_arg, json_arg, place, precision_arg};
use crate::engine::cuda;
use crate::error::Result;
use crate::runs::check;
use crate::runs::estimate::{available_memory, bytes_text};

pub(super) fn devices_command() -> Command {
    Command::new("devices").about("List what can compute here, and why a card cannot").arg(json_arg())
}

pub(super) fn check_command() -> Command {
    Command::new("check")
        .about("Compare every operation on a device with the processor, with errors and times")
        .arg(device_arg().default_value("cuda"))
        .arg(precision_arg())
        .arg(json_arg())
}

pub(super) fn devices(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<()> {
    let found = cuda::cards();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let free = available_memory();
    if args.get_flag("json") {
        return streams.json(&json!({"cpu": {"threads": threads, "free": free}, "cuda": found}));
    }
    streams.line(&format!("cpu      {threads} threads, {} free", bytes_text(free)))?;
    for card in &found.cards {
        let (memory, capability) = (bytes_text(card.memory), &card.capability);
        let free = card.free.map_or(String::new(), |free| format!(", {} free", bytes_text(free)));
        let device = format!("cuda:{}", card.number);
        streams.line(&format!("{device:8} {}, {memory}{free}, compute capability {capability}", card.name))?;
    }
    let versions = [("driver", &found.driver), ("NVRTC", &found.compiler), ("cuBLASLt", &found.products)];
    let versions: Vec<String> =
        versions.iter().filter_map(|(name, v)| Some(format!("{name} {}", v.as_ref()?))).collect();
    if !versions.is_empty() {
        streams.line(&format!("cuda     {}", versions.join(", ")))?;
    }
    if !found.cards.is_empty() && found.products.is_none() {
        streams.line("cuda     in f32 only: the library of matrix products (cuBLASLt) is not there")?;
        streams.line(&format!("  hint: {}", cuda::PRODUCTS_HINT))?;
    }
    if let Some(trouble) = &found.trouble {
        streams.line(&format!("cuda     not available: {trouble}"))?;
    }
    found.remedy.as_ref().map_or(Ok(()), |remedy| streams.line(&format!("  hint: {remedy}")))
}

pub(super) fn check(args: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8> {
    let agrees = check::print(place(args)?, args.get_flag("json"), streams.out)?;
    Ok(u8::from(!agrees))
}
