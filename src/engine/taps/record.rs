//! Keeps activations, and their gradients on the way back.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::hooks::{Site, Tap};
use crate::tensor::Tensor;

/// Copies of what passed the chosen places; `Pattern` gives one tensor a sequence.
pub struct Record {
    places: Vec<(usize, Site)>,
    /// Activations by place.
    pub forward: BTreeMap<(usize, Site), Vec<Tensor>>,
    /// Gradients by place; the sequences of `Pattern` come in reverse.
    pub backward: BTreeMap<(usize, Site), Vec<Tensor>>,
}

impl Record {
    /// Records at these places.
    pub fn new(places: &[(usize, Site)]) -> Self {
        Self { places: places.to_vec(), forward: BTreeMap::new(), backward: BTreeMap::new() }
    }
}

impl Tap for Record {
    fn wants(&self, layer: usize, site: Site) -> bool {
        self.places.contains(&(layer, site))
    }

    fn forward(&mut self, layer: usize, site: Site, x: &mut Tensor) -> Result<()> {
        self.forward.entry((layer, site)).or_default().push(x.copied()?);
        Ok(())
    }

    fn backward(&mut self, layer: usize, site: Site, dx: &mut Tensor) -> Result<()> {
        self.backward.entry((layer, site)).or_default().push(dx.copied()?);
        Ok(())
    }
}
