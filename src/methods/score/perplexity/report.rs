//! Numbers, tables and figures of perplexity.

use super::{CARD, Scored, Total};
use crate::data::Dataset;
use crate::figures::{Axis, Figure, Mark, Series};
use crate::methods::common::correlation::mean;
use crate::methods::common::histogram::{Histogram, range};
use crate::methods::common::tables::{caption, float, int, scalar, some_int, text};
use crate::methods::common::texts::Text;
use crate::methods::{LoadedModel, Report, Scalar, Table};

const BINS: usize = 40;

pub(super) fn report(model: &LoadedModel, data: &Dataset, texts: &[Text], totals: &[Total]) -> Report {
    let bytes: Vec<Option<usize>> = texts.iter().map(|t| predicted_bytes(model, t)).collect();
    Report {
        scalars: scalars(totals, &bytes),
        tables: vec![texts_table(data, texts, totals, &bytes)],
        figures: vec![losses_figure(totals)],
        notes: Vec::new(),
        ..Report::default()
    }
}

/// Bytes of the text that the predicted tokens cover; `None` when token ids cannot be spelled.
fn predicted_bytes(model: &LoadedModel, text: &Text) -> Option<usize> {
    if let (Some(first), Some(last)) = (text.spans.get(1), text.spans.last()) {
        return Some(last.end.saturating_sub(first.start));
    }
    let tokenizer = model.tokenizer.as_ref()?;
    text.ids.iter().skip(1).map(|id| tokenizer.token_bytes(*id).map(|b| b.len())).sum()
}

fn scalars(totals: &[Total], bytes: &[Option<usize>]) -> Vec<Scalar> {
    let n = totals.len();
    let n_tokens: usize = totals.iter().map(|t| t.n_tokens).sum();
    let nll: f64 = totals.iter().map(|t| t.nll).sum();
    let losses: Vec<f64> = totals.iter().map(Total::loss).collect();
    let perplexities: Vec<f64> = losses.iter().map(|l| l.exp()).collect();
    let n_bytes: Option<usize> = bytes.iter().copied().sum();
    let bits = n_bytes.filter(|b| *b > 0).map(|b| nll / std::f64::consts::LN_2 / b as f64);
    let token_mean = nll / n_tokens as f64;
    let unspelled = "without a tokenizer, rows of token ids have no bytes";
    vec![
        scalar("perplexity.corpus", "Perplexity, token-weighted", "", Some(token_mean.exp()), n, "too large"),
        scalar("perplexity.mean_of_texts", "Perplexity, mean of texts", "", mean(&perplexities), n, "too large"),
        scalar("loss.token_mean", "Loss, mean of tokens", "nats/token", Some(token_mean), n, ""),
        scalar("loss.example_mean", "Loss, mean of texts", "nats/token", mean(&losses), n, ""),
        scalar("bits_per_byte", "Bits per byte", "bit/byte", bits, n, unspelled),
        scalar("n_tokens", "Predicted tokens", "tokens", Some(n_tokens as f64), n, ""),
    ]
}

fn texts_table(data: &Dataset, texts: &[Text], totals: &[Total], bytes: &[Option<usize>]) -> Table {
    let bits = totals.iter().zip(bytes).map(|(t, b)| Some(t.nll / std::f64::consts::LN_2 / (*b)? as f64));
    let of = |f: fn(&crate::data::Record) -> Option<String>| {
        texts.iter().map(move |t| data.records.get(t.index).and_then(f).unwrap_or_default())
    };
    let columns = vec![
        int("row", "", "Row in the file, from 0.", texts.iter().map(|t| t.row)),
        text("id", "The row's own name.", of(|r| r.id.clone())),
        text("source", "Where the row came from.", of(|r| r.source.clone())),
        int("n_tokens", "tokens", "Predicted tokens.", totals.iter().map(|t| t.n_tokens)),
        float("nll", "nats", "Negative log-likelihood.", totals.iter().map(|t| Some(t.nll))),
        float("loss", "nats/token", "Mean over the predicted tokens.", totals.iter().map(|t| Some(t.loss()))),
        float("perplexity", "", "exp(loss).", totals.iter().map(|t| Some(t.loss().exp()))),
        float("bits_per_byte", "bit/byte", "Over the bytes of the predicted tokens.", bits),
        int("n_cut", "tokens", "Tokens cut off.", texts.iter().map(|t| t.n_cut)),
        text("text", "The text; empty for rows of token ids.", of(|r| r.text.clone())),
    ];
    Table { id: "texts".to_owned(), title: "Perplexity of each text".to_owned(), columns, parquet: false }
}

/// What the model says about every predicted token of some texts.
pub(super) fn tokens_table(model: &LoadedModel, texts: &[Text], scored: &[Scored]) -> Table {
    let rows = || texts.iter().zip(scored).flat_map(|(t, s)| (0..s.log_probs.len()).map(move |i| (t, s, i)));
    let spelled = |id: u32| {
        let bytes = model.tokenizer.as_ref().and_then(|t| t.token_bytes(id)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let byte = |t: &Text, i: usize| t.spans.get(i + 1).map(|s| s.start);
    let columns = vec![
        int("row", "", "Row in the file, from 0.", rows().map(|(t, ..)| t.row)),
        int(
            "position",
            "tokens",
            "Place in the sequence; 0, the first, is never predicted.",
            rows().map(|(.., i)| i + 1),
        ),
        int("token_id", "", "The token.", rows().map(|(t, _, i)| t.ids[i + 1] as usize)),
        text(
            "token",
            "Its text; bytes that are no characters become �.",
            rows().map(|(t, _, i)| spelled(t.ids[i + 1])),
        ),
        some_int("byte", "byte", "Where it begins in the text.", rows().map(|(t, _, i)| byte(t, i))),
        float("log_prob", "nats", "ln p(token | tokens before).", rows().map(|(_, s, i)| s.log_probs.get(i).copied())),
        some_int(
            "rank",
            "",
            "Tokens that are more likely; 0 is the most likely.",
            rows().map(|(_, s, i)| s.ranks.get(i).map(|r| *r as usize)),
        ),
        float("entropy", "nats", "Entropy of the prediction.", rows().map(|(_, s, i)| s.entropies.get(i).copied())),
    ];
    Table { id: "tokens".to_owned(), title: "Every token".to_owned(), columns, parquet: true }
}

fn losses_figure(totals: &[Total]) -> Figure {
    let losses: Vec<f64> = totals.iter().map(Total::loss).collect();
    let [low, high] = range(losses.iter().copied()).unwrap_or([0.0, 1.0]);
    let histogram = Histogram::new(&losses, low, high, BINS.min(losses.len().max(1)));
    let heights = histogram.shares();
    let rows = histogram.rows("texts", losses.iter().copied().enumerate());
    let mark = Mark::Histogram { edges: histogram.edges, heights };
    Figure {
        id: "losses".to_owned(),
        title: "Loss of the texts".to_owned(),
        x: Axis { label: "loss".to_owned(), unit: "nats/token".to_owned(), ..Axis::default() },
        y: Axis { label: "share of texts".to_owned(), ..Axis::default() },
        series: vec![Series { name: String::new(), color: 0, mark, rows }],
        caption: caption(&CARD, "Mean loss of each text;", totals.len()),
    }
}
