//! Texts before the prompt: another context may bring back what the bare prompt does not.
//!
//! The k tokens of the memorization check are given behind each of some texts, and the l after them have to be
//! reproduced greedily. Tried are the texts of the configuration, a beginning token, the text to forget that comes next
//! in its file and a retained text. A text that does not fit the context loses its beginning.
//! Source: prompts that jog a model's memory: Lynch et al. 2024, arXiv:2402.16835, section 4.

use serde::{Deserialize, Serialize};

use crate::engine::Decoder;
use crate::error::Result;
use crate::methods::common::continuations::{Given, Greedy};
use crate::methods::common::texts::chunk_len;
use crate::methods::unlearn::config::Config;
use crate::methods::unlearn::sets::{Item, Probe, Sets, eos_policy};
use crate::methods::{Context, LoadedModel};

/// How far a text is reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Reach {
    /// Whether to its end.
    pub(super) exact: bool,
    /// Share of the continuation before the first wrong token.
    pub(super) begun: f64,
}

/// One text before the prompts; by text to forget, absent where there is no check or no room.
pub(super) struct Tried {
    pub(super) name: String,
    pub(super) before: Vec<Option<Reach>>,
    pub(super) after: Vec<Option<Reach>>,
}

/// All of them, the bare prompt first.
pub(in crate::methods::unlearn) struct Prefixes {
    pub(super) tried: Vec<Tried>,
    /// Sentences about what could not be tried.
    pub(super) notes: Vec<String>,
}

impl Prefixes {
    /// Whether each text is reproduced behind some of them; absent where nothing could be tried. 0: before, 1: after.
    pub(super) fn any(&self, side: usize) -> Vec<Option<bool>> {
        let n = self.tried.first().map_or(0, |t| t.before.len());
        let of = |i: usize| {
            let reached = self.tried.iter().filter_map(|t| if side == 0 { t.before[i] } else { t.after[i] });
            reached.map(|r| r.exact).reduce(|a, b| a || b)
        };
        (0..n).map(of).collect()
    }
}

/// What is put before the prompt of a text.
enum Before {
    Tokens(Vec<u32>),
    NextForget,
    Retain,
}

pub(super) fn run(
    config: &Config,
    cx: &mut Context<'_>,
    base: &LoadedModel,
    edited: &Decoder,
    sets: &Sets<'_>,
) -> Result<Prefixes> {
    let (list, notes) = list(config, base, sets)?;
    let mut tried = Vec::new();
    for (name, before) in list {
        let probes: Vec<Option<Probe>> =
            (0..sets.forget.len()).map(|i| lengthened(sets, i, &before, base.decoder.config.n_ctx)).collect();
        let mut of = |model: &Decoder, when: &str| reach(config, cx, model, &probes, &format!("{when}: behind {name}"));
        let (before, after) = (of(&base.decoder, "before")?, of(edited, "after")?);
        tried.push(Tried { name, before, after });
    }
    Ok(Prefixes { tried, notes })
}

/// What is put before prompts, and how it is called.
type Named = (String, Before);

/// What is tried, and sentences about what cannot be.
fn list(config: &Config, base: &LoadedModel, sets: &Sets<'_>) -> Result<(Vec<Named>, Vec<String>)> {
    let mut list = vec![("nothing".to_owned(), Before::Tokens(Vec::new()))];
    let mut notes = Vec::new();
    if let Some(bos) = base.decoder.config.bos {
        list.push(("a beginning token".to_owned(), Before::Tokens(vec![bos])));
    }
    if sets.forget.len() > 1 {
        list.push(("another text to forget".to_owned(), Before::NextForget));
    }
    if !sets.retain.is_empty() {
        list.push(("a retained text".to_owned(), Before::Retain));
    }
    match &base.tokenizer {
        Some(tokenizer) => {
            for text in &config.robustness.prefixes {
                list.push((format!("{text:?}"), Before::Tokens(tokenizer.encode(text, false)?.ids)));
            }
        }
        None if config.robustness.prefixes.is_empty() => {}
        None => notes.push(format!("{} has no tokenizer: texts could not be put before prompts.", base.name)),
    }
    Ok((list, notes))
}

/// The check of text `i` behind what comes before; none where there is no room for a single token of it.
fn lengthened(sets: &Sets<'_>, i: usize, before: &Before, n_ctx: usize) -> Option<Probe> {
    let item = &sets.forget[i];
    let probe = item.probe.as_ref()?;
    let tokens = match before {
        Before::Tokens(tokens) => tokens.as_slice(),
        Before::NextForget => own(&sets.forget[(i + 1) % sets.forget.len()]),
        Before::Retain => own(&sets.retain[i % sets.retain.len()]),
    };
    let room = n_ctx.checked_sub(probe.prefix.len() + probe.continuation.len())?;
    let kept = &tokens[tokens.len().saturating_sub(room)..];
    if kept.is_empty() && !tokens.is_empty() {
        return None;
    }
    let (special, prompt) = probe.prefix.split_at_checked(item.text.n_special)?;
    Some(Probe { prefix: [special, kept, prompt].concat(), ..probe.clone() })
}

/// The tokens of a text without what was added in front.
fn own(item: &Item) -> &[u32] {
    item.text.ids.get(item.text.n_special..).unwrap_or_default()
}

fn reach(
    config: &Config,
    cx: &mut Context<'_>,
    model: &Decoder,
    probes: &[Option<Probe>],
    stage: &str,
) -> Result<Vec<Option<Reach>>> {
    let lengths = probes.iter().flatten().map(|p| p.prefix.len() + p.continuation.len());
    let chunk = chunk_len(lengths, config.batch_tokens);
    let greedy = Greedy { decoder: model, policy: eos_policy(config, model), pad: 0 };
    cx.map(stage, probes.len(), chunk, |range| {
        let probes = &probes[range];
        let given: Vec<Given<'_>> = probes.iter().flatten().map(crate::methods::unlearn::sets::given).collect();
        let matched = if given.is_empty() { Vec::new() } else { greedy.matched(&given)? };
        let reach = |(found, given): (Vec<u32>, &Given<'_>)| {
            let right = found.iter().zip(given.continuation).take_while(|(a, b)| a == b).count();
            let n = given.continuation.len();
            Reach { exact: right == n, begun: right as f64 / n.max(1) as f64 }
        };
        let mut reached = matched.into_iter().zip(&given).map(reach);
        Ok(probes.iter().map(|p| p.as_ref().and_then(|_| reached.next())).collect())
    })
}
