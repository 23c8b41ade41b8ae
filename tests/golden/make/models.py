"""Makes tests/golden/models: tiny random checkpoints of every family, each with a reference file.

Run from the root of the repository:  python tests/golden/make/models.py
Needs torch, transformers and safetensors; the versions used are in tests/golden/PROVENANCE.md.

A reference holds, computed in float64 with eager attention from the weights as they are stored:
input_ids (2, 14), logits, nll, loss, grad/<name on disk>, hvp.v/<name> (random direction),
hvp/<name> (double backward), greedy.prompt and greedy (six tokens, no end-of-text logic).
"""

import os
import shutil
import sys

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPTJConfig, GPTNeoConfig, GPTNeoXConfig
from transformers import LlamaConfig, MistralConfig, Qwen2Config

SEED = 20261120
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models")
VOCAB, B, T = 37, 2, 14
COMMON = dict(vocab_size=VOCAB, bos_token_id=1, eos_token_id=2)
LLAMA = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=32, **COMMON)
NEOX = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=32, **COMMON)
GPT2 = dict(n_embd=16, n_layer=2, n_head=2, n_inner=24, n_positions=32, **COMMON)

# id: (config, dtype on disk, largest shard)
MODELS = {
    "gpt2": (GPT2Config(**GPT2), "float32", None),
    "gpt2_variant": (GPT2Config(**GPT2, scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False,
                                activation_function="relu"), "float32", None),
    "gpt_neo": (GPTNeoConfig(hidden_size=16, num_layers=3, num_heads=2, intermediate_size=24, window_size=4,
                             attention_types=[[["global", "local"], 1], [["local"], 1]],
                             max_position_embeddings=32, **COMMON), "float32", None),
    "gptj": (GPTJConfig(n_embd=16, n_layer=2, n_head=2, n_inner=24, n_positions=32, rotary_dim=4, **COMMON),
             "float32", None),
    "gpt_neox": (GPTNeoXConfig(**NEOX, hidden_act="gelu"), "float32", None),
    "gpt_neox_sequential": (GPTNeoXConfig(**NEOX, hidden_act="gelu_fast", use_parallel_residual=False,
                                          attention_bias=False,
                                          rope_parameters=dict(rope_type="default", rope_theta=500.0,
                                                               partial_rotary_factor=0.5)),
                            "float32", None),
    "llama": (LlamaConfig(**LLAMA), "float32", 6000),
    "llama3_tied": (LlamaConfig(**LLAMA, head_dim=8, tie_word_embeddings=True,
                                rope_parameters=dict(rope_type="llama3", rope_theta=100.0, factor=4.0,
                                                     low_freq_factor=1.0, high_freq_factor=4.0,
                                                     original_max_position_embeddings=16)), "float16", None),
    "llama_biases": (LlamaConfig(**LLAMA, head_dim=6, attention_bias=True, mlp_bias=True, hidden_act="gelu",
                                 rope_parameters=dict(rope_type="linear", rope_theta=1e4, factor=2.0)),
                     "float32", None),
    "mistral": (MistralConfig(**LLAMA, sliding_window=5), "float32", None),
    "qwen2": (Qwen2Config(**LLAMA, use_sliding_window=True, sliding_window=4, max_window_layers=1,
                          tie_word_embeddings=True), "bfloat16", None),
}


def randomize(model, generator):
    """Every parameter random, so that no term of a formula is left out unnoticed."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            is_gain = p.dim() == 1 and name.endswith("weight")
            p.copy_(1 + 0.2 * noise if is_gain else (0.3 if p.dim() > 1 else 0.2) * noise)


def on_disk(name):
    """transformers 5 calls the head of GPT-NeoX lm_head in memory and embed_out in files."""
    return "embed_out.weight" if IS_NEOX and name == "lm_head.weight" else name


def reference(model, generator):
    ids = torch.randint(0, VOCAB, (B, T), generator=generator)
    names, params = zip(*model.named_parameters())
    logits = model(ids).logits
    log_probs = torch.log_softmax(logits[:, :-1].double(), -1)
    nll = -log_probs.gather(-1, ids[:, 1:, None])[..., 0]
    loss = nll.mean()
    grads = torch.autograd.grad(loss, params, create_graph=True)
    v = [torch.randn(p.shape, generator=generator).double() for p in params]
    v = [x.float().double() for x in v]
    hvp = torch.autograd.grad(sum((g * x).sum() for g, x in zip(grads, v)), params)
    out = {"input_ids": ids, "logits": logits, "nll": nll, "loss": loss.reshape(1)}
    for name, g, x, h in zip(names, grads, v, hvp):
        out["grad/" + on_disk(name)], out["hvp.v/" + on_disk(name)], out["hvp/" + on_disk(name)] = g, x, h
    prompt = ids[0, :5].clone()
    tokens = prompt[None]
    with torch.no_grad():
        for _ in range(6):
            tokens = torch.cat([tokens, model(tokens, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    out["greedy.prompt"], out["greedy"] = prompt, tokens[0, 5:]
    return {k: (x if x.dtype == torch.int64 else x.detach().float()).contiguous() for k, x in out.items()}


torch.set_num_threads(1)
print("python", sys.version.split()[0], "torch", torch.__version__, "transformers", transformers.__version__)
for number, (key, (config, dtype, shard)) in enumerate(MODELS.items()):
    folder = os.path.join(ROOT, key)
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(SEED + number)
    IS_NEOX = config.model_type == "gpt_neox"
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    randomize(model, generator)
    model = model.to(getattr(torch, dtype))
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    tensors = reference(model, generator)
    save_file(tensors, os.path.join(folder, "reference.safetensors"))
    stored = set()
    for file in os.listdir(folder):
        if file.startswith("model") and file.endswith(".safetensors"):
            stored |= set(safe_open(os.path.join(folder, file), "pt").keys())
    assert {k[5:] for k in tensors if k.startswith("grad/")} == stored, (key, stored)
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{key:20} {size:7} bytes  {len(stored):3} tensors  loss {tensors['loss'].item():.6f}")
