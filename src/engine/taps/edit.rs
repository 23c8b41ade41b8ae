//! Scales or adds to channels at one place: ablation, neuron scores, steering, patching.

use crate::error::{Error, Result};
use crate::hooks::{Site, Tap};
use crate::tensor::{Real, Tensor};

/// What is done to an activation x (N, C).
#[derive(Clone, Debug)]
pub enum Edit {
    /// x ⊙ s, one factor a channel; 0 ablates.
    Scale(Vec<Real>),
    /// x + a, one number a channel.
    Add(Vec<Real>),
    /// Rows of x are replaced: (row, channels). No gradient passes through them.
    Patch(Vec<(usize, Vec<Real>)>),
}

/// Edits at one place, forward, and carries gradients back through the edit.
#[derive(Clone, Debug)]
pub struct EditTap {
    /// Where.
    pub layer: usize,
    /// Where.
    pub site: Site,
    /// What.
    pub edit: Edit,
}

impl EditTap {
    fn check(&self, x: &Tensor) -> Result<()> {
        let fits = match &self.edit {
            Edit::Scale(c) | Edit::Add(c) => c.len() == x.cols(),
            Edit::Patch(rows) => rows.iter().all(|(row, c)| *row < x.rows() && c.len() == x.cols()),
        };
        if fits { Ok(()) } else { Err(Error::bug(format!("edit at {:?} does not fit {:?}", self.site, x.shape()))) }
    }

    fn apply(&self, x: &mut [Real], c: usize, is_value: bool) {
        match &self.edit {
            Edit::Scale(s) => x.chunks_exact_mut(c).flat_map(|r| r.iter_mut().zip(s)).for_each(|(x, s)| *x *= s),
            Edit::Add(a) if is_value => {
                x.chunks_exact_mut(c).flat_map(|r| r.iter_mut().zip(a)).for_each(|(x, a)| *x += a);
            }
            Edit::Add(_) => {}
            Edit::Patch(rows) => {
                for (row, channels) in rows {
                    let to = &mut x[row * c..(row + 1) * c];
                    if is_value { to.copy_from_slice(channels) } else { to.fill(0.0) }
                }
            }
        }
    }
}

impl Tap for EditTap {
    fn wants(&self, layer: usize, site: Site) -> bool {
        (layer, site) == (self.layer, self.site)
    }

    fn forward(&mut self, _layer: usize, _site: Site, x: &mut Tensor) -> Result<()> {
        self.check(x)?;
        let c = x.cols();
        x.edit(|value, tangent| {
            self.apply(value, c, true);
            if let Some(tangent) = tangent {
                self.apply(tangent, c, false);
            }
        })
    }

    fn backward(&mut self, _layer: usize, _site: Site, dx: &mut Tensor) -> Result<()> {
        self.check(dx)?;
        let c = dx.cols();
        dx.edit(|value, tangent| {
            self.apply(value, c, false);
            if let Some(tangent) = tangent {
                self.apply(tangent, c, false);
            }
        })
    }
}
