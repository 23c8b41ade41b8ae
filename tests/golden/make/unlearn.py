"""Makes tests/golden/methods/unlearn.json: losses, gradients and scores of unlearning, in float64 by autograd.

Run from the root of the repository:  python tests/golden/make/unlearn.py
Needs torch, transformers, numpy; the versions used are in tests/golden/PROVENANCE.md.

rows: losses of single rows of five logits. models: losses of the tiny checkpoints gpt2 and llama on three texts, and of
each parameter's gradient the norm and the inner product with cos(0), cos(1), …; the model before is the same with all
numbers times 1.05 (rounded to float32). scores: what localization finds on both.
"""

import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "models")
OUT = os.path.join(HERE, "..", "methods", "unlearn.json")
torch.set_num_threads(1)
torch.manual_seed(20261124)
FORGET = [[5, 9, 3, 14, 7, 21, 30, 4], [8, 3, 3, 11, 25], [12, 31, 6, 2, 18, 9, 27]]
LABELLED = [3, 2, 1]
ANSWERS = [[5, 9, 3, 33, 34, 10], [8, 3, 17, 16, 15, 14], [12, 7, 7]]
RETAIN = [[4, 10, 22, 16, 29, 6], [33, 20, 8, 13], [19, 5, 36, 24, 15, 7, 3, 28]]


def load(name, scale=1.0):
    model = AutoModelForCausalLM.from_pretrained(os.path.join(MODELS, name), dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(scale)
    return model.double()


# ── the streams of src/engine/rng.rs ────────────────────────────────────────
def philox(key, counter):
    key, counter = list(key), list(counter)
    for r in range(10):
        if r:
            key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
        p0, p1 = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(p1 >> 32) ^ counter[1] ^ key[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ counter[3] ^ key[1], p0 & 0xFFFFFFFF]
    return counter


class Stream:
    def __init__(self, key, prefix):
        self.key, self.prefix, self.index = key, prefix, 0

    @staticmethod
    def new(seed, name):
        h = 0xCBF29CE484222325
        for b in name.encode():
            h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        return Stream([seed & 0xFFFFFFFF, seed >> 32], h)

    def words(self, i):
        return philox(self.key, [i & 0xFFFFFFFF, i >> 32, self.prefix & 0xFFFFFFFF, self.prefix >> 32])

    def item(self, i):
        w = self.words(i)
        return Stream(w[:2], w[2] | w[3] << 32)

    def uniform(self):
        w = self.words(self.index)
        self.index += 1
        return ((w[0] | w[1] << 32) >> 11) / (1 << 53)

    def normal(self):
        u1, u2 = 1.0 - self.uniform(), self.uniform()
        return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)


# ── rows ────────────────────────────────────────────────────────────────────
def with_gradient(z, f):
    z = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    value = f(z)
    (g,) = torch.autograd.grad(value, z)
    return {"value": value.item(), "gradient": g.tolist()}


def rows():
    cases = []
    for z, other, target in [
        ([0.3, -1.2, 2.0, 0.7, -0.4], [0.1, 0.5, 1.5, -2.0, 0.9], 2),
        ([5.0, -3.0, 0.0, 1.0, 1.5], [2.0, -1.0, 0.3, 0.0, 4.0], 1),
        ([30.0, 0.0, -2.0, 1.0, 3.0], [25.0, 2.0, 1.0, 0.0, 0.0], 0),
        ([30.0, 0.0, -2.0, 1.0, 3.0], [25.0, 2.0, 1.0, 0.0, 0.0], 2),
    ]:
        o = torch.tensor(other, dtype=torch.float64)
        onehot = F.one_hot(torch.tensor(target), 5).double()

        def posterior(x):
            others = torch.cat([x[:target], x[target + 1:]])
            v = -(torch.logsumexp(others, 0) - torch.logsumexp(x, 0))
            return v if torch.log_softmax(x, 0)[target] >= -15 else 0.0 * v

        losses = {
            "kl": lambda x: (torch.softmax(o, 0) * (torch.log_softmax(o, 0) - torch.log_softmax(x, 0))).sum(),
            "undial": lambda x: -(torch.softmax(o - 10.0 * onehot, 0) * torch.log_softmax(x, 0)).sum(),
            "ce_u": lambda x: -(torch.softmax(x.detach() - 1e9 * onehot, 0) * torch.log_softmax(x, 0)).sum(),
            "negative_entropy": lambda x: (torch.softmax(x, 0) * torch.log_softmax(x, 0)).sum(),
            "posterior": posterior,
            "spread": lambda x: (x.max() - x.mean()) ** 2,
        }
        for name, f in losses.items():
            cases.append({"loss": name, "z": z, "other": other, "target": target, **with_gradient(z, f)})
    return cases


# ── whole models ────────────────────────────────────────────────────────────
def logits_of(model, ids):
    return model(torch.tensor([ids])).logits[0]


def nll(model, ids, labelled):
    """−ln p of the labelled tokens of a text."""
    lp = torch.log_softmax(logits_of(model, ids)[:-1], -1)
    return -lp[torch.arange(len(ids) - 1), torch.tensor(ids[1:])][labelled - 1:]


def total(model, ids, labelled):
    return -nll(model, ids, labelled).sum()


def labelled_rows(model, with_targets=False):
    z = torch.cat([logits_of(model, x)[l - 1:-1] for x, l in zip(FORGET, LABELLED)])
    t = torch.tensor(sum([x[l:] for x, l in zip(FORGET, LABELLED)], []))
    return (z, t) if with_targets else z


def states(model, ids):
    return [h[0] for h in model(torch.tensor([ids]), output_hidden_states=True).hidden_states]


DIRECTION = [0.1 * (i % 7) + 0.05 for i in range(16)]
MAPPING = Stream.new(3, "mapping check")
VECTORS = {t: torch.tensor([s.normal() for _ in range(16)], dtype=torch.float64)
           for t in range(40) for s in [MAPPING.item(t)]}


def losses():
    pairs = list(zip(FORGET, LABELLED))

    def ascent(m, b):
        return -torch.cat([nll(m, x, l) for x, l in pairs]).mean()

    def npo(m, b):
        d = torch.stack([total(m, x, l) - total(b, x, l).detach() for x, l in pairs])
        return (-2 / 0.1 * F.logsigmoid(-0.1 * d)).mean()

    def sim_npo(m, b):
        n = torch.stack([nll(m, x, l).mean() for x, l in pairs])
        return (-2 / 4.5 * F.logsigmoid(4.5 * (n - 0.2))).mean()

    def dpo(m, b):
        d = []
        for (x, l), a in zip(pairs, ANSWERS):
            d.append((total(m, a, l) - total(b, a, l).detach()) - (total(m, x, l) - total(b, x, l).detach()))
        return (-2 / 0.1 * F.logsigmoid(0.1 * torch.stack(d))).mean()

    def wga(m, b):
        n = torch.cat([nll(m, x, l) for x, l in pairs])
        return -((-n).exp().detach() ** 1.5 * n).mean()

    def sat_imp(m, b):
        n = torch.cat([nll(m, x, l) for x, l in pairs])
        p = (-n).exp().detach()
        return -(p ** 0.5 * (1 - p) ** 2 * n).mean()

    def undial(m, b):
        (z, t), zb = labelled_rows(m, True), labelled_rows(b).detach()
        q = torch.softmax(zb - 10.0 * F.one_hot(t, z.shape[1]), -1)
        return -(q * torch.log_softmax(z, -1)).sum(-1).mean()

    def undial_paper(m, b):
        out = []
        for x, l in pairs:
            z, zb = logits_of(m, x)[:-1], logits_of(b, x)[:-1].detach()
            t = torch.tensor([z.shape[1] - 100 if i < l - 1 else x[i + 1] for i in range(len(x) - 1)])
            hot = torch.stack([F.one_hot(v, z.shape[1]) if v >= 0 else torch.zeros(z.shape[1], dtype=torch.long) for v in t])
            q = torch.softmax(zb - 10.0 * hot, -1)
            out.append(-(q * torch.log_softmax(z, -1)).sum(-1))
        return torch.cat(out).mean()

    def ce_u(m, b):
        out = []
        for x, l in pairs:
            z, t = logits_of(m, x)[l:-1], torch.tensor(x[l + 1:])
            q = torch.softmax(z.detach() - 1e9 * F.one_hot(t, z.shape[1]), -1)
            out.append(-(q * torch.log_softmax(z, -1)).sum(-1))
        return torch.cat(out).mean()

    def max_entropy(m, b):
        z = labelled_rows(m)
        return (torch.softmax(z, -1) * torch.log_softmax(z, -1)).sum(-1).mean()

    def min_posterior(m, b):
        z, t = labelled_rows(m, True)
        others = z - 1e9 * F.one_hot(t, z.shape[1])
        return -(torch.logsumexp(others, -1) - torch.logsumexp(z, -1)).mean()

    def pdu(m, b):
        z = labelled_rows(m)
        return ((z.max(-1).values - z.mean(-1)) ** 2).mean()

    def distances(m):
        c = torch.tensor(DIRECTION, dtype=torch.float64)
        out = []
        for x, l in pairs:
            # the output of block 0; rows that predict a labelled token
            h = states(m, x)[1][l - 1:-1]
            out.append(((h - c) ** 2).mean(-1))
        return out

    def rmu(m, b):
        return torch.stack([d.mean() for d in distances(m)]).mean()

    def rmu_paper(m, b):
        d = distances(m)
        sums, inverse = torch.stack([x.sum() for x in d]), torch.tensor([1.0 / len(x) for x in d], dtype=torch.float64)
        return sums.mean() * inverse.mean()

    def random_mapping(m, b):
        per_state = []
        every = [states(m, x) for x, _ in pairs]
        for i in range(len(every[0])):
            cos = torch.cat([F.cosine_similarity(h[i], torch.stack([VECTORS[t] for t in x]), dim=-1) for h, (x, _) in zip(every, pairs)])
            per_state.append((1 - cos.abs()).mean())
        return torch.stack(per_state).mean()

    def retain_kl(m, b):
        out = []
        for x in RETAIN:
            p, q = torch.log_softmax(logits_of(m, x)[:-1], -1), torch.log_softmax(logits_of(b, x)[:-1], -1).detach()
            out.append((q.exp() * (q - p)).sum(-1))
        return torch.cat(out).mean()

    return {f.__name__: f for f in [ascent, npo, sim_npo, dpo, wga, sat_imp, undial, undial_paper, ce_u, max_entropy,
                                    min_posterior, pdu, rmu, rmu_paper, random_mapping, retain_kl]}


def digest(g):
    flat = g.reshape(-1)
    return [flat.norm().item(), (flat * torch.cos(torch.arange(flat.numel(), dtype=torch.float64))).sum().item()]


def models():
    out = {}
    for name in ["gpt2", "llama"]:
        out[name] = {}
        for loss, f in losses().items():
            m, b = load(name), load(name, 1.05)
            value = f(m, b)
            value.backward()
            grads = {n: digest(p.grad) for n, p in m.named_parameters() if p.grad is not None}
            out[name][loss] = {"value": value.item(), "gradients": grads}
    return out


# ── localization ────────────────────────────────────────────────────────────
def mlp_names(model):
    return [n for n, _ in model.named_parameters() if ".mlp." in n]


def post(model, layer):
    """The module whose input is what the last map of the feed-forward block reads."""
    base = model.transformer.h if hasattr(model, "transformer") else model.model.layers
    mlp = base[layer].mlp
    return mlp.c_proj if hasattr(mlp, "c_proj") else mlp.down_proj


def batch_loss(model):
    return torch.cat([nll(model, x, 1) for x in FORGET]).mean()


def scores():
    out = {}
    for name in ["gpt2", "llama"]:
        m = load(name)
        batch_loss(m).backward()
        named = dict(m.named_parameters())
        durable = {n: digest(named[n].grad.abs()) for n in mlp_names(m)}
        out[name] = {"durable": durable}
        inputs, units = {}, m.config.n_inner if name == "gpt2" else m.config.intermediate_size
        n_layer = 2
        taylor, exact, alone, acts = [], [], [], []
        base = batch_loss(m).item()
        for layer in range(n_layer):
            kept = []

            def hook(module, args):
                args[0].retain_grad()
                kept.append(args[0])

            handle = post(m, layer).register_forward_pre_hook(hook)
            batch_loss(m).backward()
            handle.remove()
            taylor.append((-sum((a * a.grad).sum((0, 1)) for a in kept)).tolist())
            rows = torch.cat([a[0, 1:-1] for a in kept])
            w = post(m, layer).weight
            norms = w.norm(dim=1) if name == "gpt2" else w.norm(dim=0)
            acts.append((rows.mean(0).abs() * norms).tolist())
            one, only = [], []
            for unit in range(units):
                for mode, to in [("zero", one), ("only", only)]:
                    mask = torch.ones(units, dtype=torch.float64) if mode == "zero" else torch.zeros(units, dtype=torch.float64)
                    mask[unit] = 0.0 if mode == "zero" else 1.0
                    handle = post(m, layer).register_forward_pre_hook(lambda _, args: (args[0] * mask,))
                    with torch.no_grad():
                        to.append(batch_loss(m).item() - base)
                    handle.remove()
            exact.append(one)
            alone.append(only)
        out[name] |= {"zero": exact, "zero_paper": alone, "zero_taylor": taylor, "activations": acts}
        # one step of Adam from c = 1 with λ = 1000: 0.9 everywhere, paper; the gradient itself is −taylor
    return out


def main():
    data = {
        "forget": FORGET, "labelled": LABELLED, "answers": ANSWERS, "retain": RETAIN, "direction": DIRECTION,
        "rows": rows(), "models": models(), "scores": scores(),
    }
    with open(OUT, "w") as f:
        json.dump(data, f)
        f.write("\n")
    print(os.path.getsize(OUT), torch.__version__, np.__version__)


main()
