//! The state of an optimizer as a safetensors file, so that a run that goes on is bit for bit the one that was not
//! interrupted.
//!
//! Tensors: `NAME.exp_avg` and `NAME.exp_avg_sq`, or `NAME.momentum_buffer`, in the shape of the parameter NAME, and
//! `NAME.step`, one I64: the names of torch's state.

use std::borrow::Cow;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::View;

use super::optimizer::{Optimizer, Slot};
use crate::error::{Error, Result};
use crate::model::{Decoder, little_endian};
use crate::tensor::{Real, Tensor};
use crate::weights::{TensorFile, write_views};

impl Optimizer {
    /// Writes the state to `path`, over what is there.
    ///
    /// # Errors
    /// `Data` when the disk is full or the file cannot be written, `Device` when the card fails.
    pub fn save(&self, model: &Decoder, path: &Path) -> Result<()> {
        let mut tensors: Vec<(String, Saved<'_>)> = Vec::new();
        for slot in &self.slots {
            let name = &model.params.get(slot.id).name;
            tensors.push((format!("{name}.step"), Saved::Steps((slot.steps as i64).to_le_bytes())));
            for (kind, moment) in self.rule.moments().iter().zip(&slot.moments) {
                tensors.push((
                    format!("{name}.{kind}"),
                    Saved::Moment { shape: moment.shape(), values: moment.to_host()? },
                ));
            }
        }
        write_views(path, tensors)
    }

    /// Takes over the state in `path`, which must be of the same kind and the same parameters.
    ///
    /// # Errors
    /// `Data` when the file is damaged, or lacks a tensor or has it in another shape; nothing is taken over then.
    pub fn restore(&mut self, model: &Decoder, path: &Path) -> Result<()> {
        let file = TensorFile::open(path)?;
        let read = |slot: &Slot| self.read_slot(&file, slot, model).map_err(|e| e.at(path));
        let read: Vec<(u64, Vec<Tensor>)> = self.slots.iter().map(read).collect::<Result<_>>()?;
        for (slot, (steps, moments)) in self.slots.iter_mut().zip(read) {
            (slot.steps, slot.moments) = (steps, moments);
        }
        Ok(())
    }

    fn read_slot(&self, file: &TensorFile, slot: &Slot, model: &Decoder) -> Result<(u64, Vec<Tensor>)> {
        let weight = model.params.get(slot.id);
        let lacks = |kind: &str| {
            Error::data(format!("the state of the optimizer lacks {}.{kind} {:?}", weight.name, weight.shape))
                .hint("it belongs to another model, optimizer or choice of frozen parameters")
        };
        let steps = file.find(&format!("{}.step", weight.name)).and_then(|entry| file.integers(entry));
        let steps = steps.and_then(|steps| u64::try_from(*steps.first()?).ok()).ok_or_else(|| lacks("step"))?;
        let moment = |kind: &&str| {
            let entry = file.find(&format!("{}.{kind}", weight.name)).filter(|entry| entry.shape == weight.shape);
            let values = entry.and_then(|entry| file.numbers(entry)).ok_or_else(|| lacks(kind))?;
            model.kernels.upload(&weight.shape, values.into_iter().map(|x| x as Real).collect(), None)
        };
        Ok((steps, self.rule.moments().iter().map(moment).collect::<Result<_>>()?))
    }
}

/// A tensor of the file.
enum Saved<'a> {
    Steps([u8; 8]),
    Moment { shape: &'a [usize], values: Cow<'a, [Real]> },
}

impl View for Saved<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Steps(_) => Dtype::I64,
            Self::Moment { .. } if size_of::<Real>() == 8 => Dtype::F64,
            Self::Moment { .. } => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Steps(_) => &[1],
            Self::Moment { shape, .. } => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Steps(bytes) => Cow::Borrowed(bytes),
            Self::Moment { values, .. } => little_endian(values),
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Self::Steps(bytes) => bytes.len(),
            Self::Moment { values, .. } => size_of_val::<[Real]>(values),
        }
    }
}
