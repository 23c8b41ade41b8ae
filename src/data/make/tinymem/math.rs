//! The mathematical tasks: iterated maps, noise on numbers, triggers of digits.
//! Source: msakarvadia/memorization, `src/data/old_data.py`.

use super::backdoor::{self, Sizes, Trigger};
use super::draws::{Draws, Split};
use super::parts::{Group, Parts, Row};
use super::sequence::{Map, tokens};
use super::{Artifact, TinyMem};
use crate::error::Result;

/// Makes every part; `trigger` is what begins a backdoor.
pub(super) fn parts(config: &TinyMem, trigger: &str, draws: &mut Draws) -> Result<Parts> {
    let map = Map { task: config.task, constant: config.constant };
    let n = config.n_rows();
    let split = draws.split("main", n, config.n_test);
    let clean = |i: usize| tokens(map.sequence(i as u64, config.length).into_iter().map(|x| x as i64));
    let noised = match config.artifact {
        Artifact::Noise => noised(config, &split, draws),
        // The published code draws the noise of a backdoored set too, and throws it away.
        Artifact::Backdoor if draws.is_sequential() => noised(config, &split, draws),
        Artifact::Backdoor | Artifact::None => Noised::default(),
    };
    let mut parts = match config.artifact {
        Artifact::Backdoor => {
            let pool = split.train.iter().chain(&split.test).map(|&i| clean(i)).collect();
            let digits: Vec<u32> = trigger.bytes().map(|digit| u32::from(digit.saturating_sub(b'0'))).collect();
            let trigger = Trigger { ids: &digits, shown: trigger };
            let sizes = Sizes { n_test: config.n_test, max_ctx: config.max_ctx };
            backdoor::parts(pool, &trigger, &sizes, draws)?
        }
        Artifact::Noise | Artifact::None => Parts {
            artifact: Group { name: "noise".to_owned(), rows: noised.rows(map, config, clean), ..Group::default() },
            train: vec![main(noised.others(&split), clean)],
            test: vec![main(split.test, clean)],
        },
    };
    let source = source(map);
    for group in std::iter::once(&mut parts.artifact).chain(&mut parts.train).chain(&mut parts.test) {
        group.source.clone_from(&source);
    }
    add_extra(config, draws, &mut parts);
    Ok(parts)
}

fn source(map: Map) -> String {
    format!("{} {}", map.task.name(), map.constant)
}

fn main(rows: Vec<usize>, clean: impl Fn(usize) -> Vec<u32>) -> Group {
    let rows = rows.into_iter().map(|i| Row::plain(clean(i))).collect();
    Group { name: "main".to_owned(), rows, ..Group::default() }
}

/// Which rows get noise, and the noise of all rows.
#[derive(Default)]
struct Noised {
    /// Places among the training rows, in the order in which they were drawn.
    places: Vec<usize>,
    /// The same rows by number.
    rows: Vec<usize>,
    noise: Vec<i8>,
}

fn noised(config: &TinyMem, split: &Split, draws: &mut Draws) -> Noised {
    let noise = draws.noise(config.n_rows(), config.length, config.noise_share);
    let places = draws.sample(split.train.len(), config.n_noise);
    let rows = places.iter().filter_map(|&place| split.train.get(place).copied()).collect();
    Noised { places, rows, noise }
}

impl Noised {
    /// The noised rows with their clean twins.
    fn rows(&self, map: Map, config: &TinyMem, clean: impl Fn(usize) -> Vec<u32>) -> Vec<Row> {
        let row = |&i: &usize| {
            let numbers = map.sequence(i as u64, config.length);
            let noise = self.noise.iter().skip(i * config.length);
            let ids = tokens(numbers.iter().zip(noise).map(|(&x, &noise)| x as i64 + i64::from(noise)));
            Row { ids, twin: Some(clean(i)) }
        };
        self.rows.iter().map(row).collect()
    }

    /// The training rows that get no noise, in the order of the split.
    fn others(&self, split: &Split) -> Vec<usize> {
        let mut is_noised = vec![false; split.train.len()];
        for &place in &self.places {
            if let Some(flag) = is_noised.get_mut(place) {
                *flag = true;
            }
        }
        split.train.iter().zip(is_noised).filter(|(_, is_noised)| !is_noised).map(|(&i, _)| i).collect()
    }
}

/// Clean rows of the same map with other constants. Test rows of altered kinds stay behind all others.
fn add_extra(config: &TinyMem, draws: &Draws, parts: &mut Parts) {
    let altered = parts.test.split_off(1);
    for (i, &constant) in config.extra_constants.iter().enumerate() {
        let map = Map { task: config.task, constant };
        let name = format!("extra {constant}");
        let split = draws.split(&name, config.n_extra(i), config.n_test);
        let group = |rows: Vec<usize>| {
            let ids = |i: usize| tokens(map.sequence(i as u64, config.length).into_iter().map(|x| x as i64));
            let rows = rows.into_iter().map(|i| Row::plain(ids(i))).collect();
            Group { name: name.clone(), source: source(map), rows }
        };
        parts.train.push(group(split.train));
        parts.test.push(group(split.test));
    }
    parts.test.extend(altered);
}
