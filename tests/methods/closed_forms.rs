//! A GPT-NeoX whose weights are a formula, against numbers of an independent float64 program.
//!
//! Losses, gradient norms, inner products and cosines with targets one ahead and two ahead. The engine computes in
//! f32 here, which costs about 1e-6 relative; its float64 build checks the gradients themselves.

use std::collections::BTreeMap;
use std::path::Path;

use memoscope::data::Record;
use memoscope::engine::{Batch, Decoder, Device, Want, score, weights};
use memoscope::methods::LoadedModel;
use memoscope::methods::common::alignment::{AlignOptions, Combine, Scope, align};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use super::{Inputs, dataset, floats};

const A: [u32; 8] = [3, 7, 1, 12, 5, 9, 20, 2];
const B: [u32; 8] = [3, 7, 4, 12, 6, 9, 20, 2];
const C: [u32; 6] = [15, 0, 11, 8, 19, 14];
/// Relative to the number itself; the printed numbers have nine decimals.
const TOLERANCE: f64 = 1e-5;

#[track_caller]
fn assert_close(found: f64, wanted: f64, tolerance: f64, what: &str) {
    assert!((found - wanted).abs() <= tolerance * wanted.abs() + 5e-9, "{what}: {found} is not {wanted}");
}

/// Names and shapes in the order in which the formula counts them.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let mut list = vec![("gpt_neox.embed_in.weight".to_owned(), vec![23, 8])];
    for layer in 0..2 {
        let part = |name: &str, shape: &[usize]| (format!("gpt_neox.layers.{layer}.{name}"), shape.to_vec());
        for norm in ["input_layernorm", "post_attention_layernorm"] {
            list.push(part(&format!("{norm}.weight"), &[8]));
            list.push(part(&format!("{norm}.bias"), &[8]));
        }
        for (name, shape) in [
            ("attention.query_key_value", [24, 8]),
            ("attention.dense", [8, 8]),
            ("mlp.dense_h_to_4h", [16, 8]),
            ("mlp.dense_4h_to_h", [8, 16]),
        ] {
            list.push(part(&format!("{name}.weight"), &shape));
            list.push(part(&format!("{name}.bias"), &shape[..1]));
        }
    }
    list.push(("gpt_neox.final_layer_norm.weight".to_owned(), vec![8]));
    list.push(("gpt_neox.final_layer_norm.bias".to_owned(), vec![8]));
    list.push(("embed_out.weight".to_owned(), vec![23, 8]));
    list
}

fn write(folder: &Path) {
    let value = |name: &str, k: usize, i: usize| {
        let wave = (0.1 * (i + 1) as f64 + k as f64).sin();
        match name.contains("norm") {
            true if name.ends_with("weight") => 1.0 + 0.1 * wave,
            true => 0.1 * wave,
            false => 0.3 * wave,
        }
    };
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors()
        .into_iter()
        .enumerate()
        .map(|(k, (name, shape))| {
            let n = shape.iter().product();
            let bytes = (0..n).flat_map(|i| value(&name, k, i).to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views: BTreeMap<&str, TensorView<'_>> =
        bytes.iter().map(|(n, s, b)| (n.as_str(), TensorView::new(Dtype::F64, s.clone(), b).unwrap())).collect();
    std::fs::write(folder.join("model.safetensors"), safetensors::serialize(&views, None).unwrap()).unwrap();
    let config = json!({
        "model_type": "gpt_neox", "vocab_size": 23, "hidden_size": 8, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 16, "rotary_pct": 0.5, "rotary_emb_base": 10000,
        "max_position_embeddings": 32, "use_parallel_residual": true, "hidden_act": "gelu", "layer_norm_eps": 1e-5,
        "tie_word_embeddings": false, "bos_token_id": 0, "eos_token_id": 0
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

fn decoder() -> (tempfile::TempDir, Decoder) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let decoder = weights::load(folder.path(), Device::Cpu).unwrap().decoder;
    (folder, decoder)
}

#[test]
fn losses_and_moments() {
    let (_folder, decoder) = decoder();
    let want = Want { moments: true, ..Want::default() };
    let scores = score::score_tokens(&decoder, &[&A, &B, &C], want).unwrap();
    for (scores, loss) in scores.iter().zip([3.172875776, 3.207002970, 3.118398202]) {
        let mean = -scores.iter().map(|s| s.log_prob).sum::<f64>() / scores.len() as f64;
        assert_close(mean, loss, TOLERANCE, "loss");
    }
    let ahead = two_ahead(&decoder);
    for (found, loss) in ahead.iter().zip([3.189680399, 3.236702681, 3.178842518]) {
        assert_close(*found, loss, TOLERANCE, "loss two ahead");
    }
    let log_probs = [-2.977395, -2.968452, -3.422604, -3.385872, -2.954162, -3.404037, -3.097608];
    let means = [-3.119098, -3.121679, -3.116951, -3.114855, -3.118255, -3.118861, -3.116014];
    let variances = [0.032497, 0.027425, 0.036700, 0.040789, 0.034148, 0.032962, 0.038529];
    let standardized = [0.786054, 0.925256, -1.595503, -1.341921, 0.887988, -1.570746, 0.093768];
    for (i, s) in scores[0].iter().enumerate() {
        let [mean, variance] = s.moments.unwrap();
        assert_close(s.log_prob, log_probs[i], TOLERANCE, "log-probability");
        assert_close(mean, means[i], TOLERANCE, "mean");
        assert_close(variance, variances[i], 3e-5, "variance");
        assert_close((s.log_prob - mean) / variance.sqrt(), standardized[i], 3e-5, "standardized");
    }
}

/// Mean loss of A, B and C when the target is the token two ahead.
fn two_ahead(decoder: &Decoder) -> Vec<f64> {
    let inputs: Vec<&[u32]> = [&A[..], &B, &C].into_iter().map(|ids| &ids[..ids.len() - 1]).collect();
    let mut batch = Batch::causal(&inputs);
    for (rows, ids) in batch.offsets.clone().iter().zip([&A[..], &B, &C]) {
        for (i, row) in rows.clone().enumerate() {
            batch.targets[row] = ids.get(i + 2).copied().unwrap_or_default();
            batch.weights[row] = f32::from(u8::from(i + 2 < ids.len()));
        }
    }
    let scores = score::score_targets(decoder, &batch, Want::default()).unwrap();
    scores.iter().map(|s| -s.iter().map(|s| s.log_prob).sum::<f64>() / s.len() as f64).collect()
}

/// The scores as the method writes them: A is the member, B the nonmember.
#[test]
fn least_likely_tokens() {
    let (folder, decoder) = decoder();
    let model = LoadedModel { name: "formula".to_owned(), path: folder.path().to_owned(), decoder, tokenizer: None };
    let set =
        |name: &str, ids: &[u32]| dataset(name, vec![Record { token_ids: Some(ids.to_vec()), ..Record::default() }]);
    let inputs =
        Inputs::default().model("model", model).data("members", set("in", &A)).data("nonmembers", set("out", &B));
    let config = |compat: &str| {
        json!({"scores": ["loss", "min_k", "min_k_plus_plus"], "ratios": [0.1, 0.2, 0.5, 0.6, 1.0], "bootstrap": 0,
            "control_folds": 0, "compat": compat})
    };
    let report = inputs.run("mia", &config("correct")).unwrap();
    for (name, row, wanted) in [
        ("loss", 0, -3.172876),
        ("min_k_0.2", 0, -3.422604),
        ("min_k_0.5", 0, -3.404171),
        ("min_k_0.6", 0, -3.327530),
        ("min_k_1.0", 0, -3.172876),
        ("min_k_plus_plus_0.2", 0, -1.595503),
        ("min_k_plus_plus_0.5", 0, -1.502723),
        ("min_k_plus_plus_0.6", 0, -1.103600),
        ("min_k_plus_plus_1.0", 0, -0.259300),
        ("min_k_0.5", 1, -3.406518),
        ("min_k_1.0", 1, -3.207003),
        ("min_k_plus_plus_0.5", 1, -1.580156),
        ("min_k_plus_plus_1.0", 1, -0.478088),
        // A share of no token takes one.
        ("min_k_0.1", 0, -3.422604),
    ] {
        assert_close(floats(&report, "scores", name)[row].unwrap(), wanted, 3e-5, name);
    }
    let paper = inputs.run("mia", &config("paper")).unwrap();
    for name in ["min_k_0.1", "min_k_plus_plus_0.1"] {
        assert_eq!(floats(&paper, "scores", name), [None, None], "{name}: a share of no token");
    }
}

/// Norm of A, norms, inner products and cosines with B and C, under one scope and shift.
struct Case {
    scope: Scope,
    shift: usize,
    norms: Option<[f64; 3]>,
    inner: Option<[f64; 2]>,
    cosine: [f64; 2],
}

#[test]
fn alignments() {
    let (_folder, decoder) = decoder();
    let cases = [
        Case {
            scope: Scope::Head,
            shift: 1,
            norms: Some([0.933985275, 0.950515856, 1.153158407]),
            inner: Some([0.537157288, -0.366902907]),
            cosine: [0.605065064, -0.340660793],
        },
        Case {
            scope: Scope::Head,
            shift: 2,
            norms: Some([1.048527279, 1.065209716, 1.344573796]),
            inner: Some([0.640899143, -0.333987701]),
            cosine: [0.573818886, -0.236900566],
        },
        Case {
            scope: Scope::Embed,
            shift: 1,
            norms: Some([0.098882742, 0.080487648, 0.047207708]),
            inner: Some([0.003212031, 0.0]),
            cosine: [0.403580282, 0.0],
        },
        Case {
            scope: Scope::Embed,
            shift: 2,
            norms: Some([0.114202647, 0.093920735, 0.055862147]),
            inner: Some([0.004645573, 0.0]),
            cosine: [0.433113440, 0.0],
        },
        Case { scope: Scope::EmbedHead, shift: 1, norms: None, inner: None, cosine: [0.504322673, -0.170330397] },
        Case { scope: Scope::EmbedHead, shift: 2, norms: None, inner: None, cosine: [0.503466163, -0.118450283] },
        Case { scope: Scope::All, shift: 1, norms: None, inner: None, cosine: [0.611177968, -0.328845162] },
        Case { scope: Scope::All, shift: 2, norms: None, inner: None, cosine: [0.620357461, -0.152427366] },
    ];
    for case in cases {
        let what = format!("{:?} shift {}", case.scope, case.shift);
        let options = AlignOptions { scope: case.scope, shift: case.shift, ..AlignOptions::default() };
        let aligned = align(&decoder, &A, &[&B, &C], &options).unwrap();
        for (pair, cosine) in aligned.pairs.iter().zip(case.cosine) {
            assert_close(pair.cosine.unwrap(), cosine, TOLERANCE, &what);
        }
        if let Some(norms) = case.norms {
            let found = [aligned.norm, aligned.pairs[0].norm, aligned.pairs[1].norm];
            found.iter().zip(norms).for_each(|(f, n)| assert_close(*f, n, TOLERANCE, &format!("{what} norm")));
        }
        if let Some(inner) = case.inner {
            aligned.pairs.iter().zip(inner).for_each(|(p, i)| assert_close(p.inner, i, TOLERANCE, &what));
        }
    }
}

/// What the published code gives: tensors by name, targets two ahead, mean of the cosines.
#[test]
fn published_code() {
    let (_folder, decoder) = decoder();
    let options = AlignOptions { shift: 2, by_name: true, combine: Combine::Global, ..AlignOptions::default() };
    let aligned = align(&decoder, &A, &[&B, &C], &options).unwrap();
    for (pair, cosine) in aligned.pairs.iter().zip([0.503466163, -0.118450283]) {
        assert_close(pair.cosine.unwrap(), cosine, TOLERANCE, "published code");
    }
}

#[test]
fn a_text_aligns_with_itself_and_never_above_one() {
    let (_folder, decoder) = decoder();
    for scope in [Scope::Head, Scope::Embed, Scope::LastBlock, Scope::All] {
        let aligned = align(&decoder, &A, &[&A], &AlignOptions { scope, ..AlignOptions::default() }).unwrap();
        assert_close(aligned.pairs[0].cosine.unwrap(), 1.0, 1e-6, &format!("{scope:?}"));
    }
}
