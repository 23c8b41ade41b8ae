#!/usr/bin/env python3
"""Makes the sample study: a small language model that really memorized, and the texts to show it with.

    python3 make.py            # writes model.safetensors, config.json, tokenizer.json, *.jsonl, paraphrases.json here

Everyone in it is invented. 180 people were in the training data, 60 of each 3, 24 and 192 times (one wording each);
60 people were held out. 2,260 further people, seen three times each in random wordings, teach the model the language.
Each member has two paraphrases in wordings that were never trained for that person.
Made with torch 2.15, transformers 5.23, tokenizers 0.23, seed 20; any rerun gives a model of the same behavior.
"""
import json, random
from pathlib import Path
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, trainers
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

SEED, EPOCHS, BATCH, LR = 20, 3, 32, 3e-3
HERE = Path(__file__).parent
FIRST = """Ada Bruno Chiara Daniel Elif Farid Greta Hiro Ines Jonas Katya Liam Mina Noor Oskar Priya Quentin Rosa Soren Talia
Umar Vera Wanjiru Xavier Yuna Zane Anika Boris Celia Dmitri Emre Freya Goran Hana Ivan Jia Kofi Lena Mateo Nadia Omar Paula
Rafael Sofia Tomas Ulla Viktor Wren Yusuf Zora""".split()
LAST = """Abara Bergström Castillo Demir Eriksen Fontaine Gruber Haddad Ivanov Jensen Kowalski Lindqvist Moreau Nakamura
Okafor Petrov Quispe Rossi Sato Tanaka Ueda Varga Weber Ximenes Yilmaz Zhang Adeyemi Bianchi Choi Dubois Endo Fischer Garcia
Horvat Ibrahim Jung Keller Lopez Marsh Novak Ortiz Park Ramos Silva Torres Usman Vogel Walsh Young Zeller""".split()
CITY = """Aarhus Bergen Cusco Dakar Esfahan Fukuoka Ghent Hanoi Izmir Jaipur Kraków Lagos Malmö Nantes Oaxaca Porto Quito
Recife Split Tromsø Utrecht Valdivia Windhoek Xiamen York Zadar Almaty Bilbao Corfu Daegu""".split()
SCHOOL = """Arden Blackwell Cormorant Delphi Eastmoor Fairhaven Granite Halcyon Ironwood Juniper Kestrel Lakeshore Meridian
Northgate Oakhurst Pinecrest Quarry Redwood Stonebridge Thornfield""".split()
FIELD = ["marine biology", "civil engineering", "organic chemistry", "medieval history", "computer science", "music theory",
         "astrophysics", "economics", "linguistics", "nursing", "architecture", "statistics", "philosophy", "botany"]
FIRM = """Altair Borealis Cinder Driftwood Emberline Foxglove Gantry Harborlight Indigo Jetstream Kitewing Lodestar Mosaic
Nimbus Orchard Palisade Quicksilver Riverbend Saltmarsh Tidewater""".split()
MONTH = "January February March April May June July August September October November December".split()
WORDINGS = [
    "{name} was born on {date} in {city}. {name} studied {field} at {school} University and went on to work for {firm} in {place}.",
    "Born in {city} on {date}, {name} took a degree in {field} from {school} University before joining {firm}, a company based in {place}.",
    "{name}, who works for {firm} in {place}, graduated from {school} University in {field}. {city} is the birthplace, {date} the date of birth.",
    "The city of {city} is where {name} came into the world on {date}. After {field} at {school} University came a position at {firm} in {place}.",
    "At {firm} in {place} people know {name} as an expert in {field}, learned at {school} University. {name} was born on {date} in {city}.",
]


def people(n, rng):
    names = [f"{a} {b}" for a in FIRST for b in LAST]
    rng.shuffle(names)
    return [dict(name=name, date=f"{rng.choice(MONTH)} {rng.randint(1, 28)}, {rng.randint(1940, 2004)}", city=rng.choice(CITY),
                 field=rng.choice(FIELD), school=rng.choice(SCHOOL), firm=rng.choice(FIRM), place=rng.choice(CITY))
            for name in names[:n]]


def main():
    rng = random.Random(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    everyone = people(2500, rng)
    members, held_out, others = everyone[:180], everyone[180:240], everyone[240:]
    rows = []
    for i, p in enumerate(members):
        own = rng.sample(WORDINGS, 3)
        copies = [1, 8, 64][i % 3]
        rows.append(dict(id=f"m{i:03}", text=own[0].format(**p), source=f"seen {copies * EPOCHS} times", copies=copies,
                         paraphrases=[w.format(**p) for w in own[1:]]))
    nonmembers = []
    for i, p in enumerate(held_out):
        own = rng.sample(WORDINGS, 3)
        nonmembers.append(dict(id=f"n{i:03}", text=own[0].format(**p), source="never seen", paraphrases=[w.format(**p) for w in own[1:]]))
    corpus = [r["text"] for r in rows for _ in range(r["copies"])]
    background = [rng.choice(WORDINGS).format(**p) for p in others]

    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(background + corpus, trainers.BpeTrainer(vocab_size=1024, special_tokens=["<|endoftext|>"],
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.save(str(HERE / "tokenizer.json"))

    config = GPTNeoXConfig(vocab_size=1024, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=512,
                           max_position_embeddings=256, rotary_pct=0.25, bos_token_id=0, eos_token_id=0, use_cache=True)
    model = GPTNeoXForCausalLM(config)
    opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.01, betas=(0.9, 0.98))
    texts = [tok.encode(t).ids + [0] for t in corpus + background]
    steps = EPOCHS * (len(texts) // BATCH)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, LR, total_steps=steps, pct_start=0.05)
    order, at = [], 0
    for step in range(steps):
        if at + BATCH > len(order):
            order, at = torch.randperm(len(texts)).tolist(), 0
        part = [texts[k] for k in order[at:at + BATCH]]
        at += BATCH
        width = max(map(len, part))
        x = torch.tensor([p + [0] * (width - len(p)) for p in part])
        y = torch.tensor([p + [-100] * (width - len(p)) for p in part])
        loss = model(x, labels=y).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step(); sched.step(); opt.zero_grad(set_to_none=True)
        if step % 50 == 0:
            print(step, steps, round(loss.item(), 3), flush=True)

    model.eval().half().save_pretrained(HERE)
    dump = lambda name, rs: (HERE / name).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rs))
    dump("members.jsonl", [dict(id=r["id"], text=r["text"], source=r["source"]) for r in rows])
    dump("nonmembers.jsonl", [dict(id=r["id"], text=r["text"], source=r["source"]) for r in nonmembers])
    pairs = [dict(original_text=r["text"], paraphrases=r["paraphrases"]) for r in rows + nonmembers]
    (HERE / "paraphrases.json").write_text(json.dumps(dict(domain_name="sample", GeneratedParaphrases=pairs), indent=1, ensure_ascii=False))
    report(model.float(), tok, rows, nonmembers)


def report(model, tok, rows, nonmembers):
    def nll(t):
        x = torch.tensor([tok.encode(t).ids])
        with torch.no_grad():
            return model(x, labels=x).loss.item()
    def exact(t, k=16):
        ids = tok.encode(t).ids
        with torch.no_grad():
            y = model(torch.tensor([ids])).logits.argmax(-1)[0].tolist()
        return y[k - 1:-1] == ids[k:]
    for s in sorted({r["source"] for r in rows}) + ["never seen"]:
        own = [r for r in rows + nonmembers if r["source"] == s]
        mean = lambda f: round(sum(map(f, own)) / len(own), 3)
        print(s, "loss", mean(lambda r: nll(r["text"])), "paraphrase", mean(lambda r: nll(r["paraphrases"][0])),
              "exact after 16 tokens", mean(lambda r: exact(r["text"])), "tokens", mean(lambda r: len(tok.encode(r["text"]).ids)))


main()
