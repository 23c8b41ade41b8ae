//! Configurations that papers and code bases used, by method, each with where it is from.

use serde::Serialize;
use serde_json::{Map, Value};

/// A named configuration of a method: what differs from the defaults.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Preset {
    /// Id of the method.
    pub method: &'static str,
    /// Stable name, unique within the method.
    pub id: &'static str,
    /// Shown name.
    pub title: &'static str,
    /// Paper with section, or code.
    pub source: &'static str,
    /// Fields as JSON.
    pub fields: &'static [(&'static str, &'static str)],
}

const PRESETS: &[Preset] = &[
    Preset {
        method: "curvature",
        id: "pyhessian",
        title: "PyHessian",
        source: "Yao et al. 2020, amirgholami/PyHessian: the top eigenvalue, at most 100 probes, 100 steps of Lanczos",
        fields: &[("eigenvalues", "1"), ("probes", "100"), ("lanczos_steps", "100")],
    },
    Preset {
        method: "curvature",
        id: "gauss-newton",
        title: "Gauss-Newton, stable eigenvalues",
        source: "Schraudolph 2002: never negative; the Fisher matrix of the model's own predictions",
        fields: &[("matrix", "\"gauss_newton\""), ("eigenvalues", "5"), ("max_products", "300")],
    },
    Preset {
        method: "gradient-alignment",
        id: "head",
        title: "Paramem, output head",
        source: "Paramem, definitions 3.1 and 3.3: cosine of the gradients of the output layer, mean over paraphrases",
        fields: &[("scope", "\"head\""), ("max_tokens", "512")],
    },
    Preset {
        method: "gradient-alignment",
        id: "code",
        title: "Paramem, as its code runs",
        source: "Paramem, gradient_alignment_analyzer.py: embedding and head, cosine per tensor, quirks reproduced",
        fields: &[("scope", "\"embed_head\""), ("combine", "\"per_tensor\""), ("compat", "\"paper\"")],
    },
    Preset {
        method: "landscape",
        id: "edit",
        title: "Along an edit",
        source: "From the model to an edited one, with the loss of every text set: give the edited model as `others`",
        fields: &[("span", "\"models\""), ("axes", "1"), ("steps", "41")],
    },
    Preset {
        method: "landscape",
        id: "gradients",
        title: "Memorized × ordinary text",
        source: "The plane of the gradients of two text sets, right-angled",
        fields: &[("span", "\"gradients\""), ("orthogonal", "true")],
    },
    Preset {
        method: "landscape",
        id: "paper",
        title: "Sakarvadia et al., 21 × 21",
        source: "arXiv:2410.02159, figs/vis: random_plane(distance=1, steps=21, filter) on 128 texts, with the seed 543",
        fields: &[("x_range", "[-0.5, 0.5]"), ("limit", "128"), ("compat", "\"paper\"")],
    },
    Preset {
        method: "landscape",
        id: "li",
        title: "Li et al., 51 × 51",
        source: "Li et al. 2018, tomgoldstein/loss-landscape: filter normalization, biases and norms ignored, seed 123",
        fields: &[("steps", "51"), ("x_range", "[-1.0, 1.0]"), ("y_range", "[-1.0, 1.0]"), ("compat", "\"li\"")],
    },
    Preset {
        method: "memorization-score",
        id: "llm360",
        title: "LLM360, k = l = 32",
        source: "Liu et al. 2023, arXiv:2312.06550, section 4.3: 1000 rows a chunk; decoding as Analysis360 does",
        fields: &[("limit", "1000"), ("compat", "\"paper\"")],
    },
    Preset {
        method: "memorization-score",
        id: "pythia",
        title: "Pythia, k = l = 32",
        source: "Biderman et al. 2023, arXiv:2304.11158, eq. 1; its evaluation never chooses the end-of-text token",
        fields: &[("eos_policy", "\"forbid\"")],
    },
    Preset {
        method: "memorization-score",
        id: "carlini",
        title: "Carlini, k = l = 50",
        source: "Carlini et al. 2022, arXiv:2202.07646: 50 tokens of context, the next 50 verbatim",
        fields: &[("k", "50"), ("l", "50")],
    },
    Preset {
        method: "memorization-score",
        id: "short",
        title: "Short texts, k = 16, l = 8",
        source: "The study of the sample: biographies of about thirty tokens",
        fields: &[("k", "16"), ("l", "8")],
    },
    Preset {
        method: "mia",
        id: "paramem",
        title: "Paramem, results tables",
        source: "Paramem, mia/run_hydra.py: loss, zlib, Min-K% and Min-K%++ at ten ratios, quirks reproduced",
        fields: &[("scores", r#"["loss", "zlib", "min_k", "min_k_plus_plus"]"#), ("compat", "\"paper\"")],
    },
    Preset {
        method: "mia",
        id: "min-k-20",
        title: "Min-K% Prob, k = 20 %",
        source: "Shi et al. 2024, arXiv:2310.16789",
        fields: &[("scores", r#"["min_k"]"#), ("ratios", "[0.2]")],
    },
    Preset {
        method: "perplexity",
        id: "analysis360",
        title: "Analysis360",
        source: "LLM360/Analysis360, analysis/metrics/ppl: padded batches of two texts, 512 tokens",
        fields: &[("compat", "\"paper\"")],
    },
    Preset {
        method: "train",
        id: "tinymem-quick",
        title: "TinyMem, small",
        source: "TinyMem's training at a size for a laptop: 600 rows of 8 numbers, context 64, k = l = 16",
        fields: &[
            ("fresh", r#"{"n_layer": 2, "n_head": 4, "d_model": 64, "n_ctx": 64}"#),
            ("optimizer", r#"{"beta2": 0.98, "weight_decay": 0.1, "clip": 0.0}"#),
            ("length", r#"{"epochs": 100}"#),
            ("check", r#"{"k": 16, "l": 16, "every": 10}"#),
            ("compat", "\"paper\""),
        ],
    },
    Preset {
        method: "train",
        id: "tinymem",
        title: "TinyMem, mathematics with noise",
        source: "Sakarvadia et al. 2025, arXiv:2410.02159, parsl_basic_train.py: 4 layers, batches of 128, 3500 epochs",
        fields: &[
            ("fresh", r#"{"n_layer": 4, "n_head": 4, "d_model": 128, "n_ctx": 150}"#),
            ("rows", r#"{"batch": 128}"#),
            ("optimizer", r#"{"beta2": 0.98, "weight_decay": 0.1, "clip": 0.0}"#),
            ("length", r#"{"epochs": 3500}"#),
            ("check", r#"{"k": 50, "l": 50, "every": 50}"#),
            ("checkpoint", r#"{"every": 50}"#),
            ("compat", "\"paper\""),
        ],
    },
    Preset {
        method: "train",
        id: "finetuned",
        title: "Fine-tuning study",
        source: "Zeng et al. 2024, arXiv:2310.06714, ds_config_gpt.json: batches of 64, 20 epochs, lr 2e-5 \
            after a logarithmic warm-up of 10 steps",
        fields: &[
            ("rows", r#"{"batch": 8, "accumulate": 8, "long": "truncate"}"#),
            ("optimizer", r#"{"weight_decay": 0.0}"#),
            ("lr", r#"{"peak": 2e-5, "warmup_steps": 10, "rise": "logarithmic"}"#),
            ("length", r#"{"epochs": 20}"#),
            ("checkpoint", r#"{"every": 1}"#),
        ],
    },
    Preset {
        method: "train",
        id: "engram",
        title: "LLM-Engram, biographies",
        source: "LLM-Engram, train_model.py: lr 5e-5 falling to 0 in 3 epochs of batches of 4",
        fields: &[
            ("rows", r#"{"batch": 4, "long": "truncate", "add_eos": false}"#),
            ("optimizer", r#"{"weight_decay": 0.0}"#),
            ("lr", r#"{"peak": 5e-5, "schedule": "linear"}"#),
        ],
    },
    Preset {
        method: "train",
        id: "engram-lora",
        title: "LLM-Engram, adapters",
        source: "LLM-Engram, train_model.py with --lora: rank 8, alpha 16, dropout 0.05, attention",
        fields: &[
            ("rows", r#"{"batch": 4, "long": "truncate", "add_eos": false}"#),
            ("optimizer", r#"{"weight_decay": 0.0}"#),
            ("lr", r#"{"peak": 5e-5, "schedule": "linear"}"#),
            ("lora", r#"{"rank": 8, "alpha": 16.0, "dropout": 0.05}"#),
        ],
    },
    Preset {
        method: "unlearn",
        id: "balanced-subnet-tinymem",
        title: "BalancedSubnet, TinyMem",
        source: "Sakarvadia et al. 2025, arXiv:2410.02159: prompts and continuations of 50 tokens, memorized rows, ratio 5 %",
        fields: &[
            ("ratio", "0.05"),
            ("loss_weight", "0.9"),
            ("forget_rows", "\"memorized\""),
            ("k", "50"),
            ("l", "50"),
            ("compat", "\"paper\""),
        ],
    },
    Preset {
        method: "unlearn",
        id: "balanced-subnet-pythia",
        title: "BalancedSubnet, Pythia",
        source: "Sakarvadia et al. 2025, arXiv:2410.02159: prompts of 32 tokens, continuations of 40, one epoch, ratio 1 %",
        fields: &[
            ("ratio", "0.01"),
            ("epochs", "1"),
            ("batch", "32"),
            ("forget_rows", "\"memorized\""),
            ("l", "40"),
            ("compat", "\"paper\""),
        ],
    },
    Preset {
        method: "unlearn",
        id: "npo-tofu",
        title: "NPO, TOFU",
        source: "open-unlearning: β = 0.1, learning rate 1e-5, ten epochs of 32 texts",
        fields: &[("technique", "\"npo\"")],
    },
];

impl Preset {
    /// Its fields as a configuration.
    pub fn config(&self) -> Map<String, Value> {
        let field = |(name, text): &(&str, &str)| Some(((*name).to_owned(), serde_json::from_str(text).ok()?));
        self.fields.iter().filter_map(field).collect()
    }
}

/// The presets of a method.
pub fn presets(method: &str) -> impl Iterator<Item = &'static Preset> {
    PRESETS.iter().filter(move |p| p.method == method)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::find;

    #[test]
    fn presets_are_good_configurations_that_differ_from_the_defaults() {
        for preset in PRESETS {
            let method = find(preset.method).unwrap();
            let config = preset.config();
            assert_eq!(config.len(), preset.fields.len(), "{}: a field is no JSON", preset.id);
            let value = Value::Object(config.clone());
            let problems = method.problems(&value);
            assert!(problems.is_empty(), "{} {}: {problems:?}", preset.method, preset.id);
            let others = presets(preset.method).filter(|p| p.config() == config || p.id == preset.id).count();
            assert_eq!(others, 1, "{} {} is there twice", preset.method, preset.id);
        }
    }
}
