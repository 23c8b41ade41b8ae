//! Gradient alignment of originals with their paraphrases: whether learning one would teach the other.
//!
//! Formula: score(x) = mean over the valid paraphrases x' of x of cos(∇L(x'), ∇L(x)), L the mean next-token loss.
//! Reads: texts with paraphrases. Cost: scope `head` runs forward only; the others go backward once.
//! Source: Paramem, definitions 3.1 and 3.3.
//! Differs from the original, which shifts labels twice, works in bf16, takes the number of paraphrases from the
//! first text for all, and puts the original itself where a text has no valid paraphrase, which scores 1. Here each
//! text's own valid paraphrases count and texts without any are left out; `compat: paper` does as the original,
//! in f32.

mod pairs;
mod report;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::methods::common::alignment::{AlignOptions, Aligned, Combine, Scope, align};
use crate::methods::common::paraphrases::PAPER_TOKENS;
use crate::methods::common::texts::{Bos, LongTexts, TextOptions};
use crate::methods::{Amount, Card, Compat, Context, Input, InputKind, Report, Typed, Work, any_row, no_check};
use pairs::{Filter, Item};

/// Options of [`METHOD`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which parameters' gradients are compared.
    pub scope: Scope,
    /// How the cosines of several tensors become one.
    pub combine: Combine,
    /// Also the cosine of every layer; needs a backward pass.
    pub per_layer: bool,
    /// Write what each token contributes to the cosine; scope `head` only.
    pub contributions: bool,
    /// Whether a beginning token goes before each text.
    pub bos: Bos,
    /// What happens to texts longer than `max_tokens`; windows are not possible here.
    pub long_texts: LongPairs,
    /// Tokens a text may have; the model's context when absent (paper mode: 512).
    #[schemars(range(min = 3), extend("x-unit" = "tokens"))]
    pub max_tokens: Option<usize>,
    /// Only the first so many originals of each file.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Paraphrases that share a smaller part of their words with the original are left out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_word_jaccard: f64,
    /// Paraphrases that compress better than this (bytes over zlib bytes) are left out; above 6 is repetitive.
    #[schemars(range(min = 1.0))]
    pub max_zlib_ratio: Option<f64>,
    /// Paraphrases equal to an earlier one of the same original are left out.
    pub drop_duplicates: bool,
    /// Resamples behind each interval; 0 for none.
    #[schemars(range(max = 100000))]
    pub bootstrap: usize,
    /// `paper` reproduces Paramem's published code.
    pub compat: Compat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scope: Scope::Head,
            combine: Combine::Global,
            per_layer: false,
            contributions: true,
            bos: Bos::Auto,
            long_texts: LongPairs::Truncate,
            max_tokens: None,
            limit: None,
            min_word_jaccard: 0.0,
            max_zlib_ratio: None,
            drop_duplicates: false,
            bootstrap: 1000,
            compat: Compat::Correct,
        }
    }
}

/// What happens to texts that are too long to be compared whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LongPairs {
    /// Only their beginning is used, and they are counted.
    #[default]
    Truncate,
    /// They stop the run.
    Refuse,
}

/// Gradient alignment.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input { name: "model", kind: InputKind::Model, required: true, many: false, about: "The model under study." },
        Input {
            name: "data",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Texts with paraphrases; rows may be labelled as members.",
        },
        Input {
            name: "members",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Members with paraphrases; with `nonmembers`, alignment is measured as a membership score.",
        },
        Input {
            name: "nonmembers",
            kind: InputKind::Data,
            required: false,
            many: false,
            about: "Nonmembers with paraphrases.",
        },
    ],
    check: no_check,
    row_needs: any_row,
    fits: pairs::fits,
    work,
    run,
};

const CARD: Card = Card {
    id: "gradient-alignment",
    group: "pairs",
    title: "Gradient alignment",
    about: "How far a text and its paraphrases pull the parameters in the same direction.",
    formula: "mean over paraphrases x' of cos(g(x'), g(x)), g = gradient of the mean next-token loss; \
        head: G₁·G₂ = sum of the elementwise product of A₁A₂^T and H₁H₂^T",
    conventions: "f32 products, f64 sums. A text's own valid paraphrases are averaged; empty ones and copies of the \
        original are left out and counted; texts without any are left out. The cosine with a zero gradient is \
        undefined. Bands: above 0.7 strong, 0.3 to 0.7 partial, below 0.3 weak. Paper mode: targets two tokens ahead, \
        mean over tensors named embed or lm_head, as many paraphrases for all texts as the first has, the original in \
        place of missing ones (in f32, where the original used bf16).",
    source: "Paramem, definitions 3.1 and 3.3; closed form: Goodfellow 2015, arXiv:1510.01799",
    version: 1,
};

impl Config {
    fn is_paper(&self) -> bool {
        self.compat == Compat::Paper
    }

    fn align_options(&self) -> AlignOptions {
        AlignOptions {
            scope: self.scope,
            combine: self.combine,
            per_layer: self.per_layer,
            contributions: self.contributions,
            shift: if self.is_paper() { 2 } else { 1 },
            by_name: self.is_paper(),
        }
    }

    fn text_options(&self) -> TextOptions {
        let long = if self.long_texts == LongPairs::Refuse { LongTexts::Refuse } else { LongTexts::Truncate };
        let max_tokens = self.max_tokens.or_else(|| self.is_paper().then_some(PAPER_TOKENS));
        TextOptions { bos: self.bos, long, max_tokens, limit: self.limit }
    }

    fn filter(&self) -> Filter {
        Filter {
            min_word_jaccard: self.min_word_jaccard,
            max_zlib_ratio: self.max_zlib_ratio.unwrap_or(f64::INFINITY),
            drop_duplicates: self.drop_duplicates,
            paper: self.is_paper(),
            min_tokens: self.align_options().shift + 1,
        }
    }
}

fn work(config: &Config, amount: &Amount) -> Work {
    // Paraphrases are counted with their originals.
    let tokens = amount.all_tokens();
    let backward = config.scope != Scope::Head || config.per_layer || config.is_paper();
    Work { forward_tokens: tokens, backward_tokens: if backward { tokens } else { 0 }, ..Work::default() }
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let model = cx.model("model")?;
    let sets = pairs::sets(cx)?;
    let qualities = pairs::qualities(cx, &sets, config.limit)?;
    let collected = pairs::collect(model, &sets, &qualities, &config.text_options(), &config.filter())?;
    let options = config.align_options();
    let items = &collected.items;
    let compute = |range: std::ops::Range<usize>| {
        let one = |item: &Item| -> Result<Aligned> {
            let others: Vec<&[u32]> = item.paraphrases.iter().map(|p| p.ids.as_slice()).collect();
            align(&model.decoder, &item.original.ids, &others, &options)
        };
        items[range].iter().map(one).collect()
    };
    // What single tokens contribute goes to the disk as it comes; only the pairs stay.
    let (mut aligned, mut n_pairs) = (Vec::with_capacity(items.len()), 0);
    cx.for_each("align", items.len(), 1, compute, |host, first, mut fresh: Vec<Aligned>| {
        let part = report::contributions_table(model, &items[first..first + fresh.len()], &fresh, n_pairs);
        if part.rows() > 0 {
            host.rows(part)?;
        }
        n_pairs += fresh.iter().map(|aligned| aligned.pairs.len()).sum::<usize>();
        fresh
            .iter_mut()
            .flat_map(|aligned| &mut aligned.pairs)
            .for_each(|pair| pair.contributions = Default::default());
        aligned.extend(fresh);
        Ok(())
    })?;
    let found = report::Found { model, sets: &sets, items, aligned: &aligned };
    let mut report = report::report(config, &found, cx.seed);
    report.notes.splice(0..0, collected.notes);
    if let Some(layers) = options.per_layer.then(|| report::layers(&found)).flatten() {
        report.tables.push(layers.0);
        report.figures.push(layers.1);
    }
    Ok(report)
}
