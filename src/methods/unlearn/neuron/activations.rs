//! Activations: hidden units that are active while the model recites, times the weight they write with.
//!
//! score = |mean over texts and positions p−1 … T−2 of a|·‖w_out‖₂, p = k, the given prefix, or the prompt of a row with
//! one. The mean comes before the absolute value: a unit whose sign changes is not wanted.
//! Source: Chang et al. 2024 (MemPi), arXiv:2311.09060; `msakarvadia/memorization`, `neuron/activations.py`.

use super::scored;
use crate::engine::hooks::{Site, Tap};
use crate::engine::model::{Keep, Orientation};
use crate::engine::{Batch, Decoder, Tensor};
use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::{Job, batches, recited_from, whole};
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::sets::Item;
use crate::methods::unlearn::technique::{How, Knobs, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "activations",
    title: "Activations",
    about: "removes hidden units that are active while the texts to forget are recited",
    formula: "score = |mean over positions k−1 … T−2 of a|·‖w_out‖₂",
    source: "Chang et al. 2024, arXiv:2311.09060; Sakarvadia et al. 2025, arXiv:2410.02159",
    paper: "",
    knobs: &[("ratio", 0.01), ("batch", 64.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Activations),
};

struct Activations;

impl Localize for Activations {
    fn kind(&self) -> Kind {
        Kind::Neuron
    }

    fn passes(&self, _: &Knobs, size: &Size) -> Result<Passes> {
        Ok(Passes::forward(size.forget.tokens))
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let (n, size) = (job.sets.forget.len(), job.knobs.count("batch")?);
        let config = &job.model.config;
        let mut sums = Sums { rows: Vec::new(), sums: vec![vec![0.0; config.d_ff]; config.n_layer], n: 0 };
        for (i, items) in batches(&job.sets.forget, size).enumerate() {
            job.tick(i * size, n)?;
            let items: Vec<&Item> = items.iter().collect();
            let batch = whole(&items);
            sums.rows = recited(&batch, &items, job.config.k);
            sums.n += sums.rows.iter().filter(|r| **r).count();
            job.model.forward(&batch, &mut sums, Keep::Nothing)?;
        }
        let total = sums.n.max(1) as f64;
        let layer = |(layer, sums): (usize, Vec<f64>)| {
            let norms = output_norms(&job.model, layer);
            sums.into_iter().zip(norms).map(|(sum, norm)| (sum / total).abs() * norm).collect()
        };
        Ok(scored(sums.sums.into_iter().enumerate().map(layer).collect()))
    }
}

/// The rows of each sequence that recite it, without the last, which predicts nothing.
fn recited(batch: &Batch, items: &[&Item], k: usize) -> Vec<bool> {
    let of = |(rows, item): (std::ops::Range<usize>, &&Item)| {
        let n = rows.len();
        let from = recited_from(item, k, n);
        (0..n).map(move |t| t >= from && t + 1 < n).collect::<Vec<_>>()
    };
    batch.offsets.iter().zip(items).flat_map(of).collect()
}

/// ‖w_out‖₂ of each hidden unit.
fn output_norms(model: &Decoder, layer: usize) -> Vec<f64> {
    let Some(down) = mlp::blocks(model).nth(layer).map(|b| b.down) else { return Vec::new() };
    let weight = model.params.get(down.weight);
    let (f, values) = (weight.d_in(), weight.values());
    let mut squares = vec![0.0_f64; f];
    for (flat, x) in values.iter().enumerate() {
        let unit = match weight.orientation {
            Orientation::OutIn => flat % f,
            Orientation::InOut => flat / weight.d_out().max(1),
        };
        squares[unit] += f64::from(*x).powi(2);
    }
    squares.into_iter().map(f64::sqrt).collect()
}

/// Σ over the chosen rows of the activations, by layer.
struct Sums {
    rows: Vec<bool>,
    sums: Vec<Vec<f64>>,
    n: usize,
}

impl Tap for Sums {
    fn wants(&self, _: usize, site: Site) -> bool {
        site == Site::MlpPost
    }

    fn forward(&mut self, layer: usize, _: Site, x: &mut Tensor) -> Result<()> {
        let (values, sums) = (x.to_host()?, &mut self.sums[layer]);
        let rows = values.chunks_exact(sums.len().max(1)).zip(&self.rows);
        for (row, _) in rows.filter(|(_, wanted)| **wanted) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::unlearn::testing::tiny;

    #[test]
    fn positions_that_recite() {
        let batch = Batch::causal(&[vec![0; 5], vec![0; 2], vec![0; 4]]);
        let item = |counted| Item { counted, ..Item::default() };
        let (whole, answer) = (item(1), item(2));
        let t = true;
        let wanted = [false, false, t, t, false, t, false, false, t, t, false];
        assert_eq!(recited(&batch, &[&whole, &whole, &answer], 3), wanted);
    }

    /// Three units: one steady, one of changing sign, one off.
    #[test]
    fn signs_cancel() {
        let mut sums = Sums { rows: vec![true; 2], sums: vec![vec![0.0; 3]], n: 2 };
        let mut x = Tensor::from_vec(&[2, 3], vec![1.0, 2.0, 0.0, 3.0, -2.0, 0.0]).unwrap();
        sums.forward(0, Site::MlpPost, &mut x).unwrap();
        assert_eq!(sums.sums[0], [4.0, 0.0, 0.0]);
    }

    /// Conv1D and Linear layouts give the norm of the same unit.
    #[test]
    fn norms_of_both_layouts() {
        for family in ["gpt2", "gpt_neox"] {
            let model = tiny(family, 3);
            let w = model.params.get(model.blocks[1].mlp.down.weight);
            let (f, o, values) = (w.d_in(), w.d_out(), w.values());
            let at = |unit: usize, out: usize| {
                f64::from(if family == "gpt2" { values[unit * o + out] } else { values[out * f + unit] })
            };
            let wanted: f64 = (0..o).map(|out| at(2, out).powi(2)).sum::<f64>().sqrt();
            assert!((output_norms(&model, 1)[2] - wanted).abs() < 1e-12, "{family}");
        }
    }
}
