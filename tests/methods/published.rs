//! Published tables beside one's own numbers.

use serde_json::json;

use super::{Inputs, dataset, floats, model, text_record, texts};

#[test]
fn differences_stand_beside_own_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, "method,auroc,fpr95,tpr05\nloss,60.0%,90.0%,10.0%\nmink_0.2,50%,95%,5%\ndc_pdd,70%,80%,9%\n")
        .unwrap();
    let set = |name: &str, letters: [&str; 4]| {
        dataset(name, (0..4).map(|i| text_record(i, &format!("{} b c d e", letters[i]))).collect())
    };
    let inputs = Inputs::default()
        .model("model", model("llama"))
        .data("members", set("in", ["a", "b", "c", "d"]))
        .data("nonmembers", set("out", ["e", "f", "g", "h"]));
    let config = json!({"scores": ["loss", "min_k"], "ratios": [0.2], "bootstrap": 0, "published": path});
    let report = inputs.run("mia", &config).unwrap();
    assert_eq!(texts(&report, "metrics", "method"), ["loss", "min_k_0.2", "control", "dc_pdd"]);
    let own = floats(&report, "metrics", "auroc");
    assert_eq!(floats(&report, "metrics", "published_auroc"), [Some(0.6), Some(0.5), None, Some(0.7)]);
    let difference = floats(&report, "metrics", "difference_auroc");
    assert_eq!(difference[0], own[0].map(|a| a - 0.6));
    assert_eq!([difference[2], difference[3], own[3]], [None; 3]);
}

/// The released tables of the Min-K%++ attacks: in every one the whole share equals the loss.
#[test]
fn released_tables_are_read() {
    let root = std::env::var("MEMOSCOPE_FIXTURES").map_or_else(
        |_| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"),
        std::path::PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(root.join("mia_results")) else {
        println!("skipped: no mia_results in {}", root.display());
        return;
    };
    let mut n = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let rows = memoscope::data::published(&path).unwrap();
        let auroc = |name: &str| rows.iter().find(|r| r.method == name).map(|r| r.auroc);
        assert_eq!(auroc("loss"), auroc("mink_1.0"), "{}", path.display());
        n += 1;
    }
    assert!(n > 20, "{n} tables");
}
