//! Inner products of per-sequence gradients, parameter by parameter, without keeping gradients.
//!
//! For y = x·Wᵀ, ⟨∇W₁, ∇W₂⟩ = Σ over row pairs of (x_s·x'_t)(dy_s·dy'_t): the ghost inner product
//! (Goodfellow 2015, arXiv:1510.01799; Li et al. 2022, arXiv:2110.05679). Where the gradient itself is
//! smaller than the row pairs, it is formed for one parameter at a time instead.

use std::collections::BTreeMap;
use std::ops::Range;

use super::per_sample::within;
use crate::error::Result;
use crate::grads::GradSink;
use crate::kernels::{Kernels, Rows};
use crate::model::{Decoder, Linear, ParamId};
use crate::tensor::{Batch, Offsets, Real, Tensor};

/// Which inner products are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// Each sequence with itself: squared norms.
    Norms,
    /// Each sequence with itself and with the first one: what an original and its paraphrases need.
    WithFirst,
    /// All pairs.
    All,
}

impl Pairs {
    /// The pairs (i, j), i ≤ j, of `n` sequences.
    pub fn list(self, n: usize) -> Vec<(usize, usize)> {
        let all = (0..n).flat_map(|i| (i..n).map(move |j| (i, j)));
        all.filter(|(i, j)| i == j || self == Self::All || (self == Self::WithFirst && *i == 0)).collect()
    }
}

/// ⟨gᵢ, gⱼ⟩ by parameter. The sequences must have their own weights: [`Batch::example_mean`].
pub struct Gram<'a> {
    model: &'a Decoder,
    pairs: Vec<(usize, usize)>,
    wants: Vec<bool>,
    products: BTreeMap<ParamId, Vec<f64>>,
    tied: Option<Tied>,
}

/// What the head knows and the embedding needs, where both are one parameter.
struct Tied {
    tokens: Vec<u32>,
    /// What the head read, (N, C).
    hidden: Vec<f64>,
    /// Row s, for each position t of the batch: the logit gradient of row s at the token of t, (N, N).
    at_tokens: Vec<f64>,
}

impl<'a> Gram<'a> {
    /// For the sequences of `batch` and the parameters `wants` names.
    pub fn new(model: &'a Decoder, batch: &Batch, pairs: Pairs, wants: &dyn Fn(ParamId) -> bool) -> Self {
        let (n, rows) = (batch.offsets.len(), batch.tokens.len());
        let tied = (model.head.weight == model.embed && wants(model.embed)).then(|| Tied {
            tokens: batch.tokens.clone(),
            hidden: vec![0.0; rows * model.config.d_model],
            at_tokens: vec![0.0; rows * rows],
        });
        let wants = model.params.iter().map(|(id, _)| wants(id)).collect();
        Self { model, pairs: pairs.list(n), wants, products: BTreeMap::new(), tied }
    }

    /// The pairs, in the order of the products.
    pub fn pairs(&self) -> &[(usize, usize)] {
        &self.pairs
    }

    /// Inner products by parameter, in the order of [`Self::pairs`].
    pub fn into_products(self) -> BTreeMap<ParamId, Vec<f64>> {
        self.products
    }

    fn add(&mut self, p: ParamId, products: impl IntoIterator<Item = f64>) {
        let sums = self.products.entry(p).or_insert_with(|| vec![0.0; self.pairs.len()]);
        sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
    }

    /// Inner products of the column sums of each sequence's rows.
    fn add_vector(&mut self, p: ParamId, per_row: &Tensor, rows: &Range<usize>, samples: &Offsets) -> Result<()> {
        let mut sums: BTreeMap<usize, Tensor> = BTreeMap::new();
        for (i, own) in within(samples, rows) {
            let mut sum = self.model.kernels.zeros(&[per_row.cols()], false)?;
            self.model.kernels.column_sum_acc(&mut sum, per_row, own)?;
            sums.insert(i, sum);
        }
        let products = self.products_of(&sums)?;
        self.add(p, products);
        Ok(())
    }

    fn products_of(&self, gradients: &BTreeMap<usize, Tensor>) -> Result<Vec<f64>> {
        let product = |(i, j): &(usize, usize)| match (gradients.get(i), gradients.get(j)) {
            (Some(a), Some(b)) => self.model.kernels.dot(a, b),
            _ => Ok(0.0),
        };
        self.pairs.iter().map(product).collect()
    }

    /// Whether row pairs cost less than forming the gradients of all sequences.
    fn ghost_is_cheaper(&self, own: &[(usize, Range<usize>)], c: usize, o: usize) -> bool {
        let len = |i: usize| own.iter().find(|(k, _)| *k == i).map_or(0, |(_, r)| r.len());
        let ghost: usize = self.pairs.iter().map(|(i, j)| len(*i) * len(*j) * (c + o)).sum();
        let formed: usize = own.iter().map(|(_, r)| r.len() * c * o).sum::<usize>() + self.pairs.len() * c * o;
        ghost <= formed
    }

    fn linear_products(&self, l: &Linear, x: &Tensor, dy: &Tensor, own: &[(usize, Range<usize>)]) -> Result<Vec<f64>> {
        let weight = self.model.params.get(l.weight);
        if self.ghost_is_cheaper(own, x.cols(), dy.cols()) {
            let rows: BTreeMap<usize, Range<usize>> = own.iter().cloned().collect();
            let side = |i: usize| rows.get(&i).map(|r| Rows { x, dy, rows: r.clone() });
            let product = |(i, j): &(usize, usize)| match (side(*i), side(*j)) {
                (Some(a), Some(b)) => self.model.kernels.gram(a, b),
                _ => Ok(0.0),
            };
            return self.pairs.iter().map(product).collect();
        }
        let mut gradients = BTreeMap::new();
        for (i, r) in own {
            let mut dw = self.model.kernels.zeros(&weight.shape, false)?;
            self.model.kernels.outer_acc(&mut dw, x, dy, r.clone(), weight)?;
            gradients.insert(*i, dw);
        }
        self.products_of(&gradients)
    }
}

impl GradSink for Gram<'_> {
    fn wants(&self, p: ParamId) -> bool {
        self.wants[p.0 as usize]
    }

    fn needs_all_rows(&self) -> bool {
        self.pairs.iter().any(|(i, j)| i != j)
    }

    fn linear(&mut self, l: &Linear, x: &Tensor, dy: &Tensor, rows: Range<usize>, samples: &Offsets) -> Result<()> {
        let own = within(samples, &rows);
        if self.wants(l.weight) {
            let products = self.linear_products(l, x, dy, &own)?;
            self.add(l.weight, products);
            if *l == self.model.head
                && let Some(tied) = &mut self.tied
            {
                tied.keep(&*self.model.kernels, x, dy, rows.start)?;
            }
        }
        match l.bias {
            Some(b) if self.wants(b) => self.add_vector(b, dy, &rows, samples),
            _ => Ok(()),
        }
    }

    fn vector(&mut self, p: ParamId, per_row: &Tensor, samples: &Offsets) -> Result<()> {
        self.add_vector(p, per_row, &(0..per_row.rows()), samples)
    }

    fn embedding(&mut self, p: ParamId, ids: &[u32], dy: &Tensor, samples: &Offsets) -> Result<()> {
        let (values, c) = (dy.to_host()?, dy.cols());
        let sums: Vec<BTreeMap<u32, Vec<f64>>> = samples.iter().map(|r| by_token(ids, &values, c, r)).collect();
        let mut products: Vec<f64> = self.pairs.iter().map(|(i, j)| shared_tokens(&sums[*i], &sums[*j])).collect();
        if p == self.model.embed
            && let Some(tied) = &self.tied
        {
            for (product, (i, j)) in products.iter_mut().zip(&self.pairs) {
                *product += tied.cross(&values, c, samples.range(*i), samples.range(*j));
                *product += tied.cross(&values, c, samples.range(*j), samples.range(*i));
            }
        }
        self.add(p, products);
        Ok(())
    }
}

impl Tied {
    fn keep(&mut self, kernels: &dyn Kernels, x: &Tensor, dy: &Tensor, start: usize) -> Result<()> {
        let (c, n) = (x.cols(), self.tokens.len());
        let (values, at_tokens) = (x.to_host()?, kernels.columns(dy, &self.tokens)?);
        for row in 0..x.rows() {
            let hidden = &mut self.hidden[(start + row) * c..(start + row + 1) * c];
            hidden.iter_mut().zip(&values[row * c..]).for_each(|(to, from)| *to = f64::from(*from));
            let at = &mut self.at_tokens[(start + row) * n..(start + row + 1) * n];
            at.iter_mut().zip(&at_tokens[row * n..]).for_each(|(to, from)| *to = f64::from(*from));
        }
        Ok(())
    }

    /// ⟨head part of the rows `head`, embedding part of the rows `embed`⟩ = Σ a_{s, id_t} (h_s·δ_t).
    fn cross(&self, delta: &[Real], c: usize, head: Range<usize>, embed: Range<usize>) -> f64 {
        let n = self.tokens.len();
        let mut sum = 0.0;
        for s in head {
            let h = &self.hidden[s * c..(s + 1) * c];
            for t in embed.clone() {
                let d = &delta[t * c..(t + 1) * c];
                let inner: f64 = h.iter().zip(d).map(|(a, b)| a * f64::from(*b)).sum();
                sum += self.at_tokens[s * n + t] * inner;
            }
        }
        sum
    }
}

/// Σ δ over the rows of each token.
fn by_token(ids: &[u32], dy: &[Real], c: usize, rows: Range<usize>) -> BTreeMap<u32, Vec<f64>> {
    let mut sums: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(ids[row]).or_insert_with(|| vec![0.0; c]);
        sum.iter_mut().zip(&dy[row * c..]).for_each(|(to, from)| *to += f64::from(*from));
    }
    sums
}

fn shared_tokens(a: &BTreeMap<u32, Vec<f64>>, b: &BTreeMap<u32, Vec<f64>>) -> f64 {
    let inner = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p * q).sum::<f64>();
    a.iter().filter_map(|(token, x)| Some(inner(x, b.get(token)?))).sum()
}
