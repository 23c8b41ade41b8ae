//! Loss, accuracy and perplexity on rows that are not trained on, in both definitions.
//!
//! Mean of tokens: every predicted token counts alike; perplexity = exp(mean loss).
//! Mean of batches, as TinyMem reports: the mean over batches of each batch's mean; perplexity = mean of exp(batch
//! loss). A last batch of few rows then weighs as much as a full one.

use serde::{Deserialize, Serialize};

use super::predict::{Question, Trial};
use crate::engine::{TokenScore, Want};
use crate::error::Result;

/// How well a set is predicted; losses in nats per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::methods::train) struct QualityCheck {
    /// Rows.
    pub(in crate::methods::train) n_rows: usize,
    /// Predicted tokens.
    pub(in crate::methods::train) n_tokens: usize,
    /// Mean over tokens.
    pub(in crate::methods::train) loss: f64,
    /// Share of tokens that are the likeliest.
    pub(in crate::methods::train) accuracy: f64,
    /// exp(loss).
    pub(in crate::methods::train) perplexity: f64,
    /// Mean over batches.
    pub(in crate::methods::train) batch_loss: f64,
    /// Mean over batches.
    pub(in crate::methods::train) batch_accuracy: f64,
    /// Mean over batches of exp(loss).
    pub(in crate::methods::train) batch_perplexity: f64,
}

/// Sums over the tokens of one row.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    nll: f64,
    right: usize,
    tokens: usize,
}

/// Measures `sequences` in batches of `batch` rows.
pub(in crate::methods::train) fn quality(
    trial: &mut Trial<'_>,
    sequences: &[Vec<u32>],
    batch: usize,
) -> Result<QualityCheck> {
    let questions: Vec<Question> = sequences.iter().map(|ids| Question { ids: ids.clone(), from: 1 }).collect();
    let answers = trial.ask(&questions, Want::default())?;
    let sums = |(question, scores): (&Question, &Vec<TokenScore>)| {
        let truth = question.ids.get(question.from..).unwrap_or_default();
        Sums {
            nll: -scores.iter().map(|s| s.log_prob).sum::<f64>(),
            right: scores.iter().zip(truth).filter(|(s, id)| s.argmax == **id).count(),
            tokens: scores.len(),
        }
    };
    Ok(means(&questions.iter().zip(&answers).map(sums).collect::<Vec<_>>(), batch))
}

/// e to the loss, finite whatever the loss.
fn exp(loss: f64) -> f64 {
    const LARGEST: f64 = 700.0;
    loss.min(LARGEST).exp()
}

fn means(rows: &[Sums], batch: usize) -> QualityCheck {
    let total = |rows: &[Sums]| {
        rows.iter().fold(Sums::default(), |a, b| Sums {
            nll: a.nll + b.nll,
            right: a.right + b.right,
            tokens: a.tokens + b.tokens,
        })
    };
    let loss = |sums: &Sums| sums.nll / sums.tokens.max(1) as f64;
    let accuracy = |sums: &Sums| sums.right as f64 / sums.tokens.max(1) as f64;
    let all = total(rows);
    let batches: Vec<Sums> = rows.chunks(batch.max(1)).map(total).collect();
    let mean = |f: &dyn Fn(&Sums) -> f64| batches.iter().map(f).sum::<f64>() / batches.len().max(1) as f64;
    QualityCheck {
        n_rows: rows.len(),
        n_tokens: all.tokens,
        loss: loss(&all),
        accuracy: accuracy(&all),
        perplexity: exp(loss(&all)),
        batch_loss: mean(&loss),
        batch_accuracy: mean(&accuracy),
        batch_perplexity: mean(&|sums| exp(loss(sums))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rows in batches of two: losses 1 and 3 over 3 tokens, then 2 over 1 token.
    #[test]
    fn the_two_means_by_hand() {
        let row = |nll: f64, right: usize, tokens: usize| Sums { nll, right, tokens };
        let found = means(&[row(1.0, 1, 1), row(5.0, 0, 2), row(2.0, 1, 1)], 2);
        assert_eq!((found.n_rows, found.n_tokens), (3, 4));
        assert_eq!((found.loss, found.accuracy), (2.0, 0.5));
        assert!((found.perplexity - 2f64.exp()).abs() < 1e-12);
        assert_eq!((found.batch_loss, found.batch_accuracy), (2.0, 2.0 / 3.0));
        assert!((found.batch_perplexity - 2f64.exp()).abs() < 1e-12);
        let uneven = means(&[row(1.0, 1, 1), row(5.0, 0, 1), row(2.0, 1, 1)], 2);
        assert!((uneven.loss - 8.0 / 3.0).abs() < 1e-12 && (uneven.batch_loss - 2.5).abs() < 1e-12);
        assert!((2.0 * uneven.batch_perplexity - 3f64.exp() - 2f64.exp()).abs() < 1e-12);
    }
}
