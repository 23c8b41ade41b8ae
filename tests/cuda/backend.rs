//! The whole backend, host code included, on the shim's driver: every operation and every golden model.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use memoscope::engine::families::blueprint;
use memoscope::engine::kernels::{Want, kernels};
use memoscope::engine::loss::loss_gradient;
use memoscope::engine::model::{Keep, Weight};
use memoscope::engine::rng::Stream;
use memoscope::engine::score::score_tokens;
use memoscope::engine::sinks::SumGrads;
use memoscope::engine::train::{Optimizer, Rule};
use memoscope::engine::{Batch, Decoder, Device, Error, NoTap, Place, Precision, TokenScore, relief, weights};
use memoscope::runs::check::{Comparison, check, operations};
use memoscope::runs::verify::compare;

use super::build;
use crate::models::build::{GOLDEN, golden};

const CARD: Device = Device::Cuda(0);
/// Bytes for a small model and a part of the texts that a test gives it.
const LITTLE: usize = 700_000;

#[test]
fn every_operation_and_family_gives_the_numbers_of_the_processor() {
    if build::preload().is_none() {
        return;
    }
    for precision in Precision::ALL {
        let found = check(Place { device: CARD, precision }, &mut |_| Ok(())).unwrap();
        let wrong: Vec<&Comparison> = found.comparisons.iter().filter(|c| !c.ok).collect();
        assert!(wrong.is_empty() && found.ok, "{precision}: {wrong:#?}");
        assert!(found.comparisons.iter().all(|c| c.n > 0), "{precision}: something compares nothing");
        // rounded factors show: nothing computes in f32 what should be on tensor cores
        let product = found.comparisons.iter().find(|c| c.name == "linear" && !c.tangents).unwrap().max_error;
        let least = [0.0, 1e-5, 1e-4][precision as usize];
        assert!(product >= least, "{precision}: the largest error of a product is {product}");
    }
}

#[test]
fn a_card_without_the_library_of_products_computes_in_f32() {
    let Some(folder) = build::libraries() else { return };
    let without = tempfile::tempdir().unwrap();
    for name in ["libcuda.so.1", "libnvrtc.so"] {
        std::os::unix::fs::symlink(folder.join(name), without.path().join(name)).unwrap();
    }
    let settings = [("LD_LIBRARY_PATH", without.path().to_str().unwrap())];
    let listed = text(&program(&["devices"], &settings).unwrap().stdout);
    assert!(listed.contains("in f32 only: the library of matrix products (cuBLASLt) is not there"), "{listed}");
    let refused = program(&["check", "--device", "cuda", "--precision", "bf16"], &settings).unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("(cuBLASLt) is not there") && said.contains("pip install nvidia-cublas"), "{said}");
}

/// An operation that is added must be compared too.
#[test]
fn every_operation_is_compared() {
    let source = include_str!("../../src/engine/kernels.rs");
    let (_, traits) = source.split_once("pub trait Kernels").unwrap();
    let (traits, _) = traits.split_once("\n}\n").unwrap();
    let compared: Vec<&str> = operations().collect();
    // what only makes tensors is used by all the others
    let makers = ["device", "precision", "place", "wait", "stale", "zeros", "upload"];
    for name in traits.split("    fn ").skip(1).filter_map(|text| text.split('(').next()) {
        assert!(compared.contains(&name) || makers.contains(&name), "`{name}` is not compared");
    }
}

#[test]
fn golden_models_agree_with_transformers() {
    if build::preload().is_none() {
        return;
    }
    for name in GOLDEN {
        let dir = golden(name);
        let mut model = weights::load(&dir, CARD).unwrap().decoder;
        let found = compare(&mut model, &dir.join("reference.safetensors")).unwrap();
        let wrong: Vec<_> = found.items.iter().filter(|item| !item.ok).collect();
        assert!(found.ok && wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

/// The program with the shim's libraries, these settings of theirs, and a cache of its own.
fn program(arguments: &[&str], settings: &[(&str, &str)]) -> Option<Output> {
    let cache = tempfile::tempdir().unwrap();
    program_with_cache(arguments, settings, cache.path())
}

fn program_with_cache(arguments: &[&str], settings: &[(&str, &str)], cache: &Path) -> Option<Output> {
    let folder = build::libraries()?;
    let mut child = Command::new(env!("CARGO_BIN_EXE_memoscope"));
    child.args(arguments).env("LD_LIBRARY_PATH", folder).env("XDG_CACHE_HOME", cache).envs(settings.iter().copied());
    Some(child.output().unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn cards_are_listed_with_name_memory_and_versions() {
    let Some(output) = program(&["devices"], &[]) else { return };
    let listed = text(&output.stdout);
    assert!(listed.contains("cuda:0   Shim device, 4.3 GB, 4.3 GB free, compute capability 8.0"), "{listed}");
    assert!(
        listed.contains("driver 13.0, NVRTC 13.0, cuBLASLt 13.0.2") && !listed.contains("not available"),
        "{listed}"
    );
}

#[test]
fn a_machine_without_cards_says_so_and_what_to_do() {
    let settings = [("MEMOSCOPE_FAKE_DEVICES", "0")];
    let Some(output) = program(&["devices"], &settings) else { return };
    assert!(output.status.success(), "listing never fails");
    assert!(text(&output.stdout).contains("the NVIDIA driver finds no card"), "{}", text(&output.stdout));
    let output = program(&["check", "--device", "cuda"], &settings).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("hint: check that the card is visible"), "{}", text(&output.stderr));
    let output = program(&["check", "--device", "cuda:3"], &[]).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("this machine has `cuda:0` (Shim device)"), "{}", text(&output.stderr));
}

#[test]
fn too_little_memory_is_a_refusal_with_numbers() {
    let dir = golden("gpt2");
    let reference = dir.join("reference.safetensors");
    let arguments = ["verify", dir.to_str().unwrap(), "--reference", reference.to_str().unwrap(), "--device", "cuda"];
    let Some(output) = program(&arguments, &[("MEMOSCOPE_FAKE_MEMORY", "100000")]) else { return };
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the card has not enough memory: 1 MiB more are wanted, 0 MiB of 0 MiB are free"), "{said}");
}

/// In a process of its own, whose card has room for the model and little else.
#[test]
fn work_that_does_not_fit_is_cut_with_a_note() {
    const NAME: &str = "MEMOSCOPE_FAKE_MEMORY";
    if build::preload().is_none() {
        return;
    }
    if std::env::var_os(NAME).is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "cuda::backend::work_that_does_not_fit_is_cut_with_a_note", "--nocapture"]);
        let output = child.env(NAME, LITTLE.to_string()).output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let (card, cpu) = (deep(CARD), deep(Device::Cpu));
    let texts: Vec<Vec<u32>> = (0..24).map(|i| (0..30).map(|t| (i * 31 + t * 7) % 37).collect()).collect();
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let [ours, want] = [&card, &cpu].map(|model| score_tokens(model, &texts, Want::default()).unwrap());
    for (ours, want) in ours.iter().flatten().zip(want.iter().flatten()) {
        assert!((ours.log_prob - want.log_prob).abs() < 1e-4, "{ours:?} is not {want:?}");
    }
    let notes = relief::take_notes();
    assert!(notes.iter().any(|note| note.contains("scored in smaller parts")), "{notes:?}");
    let gradient = |model: &Decoder, n: usize| {
        let mut sums = SumGrads::new(model, &|_| true)?;
        let batch = Batch::causal(&texts[..n]).token_mean();
        loss_gradient(model, &batch, &mut sums, &mut NoTap, Keep::All)?;
        let numbers = sums.into_gradients().into_iter().map(|(_, g)| Ok(g.to_host()?.into_owned()));
        numbers.collect::<Result<Vec<Vec<f32>>, Error>>()
    };
    // between the texts that fit and those that never do are some that fit when blocks are computed again
    let found = (1..24).find_map(|n| {
        let ours = gradient(&card, n).ok()?;
        relief::take_notes().iter().any(|note| note.contains("computed again on the way back")).then_some((n, ours))
    });
    let (n, ours) = found.expect("blocks are computed again for some number of texts");
    let want = gradient(&cpu, n).unwrap();
    let pairs = ours.iter().flatten().zip(want.iter().flatten());
    assert!(pairs.clone().count() > 0 && pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5), "gradients differ");
}

/// What was rounded for products is rounded anew when the numbers change.
#[test]
fn a_changed_weight_is_rounded_again() {
    if build::preload().is_none() {
        return;
    }
    let (mut card, mut cpu) = (deep(Place { device: CARD, precision: Precision::Bf16 }), deep(Device::Cpu));
    let text: Vec<u32> = (0..20).map(|t| t * 7 % 37).collect();
    let score = |model: &Decoder| score_tokens(model, &[&text], Want::default()).unwrap().concat();
    let distance = |a: &[TokenScore], b: &[TokenScore]| {
        a.iter().zip(b).map(|(a, b)| (a.log_prob - b.log_prob).abs()).fold(0.0, f64::max)
    };
    let (before, want) = (score(&card), score(&cpu));
    assert!((1e-6..0.1).contains(&distance(&before, &want)), "rounded, and not by much: {before:?} {want:?}");
    for model in [&mut card, &mut cpu] {
        let embed = model.embed;
        model.params.get_mut(embed).values_mut().iter_mut().for_each(|x| *x *= -1.5);
    }
    let (after, want) = (score(&card), score(&cpu));
    assert!(distance(&after, &want) < 0.1, "{after:?} is not {want:?}");
    assert!(distance(&after, &before) > 0.5, "nothing changed");
}

/// Steps change the weights on the card, and what was rounded for products with them: losses stay within 1 % of f32.
#[test]
fn training_in_bf16_follows_training_in_f32() {
    if build::preload().is_none() {
        return;
    }
    let texts: Vec<Vec<u32>> = (0..4).map(|i| (0..20).map(|t| (i * 11 + t * t * 5) % 37).collect()).collect();
    let batch = Batch::causal(&texts).token_mean();
    let losses = |place: Place| -> Vec<f64> {
        let mut model = deep(place);
        let mut optimizer = Optimizer::new(Rule::adam_w(0.01), &model, &|_| true).unwrap();
        let step = |_| {
            let mut sums = SumGrads::new(&model, &|_| true).unwrap();
            let loss = loss_gradient(&model, &batch, &mut sums, &mut NoTap, Keep::All).unwrap();
            let gradients = sums.into_gradients();
            optimizer.step(&mut model, &gradients, 1e-2).unwrap();
            loss.total
        };
        (0..15).map(step).collect()
    };
    let want = losses(Device::Cpu.into());
    let ours = losses(Place { device: CARD, precision: Precision::Bf16 });
    assert!(want[14] < 0.95 * want[0], "it learns: {want:?}");
    for (ours, want) in ours.iter().zip(&want) {
        assert!((ours - want).abs() < 0.01 * want, "{ours} is not {want}");
    }
}

/// A model of ten small blocks.
fn deep(place: impl Into<Place>) -> Decoder {
    let config = serde_json::json!({
        "model_type": "gpt2", "vocab_size": 37, "n_positions": 32, "n_embd": 16, "n_layer": 10, "n_head": 2
    });
    let mut stream = Stream::new(0, "deep");
    let made = blueprint(&config).unwrap().build(kernels(place).unwrap(), |wanted| {
        let values = (0..wanted.shape.iter().product()).map(|_| 0.2 * stream.normal() as f32).collect();
        Weight::owned(&wanted.name, &wanted.shape, wanted.orientation, values)
    });
    made.unwrap()
}

#[test]
fn the_benchmark_of_cards_runs() {
    let names: Vec<&str> = memoscope::runs::bench::CARD_WORKLOADS.iter().map(|w| w.name).collect();
    let options = ["--device", "cuda", "--precision", "bf16", "--tiny", "--repeats", "1", "--json"];
    let Some(output) = program(&[&["bench"], &names[..], &options].concat(), &[]) else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let rates: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rates.iter().map(|r| r["workload"].as_str().unwrap()).collect::<Vec<_>>(), names);
    for rate in rates {
        assert!(rate["value"].as_f64().unwrap() > 0.0 && rate["precision"] == "bf16", "{rate}");
    }
}

#[test]
fn compiled_kernels_are_kept_and_those_the_card_refuses_are_compiled_again() {
    let cache = tempfile::tempdir().unwrap();
    let dir = golden("gpt2");
    let arguments = ["generate", dir.to_str().unwrap(), "--device", "cuda", "--opening", "2", "--max-new-tokens", "2"];
    let out = cache.path().join("out.jsonl");
    let arguments = [&arguments[..], &["--out", out.to_str().unwrap()]].concat();
    let Some(first) = program_with_cache(&arguments, &[], cache.path()) else { return };
    assert!(first.status.success(), "{}", text(&first.stderr));
    let rows = fs::read(&out).unwrap();
    let kernels = cache.path().join("memoscope/kernels");
    let files = || -> Vec<_> {
        let mut files: Vec<_> = fs::read_dir(&kernels).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    let kept = files();
    assert!(kept.iter().any(|file| file.to_string_lossy().contains("linear-")), "{kept:?}");
    let whole = fs::read(&kept[0]).unwrap();
    // one file is cut, one is whole but no image
    fs::write(&kept[0], &whole[..whole.len() / 2]).unwrap();
    fs::write(&kept[1], b"nonsense\0memoscope kernels\n").unwrap();
    let second = program_with_cache(&arguments, &[], cache.path()).unwrap();
    assert!(second.status.success(), "{}", text(&second.stderr));
    assert_eq!(fs::read(&out).unwrap(), rows);
    assert_eq!((files(), fs::read(&kept[0]).unwrap()), (kept, whole), "mended in place, and nothing left beside");
}

/// Every method; the number of rows is small because the shim is slow.
#[test]
fn every_method_reports_the_numbers_of_the_processor() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = crate::tidy::root().join("assets/sample");
    let start_of = |name: &str| {
        let place = scratch.path().join(name);
        let rows = fs::read_to_string(sample.join(name)).unwrap();
        fs::write(&place, rows.lines().take(2).collect::<Vec<_>>().join("\n")).unwrap();
        place.to_str().unwrap().to_owned()
    };
    let (members, nonmembers) = (start_of("members.jsonl"), start_of("nonmembers.jsonl"));
    let paraphrases = sample.join("paraphrases.json").to_str().unwrap().to_owned();
    let people = scratch.path().join("people.jsonl").to_str().unwrap().to_owned();
    let made = program(&["make", "bios", "--people", "6", "--out", &people], &[]);
    assert!(made.is_none_or(|made| made.status.success()));
    let few = ["--eigenvalues", "1", "--max-products", "2", "--probes", "1", "--lanczos-steps", "2"];
    let curvature =
        [&["curvature", "--data", &members, "--limit", "1", "--matrix", "gauss_newton", "--kinds", "norm"], &few[..]]
            .concat();
    let methods: [&[&str]; 9] = [
        &curvature,
        &["landscape", "--data", &members, "--axes", "1", "--steps", "3"],
        &["perplexity", "--data", &members],
        &["memorization-score", "--data", &members, "--k", "8", "--l", "4"],
        &["mia", "--members", &members, "--nonmembers", &nonmembers],
        &["gradient-alignment", "--data", &paraphrases, "--limit", "1"],
        &["qa", "--data", &people, "--people", "1", "--formats", "likelihood"],
        &["train", "--data", &members, "--length.steps", "2"],
        &[
            "unlearn",
            "--forget",
            &members,
            "--technique",
            "balanced-subnet",
            "--retain",
            &nonmembers,
            "--epochs",
            "1",
            "--k",
            "8",
            "--l",
            "4",
            "--max-tokens",
            "16",
            "--save-model",
            "false",
        ],
    ];
    assert_eq!(methods.len(), memoscope::methods::registry().len(), "a method is missing here");
    for method in methods {
        let run = |device: &str| {
            let out = scratch.path().join(format!("{}-{device}", method[0]));
            let places = ["--model", sample.to_str().unwrap(), "--out", out.to_str().unwrap(), "--device", device];
            let output = program(&[method, &places, &["--json"]].concat(), &[])?;
            assert!(output.status.success(), "{}", text(&output.stderr));
            let plan = fs::read_to_string(out.join("plan.json")).unwrap();
            assert!(plan.contains(&format!("\"device\": \"{device}\"")), "{plan}");
            Some(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
        };
        let (Some(card), Some(processor)) = (run("cuda:0"), run("cpu")) else { return };
        let [card, processor] = [card, processor].map(|report| numbers(&report["steps"][0]["scalars"]));
        assert!(card.len() == processor.len() && card.len() > 1, "{card:?}");
        for (a, b) in card.iter().zip(&processor) {
            assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{}: {a} is not {b}", method[0]);
        }
    }
}

/// Every number of a value.
fn numbers(value: &serde_json::Value) -> Vec<f64> {
    match value {
        serde_json::Value::Number(n) => n.as_f64().into_iter().collect(),
        serde_json::Value::Array(items) => items.iter().flat_map(numbers).collect(),
        serde_json::Value::Object(fields) => fields.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}
