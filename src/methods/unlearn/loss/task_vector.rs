//! Task vector: the model moves away from one that was tuned on the texts to forget.
//!
//! θ' = θ − α(θ_tuned − θ).
//! Source: Ilharco et al. 2023, arXiv:2212.04089, section 4.

use crate::error::{Error, Result};
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{Edit, How, Knobs, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "task-vector",
    title: "Task vector",
    about: "moves the model away from one, given as `tuned`, that was tuned on the texts to forget",
    formula: "θ' = θ − α(θ_tuned − θ)",
    source: "Ilharco et al. 2023, arXiv:2212.04089, section 4",
    paper: "",
    knobs: &[("alpha", 1.0)],
    retain: Need::No,
    answers: Need::No,
    how: How::Edit(&TaskVector),
};

struct TaskVector;

impl Edit for TaskVector {
    fn edit(&self, job: &mut Job<'_, '_>, _: f64) -> Result<()> {
        let Some(tuned) = job.cx.models("tuned").first() else {
            return Err(Error::config("tuned: `task-vector` needs a model that was tuned on the texts to forget")
                .hint("give the input `tuned`; `memoscope train` makes one"));
        };
        let alpha = job.knobs.get("alpha")?;
        for other in tuned.decoder.params.iter().map(|(_, w)| w) {
            let id = job.model.params.find(&other.name);
            let own = id.filter(|id| job.model.params.get(*id).shape == other.shape).ok_or_else(|| {
                Error::data(format!(
                    "{} is another model: {} {:?} is not in {}",
                    tuned.name, other.name, other.shape, job.base.name
                ))
                .hint("give a model that was tuned from this one")
                .at(&tuned.path)
            })?;
            let values = job.model.params.get_mut(own).values_mut();
            for (x, tuned) in values.iter_mut().zip(other.values().iter()) {
                let wide = f64::from(*x);
                *x = (wide - alpha * (f64::from(*tuned) - wide)) as f32;
            }
        }
        Ok(())
    }

    fn passes(&self, _: &Knobs, _: &Size, _: f64) -> Result<Passes> {
        Ok(Passes::default())
    }
}
