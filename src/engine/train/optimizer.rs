//! AdamW, and SGD with momentum, as in torch.optim.
//!
//! AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2): decay acts on the weights and not on the
//! gradient. SGD's decay is added to the gradient, as torch does.

use std::sync::Arc;

use crate::buffer::Reuse;
use crate::error::{Error, Result};
use crate::kernels::Update;
use crate::model::{Decoder, ParamId, Weight};
use crate::tensor::Tensor;

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Step m̂/(√v̂ + eps) with the bias-corrected moving averages m and v of g and g²; w is first scaled by
    /// 1 − lr·`weight_decay`.
    AdamW { betas: [f64; 2], eps: f64, weight_decay: f64 },
    /// Step g + `weight_decay`·w, or its running sum with factor `momentum`.
    Sgd { momentum: f64, nesterov: bool, weight_decay: f64 },
}

impl Rule {
    /// AdamW with the defaults of torch and this decay.
    pub fn adam_w(weight_decay: f64) -> Self {
        Self::AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay }
    }

    /// Refuses numbers that cannot be meant.
    fn check(self) -> Result<()> {
        let (factors, decay, eps) = match self {
            Self::AdamW { betas, eps, weight_decay } => (betas, weight_decay, eps),
            Self::Sgd { momentum, weight_decay, .. } => ([momentum, momentum], weight_decay, 1.0),
        };
        let good = factors.iter().all(|b| (0.0..1.0).contains(b)) && decay.is_finite() && eps.is_finite() && eps >= 0.0;
        if good { Ok(()) } else { Err(Error::config(format!("{self:?} cannot be: betas and momentum lie in [0, 1)"))) }
    }

    /// The names of what it keeps for each parameter, as in torch.
    pub(super) fn moments(self) -> &'static [&'static str] {
        match self {
            Self::AdamW { .. } => &["exp_avg", "exp_avg_sq"],
            Self::Sgd { momentum, .. } if momentum != 0.0 => &["momentum_buffer"],
            Self::Sgd { .. } => &[],
        }
    }

    /// The step number `steps` (the first is 1) with learning rate `lr`.
    fn update(self, steps: u64, lr: f64, decays: bool) -> Update {
        let decay = |weight_decay| if decays { weight_decay } else { 0.0 };
        match self {
            Self::AdamW { betas: [b1, b2], eps, weight_decay } => Update::AdamW {
                betas: [b1, b2],
                eps,
                keep: 1.0 - lr * decay(weight_decay),
                rate: lr / (1.0 - b1.powf(steps as f64)),
                root: (1.0 - b2.powf(steps as f64)).sqrt(),
            },
            Self::Sgd { momentum, nesterov, weight_decay } => {
                Update::Sgd { momentum, nesterov, decay: decay(weight_decay), rate: lr }
            }
        }
    }
}

/// What is kept for one parameter.
pub(super) struct Slot {
    pub(super) id: ParamId,
    decays: bool,
    /// Steps taken.
    pub(super) steps: u64,
    /// As [`Rule::moments`] names them, in the shape of the parameter.
    pub(super) moments: Vec<Tensor>,
}

/// Moves parameters along their gradients and keeps what it needs between steps.
pub struct Optimizer {
    pub(super) rule: Rule,
    /// One a trained parameter, by ascending id.
    pub(super) slots: Vec<Slot>,
    /// Each step asks for the memory that the last one gave back.
    _reuse: Reuse,
}

impl Optimizer {
    /// For the parameters that `wants` names; all of them decay. Moments are zeros.
    ///
    /// # Errors
    /// `Config` for numbers that no optimizer can have, `Device` when a card has no memory left.
    pub fn new(rule: Rule, model: &Decoder, wants: &dyn Fn(ParamId) -> bool) -> Result<Self> {
        rule.check()?;
        let slot = |(id, w): (ParamId, &Weight)| {
            let moments = rule.moments().iter().map(|_| model.kernels.zeros(&w.shape, false));
            Ok(Slot { id, decays: true, steps: 0, moments: moments.collect::<Result<_>>()? })
        };
        let slots = model.params.iter().filter(|(id, _)| wants(*id)).map(slot).collect::<Result<_>>()?;
        Ok(Self { rule, slots, _reuse: Reuse::begin() })
    }

    /// Lets only the parameters that `decays` names decay; many recipes leave out vectors.
    #[must_use]
    pub fn decaying(mut self, decays: &dyn Fn(ParamId) -> bool) -> Self {
        self.slots.iter_mut().for_each(|slot| slot.decays = decays(slot.id));
        self
    }

    /// The rule it follows.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Goes on with another rule of the same kind, such as another decay; what is kept stays.
    ///
    /// # Errors
    /// `Config` for a rule that keeps other things.
    pub fn set_rule(&mut self, rule: Rule) -> Result<()> {
        rule.check()?;
        if rule.moments() != self.rule.moments() {
            return Err(Error::config(format!("the state of {:?} cannot go on with {rule:?}", self.rule))
                .hint("start with a fresh optimizer, or keep the kind of optimizer"));
        }
        self.rule = rule;
        Ok(())
    }

    /// One step with learning rate `lr`. Parameters without a gradient stay as they are, as in torch.
    ///
    /// # Errors
    /// `Bug` for a gradient of a parameter that is not trained, `Device` when the card fails.
    pub fn step(&mut self, model: &mut Decoder, gradients: &[(ParamId, Tensor)], lr: f64) -> Result<()> {
        let kernels = Arc::clone(&model.kernels);
        for (id, gradient) in gradients {
            let weight = model.params.get_mut(*id);
            let found = self.slots.binary_search_by_key(id, |slot| slot.id).ok();
            let Some(slot) = found.and_then(|i| self.slots.get_mut(i)) else {
                return Err(Error::bug(format!("{} has a gradient but is not trained", weight.name)));
            };
            slot.steps += 1;
            let update = self.rule.update(slot.steps, lr, slot.decays);
            kernels.update(weight, &mut slot.moments, gradient, &update)?;
        }
        Ok(())
    }
}
