//! Tensors: contiguous row-major buffers, optionally with a tangent.

pub use crate::buffer::Buffer;
use crate::error::{Error, Result};

/// The number type of all arithmetic: `f32`, or `f64` in the gradient-check build.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The number type of all arithmetic: `f32`, or `f64` in the gradient-check build.
#[cfg(feature = "f64")]
pub type Real = f64;

/// Where tensors live and their operations run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
}

/// Storage of one plane on its device.
#[derive(Debug, Clone)]
pub enum Plane {
    /// Main memory.
    Cpu(Buffer),
}

/// A row-major tensor. `tangent` is present only inside a directional derivative: every
/// operation then carries value and tangent together (Pearlmutter 1994).
#[derive(Debug, Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    value: Plane,
    tangent: Option<Plane>,
}

impl Tensor {
    /// Zeros of this shape, with a zero tangent when `dual`.
    pub fn zeros(shape: &[usize], dual: bool) -> Self {
        let len = shape.iter().product();
        let plane = || Plane::Cpu(Buffer::zeros(len));
        Self { shape: shape.to_vec(), value: plane(), tangent: dual.then(plane) }
    }

    /// Any values of this shape; write before reading.
    pub fn stale(shape: &[usize], dual: bool) -> Self {
        let len = shape.iter().product();
        let plane = || Plane::Cpu(Buffer::stale(len));
        Self { shape: shape.to_vec(), value: plane(), tangent: dual.then(plane) }
    }

    /// A tensor of these values.
    pub fn from_vec(shape: &[usize], values: Vec<Real>) -> Result<Self> {
        if shape.iter().product::<usize>() != values.len() {
            return Err(Error::bug(format!("tensor of shape {shape:?} from {} values", values.len())));
        }
        Ok(Self { shape: shape.to_vec(), value: Plane::Cpu(values.into()), tangent: None })
    }

    /// The extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
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

    /// The values.
    pub fn value(&self) -> &[Real] {
        let Plane::Cpu(buffer) = &self.value;
        buffer
    }

    /// The values, to be written.
    pub fn value_mut(&mut self) -> &mut [Real] {
        let Plane::Cpu(buffer) = &mut self.value;
        buffer
    }

    /// The tangent, if one is carried.
    pub fn tangent(&self) -> Option<&[Real]> {
        self.tangent.as_ref().map(|Plane::Cpu(buffer)| &**buffer)
    }

    /// Values and tangent, to be written.
    pub fn planes_mut(&mut self) -> (&mut [Real], Option<&mut [Real]>) {
        let Plane::Cpu(value) = &mut self.value;
        (value, self.tangent.as_mut().map(|Plane::Cpu(buffer)| &mut **buffer))
    }

    /// Sets or clears the tangent.
    pub fn set_tangent(&mut self, tangent: Option<Vec<Real>>) {
        self.tangent = tangent.map(|t| Plane::Cpu(t.into()));
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
