//! Training again on a part of the texts to forget: how soon the rest comes back, which it does not see.
//!
//! AdamW without decay at a constant learning rate, all parameters, batches of the part in shuffled passes, loss the
//! mean over their predicted tokens. Looked at after 0, 1, 2, 4, … steps and at the end. A model that never saw the
//! texts (`reference`) goes the same way, where there is one: what it relearns was never known.
//! Source: Hu et al. 2024, arXiv:2406.13356; Lynch et al. 2024, arXiv:2402.16835, section 4.

use serde::{Deserialize, Serialize};

use super::quick::{Quick, look};
use crate::engine::loss::loss_gradient;
use crate::engine::model::Keep;
use crate::engine::rng::Stream;
use crate::engine::sinks::SumGrads;
use crate::engine::train::{Optimizer, Rule};
use crate::engine::{Decoder, NoTap};
use crate::error::{Error, Result};
use crate::methods::unlearn::config::Config;
use crate::methods::unlearn::job::{finite, token_mean};
use crate::methods::unlearn::sets::{Item, Sets};
use crate::methods::{Context, LoadedModel};

/// What a check sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Check {
    /// What is trained on.
    pub(super) part: Quick,
    /// The other texts to forget.
    pub(super) rest: Quick,
    pub(super) retain: Quick,
}

/// The way of one model.
pub(super) struct Course {
    pub(super) name: String,
    /// By number of steps.
    pub(super) checks: Vec<(usize, Check)>,
}

/// All ways.
pub(in crate::methods::unlearn) struct Relearning {
    /// Texts that are trained on, and the others.
    pub(super) n: [usize; 2],
    /// The model before the edit, untrained.
    pub(super) before: Check,
    /// The edited model, and the reference.
    pub(super) courses: Vec<Course>,
}

impl Relearning {
    /// Steps after which the edited model reproduces half as many texts of the rest as the model before did; absent
    /// where that did not happen, or where there was nothing to reproduce.
    pub(super) fn recovered(&self) -> Option<usize> {
        let wanted = self.before.rest.exact.filter(|x| *x > 0.0)? / 2.0;
        let checks = &self.courses.first()?.checks;
        checks.iter().find(|(_, check)| check.rest.exact.is_some_and(|x| x >= wanted)).map(|(step, _)| *step)
    }
}

/// The texts that are trained on, and the others.
struct Split<'s> {
    part: Vec<&'s Item>,
    rest: Vec<&'s Item>,
}

fn split<'s>(sets: &'s Sets<'_>, share: f64, seed: u64) -> Result<Split<'s>> {
    let n = sets.forget.len();
    if n < 2 {
        return Err(Error::config(
            "robustness: relearning needs two texts to forget, one to train on and one to look at",
        )
        .hint("give more texts, or leave `relearning` out of robustness.attacks"));
    }
    let mut order: Vec<usize> = (0..n).collect();
    Stream::new(seed, "unlearn relearning").shuffle(&mut order);
    let k = ((n as f64 * share).ceil() as usize).clamp(1, n - 1);
    let (part, rest) = order.split_at(k);
    let of = |list: &[usize]| list.iter().map(|i| &sets.forget[*i]).collect();
    Ok(Split { part: of(part), rest: of(rest) })
}

pub(super) fn run(
    config: &Config,
    cx: &mut Context<'_>,
    base: &LoadedModel,
    edited: &Decoder,
    sets: &Sets<'_>,
) -> Result<Relearning> {
    let split = split(sets, config.robustness.relearn_share, cx.seed)?;
    let look_at = |model: &Decoder| check(config, model, &split, sets);
    let before = cx.map("before: relearning", 1, 1, |_| Ok(vec![look_at(&base.decoder)?]))?;
    let mut courses =
        vec![Course { name: "edited".to_owned(), checks: course(config, cx, edited, &split, sets, "after")? }];
    if let Some(reference) = cx.models("reference").first() {
        let checks = course(config, cx, &reference.decoder, &split, sets, "reference")?;
        courses.push(Course { name: "never seen".to_owned(), checks });
    }
    let n = [split.part.len(), split.rest.len()];
    Ok(Relearning { n, before: before.first().copied().unwrap_or_default(), courses })
}

fn check(config: &Config, model: &Decoder, split: &Split<'_>, sets: &Sets<'_>) -> Result<Check> {
    let retain: Vec<&Item> = sets.retain.iter().collect();
    Ok(Check {
        part: look(config, model, &split.part)?,
        rest: look(config, model, &split.rest)?,
        retain: look(config, model, &retain)?,
    })
}

fn course(
    config: &Config,
    cx: &mut Context<'_>,
    model: &Decoder,
    split: &Split<'_>,
    sets: &Sets<'_>,
    when: &str,
) -> Result<Vec<(usize, Check)>> {
    let last = config.robustness.relearn_steps;
    let mut pupil = Pupil::new(model, config, split, cx.seed)?;
    let found = cx.map(&format!("{when}: relearning"), last + 1, 1, |range| {
        // After an interruption the steps before are taken again.
        while pupil.steps < range.start {
            pupil.step()?;
        }
        let is_check = range.start == 0 || range.start.is_power_of_two() || range.start == last;
        Ok(vec![if is_check { Some(check(config, &pupil.model, split, sets)?) } else { None }])
    })?;
    Ok(found.into_iter().enumerate().filter_map(|(step, check)| Some((step, check?))).collect())
}

/// A copy that learns again.
struct Pupil<'s> {
    model: Decoder,
    optimizer: Optimizer,
    part: &'s [&'s Item],
    stream: Stream,
    batch: usize,
    lr: f64,
    steps: usize,
}

impl<'s> Pupil<'s> {
    fn new(model: &Decoder, config: &Config, split: &'s Split<'s>, seed: u64) -> Result<Self> {
        let options = &config.robustness;
        let model = model.shared();
        Ok(Self {
            optimizer: Optimizer::new(Rule::adam_w(0.0), &model, &|_| true)?,
            model,
            part: &split.part,
            stream: Stream::new(seed, "unlearn relearning order"),
            batch: options.relearn_batch.min(split.part.len()),
            lr: options.relearn_lr,
            steps: 0,
        })
    }

    fn step(&mut self) -> Result<()> {
        let n = self.part.len();
        // Text number i of all passes together.
        let text = |i: usize| {
            let mut order: Vec<usize> = (0..n).collect();
            self.stream.item((i / n) as u64).shuffle(&mut order);
            self.part[order[i % n]]
        };
        let first = self.steps * self.batch;
        let items: Vec<&Item> = (first..first + self.batch).map(text).collect();
        let mut sums = SumGrads::new(&self.model, &|_| true)?;
        let loss = loss_gradient(&self.model, &token_mean(&items), &mut sums, &mut NoTap, Keep::All)?;
        finite(loss.total)?;
        let gradients = sums.into_gradients();
        self.optimizer.step(&mut self.model, &gradients, self.lr)?;
        self.steps += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_rest_is_recovery() {
        let at = |exact: f64| Check { rest: Quick { exact: Some(exact), ..Quick::default() }, ..Check::default() };
        let relearning = |before: f64, after: [f64; 4]| Relearning {
            n: [1, 9],
            before: at(before),
            courses: vec![Course {
                name: "edited".to_owned(),
                checks: [0, 1, 2, 4].into_iter().zip(after.map(at)).collect(),
            }],
        };
        assert_eq!(relearning(0.8, [0.0, 0.3, 0.4, 0.8]).recovered(), Some(2));
        assert_eq!(relearning(0.8, [0.0, 0.1, 0.2, 0.3]).recovered(), None);
        assert_eq!(relearning(0.0, [0.0, 0.1, 0.2, 0.3]).recovered(), None, "nothing was known");
    }
}
