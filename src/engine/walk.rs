//! Steps in parameter space: a model that stands at θ + Σ cₖ·dₖ.
//!
//! Every place is computed from the untouched θ, so nothing drifts however many places are visited. A number is
//! formed in f64 and rounded once; at c = 0 it is θ itself.
//! Cost: θ, the directions and one working copy in memory; a move writes each number that a direction touches once.

use std::sync::Arc;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::hvp::Direction;
use crate::model::{Decoder, ParamId};
use crate::tensor::{Buffer, Real};

/// Numbers that a task moves.
const BLOCK: usize = 1 << 14;

/// A copy of a model that walks along directions.
pub struct Walker {
    model: Decoder,
    moving: Vec<Moving>,
    n_directions: usize,
}

/// A parameter that at least one direction touches.
struct Moving {
    id: ParamId,
    start: Buffer,
    /// The number of a direction, and what it says about this parameter.
    along: Vec<(usize, Arc<Buffer>)>,
}

impl Walker {
    /// A copy of `model` at θ; parameters that no direction names stay where they are.
    ///
    /// # Errors
    /// `Bug` when a direction does not have as many numbers as its parameter.
    pub fn new(model: &Decoder, directions: &[Direction]) -> Result<Self> {
        let mut moving: Vec<Moving> = Vec::new();
        for (k, direction) in directions.iter().enumerate() {
            for (id, numbers) in direction {
                let weight = model.params.get(*id);
                if weight.len() != numbers.len() {
                    let (name, want, n) = (&weight.name, weight.len(), numbers.len());
                    return Err(Error::bug(format!("a direction for {name} has {n} numbers, not {want}")));
                }
                let own = (k, Arc::clone(numbers));
                if let Some(known) = moving.iter_mut().find(|m| m.id == *id) {
                    known.along.push(own);
                } else {
                    let start = weight.values().into_owned().into();
                    moving.push(Moving { id: *id, start, along: vec![own] });
                }
            }
        }
        Ok(Self { model: model.shared(), moving, n_directions: directions.len() })
    }

    /// Goes to θ + Σ `at[k]`·dₖ.
    ///
    /// # Errors
    /// `Bug` when there is not one coefficient a direction.
    pub fn go(&mut self, at: &[f64]) -> Result<&Decoder> {
        if at.len() != self.n_directions {
            let n = self.n_directions;
            return Err(Error::bug(format!("{} coefficients for {n} directions", at.len())));
        }
        for moving in &self.moving {
            let values = self.model.params.get_mut(moving.id).values_mut();
            let blocks = values.par_chunks_mut(BLOCK).zip(moving.start.par_chunks(BLOCK)).enumerate();
            blocks.for_each(|(b, (values, start))| {
                let here = b * BLOCK..b * BLOCK + start.len();
                match &moving.along[..] {
                    [(k, d)] => place(values, start, [(at[*k], &d[here])]),
                    [(k, d), (l, e)] => place(values, start, [(at[*k], &d[here.clone()]), (at[*l], &e[here])]),
                    along => place_all(values, start, along, at, here.start),
                }
            });
        }
        Ok(&self.model)
    }

    /// The model where it stands.
    pub fn model(&self) -> &Decoder {
        &self.model
    }
}

/// θ + c·d + …, for a number of directions that the compiler knows.
fn place<const N: usize>(values: &mut [Real], start: &[Real], along: [(f64, &[Real]); N]) {
    for (i, (value, theta)) in values.iter_mut().zip(start).enumerate() {
        let there = along.iter().fold(*theta as f64, |sum, (c, d)| sum + c * d[i] as f64);
        *value = there as Real;
    }
}

fn place_all(values: &mut [Real], start: &[Real], along: &[(usize, Arc<Buffer>)], at: &[f64], first: usize) {
    for (i, (value, theta)) in values.iter_mut().zip(start).enumerate() {
        let there = along.iter().fold(*theta as f64, |sum, (k, d)| sum + at[*k] * d[first + i] as f64);
        *value = there as Real;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Want;
    use crate::score::score_tokens;
    use crate::testing::{decoder, sequences, shapes};

    fn direction(model: &Decoder, factor: Real) -> Direction {
        model.params.iter().map(|(id, w)| (id, Arc::new(vec![factor; w.len()].into()))).collect()
    }

    /// Wherever the walk went before, a place is the same, and the start is the model itself.
    #[test]
    fn places_do_not_depend_on_the_way() {
        for (name, config) in shapes() {
            let model = decoder(&config, 3);
            let texts = sequences(&[9, 5], config.vocab_size, 1);
            let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let plain = score_tokens(&model, &texts, Want::default()).unwrap();
            let directions = [direction(&model, 0.1), direction(&model, -0.03)];
            let mut walker = Walker::new(&model, &directions).unwrap();
            let first = score_tokens(walker.go(&[0.5, 0.25]).unwrap(), &texts, Want::default()).unwrap();
            assert_ne!(first, plain, "{name}");
            for _ in 0..20 {
                walker.go(&[-1.3, 7.1]).unwrap();
            }
            assert_eq!(score_tokens(walker.go(&[0.5, 0.25]).unwrap(), &texts, Want::default()).unwrap(), first);
            assert_eq!(score_tokens(walker.go(&[0.0; 2]).unwrap(), &texts, Want::default()).unwrap(), plain, "{name}");
        }
    }

    #[test]
    fn every_number_is_rounded_once() {
        let (_, config) = shapes().remove(0);
        let model = decoder(&config, 3);
        let directions = [direction(&model, 0.1), direction(&model, 0.3), direction(&model, -0.7)];
        let mut walker = Walker::new(&model, &directions).unwrap();
        let moved = walker.go(&[0.3, 0.2, 0.1]).unwrap();
        for ((id, from), (_, to)) in model.params.iter().zip(moved.params.iter()) {
            let d: Vec<f64> = directions.iter().map(|d| d[id.0 as usize].1[0] as f64).collect();
            for (a, b) in from.values().iter().zip(to.values().iter()) {
                assert_eq!(*b, (*a as f64 + 0.3 * d[0] + 0.2 * d[1] + 0.1 * d[2]) as Real);
            }
        }
        assert!(walker.go(&[1.0]).is_err(), "one coefficient for three directions");
    }
}
