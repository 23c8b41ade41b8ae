"""Makes tests/golden/generate: a tiny random Llama and what transformers generates with it.

    python tests/golden/make/generate.py

Greedy, repetition penalty, min_new_tokens and beam search come from `generate` of transformers, one prompt at
a time in float32. Diverse beam search (no longer part of transformers 5) and beam sampling in settings where
every candidate is drawn come from `reference_beams` below, written from the definitions on logits of the
uncached model in float64; the script checks that it agrees with transformers wherever both apply.
"""
import json, math, pathlib
import numpy, torch, transformers
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(20)
OUT = pathlib.Path(__file__).parents[1] / "generate"
VOCAB = 40
MODEL = LlamaForCausalLM(LlamaConfig(
    vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=48, initializer_range=0.35, bos_token_id=1, eos_token_id=2,
    tie_word_embeddings=False)).eval()
PROMPTS = [[1, 5, 9], [1, 30, 31, 32, 33, 34, 35, 36, 7, 7, 21], [17], [4, 4, 4, 4, 8, 25]]


def cut(tokens, eos):
    for i, token in enumerate(tokens):
        if token in eos:
            return tokens[:i + 1]
    return tokens


def log_probs(tokens):
    with torch.no_grad():
        return torch.log_softmax(MODEL(torch.tensor([tokens])).logits[0].double(), -1).numpy()


def huggingface(prompt, c):
    beam = c["strategy"].get("beam") if isinstance(c["strategy"], dict) else None
    options = dict(max_new_tokens=c["max_new_tokens"], min_new_tokens=c.get("min_new_tokens") or None,
                   repetition_penalty=c.get("repetition_penalty", 1.0), eos_token_id=c.get("eos") or None,
                   pad_token_id=0, do_sample=False, suppress_tokens=c.get("forbid") or None,
                   return_dict_in_generate=True, output_scores=True)
    MODEL.generation_config.eos_token_id = c.get("eos") or None
    if beam:
        early = {"heuristic": False, "when_full": True, "never": "never"}[beam["early_stopping"]]
        options |= dict(num_beams=beam["beams"], num_return_sequences=c["n_return"],
                        length_penalty=beam["length_penalty"], early_stopping=early)
    out = MODEL.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), **options)
    results = []
    for i, row in enumerate(out.sequences.tolist()):
        new = cut(row[len(prompt):], c.get("eos", []))
        if beam:
            score = out.sequences_scores[i].item()
        else:
            p = log_probs(prompt + new)
            score = float(sum(p[len(prompt) - 1 + j, token] for j, token in enumerate(new)))
        results.append({"tokens": new, "score": score})
    return results


def truncated(row, temperature, k, p, keep):
    row = row / temperature
    order = sorted(range(VOCAB), key=lambda v: (-row[v], v))
    if k:
        order = order[:max(k, keep)]
    probs = numpy.exp(row[order] - row[order].max())
    probs /= probs.sum()
    head = numpy.concatenate([[0.0], numpy.cumsum(probs)[:-1]])
    left = [v for rank, v in enumerate(order) if head[rank] < p or rank < keep]
    out = numpy.full(VOCAB, -numpy.inf)
    out[left] = row[left]
    return out


def reference_beams(prompt, c):
    """Beam search by definition; groups and truncation as asked. Beam sampling only where all candidates are drawn."""
    (kind, s), = c["strategy"].items()
    groups, eos = s.get("groups", 1), c.get("eos", [])
    size = s["beams"] // groups
    n_candidates = size * max(2, 1 + len(eos))
    state = [dict(live=[(0.0, [])], done=[], open=True) for _ in range(groups)]
    for step in range(1, c["max_new_tokens"] + 1):
        said = []
        for group in state:
            if not group["open"]:
                continue
            pool = []
            for score, new in group["live"]:
                row = log_probs(prompt + new)[-1].copy()
                for token in said:
                    row[token] -= s.get("diversity", 0.0)
                for token in set(prompt + new):
                    row[token] *= c.get("repetition_penalty", 1.0)
                if step <= c.get("min_new_tokens", 0):
                    row[eos] = -numpy.inf
                if kind == "beam_sample":
                    row = truncated(row, s["temperature"], s["top_k"], s["top_p"], max(2, 1 + len(eos)))
                pool += [(score + row[v], new + [v]) for v in range(VOCAB) if row[v] > -numpy.inf]
            if kind == "beam_sample":
                assert len(pool) <= n_candidates, "not every candidate would be drawn"
            pool.sort(key=lambda x: -x[0])
            pool = pool[:n_candidates]
            ends = [new[-1] in eos or step == c["max_new_tokens"] for _, new in pool]
            factor = step ** s["length_penalty"]
            group["done"] += [(x / factor, new) for (x, new), end in zip(pool[:size], ends) if end]
            group["done"] = sorted(group["done"], key=lambda x: -x[0])[:size]
            group["live"] = [x for x, end in zip(pool, ends) if not end][:size]
            said += [new[-1] for _, new in group["live"]]
            if not group["live"]:
                group["open"] = False
            elif len(group["done"]) == size:
                assert s["early_stopping"] != "never" or s["length_penalty"] <= 0
                best = group["live"][0][0] / factor
                group["open"] = s["early_stopping"] != "when_full" and best > group["done"][-1][0]
    done = sorted((x for group in state for x in group["done"]), key=lambda x: -x[0])
    return [{"tokens": new, "score": score} for score, new in done[:c["n_return"]]]


def beam(beams=3, length_penalty=1.0, early_stopping="heuristic"):
    return {"beam": dict(beams=beams, length_penalty=length_penalty, early_stopping=early_stopping)}


def diverse(beams, groups, diversity, length_penalty=1.0, early_stopping="heuristic"):
    return {"diverse_beam": dict(beams=beams, groups=groups, diversity=diversity, length_penalty=length_penalty,
                                 early_stopping=early_stopping)}


def beam_sample(beams, temperature, top_k, top_p):
    return {"beam_sample": dict(beams=beams, length_penalty=1.0, early_stopping="heuristic", temperature=temperature,
                                top_k=top_k, top_p=top_p)}


CASES = {
    "greedy": dict(strategy="greedy", max_new_tokens=16),
    "greedy-eos": dict(strategy="greedy", max_new_tokens=16, eos=[2, 11, 15, 32]),
    "greedy-min": dict(strategy="greedy", max_new_tokens=16, min_new_tokens=6, eos=[2, 11, 15, 32]),
    "greedy-repetition": dict(strategy="greedy", max_new_tokens=16, repetition_penalty=1.3),
    "greedy-forbid": dict(strategy="greedy", max_new_tokens=12, forbid=[7, 11, 20, 21, 22, 23, 24, 25, 26, 27, 38]),
    "beam": dict(strategy=beam(), max_new_tokens=12, n_return=3),
    "beam-eos": dict(strategy=beam(), max_new_tokens=12, eos=[2], n_return=3),
    "beam-four-eos": dict(strategy=beam(4), max_new_tokens=12, eos=[2, 11, 15, 32], n_return=2),
    "beam-long": dict(strategy=beam(3, 2.0), max_new_tokens=12, eos=[2, 11, 15, 32], n_return=3),
    "beam-short": dict(strategy=beam(3, -0.5), max_new_tokens=12, eos=[2, 11, 15, 32], n_return=3),
    "beam-when-full": dict(strategy=beam(3, 1.0, "when_full"), max_new_tokens=12, eos=[2, 11, 15, 32], n_return=3),
    "beam-never": dict(strategy=beam(3, 1.0, "never"), max_new_tokens=12, eos=[2, 11, 15, 32], n_return=3),
    "beam-repetition-min": dict(strategy=beam(), max_new_tokens=12, min_new_tokens=5, repetition_penalty=1.2,
                                eos=[2, 11, 15, 32], n_return=3),
    "beam-one": dict(strategy=beam(1), max_new_tokens=8, eos=[2], n_return=1),
    "diverse": dict(strategy=diverse(4, 2, 0.7), max_new_tokens=10, eos=[2, 11, 15, 32], n_return=4),
    "diverse-three": dict(strategy=diverse(6, 3, 2.5, 0.5), max_new_tokens=8, eos=[2], repetition_penalty=1.1,
                          n_return=6),
    "diverse-singles": dict(strategy=diverse(3, 3, 1.0), max_new_tokens=8, n_return=3),
    "diverse-when-full": dict(strategy=diverse(4, 2, 0.3, 1.0, "when_full"), max_new_tokens=10, eos=[2, 11, 15, 32],
                              n_return=4),
    "beam-sample-all": dict(strategy=beam_sample(2, 0.8, 2, 1.0), max_new_tokens=10, n_return=2),
    "beam-sample-eos": dict(strategy=beam_sample(3, 1.4, 2, 0.9), max_new_tokens=10, eos=[11], n_return=3),
}


def main():
    OUT.mkdir(exist_ok=True)
    MODEL.save_pretrained(OUT / "model")
    (OUT / "model" / "generation_config.json").unlink(missing_ok=True)
    cases = []
    for name, c in CASES.items():
        kind = c["strategy"] if isinstance(c["strategy"], str) else next(iter(c["strategy"]))
        source = "transformers" if kind in ("greedy", "beam") and name != "beam-one" else "definition"
        make = huggingface if source == "transformers" else reference_beams
        outputs = [make(p, c) for p in PROMPTS]
        if kind == "beam" and c["strategy"]["beam"]["early_stopping"] != "never" and source == "transformers":
            for output, p in zip(outputs, PROMPTS):
                other = reference_beams(p, c)
                assert [o["tokens"] for o in output] == [o["tokens"] for o in other], (name, output, other)
                assert all(math.isclose(a["score"], b["score"], rel_tol=1e-5) for a, b in zip(output, other)), name
        cases.append({"name": name, "source": source, "config": c, "outputs": outputs})
        print(name, [[len(g["tokens"]) for g in o] for o in outputs], outputs[0][0]["tokens"])
    text = ",\n".join(json.dumps(c) for c in cases)
    (OUT / "cases.json").write_text('{"transformers": "%s",\n"prompts": %s,\n"cases": [\n%s\n]}\n' % (
        transformers.__version__, json.dumps(PROMPTS), text))


main()
