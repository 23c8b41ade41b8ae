//! A small model that memorized eight random sequences beside a task forgets them and keeps the task.

use std::sync::OnceLock;

use memoscope::data::Record;
use memoscope::engine::loss::loss_gradient;
use memoscope::engine::model::Keep;
use memoscope::engine::rng::Stream;
use memoscope::engine::sinks::SumGrads;
use memoscope::engine::train::init::{InitSpec, fresh};
use memoscope::engine::train::{Optimizer, Rule};
use memoscope::engine::{Batch, Decoder, Device, NoTap};
use memoscope::methods::{LoadedModel, Report};
use serde_json::{Value, json};

use super::{Inputs, dataset, scalar};

const LENGTH: usize = 24;
const STEPS: usize = 220;

/// Digits that count up by 1, 2 or 3, from a random start; after two of them the rest is known.
fn task(n: usize, stream: &mut Stream) -> Vec<Vec<u32>> {
    let row = |stream: &mut Stream| {
        let (start, by) = (stream.below(10), 1 + stream.below(3));
        (0..LENGTH).map(|i| ((start + i * by) % 10) as u32).collect()
    };
    (0..n).map(|_| row(stream)).collect()
}

fn memorized() -> Vec<Vec<u32>> {
    let mut stream = Stream::new(5, "memorized");
    (0..8).map(|_| (0..LENGTH).map(|_| stream.below(10) as u32).collect()).collect()
}

/// Trained once for all tests.
fn trained() -> &'static Decoder {
    static MODEL: OnceLock<Decoder> = OnceLock::new();
    MODEL.get_or_init(|| {
        let config = json!({"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "n_inner": 256,
            "n_positions": LENGTH, "vocab_size": 14, "activation_function": "relu"});
        let mut model = fresh(&config, InitSpec::tiny_mem(64), 1, Device::Cpu).unwrap();
        let mut optimizer = Optimizer::new(Rule::adam_w(0.01), &model, &|_| true).unwrap();
        let mut stream = Stream::new(6, "training");
        for step in 0..STEPS {
            let mut rows = memorized();
            rows.extend(task(24, &mut stream));
            let batch = Batch::causal(&rows).token_mean();
            let mut sums = SumGrads::new(&model, &|_| true).unwrap();
            loss_gradient(&model, &batch, &mut sums, &mut NoTap, Keep::All).unwrap();
            let gradients = sums.into_gradients();
            let lr = 3e-3 * (1.0 - step as f64 / STEPS as f64).max(0.1);
            optimizer.step(&mut model, &gradients, lr).unwrap();
        }
        model
    })
}

fn inputs() -> Inputs {
    let set = |name: &str, rows: Vec<Vec<u32>>| {
        let record = |(row, ids)| Record { row, token_ids: Some(ids), ..Record::default() };
        dataset(name, rows.into_iter().enumerate().map(record).collect())
    };
    let mut stream = Stream::new(7, "others");
    let model = LoadedModel {
        name: "counter".to_owned(),
        path: "counter".into(),
        decoder: trained().shared(),
        tokenizer: None,
    };
    Inputs::default()
        .model("model", model)
        .data("forget", set("memorized", memorized()))
        .data("retain", set("task", task(64, &mut stream)))
        .data("holdout", set("unseen", task(64, &mut stream)))
}

pub(super) fn run(config: &Value) -> Report {
    let mut whole = json!({"k": 8, "l": 12, "save_model": false, "forget_rows": "memorized"});
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    inputs().run("unlearn", &whole).unwrap()
}

fn lost(report: &Report) -> f64 {
    let [old, new] = ["before", "after"].map(|p| scalar(report, &format!("{p}.holdout.accuracy")));
    (old - new) / old
}

#[test]
fn balanced_subnet_forgets_and_keeps_the_task_and_chance_does_not() {
    let balanced = run(&json!({"technique": "balanced-subnet", "ratio": 0.1, "epochs": 80, "loss_weight": 0.9}));
    assert!(scalar(&balanced, "sets.forget") >= 7.0, "the model memorized them");
    assert_eq!(scalar(&balanced, "before.forget.exact"), 1.0);
    assert_eq!(scalar(&balanced, "after.forget.exact"), 0.0);
    assert!(lost(&balanced) < 0.02, "it lost {} of the task", lost(&balanced));
    let said = |report: &Report, what: &str| report.notes.iter().any(|n| n.contains(what));
    assert!(said(&balanced, "Nothing is reproduced exactly any more"), "{:?}", balanced.notes);
    let subnet = run(&json!({"technique": "subnet", "ratio": 0.1, "epochs": 20}));
    assert_eq!(scalar(&subnet, "after.forget.exact"), 0.0);
    assert!(lost(&subnet) > 0.2 && said(&subnet, "collapsed"), "{}: {:?}", lost(&subnet), subnet.notes);
    let random = run(&json!({"technique": "random-weights", "ratio": 0.1}));
    assert!(scalar(&random, "after.forget.exact") >= 0.5, "{}", scalar(&random, "after.forget.exact"));
    let selected = |r: &Report| scalar(r, "selection");
    assert!(selected(&balanced) < selected(&subnet) && selected(&balanced) < selected(&random));
}

#[test]
fn losses_forget_and_keep_the_task() {
    for config in [
        json!({"technique": "npo", "lr": 1e-3, "epochs": 20, "batch": 8, "alpha": 5.0, "beta": 0.5, "retain_loss": "kl"}),
        json!({"technique": "sim-npo", "lr": 1e-3, "epochs": 20, "batch": 8}),
    ] {
        let report = run(&config);
        let exact = scalar(&report, "after.forget.exact");
        assert!(exact < 0.2, "{}: {exact}", config["technique"]);
        assert!(lost(&report) < 0.02, "{} lost {} of the task", config["technique"], lost(&report));
    }
    let ascent = run(&json!({"technique": "grad-ascent", "lr": 1e-2, "epochs": 30, "batch": 8}));
    assert!(ascent.notes.iter().any(|n| n.contains("collapsed")), "{:?}", ascent.notes);
}

/// Removing what the Taylor scores name raises the loss on the texts more than removing as many by chance.
#[test]
fn the_hidden_units_that_recite_are_found_better_than_by_chance() {
    let after = |technique: &str| {
        let report = run(&json!({"technique": technique, "ratio": 0.05, "k": 4}));
        scalar(&report, "change.forget.loss")
    };
    let (taylor, random) = (after("zero-taylor"), after("random-neurons"));
    assert!(taylor > 2.0 * random.abs(), "{taylor} and {random}");
}
