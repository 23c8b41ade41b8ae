//! The window, driven through its accessibility tree and looked at on software Vulkan.

mod comfort;
mod experiment;
mod figures;
mod frames;
mod landscape;
mod open;
mod pictures;
mod runs;
mod sweep;
mod tables;
mod task;
mod train;
mod unlearn;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use memoscope::app::{Options, Window};

/// The sample of the repository: a tiny model with members, non-members and paraphrases.
fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sample")
}

/// A window that keeps its runs below `runs` and remembers nothing.
fn window(runs: &Path, dark: bool, pixels_per_point: f32) -> Harness<'static, Window> {
    window_that_opens(&[], runs, dark, pixels_per_point)
}

/// The same, started with paths to open.
fn window_that_opens(open: &[PathBuf], runs: &Path, dark: bool, pixels_per_point: f32) -> Harness<'static, Window> {
    let options = Options {
        open: open.to_vec(),
        runs: Some(runs.to_owned()),
        program: Some(PathBuf::from(env!("CARGO_BIN_EXE_memoscope"))),
        remember: false,
    };
    let theme = if dark { egui::Theme::Dark } else { egui::Theme::Light };
    Harness::builder()
        .with_size([1280.0, 720.0])
        .with_pixels_per_point(pixels_per_point)
        .with_theme(theme)
        .with_max_steps(64)
        .allow_missing_glyphs()
        .wgpu()
        .build_eframe(move |cc| Window::new(cc, &options).expect("the window opens"))
}

/// A finished run of the sample below `runs`, with two figures and three tables.
fn finished_run(runs: &Path, name: &str) -> PathBuf {
    let (model, data) = (sample().display().to_string(), sample().join("paraphrases.json").display().to_string());
    let run = runs.join(name);
    let out = run.display().to_string();
    let args =
        ["gradient-alignment", "--model", &model, "--data", &data, "--limit", "20", "--name", name, "--out", &out];
    let (code, _, err) = crate::cli::memoscope(&args);
    assert_eq!(code, 0, "{err}");
    run
}

/// What was copied to the clipboard in the last frame.
fn copied(harness: &Harness<'static, Window>) -> Option<String> {
    harness.output().platform_output.commands.iter().find_map(|command| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    })
}

/// Steps until something is copied, for at most a few frames.
fn wait_for_copy(harness: &mut Harness<'static, Window>) -> String {
    for _ in 0..8 {
        harness.step();
        if let Some(text) = copied(harness) {
            return text;
        }
    }
    panic!("nothing was copied");
}

/// Steps until `is_there`, for at most three minutes.
fn wait(harness: &mut Harness<'static, Window>, what: &str, is_there: impl Fn(&Window) -> bool) {
    let start = Instant::now();
    while !is_there(harness.state()) {
        assert!(start.elapsed() < Duration::from_mins(3), "waited for {what}");
        std::thread::sleep(Duration::from_millis(15));
        harness.run_steps(1);
    }
    harness.run_steps(3);
}
