//! Whether what was forgotten stays forgotten: the edited model is trained again, rounded, prompted and sampled.

use memoscope::error::Error;
use memoscope::methods::Report;
use serde_json::{Value, json};

use super::forgetting::run;
use super::unlearn::{config, inputs};
use super::{Memory, assert_well_formed, floats, scalar, texts};

const ALL: [&str; 4] = ["relearning", "rounding", "prefixes", "sampling"];

fn row(report: &Report, table: &str, key: &str, name: &str) -> usize {
    texts(report, table, key).iter().position(|t| t == name).unwrap_or_else(|| panic!("{table} has no row {name}"))
}

fn cell(report: &Report, table: &str, column: &str, row: usize) -> f64 {
    floats(report, table, column)[row].unwrap()
}

/// A mask that hides: eight bits change nothing, two destroy everything; draws find what is left; training on one of
/// the sequences brings the others back when they were only hidden.
#[test]
fn what_a_balanced_mask_hid_is_looked_for() {
    let report = run(&json!({"technique": "balanced-subnet", "ratio": 0.1, "epochs": 80, "loss_weight": 0.9,
        "robustness": {"attacks": ALL, "bits": [8, 2], "relearn_share": 0.25, "relearn_steps": 40, "relearn_lr": 1e-3,
            "draws": 64, "top_k": 0}}));
    assert_well_formed(&report);
    assert_eq!([scalar(&report, "before.forget.exact"), scalar(&report, "after.forget.exact")], [1.0, 0.0]);
    // rounding
    assert_eq!(scalar(&report, "robust.rounding_8.before.forget.exact"), 1.0, "eight bits are enough to recite");
    assert!(scalar(&report, "robust.rounding_2.before.forget.exact") < 0.2, "two bits are not");
    let exact = row(&report, "rounding", "id", "forget.exact");
    assert_eq!(cell(&report, "rounding", "after", exact), 0.0);
    // prefixes: the bare prompt is the check of the battery
    let bare = row(&report, "prefixes", "before_the_prompt", "nothing");
    assert_eq!(cell(&report, "prefixes", "exact_before", bare), 1.0);
    assert_eq!(cell(&report, "prefixes", "exact_after", bare), 0.0);
    let any = row(&report, "prefixes", "before_the_prompt", "any of them");
    assert_eq!(scalar(&report, "robust.prefixes.after"), cell(&report, "prefixes", "exact_after", any));
    // draws
    let appearing = |side: &str| floats(&report, "draws", &format!("appearing_{side}"));
    let (before, after) = (appearing("before"), appearing("after"));
    assert!(before[0].unwrap() > 0.5, "one draw recites: {before:?}");
    assert!(after.windows(2).all(|w| w[0] <= w[1]) && after[0] < before[0], "{after:?}");
    // relearning
    let n = report.scalars.iter().find(|s| s.id == "robust.relearning.exact").unwrap().n;
    assert_eq!(n as f64, scalar(&report, "sets.forget") - (scalar(&report, "sets.forget") * 0.25).ceil());
    let steps = floats(&report, "relearning", "steps");
    assert_eq!(steps, [0, 1, 2, 4, 8, 16, 32, 40].map(|s| Some(f64::from(s))));
    let part = floats(&report, "relearning", "loss_part");
    assert!(part.last().unwrap() < &Some(0.5) && part[0] > Some(1.0), "what is trained on is learned: {part:?}");
    for said in [
        "Rounding to 8 bits brings nothing back",
        "In 64 draws",
        "training on 2 of the texts do not bring half of the other 6 back",
    ] {
        assert!(report.notes.iter().any(|n| n.contains(said)), "{said}: {:?}", report.notes);
    }
}

/// Nothing was removed, so nothing has to come back: all attacks see the same model before and after.
#[test]
fn without_a_change_before_and_after_agree() {
    let wanted = json!({"attacks": ALL, "relearn_share": 0.5, "relearn_steps": 3, "draws": 8});
    let tiny = config("task-vector", &json!({"robustness": wanted}));
    for name in ["gpt2", "llama"] {
        let inputs = inputs(name).model("tuned", super::model(name));
        let report = inputs.run("unlearn", &tiny).unwrap();
        assert_well_formed(&report);
        for (table, columns) in [
            ("rounding", &[["before", "after"], ["before_4_bits", "after_4_bits"]][..]),
            ("prefixes", &[["exact_before", "exact_after"], ["begun_before", "begun_after"]]),
            ("draws", &[["appearing_before", "appearing_after"]]),
            ("drawn_rows", &[["log_q_before", "log_q_after"]]),
        ] {
            for [before, after] in columns {
                assert_eq!(floats(&report, table, before), floats(&report, table, after), "{table} of {name}");
            }
        }
        let list = texts(&report, "prefixes", "before_the_prompt");
        assert!(
            list.iter().any(|t| t == "another text to forget") && list.iter().any(|t| t == "\"\\n\\n\""),
            "{list:?}"
        );
    }
}

/// Stopped anywhere, it goes on and ends with the same numbers.
#[test]
fn stopped_half_way_it_goes_on() {
    let wanted = config("durable", &json!({"robustness": {"attacks": ALL, "relearn_share": 0.5, "relearn_steps": 5}}));
    let inputs = inputs("gpt2");
    let whole = inputs.run("unlearn", &wanted).unwrap();
    let mut host = Memory::new(0);
    let mut stops = 0;
    let resumed = loop {
        host.budget = 12 + 5 * stops;
        match inputs.run_in(&mut host, "unlearn", &wanted) {
            Ok(report) => break report,
            Err(Error::Cancelled) => stops += 1,
            Err(other) => panic!("{other}"),
        }
        assert!(stops < 100, "it does not advance");
    };
    assert!(stops > 2, "stopped {stops} times");
    assert_eq!(resumed.scalars, whole.scalars);
    assert_eq!(floats(&resumed, "relearning", "loss_rest"), floats(&whole, "relearning", "loss_rest"));
}

#[test]
fn what_cannot_be_tried_is_refused() {
    let refusal = |robustness: Value| {
        inputs("gpt2").run("unlearn", &config("durable", &json!({"robustness": robustness}))).unwrap_err().to_string()
    };
    assert!(refusal(json!({"attacks": ["rounding"], "bits": []})).contains("nothing to round to"));
    assert!(refusal(json!({"attacks": ["relearning"], "relearn_share": 1.0})).contains("leaves no part and rest"));
    assert!(refusal(json!({"attacks": ["sampling"], "probability": 1.0})).contains("makes a text certain"));
}
