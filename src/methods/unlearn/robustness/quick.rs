//! The cheap part of the battery: two passes over some texts, nothing decoded.

use serde::{Deserialize, Serialize};

use crate::engine::Decoder;
use crate::error::Result;
use crate::methods::common::texts::chunk_len;
use crate::methods::unlearn::battery::passes;
use crate::methods::unlearn::config::Config;
use crate::methods::unlearn::sets::{Item, reproduced};

/// Means over texts; absent where there is none that it could be measured on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Quick {
    /// Share of the texts whose l tokens after k are reproduced greedily.
    pub(super) exact: Option<f64>,
    /// Labelled tokens that are the likeliest, as a share of each text.
    pub(super) accuracy: Option<f64>,
    /// −ln p a labelled token, nats.
    pub(super) loss: Option<f64>,
}

/// Looks at some texts.
pub(super) fn look(config: &Config, model: &Decoder, items: &[&Item]) -> Result<Quick> {
    let chunk = chunk_len(items.iter().map(|i| i.text.ids.len()), config.batch_tokens);
    let (mut exact, mut accuracy, mut loss) = (Mean::default(), Mean::default(), Mean::default());
    for items in items.chunks(chunk) {
        let items: Vec<Item> = items.iter().map(|i| (*i).clone()).collect();
        for is_exact in reproduced(config, model, &items)?.into_iter().flatten() {
            exact.add(f64::from(u8::from(is_exact)));
        }
        for (item, pass) in items.iter().zip(passes(model, &items)?) {
            let (hits, log_probs) = (pass.hits.get(item.labelled - 1..), pass.log_probs.get(item.labelled - 1..));
            let Some((hits, log_probs)) = hits.zip(log_probs).filter(|(hits, _)| !hits.is_empty()) else { continue };
            let n = hits.len() as f64;
            accuracy.add(hits.iter().filter(|h| **h).count() as f64 / n);
            loss.add(-log_probs.iter().sum::<f64>() / n);
        }
    }
    Ok(Quick { exact: exact.value(), accuracy: accuracy.value(), loss: loss.value() })
}

#[derive(Default)]
struct Mean {
    sum: f64,
    n: usize,
}

impl Mean {
    fn add(&mut self, x: f64) {
        self.sum += x;
        self.n += 1;
    }

    fn value(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}
