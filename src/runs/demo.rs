//! The study that needs nothing from outside: people are made up, a model learns half of them, and everything that the
//! program can do is done with it.

use serde_json::{Value, json};

use super::Experiment;
use crate::error::{Error, Result};

const DEMO: &str = include_str!("../../assets/demo/experiment.json");

/// The experiment of the demo study; `is_fast` makes it small enough to see that everything works, and too small for
/// interesting numbers.
///
/// # Errors
/// `Bug` when the embedded file is no experiment.
pub fn demo(is_fast: bool) -> Result<Experiment> {
    let mut value: Value = serde_json::from_str(DEMO).map_err(|e| Error::bug(format!("the demo study: {e}")))?;
    if is_fast {
        shrink(&mut value);
    }
    Experiment::from_value(value, std::path::Path::new(""))
}

fn shrink(value: &mut Value) {
    let put = |value: &mut Value, path: &str, small: Value| {
        if let Some(place) = value.pointer_mut(path) {
            *place = small;
        }
    };
    for set in ["training", "members", "nonmembers", "people", "forget", "retain"] {
        put(value, &format!("/data/{set}/make/bios/people"), json!(40));
        put(value, &format!("/data/{set}/make/bios/members"), json!(20));
        put(value, &format!("/data/{set}/make/bios/question_people"), json!(10));
    }
    put(value, "/steps/0/config/fresh", json!({"n_layer": 2, "n_head": 2, "d_model": 32}));
    put(value, "/steps/0/config/length/epochs", json!(2));
    let last = value.pointer("/steps").and_then(Value::as_array).map_or(0, Vec::len).saturating_sub(1);
    put(value, &format!("/steps/{last}/config/steps"), json!(5));
    for (field, small) in [("lanczos_steps", 4), ("max_products", 4), ("probes", 2)] {
        put(value, &format!("/steps/{}/config/{field}", last.saturating_sub(1)), json!(small));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_study_is_an_experiment_without_problems() {
        for is_fast in [false, true] {
            let demo = demo(is_fast).unwrap();
            assert_eq!(demo.problems(), [], "fast: {is_fast}");
            assert!(demo.steps.len() > 5 && demo.model.is_none());
        }
        assert_ne!(demo(true).unwrap(), demo(false).unwrap());
    }
}
