//! Rotary positions: pairs of channels of each head are turned by position · `inv_freq`.
//!
//! Pairs are (2i, 2i+1) when interleaved (GPT-J), else (i, i + half) (GPT-NeoX, Llama). Angles are formed in f64.

use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use crate::check;
use crate::error::Result;
use crate::tensor::{Real, Tensor};

/// Tables kept: models differ in their frequencies, layers of one model do not.
const TABLES: usize = 8;
static CACHE: Mutex<Vec<Arc<Table>>> = Mutex::new(Vec::new());

/// Cosine and sine of each position times each frequency.
struct Table {
    inv_freq: Vec<f64>,
    positions: usize,
    turns: Vec<[Real; 2]>,
}

/// The table of these frequencies for positions below `positions`.
fn table(inv_freq: &[f64], positions: usize) -> Arc<Table> {
    let fits = |t: &Arc<Table>| t.inv_freq == inv_freq && t.positions >= positions;
    if let Ok(cache) = CACHE.lock()
        && let Some(found) = cache.iter().find(|t| fits(t))
    {
        return Arc::clone(found);
    }
    let positions = positions.next_power_of_two();
    let turn = |p: usize| {
        inv_freq.iter().map(move |f| {
            let (sin, cos) = (p as f64 * f).sin_cos();
            [cos as Real, sin as Real]
        })
    };
    let turns = (0..positions).flat_map(turn).collect();
    let made = Arc::new(Table { inv_freq: inv_freq.to_vec(), positions, turns });
    if let Ok(mut cache) = CACHE.lock() {
        cache.retain(|t| t.inv_freq != inv_freq);
        if cache.len() == TABLES {
            cache.remove(0);
        }
        cache.push(Arc::clone(&made));
    }
    made
}

/// How [`rotate`] pairs channels and which way it turns.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) interleaved: bool,
    pub(super) inverse: bool,
}

/// Turns the first 2·`inv_freq.len()` channels of each head of x (N,H·D).
pub(super) fn rotate(x: &mut Tensor, positions: &[u32], n_head: usize, inv_freq: &[f64], turn: Turn) -> Result<()> {
    check::rotate(x, positions, n_head, inv_freq)?;
    let (n, width) = (x.rows(), x.cols());
    if inv_freq.is_empty() || n == 0 {
        return Ok(());
    }
    let longest = positions.iter().max().map_or(0, |&p| p as usize + 1);
    let table = table(inv_freq, longest);
    let (value, tangent) = x.planes_mut();
    for plane in std::iter::once(value).chain(tangent) {
        plane.par_chunks_exact_mut(width).zip(positions).with_min_len(8).for_each(|(row, &p)| {
            let f = inv_freq.len();
            let turns = &table.turns[p as usize * f..(p as usize + 1) * f];
            row.chunks_exact_mut(width / n_head).for_each(|head| rotate_head(head, turns, turn));
        });
    }
    Ok(())
}

fn rotate_head(head: &mut [Real], turns: &[[Real; 2]], turn: Turn) {
    let sign = if turn.inverse { -1.0 } else { 1.0 };
    let spin = |a: &mut Real, b: &mut Real, [cos, sin]: [Real; 2]| {
        let (x, y) = (*a, *b);
        let sin = sign * sin;
        *a = x * cos - y * sin;
        *b = y * cos + x * sin;
    };
    if turn.interleaved {
        for (pair, &t) in head.chunks_exact_mut(2).zip(turns) {
            let [a, b] = pair else { continue };
            spin(a, b, t);
        }
    } else {
        let (first, second) = head.split_at_mut(turns.len());
        for ((a, b), &t) in first.iter_mut().zip(second).zip(turns) {
            spin(a, b, t);
        }
    }
}
