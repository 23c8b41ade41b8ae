//! Fresh models.
//!
//! Matrices and tables are N(0, std²), norm gains 1, everything else 0. Families whose originals divide the output
//! projections of a block by √(2·layers), so that the residual stream does not grow with depth (Radford et al. 2019),
//! do so here.
//! Source: transformers, `_init_weights` of each family; TinyMem: `msakarvadia/memorization`,
//! `src/memorization_in_toy_models.py` (std 0.8/√width).
//! Differs from the originals: the numbers come from our own streams, one for each block of a parameter, so that they
//! depend on seed, parameter and place alone.

use rayon::prelude::*;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::families::{self, Blueprint, Wanted};
use crate::kernels::kernels;
use crate::model::{Decoder, Family, Linear, NormParams, ParamId, Weight};
use crate::precision::Place;
use crate::rng::Stream;
use crate::tensor::Real;

/// Numbers drawn from one stream.
const BLOCK: usize = 1 << 14;

/// How matrices begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InitSpec {
    /// Standard deviation.
    pub std: f64,
    /// Whether the output projections of attention and feed-forward have std/√(2·layers).
    pub scale_residual: bool,
}

impl InitSpec {
    /// As transformers begins a model with this config.json: `initializer_range` (0.02 if absent), scaled residual
    /// projections for GPT-2 alone.
    ///
    /// # Errors
    /// `Data` for an `initializer_range` that is no number above 0, or a family that is not supported.
    pub fn of_family(config: &Value) -> Result<Self> {
        let std = match config.get("initializer_range") {
            None | Some(Value::Null) => 0.02,
            Some(value) => value.as_f64().filter(|std| *std > 0.0 && std.is_finite()).ok_or_else(|| {
                Error::data(format!("config.json: initializer_range is {value} but must be a number above 0"))
            })?,
        };
        Ok(Self { std, scale_residual: families::blueprint(config)?.config.family == Family::Gpt2 })
    }

    /// As TinyMem begins a model of this width.
    pub fn tiny_mem(width: usize) -> Self {
        Self { std: 0.8 / (width as f64).sqrt(), scale_residual: true }
    }
}

/// A model that has learned nothing.
///
/// # Errors
/// `Data` for a configuration that is not supported, `Device` when the device is not there.
pub fn fresh(config: &Value, spec: InitSpec, seed: u64, place: impl Into<Place>) -> Result<Decoder> {
    let blueprint = families::blueprint(config)?;
    let (gains, residuals) = (gains(&blueprint), residuals(&blueprint));
    let stream = Stream::new(seed, "init");
    let small = spec.std / (2.0 * blueprint.config.n_layer as f64).sqrt();
    let mut next = 0;
    blueprint.build(kernels(place)?, |wanted: &Wanted| {
        let id = ParamId(next);
        next += 1;
        let n = wanted.shape.iter().product();
        let values = if gains.contains(&id) {
            vec![1.0; n]
        } else if wanted.shape.len() == 1 {
            vec![0.0; n]
        } else {
            let std = if spec.scale_residual && residuals.contains(&id) { small } else { spec.std };
            normal(&stream.item(u64::from(id.0)), n, std)
        };
        Weight::owned(&wanted.name, &wanted.shape, wanted.orientation, values)
    })
}

/// `n` numbers of N(0, std²).
fn normal(stream: &Stream, n: usize, std: f64) -> Vec<Real> {
    let mut values = vec![0.0; n];
    values.par_chunks_mut(BLOCK).enumerate().for_each(|(block, values)| {
        let mut stream = stream.item(block as u64);
        for x in values {
            *x = (std * stream.normal()) as Real;
        }
    });
    values
}

/// The gains of all norms.
fn gains(blueprint: &Blueprint) -> Vec<ParamId> {
    let norms = blueprint.blocks().iter().flat_map(|b| [Some(b.norm1), b.norm2]).chain([Some(blueprint.final_norm())]);
    norms.flatten().map(|n: NormParams| n.gain).collect()
}

/// The matrices that write to the residual stream.
fn residuals(blueprint: &Blueprint) -> Vec<ParamId> {
    blueprint.blocks().iter().flat_map(|b| [b.attn_out, b.mlp.down]).map(|l: Linear| l.weight).collect()
}
