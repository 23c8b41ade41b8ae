//! Tiny random decoders of every shape, for checks.

use std::sync::Arc;

use crate::cpu::CpuKernels;
use crate::kernels::HeadLayout;
use crate::model::{
    Activation, Adapters, BlockParams, Decoder, Family, Linear, Mlp, MlpParams, ModelConfig, Norm, NormParams,
    Orientation, ParamId, Params, Position, ProjectionParams, Residual, Weight,
};
use crate::rng::Stream;
use crate::tensor::Real;

/// What the families differ in.
pub(crate) fn shapes() -> Vec<(&'static str, ModelConfig)> {
    let rotary = |interleaved| Position::Rotary { inv_freq: vec![1.0, 0.1], interleaved };
    let base = ModelConfig {
        family: Family::Gpt2,
        n_layer: 2,
        n_head: 2,
        n_kv_head: 2,
        n_ctx: 16,
        d_model: 8,
        d_head: 4,
        d_ff: 12,
        vocab_size: 19,
        norm: Norm::Layer { eps: 1e-5 },
        position: Position::Learned,
        residual: Residual::Sequential,
        mlp: Mlp::Plain(Activation::GeluTanh),
        window: vec![None; 2],
        attention_scale: vec![0.5; 2],
        tied_embeddings: true,
        bos: None,
        eos: vec![],
    };
    let gpt_neo = ModelConfig {
        family: Family::GptNeo,
        window: vec![None, Some(3)],
        attention_scale: vec![1.0; 2],
        ..base.clone()
    };
    let gptj = ModelConfig {
        family: Family::GptJ,
        position: rotary(true),
        residual: Residual::ParallelOneNorm,
        tied_embeddings: false,
        ..base.clone()
    };
    let gpt_neox = ModelConfig {
        family: Family::GptNeoX,
        position: rotary(false),
        residual: Residual::ParallelTwoNorms,
        mlp: Mlp::Plain(Activation::GeluErf),
        tied_embeddings: false,
        ..base.clone()
    };
    let llama = ModelConfig {
        family: Family::Llama,
        n_head: 4,
        position: rotary(false),
        norm: Norm::Rms { eps: 1e-5 },
        mlp: Mlp::Gated(Activation::Silu),
        ..base.clone()
    };
    vec![("gpt2", base), ("gpt_neo", gpt_neo), ("gptj", gptj), ("gpt_neox", gpt_neox), ("llama", llama)]
}

struct Maker {
    params: Params,
    random: Stream,
}

impl Maker {
    fn weight(&mut self, name: &str, shape: &[usize], orientation: Orientation, center: f64, spread: f64) -> ParamId {
        let n = shape.iter().product();
        let values = (0..n).map(|_| (center + spread * self.random.normal()) as Real).collect();
        self.params.push(Weight::owned(name, shape, orientation, values).expect("shape and values agree"))
    }

    fn linear(&mut self, name: &str, out: usize, inp: usize, bias: bool, orientation: Orientation) -> Linear {
        let shape = if orientation == Orientation::OutIn { [out, inp] } else { [inp, out] };
        let weight = self.weight(&format!("{name}.weight"), &shape, orientation, 0.0, 0.4);
        let bias = bias.then(|| self.weight(&format!("{name}.bias"), &[out], Orientation::OutIn, 0.0, 0.3));
        Linear { weight, bias }
    }

    fn norm(&mut self, name: &str, c: usize, bias: bool) -> NormParams {
        let gain = self.weight(&format!("{name}.weight"), &[c], Orientation::OutIn, 1.0, 0.2);
        NormParams {
            gain,
            bias: bias.then(|| self.weight(&format!("{name}.bias"), &[c], Orientation::OutIn, 0.0, 0.2)),
        }
    }

    fn block(&mut self, config: &ModelConfig, layer: usize) -> BlockParams {
        let (c, f, biased) = (config.d_model, config.d_ff, config.family != Family::Llama);
        let (q, kv) = (config.n_head * config.d_head, config.n_kv_head * config.d_head);
        let conv = if config.family == Family::Gpt2 { Orientation::InOut } else { Orientation::OutIn };
        let name = |part: &str| format!("{layer}.{part}");
        let layout = match config.family {
            Family::Gpt2 => Some(HeadLayout::Thirds),
            Family::GptNeoX => Some(HeadLayout::PerHead),
            _ => None,
        };
        let projection = match layout {
            Some(layout) => ProjectionParams::Fused { qkv: self.linear(&name("qkv"), 3 * q, c, true, conv), layout },
            None => ProjectionParams::Separate {
                q: self.linear(&name("q"), q, c, false, conv),
                k: self.linear(&name("k"), kv, c, false, conv),
                v: self.linear(&name("v"), kv, c, false, conv),
            },
        };
        BlockParams {
            norm1: self.norm(&name("norm1"), c, biased),
            norm2: (config.residual != Residual::ParallelOneNorm).then(|| self.norm(&name("norm2"), c, biased)),
            projection,
            attn_out: self.linear(&name("attn_out"), c, q, biased, conv),
            mlp: MlpParams {
                gate: matches!(config.mlp, Mlp::Gated(_)).then(|| self.linear(&name("gate"), f, c, biased, conv)),
                up: self.linear(&name("up"), f, c, biased, conv),
                down: self.linear(&name("down"), c, f, biased, conv),
            },
        }
    }
}

/// A decoder of this shape with random weights.
pub(crate) fn decoder(config: &ModelConfig, seed: u64) -> Decoder {
    let mut m = Maker { params: Params::default(), random: Stream::new(seed, "test weights") };
    let (c, v) = (config.d_model, config.vocab_size);
    let embed = m.weight("embed", &[v, c], Orientation::OutIn, 0.0, 0.7);
    let positions = matches!(config.position, Position::Learned)
        .then(|| m.weight("positions", &[config.n_ctx, c], Orientation::OutIn, 0.0, 0.3));
    let blocks = (0..config.n_layer).map(|layer| m.block(config, layer)).collect();
    let final_norm = m.norm("final_norm", c, config.family != Family::Llama);
    let head = if config.tied_embeddings {
        Linear { weight: embed, bias: None }
    } else {
        m.linear("head", v, c, config.family == Family::GptJ, Orientation::OutIn)
    };
    let kernels = Arc::new(CpuKernels);
    Decoder {
        config: config.clone(),
        params: m.params,
        embed,
        positions,
        blocks,
        final_norm,
        head,
        adapters: Adapters::default(),
        kernels,
    }
}

/// Token sequences of these lengths.
pub(crate) fn sequences(lengths: &[usize], vocab_size: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut random = Stream::new(seed, "test tokens");
    lengths.iter().map(|n| (0..*n).map(|_| random.below(vocab_size) as u32).collect()).collect()
}
