//! No change of its own: puts edits of earlier runs on the model, in order, and measures what they do together.

use crate::error::Result;
use crate::methods::unlearn::cost::{Passes, Size};
use crate::methods::unlearn::job::Job;
use crate::methods::unlearn::technique::{Edit, How, Knobs, Need, Technique};

pub(super) static TECHNIQUE: Technique = Technique {
    id: "none",
    title: "Apply edits",
    about: "changes nothing by itself: puts the edits named in `apply` on the model and measures them",
    formula: "θ' = edits in order on θ",
    source: "Memoscope",
    paper: "",
    knobs: &[],
    retain: Need::No,
    answers: Need::No,
    how: How::Edit(&Nothing),
};

struct Nothing;

impl Edit for Nothing {
    fn edit(&self, _: &mut Job<'_, '_>, _: f64) -> Result<()> {
        Ok(())
    }

    fn passes(&self, _: &Knobs, _: &Size, _: f64) -> Result<Passes> {
        Ok(Passes::default())
    }
}
