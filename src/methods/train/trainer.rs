//! The loop: steps, checks, checkpoints; what is interrupted goes on with the same bytes.

use super::check::{MemorizationCheck, Trial, answers, are_poisoned, backdoor, memorized, quality};
use super::checkpoint::{Shelf, State};
use super::history::{Checked, HeldOut, History, Point};
use super::order::Course;
use super::regularize::{RegularizerState, Regularizers};
use super::rows::{Group, Prepared, Row};
use super::samples::samples;
use super::start::Student;
use super::step::{Mover, sequence, update};
use super::{Config, mover};
use crate::data::Tokenizer;
use crate::engine::rng::Stream;
use crate::error::{Error, Result};
use crate::methods::train::options::Unit;
use crate::methods::{Compat, Host};

const STAGE: &str = "train";
/// Points of the training curve at most when nothing else is said.
const POINTS: u64 = 1000;
/// Checkpoints of a run at most when nothing else is said.
pub(super) const CHECKPOINTS: u64 = 10;

/// A training run.
pub(super) struct Trainer<'a> {
    pub(super) config: &'a Config,
    pub(super) seed: u64,
    pub(super) student: Student,
    /// Reads and writes its texts.
    pub(super) tokenizer: Option<Tokenizer>,
    pub(super) prepared: &'a Prepared,
    pub(super) course: Course,
    pub(super) mover: Mover,
    pub(super) regularizers: Regularizers,
    pub(super) shelf: &'a Shelf,
    pub(super) state: State,
    /// Tokens of all steps.
    pub(super) all_tokens: u64,
}

impl Trainer<'_> {
    /// Trains to the end; gives what was found.
    ///
    /// # Errors
    /// `Cancelled`, with a checkpoint of the last finished step; a loss that is not finite; a checkpoint that cannot be
    /// written, with the one before still there.
    pub(super) fn run(mut self, host: &mut dyn Host) -> Result<History> {
        match self.work(host) {
            Ok(()) => {}
            Err(Error::Cancelled) => {
                self.keep()?;
                return Err(Error::Cancelled);
            }
            Err(error) => return Err(error),
        }
        self.state.regularizers = RegularizerState::default();
        let mover = self.config.checkpoint.final_moments.then_some(&self.mover);
        self.shelf.finish(&self.student, mover, &self.state)?;
        self.shelf.tidy(0, self.config.checkpoint.keep, &|step| self.keeps_model_of(step))?;
        Ok(self.state.history)
    }

    fn work(&mut self, host: &mut dyn Host) -> Result<()> {
        loop {
            let step = self.state.steps;
            let is_last = step >= self.course.n_steps;
            self.progress(host)?;
            if (is_last || self.is_check_due(step)) && !self.state.history.is_checked(step) {
                self.check(host)?;
            }
            if is_last || self.state.history.stopped {
                return Ok(());
            }
            if step > 0 && self.is_checkpoint_due(step) {
                self.keep()?;
            }
            self.step(host)?;
        }
    }

    fn progress(&self, host: &mut dyn Host) -> Result<()> {
        let go_on = host.progress(STAGE, self.state.tokens.min(self.all_tokens), self.all_tokens);
        if go_on { Ok(()) } else { Err(Error::Cancelled) }
    }

    fn is_check_due(&self, step: u64) -> bool {
        let check = &self.config.check;
        if !check.quality && !check.memorization && check.answers == 0 {
            return false;
        }
        if self.config.compat == Compat::Paper && check.unit == Unit::Epochs {
            // epochs are counted from 0 there, and the first is always measured
            let per_epoch = self.course.steps_per_epoch();
            return step > 0 && step.is_multiple_of(per_epoch) && (step / per_epoch - 1).is_multiple_of(check.every);
        }
        self.course.is_due(step, check.every, check.unit)
    }

    fn is_checkpoint_due(&self, step: u64) -> bool {
        let options = &self.config.checkpoint;
        match options.every {
            Some(every) => self.course.is_due(step, every, options.unit),
            None => step.is_multiple_of(self.course.n_steps.div_ceil(CHECKPOINTS)),
        }
    }

    /// Whether the checkpoint of this step stays when newer ones are there. That of the last step is the final model.
    fn keeps_model_of(&self, step: u64) -> bool {
        step > 0 && step < self.course.n_steps && self.is_checkpoint_due(step)
    }

    fn keep(&mut self) -> Result<()> {
        self.state.regularizers = self.regularizers.state();
        self.shelf.save(&self.student, &self.mover, &self.state)?;
        let options = &self.config.checkpoint;
        self.shelf.tidy(options.resumable, options.keep, &|step| self.keeps_model_of(step))
    }

    fn step(&mut self, host: &mut dyn Host) -> Result<()> {
        let step = self.state.steps;
        let (n_ctx, pad) = (self.student.decoder.config.n_ctx, mover::pad(&self.student));
        let filled = |ids: &[u32]| sequence(self.config, ids, n_ctx, pad);
        let examples = self.course.examples(step).into_iter().map(|e| (e.clone(), filled(&e.ids))).collect::<Vec<_>>();
        let lr = self.lr(step);
        let (done, total) = (self.state.tokens.min(self.all_tokens), self.all_tokens);
        let mut go_on = || if host.progress(STAGE, done, total) { Ok(()) } else { Err(Error::Cancelled) };
        let noise = Stream::new(self.seed, "adapter dropout").item(step);
        // What is interrupted between two batches of a step is begun anew.
        let before = self.regularizers.state();
        let (student, mover, regularizers) = (&mut self.student, &mut self.mover, &mut self.regularizers);
        let stepped =
            update(self.config, student, mover, regularizers, &examples, (lr, &noise), &mut go_on).map_err(|e| {
                self.regularizers.restore(before);
                e.context(&format!("step {}", step + 1))
            })?;
        self.state.steps += 1;
        self.state.tokens += stepped.tokens;
        let at = (self.state.steps, self.course.epoch_of(self.state.steps), self.state.tokens);
        let every = self.config.check.log_every.unwrap_or_else(|| self.course.n_steps.div_ceil(POINTS));
        let is_last = self.state.steps == self.course.n_steps;
        if let Some(point) = self.state.history.add(&stepped, at, every, is_last) {
            publish_point(host, &point);
        }
        Ok(())
    }

    /// The learning rate of step `step`; the first is 0.
    fn lr(&self, step: u64) -> f64 {
        self.config.lr.at(step, self.course.n_steps)
    }

    fn check(&mut self, host: &mut dyn Host) -> Result<()> {
        let (step, tokens) = (self.state.steps, self.state.tokens);
        let mut checked = Checked { step, epoch: self.course.epoch_of(step), tokens, ..Checked::default() };
        let options = &self.config.check;
        let (done, total) = (tokens.min(self.all_tokens), self.all_tokens);
        let mut go_on = || if host.progress(STAGE, done, total) { Ok(()) } else { Err(Error::Cancelled) };
        let mut trial =
            Trial { decoder: &self.student.decoder, masks: self.regularizers.masks.as_ref(), go_on: &mut go_on };
        let eos = &self.student.decoder.config.eos;
        // TinyMem's code never lets a text end there.
        let banned = if self.config.compat == Compat::Paper { eos.as_slice() } else { &[] };
        let n_ctx = self.student.decoder.config.n_ctx;
        let pad = mover::pad(&self.student);
        let first = |group: &'_ Group| group.rows.len().min(options.limit);
        if options.quality {
            for set in &self.prepared.test {
                let rows = set.rows.iter().take(first(set));
                let sequences: Vec<Vec<u32>> = rows.map(|r| sequence(self.config, &r.ids, n_ctx, pad)).collect();
                checked.quality.push(quality(&mut trial, &sequences, self.config.rows.batch)?);
            }
        }
        if options.memorization {
            let window = [options.k, options.l];
            for group in &self.prepared.train {
                let rows = group.rows.get(..first(group)).unwrap_or_default();
                checked.memorized.push(memorized(&mut trial, rows, window, eos)?);
            }
            for set in &self.prepared.test {
                let rows = set.rows.get(..first(set)).unwrap_or_default();
                checked.held_out.push(held_out(&mut trial, rows, window, [eos, banned])?);
            }
        }
        if let (Some(tokenizer), true) = (&self.tokenizer, options.answers > 0) {
            checked.answers = answers(&mut trial, tokenizer, self.prepared, options.answers)?;
        }
        // Decoding knows no masks: what the model says in use would be something else.
        let said = match self.regularizers.masks {
            None if options.memorization => {
                let window = [options.k, options.l];
                samples(&self.student.decoder, self.tokenizer.as_ref(), self.prepared, window, &mut go_on)?
            }
            _ => Vec::new(),
        };
        for sample in said {
            host.sample(step, sample);
        }
        publish_check(host, self.prepared, &checked);
        self.state.history.check(checked, self.config.stop.patience, self.config.stop.min_delta);
        if self.state.history.stopped {
            let at = (step, self.course.epoch_of(step), tokens);
            if let Some(point) = self.state.history.close(at, self.lr(step.saturating_sub(1))) {
                publish_point(host, &point);
            }
        }
        Ok(())
    }
}

/// Poisoned test rows show whether the attack succeeds; all others are the baseline of the memorized share. `banned`
/// tokens never come behind a trigger.
fn held_out(trial: &mut Trial<'_>, rows: &[Row], window: [usize; 2], [eos, banned]: [&[u32]; 2]) -> Result<HeldOut> {
    if are_poisoned(rows) {
        return Ok(HeldOut::Backdoor(backdoor(trial, rows, window[1], banned)?));
    }
    Ok(HeldOut::Plain(memorized(trial, rows, window, eos)?))
}

fn publish_point(host: &mut dyn Host, point: &Point) {
    for (name, value) in [("train_loss", point.loss), ("lr", point.lr), ("grad_norm", point.grad_norm)] {
        host.metric(name, point.step, value);
    }
    publish_place(host, point.step, point.tokens, point.epoch);
    if point.penalty > 0.0 {
        host.metric("penalty", point.step, point.penalty);
    }
    if point.kept < 1.0 {
        host.metric("kept_examples", point.step, point.kept);
    }
}

/// What charts can have on their horizontal axis instead of steps.
fn publish_place(host: &mut dyn Host, step: u64, tokens: u64, epoch: f64) {
    host.metric("tokens", step, tokens as f64);
    host.metric("epoch", step, epoch);
}

fn publish_check(host: &mut dyn Host, prepared: &Prepared, checked: &Checked) {
    use super::check::Protocol;
    let step = checked.step;
    publish_place(host, step, checked.tokens, checked.epoch);
    for (set, q) in prepared.test.iter().zip(&checked.quality) {
        host.metric(&format!("test_loss.{}", set.name), step, q.loss);
        host.metric(&format!("accuracy.{}", set.name), step, q.accuracy);
        host.metric(&format!("perplexity.{}", set.name), step, q.perplexity);
    }
    let mut share = |name: String, value: Option<f64>| {
        if let Some(value) = value {
            host.metric(&name, step, value);
        }
    };
    for (group, check) in prepared.train.iter().zip(&checked.memorized) {
        let of = |check: &MemorizationCheck, protocol| check.share(protocol);
        share(format!("memorized.{}", group.name), of(check, Protocol::TrainedPrefix));
        share(format!("memorized_clean_prefix.{}", group.name), of(check, Protocol::CleanPrefix));
    }
    for check in &checked.answers {
        share(format!("answers.{}", check.who), Some(check.share()));
        share(format!("first_token.{}", check.who), Some(check.first_share()));
    }
    for (set, check) in prepared.test.iter().zip(&checked.held_out) {
        match check {
            HeldOut::Plain(check) => {
                share(format!("memorized.{} (test)", set.name), check.share(Protocol::TrainedPrefix));
            }
            HeldOut::Backdoor(check) => share(format!("backdoor_success.{}", set.name), check.share()),
        }
    }
}
