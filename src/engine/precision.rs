//! In which numbers matrix products and attention are computed, and where.

use std::fmt;

use crate::error::{Error, Result};
use crate::tensor::Device;

/// How the factors of matrix products and of attention are rounded. Sums, losses, norms, weights and their updates are
/// always 32-bit numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Not at all: every sum in one fixed order, so that a text has the same numbers alone and in any batch.
    #[default]
    F32,
    /// To 10 bits after the first, on tensor cores.
    Tf32,
    /// To 7 bits after the first, on tensor cores.
    Bf16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Tf32, Self::Bf16];

    /// The word for it in experiments and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// What it is good for.
    pub fn title(self) -> &'static str {
        match self {
            Self::F32 => "Every sum in one order: a text has the same numbers in any batch",
            Self::Tf32 => "On tensor cores: factors keep about three digits",
            Self::Bf16 => "On tensor cores, fastest: factors keep two to three digits",
        }
    }

    /// The precision of this name.
    ///
    /// # Errors
    /// `Config` for another word.
    pub fn parse(name: &str) -> Result<Self> {
        let unknown = || Error::config(format!("there is no precision `{name}`")).hint("use `f32`, `tf32` or `bf16`");
        Self::ALL.into_iter().find(|p| p.name() == name).ok_or_else(unknown)
    }

    /// What it changes about results; nothing for `f32`.
    pub fn caveat(self) -> Option<String> {
        let digits = match self {
            Self::F32 => return None,
            Self::Tf32 => "3",
            Self::Bf16 => "2 to 3",
        };
        Some(format!(
            "precision {self}: factors of matrix products keep {digits} digits, and last digits of a result depend on \
             what is in its batch; for scores that do not, use f32"
        ))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A device and the precision on it. A device alone means `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Where.
    pub device: Device,
    /// In which numbers.
    pub precision: Precision,
}

impl From<Device> for Place {
    fn from(device: Device) -> Self {
        Self { device, precision: Precision::F32 }
    }
}

impl Place {
    /// Fails where the device does not have the precision.
    ///
    /// # Errors
    /// `Config` for the processor with anything but `f32`.
    pub fn check(self) -> Result<Self> {
        if self.device == Device::Cpu && self.precision != Precision::F32 {
            return Err(Error::config(format!("the device `cpu` computes in f32 only, not in {}", self.precision))
                .hint("leave the precision at `f32`, or choose a card with `--device cuda`"));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_others_refused() {
        for precision in Precision::ALL {
            assert_eq!(Precision::parse(precision.name()).unwrap(), precision);
        }
        let error = Precision::parse("fp8").unwrap_err().to_string();
        assert!(error.contains("there is no precision `fp8`"), "{error}");
    }

    #[test]
    fn the_processor_has_one_precision() {
        let place = |precision| Place { device: Device::Cpu, precision };
        assert!(place(Precision::F32).check().is_ok());
        let error = place(Precision::Bf16).check().unwrap_err();
        assert!(error.to_string().contains("computes in f32 only, not in bf16"), "{error}");
        assert!(Place { device: Device::Cuda(0), precision: Precision::Bf16 }.check().is_ok());
        assert!(Precision::F32.caveat().is_none() && Precision::Tf32.caveat().is_some());
    }
}
