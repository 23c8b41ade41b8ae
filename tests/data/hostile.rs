//! Files that are damaged, of another kind, or of another encoding.

use std::time::Instant;

use super::{file, read, refusal, texts};
use memoscope::data::{DataSpec, load};

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let units = text.encode_utf16();
    units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn utf16_names_itself_and_how_to_convert() {
    let text = "{\"text\": \"hello\"}\n";
    let marked = [b"\xFF\xFE".as_slice(), &utf16(text, false)].concat();
    for (content, name) in [
        (marked, "UTF-16LE"),
        ([b"\xFE\xFF".as_slice(), &utf16(text, true)].concat(), "UTF-16BE"),
        (utf16(text, false), "UTF-16LE"),
        (utf16(text, true), "UTF-16BE"),
        ([b"\xFF\xFE\0\0".as_slice(), b"{\0\0\0"].concat(), "UTF-32LE"),
    ] {
        let error = refusal("wide.jsonl", content);
        assert!(error.contains(name) && error.contains(&format!("iconv -f {name} -t UTF-8")), "{error}");
    }
}

#[test]
fn latin1_rows_are_bad_rows_that_say_so() {
    let content = [b"{\"text\": \"caf\xE9\"}\n".as_slice(), b"{\"text\": \"tea\"}\n"].concat();
    let data = read("latin.jsonl", content, &[]).unwrap();
    assert_eq!(texts(&data), ["tea"]);
    let reason = &data.bad[0].reason;
    assert!(reason.contains("0xE9 at 13") && reason.contains("Windows-1252") && reason.contains("é"), "{reason}");
    for name in ["latin.txt", "latin.csv"] {
        let data = read(name, b"text\ncaf\xE9\ntea\n", &[]).unwrap();
        assert_eq!((data.bad.len(), data.bad[0].line), (1, 2), "{name}");
    }
    let cut = read("cut.txt", b"good\nbad \xE2\x82", &[]).unwrap();
    assert!(cut.bad[0].reason.contains("cut off at byte 4"), "{:?}", cut.bad);
}

#[test]
fn nul_bytes_and_surrogates_are_bad_rows() {
    let data =
        read("nul.jsonl", "{\"text\": \"a\0b\"}\n{\"text\": \"\\ud83d x\"}\n{\"text\": \"a\\u0000b\"}\n", &[]).unwrap();
    assert_eq!(texts(&data), ["a\0b"], "an escaped NUL is a character like others");
    assert!(data.bad[0].reason.contains("NUL"), "{:?}", data.bad);
    assert!(data.bad[1].reason.contains("surrogate"), "{:?}", data.bad);
    let text = read("nul.txt", "plain text here\nwith a \0 in it\n", &[]).unwrap();
    assert!(text.bad[0].reason.contains("NUL"), "{:?}", text.bad);
}

#[test]
fn other_kinds_of_files_are_named() {
    for (content, word) in [
        (b"\x1F\x8B\x08\0".as_slice(), "gzip"),
        (b"PK\x03\x04rest", "zip"),
        (b"\x80\x04\x95rest", "pickle"),
        (b"\x93NUMPY\x01", "NumPy"),
        (&[0u8; 4096], "binary"),
    ] {
        let error = refusal("rows.jsonl", content);
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn empty_and_hopeless_files() {
    for name in ["e.jsonl", "e.json", "e.csv", "e.txt"] {
        let error = refusal(name, "");
        assert!(error.contains("no rows") || error.contains("not valid JSON"), "{name}: {error}");
    }
    let error = refusal("h.csv", "text,label\n");
    assert!(error.contains("no rows"), "{error}");
    let error = refusal("x.jsonl", "word\n".repeat(100_000));
    assert!(error.contains("1000 of the first 1000 rows") && error.contains("line 1"), "{error}");
    let error = refusal("blank.jsonl", "\n\n  \n");
    assert!(error.contains("no rows"), "{error}");
    let error = refusal("one.jsonl", "{\"text\": \"\"}\n");
    assert!(error.contains("the only row cannot be used") && error.contains("the text is empty"), "{error}");
}

#[test]
fn broken_documents_say_where() {
    let error = refusal("cut.json", "[{\"text\": \"a\"}, {\"text\": \"b\"");
    assert!(error.contains("after 1 rows") && error.contains("cut off"), "{error}");
    let error = refusal("keys.json", "{\"a\": 1,\n \"b\": [1]}");
    assert!(error.contains("its keys are `a`, `b`"), "{error}");
    let error = refusal("two.json", "[{\"text\": \"a\"}]\n[1]");
    assert!(error.contains("trailing") && error.contains("jsonl"), "{error}");
    let deep = format!("[{{\"text\": \"a\"}}, {}1{}]", "[".repeat(200_000), "]".repeat(200_000));
    let data = read("deep.json", deep, &[]).unwrap();
    assert!(data.bad[0].reason.contains("recursion"), "{:?}", data.bad);
}

#[test]
fn endless_lines_and_unclosed_quotes_stop_at_the_limit() {
    let long = "x".repeat(65 << 20);
    let start = Instant::now();
    for (name, content) in [
        ("l.jsonl", format!("{{\"text\": \"{long}")),
        ("l.txt", long.clone()),
        ("l.json", format!("[\"{long}\"]")),
        ("l.csv", format!("id,text\n1,\"{long}")),
    ] {
        let error = refusal(name, content);
        assert!(error.contains("longer than 64 MiB"), "{error}");
    }
    let later = read("later.jsonl", format!("{{\"text\": \"a\"}}\n{long}\n{{\"text\": \"b\"}}\n"), &[]).unwrap();
    assert_eq!((texts(&later), later.bad[0].line), (vec!["a", "b"], 2));
    println!("five files of 65 MiB in {:?}", start.elapsed());
}

#[test]
fn a_header_with_the_same_column_twice_and_a_million_columns() {
    let error = refusal("twice.csv", "text,text\na,b\n");
    assert!(error.contains("`text` occurs twice"), "{error}");
    let wide: Vec<String> = (0..20_000).map(|i| format!("\"c{i}\":{i}")).collect();
    let start = Instant::now();
    let data = read("wide.jsonl", format!("{{\"text\":\"a\",{}}}\n", wide.join(",")), &[]).unwrap();
    assert_eq!(texts(&data), ["a"]);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn folders_and_missing_files() {
    let (folder, path) = file("a.jsonl", "");
    let error = load(folder.path(), &DataSpec::default()).unwrap_err().to_string();
    assert!(error.contains("a folder") && error.contains("a.jsonl"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = load(&path, &DataSpec::default()).unwrap_err().to_string();
    assert!(error.contains("nothing is there") && error.contains("a.jsonl"), "{error}");
}
