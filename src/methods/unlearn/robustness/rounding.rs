//! Weights of few bits: rounded to the nearest of 2^b − 1 equally spaced numbers.
//!
//! Of every matrix of the blocks, attention and feed-forward; the numbers that lead to one output share a scale
//! s = max |w| / (2^(b−1) − 1), and w becomes s·round(w/s), ties to even. Embeddings, head, norms and biases stay, and
//! nothing is calibrated.
//! Source: Zhang et al. 2024, arXiv:2410.16454, where rounding to 4 bits brings forgotten texts back.

use crate::engine::model::{Linear, Orientation, ProjectionParams};
use crate::engine::{Decoder, ParamId, Real};

/// A copy with weights of so many bits, sign included.
pub(super) fn rounded(model: &Decoder, bits: u32) -> Decoder {
    let mut copy = model.shared();
    for id in matrices(model) {
        let weight = copy.params.get_mut(id);
        let (outputs, orientation) = (weight.d_out(), weight.orientation);
        round(weight.values_mut(), outputs, orientation, bits);
    }
    copy
}

/// The matrices of all blocks.
fn matrices(model: &Decoder) -> Vec<ParamId> {
    let mut linears: Vec<Linear> = Vec::new();
    for block in &model.blocks {
        match block.projection {
            ProjectionParams::Fused { qkv, .. } => linears.push(qkv),
            ProjectionParams::Separate { q, k, v } => linears.extend([q, k, v]),
        }
        linears.extend(
            [Some(block.attn_out), block.mlp.gate, Some(block.mlp.up), Some(block.mlp.down)].into_iter().flatten(),
        );
    }
    linears.into_iter().map(|l| l.weight).collect()
}

/// Rounds a matrix with so many outputs.
fn round(values: &mut [Real], outputs: usize, orientation: Orientation, bits: u32) {
    let width = values.len() / outputs.max(1);
    let place = |output: usize, input: usize| match orientation {
        Orientation::OutIn => output * width + input,
        Orientation::InOut => input * outputs + output,
    };
    let levels = ((1_u32 << (bits - 1)) - 1) as Real;
    for output in 0..outputs {
        let largest = (0..width).map(|input| values[place(output, input)].abs()).fold(0.0, Real::max);
        let scale = largest / levels;
        if scale == 0.0 || !scale.is_finite() {
            continue;
        }
        for input in 0..width {
            let x = &mut values[place(output, input)];
            *x = (*x / scale).round_ties_even() * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::unlearn::testing::tiny;

    /// Three bits: −3 … 3 times a third of the largest. Halves go to even numbers; an output without weights stays.
    #[test]
    fn three_bits_by_hand() {
        let rows = [3.0, -1.4, 0.5, 1.5, -6.0, 2.9, 3.1, 1.0, 0.0, 0.0, 0.0, 0.0];
        let wanted = [3.0, -1.0, 0.0, 2.0, -6.0, 2.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut own = rows;
        round(&mut own, 3, Orientation::OutIn, 3);
        assert_eq!(own, wanted);
        let turned = |m: [Real; 12]| -> Vec<Real> { (0..4).flat_map(|i| (0..3).map(move |o| m[o * 4 + i])).collect() };
        let mut other = turned(rows);
        round(&mut other, 3, Orientation::InOut, 3);
        assert_eq!(other, turned(wanted));
    }

    /// Eight bits move a number by at most half a step, only in matrices of blocks, and the model that came stays.
    #[test]
    fn whole_models_are_rounded_in_their_blocks_alone() {
        for family in ["gpt2", "gpt_neox"] {
            let model = tiny(family, 3);
            let copy = rounded(&model, 8);
            let mut changed = Vec::new();
            for ((id, a), (_, b)) in model.params.iter().zip(copy.params.iter()) {
                let (a_values, b_values) = (a.values(), b.values());
                if a_values != b_values {
                    changed.push(id);
                    let largest = a_values.iter().fold(0.0, |m: Real, x| m.max(x.abs()));
                    let far = a_values.iter().zip(b_values.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, Real::max);
                    assert!(far > 0.0 && far <= largest / 254.0 * 1.001, "{}: {far}", a.name);
                }
            }
            let mut wanted = matrices(&model);
            wanted.sort();
            assert_eq!(changed, wanted, "{family}");
        }
    }
}
