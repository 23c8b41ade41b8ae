//! What the model says before it is changed, about the texts that need it: computed once, kept as numbers.
//!
//! Memory: 8 bytes a text for sums; 4·C bytes a token for what the head reads or a block gives.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Sequence, Wanted};
use crate::engine::hooks::{NoTap, Site};
use crate::engine::model::{Keep, Weight};
use crate::engine::objective::Against;
use crate::engine::score::score_targets;
use crate::engine::taps::Record;
use crate::engine::{Batch, Decoder, Kernels, Real, Want};
use crate::error::{Error, Result};

/// Numbers of the model before, by token ids and first counted token.
#[derive(Default)]
pub(super) struct Before {
    sums: BTreeMap<(Vec<u32>, usize), f64>,
    states: BTreeMap<Vec<u32>, Vec<Real>>,
    head: Option<(Weight, Option<Weight>)>,
}

impl Before {
    /// Learns what is wanted of a sequence, unless it is known.
    pub(super) fn learn(&mut self, model: &Decoder, sequence: &Sequence<'_>, wanted: Wanted) -> Result<()> {
        let ids = sequence.ids.as_ref();
        match wanted {
            Wanted::Nothing => {}
            Wanted::Sums => {
                if let Entry::Vacant(place) = self.sums.entry((ids.to_vec(), sequence.labelled)) {
                    let scores = score_targets(model, &super::train::batch_of(&[sequence], false), Want::default())?;
                    place.insert(scores.iter().flatten().map(|s| s.log_prob).sum());
                }
            }
            Wanted::Logits | Wanted::Block(_) if self.states.contains_key(ids) => {}
            Wanted::Logits => {
                let hidden = model.forward(&Batch::causal(&[ids]), &mut NoTap, Keep::Nothing)?.hidden;
                self.states.insert(ids.to_vec(), hidden.to_host()?.into_owned());
            }
            Wanted::Block(layer) => {
                let mut record = Record::new(&[(layer, Site::ResidPost)]);
                model.forward(&Batch::causal(&[ids]), &mut record, Keep::Nothing)?;
                let tensor = record.forward.get(&(layer, Site::ResidPost)).and_then(|t| t.first());
                let tensor = tensor.ok_or_else(|| Error::bug("a block gave no output"))?;
                self.states.insert(ids.to_vec(), tensor.to_host()?.into_owned());
            }
        }
        Ok(())
    }

    /// Keeps the head of the model before, which logits are formed with.
    pub(super) fn keep_head(&mut self, model: &Decoder) {
        let bias = model.head.bias.map(|b| model.params.get(b).shared());
        self.head = Some((model.params.get(model.head.weight).shared(), bias));
    }

    /// Σ ln p of each sequence; 0 where it was not learned.
    pub(super) fn sums(&self, sequences: &[&Sequence<'_>]) -> Vec<f64> {
        let of = |s: &&Sequence<'_>| self.sums.get(&(s.ids.to_vec(), s.labelled)).copied().unwrap_or(0.0);
        sequences.iter().map(of).collect()
    }

    /// Rows of all sequences, one after the other.
    pub(super) fn rows(&self, sequences: &[&Sequence<'_>]) -> Result<Vec<Real>> {
        let mut rows = Vec::new();
        for s in sequences {
            let known = self.states.get(s.ids.as_ref());
            rows.extend_from_slice(known.ok_or_else(|| Error::bug("a text was not looked at before"))?);
        }
        Ok(rows)
    }

    /// Logits of the model before for a batch of these sequences.
    pub(super) fn against(&self, kernels: &dyn Kernels, sequences: &[&Sequence<'_>]) -> Result<Against<'_>> {
        let (weight, bias) =
            self.head.as_ref().ok_or_else(|| Error::bug("the head of the model before is not kept"))?;
        let rows = self.rows(sequences)?;
        let width = weight.d_in();
        let hidden = kernels.upload(&[rows.len() / width.max(1), width], rows, None)?;
        Ok(Against { hidden, weight, bias: bias.as_ref() })
    }
}
