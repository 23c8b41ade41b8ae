//! What the model says next, with the masks of example-tied dropout where there are any.

use crate::engine::score::score_tapped;
use crate::engine::{Batch, Decoder, NoTap, TokenScore, Want};
use crate::error::Result;
use crate::methods::train::regularize::dropout::TiedMasks;

/// Tokens that go through the model together.
const TOKENS_AT_ONCE: usize = 2048;

/// A model on trial.
pub(in crate::methods::train) struct Trial<'a> {
    pub(in crate::methods::train) decoder: &'a Decoder,
    pub(in crate::methods::train) masks: Option<&'a TiedMasks>,
    /// Asked between batches; fails when the user wants to stop.
    pub(in crate::methods::train) go_on: &'a mut dyn FnMut() -> Result<()>,
}

/// A sequence, and the first of its tokens that is to be predicted.
pub(super) struct Question {
    pub(super) ids: Vec<u32>,
    pub(super) from: usize,
}

impl Trial<'_> {
    /// Scores of the tokens from `from` on, each given all before it.
    pub(super) fn ask(&mut self, questions: &[Question], want: Want) -> Result<Vec<Vec<TokenScore>>> {
        let mut answers = Vec::with_capacity(questions.len());
        let mut start = 0;
        while start < questions.len() {
            (self.go_on)()?;
            let mut tokens = 0;
            let fits = |q: &&Question| {
                tokens += q.ids.len();
                tokens <= TOKENS_AT_ONCE
            };
            let rest = questions.get(start..).unwrap_or_default();
            let n = rest.iter().take_while(fits).count().max(1);
            answers.extend(self.ask_together(rest.get(..n).unwrap_or_default(), want)?);
            start += n;
        }
        Ok(answers)
    }

    /// The continuation of each prompt is the given one under greedy decoding: whether every token is the likeliest,
    /// those of `forbidden` aside.
    pub(super) fn reproduces(&mut self, questions: &[Question], forbidden: &[u32]) -> Result<Vec<bool>> {
        let top = if forbidden.is_empty() { 0 } else { forbidden.len() + 1 };
        let answers = self.ask(questions, Want { top, ..Want::default() })?;
        let choice = |score: &TokenScore| {
            let allowed = score.top.iter().map(|(token, _)| *token).find(|token| !forbidden.contains(token));
            if forbidden.is_empty() { Some(score.argmax) } else { allowed }
        };
        let all = |(question, scores): (&Question, &Vec<TokenScore>)| {
            let truth = question.ids.get(question.from..).unwrap_or_default();
            scores.len() == truth.len() && scores.iter().zip(truth).all(|(score, id)| choice(score) == Some(*id))
        };
        Ok(questions.iter().zip(&answers).map(all).collect())
    }

    fn ask_together(&mut self, questions: &[Question], want: Want) -> Result<Vec<Vec<TokenScore>>> {
        match self.masks {
            Some(masks) if masks.depends_on_length() => self.ask_growing(questions, want),
            _ => {
                let ids: Vec<&[u32]> = questions.iter().map(|q| q.ids.as_slice()).collect();
                let from: Vec<usize> = questions.iter().map(|q| q.from).collect();
                self.score(&ids, &from, want)
            }
        }
    }

    /// Where what is before the end depends on where the end is: each token from a sequence that ends before it.
    fn ask_growing(&mut self, questions: &[Question], want: Want) -> Result<Vec<Vec<TokenScore>>> {
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            (self.go_on)()?;
            let mut scores = Vec::new();
            for at in question.from..question.ids.len() {
                // the token that is predicted comes along, but nothing sees it
                let ids = question.ids.get(..=at).unwrap_or_default();
                let prefix = self.score_ends(&[ids], want)?;
                scores.extend(prefix);
            }
            answers.push(scores);
        }
        Ok(answers)
    }

    /// The last token of each sequence, from a sequence without it.
    fn score_ends(&self, sequences: &[&[u32]], want: Want) -> Result<Vec<TokenScore>> {
        let prefixes: Vec<&[u32]> =
            sequences.iter().map(|ids| ids.split_last().map_or(&[][..], |(_, rest)| rest)).collect();
        let mut batch = Batch::causal(&prefixes);
        batch.weights.fill(0.0);
        let offsets = batch.offsets.clone();
        for (rows, ids) in offsets.iter().zip(sequences) {
            let last = rows.end.saturating_sub(1);
            if let (Some(target), Some(weight), Some(id)) =
                (batch.targets.get_mut(last), batch.weights.get_mut(last), ids.last())
            {
                (*target, *weight) = (*id, 1.0);
            }
        }
        Ok(self.run(&batch, want)?.into_iter().flatten().collect())
    }

    fn score(&self, ids: &[&[u32]], from: &[usize], want: Want) -> Result<Vec<Vec<TokenScore>>> {
        let mut batch = Batch::causal(ids);
        let offsets = batch.offsets.clone();
        for (rows, from) in offsets.iter().zip(from) {
            // row p predicts token p + 1
            let own = batch.weights.get_mut(rows).unwrap_or_default();
            own.iter_mut().take(from.saturating_sub(1)).for_each(|w| *w = 0.0);
        }
        self.run(&batch, want)
    }

    fn run(&self, batch: &Batch, want: Want) -> Result<Vec<Vec<TokenScore>>> {
        match self.masks {
            Some(masks) => score_tapped(self.decoder, batch, want, &mut masks.use_tap(&batch.offsets)),
            None => score_tapped(self.decoder, batch, want, &mut NoTap),
        }
    }
}
