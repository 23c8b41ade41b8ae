//! A module uses only modules below it, and only a few may touch the world.

use super::{Source, assert_none, sources};

/// Lowest first. The engine is a crate of its own, so the compiler keeps it at the bottom.
const LAYERS: [&str; 5] = ["data", "figures", "methods", "runs", "app"];

fn layer_of(path: &str) -> Option<usize> {
    let top = path.strip_prefix("src/")?.split(['/', '.']).next()?;
    LAYERS.iter().position(|l| *l == top)
}

#[test]
fn modules_use_only_lower_modules() {
    let mut complaints = Vec::new();
    for source in sources("src", "rs") {
        let Some(own) = layer_of(&source.path) else { continue };
        for (n, line) in source.code().lines().enumerate() {
            for name in &LAYERS[own + 1..] {
                if line.contains(&format!("crate::{name}::")) || line.contains(&format!("crate::{name};")) {
                    complaints.push(format!("{}:{}: {} may not use {name}", source.path, n + 1, LAYERS[own]));
                }
            }
            // figures stand beside data, not on it.
            if LAYERS[own] == "figures" && line.contains("crate::data") {
                complaints.push(format!("{}:{}: figures may not use data", source.path, n + 1));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_engine_knows_no_text() {
    let manifest = std::fs::read_to_string(super::root().join("src/engine/Cargo.toml")).unwrap();
    for stranger in ["tokenizers", "egui", "clap", "csv", "hf-hub"] {
        assert!(!manifest.contains(stranger), "the engine may not depend on {stranger}");
    }
}

/// Whether a file may use files, environment or network.
fn may_touch_the_world(path: &str) -> bool {
    ["src/data/", "src/engine/weights/", "src/runs/", "src/app/", "src/main.rs"].iter().any(|p| path.starts_with(p))
}

#[test]
fn methods_engine_and_figures_touch_no_files() {
    let mut complaints = Vec::new();
    for source in sources("src", "rs").iter().filter(|s| !may_touch_the_world(&s.path)) {
        for (n, line) in source.code().lines().enumerate() {
            for word in ["std::fs", "std::env", "std::net", "SystemTime", "Instant::now"] {
                if line.contains(word) && !allowed(source, word) {
                    complaints.push(format!("{}:{}: `{word}` belongs into data, runs or app", source.path, n + 1));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// Exceptions, each with its reason.
fn allowed(source: &Source, word: &str) -> bool {
    // Fonts of the system are looked up where figures are written.
    source.path.starts_with("src/figures/fonts") && word == "std::fs"
}

#[test]
fn methods_do_not_import_each_other() {
    let mut complaints = Vec::new();
    let files = sources("src/methods", "rs");
    for source in &files {
        let group = source.path.split('/').nth(2).unwrap_or("");
        if group == "common" || source.path.matches('/').count() < 3 {
            continue;
        }
        for (n, line) in source.code().lines().enumerate() {
            let foreign = line.trim_start().strip_prefix("use crate::methods::").filter(|rest| {
                rest.split("::").next().is_some_and(|m| {
                    m != group
                        && m != "common"
                        && files.iter().any(|f| f.path.starts_with(&format!("src/methods/{m}/")))
                })
            });
            if foreign.is_some() {
                complaints.push(format!("{}:{}: share through methods::common", source.path, n + 1));
            }
        }
    }
    assert_none(&complaints);
}
