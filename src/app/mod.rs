//! The window: it edits experiments, measures typed texts, and shows runs. No number is computed here.
//!
//! State flows one way in every frame: answers of the threads are taken over, views draw what they see in
//! a [`context::ViewCx`] and send [`command::Command`]s, and the commands are applied after drawing.

mod answers;
mod answers_runs;
mod apply;
mod apply_data;
mod apply_made;
mod apply_runs;
mod chart;
pub mod command;
pub mod context;
mod corner;
pub mod curves;
pub mod desk;
mod dialogs;
pub mod draft;
pub mod fields;
pub mod glossary;
pub mod history;
pub mod keys;
mod launch;
pub mod live;
pub mod log;
pub mod make_form;
pub mod names;
pub mod numbers;
pub mod parts;
mod paths;
mod placed;
pub mod plot;
pub mod preview;
mod publish;
pub mod rows_ui;
pub mod runs;
pub mod shared;
pub mod shell;
pub mod state;
pub mod style;
pub mod surface;
pub mod table;
pub mod unlearn;
pub mod views;
pub mod widgets;
mod window;
pub mod worker;
mod zoom;

pub use launch::{Options, run, sample_dir};
pub use window::Window;
