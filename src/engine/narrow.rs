//! Narrow models on a processor: each core takes whole sequences of its own.
//!
//! Their activations stay in the cache of the core, and no core waits for another within a layer; a wide model keeps all
//! cores busy with each product, and its weights are better read once for many rows.
//! Gradients are summed in lanes of parts, and the lanes in order. Parts and lanes are cut by batch and model alone, so
//! a gradient has the same bits on any number of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::error::Result;
use crate::grads::GradSink;
use crate::model::{Decoder, ParamId, Weight};
use crate::sinks::SumGrads;
use crate::tensor::{Batch, Device, Tensor};

/// Numbers of the widest activation that stay in the cache of a core: 1 MiB of f32.
const IN_CACHE: usize = 1 << 18;
/// Rows below which the weights are read too often for what is done with them.
const FEWEST_ROWS: usize = 256;
/// Sums that exist side by side: the most cores that a gradient keeps busy this way.
const LANES: usize = 8;
/// Numbers of all these sums: 256 MiB of f32.
const MOST_SUMS: usize = 1 << 26;

/// How many rows a core takes at once; nothing for a wide model, or on a card.
pub(crate) fn rows_at_once(model: &Decoder) -> Option<usize> {
    let rows = IN_CACHE / model.config.d_ff.max(3 * model.config.d_model).max(1);
    (model.kernels.device() == Device::Cpu && rows >= FEWEST_ROWS).then_some(rows)
}

/// The sequences of each lane, part by part.
pub(crate) type Lanes = Vec<Vec<Range<usize>>>;

/// How a gradient for `sink` is divided, if it is worth it.
pub(crate) fn lanes(model: &Decoder, batch: &Batch, sink: &dyn GradSink) -> Option<Lanes> {
    let rows = rows_at_once(model).filter(|_| sink.only_sums())?;
    let wanted = model.params.iter().filter(|(id, _)| sink.wants(*id));
    let sums: usize = wanted.map(|(_, w): (ParamId, &Weight)| w.len()).sum();
    let parts = parts(batch, rows);
    if parts.len() < 2 || sums * LANES > MOST_SUMS {
        return None;
    }
    let lanes = parts.len().min(LANES);
    Some((0..lanes).map(|l| parts[l * parts.len() / lanes..(l + 1) * parts.len() / lanes].to_vec()).collect())
}

/// Consecutive sequences with at most `most` rows together; at least one.
fn parts(batch: &Batch, most: usize) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut rows = 0;
    for (i, own) in batch.offsets.iter().enumerate() {
        match parts.last_mut() {
            Some(last) if rows + own.len() <= most => {
                last.end = i + 1;
                rows += own.len();
            }
            _ => {
                parts.push(i..i + 1);
                rows = own.len();
            }
        }
    }
    parts
}

/// Hands the gradient of a part of a batch to a sink; says something about each row.
type Gradient<'a> = dyn Fn(&Batch, &mut dyn GradSink) -> Result<Vec<f64>> + Sync + 'a;

/// What a lane found: what was said about its rows, and its sums.
type Found = (Vec<f64>, Vec<(ParamId, Tensor)>);

/// Hands each part of the batch to `gradient` with a sink for its sums, which go to `sink` in the end; gives what it
/// says about the rows.
pub(crate) fn in_lanes(
    model: &Decoder,
    batch: &Batch,
    sink: &mut dyn GradSink,
    lanes: &[Vec<Range<usize>>],
    gradient: &Gradient<'_>,
) -> Result<Vec<f64>> {
    let wanted: Vec<bool> = model.params.iter().map(|(id, _)| sink.wants(id)).collect();
    let run = |lane: &Vec<Range<usize>>| -> Result<Found> {
        let mut sums = SumGrads::new(model, &|id| wanted[id.0 as usize])?;
        let mut rows = Vec::new();
        for part in lane {
            rows.extend(gradient(&batch.part(part.clone()), &mut sums)?);
        }
        Ok((rows, sums.into_gradients()))
    };
    // all are waited for, so that the first error in order is the one to tell
    let each: Vec<Result<Found>> = lanes.par_iter().map(run).collect();
    let mut rows = Vec::with_capacity(batch.tokens.len());
    for found in each {
        let (own, sums) = found?;
        rows.extend(own);
        sink.add(&sums)?;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::NoTap;
    use crate::loss::loss_gradient;
    use crate::model::{Keep, Linear};
    use crate::tensor::Offsets;
    use crate::testing::{decoder, sequences, shapes};

    /// A sum that must see the batch as a whole.
    struct Whole<'a>(SumGrads<'a>);

    impl GradSink for Whole<'_> {
        fn linear(&mut self, l: &Linear, x: &Tensor, dy: &Tensor, rows: Range<usize>, samples: &Offsets) -> Result<()> {
            self.0.linear(l, x, dy, rows, samples)
        }
        fn vector(&mut self, p: ParamId, per_row: &Tensor, samples: &Offsets) -> Result<()> {
            self.0.vector(p, per_row, samples)
        }
        fn embedding(&mut self, p: ParamId, ids: &[u32], dy: &Tensor, samples: &Offsets) -> Result<()> {
            self.0.embedding(p, ids, dy, samples)
        }
    }

    #[test]
    fn lanes_give_the_gradient_of_the_batch_on_any_number_of_threads() {
        let (_, mut config) = shapes().remove(0);
        // 512 rows at once, without the cost of that width everywhere
        config.d_ff = 512;
        let model = decoder(&config, 1);
        let lengths: Vec<usize> = (0..220).map(|i| 1 + i * 7 % 16).collect();
        let batch = Batch::causal(&sequences(&lengths, config.vocab_size, 2)).token_mean();
        assert_eq!(rows_at_once(&model), Some(512));
        let mut whole = Whole(SumGrads::new(&model, &|_| true).unwrap());
        assert!(lanes(&model, &batch, &whole).is_none(), "this sink does not only sum");
        let wanted = loss_gradient(&model, &batch, &mut whole, &mut NoTap, Keep::All).unwrap();
        let mut first: Option<Vec<(ParamId, Tensor)>> = None;
        for threads in 1..=3 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut sums = SumGrads::new(&model, &|_| true).unwrap();
            assert_eq!(lanes(&model, &batch, &sums).map(|lanes| lanes.len()), Some(4));
            let found = pool.install(|| loss_gradient(&model, &batch, &mut sums, &mut NoTap, Keep::All)).unwrap();
            assert_eq!(found.nll, wanted.nll, "losses of rows with {threads} threads");
            for (id, _) in model.params.iter() {
                let (a, b) = (sums.get(id).unwrap().value(), whole.0.get(id).unwrap().value());
                let largest = b.iter().fold(0.0, |m: crate::Real, x| m.max(x.abs()));
                let far = a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-5 * largest + 1e-9);
                assert!(!far, "the gradient of parameter {} is another", id.0);
            }
            let gradients = sums.into_gradients();
            let same = |first: &Vec<(ParamId, Tensor)>| {
                first.iter().zip(&gradients).all(|((_, a), (_, b))| a.value() == b.value())
            };
            assert!(first.as_ref().is_none_or(same), "{threads} threads give other bits");
            first.get_or_insert(gradients);
        }
    }

    #[test]
    fn parts_keep_sequences_whole() {
        let batch = Batch::causal(&sequences(&[3, 4, 9, 2, 2], 19, 1));
        assert_eq!(parts(&batch, 7), [0..2, 2..3, 3..5]);
    }
}
