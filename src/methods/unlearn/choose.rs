//! Scores and a ratio become an edit: which weights or neurons are removed.
//!
//! Weights: ⌊numel·r⌋ with the largest scores, in each tensor or over all. Neurons: ⌊F·r⌋ a layer; what they read is
//! set to 0, weights and bias, so that they are 0 for every text.
//! Differs from the original: it looks a layer up by its decimal number anywhere in a parameter's name and takes the
//! last match, so that some layers are never edited and others get the neurons of several; paper mode does so too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::edit::{About, Edit};
use super::mlp;
use super::scores::{Kind, Rule, ScoreMap, Scored};
use crate::engine::model::Orientation;
use crate::engine::select::{End, select, select_among};
use crate::engine::{Decoder, ParamId};
use crate::error::{Error, Result};

/// How a fraction becomes a number of neurons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// As the mode says: at least one, or in paper mode rounded down as the published code does.
    #[default]
    Auto,
    /// Rounded down, but at least one.
    AtLeastOne,
    /// Rounded down; may be none.
    Floor,
}

/// How a selection is made.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Fraction that is removed.
    pub ratio: f64,
    /// For neurons.
    pub rounding: Rounding,
    /// Whether layers are looked up as in the published code.
    pub is_paper: bool,
}

/// What was selected.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// What is removed.
    pub edit: Edit,
    /// Scored tensors or layers in which more scores equal the last one taken than were taken: chance decided there.
    pub n_tied: usize,
}

/// Number of `n` things that a ratio takes.
pub fn count(n: usize, cut: Cut, kind: Kind) -> usize {
    // The product is rounded up by a hair, so that 0.3 of 10 is 3 and not 2.
    let k = (n as f64 * cut.ratio * (1.0 + 1e-12)).floor() as usize;
    if may_be_none(cut, kind) || kind == Kind::Weight || cut.ratio == 0.0 { k.min(n) } else { k.max(1).min(n) }
}

/// Whether less than one hidden unit is none, as in the published code.
fn may_be_none(cut: Cut, kind: Kind) -> bool {
    let is_floor = match cut.rounding {
        Rounding::Auto => cut.is_paper,
        Rounding::AtLeastOne => false,
        Rounding::Floor => true,
    };
    is_floor && kind == Kind::Neuron
}

/// The edit that removes the highest scores; it is empty where less than one hidden unit may be none.
///
/// # Errors
/// A ratio that selects nothing otherwise; scores that are not numbers; scores of another model.
pub fn choose(model: &Decoder, scores: &ScoreMap, cut: Cut, about: About) -> Result<Chosen> {
    scores.check()?;
    let (picked, n_tied) = match scores.rule {
        Rule::PerTensor => per_tensor(scores, cut),
        Rule::Global => global(scores, cut),
    };
    if picked.iter().all(|p| p.1.is_empty()) && !may_be_none(cut, scores.kind) {
        return Err(nothing(scores, cut));
    }
    let places = match scores.kind {
        Kind::Weight => weights(model, picked)?,
        Kind::Neuron => neurons(model, picked, cut.is_paper),
    };
    Ok(Chosen { edit: Edit::zeros(model, places, about)?, n_tied })
}

type Picked<'a> = Vec<(&'a Scored, Vec<u32>)>;

fn per_tensor(scores: &ScoreMap, cut: Cut) -> (Picked<'_>, usize) {
    let mut n_tied = 0;
    let mut pick = |tensor: &'_ Scored| {
        let values = &tensor.values;
        let k = count(values.len(), cut, scores.kind);
        let (chosen, ties) = select(values, k, End::Largest);
        n_tied += usize::from(is_chance(std::iter::once((values.as_slice(), chosen.as_slice())), ties));
        chosen
    };
    (scores.tensors.iter().map(|tensor| (tensor, pick(tensor))).collect(), n_tied)
}

/// Whether equal scores were divided between taken and left, of lists of scores and what was taken of each.
fn is_chance<'s>(lists: impl Iterator<Item = (&'s [f32], &'s [u32])> + Clone, ties: usize) -> bool {
    let taken = lists.flat_map(|(values, chosen)| chosen.iter().map(|i| values[*i as usize]));
    let last = taken.clone().fold(f32::INFINITY, f32::min);
    taken.filter(|x| *x == last).count() < ties
}

fn global(scores: &ScoreMap, cut: Cut) -> (Picked<'_>, usize) {
    let all: Vec<&[f32]> = scores.tensors.iter().map(|t| t.values.as_slice()).collect();
    let (chosen, ties) = select_among(&all, count(scores.len(), cut, scores.kind), End::Largest);
    let of_lists = || all.iter().zip(&chosen).map(|(values, at)| (*values, at.as_slice()));
    let tied = usize::from(is_chance(of_lists(), ties));
    (scores.tensors.iter().zip(chosen).collect(), tied)
}

fn nothing(scores: &ScoreMap, cut: Cut) -> Error {
    let of = |t: &Scored| t.values.len();
    let n = match scores.rule {
        Rule::Global => scores.len(),
        Rule::PerTensor => scores.tensors.iter().map(of).max().unwrap_or(0),
    };
    let what = if scores.kind == Kind::Neuron { "hidden units" } else { "weights" };
    Error::config(format!("ratio: {} of {n} {what} is not even one", cut.ratio))
        .hint(format!("the smallest ratio that removes something is {:.1e}", 1.0 / n.max(1) as f64))
}

fn weights(model: &Decoder, picked: Picked<'_>) -> Result<Vec<(ParamId, Vec<u32>)>> {
    let place = |(scored, at): (&Scored, Vec<u32>)| {
        let id = model.params.find(&scored.name).filter(|id| model.params.get(*id).shape == scored.shape);
        id.map(|id| (id, at)).ok_or_else(|| {
            Error::data(format!("the scores belong to another model: there is no {} {:?}", scored.name, scored.shape))
                .hint("compute them for this model")
        })
    };
    picked.into_iter().map(place).collect()
}

fn neurons(model: &Decoder, picked: Picked<'_>, is_paper: bool) -> Vec<(ParamId, Vec<u32>)> {
    let inputs: Vec<_> = mlp::blocks(model).collect();
    let names: Vec<&str> = inputs.iter().map(|b| model.params.get(b.up.weight).name.as_str()).collect();
    let mut places: Vec<(ParamId, Vec<u32>)> = Vec::new();
    for (layer, (_, units)) in picked.into_iter().enumerate() {
        let target = if is_paper { named(&names, layer) } else { Some(layer) };
        let Some(block) = target.and_then(|target| inputs.get(target)) else { continue };
        let weight = model.params.get(block.up.weight);
        let (c, f) = (weight.d_in() as u32, weight.d_out() as u32);
        let of = |unit: u32| -> Vec<u32> {
            match weight.orientation {
                Orientation::OutIn => (unit * c..(unit + 1) * c).collect(),
                Orientation::InOut => (0..c).map(|i| i * f + unit).collect(),
            }
        };
        add(&mut places, block.up.weight, units.iter().flat_map(|unit| of(*unit)));
        if let Some(bias) = block.up.bias {
            add(&mut places, bias, units.iter().copied());
        }
    }
    places
}

fn add(places: &mut Vec<(ParamId, Vec<u32>)>, id: ParamId, at: impl Iterator<Item = u32>) {
    match places.iter_mut().find(|p| p.0 == id) {
        Some(place) => place.1.extend(at),
        None => places.push((id, at.collect())),
    }
}

/// The last name in which the decimal number of the layer occurs.
fn named(names: &[&str], layer: usize) -> Option<usize> {
    let number = layer.to_string();
    names.iter().rposition(|name| name.contains(&number))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn map(names: &[String]) -> BTreeMap<usize, Vec<usize>> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut map: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        (0..names.len()).for_each(|layer| map.entry(named(&names, layer).unwrap()).or_default().push(layer));
        map
    }

    /// The maps that a simulation of the published code gives.
    #[test]
    fn the_published_look_up_of_layers() {
        let gpt2: Vec<String> = (0..12).map(|l| format!("transformer.h.{l}.mlp.c_fc.weight")).collect();
        let found = map(&gpt2);
        assert_eq!((&found[&10], &found[&11]), (&vec![0, 10], &vec![1, 11]));
        let neox: Vec<String> = (0..32).map(|l| format!("gpt_neox.layers.{l}.mlp.dense_h_to_4h.weight")).collect();
        let found = map(&neox);
        assert_eq!(found[&31], [1, 3, 4, 31]);
        assert_eq!((&found[&30], &found[&29]), (&vec![0, 30], &vec![2, 9, 29]));
        assert_eq!([25, 26, 27, 28].map(|l| found[&l].clone()), [vec![5, 25], vec![6, 26], vec![7, 27], vec![8, 28]]);
        assert!((0..10).all(|l| !found.contains_key(&l)), "layers 0 to 9 are never edited");
    }

    #[test]
    fn counts_by_hand() {
        let cut = |ratio, rounding| Cut { ratio, rounding, is_paper: false };
        let paper = Cut { ratio: 0.001, rounding: Rounding::Auto, is_paper: true };
        assert_eq!((count(512, paper, Kind::Neuron), count(1000, paper, Kind::Neuron)), (0, 1), "as published");
        assert_eq!(count(512, Cut { rounding: Rounding::AtLeastOne, ..paper }, Kind::Neuron), 1, "asked for");
        assert_eq!(count(512, cut(0.001, Rounding::Auto), Kind::Neuron), 1);
        for (n, ratio, wanted) in [(65_536, 0.1, 6553), (512, 0.001, 0), (512, 0.01, 5), (512, 0.05, 25), (10, 0.3, 3)]
        {
            assert_eq!(count(n, cut(ratio, Rounding::Floor), Kind::Neuron), wanted, "{ratio} of {n}");
        }
        assert_eq!(count(512, cut(0.001, Rounding::AtLeastOne), Kind::Neuron), 1);
        assert_eq!(count(512, cut(0.001, Rounding::AtLeastOne), Kind::Weight), 0);
        assert_eq!(count(512, cut(0.0, Rounding::AtLeastOne), Kind::Neuron), 0);
        assert_eq!(count(512, cut(1.0, Rounding::Floor), Kind::Weight), 512);
    }

    #[test]
    fn tensors_on_their_own_or_together() {
        let tensors = vec![
            Scored { name: "a".to_owned(), shape: vec![4], values: vec![9.0, 8.0, 7.0, 6.0] },
            Scored { name: "b".to_owned(), shape: vec![2], values: vec![0.5, 6.5] },
        ];
        let mut scores = ScoreMap {
            kind: Kind::Weight,
            rule: Rule::PerTensor,
            tensors,
            origin: super::super::scores::Origin::default(),
        };
        let cut = Cut { ratio: 0.5, rounding: Rounding::Floor, is_paper: false };
        let at = |picked: &Picked<'_>| picked.iter().map(|p| p.1.clone()).collect::<Vec<_>>();
        assert_eq!(at(&per_tensor(&scores, cut).0), [vec![0, 1], vec![1]]);
        assert_eq!(at(&global(&scores, cut).0), [vec![0, 1, 2], vec![]]);
        scores.tensors[0].values = vec![1.0; 4];
        assert_eq!(per_tensor(&scores, cut).1, 1, "chance decided in the first");
        let error = nothing(&scores, Cut { ratio: 0.01, ..cut }).to_string();
        assert!(error.contains("0.01 of 4 weights is not even one"), "{error}");
    }
}
