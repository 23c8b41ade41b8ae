//! Tokenizers that this program writes, and what transformers reads from their files.
//!
//! `UPDATE=1` writes the files anew; then `tests/golden/make/saved_tokenizers.py` asks transformers again.

use std::path::{Path, PathBuf};

use memoscope::data::make::Make;
use memoscope::data::make::tinymem::TinyMem;
use memoscope::data::{DataSpec, Tokenizer};
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tokenizers").join(name)
}

fn math() -> Tokenizer {
    let config = TinyMem { rows: Some(20), n_test: 5, n_noise: 5, extra_constants: Vec::new(), ..TinyMem::default() };
    let set = Make { tinymem: Some(config), ..Make::default() }.dataset(0, &DataSpec::default()).unwrap();
    set.tokenizer.unwrap().as_ref().clone()
}

fn trained() -> Tokenizer {
    let texts = [
        "Zora Abner Smith was born on May 26, 1939. She studied at Yale University. She worked for Omaha's bank.",
        "Otis Fern Jones was born on March 2, 2014. He studied at Reed College. He worked in Omaha, Nebraska.",
        "What is the date of birth of Zora Abner Smith?\nAnswer: May 26, 1939",
    ];
    Tokenizer::train_bpe(&texts, 320).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn transformers_reads_what_is_saved() {
    for (name, tokenizer) in [("tinymem", math()), ("trained", trained())] {
        let golden = folder(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&golden).unwrap();
            tokenizer.save(&golden).unwrap();
            continue;
        }
        let saved = tempfile::tempdir().unwrap();
        tokenizer.save(saved.path()).unwrap();
        for file in ["tokenizer.json", "tokenizer_config.json"] {
            assert_eq!(json(&saved.path().join(file)), json(&golden.join(file)), "{name}/{file}");
        }
        let cases = json(&golden.join("cases.json"));
        let reloaded = Tokenizer::load(saved.path()).unwrap();
        for case in cases["texts"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            assert_eq!(reloaded.encode(text, true).unwrap().ids, ids, "{name}: {text:?}");
            assert_eq!(Value::from(reloaded.decode(&ids)), case["decoded"], "{name}: {text:?}");
        }
        let special = reloaded.special();
        let of = |key: &str| cases[key].as_u64().map(|id| u32::try_from(id).unwrap());
        assert_eq!((special.bos, special.eos, special.pad), (of("bos"), of("eos"), of("pad")), "{name}");
    }
}
