//! How the rows of a run are decoded by one model.

use super::{Config, EosPolicy, Row};
use crate::error::{Error, Result};
use crate::methods::LoadedModel;
use crate::methods::common::continuations::{Given, Greedy};

/// Decoding of rows that fit the model.
pub(super) struct Plan<'a>(Greedy<'a>);

impl<'a> Plan<'a> {
    /// Fails when a policy about end-of-text tokens meets a model that names none, or rows exceed the context.
    pub(super) fn new(config: &Config, model: &'a LoadedModel, rows: &[Row]) -> Result<Self> {
        let decoder = &model.decoder;
        let policy = config.eos();
        if policy != EosPolicy::Free && decoder.config.eos.is_empty() {
            return Err(Error::config(format!(
                "eos_policy is not `free`, but {} names no end-of-text token",
                model.name
            ))
            .hint("set eos_policy to `free`"));
        }
        let longest = rows.iter().map(|r| r.prefix.len() + r.continuation.len()).max().unwrap_or(0);
        if longest > decoder.config.n_ctx {
            return Err(Error::config(format!(
                "k + l: a row has {longest} tokens; the context of {} is {}",
                model.name, decoder.config.n_ctx
            ))
            .hint("lower k or l"));
        }
        Ok(Self(Greedy { decoder, policy, pad: config.pad_token }))
    }

    /// The greedy continuation of each row, as long as its true one.
    pub(super) fn continuations(&self, rows: &[Row]) -> Result<Vec<Vec<u32>>> {
        let given: Vec<Given<'_>> =
            rows.iter().map(|r| Given { prefix: &r.prefix, continuation: &r.continuation }).collect();
        self.0.continuations(&given)
    }
}
