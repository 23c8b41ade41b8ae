//! Models whose weights are a formula: value of element n of tensor t is 0.3·sin(0.7n + 1.3t + 0.5), around 1 for
//! norm gains; tensors sorted by name. Expected numbers: transformers 5.23; logits and losses also from an
//! independent float64 computation.

use std::path::Path;

use memoscope::engine::generate::greedy_from;
use memoscope::engine::loss::{logits, loss_gradient};
use memoscope::engine::model::Keep;
use memoscope::engine::sinks::SumGrads;
use memoscope::engine::{Batch, Decoder, Device, NoTap, families, weights};
use serde_json::{Value, json};

use super::build::write_f32;

const IDS: [u32; 8] = [3, 1, 4, 1, 5, 9, 2, 6];

struct Case {
    id: &'static str,
    config: Value,
    n_tensors: usize,
    last_logits: [f64; 5],
    third_logits: [f64; 3],
    loss: f64,
    gradient_norm: f64,
    /// Of the input embedding: row 4, channels 0 and 1.
    embed_gradient: [f64; 2],
    greedy: [u32; 6],
}

#[test]
fn numbers_of_the_table() {
    for case in cases() {
        check(&case);
    }
}

fn check(case: &Case) {
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path(), case);
    let model = weights::load(dir.path(), Device::Cpu).unwrap().decoder;
    assert_eq!(model.params.len(), case.n_tensors, "{}", case.id);
    let batch = Batch::causal(&[IDS]).token_mean();

    let y = logits(&model, &batch, &mut NoTap).unwrap();
    let y = y.to_host().unwrap();
    let row = |r: usize| y[r * 11..].iter().map(|&x| f64::from(x));
    let near = |a: f64, b: f64, what: &str| assert!((a - b).abs() < 1e-5, "{} {what}: {a} but {b}", case.id);
    row(7).zip(case.last_logits).for_each(|(a, b)| near(a, b, "last logits"));
    row(2).zip(case.third_logits).for_each(|(a, b)| near(a, b, "logits at 2"));

    let mut sink = SumGrads::new(&model, &|_| true).unwrap();
    let loss = loss_gradient(&model, &batch, &mut sink, &mut NoTap, Keep::All).unwrap();
    near(loss.total, case.loss, "loss");
    let squares = |id| sink.get(id).unwrap().to_host().unwrap().iter().map(|&g| f64::from(g).powi(2)).sum::<f64>();
    let norm = model.params.iter().map(|(id, _)| squares(id)).sum::<f64>().sqrt();
    assert!((norm / case.gradient_norm - 1.0).abs() < 1e-4, "{} gradient: {norm}", case.id);
    let d = model.config.d_model;
    let embed = &sink.get(model.embed).unwrap().to_host().unwrap()[4 * d..];
    for (ours, theirs) in embed.iter().zip(case.embed_gradient) {
        let tolerance = 1e-4 * f64::abs(theirs) + 1e-6;
        assert!((f64::from(*ours) - theirs).abs() < tolerance, "{} g[4]: {ours} but {theirs}", case.id);
    }
    assert_eq!(greedy(&model), [case.greedy], "{}", case.id);
}

fn greedy(model: &Decoder) -> Vec<Vec<u32>> {
    greedy_from(model, &[&IDS], &[6], &mut |_| true).unwrap()
}

fn write_model(dir: &Path, case: &Case) {
    std::fs::write(dir.join("config.json"), case.config.to_string()).unwrap();
    let mut wanted = families::blueprint(&case.config).unwrap().wanted;
    wanted.sort_by(|a, b| a.name.cmp(&b.name));
    let tensors: Vec<_> = wanted
        .into_iter()
        .enumerate()
        .map(|(t, w)| {
            let is_gain = w.shape.len() == 1 && w.name.ends_with("weight");
            let value = |n: usize| {
                let v = (0.7 * n as f64 + 1.3 * t as f64 + 0.5).sin();
                (if is_gain { 1.0 + 0.1 * v } else { 0.3 * v }) as f32
            };
            let values = (0..w.shape.iter().product()).map(value).collect();
            (w.name, w.shape, values)
        })
        .collect();
    write_f32(&dir.join("model.safetensors"), &tensors);
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let neox = |is_parallel: bool| {
        json!({"model_type": "gpt_neox", "vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 16, "rotary_pct": 0.5,
            "rotary_emb_base": 10000, "use_parallel_residual": is_parallel, "hidden_act": "gelu"})
    };
    vec![
        Case {
            id: "gpt2",
            config: json!({"model_type": "gpt2", "vocab_size": 11, "n_embd": 8, "n_layer": 2, "n_head": 2,
                "n_positions": 16}),
            n_tensors: 28,
            last_logits: [-0.833536, -1.770497, -1.912737, -1.196411, 0.056946],
            third_logits: [-1.911998, -2.139089, -1.406011],
            loss: 3.446165,
            gradient_norm: 2.509750,
            embed_gradient: [-0.069487, -0.001556],
            greedy: [6, 6, 6, 6, 6, 6],
        },
        Case {
            id: "gpt_neo",
            config: json!({"model_type": "gpt_neo", "vocab_size": 11, "hidden_size": 8, "num_layers": 2,
                "num_heads": 2, "max_position_embeddings": 16, "window_size": 3,
                "attention_types": [[["global", "local"], 1]]}),
            n_tensors: 30,
            last_logits: [-0.267055, -0.457520, -0.442619, -0.229040, 0.087348],
            third_logits: [-0.276076, 0.169606, 0.539157],
            loss: 2.478047,
            gradient_norm: 1.378642,
            embed_gradient: [0.013853, -0.112946],
            greedy: [6, 6, 8, 6, 0, 4],
        },
        Case {
            id: "gptj",
            config: json!({"model_type": "gptj", "vocab_size": 11, "n_embd": 16, "n_layer": 2, "n_head": 2,
                "n_positions": 16, "rotary_dim": 4, "layer_norm_epsilon": 1e-5}),
            n_tensors: 25,
            last_logits: [0.568976, 2.499053, 0.759857, -1.871543, -1.345945],
            third_logits: [0.005716, 2.583596, 1.357442],
            loss: 2.737206,
            gradient_norm: 4.676279,
            embed_gradient: [-0.005548, -0.001275],
            greedy: [1, 1, 1, 1, 1, 1],
        },
        Case {
            id: "neox_par",
            config: neox(true),
            n_tensors: 28,
            last_logits: [-0.804829, -0.827313, 0.468932, 1.017704, -0.055734],
            third_logits: [-1.266843, -1.011608, 0.856121],
            loss: 2.874850,
            gradient_norm: 6.752326,
            embed_gradient: [0.059488, 0.043193],
            greedy: [3, 7, 7, 7, 7, 7],
        },
        Case {
            id: "neox_seq",
            config: neox(false),
            n_tensors: 28,
            last_logits: [-0.868708, -1.048296, 0.443089, 1.228195, 0.055570],
            third_logits: [-1.366410, -1.102929, 0.918610],
            loss: 2.880749,
            gradient_norm: 8.582763,
            embed_gradient: [0.132082, 0.118317],
            greedy: [3, 7, 7, 7, 7, 7],
        },
        Case {
            id: "llama",
            config: json!({"model_type": "llama", "vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 2,
                "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24, "rms_norm_eps": 1e-5,
                "rope_theta": 1e4, "tie_word_embeddings": false, "max_position_embeddings": 16}),
            n_tensors: 21,
            last_logits: [1.287679, 1.311477, -0.755206, -1.618098, 0.098242],
            third_logits: [0.099923, -0.437756, -0.277656],
            loss: 2.376164,
            gradient_norm: 3.578261,
            embed_gradient: [0.208052, 0.200382],
            greedy: [5, 9, 8, 3, 7, 7],
        },
        Case {
            id: "llama3_tied",
            config: json!({"model_type": "llama", "vocab_size": 11, "hidden_size": 32, "num_hidden_layers": 2,
                "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 24, "rms_norm_eps": 1e-5,
                "tie_word_embeddings": true, "max_position_embeddings": 64, "rope_theta": 100.0,
                "rope_scaling": {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}),
            n_tensors: 20,
            last_logits: [0.014420, -0.083290, 0.138430, -0.170751, 0.174924],
            third_logits: [-0.094575, -0.282123, 0.612314],
            loss: 2.510390,
            gradient_norm: 12.174690,
            embed_gradient: [0.075093, 0.177417],
            greedy: [4, 4, 4, 4, 4, 4],
        },
    ]
}
