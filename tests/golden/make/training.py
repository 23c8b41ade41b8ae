"""Makes tests/golden/training/steps.json: losses of ten training steps by torch.optim, and learning-rate schedules.

Run from the root of the repository:  python tests/golden/make/training.py
Needs torch, transformers; the versions used are in tests/golden/PROVENANCE.md.

Models and token ids are those of tests/golden/models (float64, eager attention). Each case: what the optimizer was
given, the loss before each step, the gradient norm before clipping where there is a bound, and the sums of absolute
values of each parameter after the last step.
"""

import json
import os

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup
from transformers import get_linear_schedule_with_warmup

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "models")
OUT = os.path.join(HERE, "..", "training")
STEPS = 10
ADAM = dict(kind="adam_w", betas=[0.9, 0.98], eps=1e-8, weight_decay=0.1, lr=0.01)
CASES = [dict(model=m, **ADAM) for m in ["gpt2", "gpt_neo", "gptj", "gpt_neox", "llama"]]
CASES += [
    dict(model="gpt2", decay="matrices", **{**ADAM, "weight_decay": 2.0, "lr": 0.02}),
    dict(model="llama", max_norm=0.5, **{**ADAM, "eps": 1e-4}),
    dict(model="gpt2", kind="sgd", momentum=0.9, nesterov=False, weight_decay=0.05, lr=0.05),
    dict(model="gpt_neox", kind="sgd", momentum=0.8, nesterov=True, weight_decay=0.01, lr=0.05),
    dict(model="gptj", kind="sgd", momentum=0.0, nesterov=False, weight_decay=0.01, lr=0.03, max_norm=1.0),
]


def optimizer(model, c):
    groups = [{"params": list(model.parameters())}]
    if c.get("decay") == "matrices":
        groups = [{"params": [p for p in model.parameters() if p.dim() > 1]},
                  {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0}]
    if c["kind"] == "adam_w":
        return torch.optim.AdamW(groups, lr=c["lr"], betas=c["betas"], eps=c["eps"], weight_decay=c["weight_decay"])
    return torch.optim.SGD(groups, lr=c["lr"], momentum=c["momentum"], nesterov=c["nesterov"],
                           weight_decay=c["weight_decay"])


def run(c):
    folder = os.path.join(MODELS, c["model"])
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    ids = load_file(os.path.join(folder, "reference.safetensors"))["input_ids"]
    opt, losses, norms = optimizer(model, c), [], []
    for _ in range(STEPS):
        opt.zero_grad()
        log_probs = torch.log_softmax(model(ids).logits[:, :-1], -1)
        loss = -log_probs.gather(-1, ids[:, 1:, None]).mean()
        loss.backward()
        if "max_norm" in c:
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), c["max_norm"]).item())
        opt.step()
        losses.append(loss.item())
    names = {n: n for n, _ in model.named_parameters()}
    if c["model"] == "gpt_neox":
        names["lm_head.weight"] = "embed_out.weight"
    sums = {names[n]: p.abs().sum().item() for n, p in model.named_parameters()}
    return {**c, "losses": losses, "norms": norms, "sums": sums}


def schedule(kind, make, warmup, total):
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(opt, num_warmup_steps=warmup, **({} if kind == "constant" else {"num_training_steps": total}))
    factors = []
    for _ in range(total + 2):
        factors.append(opt.param_groups[0]["lr"])
        opt.step()
        scheduler.step()
    return dict(kind=kind, warmup=warmup, total=total, factors=factors)


KINDS = {"constant": get_constant_schedule_with_warmup, "linear": get_linear_schedule_with_warmup,
         "cosine": get_cosine_schedule_with_warmup}
os.makedirs(OUT, exist_ok=True)
torch.set_num_threads(1)
result = {"runs": [run(c) for c in CASES],
          "schedules": [schedule(k, f, w, t) for k, f in KINDS.items() for w, t in [(0, 7), (3, 11), (5, 4)]]}
with open(os.path.join(OUT, "steps.json"), "w") as f:
    text = json.dumps(result, indent=None, separators=(",", ":"))
    f.write(text.replace("{\"model\"", "\n{\"model\"").replace("{\"kind\"", "\n{\"kind\"") + "\n")
for r in result["runs"]:
    print(r["model"], r["kind"], r["losses"][0], r["losses"][-1])
