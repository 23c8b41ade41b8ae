//! What surrounds the views: rail, top bar, docking, palette, status bar, messages.

mod dock;
mod help;
mod palette;
mod rail;
mod status;
mod toasts;

pub use dock::{beside, default_layout, dock_ui, show};
pub use help::{Glossary, about_ui, help_ui};
pub use palette::Palette;
pub use rail::rail_ui;
pub use status::{bytes, count, status_ui};
pub use toasts::{drop_ui, toasts_ui};
