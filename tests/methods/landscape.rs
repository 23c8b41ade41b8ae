//! Landscapes against PyTorch, and what they answer to inputs that have no surface.

use std::path::{Path, PathBuf};

use memoscope::data::Record;
use memoscope::engine::weights::TensorFile;
use memoscope::figures::{Figure, Mark};
use memoscope::methods::{LoadedModel, Report};
use serde_json::{Value, json};

use super::{
    Inputs, Memory, assert_close, assert_well_formed, dataset, floats, golden, model, numbers, scalar, strings,
    text_record, texts,
};

/// Numbers made by tests/golden/make/landscape.py.
pub(super) fn reference(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden("landscape").join(name)).unwrap()).unwrap()
}

fn records(texts: &[String]) -> Vec<Record> {
    texts.iter().enumerate().map(|(i, text)| text_record(i, text)).collect()
}

pub(super) fn inputs(name: &str) -> Inputs {
    let sets = &reference("grid.json")["sets"];
    Inputs::default()
        .model("model", model(name))
        .data("data", dataset("memorized", records(&strings(&sets["memorized"]))))
        .data("data", dataset("clean", records(&strings(&sets["clean"]))))
}

/// A model with every number of a tensor changed.
fn changed(name: &str, tensor: &str, f: impl Fn(usize, f32) -> f32) -> LoadedModel {
    let mut model = model(name);
    let id = model.decoder.params.find(tensor).unwrap();
    let values = model.decoder.params.get_mut(id).values_mut();
    values.iter_mut().enumerate().for_each(|(i, v)| *v = f(i, *v));
    LoadedModel { name: format!("{name} changed"), ..model }
}

fn directions() -> PathBuf {
    golden("landscape").join("directions.safetensors")
}

fn saved(steps: usize) -> Value {
    json!({"span": "saved", "directions": directions(), "steps": steps, "x_range": [-0.5, 0.5],
        "y_range": [-0.3, 0.9], "ignore_vectors": false})
}

fn with(mut config: Value, field: &str, value: Value) -> Value {
    config[field] = value;
    config
}

fn figure<'a>(report: &'a Report, id: &str) -> &'a Figure {
    let known: Vec<&str> = report.figures.iter().map(|f| f.id.as_str()).collect();
    report.figures.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("no figure {id} in {known:?}"))
}

#[test]
fn a_plane_given_its_directions_equals_pytorch() {
    let golden = reference("grid.json");
    let inputs = inputs("gpt2");
    let report = inputs.run("landscape", &saved(5)).unwrap();
    assert_well_formed(&report);
    let by_text = inputs.run("landscape", &with(saved(5), "mean", json!("texts"))).unwrap();
    let points = golden["points"].as_array().unwrap();
    for set in ["memorized", "clean"] {
        let column = |report: &Report, what: &str| floats(report, "points", &format!("{what}.{set}"));
        for (i, point) in points.iter().enumerate() {
            let wanted = |key: &str| point[set][key].as_f64().unwrap();
            assert_close(column(&report, "loss")[i].unwrap(), wanted("loss"), 1e-5, "loss");
            assert_close(column(&by_text, "loss")[i].unwrap(), wanted("example_mean"), 1e-5, "mean of texts");
            assert_close(column(&report, "accuracy")[i].unwrap(), wanted("accuracy"), 1e-12, "accuracy");
            assert_close(column(&report, "exact")[i].unwrap(), wanted("exact"), 1e-12, "exact");
        }
    }
    let Mark::Contour(surface) = &figure(&report, "loss_clean").series[0].mark else { panic!("a surface") };
    assert_eq!((surface.columns, surface.rows(), surface.x, surface.y), (5, 5, [-0.5, 0.5], [-0.3, 0.9]));
    assert_eq!(surface.values[7], floats(&report, "points", "loss.clean")[7].unwrap());
}

#[test]
fn the_center_is_the_plain_evaluation_to_the_last_bit() {
    for name in ["gpt2", "gpt_neox", "llama", "qwen2"] {
        let inputs = inputs(name);
        let report = inputs.run("landscape", &json!({"steps": 3, "batch_tokens": 12})).unwrap();
        for (i, set) in ["memorized", "clean"].iter().enumerate() {
            let own = Inputs::default()
                .model("model", model(name))
                .data("data", dataset("texts", inputs.data["data"][i].records.clone()));
            let plain = scalar(&own.run("perplexity", &json!({})).unwrap(), "loss.token_mean");
            assert_eq!(floats(&report, "points", &format!("loss.{set}"))[4], Some(plain), "{name} {set}");
            assert_eq!(scalar(&report, &format!("loss.{set}")), plain);
        }
    }
}

/// How many tokens go together, and the order of the directions, do not matter.
#[test]
fn batches_do_not_matter_and_swapped_directions_transpose() {
    let inputs = inputs("gpt2");
    let square = with(saved(5), "x_range", json!([-0.3, 0.9]));
    let [a, b] = [1, 4096].map(|n| inputs.run("landscape", &with(square.clone(), "batch_tokens", json!(n))).unwrap());
    assert_eq!(a, b);
    let folder = tempfile::tempdir().unwrap();
    let swapped = folder.path().join("swapped.safetensors");
    let bytes = std::fs::read(directions()).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let turned = tensors.iter().map(|(name, view)| {
        let (axis, rest) = name.split_once('/').unwrap();
        (format!("{}/{rest}", if axis == "x" { "y" } else { "x" }), view)
    });
    std::fs::write(&swapped, safetensors::serialize(turned, None).unwrap()).unwrap();
    let other = inputs.run("landscape", &with(square, "directions", json!(swapped))).unwrap();
    let [a, other] = [&a, &other].map(|r| floats(r, "points", "loss.clean"));
    // θ + a·d + b·e is rounded once, but its two sums in f64 are in another order
    (0..25).for_each(|i| assert_close(other[i % 5 * 5 + i / 5].unwrap(), a[i].unwrap(), 1e-6, "transposed"));
}

#[test]
fn directions_of_a_run_serve_another_one() {
    let inputs = inputs("gpt2");
    let mut host = Memory::new(usize::MAX);
    let report = inputs.run_in(&mut host, "landscape", &json!({"steps": 3, "orthogonal": true})).unwrap();
    let file = host.folder.path().join("directions.safetensors");
    let about: Value = serde_json::from_slice(&std::fs::read(file.with_extension("json")).unwrap()).unwrap();
    assert_eq!((&about["span"], &about["normalize"], &about["seed"]), (&json!("random"), &json!("filter"), &json!(7)));
    let again = inputs.run("landscape", &json!({"steps": 3, "span": "saved", "directions": file})).unwrap();
    for column in ["loss.memorized", "loss.clean", "exact.clean"] {
        assert_eq!(floats(&again, "points", column), floats(&report, "points", column), "{column}");
    }
    let other = super::landscape::inputs("llama")
        .run("landscape", &json!({"span": "saved", "directions": file}))
        .unwrap_err()
        .to_string();
    assert!(other.contains("the directions do not belong to llama"), "{other}");
}

/// Norm and first numbers of every tensor of a direction.
fn assert_direction(file: &TensorFile, axis: &str, wanted: &Value) {
    for (name, numbers_of) in wanted.as_object().unwrap() {
        let found = file.numbers(file.find(&format!("{axis}/{name}")).unwrap()).unwrap();
        let norm = found.iter().map(|v| v * v).sum::<f64>().sqrt();
        assert_close(norm, numbers_of["norm"].as_f64().unwrap(), 1e-5, name);
        numbers(&numbers_of["head"]).iter().zip(&found).for_each(|(w, f)| assert_close(*f, *w, 2e-6, name));
    }
}

#[test]
fn published_seeds_give_the_published_directions() {
    let golden = reference("published.json");
    let inputs = inputs("gpt2");
    let run = |config: Value| {
        let mut host = Memory::new(usize::MAX);
        let report = inputs.run_seeded(&mut host, "landscape", &config, 543).unwrap();
        let file = TensorFile::open(&host.folder.path().join("directions.safetensors")).unwrap();
        (report, file)
    };
    let (report, file) = run(json!({"compat": "paper", "steps": 5, "x_range": [-0.2, 0.2]}));
    // columns belong to the second direction
    assert_direction(&file, "x", &golden["package"]["two"]);
    assert_direction(&file, "y", &golden["package"]["one"]);
    let rows: Vec<f64> = golden["package"]["rows"].as_array().unwrap().iter().flat_map(numbers).collect();
    for (found, wanted) in floats(&report, "points", "loss.clean").iter().zip(rows) {
        assert_close(found.unwrap(), wanted, 1e-5, "the package adds its steps up in f32");
    }
    assert!(report.notes.iter().any(|n| n.contains("no point of the grid is the model itself")), "{:?}", report.notes);
    let (_, file) = run(json!({"compat": "li", "steps": 3, "ignore_vectors": false}));
    assert_direction(&file, "x", &golden["li"]["x"]);
    assert_direction(&file, "y", &golden["li"]["y"]);
}

#[test]
fn a_line_between_two_models_ends_at_the_other() {
    let tensor = "transformer.h.0.mlp.c_fc.weight";
    let edit = |i: usize, v: f32| if i.is_multiple_of(3) { 0.0 } else { v };
    let inputs = inputs("gpt2").model("others", changed("gpt2", tensor, edit));
    let report = inputs.run("landscape", &json!({"span": "models", "axes": 1, "steps": 9})).unwrap();
    assert_well_formed(&report);
    let plain = Inputs::default()
        .model("model", changed("gpt2", tensor, edit))
        .data("data", dataset("clean", inputs.data["data"][1].records.clone()));
    let wanted = scalar(&plain.run("perplexity", &json!({})).unwrap(), "loss.token_mean");
    // nine points from −0.5 to 1.5: the seventh is the other model
    let [x, loss] = ["x", "loss.clean"].map(|c| floats(&report, "points", c));
    assert_eq!(x[6], Some(1.0));
    assert_close(loss[6].unwrap(), wanted, 1e-6, "the other model");
    let Mark::Line { points, .. } = &figure(&report, "loss").series[1].mark else { panic!("a line") };
    assert_eq!(points[6], [1.0, loss[6].unwrap()]);
    let paper = inputs.run("landscape", &json!({"span": "models", "axes": 1, "steps": 4, "compat": "paper"})).unwrap();
    assert_eq!(floats(&paper, "points", "x"), [0.25, 0.5, 0.75, 1.0].map(Some));
    assert_eq!(floats(&paper, "points", "loss.clean")[3], loss[6]);
    let none = super::landscape::inputs("gpt2").run("landscape", &json!({"span": "models"})).unwrap_err().to_string();
    assert!(none.contains("others: 0 given, and 2 needed"), "{none}");
}

/// Checkpoints on a known plane: their coordinates come back, and two components explain everything.
#[test]
fn the_path_of_checkpoints() {
    let tensor = "transformer.h.1.mlp.c_proj.weight";
    let places = [[0.3, 0.0], [0.2, 0.1], [-0.1, 0.2], [0.0, -0.2]];
    let moved = |[a, b]: [f32; 2]| {
        // columns 0 and 1 of 24 × 16 numbers
        changed("gpt2", tensor, move |i, v| v + if i % 16 == 0 { a } else { 0.0 } + if i % 16 == 1 { b } else { 0.0 })
    };
    let inputs = places.iter().fold(inputs("gpt2"), |inputs, p| inputs.model("checkpoints", moved(*p)));
    let report = inputs.run("landscape", &json!({"span": "checkpoints", "steps": 3})).unwrap();
    let share = scalar(&report, "explained_variance.1") + scalar(&report, "explained_variance.2");
    assert_close(share, 1.0, 1e-6, "explained variance");
    let [x, y, off] = ["x", "y", "off_plane"].map(|c| floats(&report, "checkpoints", c));
    // the components have norm 1, so distances are those of the weights: √24 a step
    for (i, p) in places.iter().enumerate() {
        let wanted = f64::from(p[0].hypot(p[1])) * 24f64.sqrt();
        assert_close(x[i].unwrap().hypot(y[i].unwrap()), wanted, 1e-5, "distance from the model");
        assert!(off[i].unwrap() < 1e-3);
    }
    let Mark::Line { points, .. } = &figure(&report, "loss_clean").series[1].mark else { panic!("a path") };
    assert_eq!(points.len(), 4);
    let few = super::landscape::inputs("gpt2").model("checkpoints", moved(places[0]));
    let error = few.run("landscape", &json!({"span": "checkpoints"})).unwrap_err().to_string();
    assert!(error.contains("checkpoints: 1 given, and at least 3 needed"), "{error}");
}

#[test]
fn planes_of_eigenvectors_and_of_gradients() {
    let golden = reference("curvature.json");
    let clean = Inputs::default().model("model", model("gpt2"));
    let sets = inputs("gpt2").data.remove("data").unwrap();
    let clean = clean.data("data", sets[1].clone());
    let config = json!({"span": "hessian", "axes": 1, "steps": 3, "ignore_vectors": false});
    let report = clean.run("landscape", &config).unwrap();
    assert_close(scalar(&report, "eigenvalue.1"), golden["eigenvalues"][0].as_f64().unwrap(), 1e-3, "eigenvalue");
    let config = json!({"span": "gradients", "axes": 1, "steps": 5, "ignore_vectors": false, "x_range": [-0.01, 0.01]});
    let report = clean.run("landscape", &config).unwrap();
    assert_close(scalar(&report, "gradient_norm.clean"), golden["gradient_norm"].as_f64().unwrap(), 1e-5, "gradient");
    let loss: Vec<f64> = floats(&report, "points", "loss.clean").into_iter().flatten().collect();
    assert!(loss.windows(2).all(|w| w[0] < w[1]), "the loss grows along its gradient: {loss:?}");
    let both = inputs("gpt2").run("landscape", &json!({"span": "gradients", "steps": 3})).unwrap();
    assert!(scalar(&both, "gradient_cosine").abs() <= 1.0);
    let error = clean.run("landscape", &json!({"span": "gradients"})).unwrap_err().to_string();
    assert!(error.contains("1 text set given, and 2 needed"), "{error}");
}

#[test]
fn several_models_share_directions_and_colors() {
    let edited = changed("gpt2", "transformer.h.0.mlp.c_fc.weight", |i, v| if i < 90 { 0.0 } else { v });
    let inputs = inputs("gpt2").model("around", edited);
    let report = inputs.run("landscape", &json!({"steps": 3, "per_text": true})).unwrap();
    assert_well_formed(&report);
    assert_eq!(texts(&report, "points", "model")[8..10], ["gpt2", "gpt2 changed"].map(str::to_owned));
    let surface = |id: &str| match &figure(&report, id).series[0].mark {
        Mark::Contour(surface) => surface.clone(),
        other => panic!("{other:?}"),
    };
    let (own, other) = (surface("loss_clean"), surface("loss_clean-2"));
    assert!(own.range.is_some() && own.range == other.range, "one scale of colors");
    let difference = surface("difference_clean-2");
    assert!(difference.diverging && difference.values[4] == other.values[4] - own.values[4]);
    assert_eq!(surface("difference_of_sets").columns, 3);
    // each text at each point of each model, and the mean over its tokens
    let losses = floats(&report, "texts", "loss");
    assert_eq!(losses.len(), 2 * 9 * 7);
    assert!(report.scalars.iter().any(|s| s.id == "loss.clean.gpt2 changed"));
}

#[test]
fn holes_are_counted_and_drawn_as_holes() {
    let config = json!({"axes": 2, "steps": 3, "x_range": [-1e6, 1e6], "y_range": [-1e6, 1e6], "normalize": "none"});
    let huge = changed("gpt2", "transformer.h.0.mlp.c_fc.weight", |_, v| v * 1e34);
    let inputs = Inputs { models: [("model".to_owned(), vec![huge])].into(), ..inputs("gpt2") };
    let report = inputs.run("landscape", &with(config, "normalize", json!("filter"))).unwrap();
    let holes = scalar(&report, "holes.clean");
    assert!(holes > 0.0, "{holes}");
    assert!(report.notes.iter().any(|n| n.contains("have no finite loss; they are holes")), "{:?}", report.notes);
    let empty = floats(&report, "points", "loss.clean").iter().filter(|v| v.is_none()).count();
    assert_eq!(empty as f64, holes);
}

#[test]
fn inputs_without_a_surface_are_answered() {
    let point = inputs("gpt2").run("landscape", &json!({"steps": 1})).unwrap();
    assert!(point.figures.is_empty() && floats(&point, "points", "loss.clean").len() == 1);
    assert!(point.notes.iter().any(|n| n.contains("A grid of one point has no surface")), "{:?}", point.notes);
    let even = inputs("gpt2").run("landscape", &json!({"steps": 2, "axes": 1})).unwrap();
    assert!(even.notes.iter().any(|n| n.contains("an odd number of steps")), "{:?}", even.notes);
    let empty = inputs("gpt2").data("data", dataset("empty", Vec::new()));
    let error = empty.run("landscape", &json!({})).unwrap_err().to_string();
    assert!(error.contains("empty has no text that can be measured"), "{error}");
    let other = inputs("gpt2").model("around", model("gpt_neox"));
    let error = other.run("landscape", &json!({})).unwrap_err().to_string();
    assert!(error.contains("gpt2 and gpt_neox are models of different shape"), "{error}");
    let same = inputs("gpt2").model("others", model("gpt2"));
    let error = same.run("landscape", &json!({"span": "models", "axes": 1})).unwrap_err().to_string();
    assert!(error.contains("direction 1 is zero everywhere"), "{error}");
    for (config, wanted) in [
        (json!({"x_range": [1.0, -1.0]}), "x_range: the first number has to be below the second"),
        (json!({"span": "saved"}), "a file is needed for the span `saved`"),
        (json!({"compat": "paper", "span": "hessian"}), "published code draws random directions"),
        (json!({"compat": "paper", "y_range": [-1.0, 1.0]}), "one distance for both directions"),
        (json!({"steps": 0}), "steps: is 0"),
        (json!({"x_range": [0.0]}), "x_range: has 1 entries"),
    ] {
        let error = inputs("gpt2").run("landscape", &config).unwrap_err().to_string();
        assert!(error.contains(wanted), "{config}: {error}");
    }
    let missing = json!({"span": "saved", "directions": Path::new("nowhere.safetensors")});
    let error = inputs("gpt2").run("landscape", &missing).unwrap_err().to_string();
    assert!(error.contains("nowhere.safetensors"), "{error}");
}
