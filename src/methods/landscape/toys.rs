//! Small operators whose eigenvalues are known, for tests.

use super::operator::{Operator, Tick};
use crate::engine::Real;
use crate::error::Result;

#[expect(clippy::unnecessary_wraps, reason = "a tick may stop the work")]
pub(super) fn no_tick(_: usize, _: usize) -> Result<()> {
    Ok(())
}

/// A diagonal matrix.
pub(super) struct Diagonal(pub(super) Vec<f64>);

impl Operator for Diagonal {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn product(&mut self, v: &[Real], _: &mut Tick<'_>) -> Result<Vec<Real>> {
        Ok(self.0.iter().zip(v).map(|(d, v)| (d * f64::from(*v)) as Real).collect())
    }
}
