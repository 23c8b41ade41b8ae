//! Taps that most studies need.

mod edit;
mod record;

pub use edit::{Edit, EditTap};
pub use record::Record;
