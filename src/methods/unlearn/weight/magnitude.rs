//! Magnitude: the largest weights, whatever the texts: a control.

use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Knobs, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "magnitude",
    title: "Magnitude",
    about: "removes the largest weights, whatever the texts: a control",
    formula: "score = |w|, in each feed-forward matrix",
    source: "control; the published code has none",
    paper: "",
    knobs: &[("ratio", 0.01)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&Magnitude),
};

struct Magnitude;

impl Localize for Magnitude {
    fn kind(&self) -> Kind {
        Kind::Weight
    }

    fn passes(&self, _: &Knobs, _: &Size) -> Result<Passes> {
        Ok(Passes::default())
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let score = |id| {
            let w = job.model.params.get(id);
            Scored {
                name: w.name.clone(),
                shape: w.shape.clone(),
                values: w.values().iter().map(|x| x.abs()).collect(),
            }
        };
        Ok(mlp::matrices(&job.model).into_iter().map(score).collect())
    }
}
