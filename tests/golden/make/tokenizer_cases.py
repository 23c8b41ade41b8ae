"""Makes tests/golden/tokenizers: a small byte-level BPE, and what Python's tokenizers does with 55 hard strings.

    python tests/golden/make/tokenizer_cases.py [folder of stories260k]

byte_level.json           the tokenizer, trained on the text below
byte_level.cases.json     text, ids, byte offsets, decoded text of every string
llama.cases.json          the same by the Llama tokenizer of the fixtures, which is not copied here
"""
import json, pathlib, sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parents[1] / "tokenizers"
CORPUS = """A model that has seen a text often can say it again word for word. Memory of this kind is useful for facts,
and harmful for names, numbers and secrets. We measure how much of the continuation is reproduced when the beginning
is given, and compare the text with its paraphrases. Once upon a time there was a small model, and it was trained on
stories about a girl, a boy, a dog and the sun. The girl said: "I don't know what you've read, but we'll see."
for i in range(10):\n    print(i, x[i] + 1)\n    if x[i] > 0:\n        return None\n
모델은 많이 본 글을 기억한다. 언어 모델이 무엇을 기억하는지, 그 기억이 어디에 있는지 알아보자. 語言模型記得什麼？ 言語モデルは何を記憶しているか。
1234567890 3.14159 2026-11-20 http://example.org/a?b=c&d=e naïve café über straße
""" * 3
TEXTS = [
    "", " ", "  ", "a", " a", "a ", "Hello", "Hello world", " Hello  world ", "Once upon a time", "the the the",
    "I don't know what you've read", "UPPER lower MiXeD", "1234567890", "3.14159 + 2,000", "a\nb", "a\n\n\nb", "\n", "\t\tx",
    "a\r\nb", "    return None", "x[i] > 0:\n        y = 1", "naïve café", "nai\u0308ve cafe\u0301", "Straße über Öl",
    "모델은 기억한다", "안녕하세요 세계", "\u1112\u1161\u11ab\u1100\u1173\u11af", "語言模型", "記憶している。", "中文和English混合",
    "😀", "a😀b", "👩\u200d👩\u200d👧\u200d👦", "🇰🇷🇩🇪", "👍🏽 ok", "مرحبا بالعالم", "שלום", "हिन्दी में", "ภาษาไทย",
    "a\u0000b", "\u0000", "\ufeffbom", "zero\u200bwidth", "nb\u00a0space", "\u3000wide", "e\u0301\u0323\u0308",
    "<|endoftext|>", "a<|endoftext|>b", "<s>x</s>", "<0x0A>", "▁under Ġdot", "Q" * 300, "é" * 40, "\U0010ffff",
]


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True), trainers.BpeTrainer(
        vocab_size=480, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def cases(tokenizer):
    rows = []
    for text in TEXTS:
        plain, special = tokenizer.encode(text, add_special_tokens=False), tokenizer.encode(text)
        at = [len(text[:i].encode()) for i in range(len(text) + 1)]
        rows.append(dict(text=text, ids=plain.ids, with_special=special.ids,
                         offsets=[[at[a], at[b]] for a, b in plain.offsets],
                         decoded=tokenizer.decode(plain.ids, skip_special_tokens=True)))
    return rows


def write(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("},{", "},\n{") + "\n")


OUT.mkdir(exist_ok=True)
tokenizer = train()
(OUT / "byte_level.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=True, separators=(",", ":")) + "\n")
write("byte_level.cases.json", cases(Tokenizer.from_file(str(OUT / "byte_level.json"))))
if len(sys.argv) > 1:
    write("llama.cases.json", cases(Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")))
print(len(TEXTS), "strings")
