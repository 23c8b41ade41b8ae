"""Makes tests/golden/methods/qa.json: what the question method must find on two tiny checkpoints.

python tests/golden/make/qa.py

Log-probabilities from whole logits in float64 (transformers, eager attention): of every option after the question and
after no question, of letters after the question with its options in every order, and greedy text by arg-max.
"""
import itertools
import json
import os

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
tok = Tokenizer.from_file(os.path.join(HERE, "..", "methods", "tokenizer.json"))
torch.set_num_threads(1)

PEOPLE = [
    {"name": "a b", "color": "c", "color_q": "d e a b", "shoe": "f g", "shoe_q": "h i a b"},
    {"name": "j k", "color": "l", "color_q": "d e j k", "shoe": "m", "shoe_q": "h i j k"},
    {"name": "n o", "color": "p", "color_q": "d e n o", "shoe": "q Q E", "shoe_q": "h i n o"},
    {"name": "F G", "color": "H I", "color_q": "d e F G", "shoe": "J", "shoe_q": "h i F G"},
]
FIELDS = ["color", "shoe"]


def ids(text):
    return tok.encode(text).ids


def log_probs(model, tokens):
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([tokens])).logits[0].double(), -1)


def total(model, prompt, text):
    before, whole = ids(prompt), ids(prompt + text)
    assert whole[: len(before)] == before
    lp = log_probs(model, whole)
    start = max(len(before), 1)
    return sum(lp[t - 1, whole[t]].item() for t in range(start, len(whole))), len(whole) - len(before)


def greedy(model, prompt, n):
    start = ids(prompt)
    tokens = list(start)
    for _ in range(n):
        token = int(log_probs(model, tokens)[-1].argmax())
        tokens.append(token)
        if token == 2:
            break
    return tok.decode(tokens)[len(tok.decode(start)):]


out = {"people": PEOPLE, "max_answer": 5, "models": {}}
for name in ["gpt2", "llama"]:
    folder = os.path.join(HERE, "..", "models", name)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    found = []
    for person in PEOPLE:
        for field in FIELDS:
            question, options = person[field + "_q"], [p[field] for p in PEOPLE]
            prompt = question + "\nAnswer:"
            entry = {"said": greedy(model, prompt, 5), "options": {}, "letters": {}}
            for option in options:
                value, n = total(model, prompt, " " + option)
                prior, _ = total(model, "\nAnswer:", " " + option)
                entry["options"][option] = [value, value / n, value - prior]
            for order in itertools.permutations(options) if (person is PEOPLE[0] or person is PEOPLE[2]) else []:
                listed = "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", order))
                values = [total(model, f"{question}{listed}\nAnswer:", " " + letter)[0] for letter in "ABCD"]
                entry["letters"]["|".join(order)] = values
            found.append(entry)
    out["models"][name] = found

with open(os.path.join(HERE, "..", "methods", "qa.json"), "w") as file:
    json.dump(out, file, indent=None, separators=(",", ":"))
    file.write("\n")
