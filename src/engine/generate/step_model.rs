//! What decoding needs of a model.

use crate::error::Result;
use crate::tensor::Tensor;

/// A model that reads sequences token by token and says what may come next.
///
/// "Row" is a running sequence. The answers below are about the token after the last one read.
pub(super) trait StepModel {
    /// Number of tokens there are.
    fn vocab_size(&self) -> usize;
    /// Tokens a sequence may have.
    fn n_ctx(&self) -> usize;
    /// Forgets everything and reads the prompts: row i is prompt i. There will be at most `n_rows` rows of
    /// at most `capacity` tokens.
    fn prefill(&mut self, prompts: &[&[u32]], n_rows: usize, capacity: usize) -> Result<()>;
    /// Reads one more token of each row.
    fn step(&mut self, tokens: &[u32]) -> Result<()>;
    /// Row i goes on from what was row `parents[i]`; rows that are not named end. Followed by [`Self::step`].
    fn reorder(&mut self, parents: &[usize]) -> Result<()>;
    /// Logits (rows, V).
    fn logits(&self) -> Result<Tensor>;
    /// The `n` most likely tokens of each row with ln p, most likely first, the lower id among equals; n ≤ 8.
    fn likeliest(&self, n: usize) -> Result<Vec<Vec<(u32, f64)>>>;
}

/// Most tokens that [`StepModel::likeliest`] gives.
pub(super) const LIKELIEST_MAX: usize = 8;
