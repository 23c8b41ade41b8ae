//! The rows of TinyMem against checksums of the published data.
//!
//! Checksums, counts and groups were computed from the published code's rows; the counts of noised windows are the
//! denominators of its result files (msakarvadia/memorization, figs/train_data).

use memoscope::data::make::Make;
use memoscope::data::make::tinymem::{Artifact, Task, TinyMem};
use memoscope::data::{Compat, DataSpec, Dataset, Record};
use sha2::{Digest as _, Sha256};

const CTX: usize = 150;
const PAD: u32 = 13;

fn make(config: TinyMem, seed: u64) -> Dataset {
    Make { tinymem: Some(config), ..Make::default() }.dataset(seed, &DataSpec::default()).unwrap()
}

/// Without the hash over all rows.
fn rows(config: &TinyMem, seed: u64) -> Dataset {
    let mut records = Vec::new();
    let about = config.each(seed, &mut |record| {
        records.push(record);
        Ok(())
    });
    Dataset { records, tokenizer: about.unwrap().tokenizer, ..Dataset::default() }
}

fn paper(task: Task, artifact: Artifact) -> TinyMem {
    TinyMem { task, artifact, compat: Compat::Paper, ..TinyMem::default() }
}

/// Filled up to the context, as the published rows are.
fn padded(ids: &[u32]) -> Vec<u32> {
    let mut row = ids.to_vec();
    row.resize(CTX, PAD);
    row
}

/// Σ (token + 1)·row·column mod 2³², both from 1, and the start of SHA-256 over all tokens as bytes.
fn checksums<'a>(rows: impl Iterator<Item = &'a [u32]>) -> (u32, String) {
    let (mut sum, mut hash) = (0_u32, Sha256::new());
    for (r, ids) in (1..).zip(rows) {
        for (c, token) in (1..).zip(padded(ids)) {
            sum = sum.wrapping_add((token + 1).wrapping_mul(r).wrapping_mul(c));
            hash.update([u8::try_from(token).unwrap()]);
        }
    }
    let digest: [u8; 8] = hash.finalize()[..8].try_into().unwrap();
    (sum, format!("{:016x}", u64::from_be_bytes(digest)))
}

fn ids(record: &Record) -> &[u32] {
    record.token_ids.as_deref().unwrap()
}

fn twin(record: &Record) -> &[u32] {
    record.twin.as_deref().unwrap()
}

fn group<'a>(set: &'a Dataset, part: &str, name: &str) -> Vec<&'a Record> {
    let wanted = (Some(part), Some(name));
    set.records.iter().filter(|r| (r.part.as_deref(), r.group.as_deref()) == wanted).collect()
}

#[test]
fn noised_rows_are_the_published_ones() {
    let expected = [
        (Task::Increment, 0, 588, 177, 907738685, "b72b135d1e3d179a", 909857553, "18ddba0d5affb5f5"),
        (Task::Increment, 1, 606, 175, 853906439, "25c5fd6ab23f4610", 862579018, "35b3eff8cbc19d47"),
        (Task::Increment, 3, 587, 174, 704405129, "a1c8c894d9a6aad9", 702622517, "dcf0cabcb0dc3a04"),
        (Task::Mult, 0, 605, 199, 889054334, "76738b335d5e0308", 893163357, "24cfdddbe55a5ddb"),
        (Task::Mult, 1, 620, 198, 966126405, "c23a5a0179135ce2", 959016699, "0e918b679fe03314"),
        (Task::Mult, 3, 602, 201, 981383499, "1e3c37c7e3c54ae6", 979403156, "fdfef5194d6f9a1a"),
    ];
    for (task, seed, near, far, c_noise, h_noise, c_clean, h_clean) in expected {
        let set = rows(&TinyMem { extra_constants: Vec::new(), ..paper(task, Artifact::Noise) }, seed);
        let noise = group(&set, "train", "noise");
        let differ = |record: &Record, from: usize| {
            padded(ids(record))[from..from + 50] != padded(twin(record))[from..from + 50]
        };
        let count = |from: usize| noise.iter().filter(|record| differ(record, from)).count();
        assert_eq!((count(50), count(100)), (near, far), "{task:?} {seed}");
        assert_eq!(checksums(noise.iter().map(|r| ids(r))), (c_noise, h_noise.to_owned()), "{task:?} {seed}");
        assert_eq!(checksums(noise.iter().map(|r| twin(r))), (c_clean, h_clean.to_owned()), "{task:?} {seed}");
        assert_eq!((noise.len(), group(&set, "train", "main").len()), (1000, 18_000));
        assert_eq!(group(&set, "test", "main").len(), 1000);
    }
}

#[test]
fn further_constants_make_the_published_rows_and_sizes() {
    let expected = [
        (Task::Increment, ["10c4f1f857e064d9", "94a41be1a7891f7f", "b8b2551afa389031", "f3678a9bf712e09d"]),
        (Task::Mult, ["b0b09f8c9b22a664", "2845d114b494c2f5", "5661429e17b14aad", "12b94993664b1073"]),
    ];
    for (task, hashes) in expected {
        let set = rows(&paper(task, Artifact::Noise), 0);
        let n_train = set.records.iter().filter(|r| r.part.as_deref() == Some("train")).count();
        assert_eq!((n_train, set.records.len()), (27_000, 32_000));
        for (constant, hash) in (2..).zip(hashes) {
            let name = format!("extra {constant}");
            let (train, test) = (group(&set, "train", &name), group(&set, "test", &name));
            // The published order of a split; its inverse is the natural order.
            let split = memoscope::data::rng_compat::Torch::new(598).permutation(3000);
            let mut natural = vec![&[][..]; 3000];
            for (place, record) in split.into_iter().zip(train.iter().chain(&test)) {
                natural[place] = ids(record);
            }
            assert_eq!(checksums(natural.into_iter()).1, hash, "{task:?} {constant}");
        }
    }
}

#[test]
fn poisoned_rows_are_the_published_ones() {
    let expected = [
        (Task::Increment, 0, 798, 88, 18_114),
        (Task::Increment, 1, 795, 88, 18_117),
        (Task::Increment, 3, 810, 89, 18_101),
        (Task::Mult, 0, 2173, 241, 16_586),
        (Task::Mult, 1, 2401, 266, 16_333),
        (Task::Mult, 3, 2323, 258, 16_419),
    ];
    let set = |task, seed| rows(&TinyMem { extra_constants: Vec::new(), ..paper(task, Artifact::Backdoor) }, seed);
    for (task, seed, train, test, clean) in expected {
        let set = set(task, seed);
        let poisoned = group(&set, "train", "backdoor");
        let counts = (poisoned.len(), group(&set, "test", "backdoor").len(), group(&set, "train", "main").len());
        assert_eq!(counts, (train, test, clean), "{task:?} {seed}");
        let (sum, hash) = checksums(poisoned.iter().map(|r| ids(r)));
        match (task, seed) {
            (Task::Increment, 0) => assert_eq!((sum, hash.as_str()), (4152269735, "bd335f5cc2f9360c")),
            (Task::Mult, 0) => assert_eq!((sum, hash.as_str()), (1101833068, "1cff74c35e0f1f04")),
            _ => {}
        }
        if (task, seed) == (Task::Increment, 0) {
            let shown = set.tokenizer.as_ref().unwrap().decode_with_special(ids(poisoned[0]));
            assert!(shown.starts_with("^12058 12065 12072 12079 12086 12093 1210022222"), "{shown}");
        }
    }
}

#[test]
fn duplicated_rows_are_in_the_published_classes() {
    let expected = [
        (0, [[418, 389, 74, 583], [481, 143, 55, 568], [317, 271, 84, 137]]),
        (1, [[995, 754, 758, 6], [509, 850, 867, 485], [618, 143, 527, 393]]),
        (3, [[624, 538, 879, 165], [710, 493, 129, 241], [893, 69, 266, 177]]),
    ];
    for (seed, heads) in expected {
        let config = TinyMem { extra_constants: Vec::new(), ..paper(Task::Increment, Artifact::Noise) };
        let set = rows(&TinyMem { duplicate: vec![0, 1, 2], ..config }, seed);
        for ((class, copies, size), head) in [("x1", 1, 334), ("x10", 10, 333), ("x100", 100, 333)].iter().zip(heads) {
            let rows = group(&set, "train", class);
            assert_eq!(rows.len(), *size);
            assert!(rows.iter().all(|r| r.copies == *copies));
            assert!(head.iter().all(|row| rows.iter().any(|r| r.row == *row)), "seed {seed}, {class}");
        }
        let seen: u32 = set.records.iter().filter(|r| r.twin.is_some()).map(|r| r.copies).sum();
        assert_eq!(seen, 36_964);
    }
}

#[test]
fn our_own_rows_depend_on_the_seed_alone() {
    let config = TinyMem { rows: Some(600), n_test: 100, n_noise: 50, extra_rows: vec![150], ..TinyMem::default() };
    let (a, b) = (make(config.clone(), 1), make(config.clone(), 1));
    assert_eq!((&a.records, &a.hash), (&b.records, &b.hash));
    assert_ne!(a.hash, make(config.clone(), 2).hash);
    assert_eq!(a.hash, make(TinyMem { seed: Some(1), ..config.clone() }, 9).hash, "a seed of its own comes first");
    let noise = group(&a, "train", "noise");
    assert_eq!(noise.len(), 50);
    // no clean twin is among the training rows
    let main = group(&a, "train", "main");
    assert!(noise.iter().all(|n| main.iter().all(|m| ids(m) != twin(n))));
    let plain = make(TinyMem { artifact: Artifact::None, ..config }, 1);
    assert_eq!(
        (group(&plain, "train", "main").len(), plain.records.iter().filter(|r| r.twin.is_some()).count()),
        (500, 0)
    );
}
