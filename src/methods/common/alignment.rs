//! Gradient alignment: how far two texts pull the parameters in the same direction.
//!
//! Formula: g(x) = ∇ of the mean next-token loss of x; inner = ⟨g(x), g(x')⟩; cosine = inner / (‖g(x)‖ ‖g(x')‖).
//! The head needs forward passes only (the Gram identity, [`crate::engine::alignment`]); other scopes go backward once
//! and pair the gradients parameter by parameter without forming them ([`crate::engine::sinks::Gram`]).

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::alignment::head_gram;
use crate::engine::loss::loss_gradient;
use crate::engine::model::{Keep, NormParams, ProjectionParams};
use crate::engine::sinks::{Gram, Pairs};
use crate::engine::{Batch, Decoder, Linear, NoTap, Offsets, ParamId, Real};
use crate::error::{Error, Result};

/// Which parameters' gradients are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The output head: forward passes only. In tied models, its use as a head only.
    #[default]
    Head,
    /// The token embedding; in tied models, both of its uses.
    Embed,
    /// The mean of the cosines of embedding and head.
    EmbedHead,
    /// All parameters of the last block.
    LastBlock,
    /// All parameters.
    All,
}

/// How the cosines of several parameters become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The cosine of the parameters laid end to end; embedding and head stay two.
    #[default]
    Global,
    /// The mean of the cosines of the single tensors.
    PerTensor,
}

/// What is computed of a pair.
#[derive(Clone, Copy, Debug)]
pub struct AlignOptions {
    /// Which parameters.
    pub scope: Scope,
    /// How they are combined.
    pub combine: Combine,
    /// Also the cosine of each layer, from one backward pass over all parameters.
    pub per_layer: bool,
    /// Also what each token contributes to the head's cosine; scope `head` only.
    pub contributions: bool,
    /// Distance from a token to its target: 1; Paramem's code shifts twice and predicts the token 2 ahead.
    pub shift: usize,
    /// As Paramem's code does: the scope is every tensor whose name contains `embed` or `lm_head`, their cosines are
    /// averaged, and 1e-12 is added to the norms.
    pub by_name: bool,
}

impl Default for AlignOptions {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            combine: Combine::default(),
            per_layer: false,
            contributions: false,
            shift: 1,
            by_name: false,
        }
    }
}

/// An original against one of its paraphrases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// `None` where a gradient is zero: the direction is undefined, not orthogonal.
    pub cosine: Option<f64>,
    /// ⟨g(x), g(x')⟩ over the parameters of the scope.
    pub inner: f64,
    /// ‖g(x')‖
    pub norm: f64,
    /// The cosine of each of [`parts`]; empty unless wanted.
    pub layers: Vec<Option<f64>>,
    /// What each position of the original, and of the paraphrase, adds to the cosine; both sum to it. Empty unless
    /// wanted.
    pub contributions: [Vec<f64>; 2],
}

/// An original against its paraphrases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aligned {
    /// ‖g(x)‖ of the original.
    pub norm: f64,
    /// One entry a paraphrase.
    pub pairs: Vec<Pair>,
}

/// Aligns an original with its paraphrases; every text needs more than `options.shift` tokens.
pub fn align(model: &Decoder, original: &[u32], others: &[&[u32]], options: &AlignOptions) -> Result<Aligned> {
    if std::iter::once(&original).chain(others).any(|ids| ids.len() <= options.shift) {
        return Err(Error::bug("a text without a target was to be aligned"));
    }
    let mut aligned = Aligned::default();
    for range in together(model, original, others, options) {
        let sequences: Vec<&[u32]> = std::iter::once(original).chain(others[range].iter().copied()).collect();
        let batch = shifted(&sequences, options.shift);
        let part = align_batch(model, &batch, options)?;
        aligned.norm = part.norm;
        aligned.pairs.extend(part.pairs);
    }
    Ok(aligned)
}

/// Paraphrases that go through the model with their original, so that neither row pairs nor logits take too much.
fn together(model: &Decoder, original: &[u32], others: &[&[u32]], options: &AlignOptions) -> Vec<Range<usize>> {
    const NUMBERS: usize = 1 << 25;
    let size = |rows: usize| {
        let logits =
            if options.scope == Scope::Head && !options.per_layer { 0 } else { rows * model.config.vocab_size };
        (rows * rows).max(logits)
    };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut rows = 0;
    for (i, ids) in others.iter().enumerate() {
        match ranges.last_mut() {
            Some(last) if size(rows + ids.len()) <= NUMBERS => last.end = i + 1,
            _ => {
                ranges.push(i..i + 1);
                rows = original.len();
            }
        }
        rows += ids.len();
    }
    ranges
}

/// The batch whose sequences each have their own mean loss over the tokens `shift` ahead.
fn shifted(sequences: &[&[u32]], shift: usize) -> Batch {
    let kept = |ids: &[u32]| ids.len() + 1 - shift;
    let mut batch = Batch { offsets: Offsets::from_lengths(sequences.iter().map(|s| kept(s))), ..Batch::default() };
    for ids in sequences {
        let n = ids.len() - shift;
        batch.tokens.extend_from_slice(&ids[..kept(ids)]);
        batch.targets.extend_from_slice(&ids[shift..]);
        batch.targets.push(0);
        batch.weights.extend(std::iter::repeat_n(1.0 / n as Real, n));
        batch.weights.push(0.0);
    }
    batch
}

fn align_batch(model: &Decoder, batch: &Batch, options: &AlignOptions) -> Result<Aligned> {
    if options.scope != Scope::Head || options.by_name {
        return align_all(model, batch, options);
    }
    let mut aligned = align_heads(model, batch, options)?;
    if options.per_layer {
        // The layers need all parameters; their head, where it is tied, is another one than the scope's.
        let layers = align_all(model, batch, options)?.pairs.into_iter().map(|p| p.layers);
        aligned.pairs.iter_mut().zip(layers).for_each(|(pair, layers)| pair.layers = layers);
    }
    Ok(aligned)
}

fn align_heads(model: &Decoder, batch: &Batch, options: &AlignOptions) -> Result<Aligned> {
    let gram = head_gram(model, batch)?;
    let pair = |j: usize| {
        let (cosine, norms) = (gram.cosine(0, j), gram.norm(0) * gram.norm(j));
        let share = |of: usize, with: usize| gram.contributions(of, with).iter().map(|c| c / norms).collect();
        let wanted = options.contributions && cosine.is_some();
        let contributions = if wanted { [share(0, j), share(j, 0)] } else { Default::default() };
        Pair { cosine, inner: gram.inner(0, j), norm: gram.norm(j), layers: Vec::new(), contributions }
    };
    Ok(Aligned { norm: gram.norm(0), pairs: (1..batch.offsets.len()).map(pair).collect() })
}

/// Inner products with the original, and squared norms, of some parameters together.
#[derive(Clone, Debug)]
struct Products {
    /// ⟨g₀, gⱼ⟩ by sequence.
    inner: Vec<f64>,
    /// ‖gⱼ‖² by sequence.
    squares: Vec<f64>,
}

impl Products {
    fn sum<'a>(n: usize, list: &[(usize, usize)], products: impl Iterator<Item = &'a Vec<f64>>) -> Self {
        let mut sum = Self { inner: vec![0.0; n], squares: vec![0.0; n] };
        for values in products {
            for ((i, j), value) in list.iter().zip(values) {
                if *i == 0 {
                    sum.inner[*j] += value;
                }
                if i == j {
                    sum.squares[*j] += value;
                }
            }
        }
        sum
    }

    fn norm(&self, j: usize) -> f64 {
        self.squares[j].max(0.0).sqrt()
    }

    fn cosine(&self, j: usize, by_name: bool) -> Option<f64> {
        let norms = self.norm(0) * self.norm(j);
        if by_name {
            return Some(self.inner[j] / (norms + 1e-12));
        }
        (norms > 0.0).then(|| self.inner[j] / norms)
    }
}

fn align_all(model: &Decoder, batch: &Batch, options: &AlignOptions) -> Result<Aligned> {
    let groups = groups(model, options)?;
    let parts = if options.per_layer { parts(model) } else { Vec::new() };
    let wanted: Vec<ParamId> = groups.iter().flatten().chain(parts.iter().flat_map(|p| &p.1)).copied().collect();
    let mut gram = Gram::new(model, batch, Pairs::WithFirst, &|p| wanted.contains(&p));
    loss_gradient(model, batch, &mut gram, &mut NoTap, Keep::All)?;
    let list = gram.pairs().to_vec();
    let by_parameter = gram.into_products();
    let n = batch.offsets.len();
    let sum = |ids: &[ParamId]| Products::sum(n, &list, ids.iter().filter_map(|id| by_parameter.get(id)));
    let of_groups: Vec<Products> = groups.iter().map(|ids| sum(ids)).collect();
    let of_parts: Vec<Products> = parts.iter().map(|(_, ids)| sum(ids)).collect();
    let whole = sum(&groups.concat());
    let pair = |j: usize| {
        let cosines: Option<Vec<f64>> = of_groups.iter().map(|p| p.cosine(j, options.by_name)).collect();
        Pair {
            cosine: cosines.map(|c| c.iter().sum::<f64>() / c.len() as f64),
            inner: whole.inner[j],
            norm: whole.norm(j),
            layers: of_parts.iter().map(|p| p.cosine(j, false)).collect(),
            contributions: Default::default(),
        }
    };
    Ok(Aligned { norm: whole.norm(0), pairs: (1..n).map(pair).collect() })
}

/// The parameters of the scope in groups: one cosine a group, their mean is the score.
fn groups(model: &Decoder, options: &AlignOptions) -> Result<Vec<Vec<ParamId>>> {
    if options.by_name {
        return named_as_in_the_paper(model);
    }
    let head = head_parameters(model);
    let last_block = || block_parameters(model, model.blocks.len().saturating_sub(1));
    let groups = match options.scope {
        Scope::Head => vec![head],
        Scope::Embed => vec![vec![model.embed]],
        Scope::EmbedHead if model.head.weight == model.embed => vec![head],
        Scope::EmbedHead => vec![vec![model.embed], head],
        Scope::LastBlock => vec![last_block()],
        Scope::All => vec![model.params.iter().map(|(id, _)| id).collect()],
    };
    Ok(match options.combine {
        Combine::Global => groups,
        Combine::PerTensor => groups.into_iter().flatten().map(|id| vec![id]).collect(),
    })
}

/// Paramem's choice: every tensor whose name contains `embed` or `lm_head`, each for itself.
fn named_as_in_the_paper(model: &Decoder) -> Result<Vec<Vec<ParamId>>> {
    let matches = |name: &str| name.contains("embed") || name.contains("lm_head");
    let found: Vec<Vec<ParamId>> =
        model.params.iter().filter(|(_, w)| matches(&w.name)).map(|(id, _)| vec![id]).collect();
    if found.is_empty() {
        return Err(Error::config("paper mode finds no tensor named `embed` or `lm_head` in this model")
            .hint("the published code gives 0 for every text of such a model; set compat to `correct`"));
    }
    Ok(found)
}

fn head_parameters(model: &Decoder) -> Vec<ParamId> {
    linear(model.head).collect()
}

fn linear(l: Linear) -> impl Iterator<Item = ParamId> {
    std::iter::once(l.weight).chain(l.bias)
}

fn norm(n: NormParams) -> impl Iterator<Item = ParamId> {
    std::iter::once(n.gain).chain(n.bias)
}

fn block_parameters(model: &Decoder, layer: usize) -> Vec<ParamId> {
    let Some(block) = model.blocks.get(layer) else { return Vec::new() };
    let projection = match block.projection {
        ProjectionParams::Fused { qkv, .. } => vec![qkv],
        ProjectionParams::Separate { q, k, v } => vec![q, k, v],
    };
    let linears =
        projection.into_iter().chain([block.attn_out]).chain(block.mlp.gate).chain([block.mlp.up, block.mlp.down]);
    let norms = std::iter::once(block.norm1).chain(block.norm2).flat_map(norm);
    norms.chain(linears.flat_map(linear)).collect()
}

/// The layers of a model with their parameters, from the input to the output: embedding, blocks, final norm, head.
/// A tied head is part of the embedding.
pub fn parts(model: &Decoder) -> Vec<(String, Vec<ParamId>)> {
    let tied = model.head.weight == model.embed;
    let embed = std::iter::once(model.embed).chain(model.positions).collect();
    let mut parts = vec![(if tied { "embedding and head" } else { "embedding" }.to_owned(), embed)];
    parts.extend((0..model.blocks.len()).map(|i| (format!("block {i}"), block_parameters(model, i))));
    parts.push(("final norm".to_owned(), norm(model.final_norm).collect()));
    let head: Vec<ParamId> = head_parameters(model).into_iter().filter(|id| *id != model.embed).collect();
    if !head.is_empty() {
        parts.push(("head".to_owned(), head));
    }
    parts
}

/// ‖∇ of the mean loss‖₂ over all parameters, for each text.
pub fn gradient_norms(model: &Decoder, texts: &[&[u32]]) -> Result<Vec<f64>> {
    let norm = |ids: &&[u32]| {
        let batch = shifted(&[ids], 1);
        let mut gram = Gram::new(model, &batch, Pairs::Norms, &|_| true);
        loss_gradient(model, &batch, &mut gram, &mut NoTap, Keep::All)?;
        let squares: BTreeMap<ParamId, Vec<f64>> = gram.into_products();
        Ok(squares.values().flatten().sum::<f64>().max(0.0).sqrt())
    };
    texts.iter().map(norm).collect()
}
