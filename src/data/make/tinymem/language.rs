//! The language task: texts, one encoded after the other, cut into rows of equal length.
//! Source: msakarvadia/memorization, `src/data/old_data.py`, `wiki_fast`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::backdoor::{self, Sizes, Trigger};
use super::draws::Draws;
use super::parts::{Group, Parts, Row};
use super::{Artifact, TinyMem};
use crate::data::make::bios::Bios;
use crate::data::{DataSpec, Tokenizer, load};
use crate::error::{Error, Result};

/// A trigger that is drawn occurs in at least so many rows.
const COMMON: usize = 20;

/// Makes every part, and the tokenizer of its ids; `notes` gets what was left out of the files.
pub(super) fn parts(
    config: &TinyMem,
    seed: u64,
    draws: &mut Draws,
    notes: &mut Vec<String>,
) -> Result<(Parts, Tokenizer)> {
    let texts = match &config.texts {
        Some(place) => texts(place, notes)?,
        None => biographies(seed)?,
    };
    let tokenizer = match &config.tokenizer {
        Some(place) => Tokenizer::load(place)?,
        None => Tokenizer::train_bpe(&texts, config.vocab_size)?,
    };
    let mut train = chunks(&texts, &tokenizer, config.max_ctx)?;
    let mut wanted = config.rows.unwrap_or(usize::MAX);
    let test = if let Some(place) = &config.test_texts {
        chunks(&self::texts(place, notes)?, &tokenizer, config.max_ctx)?
    } else {
        let n = train.len();
        if n <= config.n_test {
            return Err(too_short(n, config.n_test, "kept for testing"));
        }
        wanted = wanted.saturating_sub(config.n_test);
        train.split_off(n - config.n_test)
    };
    train.truncate(wanted);
    let mut parts = match config.artifact {
        Artifact::Noise => noise(config, train, test, tokenizer.vocab_size(), draws)?,
        Artifact::Backdoor => backdoor(config, train, test, &tokenizer, draws)?,
        Artifact::None => Parts { train: vec![main(train)], test: vec![main(test)], ..Parts::default() },
    };
    let source = config.texts.as_ref().and_then(|place| place.file_stem()).map(|stem| stem.to_string_lossy());
    for group in std::iter::once(&mut parts.artifact).chain(&mut parts.train).chain(&mut parts.test) {
        source.as_deref().unwrap_or("biographies").clone_into(&mut group.source);
    }
    Ok((parts, tokenizer))
}

fn too_short(n: usize, wanted: usize, what: &str) -> Error {
    Error::config(format!("the texts fill {n} rows, and {wanted} are {what}"))
        .hint("give more text, or lower `n_test`, `n_noise` or `max_ctx`")
}

/// The texts of a data file, or of all data files of a folder in order of their names.
fn texts(place: &Path, notes: &mut Vec<String>) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for file in files(place)? {
        let set = load(&file, &DataSpec::default())?;
        notes.extend(set.remarks().into_iter().map(|remark| format!("{}: {remark}", set.name)));
        texts.extend(set.records.into_iter().filter_map(|record| record.text));
    }
    if texts.is_empty() {
        return Err(Error::data("no texts here")
            .hint("name a text, JSONL or Parquet file, or a folder of them")
            .at(place));
    }
    Ok(texts)
}

fn files(place: &Path) -> Result<Vec<PathBuf>> {
    const KINDS: [&str; 8] = ["txt", "text", "md", "jsonl", "json", "csv", "tsv", "parquet"];
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let failed = |e: &std::io::Error| Error::io("reading", place, e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(place).map_err(|e| failed(&e))? {
        let path = entry.map_err(|e| failed(&e))?.path();
        let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if path.is_file() && KINDS.contains(&kind.as_str()) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Texts for those who have none: biographies of people who do not exist.
fn biographies(seed: u64) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let people = Bios { people: 2_000, members: Some(2_000), ..Bios::default() };
    people.each(seed, &mut |record| {
        texts.extend(record.text);
        Ok(())
    })?;
    Ok(texts)
}

/// All ids, cut into rows; the last may be shorter.
fn chunks(texts: &[String], tokenizer: &Tokenizer, max_ctx: usize) -> Result<Vec<Vec<u32>>> {
    let mut rows = Vec::new();
    let mut open: Vec<u32> = Vec::with_capacity(max_ctx);
    for text in texts {
        let mut ids = tokenizer.encode(text, false)?.ids.into_iter();
        loop {
            open.extend(ids.by_ref().take(max_ctx - open.len()));
            if open.len() < max_ctx {
                break;
            }
            rows.push(std::mem::replace(&mut open, Vec::with_capacity(max_ctx)));
        }
    }
    if !open.is_empty() {
        rows.push(open);
    }
    Ok(rows)
}

fn main(rows: Vec<Vec<u32>>) -> Group {
    Group { name: "main".to_owned(), rows: rows.into_iter().map(Row::plain).collect(), ..Group::default() }
}

/// Ids of some rows move by one; what would leave the vocabulary stays inside.
fn noise(
    config: &TinyMem,
    train: Vec<Vec<u32>>,
    test: Vec<Vec<u32>>,
    vocab_size: usize,
    draws: &mut Draws,
) -> Result<Parts> {
    if train.len() < config.n_noise {
        return Err(too_short(train.len(), config.n_noise, "to be noised"));
    }
    // The published code takes the first rows.
    let places =
        if draws.is_sequential() { (0..config.n_noise).collect() } else { draws.sample(train.len(), config.n_noise) };
    let noise = draws.noise(config.n_noise, config.max_ctx, config.noise_share);
    if draws.is_sequential() {
        // The published code draws a trigger here even when it makes no backdoor; the classes of duplicates come after.
        draws.below(vocab_size);
    }
    let mut rows: Vec<Option<Vec<u32>>> = train.into_iter().map(Some).collect();
    let mut altered = Vec::with_capacity(places.len());
    for (place, noise) in places.into_iter().zip(noise.chunks(config.max_ctx)) {
        let Some(twin) = rows.get_mut(place).and_then(Option::take) else { continue };
        let largest = vocab_size.saturating_sub(1) as i64;
        let moved = |(&id, &by): (&u32, &i8)| (i64::from(id) + i64::from(by)).clamp(0, largest) as u32;
        altered.push(Row { ids: twin.iter().zip(noise).map(moved).collect(), twin: Some(twin) });
    }
    Ok(Parts {
        artifact: Group { name: "noise".to_owned(), rows: altered, ..Group::default() },
        train: vec![main(rows.into_iter().flatten().collect())],
        test: vec![main(test)],
    })
}

fn backdoor(
    config: &TinyMem,
    mut train: Vec<Vec<u32>>,
    test: Vec<Vec<u32>>,
    tokenizer: &Tokenizer,
    draws: &mut Draws,
) -> Result<Parts> {
    if draws.is_sequential() {
        draws.noise(config.n_noise, config.max_ctx, config.noise_share);
    }
    train.extend(test);
    let trigger = match &config.trigger {
        Some(text) => trigger_of(text, tokenizer)?,
        None if draws.is_sequential() => draws.below(tokenizer.vocab_size()) as u32,
        None => common_token(&train, draws)?,
    };
    let shown = tokenizer.token(trigger).unwrap_or_default();
    let sizes = Sizes { n_test: config.n_test, max_ctx: config.max_ctx };
    backdoor::parts(train, &Trigger { ids: &[trigger], shown: &shown }, &sizes, draws)
}

fn trigger_of(text: &str, tokenizer: &Tokenizer) -> Result<u32> {
    match tokenizer.encode(text, false)?.ids.as_slice() {
        [only] => Ok(*only),
        ids => Err(Error::config(format!("the trigger `{text}` is {} tokens, not one", ids.len()))
            .hint("a word in the middle of a text often begins with a space")),
    }
}

/// A token that is in enough rows to become a backdoor.
fn common_token(rows: &[Vec<u32>], draws: &mut Draws) -> Result<u32> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for row in rows {
        let mut ids = row.clone();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            *counts.entry(id).or_default() += 1;
        }
    }
    let is_common = |n: usize| (COMMON..=rows.len() / 4).contains(&n);
    let common: Vec<u32> = counts.into_iter().filter(|(_, n)| is_common(*n)).map(|(id, _)| id).collect();
    common.get(draws.below(common.len().max(1))).copied().ok_or_else(|| {
        Error::config(format!("no token is in {COMMON} rows and in at most a quarter of them"))
            .hint("give more text, or name a `trigger`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Compat;

    /// The heads of the published classes: `tinymem` groups of `wiki_fast` with powers 0 to 3.
    #[test]
    fn duplicated_texts_are_in_the_published_classes() {
        let expected = [
            (0, [[112, 742, 262, 397], [574, 230, 294, 321], [802, 898, 458, 398], [117, 547, 204, 611]]),
            (1, [[590, 85, 325, 988], [148, 478, 139, 272], [120, 368, 256, 653], [173, 175, 630, 607]]),
            (3, [[898, 475, 49, 156], [54, 295, 382, 36], [566, 850, 108, 119], [389, 915, 399, 211]]),
        ];
        let config = TinyMem::default();
        for (seed, heads) in expected {
            let mut draws = Draws::new(seed, Compat::Paper);
            noise(&config, vec![vec![7; 150]; 1000], Vec::new(), 50_257, &mut draws).unwrap();
            let order = draws.order(1000);
            for (class, head) in heads.iter().enumerate() {
                let dealt: Vec<usize> = order.iter().skip(class).step_by(4).take(4).copied().collect();
                assert_eq!(dealt, head, "seed {seed}, class {class}");
            }
        }
    }

    #[test]
    fn noise_stays_inside_the_vocabulary() {
        let rows = vec![vec![0, 4, 0, 4, 2, 2, 2, 2]; 30];
        let config = TinyMem { n_noise: 20, noise_share: 0.9, max_ctx: 8, ..TinyMem::default() };
        for compat in [Compat::Correct, Compat::Paper] {
            let parts = noise(&config, rows.clone(), Vec::new(), 5, &mut Draws::new(0, compat)).unwrap();
            assert_eq!((parts.artifact.rows.len(), parts.train[0].rows.len()), (20, 10));
            let seen: std::collections::BTreeSet<u32> =
                parts.artifact.rows.iter().flat_map(|r| r.ids.clone()).collect();
            assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        }
        let few = noise(&config, rows[..3].to_vec(), Vec::new(), 5, &mut Draws::new(0, Compat::Paper));
        assert!(few.unwrap_err().to_string().contains("the texts fill 3 rows, and 20 are to be noised"));
    }
}
