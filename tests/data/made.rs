//! Made sets as files and in experiments.

use memoscope::data::make::bios::{Bios, Order, hub_rows};
use memoscope::data::make::encode::{self, Encode};
use memoscope::data::make::prefixes::Prefixes;
use memoscope::data::make::tinymem::{Artifact, Task, TinyMem};
use memoscope::data::make::{Make, line};
use memoscope::data::{DataSpec, load};

fn small() -> [Make; 2] {
    let tinymem = TinyMem {
        rows: Some(300),
        n_test: 50,
        n_noise: 20,
        extra_constants: vec![3],
        extra_rows: vec![80],
        duplicate: vec![0, 1],
        ..TinyMem::default()
    };
    let bios = Bios {
        people: 12,
        members: Some(5),
        forms: 2,
        order: Order::Permuted,
        paraphrases: 1,
        question_people: 2,
        ..Bios::default()
    };
    [Make { tinymem: Some(tinymem), ..Make::default() }, Make { bios: Some(bios), ..Make::default() }]
}

#[test]
fn a_written_set_reads_back_as_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    for make in small() {
        let set = make.dataset(4, &DataSpec::default()).unwrap();
        let path = folder.path().join("rows.jsonl");
        let mut lines = String::new();
        make.each(4, &mut |record| {
            lines += &line(&record)?;
            Ok(())
        })
        .unwrap();
        let n = lines.lines().count();
        std::fs::write(&path, lines).unwrap();
        let read = load(&path, &DataSpec::default()).unwrap();
        assert_eq!((n, read.bad.len()), (set.records.len(), 0));
        assert_eq!(read.records, set.records);
        assert_eq!(read.hash, set.hash, "the hash of a made set is that of its file");
    }
}

#[test]
fn rows_of_the_published_kind_read_back_with_questions_and_answers() {
    let bios = Bios { people: 3, ..Bios::default() };
    let mut lines = String::new();
    hub_rows(&bios, 0, &mut |row| {
        lines.extend([row.to_string().as_str(), "\n"]);
        Ok(())
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bios.jsonl");
    std::fs::write(&path, lines).unwrap();
    let read = load(&path, &DataSpec::default()).unwrap();
    let made = Make { bios: Some(bios), ..Make::default() }.dataset(0, &DataSpec::default()).unwrap();
    assert_eq!(read.records.len(), 3);
    // The words of a biography but for its order and for where the name stands.
    let bag = |text: &str, name: &str, subject: &str| {
        let text = text.replace(name, subject);
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        words.sort();
        words
    };
    for row in &read.records {
        let text = row.text.as_ref().unwrap();
        let subject = if text.contains(" She ") { "She" } else { "He" };
        let own = bag(text, &row.facts["name"], subject);
        let others = row.paraphrases.iter().map(|other| bag(other, &row.facts["name"], subject));
        assert!(others.into_iter().all(|other| other != own), "the permuted biographies have sentences of their own");
    }
    for (row, made) in read.records.iter().zip(&made.records) {
        assert_eq!(row.text, made.text);
        assert_eq!(row.paraphrases.len(), 5);
        assert!(made.facts.iter().all(|fact| row.facts.get(fact.0) == Some(fact.1)), "{:?}", row.facts);
        assert!(row.facts["major_q"].starts_with("What subject did"));
    }
    let columns = [("text".to_owned(), "bioS_multi5_permutes".to_owned())].into();
    let many = load(&path, &DataSpec { columns, ..DataSpec::default() }).unwrap();
    assert_eq!(many.records.len(), 15);
    assert_eq!(many.records[6].text.as_ref(), read.records[1].paraphrases.get(1));
}

#[test]
fn texts_become_rows_of_equal_length_with_noise_or_a_backdoor() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("lines.txt");
    let line = |i: u32| format!("{i} people walked over the bridge and {} came back\n", i * 7 % 13);
    std::fs::write(&texts, (0..400).map(line).collect::<String>()).unwrap();
    let text = TinyMem {
        task: Task::Text,
        texts: Some(texts.clone()),
        n_test: 20,
        n_noise: 30,
        max_ctx: 24,
        vocab_size: 300,
        ..TinyMem::default()
    };
    let make = |text: TinyMem| Make { tinymem: Some(text), ..Make::default() }.dataset(1, &DataSpec::default());
    let set = make(text.clone()).unwrap();
    let tokenizer = set.tokenizer.as_ref().unwrap();
    let n_rows = set.records.len();
    let lengths: Vec<usize> = set.records.iter().map(|r| r.token_ids.as_ref().unwrap().len()).collect();
    assert!(lengths[..n_rows - 1].iter().all(|&n| n == 24) && lengths[n_rows - 1] <= 24);
    let all: usize =
        std::fs::read_to_string(&texts).unwrap().lines().map(|l| tokenizer.encode(l, false).unwrap().ids.len()).sum();
    assert_eq!(lengths.iter().sum::<usize>(), all, "every token is in one row");
    assert_eq!(set.records.iter().filter(|r| r.twin.is_some()).count(), 30);
    let backdoor = make(TinyMem { artifact: Artifact::Backdoor, trigger: Some(" bridge".to_owned()), ..text.clone() });
    let message = backdoor.unwrap_err().to_string();
    assert!(message.contains("rows lack the trigger") || message.contains("tokens, not one"), "{message}");
    let backdoor = make(TinyMem { artifact: Artifact::Backdoor, ..text.clone() }).unwrap();
    let poisoned: Vec<_> = backdoor.records.iter().filter(|r| r.twin.is_some()).collect();
    assert!(poisoned.len() >= 20 && poisoned.iter().all(|r| r.token_ids.as_ref().unwrap().len() == 24));
    // test rows are among the rows that are asked for, and what could not be read is told
    let jsonl = folder.path().join("lines.jsonl");
    let lines: Vec<String> = (0..400).map(|i| serde_json::json!({ "text": line(i) }).to_string()).collect();
    let lines = lines.join("\n") + "\n";
    std::fs::write(&jsonl, lines + "{\n").unwrap();
    let some = make(TinyMem { texts: Some(jsonl), rows: Some(60), ..text.clone() }).unwrap();
    let parts = ["train", "test"].map(|part| some.records.iter().filter(|r| r.part.as_deref() == Some(part)).count());
    assert_eq!(parts, [40, 20]);
    assert!(some.notes[0].starts_with("lines: 1 row that could not be read left out (line 401: "), "{:?}", some.notes);
    // without any file
    let own = make(TinyMem { texts: None, max_ctx: 64, ..text }).unwrap();
    assert!(own.records.len() > 1000 && own.tokenizer.is_some());
}

#[test]
fn parameters_that_do_not_fit_name_their_field() {
    let wrong = |make: &Make| {
        let found = make.problems();
        found.first().map(|w| format!("{}: {}", w.field, w.message)).unwrap_or_default()
    };
    let of = |tinymem: TinyMem| wrong(&Make { tinymem: Some(tinymem), ..Make::default() });
    let base = TinyMem::default;
    assert_eq!(of(base()), "");
    assert_eq!(
        of(TinyMem { n_noise: 19_001, ..base() }),
        "tinymem.n_noise: is 19001, but there are 19000 training rows"
    );
    assert_eq!(of(TinyMem { rows: Some(1000), ..base() }), "tinymem.rows: is 1000, and 1000 are for testing");
    assert_eq!(of(TinyMem { extra_rows: vec![1, 2], ..base() }), "tinymem.extra_rows: has 2 numbers for 4 constants");
    assert_eq!(
        of(TinyMem { extra_rows: vec![900], ..base() }),
        "tinymem.extra_rows: is 900, and 1000 of each constant are for testing"
    );
    assert_eq!(of(TinyMem { trigger: Some("x1".to_owned()), ..base() }), "tinymem.trigger: is \"x1\"");
    assert!(
        of(TinyMem { rows: Some(9_000_000), length: 10_000, max_ctx: 100_000, ..base() })
            .contains("more than 2000000000 tokens")
    );
    assert!(
        of(TinyMem { texts: Some("x.txt".into()), ..base() }).starts_with("tinymem.texts: the task is `increment`")
    );
    let few = TinyMem { task: Task::Text, rows: Some(1000), ..base() };
    assert_eq!(of(few), "tinymem.rows: is 1000, and 1000 are for testing");
    let bios = Make { bios: Some(Bios { people: 3, members: Some(4), ..Bios::default() }), ..Make::default() };
    assert_eq!(wrong(&bios), "bios.members: is 4, but there are 3 people");
    assert_eq!(wrong(&Make::default()), ": needs one generator");
    let long = Make { tinymem: Some(TinyMem { max_ctx: 60, ..base() }), ..Make::default() };
    let message = long.dataset(0, &DataSpec::default()).unwrap_err().to_string();
    assert!(message.contains("a row has 121 tokens, more than max_ctx, 60"), "{message}");
}

#[test]
fn rows_become_the_texts_of_the_fine_tuning_study() {
    let folder = tempfile::tempdir().unwrap();
    let texts = |name: &str, rows: &str, encode: Encode| {
        let path = folder.path().join(name);
        std::fs::write(&path, rows).unwrap();
        let make = Make { encode: Some(Encode { rows: path, ..encode }), ..Make::default() };
        let set = make.dataset(0, &DataSpec::default()).unwrap();
        let rows: Vec<(String, String)> = set.records.into_iter().map(|r| (r.part.unwrap(), r.text.unwrap())).collect();
        (rows, set.notes)
    };
    let dialogue: Vec<String> =
        (0..10).map(|i| format!(r#"{{"instruction": "Help.", "input": "pain {i}", "output": "rest {i}"}}"#)).collect();
    let (rows, notes) = texts("chat.json", &format!("[{}]", dialogue.join(",")), Encode::default());
    assert_eq!(rows[0], ("train".to_owned(), "Help.pain 0\n ---------- \nrest 0".to_owned()));
    assert_eq!(rows.iter().filter(|row| row.0 == "test").count(), 1, "a tenth, at the end");
    assert_eq!((rows[9].0.as_str(), notes.len()), ("test", 0));

    let squad = concat!(
        r#"{"context": "C.", "question": "Q?", "answers": {"text": ["a", "it's"], "answer_start": [1, 2]}}"#,
        "\n",
        r#"{"context": "C.", "question": "Q?", "answers": {"text": []}}"#,
        "\n",
        r#"{"context": "C.", "question": null}"#,
    );
    let (rows, notes) = texts("squad.jsonl", squad, Encode { task: encode::Task::Squad, ..Encode::default() });
    assert_eq!(rows[0].1, "C.Q?\n ---------- \n['a', \"it's\"]");
    assert_eq!((rows[1].1.as_str(), rows.len()), ("C.Q?\n ---------- \n[]", 2));
    assert!(notes[0].starts_with("1 rows lack a column"), "{notes:?}");

    let damaged = concat!(
        r#"{"context": "C.", "question": "Q?", "answers": [1, "b"]}"#,
        "\n{\n",
        r#"{"context": "D.", "question": "R?", "answers": {"text": ["x"]}}"#,
        "\n",
        r#"{"context": "E.", "question": "S?", "answers": {"text": ["y"]}}"#,
    );
    let half = Encode { task: encode::Task::Squad, train_share: Some(0.5), ..Encode::default() };
    let (rows, notes) = texts("damaged.jsonl", damaged, half);
    let parts: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(parts, ["train", "test", "test"], "half of the four lines, the damaged one among them");
    assert_eq!(rows[0].1, "C.Q?\n ---------- \n[1, 'b']");
    assert_eq!(notes.len(), 1);
    assert!(notes[0].starts_with("damaged.jsonl: 1 row that could not be read left out (line 2: "), "{notes:?}");
    let path = folder.path().join("twice.csv");
    std::fs::write(&path, "instruction,input,input\na,b,c\n").unwrap();
    let make = Make { encode: Some(Encode { rows: path, ..Encode::default() }), ..Make::default() };
    let message = make.dataset(0, &DataSpec::default()).unwrap_err().to_string();
    assert!(message.contains("the column `input` occurs twice in the header"), "{message}");

    let pair = r#"{"translation": {"en": "Hello.", "de": "Hallo."}}"#;
    let (rows, _) = texts("wmt.jsonl", pair, Encode { task: encode::Task::Translation, ..Encode::default() });
    assert_eq!(rows[0].1, "Please translation the following paragraph to Germany: Hello.\n ---------- \nHallo.");
    let make = Make {
        encode: Some(Encode { task: encode::Task::Squad, rows: folder.path().join("wmt.jsonl"), ..Encode::default() }),
        ..Make::default()
    };
    let message = make.dataset(0, &DataSpec::default()).unwrap_err().to_string();
    assert!(message.contains("no row has the columns `context`, `question`, `answers`"), "{message}");
    assert!(message.contains("`translation`"), "{message}");
}

#[test]
fn prefixes_have_one_length_and_occur_once() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts.jsonl");
    let words = ["a b c d e f g", "a b c x y z w", "a b", "k l m n o p q"];
    let lines: Vec<String> = words.iter().map(|text| format!(r#"{{"text": "{text}", "part": "train"}}"#)).collect();
    std::fs::write(&texts, lines.join("\n") + "\n{").unwrap();
    let tokenizer = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/methods/tokenizer.json");
    let prefixes = Prefixes { texts, tokenizer, prefix: 3, min_suffix: 2, max_suffix: Some(3), ..Prefixes::default() };
    let make = Make { prefixes: Some(prefixes.clone()), ..Make::default() };
    let set = make.dataset(0, &DataSpec::default()).unwrap();
    assert_eq!(set.records.len(), 2);
    assert!(set.records.iter().all(|r| r.split_at == Some(3) && r.token_ids.as_ref().unwrap().len() == 6));
    let remark = "texts: 1 row that could not be read left out (line 5: ";
    assert!(set.notes[0].starts_with(remark), "{:?}", set.notes);
    assert_eq!(
        set.notes[1..],
        ["1 texts are too short and were left out", "1 texts repeat a prefix and were left out"]
    );
    let table = prefixes.table().unwrap();
    assert_eq!(table["columns"], serde_json::json!(["prefix", "suffix"]));
    assert_eq!(table["index"], serde_json::json!([0, 1]));
    assert_eq!(table["data"][1][0], "k l m");
    // written and read back, the split stays
    let path = folder.path().join("prefixes.jsonl");
    let lines: String = set.records.iter().map(|record| line(record).unwrap()).collect();
    std::fs::write(&path, lines).unwrap();
    assert_eq!(load(&path, &DataSpec::default()).unwrap().records, set.records);
}
