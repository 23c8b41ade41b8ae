#!/usr/bin/env python3
"""PyTorch and transformers on the workloads of `memoscope bench`, by the same names and in the same units.

    memoscope bench --device cuda --precision bf16 \\
        --peer "python3 packaging/bench/torch_peer.py --device cuda --precision bf16 --compile"

Prints one JSON line a workload; the median rate over --runs timed repeats after one warm-up counts (with --compile the
warm-up compiles). Weights are random, nothing is downloaded. Needs torch and transformers.
"""
import argparse
import contextlib
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

WORK = {}
T = 1024


def workload(name, unit):
    def add(make):
        WORK[name] = (unit, make)
        return make
    return add


class Setting:
    """Where and how, and whether models are tiny."""

    def __init__(self, options):
        self.device, self.compile, self.tiny = options.device, options.compile, options.tiny
        self.bf16 = options.precision == "bf16"
        torch.set_float32_matmul_precision("high" if options.precision == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = options.precision == "tf32"

    def numbers(self):
        """Products in bf16 where that was asked for."""
        kind = self.device.split(":")[0]
        return torch.autocast(kind, dtype=torch.bfloat16) if self.bf16 else contextlib.nullcontext()

    def ready(self, model):
        model = model.to(self.device)
        return torch.compile(model) if self.compile else model

    def ids(self, n, t, vocab, seed=1):
        n, t, vocab = (min(n, 2), min(t, 8), 640) if self.tiny else (n, t, vocab)
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(0, vocab, (n, t), generator=generator).to(self.device)

    def sync(self):
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()


def gpt2(s):
    from transformers import GPT2Config, GPT2LMHeadModel
    torch.manual_seed(0)
    layers, d, heads, vocab = (2, 32, 2, 640) if s.tiny else (12, 768, 12, 50257)
    config = GPT2Config(vocab_size=vocab, n_positions=T, n_embd=d, n_layer=layers, n_head=heads, resid_pdrop=0.0,
                        embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0, pad_token_id=0)
    return GPT2LMHeadModel(config)


def neox(s, size):
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM
    shapes = {"70m": (6, 512, 8), "160m": (12, 768, 12), "410m": (24, 1024, 16), "1.4b": (24, 2048, 16)}
    (layers, d, heads), vocab = ((2, 32, 2), 640) if s.tiny else (shapes[size], 50304)
    torch.manual_seed(0)
    config = GPTNeoXConfig(vocab_size=vocab, hidden_size=d, num_hidden_layers=layers, num_attention_heads=heads,
                           intermediate_size=4 * d, max_position_embeddings=2048, rotary_pct=0.25, bos_token_id=0,
                           eos_token_id=0, attention_dropout=0.0, hidden_dropout=0.0)
    return GPTNeoXForCausalLM(config)


@workload("sgemm", "GFLOP/s")
def sgemm(s):
    side = 64 if s.tiny else 1024
    a, b = (torch.randn(side, side, device=s.device) for _ in range(2))
    def run():
        with s.numbers():
            for _ in range(20):
                a @ b
        return 20 * 2 * side ** 3 / 1e9
    return run


def losses(s, model, x):
    """Log-probability of every token: what scoring keeps of the logits."""
    def run():
        with torch.no_grad(), s.numbers():
            logits = model(x).logits[:, :-1]
            F.cross_entropy(logits.flatten(0, 1).float(), x[:, 1:].flatten(), reduction="none").tolist()
        return x.numel()
    return run


@workload("forward-gpt2", "token/s")
def forward_gpt2(s):
    return losses(s, s.ready(gpt2(s).eval()), s.ids(2, 512, 50257))


@workload("score-gpt2", "token/s")
def score_gpt2(s):
    return losses(s, s.ready(gpt2(s).eval()), s.ids(16, T, 50257))


def train(s, model, x):
    model = s.ready(model.train())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    def run():
        with s.numbers():
            loss = model(x, labels=x).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return x.numel()
    return run


@workload("train-124m", "token/s")
def train_124m(s):
    return train(s, gpt2(s), s.ids(8, T, 50257))


@workload("train-410m", "token/s")
def train_410m(s):
    return train(s, neox(s, "410m"), s.ids(4, T, 50304))


@workload("train-1.4b", "token/s")
def train_1_4b(s):
    return train(s, neox(s, "1.4b"), s.ids(2, T, 50304))


def continuation(s, model, x, new):
    with torch.no_grad(), s.numbers():
        return model.generate(x, attention_mask=torch.ones_like(x), do_sample=False, max_new_tokens=new,
                              min_new_tokens=new, pad_token_id=0)


@workload("decode-64", "token/s")
def decode_64(s):
    model, x, new = neox(s, "160m").eval().to(s.device), s.ids(64, 32, 50304), 8 if s.tiny else 64
    def run():
        continuation(s, model, x, new)
        return x.shape[0] * new
    return run


@workload("score-decode", "sequence/s")
def score_decode(s):
    model, x = neox(s, "160m").eval().to(s.device), s.ids(8, 32, 50304)
    def run():
        continuation(s, model, x, 32)
        return x.shape[0]
    return run


@workload("exact-scan", "sequence/s")
def exact_scan(s):
    model, x = neox(s, "160m").eval().to(s.device), s.ids(8, 64, 50304)
    half = x.shape[1] // 2
    def run():
        (continuation(s, model, x[:, :half], half)[:, half:] == x[:, half:]).all(1).tolist()
        return x.shape[0]
    return run


@workload("align-head", "pair/s")
def align_head(s):
    model = neox(s, "160m").to(s.device)
    for p in model.parameters():
        p.requires_grad_(False)
    head = model.get_output_embeddings().weight
    head.requires_grad_(True)
    pair = [s.ids(1, 128, 50304, seed) for seed in (1, 2)]
    def grad(x):
        with s.numbers():
            loss = model(x, labels=x).loss
        return torch.autograd.grad(loss, head)[0].flatten()
    def run():
        F.cosine_similarity(grad(pair[0]), grad(pair[1]), dim=0).item()
        return 1
    return run


@workload("persample-gradnorm", "sample/s")
def persample_gradnorm(s):
    model, x = neox(s, "70m").to(s.device), s.ids(4, 64, 50304)
    params = list(model.parameters())
    def run():
        for row in x:
            with s.numbers():
                loss = model(row[None], labels=row[None]).loss
            sum((g.double() ** 2).sum() for g in torch.autograd.grad(loss, params)).sqrt().item()
        return x.shape[0]
    return run


@workload("hvp", "product/s")
def hvp(s):
    model, x = neox(s, "70m").to(s.device), s.ids(4, 64, 50304)
    model.config._attn_implementation = "eager"  # the fused kernels have no second derivative
    params = list(model.parameters())
    v = [torch.randn_like(p) for p in params]
    def run():
        with s.numbers():
            loss = model(x, labels=x).loss
        g = torch.autograd.grad(loss, params, create_graph=True)
        torch.autograd.grad(sum((a * b).sum() for a, b in zip(g, v)), params)
        return 1
    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["f32", "tf32", "bf16"], default="f32")
    parser.add_argument("--compile", action="store_true", help="torch.compile models that do not generate")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    setting = Setting(options)
    for name in options.names or WORK:
        if name not in WORK:
            sys.exit(f"there is no workload {name}; known: {', '.join(WORK)}")
        unit, make = WORK[name]
        run = make(setting)
        run()
        setting.sync()
        rates = []
        for _ in range(options.runs):
            begun = time.perf_counter()
            units = run()
            setting.sync()
            rates.append(units / (time.perf_counter() - begun))
        print(json.dumps({"workload": name, "unit": unit, "value": round(statistics.median(rates), 4),
                          "runs": options.runs, "torch": torch.__version__, "device": options.device,
                          "precision": options.precision, "compile": options.compile}), flush=True)


if __name__ == "__main__":
    main()
