//! safetensors headers.

use std::fs;
use std::path::PathBuf;

use memoscope::engine::weights::TensorFile;

use super::assert_refused;
use crate::models::build::with_header;

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("model.safetensors");
        fs::write(&path, bytes).unwrap();
        path
    }

    #[track_caller]
    fn refuses(&self, what: &str, bytes: &[u8], part: &str) {
        let path = self.write(bytes);
        assert_refused(what, &path, part, || TensorFile::open(&path));
    }

    #[track_caller]
    fn refuses_header(&self, what: &str, header: &str, n_data: usize, part: &str) {
        self.refuses(what, &with_header(header, &vec![0; n_data]), part);
    }
}

const ONE: &str = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;

#[test]
fn lengths() {
    let scratch = Scratch::new();
    scratch.refuses("an empty file", b"", "is empty");
    scratch.refuses("seven bytes", &[1; 7], "only 7 bytes");
    scratch.refuses("length 0", &[0; 16], "length 0");
    scratch.refuses("a header longer than the file", &with_header("{}", &[])[..9], "claims 2 bytes but only 1 follow");
    let huge = [&100_000_001_u64.to_le_bytes()[..], b"{}"].concat();
    scratch.refuses("a header above 100 MB", &huge, "more than 100000000 are never believed");
    scratch.refuses("the largest length", &[0xFF; 64], "18446744073709551615 bytes");
}

#[test]
fn not_a_table_of_tensors() {
    let scratch = Scratch::new();
    scratch.refuses("a header that is not UTF-8", &[8_u64.to_le_bytes(), [0xC3; 8]].concat(), "not UTF-8");
    for (header, part) in [
        ("hello there", "expected value"),
        ("{\"a\":", "EOF"),
        ("[1,2]", "sequence"),
        ("12", "integer"),
        ("null", "null"),
        ("{} {}", "trailing characters"),
        (r#"{"a":3}"#, "integer `3`"),
        (r#"{"a":{"dtype":"F32","shape":[1]}}"#, "missing field `data_offsets`"),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}"#, "unknown field `more`"),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, "trailing"),
        (r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "-1"),
        (r#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, "1.5"),
        (r#"{"a":{"dtype":"F32","shape":"2","data_offsets":[0,8]}}"#, "a list of extents"),
        (r#"{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#, "\"a\": the type \"F99\" is not known"),
        (r#"{"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}}"#, "integer `7`"),
        (r#"{"__metadata__":{"format":3}}"#, "integer `3`"),
        (r#"{"__metadata__":[]}"#, "texts only"),
        (r#"{"__metadata__":{},"__metadata__":{}}"#, "__metadata__ occurs twice"),
    ] {
        scratch.refuses_header(header, header, 8, part);
    }
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    scratch.refuses_header("deep nesting", &nested, 0, "sequence");
    let inside = format!("{{\"__metadata__\":{{\"a\":{}", "{\"b\":".repeat(10_000));
    scratch.refuses_header("deep nesting in the metadata", &inside, 0, "map");
    let extents = vec!["0"; 100_000].join(",");
    let shape = format!(r#"{{"a":{{"dtype":"F32","shape":[{extents}],"data_offsets":[0,0]}}}}"#);
    scratch.refuses_header("a shape of many extents", &shape, 0, "more than 16 extents");
}

#[test]
fn duplicate_names() {
    let tensor = r#"{"dtype":"F32","shape":[1],"data_offsets":"#;
    let header = format!(r#"{{"a":{tensor}[0,4]}},"a":{tensor}[4,8]}}}}"#);
    Scratch::new().refuses_header("two tensors of one name", &header, 8, "\"a\" occurs twice");
    let escaped = format!(r#"{{"a":{tensor}[0,4]}},"\u0061":{tensor}[4,8]}}}}"#);
    Scratch::new().refuses_header("two spellings of one name", &escaped, 8, "\"a\" occurs twice");
    let keys = r#"{"a":{"dtype":"F32","dtype":"F64","shape":[1],"data_offsets":[0,4]}}"#;
    Scratch::new().refuses_header("two types", keys, 4, "duplicate field `dtype`");
}

#[test]
fn sizes_that_do_not_fit() {
    let scratch = Scratch::new();
    let one = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let max = u64::MAX;
    for (header, n_data, part) in [
        (one("F32", "[4294967296,4294967296]", "[0,8]"), 8, "larger than any memory"),
        (one("F64", "[4611686018427387904]", "[0,8]"), 8, "larger than any memory"),
        (one("F32", &format!("[{max}]"), "[0,8]"), 8, "larger than any memory"),
        (one("F32", "[18446744073709551616]", "[0,8]"), 8, "1.8446744073709552e+19`, expected usize"),
        (one("F32", "[3]", "[0,8]"), 8, "needs 12 bytes but 8 are given"),
        (one("F32", "[2]", "[8,0]"), 8, "begin at 8, after their end at 0"),
        (one("F32", "[4]", "[0,16]"), 8, "end at byte 16 but the file has 8"),
        (one("F32", "[2]", "[0,8]"), 7, "end at byte 8 but the file has 7; it is cut short"),
        (one("F32", "[2]", "[0,8]"), 12, "4 bytes follow the last tensor"),
        (one("F32", "[2]", "[4,12]"), 12, "gap"),
        (one("F4", "[3]", "[0,2]"), 2, "do not end at a whole byte"),
        (one("F32", "[1]", &format!("[{},{max}]", max - 4)), 4, "it is cut short"),
    ] {
        scratch.refuses_header(&header, &header, n_data, part);
    }
}

#[test]
fn gaps_and_overlaps() {
    let two = |b: &str| {
        format!(
            r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}},"b":{{"dtype":"F32","shape":[2],"data_offsets":{b}}}}}"#
        )
    };
    let scratch = Scratch::new();
    scratch.refuses_header(
        "a gap",
        &two("[12,20]"),
        20,
        "\"b\" begins at byte 12 of the data and leaves a gap after \"a\"",
    );
    scratch.refuses_header("an overlap", &two("[4,12]"), 16, "overlaps \"a\"");
    scratch.refuses_header("the same bytes", &two("[0,8]"), 8, "some overlap");
}

#[test]
fn other_formats_under_this_name() {
    let scratch = Scratch::new();
    let mut zip = b"PK\x03\x04".to_vec();
    zip.resize(600, 0x77);
    scratch.refuses("a zip of pickles", &zip, "convert it");
    let mut pickle = b"\x80\x02}q\0(X".to_vec();
    pickle.resize(600, 0x77);
    scratch.refuses("a pickle", &pickle, "a Python pickle");
    let mut gguf = b"GGUF\x03\0\0\0".to_vec();
    gguf.resize(600, 0x77);
    scratch.refuses("GGUF", &gguf, "a GGUF file");
    scratch.refuses(
        "a Git LFS pointer",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n",
        "git lfs pull",
    );
    scratch.refuses("a web page", b"<!DOCTYPE html><html><body>404</body></html>", "a web page");
}

#[test]
fn unusual_but_right() {
    let scratch = Scratch::new();
    let opens = |header: &str, n_data: usize| {
        let path = scratch.write(&with_header(header, &vec![0; n_data]));
        TensorFile::open(&path).unwrap_or_else(|e| panic!("{header:.80}: {e}"))
    };
    opens("{}", 0);
    opens(&format!(" \n\t{ONE}   \r\n"), 8);
    let scalar = opens(r#"{"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}"#, 8);
    assert_eq!(scalar.numbers(scalar.find("s").unwrap()).unwrap(), [0.0]);
    let empty = opens(
        r#"{"e":{"dtype":"F32","shape":[3,0],"data_offsets":[8,8]},"a":{"data_offsets":[0,8],"dtype":"I64","shape":[1]},"f":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
        8,
    );
    assert_eq!(empty.entries().len(), 3);
    // Header lengths whose bytes are the magic of gzip (1f 8b) and zlib (78 9c).
    for length in [0x8b1f, 0x9c78, 0x08_8b1f] {
        let padded = format!("{ONE}{}", " ".repeat(length - ONE.len()));
        assert_eq!(opens(&padded, 8).entries().len(), 1);
    }
    // Out of order in the header.
    let reversed = r#"{"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"format":"pt","x":""}}"#;
    assert_eq!(opens(reversed, 11).find("b").unwrap().range.len(), 3);
}

/// The first bytes are a length, and a length may look like the mark of another format.
#[test]
fn lengths_that_look_like_other_formats_are_lengths() {
    let scratch = Scratch::new();
    for (name, mark) in [("gzip", [0x1F, 0x8B]), ("zlib", [0x78, 0x9C]), ("a pickle", [0x80, 0x02]), ("zip", *b"PK")] {
        let length = usize::from(u16::from_le_bytes(mark));
        let header = format!("{ONE}{}", " ".repeat(length - ONE.len()));
        let bytes = with_header(&header, &[0; 8]);
        assert_eq!(bytes[..2], mark);
        let path = scratch.write(&bytes);
        let file = TensorFile::open(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(file.entries().len(), 1);
    }
}

#[test]
fn random_damage_never_panics() {
    let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}"#;
    let good = with_header(header, &[7; 32]);
    let scratch = Scratch::new();
    let mut random = memoscope::rng::Stream::new(1, "damage");
    let mut refused = 0;
    for _ in 0..2000 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() - 32);
            bytes[at] = random.next_u64() as u8;
        }
        bytes.truncate(bytes.len() - random.below(4) * random.below(20));
        refused += usize::from(TensorFile::open(&scratch.write(&bytes)).is_err());
    }
    assert!(refused > 1500, "{refused}");
}

#[test]
fn a_file_that_changes_under_us_is_noticed() {
    let scratch = Scratch::new();
    let path = scratch.write(&with_header(ONE, &[0; 8]));
    let file = TensorFile::open(&path).unwrap();
    file.stamp().check_unchanged().unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
    assert_refused("a file cut while mapped", &path, "was changed while it was in use", || {
        file.stamp().check_unchanged()
    });
    fs::remove_file(&path).unwrap();
    assert_refused("a file removed while mapped", &path, "nothing is there", || file.stamp().check_unchanged());
}
