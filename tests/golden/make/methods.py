"""Makes tests/golden/methods: what the methods must find on the tiny checkpoints of tests/golden/models.

Run from the root of the repository:  python tests/golden/make/methods.py
Needs torch, transformers, numpy; the versions used are in tests/golden/PROVENANCE.md.

Everything is computed in float64 by transformers with eager attention and autograd: greedy text by arg-max of full
forward passes, scores from whole logits, gradients materialized, ROC by counting thresholds.
Also writes tokenizer.json: words are the letters a to q and A to Q, split at white space.
"""

import json
import math
import os
import random
import zlib

import numpy as np
import torch
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "models")
OUT = os.path.join(HERE, "..", "methods")
LETTERS = "abcdefghijklmnopqABCDEFGHIJKLMNOPQ"
VOCAB = {"<unk>": 0, "<s>": 1, "</s>": 2} | {c: i + 3 for i, c in enumerate(LETTERS)}
EOS = 2
torch.set_num_threads(1)
rng = random.Random(20261120)


def load(name):
    folder = os.path.join(MODELS, name)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()


def log_probs(model, ids):
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)


def token_log_probs(model, ids):
    lp = log_probs(model, ids)[:-1]
    return lp, [lp[t, ids[t + 1]].item() for t in range(len(ids) - 1)]


def greedy(model, prefix, n, policy, eos=EOS):
    ids, out = list(prefix), []
    for _ in range(n):
        if policy == "stop" and eos in out:
            out.append(0)
            continue
        logits = log_probs(model, ids)[-1].clone()
        if policy == "forbid":
            logits[eos] = -math.inf
        token = int(logits.argmax())
        ids.append(token)
        out.append(token)
    return out


def write(name, value):
    with open(os.path.join(OUT, name), "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")


def tokenizer():
    special = [dict(id=i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
               for t, i in VOCAB.items() if t.startswith("<")]
    write("tokenizer.json", dict(
        version="1.0", truncation=None, padding=None, added_tokens=special, normalizer=None,
        pre_tokenizer=dict(type="WhitespaceSplit"), post_processor=None, decoder=None,
        model=dict(type="WordLevel", vocab=VOCAB, unk_token="<unk>")))


def text_of(n, letters=LETTERS):
    return " ".join(rng.choice(letters) for _ in range(n))


def ids_of(text):
    return [VOCAB[w] for w in text.split()]


# ---- memorization score

def memorization():
    k, l = 4, 6
    model, early = load("llama"), load("mistral")
    prefixes = [[rng.randrange(37) for _ in range(k)] for _ in range(27)]
    # The model never makes its own end-of-text token; the one it makes most often takes its part.
    made = [t for p in prefixes for t in greedy(model, p, l, "free")]
    eos = max(sorted(set(made)), key=made.count)
    rows = []
    for i, prefix in enumerate(prefixes):
        truth = greedy(model, prefix, l, "free")
        if i % 3:
            # wrong from a place on, or wrong in one place
            for j in range(i % l, l if i % 3 == 1 else i % l + 1):
                truth[j] = (truth[j] + 1 + rng.randrange(36)) % 37
        rows.append(dict(prompt=prefix, continuation=truth, source=["c4", "arxiv", "book"][i % 3]))
    generated = {p: [greedy(model, r["prompt"], l, p, eos) for r in rows] for p in ("free", "stop", "forbid")}
    generated["early"] = [greedy(early, r["prompt"], l, "free") for r in rows]
    write("memorization.json", dict(k=k, l=l, eos=eos, rows=rows, generated=generated))


# ---- perplexity

def perplexity():
    model = load("llama")
    texts = [text_of(n) for n in (12, 5, 9, 2, 14, 7)]
    tokens = []
    for text in texts:
        ids = ids_of(text)
        lp, own = token_log_probs(model, ids)
        tokens.append(dict(
            log_prob=own, rank=[int((lp[t] > own[t]).sum()) for t in range(len(own))],
            entropy=[float(-(lp[t].exp() * lp[t]).sum()) for t in range(len(own))]))
    nll = [-sum(t["log_prob"]) for t in tokens]
    n = [len(t["log_prob"]) for t in tokens]
    # Left-padded batches of two; pads count as targets, their losses are those of a sequence of pads.
    total_loss, total_tokens = 0.0, 0
    for b in range(0, len(texts), 2):
        batch = [ids_of(t) for t in texts[b:b + 2]]
        longest = max(map(len, batch))
        losses = 0.0
        for i, ids in enumerate(batch):
            pads = longest - len(ids)
            losses += nll[b + i]
            if pads:
                losses -= sum(token_log_probs(model, [EOS] * pads + ids[:1])[1])
        total_loss += losses / (len(batch) * (longest - 1)) * longest
        total_tokens += sum(map(len, batch))
    n_bytes = sum(len(t.encode()) - 1 for t in texts)  # all but the first letter
    write("perplexity.json", dict(
        texts=texts, tokens=tokens, nll=nll, corpus=math.exp(sum(nll) / sum(n)),
        mean_of_texts=float(np.mean([math.exp(a / b) for a, b in zip(nll, n)])),
        bits_per_byte=sum(nll) / math.log(2) / n_bytes, paper=math.exp(total_loss / total_tokens)))


# ---- gradient alignment

def gradients(model, ids, shift=1):
    lp = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    n = len(ids) - shift
    loss = -sum(lp[t, ids[t + shift]] for t in range(n)) / n
    names, params = zip(*model.named_parameters())
    return dict(zip(names, torch.autograd.grad(loss, params)))


def head_only(model, ids):
    """The gradient of the head's use alone, also in tied models."""
    hidden = model.base_model(torch.tensor([ids])).last_hidden_state[0].detach()
    head = model.get_output_embeddings()
    w = head.weight.detach().clone().requires_grad_()
    logits = hidden @ w.T + (head.bias.detach() if head.bias is not None else 0)
    lp = torch.log_softmax(logits, -1)
    loss = -sum(lp[t, ids[t + 1]] for t in range(len(ids) - 1)) / (len(ids) - 1)
    return torch.autograd.grad(loss, w)[0]


def dot(a, b, names):
    return sum(float((a[n] * b[n]).sum()) for n in names)


def cosine(a, b, names):
    return dot(a, b, names) / math.sqrt(dot(a, a, names) * dot(b, b, names))


def alignment():
    out = []
    for name in ("gpt_neox", "gpt2", "llama"):
        model = load(name)
        names = [n for n, _ in model.named_parameters()]
        block = [n for n in names if ".1." in n]
        embed = [n for n in names if n.endswith(("embed_in.weight", "wte.weight", "embed_tokens.weight"))]
        head = [n for n in names if n in ("embed_out.weight", "lm_head.weight")]
        cases = []
        for _ in range(3):
            original = text_of(rng.randrange(6, 12))
            words = original.split()
            paraphrases = []
            for changes in (1, 4, 40):
                p = [w if rng.random() > changes / len(words) else rng.choice(LETTERS) for w in words]
                paraphrases.append(" ".join(p + [rng.choice(LETTERS)] * (1 + rng.randrange(2))))
            g = gradients(model, ids_of(original))
            h = {"w": head_only(model, ids_of(original))}
            pairs = []
            for p in paraphrases:
                q, r = gradients(model, ids_of(p)), {"w": head_only(model, ids_of(p))}
                pair = dict(head=cosine(h, r, ["w"]), inner=dot(h, r, ["w"]), norm=math.sqrt(dot(r, r, ["w"])),
                            embed=cosine(g, q, embed), last_block=cosine(g, q, block), all=cosine(g, q, names),
                            per_tensor=float(np.mean([cosine(g, q, [n]) for n in names])),
                            embed_head=float(np.mean([cosine(g, q, part) for part in (embed, head) if part])))
                paper = [n for n in names if "embed" in n or "lm_head" in n]
                if paper:
                    g2, q2 = gradients(model, ids_of(original), 2), gradients(model, ids_of(p), 2)
                    pair["paper"] = float(np.mean([cosine(g2, q2, [n]) for n in paper]))
                pairs.append(pair)
            cases.append(dict(original=original, paraphrases=paraphrases, norm=math.sqrt(dot(h, h, ["w"])), pairs=pairs))
        out.append(dict(model=name, cases=cases))
    write("alignment.json", out)


# ---- membership inference

def mean_log_prob(model, ids):
    return float(np.mean(token_log_probs(model, ids)[1]))


def roc(scores, labels):
    thresholds = sorted(set(scores), reverse=True)
    pos, neg = sum(labels), len(labels) - sum(labels)
    points = [(0.0, 0.0)]
    for t in thresholds:
        points.append((sum(s >= t and not l for s, l in zip(scores, labels)) / neg,
                       sum(s >= t and l for s, l in zip(scores, labels)) / pos))
    return dict(auroc=sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:])),
                fpr95=min(f for f, t in points if t >= 0.95), tpr05=max(t for f, t in points if f <= 0.05))


def mia():
    model, other = load("llama"), load("gpt_neox")
    groups = {"members": [], "nonmembers": []}
    for key, rows in groups.items():
        for _ in range(12):
            text = text_of(rng.randrange(4, 16))
            if key == "members":
                # Likelier under the model: its own greedy text.
                ids = ids_of(text)[:3]
                ids += greedy(model, ids, rng.randrange(3, 10), "free")
                text = " ".join(LETTERS[i - 3] if i >= 3 else "a" for i in ids)
            neighbors = [" ".join(w if rng.random() > 0.3 else rng.choice(LETTERS) for w in text.split())
                         for _ in range(3)]
            rows.append(dict(text=text, neighbors=neighbors))
    rows = groups["members"] + groups["nonmembers"]
    labels = [1] * 12 + [0] * 12
    shot = ids_of(groups["nonmembers"][0]["text"])
    scores = {}

    def put(name, value):
        scores.setdefault(name, []).append(value)

    for i, row in enumerate(rows):
        ids = ids_of(row["text"])
        lp, own = token_log_probs(model, ids)
        mean = float(np.mean(own))
        size = len(zlib.compress(row["text"].encode()))
        mu = (lp.exp() * lp).sum(-1).numpy()
        sigma = np.sqrt((lp.exp() * lp ** 2).sum(-1).numpy() - mu ** 2)
        z = (np.array(own) - mu) / sigma
        put("loss", mean)
        put("zlib", mean / size)
        put("zlib_sum", sum(own) / size)
        put("lowercase", mean_log_prob(model, ids_of(row["text"].lower())) / mean)
        for r in (0.1, 0.2, 0.7, 1.0):
            k = max(1, int(len(own) * r))
            put(f"min_k_{r}", float(np.mean(sorted(own)[:k])))
            put(f"min_k_plus_plus_{r}", float(np.mean(sorted(z)[:k])))
        put("reference", mean - mean_log_prob(other, ids))
        put("neighborhood", mean - float(np.mean([mean_log_prob(model, ids_of(n)) for n in row["neighbors"]])))
        conditional = log_probs(model, shot + ids)
        after = [conditional[len(shot) + t - 1, ids[t]].item() for t in range(len(ids))]
        put("recall", None if i == 12 else float(np.mean(after)) / mean)
        g = gradients(model, ids)
        put("gradient_norm", -math.sqrt(dot(g, g, list(g))))
        put("gradient_norm_paper", float(np.mean([v.abs().max() for v in g.values()])))
    metrics = {}
    for name, values in scores.items():
        pairs = [(s, l) for s, l in zip(values, labels) if s is not None]
        metrics[name] = roc([s for s, _ in pairs], [l for _, l in pairs])
    write("mia.json", dict(members=groups["members"], nonmembers=groups["nonmembers"], scores=scores, metrics=metrics))


os.makedirs(OUT, exist_ok=True)
tokenizer()
memorization()
perplexity()
alignment()
mia()
for file in sorted(os.listdir(OUT)):
    os.chmod(os.path.join(OUT, file), 0o644)
    print(file, os.path.getsize(os.path.join(OUT, file)))
