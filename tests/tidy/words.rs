//! Leftovers and words that do not belong into the repository.

use super::{assert_none, sources};

#[test]
fn no_leftovers() {
    let mut complaints = Vec::new();
    for source in sources("src", "rs") {
        for (n, line) in source.code().lines().enumerate() {
            for word in ["todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME", "#[allow("] {
                if line.contains(word) {
                    complaints.push(format!(
                        "{}:{}: `{word}`: finish it, or #[expect] with a reason",
                        source.path,
                        n + 1
                    ));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// Folders of one person's machine.
const PRIVATE: [&str; 3] = ["/home/", "/root/", "/tmp/"];

#[test]
fn no_private_paths() {
    let mut complaints = Vec::new();
    for folder in ["src", "tests", "assets", "packaging", "kernels"] {
        for extension in ["rs", "md", "py", "toml", "json"] {
            for source in sources(folder, extension) {
                let private = PRIVATE.iter().find(|p| source.path != file!() && source.text.contains(**p));
                if let Some(path) = private {
                    complaints.push(format!("{}: contains the private path {path}", source.path));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// Identifiers follow the glossary: one name for one thing.
#[test]
fn glossary_is_kept() {
    const AVOID: [(&str, &str); 6] = [
        ("n_embd", "d_model"),
        ("block_size", "n_ctx"),
        ("grad_x", "dx"),
        ("memorisation", "memorization"),
        ("regulariser", "regularizer"),
        ("colour", "color"),
    ];
    let mut complaints = Vec::new();
    for source in sources("src", "rs") {
        // These read and write the names of other programs.
        if source.path.starts_with("src/engine/families/")
            || ["src/runs/bench/models.rs", "src/runs/check/models.rs"].contains(&source.path.as_str())
        {
            continue;
        }
        for (word, instead) in AVOID {
            if let Some(n) = source.code().lines().position(|l| l.contains(word)) {
                complaints.push(format!("{}:{}: `{word}`: write `{instead}`", source.path, n + 1));
            }
        }
    }
    assert_none(&complaints);
}
