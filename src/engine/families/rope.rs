//! Rotary frequencies: 1/base^(2i/r), optionally scaled (`linear`, `llama3`).
//!
//! Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (transformers 4).
//! Frequencies are rounded to f32 where the library rounds, because the models were trained with those.
//! Source: transformers 5.23, modeling_rope_utils.py.

use std::f64::consts::TAU;

use super::fields::{Fields, MAX_CONTEXT};
use crate::error::{Error, Result};

/// What config.json says about rotation.
pub(super) struct Rope {
    base: f64,
    scaling: Scaling,
    /// Fraction of the channels of a head that are turned, if written.
    pub(super) partial: Option<f64>,
}

enum Scaling {
    None,
    Linear { factor: f64 },
    Llama3 { factor: f64, low: f64, high: f64, context: f64 },
}

impl Rope {
    /// Reads both spellings; `old_base` and `old_partial` are the keys of transformers 4.
    pub(super) fn read(fields: &Fields<'_>, old_base: &str, old_partial: &str) -> Result<Self> {
        let new = fields.object("rope_parameters")?;
        let old = fields.object("rope_scaling")?;
        let scaling = new.as_ref().or(old.as_ref());
        let from_new = |key: &str| new.as_ref().map_or(Ok(None), |parameters| parameters.maybe_positive(key));
        let base = match from_new("rope_theta")? {
            Some(base) => base,
            None => match fields.maybe_positive(old_base)? {
                Some(base) => base,
                None => fields.positive("rope_theta", 10_000.0)?,
            },
        };
        let partial = match from_new("partial_rotary_factor")? {
            Some(partial) => Some(partial),
            None => match fields.maybe_positive(old_partial)? {
                Some(partial) => Some(partial),
                None => fields.maybe_positive("partial_rotary_factor")?,
            },
        };
        if let Some(p) = partial.filter(|&p| p > 1.0) {
            return Err(Error::data(format!("config.json: the rotary fraction is {p} but must be at most 1")));
        }
        Ok(Self { base, scaling: scaling.map_or(Ok(Scaling::None), read_scaling)?, partial })
    }

    /// The frequency of each of the `width / 2` pairs of channels.
    pub(super) fn frequencies(&self, width: usize) -> Result<Vec<f64>> {
        let plain = plain(self.base, width)?;
        Ok(match self.scaling {
            Scaling::None => plain,
            Scaling::Linear { factor } => plain.into_iter().map(|f| round(f / factor)).collect(),
            Scaling::Llama3 { factor, low, high, context } => {
                plain.into_iter().map(|f| round(llama3(f, factor, low, high, context))).collect()
            }
        })
    }
}

/// 1/base^(2i/width)
pub(super) fn plain(base: f64, width: usize) -> Result<Vec<f64>> {
    if width == 0 || !width.is_multiple_of(2) {
        return Err(Error::data(format!("config.json: {width} channels cannot be rotated in pairs")));
    }
    let exponent = |i: usize| f64::from((2 * i) as f32 / width as f32);
    Ok((0..width / 2).map(|i| f64::from(1.0 / base.powf(exponent(i)) as f32)).collect())
}

fn round(x: f64) -> f64 {
    f64::from(x as f32)
}

fn llama3(frequency: f64, factor: f64, low: f64, high: f64, context: f64) -> f64 {
    let wavelength = TAU / frequency;
    if wavelength < context / high {
        frequency
    } else if wavelength > context / low {
        frequency / factor
    } else {
        let smooth = (context / wavelength - low) / (high - low);
        (1.0 - smooth) * frequency / factor + smooth * frequency
    }
}

fn read_scaling(fields: &Fields<'_>) -> Result<Scaling> {
    let kind = match fields.text("rope_type")? {
        Some(kind) => Some(kind),
        None => fields.text("type")?,
    };
    let required = |key: &str| {
        let missing = || Error::data(format!("config.json: rotary scaling has no {key}"));
        fields.maybe_positive(key)?.ok_or_else(missing)
    };
    match kind {
        None | Some("default") => Ok(Scaling::None),
        Some("linear") => Ok(Scaling::Linear { factor: required("factor")? }),
        Some("llama3") => {
            let (low, high) = (required("low_freq_factor")?, required("high_freq_factor")?);
            if high <= low {
                return Err(Error::data(format!(
                    "config.json: high_freq_factor {high} must be above low_freq_factor {low}"
                )));
            }
            let context = fields.size("original_max_position_embeddings", MAX_CONTEXT)? as f64;
            Ok(Scaling::Llama3 { factor: required("factor")?, low, high, context })
        }
        Some(other) => Err(Error::data(format!("config.json: rotary scaling \"{other}\" is not supported"))
            .hint("supported: default, linear, llama3")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn frequencies(config: &Value, width: usize) -> Result<Vec<f64>> {
        Rope::read(&Fields::new(config.as_object().unwrap()), "rope_theta", "")?.frequencies(width)
    }

    /// Numbers of transformers 5.23 for base 5e5 and context 8192.
    #[test]
    fn llama3_frequencies_equal_the_library() {
        #[rustfmt::skip]
        let cases = [
            (128, 8, [1.0, 8.14617234e-1, 3.76060309e-2, 1.37189357e-3, 5.24846161e-4, 9.55621235e-5, 3.06892599e-7], 29, 35),
            (64, 32, [1.0, 6.63601238e-1, 3.76060309e-2, 3.21144599e-3, 4.29556797e-4, 1.29147672e-5, 9.41830673e-8], 15, 18),
            (128, 32, [1.0, 8.14617234e-1, 3.76060309e-2, 1.29054793e-3, 4.29556797e-4, 2.38905309e-5, 7.67231497e-8], 29, 35),
        ];
        for (d, factor, expected, unchanged, divided) in cases {
            let config = json!({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": factor,
                "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}});
            let scaled = frequencies(&config, d).unwrap();
            let raw = plain(5e5, d).unwrap();
            for (i, want) in [0, 1, d / 8, d / 4 - 2, d / 4, d / 4 + 3, d / 2 - 1].into_iter().zip(expected) {
                assert!((scaled[i] / want - 1.0_f64).abs() < 5e-7, "d {d} factor {factor} i {i}: {}", scaled[i]);
            }
            assert!(scaled[..unchanged] == raw[..unchanged] && scaled[unchanged] != raw[unchanged]);
            let is_divided = |i: usize| (scaled[i] * f64::from(factor) / raw[i] - 1.0).abs() < 1e-6;
            assert!((divided..d / 2).all(is_divided) && !is_divided(divided - 1));
        }
    }

    #[test]
    fn both_spellings_agree_and_others_are_refused_by_name() {
        let old = json!({"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 2.0}});
        let new = json!({"rope_parameters": {"rope_theta": 500.0, "rope_type": "linear", "factor": 2.0}});
        assert_eq!(frequencies(&old, 8).unwrap(), frequencies(&new, 8).unwrap());
        assert!((frequencies(&old, 8).unwrap()[0] - 0.5).abs() < 1e-9);
        let yarn = json!({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}});
        assert!(frequencies(&yarn, 8).unwrap_err().to_string().contains("\"yarn\""));
        assert!(frequencies(&json!({}), 7).unwrap_err().to_string().contains("7 channels"));
    }
}
