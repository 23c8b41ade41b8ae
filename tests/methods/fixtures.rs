//! The methods on a really pretrained model and real texts, where those are at hand.

use std::path::{Path, PathBuf};

use memoscope::data::{DataSpec, Tokenizer, load};
use memoscope::engine::generate::greedy_from;
use memoscope::engine::{Device, weights};
use memoscope::methods::LoadedModel;
use memoscope::methods::common::quality::word_jaccard;
use memoscope::methods::common::zlib::compressed_len;
use serde_json::json;

use super::{Inputs, assert_close, assert_well_formed, dataset, floats, scalar, text_record};

fn fixtures(part: &str) -> Option<PathBuf> {
    let root = std::env::var("MEMOSCOPE_FIXTURES")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"), PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is missing", path.display());
    None
}

fn stories() -> Option<LoadedModel> {
    let path = fixtures("stories260k")?;
    let decoder = weights::load(&path, Device::Cpu).unwrap().decoder;
    let tokenizer = Some(Tokenizer::load(&path).unwrap());
    Some(LoadedModel { name: "stories260k".to_owned(), path, decoder, tokenizer })
}

fn limited(limit: usize) -> DataSpec {
    DataSpec { limit: Some(limit), ..DataSpec::default() }
}

#[test]
fn the_opening_of_a_story_is_known_by_heart() {
    let Some(model) = stories() else { return };
    let text = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.";
    let inputs = Inputs::default().model("model", model).data("data", dataset("opening", vec![text_record(0, text)]));
    let report = inputs.run("perplexity", &json!({})).unwrap();
    assert_close(scalar(&report, "loss.token_mean"), 0.1804, 5e-5, "loss");
}

/// What a model continues greedily, it has memorized by this score.
#[test]
fn own_stories_score_one() {
    let Some(model) = stories() else { return };
    let prompts: Vec<Vec<u32>> = (0..6).map(|i| vec![1, 403 + i, 261]).collect();
    let borrowed: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let made = greedy_from(&model.decoder, &borrowed, &[61; 6], &mut |_| true).unwrap();
    let rows = prompts.iter().zip(made).enumerate().map(|(row, (prompt, made))| memoscope::data::Record {
        row,
        token_ids: Some([&prompt[..], &made].concat()),
        ..memoscope::data::Record::default()
    });
    let inputs = Inputs::default().data("data", dataset("stories", rows.collect())).model("model", model);
    let report = inputs.run("memorization-score", &json!({})).unwrap();
    assert_eq!([scalar(&report, "memorization_score"), scalar(&report, "exact_match")], [1.0, 1.0]);
}

#[test]
fn rows_of_a_larger_vocabulary_are_refused() {
    let (Some(model), Some(rows)) = (stories(), fixtures("amber/train_355.jsonl")) else { return };
    let inputs = Inputs::default().model("model", model).data("data", load(&rows, &limited(5)).unwrap());
    let error = inputs.run("memorization-score", &json!({})).unwrap_err().to_string();
    assert!(error.contains("exceeds the vocabulary of stories260k (512 tokens)"), "{error}");
}

/// Pairs, median share of common words, pairs below 0.05, and strongly repetitive ones, as counted by a Python program.
#[test]
fn paraphrases_of_a_base_model_share_few_words() {
    for (name, n, median, n_below, n_repetitive) in [
        ("beam_single_prompt_dm_mathematics_train", 267, 0.126, 46, 63),
        ("beam_single_prompt_dm_mathematics_test", 267, 0.085, 65, 96),
        ("greedy_Nprompts_dm_mathematics_train", 445, 0.103, 110, 85),
        ("greedy_Nprompts_dm_mathematics_test", 445, 0.075, 165, 113),
    ] {
        let Some(path) = fixtures(&format!("paraphrases/pythia-2.8b_{name}.json")) else { return };
        let data = load(&path, &DataSpec::default()).unwrap();
        let of = |r: &memoscope::data::Record| {
            let original = r.text.clone().unwrap_or_default();
            r.paraphrases.iter().map(|p| (word_jaccard(&original, p), compression(p))).collect::<Vec<_>>()
        };
        let (mut shares, ratios): (Vec<f64>, Vec<f64>) = data.records.iter().flat_map(of).unzip();
        shares.sort_by(f64::total_cmp);
        assert_eq!(shares.len(), n, "{name}");
        assert!((shares[n / 2] - median).abs() < 5e-4, "{name}: median {}", shares[n / 2]);
        assert_eq!(shares.iter().filter(|j| **j < 0.05).count(), n_below, "{name}");
        assert_eq!(ratios.iter().filter(|r| **r > 6.0).count(), n_repetitive, "{name}");
    }
}

/// Bytes over zlib bytes.
fn compression(text: &str) -> f64 {
    text.len() as f64 / compressed_len(text.as_bytes()).unwrap() as f64
}

#[test]
fn pairs_and_memberships_of_real_texts() {
    let paraphrases = "paraphrases/pythia-2.8b_beam_single_prompt_dm_mathematics";
    let files = ["train", "test"].map(|split| fixtures(&format!("{paraphrases}_{split}.json")));
    let (Some(model), [Some(train), Some(test)]) = (stories(), files) else { return };
    let inputs = Inputs::default()
        .model("model", model)
        .data("members", load(&train, &limited(3)).unwrap())
        .data("nonmembers", load(&test, &limited(3)).unwrap());
    let config = json!({"bootstrap": 20, "max_tokens": 200, "per_layer": true});
    let aligned = inputs.run("gradient-alignment", &config).unwrap();
    assert_well_formed(&aligned);
    assert_eq!(scalar(&aligned, "n_pairs"), 18.0);
    assert!(floats(&aligned, "pairs", "cosine").iter().flatten().all(|c| (-1.0..=1.0).contains(c)));
    let config = json!({"bootstrap": 20, "max_tokens": 200, "scores": ["loss", "zlib", "min_k", "alignment"]});
    let report = inputs.run("mia", &config).unwrap();
    assert_well_formed(&report);
    assert_eq!(
        floats(&report, "scores", "loss"),
        floats(&report, "scores", "min_k_1.0"),
        "the whole share is the loss"
    );
    assert_eq!(
        floats(&report, "scores", "alignment"),
        floats(&aligned, "texts", "cosine"),
        "one alignment, whichever method asks"
    );
}
