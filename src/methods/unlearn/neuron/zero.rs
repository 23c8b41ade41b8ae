//! Zero-out: how much the loss on the texts to forget rises without a hidden unit.
//!
//! L = mean over batches of 64 texts of the mean loss; score = L without the unit − L.
//! Source: Chang et al. 2024 (MemPi), arXiv:2311.09060; `msakarvadia/memorization`, `neuron/zero_out.py`.
//! Differs from the original: it removes all units of the layer but one; paper mode does so too.
//! Cost: one forward pass over the texts for each hidden unit of the model; zero-taylor needs one pass for all.

use super::scored;
use crate::engine::hooks::{NoTap, Site, Tap};
use crate::engine::taps::{Edit, EditTap};
use crate::engine::{Batch, Decoder, Want};
use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::{Job, batches, finite, whole};
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Knobs, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "zero",
    title: "Zero-out",
    about: "removes hidden units without which the loss on the texts to forget rises most; one pass for each unit",
    formula: "score = NLL without the unit − NLL",
    source: "Chang et al. 2024, arXiv:2311.09060; Sakarvadia et al. 2025, arXiv:2410.02159",
    paper: "the loss is taken with this unit alone instead of without it",
    knobs: &[("ratio", 0.01), ("batch", 64.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Zero),
};

struct Zero;

impl Localize for Zero {
    fn kind(&self) -> Kind {
        Kind::Neuron
    }

    fn passes(&self, _: &Knobs, size: &Size) -> Result<Passes> {
        let units = size.n_layer.saturating_mul(size.d_ff);
        Ok(Passes::forward(size.forget.tokens.saturating_mul(units + 1)))
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let size = job.knobs.count("batch")?;
        let list: Vec<Batch> =
            batches(&job.sets.forget, size).map(|items| whole(&items.iter().collect::<Vec<_>>())).collect();
        let base = loss(&job.model, &list, &mut NoTap)?;
        let (n_layer, d_ff, is_paper) = (job.model.config.n_layer, job.model.config.d_ff, job.config.is_paper());
        let mut scores = vec![Vec::with_capacity(d_ff); n_layer];
        for (layer, scores) in scores.iter_mut().enumerate() {
            for unit in 0..d_ff {
                job.tick(layer * d_ff + unit, n_layer * d_ff)?;
                let (kept, own) = if is_paper { (0.0, 1.0) } else { (1.0, 0.0) };
                let mut mask = vec![kept; d_ff];
                mask[unit] = own;
                let mut tap = EditTap { layer, site: Site::MlpPost, edit: Edit::Scale(mask) };
                scores.push(loss(&job.model, &list, &mut tap)? - base);
            }
        }
        Ok(scored(scores))
    }
}

/// Mean over batches of the mean loss of their tokens.
fn loss(model: &Decoder, list: &[Batch], tap: &mut dyn Tap) -> Result<f64> {
    let mut sum = 0.0;
    for batch in list {
        let scores = crate::engine::score::score_tapped(model, batch, Want::default(), tap)?;
        let n = scores.iter().map(Vec::len).sum::<usize>().max(1);
        sum -= scores.iter().flatten().map(|s| s.log_prob).sum::<f64>() / n as f64;
    }
    finite(sum / list.len().max(1) as f64)
}
