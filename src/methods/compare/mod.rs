//! Two texts side by side: what the model says about every token of each, which words correspond, and how alike
//! their gradients are. The interactive counterpart of the methods: the same scores, one pair at a time.

mod measure;
mod measurement;
mod pairing;

pub use measure::{align, continue_greedily, measure, tokenize};
pub use measurement::{Alignment, Alternative, Cell, Measurement, Scores, Shared};
pub use pairing::{Pairing, Segment};

use super::LoadedModel;
use crate::error::{Error, Result};

/// Two measured texts and the correspondence of their words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pair {
    /// Original and paraphrase.
    pub sides: [Measurement; 2],
    /// Which words correspond.
    pub pairing: Pairing,
}

/// Measures both texts and lines up their words. Either may be empty. Fails with [`Error::Cancelled`] once it is not
/// wanted any more.
pub fn pair(model: &LoadedModel, texts: &[String; 2], is_wanted: &dyn Fn() -> bool) -> Result<Pair> {
    let original = measure(model, &texts[0])?;
    if !is_wanted() {
        return Err(Error::Cancelled);
    }
    let paraphrase = measure(model, &texts[1])?;
    let pairing = match (original.cells.is_empty(), paraphrase.cells.is_empty()) {
        (false, true) => Pairing::single(&original.text, &original.cells, true),
        (true, false) => Pairing::single(&paraphrase.text, &paraphrase.cells, false),
        _ => Pairing::new((&original.text, &original.cells), (&paraphrase.text, &paraphrase.cells)),
    };
    Ok(Pair { sides: [original, paraphrase], pairing })
}
