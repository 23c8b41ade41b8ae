//! How the window looks: colors, spacing, type, icons. Nothing else defines a color or a distance.

pub mod fonts;
pub mod icons;
pub mod theme;
pub mod tokens;

pub use icons::Icon;
pub use tokens::{Tokens, tokens};
