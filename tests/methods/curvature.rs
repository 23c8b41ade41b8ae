//! Curvature against double-backward PyTorch.

use serde_json::{Value, json};

use super::landscape::{inputs, reference};
use super::{Inputs, assert_close, assert_well_formed, floats, model, numbers, scalar, texts};

fn clean() -> Inputs {
    let sets = inputs("gpt2").data.remove("data").unwrap();
    Inputs::default().model("model", model("gpt2")).data("data", sets[1].clone())
}

#[test]
fn eigenvalues_and_trace_equal_pytorch() {
    let golden = reference("curvature.json");
    let config = json!({"eigenvalues": 3, "max_products": 400, "tolerance": 1e-7, "probes": 60, "lanczos_steps": 40});
    let report = clean().run("curvature", &config).unwrap();
    assert_well_formed(&report);
    for (i, wanted) in numbers(&golden["eigenvalues"]).iter().take(3).enumerate() {
        assert_close(scalar(&report, &format!("eigenvalue_{}.clean", i + 1)), *wanted, 1e-3, "eigenvalue");
    }
    let residuals = floats(&report, "eigenvalues", "residual");
    assert!(residuals.iter().all(|r| r.unwrap() < 0.05), "{residuals:?}");
    let trace = scalar(&report, "trace.clean");
    let error = floats(&report, "curvature", "trace_error")[0].unwrap();
    let wanted = golden["trace"].as_f64().unwrap();
    assert!((trace - wanted).abs() < 4.0 * error, "{trace} ± {error} is not {wanted}");
    // the largest eigenvalue by Lanczos, and its second estimate of the trace
    assert_close(scalar(&report, "highest.clean"), golden["eigenvalues"][0].as_f64().unwrap(), 1e-3, "Lanczos");
    assert_eq!(floats(&report, "curvature", "n_parameters")[0], golden["n"].as_f64());
    let weights: f64 = floats(&report, "spectrum", "weight").into_iter().flatten().sum();
    assert_close(weights, 1.0, 1e-9, "weights");
    assert_eq!(report.figures[0].id, "density");
}

/// With as many steps as parameters Lanczos finds every eigenvalue: those of the dense matrices.
#[test]
fn whole_spectra_of_a_subset() {
    let golden = &reference("curvature.json")["norms_of_block_1"];
    for (matrix, key) in [("hessian", "hessian"), ("gauss_newton", "gauss_newton")] {
        let config = json!({"matrix": matrix, "layers": [1], "kinds": ["norm"], "lanczos_steps": 64, "probes": 0,
            "eigenvalues": 0});
        let report = clean().run("curvature", &config).unwrap();
        let found: Vec<f64> = floats(&report, "spectrum", "eigenvalue").into_iter().flatten().collect();
        let wanted = numbers(&golden[key]);
        assert_eq!((found.len(), wanted.len()), (64, 64), "{matrix}");
        let largest = wanted.iter().fold(0f64, |m, v| m.max(v.abs()));
        for (f, w) in found.iter().zip(&wanted) {
            assert!((f - w).abs() < 1e-4 * largest, "{matrix}: {f} is not {w}");
        }
    }
}

/// The empirical Fisher matrix of four texts has rank four.
#[test]
fn the_fisher_matrix_of_single_texts() {
    let wanted = numbers(&reference("curvature.json")["norms_of_block_1"]["fisher"]);
    let config = json!({"matrix": "empirical_fisher", "layers": [1], "kinds": ["norm"], "lanczos_steps": 20,
        "eigenvalues": 2, "max_products": 300, "tolerance": 1e-7, "probes": 0});
    let report = clean().run("curvature", &config).unwrap();
    let top = wanted[wanted.len() - 1];
    assert_close(scalar(&report, "eigenvalue_1.clean") / top, 1.0, 1e-4, "largest");
    assert_close(scalar(&report, "eigenvalue_2.clean") / top, wanted[wanted.len() - 2] / top, 1e-4, "second");
    assert_close(scalar(&report, "highest.clean") / top, 1.0, 1e-4, "Lanczos");
    let found: Vec<f64> = floats(&report, "spectrum", "eigenvalue").into_iter().flatten().collect();
    assert!(found.len() <= 6 && found[0] > -1e-4 * top, "four eigenvalues and zero: {found:?}");
}

#[test]
fn models_and_sets_stand_in_one_table() {
    let inputs = inputs("gpt2").model("around", model("gpt2"));
    let config = json!({"eigenvalues": 1, "probes": 2, "lanczos_steps": 3, "max_products": 5});
    let report = inputs.run("curvature", &config).unwrap();
    assert_eq!(texts(&report, "curvature", "set"), ["memorized", "clean", "memorized", "clean"]);
    let traces = floats(&report, "curvature", "trace");
    assert_eq!(traces[0], traces[2], "the same model has the same curvature");
    assert_ne!(traces[0], traces[1]);
    assert!(report.notes.iter().any(|n| n.contains("still moved after 5 products")), "{:?}", report.notes);
    assert_eq!(report.figures[0].series.len(), 4);
}

#[test]
fn what_does_not_fit_or_exist_is_refused_with_numbers() {
    let refused = |config: Value| clean().run("curvature", &config).unwrap_err().to_string();
    let error = refused(json!({"vector_memory": 0.001, "lanczos_steps": 100}));
    assert!(error.contains("107 vectors of 5056 numbers need 0.0 GB, and vector_memory allows 0.0 GB"), "{error}");
    assert!(error.contains("49 vectors would fit"), "{error}");
    let error = refused(json!({"layers": [2]}));
    assert!(error.contains("there is no block 2; the model has 2"), "{error}");
    let error = refused(json!({"layers": [0], "kinds": ["embedding"]}));
    assert!(error.contains("choose no parameter"), "{error}");
}
