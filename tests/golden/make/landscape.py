"""Makes tests/golden/landscape: losses around the tiny checkpoints of tests/golden/models, and their curvature.

Run from the root of the repository:  python tests/golden/make/landscape.py
Needs torch, transformers, numpy, scipy, safetensors; the versions used are in tests/golden/PROVENANCE.md.

grid.json              5 x 5 losses, accuracies and exact matches of gpt2 on two text sets, in float64, with the
                       directions of directions.safetensors; weights are rounded to float32 once at every point
published.json         directions and losses as the package loss-landscapes makes them (steps added up in float32) and
                       directions of Li et al.
curvature.json         of gpt2 in float64 by double backward: the eigenvalues of largest magnitude by ARPACK, the exact
                       trace, and the dense spectra of Hessian, Gauss-Newton and empirical Fisher over the norms of
                       block 1
"""

import json
import math
import os
import random

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.sparse.linalg import LinearOperator, eigsh
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "models")
OUT = os.path.join(HERE, "..", "landscape")
LETTERS = "abcdefghijklmnopqABCDEFGHIJKLMNOPQ"
SEED = 543
torch.set_num_threads(1)
rng = random.Random(20261124)


def load(name, dtype=torch.float64):
    folder = os.path.join(MODELS, name)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


def write(name, value):
    with open(os.path.join(OUT, name), "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")


def ids_of(text):
    return [3 + LETTERS.index(c) for c in text.split()]


def logits(model, ids):
    return model(torch.tensor([ids])).logits[0].double()


def nll(model, ids):
    """−ln p of tokens 1, 2, … as a tensor; the cross-entropy of transformers rounds to float32."""
    lp = torch.log_softmax(logits(model, ids)[:-1], -1)
    return -lp.gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]


def token_mean(model, texts):
    parts = [nll(model, ids) for ids in texts]
    return torch.cat(parts).mean()


def measure(model, texts):
    with torch.no_grad():
        right, exact = [], []
        for ids in texts:
            hit = (logits(model, ids)[:-1].argmax(-1) == torch.tensor(ids[1:])).tolist()
            right += hit
            # the part after the middle of the text
            exact.append(all(hit[max(len(ids) // 2, 1) - 1:]))
        losses = [nll(model, ids).mean().item() for ids in texts]
        return dict(loss=token_mean(model, texts).item(), example_mean=float(np.mean(losses)),
                    accuracy=float(np.mean(right)), exact=float(np.mean(exact)))


def put(model, base, pairs):
    """θ + Σ c·d, formed in float64 and rounded to float32 once."""
    with torch.no_grad():
        for (name, p), theta in zip(model.named_parameters(), base):
            there = theta.double()
            for c, d in pairs:
                there = there + c * d[name].double()
            p.copy_(there.float().double())


sets = {name: [" ".join(rng.choice(LETTERS) for _ in range(n)) for n in lengths]
        for name, lengths in (("memorized", (9, 12, 7)), ("clean", (14, 6, 10, 5)))}
ids = {name: [ids_of(t) for t in texts] for name, texts in sets.items()}


def grid():
    model = load("gpt2")
    base = [p.detach().float().clone() for p in model.parameters()]
    generator = torch.Generator().manual_seed(SEED)
    directions = [{n: 0.3 * torch.randn(p.shape, generator=generator) for n, p in model.named_parameters()}
                  for _ in range(2)]
    save_file({f"{axis}/{n}": t.contiguous() for axis, d in zip("xy", directions) for n, t in d.items()},
              os.path.join(OUT, "directions.safetensors"))
    xs, ys = np.linspace(-0.5, 0.5, 5), np.linspace(-0.3, 0.9, 5)
    points = []
    for y in ys:
        for x in xs:
            put(model, base, list(zip((float(x), float(y)), directions)))
            points.append({name: measure(model, texts) for name, texts in ids.items()})
    write("grid.json", dict(sets=sets, x=xs.tolist(), y=ys.tolist(), points=points))


def norm(tensors):
    return math.sqrt(sum(t.double().square().sum().item() for t in tensors))


def filter_normalize(direction, theta):
    for d, t in zip(direction, theta):
        if d.dim() == 1:
            d *= norm([t]) / norm([d])
        for f in range(len(d)):
            d[f] *= norm([t[f]]) / norm([d[f]])


def package_plane(model, theta, steps, distance, metric):
    """loss_landscapes.random_plane: steps are added up in place, even rows are one column further."""
    one = [torch.rand(p.shape) for p in theta]
    two = [torch.rand(p.shape) for p in theta]
    along = sum((a.double() * b.double()).sum().item() for a, b in zip(one, two)) / norm(one) ** 2
    two = [b - along * a for a, b in zip(one, two)]
    for d in (one, two):
        filter_normalize(d, theta)
        scale = norm(theta) * distance / steps / norm(d)
        for t in d:
            t *= scale
    params = list(model.parameters())
    with torch.no_grad():
        for p, a, b in zip(params, one, two):
            p -= (a + b) * (steps / 2)
        rows = []
        for i in range(steps):
            row = []
            for _ in range(steps):
                for p, b in zip(params, two):
                    p += b if i % 2 == 0 else -b
                row.insert(len(row) if i % 2 == 0 else 0, metric(model))
            rows.append(row)
            for p, a in zip(params, one):
                p += a
        return one, two, rows


def li_direction(theta, ignore):
    out = []
    for w in theta:
        d = torch.randn(w.size())
        if d.dim() <= 1:
            d = torch.zeros_like(d) if ignore else w.clone()
        else:
            for row, own in zip(d, w):
                row *= own.norm() / (row.norm() + 1e-10)
        out.append(d)
    return out


def some(tensors, names):
    """A few numbers of each tensor, and its norm."""
    return {n: dict(head=t.flatten()[:4].tolist(), norm=norm([t])) for n, t in zip(names, tensors)}


def published():
    model = load("gpt2", torch.float32)
    names = [n for n, _ in model.named_parameters()]
    theta = [p.detach().clone() for p in model.parameters()]
    torch.manual_seed(SEED)
    loss = lambda m: token_mean(m, ids["clean"]).item()
    with torch.no_grad():
        one, two, rows = package_plane(model, theta, 5, 0.4, loss)
    scale = 5 / 0.4
    torch.manual_seed(SEED)
    x, y = li_direction(theta, False), li_direction(theta, False)
    write("published.json", dict(
        package=dict(one=some([t * scale for t in one], names), two=some([t * scale for t in two], names), rows=rows),
        li=dict(x=some(x, names), y=some(y, names))))


def curvature():
    model = load("gpt2")
    params = [p for p in model.parameters()]
    n = sum(p.numel() for p in params)
    texts = ids["clean"]
    loss = token_mean(model, texts)
    grads = torch.autograd.grad(loss, params, create_graph=True)
    flat = torch.cat([g.flatten() for g in grads])

    def product(v):
        return torch.cat([h.flatten() for h in torch.autograd.grad(flat @ torch.as_tensor(v.copy()), params, retain_graph=True)]).numpy()

    values = eigsh(LinearOperator((n, n), matvec=product, dtype=np.float64), k=4, which="LM", tol=1e-9,
                   v0=np.random.default_rng(1).standard_normal(n))[0]
    values = sorted(values.tolist(), key=lambda v: -abs(v))
    trace = 0.0
    for i in range(n):
        e = np.zeros(n)
        e[i] = 1
        trace += product(e)[i]
    gradient = [g.detach().norm().item() for g in grads]
    out = dict(n=n, eigenvalues=values, trace=trace, gradient_norm=math.sqrt(sum(g * g for g in gradient)))
    out["norms_of_block_1"] = dense(model, texts)
    write("curvature.json", out)


def dense(model, texts):
    named = dict(model.named_parameters())
    chosen = [n for n in named if n.startswith("transformer.h.1.ln_")]
    own = [named[n] for n in chosen]
    total = sum(len(t) - 1 for t in texts)
    size = sum(p.numel() for p in own)
    flat = lambda gs: torch.cat([g.flatten() for g in gs])
    grad = flat(torch.autograd.grad(token_mean(model, texts), own, create_graph=True))
    hessian = torch.stack([flat(torch.autograd.grad(g, own, retain_graph=True)) for g in grad])
    newton = torch.zeros(size, size, dtype=torch.float64)
    for text in texts:
        z = logits(model, text)[:-1]
        jacobian = torch.stack([flat(torch.autograd.grad(c, own, retain_graph=True)) for c in z.flatten()])
        jacobian = jacobian.view(*z.shape, size)
        p = torch.softmax(z, -1).detach()
        for j, q in zip(jacobian, p):
            newton += j.T @ (torch.diag(q) - torch.outer(q, q)) @ j / total
    each = [flat(torch.autograd.grad(nll(model, t).mean(), own)) for t in texts]
    fisher = sum(torch.outer(g, g) for g in each) / len(texts)
    spectrum = lambda m: torch.linalg.eigvalsh((m + m.T) / 2).tolist()
    return dict(hessian=spectrum(hessian.detach()), gauss_newton=spectrum(newton.detach()), fisher=spectrum(fisher))


os.makedirs(OUT, exist_ok=True)
grid()
published()
curvature()
