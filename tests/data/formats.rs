//! Every format and schema, read as a user would write it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Int32Type};
use memoscope::data::{DataSpec, Excluded, Format, Role, load, preview, statistics};
use parquet::arrow::ArrowWriter;

use super::{file, fixtures, read, texts};

#[test]
fn jsonl_takes_usual_columns_and_hashes_the_file() {
    let content = "\u{FEFF}{\"input\": \"one\", \"label\": 1, \"id\": 7}\n\n{\"input\": \"two\", \"label\": 0, \"id\": \"b\"}\r\n";
    let data = read("wiki.jsonl", content, &[]).unwrap();
    assert_eq!(data.schema, "JSONL: text from `input`, label, id");
    assert_eq!(texts(&data), ["one", "two"]);
    assert_eq!(data.records[0].label, Some(1));
    assert_eq!(data.records[0].id.as_deref(), Some("7"));
    assert_eq!((data.records[1].row, data.bad.len()), (1, 0));
    // sha256sum of the same bytes by Python's hashlib.
    let one = read("a.jsonl", "{\"text\": \"x\"}\n", &[]).unwrap();
    assert_eq!(one.hash, "3d321bc5b361aa83fb8eaf842d9cde8f228a3e142d9b103276141268bb3a9f74");
}

#[test]
fn bad_rows_are_kept_with_their_number_and_reason() {
    let content = "{\"text\": \"a\"}\nnot json\n{\"text\": 5}\n{\"other\": 1}\n{\"text\": \"  \"}\n[1]\n{\"text\": \"b\"\n{\"text\": \"c\"}\n";
    let data = read("rows.jsonl", content, &[]).unwrap();
    assert_eq!(texts(&data), ["a", "c"]);
    assert_eq!(data.records[1].row, 7, "row numbers count bad rows");
    let lines: Vec<usize> = data.bad.iter().map(|bad| bad.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
    for (i, word) in ["not valid JSON", "a number", "missing", "empty", "a list", "cut off"].iter().enumerate() {
        assert!(data.bad[i].reason.contains(word), "{:?} should say {word}", data.bad[i]);
    }
}

#[test]
fn columns_that_appear_later_are_found() {
    let data = read("late.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\", \"label\": \"member\"}\n", &[]).unwrap();
    assert_eq!(data.records[1].label, Some(1));
    assert_eq!(data.records[0].label, None);
}

#[test]
fn named_columns_come_first_and_reach_into_objects() {
    let content = r#"{"text": "no", "doc": {"body": "yes"}, "meta": {"pile_set_name": "ArXiv"}}"#;
    let data = read("nested.jsonl", content, &[("text", "doc.body")]).unwrap();
    assert_eq!(texts(&data), ["yes"]);
    assert_eq!(data.records[0].source.as_deref(), Some("ArXiv"));
}

#[test]
fn a_wrong_column_lists_those_that_are_there() {
    for (name, content) in [("a.jsonl", "{\"body\": \"x\", \"n\": 1}\n"), ("a.csv", "body,n\nx,1\n")] {
        let error = read(name, content, &[("text", "txt")]).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("no column `txt`") && shown.contains("`body`, `n`"), "{shown}");
        assert_eq!(error.exit_code(), 2);
    }
    let error = read("a.jsonl", "{\"text\": \"x\"}", &[("texts", "text")]).unwrap_err().to_string();
    assert!(error.contains("`texts` is not a role") && error.contains("paraphrases"), "{error}");
}

#[test]
fn labels_in_every_spelling() {
    for (spelling, expected) in [
        ("1", 1),
        ("0", 0),
        ("1.0", 1),
        ("true", 1),
        ("false", 0),
        ("\"member\"", 1),
        ("\"nonmember\"", 0),
        ("\"Train\"", 1),
        ("\"test\"", 0),
        ("\"0\"", 0),
    ] {
        let data = read("l.jsonl", format!("{{\"text\": \"x\", \"label\": {spelling}}}"), &[]).unwrap();
        assert_eq!(data.records[0].label, Some(expected), "{spelling}");
    }
    let content =
        "{\"text\": \"x\", \"label\": 1}\n{\"text\": \"y\", \"label\": [0, 1]}\n{\"text\": \"z\", \"label\": 4}\n";
    let guessed = read("l.jsonl", content, &[]).unwrap();
    assert_eq!(guessed.records.iter().map(|record| record.label).collect::<Vec<_>>(), [Some(1), None, None]);
    assert_eq!(guessed.notes, ["2 labels say neither member nor non-member and were left out"]);
    let asked = read("l.jsonl", content, &[("label", "label")]).unwrap();
    assert!(asked.bad[0].reason.contains("label (a list)"), "{:?}", asked.bad);
    assert!(asked.bad[1].reason.contains("label 4"), "{:?}", asked.bad);
}

#[test]
fn token_rows_whole_and_split() {
    let whole = read("amber.jsonl", r#"{"token_ids": [5, 6, 7], "source": "c4"}"#, &[]).unwrap();
    assert_eq!(whole.records[0].token_ids, Some(vec![5, 6, 7]));
    assert_eq!(whole.records[0].split_at, None);
    let split = read("split.jsonl", r#"{"source": "c4", "prompt": [1, 2], "continuation": [3]}"#, &[]).unwrap();
    assert_eq!((split.records[0].token_ids.clone(), split.records[0].split_at), (Some(vec![1, 2, 3]), Some(2)));
    let text = read("text.jsonl", r#"{"prompt": "The capital", "continuation": " is"}"#, &[]).unwrap();
    assert_eq!((text.records[0].text.as_deref(), text.records[0].split_byte), (Some("The capital is"), Some(11)));
    let asked = [("prompt", "question"), ("continuation", "answer"), ("paraphrases", "paraphrased_answer")];
    let row =
        r#"{"question": "Who?", "answer": " Ann.", "paraphrased_answer": [" It is Ann.", "Who? Ann, I say.", "Ann."]}"#;
    let text = &read("tofu.jsonl", row, &asked).unwrap().records[0];
    assert_eq!(text.paraphrases, ["Who? It is Ann.", "Who? Ann, I say."], "answers to the same prompt");
    assert_eq!((text.text.as_deref(), text.excluded.identical), (Some("Who? Ann."), 1));
    let one = r#"{"question": "Who?", "answer": " Ann.", "paraphrased_answer": " It is Ann."}"#;
    assert_eq!(read("one.jsonl", one, &asked).unwrap().records[0].paraphrases, ["Who? It is Ann."]);
    let content = "{\"token_ids\": [1]}\n{\"token_ids\": []}\n{\"token_ids\": [-1]}\n{\"token_ids\": [1.5]}\n{\"token_ids\": [4294967296]}\n";
    let bad = read("bad.jsonl", content, &[]).unwrap();
    assert_eq!((bad.records.len(), bad.bad.len()), (1, 4));
    assert!(bad.bad[1].reason.contains("token 0 is -1"), "{:?}", bad.bad);
}

#[test]
fn rows_with_a_member_and_a_nonmember_become_two() {
    let data = read("mimir.jsonl", "{\"member\": \"in\", \"nonmember\": \"out\"}\n", &[]).unwrap();
    assert_eq!(texts(&data), ["in", "out"]);
    let labels: Vec<_> = data.records.iter().map(|record| (record.row, record.label)).collect();
    assert_eq!(labels, [(0, Some(1)), (0, Some(0))]);
}

#[test]
fn json_arrays_objects_and_columns_of_text() {
    for content in [
        r#"[{"text": "a"}, {"text": "b"}]"#,
        r#"["a", "b"]"#,
        "{\n \"version\": {\"deep\": [1, [2]]},\n \"data\": [{\"text\": \"a\"}, {\"text\": \"b\"}]\n}",
    ] {
        let data = read("rows.json", content, &[]).unwrap();
        assert_eq!(texts(&data), ["a", "b"], "{content}");
    }
    let lines = read("lines.json", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n", &[]).unwrap();
    assert!(lines.schema.starts_with("JSONL"), "JSON Lines under the name .json: {}", lines.schema);
    let mixed = read("mixed.json", r#"[{"text": "a"}, 5, {"text": "\ud800"}, {"text": "b"}]"#, &[]).unwrap();
    assert_eq!(texts(&mixed), ["a", "b"]);
    assert_eq!(mixed.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 3]);
    assert!(mixed.bad[1].reason.contains("surrogate"), "{:?}", mixed.bad);
}

#[test]
fn all_three_paraphrase_schemas() {
    let newest = r#"{"domain_name": "x", "GeneratedParaphrases": [
        {"original_text": "A cat.", "paraphrases": ["One cat.", " A cat. ", "", null]},
        {"original_text": "", "paraphrases": ["z"]}]}"#;
    let older = r#"{"original_texts": ["A cat.", ""], "paraphrases": [["One cat.", "A cat.", " ", null], ["z"]]}"#;
    let tofu = r#"{"results": [{"Question": "A cat.", "ParaphraseResults": [{"paraphrased_question": "One cat."},
        {"paraphrased_question": "A cat."}, {"paraphrased_question": ""}, {"index": 3}]}, {"Question": ""}]}"#;
    for content in [newest, older, tofu] {
        let data = read("p.json", content, &[]).unwrap();
        assert_eq!(texts(&data), ["A cat."], "{content}");
        assert_eq!(data.records[0].paraphrases, ["One cat."]);
        assert_eq!(data.records[0].excluded, Excluded { empty: 2, identical: 1 });
        assert_eq!((data.bad.len(), data.bad[0].line), (1, 2), "the empty original is counted");
        assert!(data.notes[0].contains("2 empty, 1 equal"), "{:?}", data.notes);
    }
    let uneven = read("u.json", r#"{"original_texts": ["a", "b"], "paraphrases": [["c"]]}"#, &[]).unwrap();
    assert!(uneven.bad[0].reason.contains("`paraphrases` has no entry"), "{:?}", uneven.bad);
}

#[test]
fn published_paraphrase_files() {
    let Some(folder) = fixtures() else { return };
    let mut pairs = Vec::new();
    for name in ["beam_single_prompt_dm_mathematics_train", "greedy_Nprompts_dm_mathematics_test"] {
        let data = load(&folder.join(format!("paraphrases/pythia-2.8b_{name}.json")), &DataSpec::default()).unwrap();
        assert_eq!((data.records.len(), data.bad.len()), (89, 0));
        let kept: usize = data.records.iter().map(|record| record.paraphrases.len()).sum();
        let excluded: usize = data.records.iter().map(|record| record.excluded.total()).sum();
        pairs.push(kept + excluded);
        println!("{}: {kept} kept, {excluded} excluded", data.schema);
    }
    assert_eq!(pairs, [267, 445], "89 texts with 3 and with 5 paraphrases");
}

#[test]
fn csv_with_quotes_across_lines_and_other_delimiters() {
    let data = read("t.csv", "id,text,label\n1,\"a, \"\"b\"\"\nc\",1\n2,d,0\n", &[]).unwrap();
    assert_eq!(texts(&data), ["a, \"b\"\nc", "d"]);
    assert_eq!(data.records[1].label, Some(0));
    let semicolons = read("t.csv", "id;text\n1;a, b\n", &[]).unwrap();
    assert_eq!(texts(&semicolons), ["a, b"]);
    let tabs = read("t.tsv", "text\tlabel\na,b\t1\n", &[]).unwrap();
    assert_eq!((texts(&tabs), tabs.records[0].label), (vec!["a,b"], Some(1)));
    let ids = read("i.csv", "token_ids\n\"[1, 2]\"\n", &[]).unwrap();
    assert_eq!(ids.records[0].token_ids, Some(vec![1, 2]));
}

#[test]
fn ragged_csv_rows_are_bad_rows() {
    let data = read("r.csv", "id,text\n1,a\n2\n3,b,c\n4,d\n", &[]).unwrap();
    assert_eq!(texts(&data), ["a", "d"]);
    assert_eq!(data.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [3, 4]);
    assert!(data.bad[0].reason.contains("1 fields where the header has 2"), "{:?}", data.bad);
    let empty = read("e.csv", "id,text\n1,a\n2,\n", &[]).unwrap();
    assert!(empty.bad[0].reason.contains("missing or empty"), "{:?}", empty.bad);
}

#[test]
fn text_by_lines_and_by_paragraphs() {
    let content = "first\r\n  second line\n\n\nthird";
    let lines = read("t.txt", content, &[]).unwrap();
    assert_eq!(texts(&lines), ["first", "  second line", "third"]);
    let (_folder, path) = file("t.txt", content);
    let spec = DataSpec { format: Some(Format::Paragraphs), ..DataSpec::default() };
    let paragraphs = load(&path, &spec).unwrap();
    assert_eq!(texts(&paragraphs), ["first\n  second line", "third"]);
}

fn write_parquet(path: &Path) {
    let meta: ArrayRef = Arc::new(StringArray::from(vec!["ArXiv", "Pile-CC", "GitHub"]));
    let meta = StructArray::from(vec![(Arc::new(Field::new("pile_set_name", DataType::Utf8, true)), meta)]);
    let ids = vec![Some(vec![Some(1), Some(2)]), Some(vec![]), Some(vec![Some(70000)])];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("text", Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]))),
        ("label", Arc::new(Int64Array::from(vec![1, 0, 0]))),
        ("ids", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(ids))),
        ("meta", Arc::new(meta)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_with_lists_and_nested_columns() {
    let (_folder, path) = file("t.parquet", "");
    write_parquet(&path);
    let columns = [("token_ids".to_owned(), "ids".to_owned())].into();
    let data = load(&path, &DataSpec { columns, ..DataSpec::default() }).unwrap();
    assert_eq!(data.records[1].token_ids, Some(vec![70000]));
    assert_eq!((data.records.len(), data.bad[0].line), (2, 2), "{:?}", data.bad);
    let data = load(&path, &DataSpec::default()).unwrap();
    assert_eq!(data.schema, "Parquet: text, label, source from `meta.pile_set_name`");
    assert_eq!(texts(&data), ["a", "c"]);
    assert_eq!(data.records[1].source.as_deref(), Some("GitHub"));
    assert_eq!((data.bad[0].line, data.records[1].label), (2, Some(0)));
}

#[test]
fn damaged_parquet_is_an_error_and_no_panic() {
    let (_folder, path) = file("t.parquet", "");
    write_parquet(&path);
    let whole = std::fs::read(&path).unwrap();
    for cut in [4, 8, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let error = load(&path, &DataSpec::default()).unwrap_err().to_string();
        assert!(error.contains("not a readable Parquet file") && error.contains("t.parquet"), "{error}");
    }
    for at in (4..whole.len()).step_by(5) {
        for flip in [0x01, 0x80, 0xFF] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            std::fs::write(&path, &damaged).unwrap();
            let _ = load(&path, &DataSpec::default());
        }
    }
}

#[test]
fn limits_and_repeated_ids() {
    let (_folder, path) =
        file("n.jsonl", "{\"text\":\"a\",\"id\":1}\n{\"text\":\"b\",\"id\":1}\n{\"text\":\"c\",\"id\":2}\n");
    let data = load(&path, &DataSpec::default()).unwrap();
    assert_eq!(data.notes, ["1 rows repeat an id that occurred before, the first is `1` in rows 1 and 2"]);
    let limited = load(&path, &DataSpec { limit: Some(2), ..DataSpec::default() }).unwrap();
    assert_eq!((limited.records.len(), &limited.hash), (2, &data.hash));
}

#[test]
fn a_preview_shows_what_a_load_would_do() {
    let (_folder, path) = file(
        "p.jsonl",
        "{\"q\":\"a\",\"n\":1,\"z\":\"c\"}\n{\"q\":\"b\",\"n\":[2,3],\"z\":\"d\"}\nbroken\n".repeat(50),
    );
    let shown = preview(&path, &DataSpec::default(), 2).unwrap();
    assert_eq!(
        (shown.columns, shown.rows),
        (
            vec!["q".into(), "n".into(), "z".into()],
            vec![
                vec!["a".to_owned(), "1".to_owned(), "c".to_owned()],
                vec!["b".to_owned(), "[2,3]".to_owned(), "d".to_owned()],
            ]
        )
    );
    assert!(shown.problem.is_some_and(|problem| problem.contains("which column holds the text?")), "two texts");
    let columns = [("text".to_owned(), "z".to_owned())].into();
    let shown = preview(&path, &DataSpec { columns, ..DataSpec::default() }, 4).unwrap();
    assert_eq!(shown.mapping.get(&Role::Text).map(String::as_str), Some("z"));
    assert_eq!((shown.records.len(), shown.bad.len(), shown.problem), (4, 1, None));
}

#[test]
fn statistics_count_repetitions_and_lengths() {
    let data =
        read("s.jsonl", "{\"text\":\"aa\"}\n{\"text\":\"b\"}\n{\"text\":\"aa\"}\n{\"text\":\"cccc\"}\n", &[]).unwrap();
    let measured = statistics(&data.records, None, None).unwrap();
    let characters = measured.characters.unwrap();
    assert_eq!((measured.rows, measured.duplicates, measured.tokens), (4, 1, None));
    assert_eq!((characters.min, characters.median, characters.max, characters.mean), (1, 2, 4, 2.25));
    let ids = read("i.jsonl", "{\"token_ids\":[1,2,3]}\n{\"token_ids\":[1]}\n", &[]).unwrap();
    let measured = statistics(&ids.records, None, Some(2)).unwrap();
    assert_eq!((measured.too_long, measured.tokens.unwrap().max), (1, 3));
}

#[test]
fn rows_of_training_studies_say_their_part_group_copies_twin_and_facts() {
    let content = concat!(
        r#"{"token_ids": [10, 1], "part": "train", "group": "noise", "copies": 100, "twin": [10, 2], "facts": {"year": 1939, "city": "Oslo", "none": null}}"#,
        "\n",
        r#"{"token_ids": [3], "copies": 0}"#,
        "\n",
        r#"{"token_ids": [3], "twin": "x"}"#,
        "\n",
        r#"{"token_ids": [4]}"#,
        "\n",
    );
    let data = read("rows.jsonl", content, &[]).unwrap();
    let [altered, plain] = data.records.as_slice() else { panic!("{:?}", data.records) };
    assert_eq!(
        (altered.part.as_deref(), altered.group.as_deref(), altered.copies),
        (Some("train"), Some("noise"), 100)
    );
    assert_eq!(altered.twin, Some(vec![10, 2]));
    let facts: Vec<(&str, &str)> =
        altered.facts.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
    assert_eq!(facts, [("city", "Oslo"), ("year", "1939")]);
    assert_eq!((plain.copies, &plain.twin, plain.facts.len()), (1, &None, 0));
    let reasons: Vec<&str> = data.bad.iter().map(|bad| bad.reason.as_str()).collect();
    assert!(reasons[0].contains("copies is 0") && reasons[1].starts_with("twin: a text"), "{reasons:?}");
    let table = read("rows.csv", "text,copies,facts\na,7,\"{\"\"city\"\": \"\"Oslo\"\"}\"\n", &[]).unwrap();
    assert_eq!((table.records[0].copies, table.records[0].facts["city"].as_str()), (7, "Oslo"));
}
