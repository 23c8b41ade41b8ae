//! Where an edit changed something: counts by tensor, and by layer and hidden unit.

use super::edit::Edit;
use super::mlp;
use crate::engine::Decoder;
use crate::engine::model::Orientation;

/// What changed in one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) name: String,
    /// Layer and part, for feed-forward parameters.
    pub(super) place: Option<(usize, &'static str)>,
    /// Numbers of the parameter.
    pub(super) n: usize,
    pub(super) n_changed: usize,
    pub(super) n_zeroed: usize,
    /// ‖new − old‖₂
    pub(super) norm: f64,
}

/// By parameter, in the order of the model.
pub(super) fn tensors(model: &Decoder, edit: &Edit) -> Vec<Tensor> {
    let of = |part: &super::edit::Part| Tensor {
        name: part.name.clone(),
        place: mlp::place(model, &part.name),
        n: part.shape.iter().product(),
        n_changed: part.n_changed(),
        n_zeroed: part.n_zeroed(),
        norm: part.squared_change().sqrt(),
    };
    edit.parts.iter().map(of).collect()
}

/// For each layer and hidden unit the share of the numbers that it reads and writes with that changed.
pub(super) fn units(model: &Decoder, edit: &Edit) -> Vec<Vec<f64>> {
    let d_ff = model.config.d_ff;
    let mut shares = vec![vec![0.0; d_ff]; model.config.n_layer];
    for part in &edit.parts {
        let Some((layer, kind)) = mlp::place(model, &part.name) else { continue };
        let Some(id) = model.params.find(&part.name) else { continue };
        let weight = model.params.get(id);
        let (rows, last) = (
            weight.len() / weight.shape.last().copied().unwrap_or(1).max(1),
            weight.shape.last().copied().unwrap_or(1),
        );
        // Matrices that read the stream have the units as outputs, the last one has them as inputs.
        let units_first = match kind {
            "in" | "gate" => weight.orientation == Orientation::OutIn,
            "out" => weight.orientation == Orientation::InOut,
            _ => continue,
        };
        let n_others = if units_first { last } else { rows } as f64;
        for flat in part.changed() {
            let unit = if units_first { flat / last.max(1) } else { flat % last.max(1) };
            if let Some(share) = shares[layer].get_mut(unit) {
                *share += 1.0 / n_others;
            }
        }
    }
    let n_matrices = if model.blocks.first().is_some_and(|b| b.mlp.gate.is_some()) { 3.0 } else { 2.0 };
    shares.iter_mut().flatten().for_each(|s| *s /= n_matrices);
    shares
}

/// Neighbors averaged, so that a row has at most `most` columns.
pub(super) fn binned(values: &[f64], most: usize) -> Vec<f64> {
    let width = values.len().div_ceil(most.max(1)).max(1);
    values.chunks(width).map(|c| c.iter().sum::<f64>() / c.len() as f64).collect()
}

/// Share of the changed numbers of `a` and `b` together that both change.
pub fn jaccard(a: &Edit, b: &Edit) -> Option<f64> {
    let (mut both, mut either) = (0, 0);
    let names: std::collections::BTreeSet<&str> = a.parts.iter().chain(&b.parts).map(|p| p.name.as_str()).collect();
    for name in names {
        let of = |edit: &Edit| -> Vec<usize> {
            edit.parts.iter().filter(|p| p.name == name).flat_map(super::edit::Part::changed).collect()
        };
        let (x, y) = (of(a), of(b));
        let shared = shared(&x, &y);
        both += shared;
        either += x.len() + y.len() - shared;
    }
    (either > 0).then(|| both as f64 / either as f64)
}

/// Numbers that two ascending lists share.
fn shared(x: &[usize], y: &[usize]) -> usize {
    let (mut i, mut j, mut n) = (0, 0, 0);
    while let (Some(a), Some(b)) = (x.get(i), y.get(j)) {
        n += usize::from(a == b);
        i += usize::from(a <= b);
        j += usize::from(b <= a);
    }
    n
}

#[cfg(test)]
mod tests {
    use super::super::edit::About;
    use super::super::testing::tiny;
    use super::*;

    #[test]
    fn a_removed_unit_is_seen_in_both_layouts() {
        for family in ["gpt2", "gpt_neox"] {
            let model = tiny(family, 1);
            let up = model.blocks[1].mlp.up.weight;
            let w = model.params.get(up);
            let (c, f) = (w.d_in() as u32, w.d_out() as u32);
            let at = |unit: u32| (0..c).map(|i| if family == "gpt2" { i * f + unit } else { unit * c + i }).collect();
            let edit = Edit::zeros(&model, vec![(up, at(3))], About::default()).unwrap();
            let found = units(&model, &edit);
            assert!((found[1][3] - 0.5).abs() < 1e-12, "{family}: it still writes");
            assert_eq!(found.iter().flatten().filter(|s| **s > 0.0).count(), 1);
            let tensors = tensors(&model, &edit);
            assert_eq!((tensors[0].place, tensors[0].n_zeroed, tensors[0].n), (Some((1, "in")), 8, 96));
        }
        assert_eq!(binned(&[1.0, 3.0, 5.0], 2), [2.0, 5.0]);
    }

    #[test]
    fn overlap_of_edits() {
        let model = tiny("gpt2", 1);
        let up = model.blocks[0].mlp.up.weight;
        let edit = |at: Vec<u32>| Edit::zeros(&model, vec![(up, at)], About::default()).unwrap();
        assert_eq!(jaccard(&edit(vec![1, 2, 3]), &edit(vec![2, 3, 4])), Some(0.5));
        assert_eq!(jaccard(&edit(vec![]), &edit(vec![])), None);
    }
}
