//! Parameters under the names they have on disk.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use half::{bf16, f16};

use crate::error::{Error, Result};
use crate::tensor::{Buffer, DeviceBuffer, Real};

/// Index of a parameter in [`Params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub u32);

/// A linear map as the forward pass sees it: y = x·Wᵀ + b.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// The matrix.
    pub weight: ParamId,
    /// The bias, if there is one.
    pub bias: Option<ParamId>,
}

/// How a matrix lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orientation {
    /// Rows are outputs (PyTorch `Linear`); also vectors and embedding tables.
    OutIn,
    /// Rows are inputs (GPT-2 `Conv1D`).
    InOut,
}

/// Element type in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredType {
    F64,
    F32,
    F16,
    Bf16,
}

impl StoredType {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Name as in safetensors.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }
}

/// Where the numbers of a parameter are.
#[derive(Clone, Debug)]
pub enum Store {
    /// In memory.
    Owned(Arc<Buffer>),
    /// In a mapped checkpoint, in its stored type, little endian.
    Mapped { file: Arc<memmap2::Mmap>, offset: usize, kind: StoredType },
    /// In the memory of a card, where they were changed; fetched when the host first asks for them.
    OnCard(OnceLock<Arc<Buffer>>),
}

/// A parameter: a matrix (out, in) or (in, out), a vector, or an embedding table.
#[derive(Debug)]
pub struct Weight {
    /// Name on disk.
    pub name: String,
    /// Shape on disk.
    pub shape: Vec<usize>,
    /// How a matrix lies.
    pub orientation: Orientation,
    store: Store,
    tangent: Option<Arc<Buffer>>,
    /// Repacked for products; made at first use, dropped when the numbers change.
    packed: OnceLock<Repacked>,
    pub(crate) packed_tangent: OnceLock<crate::cpu::Packed>,
    /// Copies in the memory of a card, likewise.
    pub(crate) on_card: OnceLock<DeviceBuffer>,
    pub(crate) tangent_on_card: OnceLock<DeviceBuffer>,
}

/// A parameter as products take it; made at first use.
#[derive(Debug, Default)]
pub(crate) struct Repacked {
    /// In panels, for the processor.
    pub(crate) panels: OnceLock<crate::cpu::Packed>,
    /// Rounded to bf16, on a card.
    pub(crate) narrow: OnceLock<DeviceBuffer>,
}

impl Weight {
    /// A parameter of these numbers.
    pub fn new(name: &str, shape: &[usize], orientation: Orientation, store: Store) -> Self {
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
            orientation,
            store,
            tangent: None,
            packed: OnceLock::new(),
            packed_tangent: OnceLock::new(),
            on_card: OnceLock::new(),
            tangent_on_card: OnceLock::new(),
        }
    }

    /// A parameter held in memory.
    pub fn owned(name: &str, shape: &[usize], orientation: Orientation, values: Vec<Real>) -> Result<Self> {
        if shape.iter().product::<usize>() != values.len() {
            return Err(Error::bug(format!("{name}: shape {shape:?} but {} values", values.len())));
        }
        Ok(Self::new(name, shape, orientation, Store::Owned(Arc::new(values.into()))))
    }

    /// As products take it; empty again when the numbers change.
    pub(crate) fn repacked(&self) -> &Repacked {
        self.packed.get_or_init(Repacked::default)
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Input width C of a matrix, or the width of a table or vector.
    pub fn d_in(&self) -> usize {
        match self.orientation {
            Orientation::OutIn => self.shape.last().copied().unwrap_or(1),
            Orientation::InOut => self.shape.first().copied().unwrap_or(1),
        }
    }

    /// Output width O of a matrix, or the number of rows of a table.
    pub fn d_out(&self) -> usize {
        match self.orientation {
            Orientation::OutIn => self.shape.first().copied().unwrap_or(1),
            Orientation::InOut => self.shape.last().copied().unwrap_or(1),
        }
    }

    /// The element type it is stored in; `None` when it lives in memory as [`Real`].
    pub fn stored_type(&self) -> Option<StoredType> {
        match &self.store {
            Store::Owned(_) | Store::OnCard(_) => None,
            Store::Mapped { kind, .. } => Some(*kind),
        }
    }

    /// The numbers `range`, widened if they are stored narrower.
    pub fn values_in(&self, range: std::ops::Range<usize>) -> Cow<'_, [Real]> {
        match &self.store {
            Store::Owned(values) => Cow::Borrowed(&values[range]),
            Store::OnCard(fetched) => Cow::Borrowed(&self.fetched(fetched)[range]),
            Store::Mapped { file, offset, kind } => {
                let size = kind.bytes();
                widen(&file[offset + range.start * size..offset + range.end * size], *kind)
            }
        }
    }

    /// The bytes as they would lie in a file, little endian, in the stored type.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.store {
            Store::Owned(values) => little_endian(values),
            Store::OnCard(fetched) => little_endian(self.fetched(fetched)),
            Store::Mapped { file, offset, kind } => Cow::Borrowed(&file[*offset..offset + self.len() * kind.bytes()]),
        }
    }

    /// All numbers, widened if they are stored narrower.
    pub fn values(&self) -> Cow<'_, [Real]> {
        self.values_in(0..self.len())
    }

    /// The numbers, to be changed; a mapped parameter is copied into memory first.
    pub fn values_mut(&mut self) -> &mut [Real] {
        if !matches!(self.store, Store::Owned(_)) {
            self.store = Store::Owned(Arc::new(self.values().into_owned().into()));
        }
        self.packed = OnceLock::new();
        self.on_card = OnceLock::new();
        match &mut self.store {
            Store::Owned(values) => {
                let buffer: &mut Buffer = Arc::make_mut(values);
                buffer
            }
            Store::Mapped { .. } | Store::OnCard(_) => &mut [],
        }
    }

    /// The numbers on the card are the right ones from now on.
    pub(crate) fn changed_on_card(&mut self) {
        self.packed = OnceLock::new();
        self.store = Store::OnCard(OnceLock::new());
    }

    /// What lies on the card. If the card fails, every number is NaN: a broken model must not look healthy, and the
    /// next operation on the card tells why.
    fn fetched<'a>(&'a self, place: &'a OnceLock<Arc<Buffer>>) -> &'a Buffer {
        place.get_or_init(|| {
            let values = self.on_card.get().and_then(|card| card.to_host().ok());
            Arc::new(values.unwrap_or_else(|| vec![Real::NAN; self.len()]).into())
        })
    }

    /// A parameter with the same numbers, which are shared until one of the two changes them. Without direction.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self::new(&self.name, &self.shape, self.orientation, self.store.clone())
    }

    /// Whether the numbers are those of `other` because nobody changed either: a quick look, which may miss equal ones.
    pub fn is_shared_with(&self, other: &Self) -> bool {
        match (&self.store, &other.store) {
            (Store::Owned(a), Store::Owned(b)) => Arc::ptr_eq(a, b),
            (Store::Mapped { file: a, offset: i, .. }, Store::Mapped { file: b, offset: j, .. }) => {
                Arc::ptr_eq(a, b) && i == j
            }
            _ => false,
        }
    }

    /// The direction of a directional derivative, if one is set.
    pub fn tangent(&self) -> Option<&[Real]> {
        self.tangent.as_deref().map(|t| &**t)
    }

    /// Sets or clears the direction.
    pub fn set_tangent(&mut self, tangent: Option<Arc<Buffer>>) {
        self.packed_tangent = OnceLock::new();
        self.tangent_on_card = OnceLock::new();
        self.tangent = tangent;
    }

    /// Frees what was repacked for products, and copies on a card.
    pub fn unpack(&mut self) {
        if let Store::OnCard(fetched) = &self.store {
            self.store = Store::Owned(Arc::new(self.fetched(fetched).clone()));
        }
        self.packed = OnceLock::new();
        self.packed_tangent = OnceLock::new();
        self.on_card = OnceLock::new();
        self.tangent_on_card = OnceLock::new();
    }
}

/// Numbers as they lie in a file.
pub(crate) fn little_endian(values: &[Real]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(values))
    } else {
        Cow::Owned(values.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
}

fn widen(bytes: &[u8], kind: StoredType) -> Cow<'_, [Real]> {
    #[cfg(not(feature = "f64"))]
    if kind == StoredType::F32
        && let Ok(values) = bytemuck::try_cast_slice::<u8, f32>(bytes)
    {
        return Cow::Borrowed(values);
    }
    let wide = |f: &dyn Fn(&[u8]) -> Real| bytes.chunks_exact(kind.bytes()).map(f).collect::<Vec<Real>>();
    Cow::Owned(match kind {
        StoredType::F64 => wide(&|b| f64::from_le_bytes(b.try_into().unwrap_or_default()) as Real),
        StoredType::F32 => wide(&|b| Real::from(f32::from_le_bytes(b.try_into().unwrap_or_default()))),
        StoredType::F16 => wide(&|b| Real::from(f16::from_le_bytes([b[0], b[1]]).to_f32())),
        StoredType::Bf16 => wide(&|b| Real::from(bf16::from_le_bytes([b[0], b[1]]).to_f32())),
    })
}

/// All parameters of a model, in the order of the family's table.
#[derive(Debug, Default)]
pub struct Params {
    weights: Vec<Weight>,
}

impl Params {
    /// Adds a parameter.
    pub fn push(&mut self, weight: Weight) -> ParamId {
        self.weights.push(weight);
        ParamId((self.weights.len() - 1) as u32)
    }

    /// The parameter with this index.
    pub fn get(&self, id: ParamId) -> &Weight {
        &self.weights[id.0 as usize]
    }

    /// The parameter with this index, to be changed.
    pub fn get_mut(&mut self, id: ParamId) -> &mut Weight {
        &mut self.weights[id.0 as usize]
    }

    /// The parameter with this name on disk.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.weights.iter().position(|w| w.name == name).map(|i| ParamId(i as u32))
    }

    /// All parameters with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (ParamId, &Weight)> {
        self.weights.iter().enumerate().map(|(i, w)| (ParamId(i as u32), w))
    }

    /// All parameters, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Weight> {
        self.weights.iter_mut()
    }

    /// Keeps the first `n` parameters.
    pub(crate) fn truncate(&mut self, n: usize) {
        self.weights.truncate(n);
    }

    /// Number of parameters (tensors).
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Number of elements of all parameters together.
    pub fn n_elements(&self) -> usize {
        self.weights.iter().map(Weight::len).sum()
    }
}
