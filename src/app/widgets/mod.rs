//! Pieces that several views are made of.

mod aligned;
mod basics;
mod empty;
mod estimate;
mod grid;
mod legend;
mod pager;
mod search;
mod stat;
mod swatch;
mod token;
mod words;

pub use aligned::{AlignedLayout, AlignedText};
pub use basics::{
    accent_button, badge, button, caption, card, card_title, columns_ui, divider, fitted, header, icon_button, link,
    mono, region, segmented, soft, title,
};
pub use empty::{empty_ui, loading_ui, open_button, trouble_ui};
pub use estimate::estimate_ui;
pub use grid::{GridColumn, GridEvents, GridSort, grid_ui, one_line, pinned_grid_ui, scroll_grid_to};
pub use legend::legend_ui;
pub use pager::pager_ui;
pub use search::search_ui;
pub use stat::{Stat, stats_ui};
pub use swatch::swatch_ui;
pub use token::{TokenLook, token_tooltip_ui, value_text};
pub use words::{Piece, diff_words, marked_job, words_job};
