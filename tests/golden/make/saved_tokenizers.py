"""What transformers reads from the tokenizers that the program saves (tests/data/saved_tokenizers.rs).

python saved_tokenizers.py tests/golden/tokenizers
"""
import json
import pathlib
import sys

from transformers import AutoTokenizer

TEXTS = {
    "tinymem": ["^7 14 21$", "^-1 -1 0$", "10067", "^20133 5$ ", "x7y\n8"],
    "trained": [
        "Zora Abner Smith was born on May 26, 1939.",
        " She studied at Yale University.",
        "unseen words: żółw, 한국, 🙂\n\ttabs",
        "",
        "What is the date of birth of Zora?\nAnswer: May 26, 1939",
    ],
}

for name, texts in TEXTS.items():
    folder = pathlib.Path(sys.argv[1]) / name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = []
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)})
    out = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id, "pad": tokenizer.pad_token_id, "texts": cases}
    (folder / "cases.json").write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
