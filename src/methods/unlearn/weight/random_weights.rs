//! Random weights: the control that a localization has to beat at the same ratio.
//!
//! Every weight of the feed-forward matrices gets a uniform score from a stream of the experiment's seed, so that a
//! larger ratio removes a superset.

use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::mlp;
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Knobs, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "random-weights",
    title: "Random weights",
    about: "removes weights by chance: what a localization has to beat at the same ratio",
    formula: "score = U(0, 1); exactly floor(numel·r) weights of each feed-forward matrix",
    source: "control; the published code has none",
    paper: "",
    knobs: &[("ratio", 0.01)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&RandomWeights),
};

struct RandomWeights;

impl Localize for RandomWeights {
    fn kind(&self) -> Kind {
        Kind::Weight
    }

    fn passes(&self, _: &Knobs, _: &Size) -> Result<Passes> {
        Ok(Passes::default())
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let stream = job.stream("random weights");
        let score = |id| {
            let w = job.model.params.get(id);
            let mut own = stream.item(u64::from(id.0));
            let values = (0..w.len()).map(|_| own.uniform() as f32).collect();
            Scored { name: w.name.clone(), shape: w.shape.clone(), values }
        };
        Ok(mlp::matrices(&job.model).into_iter().map(score).collect())
    }
}
