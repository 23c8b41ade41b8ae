//! Tensors: contiguous row-major buffers, optionally with a tangent.

use std::borrow::Cow;
use std::fmt;

pub use crate::buffer::Buffer;
pub use crate::cuda::DeviceBuffer;
use crate::error::{Error, Result};

/// The number type of all arithmetic: `f32`, or `f64` in the gradient-check build.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The number type of all arithmetic: `f32`, or `f64` in the gradient-check build.
#[cfg(feature = "f64")]
pub type Real = f64;

/// Where tensors live and their operations run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA card with this number.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// Storage of one plane on its device.
#[derive(Debug)]
pub enum Plane {
    /// Main memory.
    Cpu(Buffer),
    /// Memory of a card.
    Cuda(DeviceBuffer),
}

impl Plane {
    fn main_memory(&self) -> &[Real] {
        match self {
            Self::Cpu(buffer) => buffer,
            Self::Cuda(_) => wrong_device(),
        }
    }

    fn main_memory_mut(&mut self) -> &mut [Real] {
        match self {
            Self::Cpu(buffer) => buffer,
            Self::Cuda(_) => wrong_device(),
        }
    }

    fn to_host(&self) -> Result<Cow<'_, [Real]>> {
        match self {
            Self::Cpu(buffer) => Ok(Cow::Borrowed(buffer)),
            Self::Cuda(buffer) => buffer.to_host().map(Cow::Owned),
        }
    }

    fn copied(&self) -> Result<Self> {
        match self {
            Self::Cpu(buffer) => Ok(Self::Cpu(buffer.clone())),
            Self::Cuda(buffer) => buffer.copied().map(Self::Cuda),
        }
    }
}

/// A tensor belongs to the device whose operations made it; operations of another one are never given it.
fn wrong_device() -> ! {
    unreachable!("an operation of the processor was given a tensor of a card")
}

/// A row-major tensor. `tangent` is present only inside a directional derivative: every
/// operation then carries value and tangent together (Pearlmutter 1994).
///
/// Those of a model's device are made by its [`Kernels`](crate::Kernels).
#[derive(Debug)]
pub struct Tensor {
    shape: Vec<usize>,
    value: Plane,
    tangent: Option<Plane>,
}

impl Tensor {
    /// Zeros of this shape in main memory, with a zero tangent when `dual`.
    pub fn zeros(shape: &[usize], dual: bool) -> Self {
        let len = shape.iter().product();
        let plane = || Plane::Cpu(Buffer::zeros(len));
        Self { shape: shape.to_vec(), value: plane(), tangent: dual.then(plane) }
    }

    /// Any values of this shape in main memory; write before reading.
    pub fn stale(shape: &[usize], dual: bool) -> Self {
        let len = shape.iter().product();
        let plane = || Plane::Cpu(Buffer::stale(len));
        Self { shape: shape.to_vec(), value: plane(), tangent: dual.then(plane) }
    }

    /// A tensor of these values in main memory.
    pub fn from_vec(shape: &[usize], values: Vec<Real>) -> Result<Self> {
        if shape.iter().product::<usize>() != values.len() {
            return Err(Error::bug(format!("tensor of shape {shape:?} from {} values", values.len())));
        }
        Ok(Self { shape: shape.to_vec(), value: Plane::Cpu(values.into()), tangent: None })
    }

    /// A tensor in the memory of a card.
    pub(crate) fn on_card(shape: &[usize], value: DeviceBuffer, tangent: Option<DeviceBuffer>) -> Self {
        Self { shape: shape.to_vec(), value: Plane::Cuda(value), tangent: tangent.map(Plane::Cuda) }
    }

    /// The extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows: all but the last extent.
    pub fn rows(&self) -> usize {
        self.shape.iter().rev().skip(1).product()
    }

    /// The last extent.
    pub fn cols(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Whether a tangent is carried.
    pub fn is_dual(&self) -> bool {
        self.tangent.is_some()
    }

    /// The values on the host: in place, or copied from a card.
    ///
    /// # Errors
    /// `Device` when the card fails.
    pub fn to_host(&self) -> Result<Cow<'_, [Real]>> {
        self.value.to_host()
    }

    /// The tangent on the host, if one is carried.
    ///
    /// # Errors
    /// `Device` when the card fails.
    pub fn tangent_to_host(&self) -> Result<Option<Cow<'_, [Real]>>> {
        self.tangent.as_ref().map(Plane::to_host).transpose()
    }

    /// A second tensor with the same numbers.
    ///
    /// # Errors
    /// `Device` when the card has no memory left.
    pub fn copied(&self) -> Result<Self> {
        let tangent = self.tangent.as_ref().map(Plane::copied).transpose()?;
        Ok(Self { shape: self.shape.clone(), value: self.value.copied()?, tangent })
    }

    /// Changes values and tangent on the host: in place, or on a copy that goes back to the card.
    ///
    /// # Errors
    /// `Device` when the card fails.
    pub fn edit(&mut self, change: impl FnOnce(&mut [Real], Option<&mut [Real]>)) -> Result<()> {
        if let Plane::Cuda(value) = &self.value {
            let mut numbers = value.to_host()?;
            let mut tangent = self.tangent_to_host()?.map(Cow::into_owned);
            change(&mut numbers, tangent.as_deref_mut());
            value.write(&numbers)?;
            return match (&self.tangent, tangent) {
                (Some(Plane::Cuda(plane)), Some(numbers)) => plane.write(&numbers),
                _ => Ok(()),
            };
        }
        let (value, tangent) = self.planes_mut();
        change(value, tangent);
        Ok(())
    }

    /// Value and tangent of a tensor of a card.
    ///
    /// # Errors
    /// `Bug` for a tensor in main memory.
    pub(crate) fn card_planes(&self) -> Result<(&DeviceBuffer, Option<&DeviceBuffer>)> {
        match (&self.value, &self.tangent) {
            (Plane::Cuda(value), None) => Ok((value, None)),
            (Plane::Cuda(value), Some(Plane::Cuda(tangent))) => Ok((value, Some(tangent))),
            _ => Err(Error::bug("an operation of a card was given a tensor in main memory")),
        }
    }

    /// The values of a tensor in main memory.
    ///
    /// # Panics
    /// For a tensor of a card: [`Self::to_host`] is for both.
    pub fn value(&self) -> &[Real] {
        self.value.main_memory()
    }

    /// The values of a tensor in main memory, to be written.
    ///
    /// # Panics
    /// For a tensor of a card: [`Self::to_host`] is for both.
    pub fn value_mut(&mut self) -> &mut [Real] {
        self.value.main_memory_mut()
    }

    /// The tangent of a tensor in main memory, if one is carried.
    ///
    /// # Panics
    /// For a tensor of a card: [`Self::to_host`] is for both.
    pub fn tangent(&self) -> Option<&[Real]> {
        self.tangent.as_ref().map(Plane::main_memory)
    }

    /// Values and tangent of a tensor in main memory, to be written.
    pub(crate) fn planes_mut(&mut self) -> (&mut [Real], Option<&mut [Real]>) {
        (self.value.main_memory_mut(), self.tangent.as_mut().map(Plane::main_memory_mut))
    }

    /// The tangent as a tensor of its own, if one is carried.
    pub fn into_tangent(self) -> Option<Self> {
        Some(Self { shape: self.shape, value: self.tangent?, tangent: None })
    }

    /// Sets or clears the tangent of a tensor in main memory.
    pub fn set_tangent(&mut self, tangent: Option<Vec<Real>>) {
        self.tangent = tangent.map(|t| Plane::Cpu(t.into()));
    }
}

/// Checks compute in main memory, where a copy does not fail.
#[cfg(test)]
impl Clone for Tensor {
    fn clone(&self) -> Self {
        self.copied().unwrap()
    }
}

/// Where each sequence of a packed batch begins: sequence `i` has rows `starts[i]..starts[i + 1]`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Offsets(Vec<usize>);

impl Offsets {
    /// From the length of each sequence.
    pub fn from_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for length in lengths {
            end += length;
            starts.push(end);
        }
        Self(starts)
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows of all sequences together.
    pub fn total(&self) -> usize {
        self.0.last().copied().unwrap_or(0)
    }

    /// Rows of each sequence.
    pub fn iter(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        self.0.windows(2).map(|w| w[0]..w[1])
    }

    /// Rows of sequence `i`.
    pub fn range(&self, i: usize) -> std::ops::Range<usize> {
        self.0[i]..self.0[i + 1]
    }
}

/// Sequences packed one after the other: no padding, so nothing depends on the neighbors.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Token of each row.
    pub tokens: Vec<u32>,
    /// Token that follows each row; anything where `weights` is 0.
    pub targets: Vec<u32>,
    /// Weight of each row in the loss; 0 leaves it out.
    pub weights: Vec<Real>,
    /// Rows of each sequence.
    pub offsets: Offsets,
}

impl Batch {
    /// Some of the sequences.
    #[must_use]
    pub fn part(&self, sequences: std::ops::Range<usize>) -> Self {
        let rows = self.offsets.0[sequences.start]..self.offsets.0[sequences.end];
        let lengths = sequences.map(|i| self.offsets.range(i).len());
        Self {
            tokens: self.tokens[rows.clone()].to_vec(),
            targets: self.targets[rows.clone()].to_vec(),
            weights: self.weights[rows].to_vec(),
            offsets: Offsets::from_lengths(lengths),
        }
    }

    /// Next-token prediction over whole sequences: every token but the first is a target of weight 1.
    pub fn causal<S: AsRef<[u32]>>(sequences: &[S]) -> Self {
        let offsets = Offsets::from_lengths(sequences.iter().map(|s| s.as_ref().len()));
        let mut batch = Self { offsets, ..Self::default() };
        for sequence in sequences {
            let tokens = sequence.as_ref();
            batch.tokens.extend_from_slice(tokens);
            batch.targets.extend_from_slice(tokens.get(1..).unwrap_or_default());
            batch.weights.extend(std::iter::repeat_n(1.0, tokens.len().saturating_sub(1)));
            if !tokens.is_empty() {
                batch.targets.push(0);
                batch.weights.push(0.0);
            }
        }
        batch
    }
}
