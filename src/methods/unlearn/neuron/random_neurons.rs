//! Random neurons: the control that a localization has to beat at the same ratio.

use super::scored;
use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::scores::{Kind, Scored};
use crate::methods::unlearn::technique::{How, Knobs, Localize, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "random-neurons",
    title: "Random neurons",
    about: "removes hidden units by chance: what a localization has to beat at the same ratio",
    formula: "score = U(0, 1), k of each layer",
    source: "control; the published code has none",
    paper: "",
    knobs: &[("ratio", 0.01)],
    retain: Need::No,
    answers: Need::No,
    how: How::Localize(&RandomNeurons),
};

struct RandomNeurons;

impl Localize for RandomNeurons {
    fn kind(&self) -> Kind {
        Kind::Neuron
    }

    fn passes(&self, _: &Knobs, _: &Size) -> Result<Passes> {
        Ok(Passes::default())
    }

    fn scores(&self, job: &mut Job<'_, '_>) -> Result<Vec<Scored>> {
        let (stream, d_ff) = (job.stream("random neurons"), job.model.config.d_ff);
        let layer = |layer: usize| {
            let mut own = stream.item(layer as u64);
            (0..d_ff).map(|_| own.uniform()).collect()
        };
        Ok(scored((0..job.model.config.n_layer).map(layer).collect()))
    }
}
