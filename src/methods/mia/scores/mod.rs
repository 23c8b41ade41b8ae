//! The attack scores as formulas, one file each; Min-K% and Min-K%++ are `common::likelihood`. Larger = more likely a member, for all of them.

pub(super) mod gradient_norm;
pub(super) mod loss;
pub(super) mod lowercase;
pub(super) mod neighborhood;
pub(super) mod recall;
pub(super) mod reference;
pub(super) mod zlib;
