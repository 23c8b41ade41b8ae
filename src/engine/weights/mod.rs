//! Checkpoints: a folder with config.json and safetensors files, in and out.
//!
//! Files are memory-mapped and parsed strictly; the numbers stay on disk in their stored type until a
//! product needs them. Nothing in a file is executed, and pickle files are refused.

mod checkpoint;
mod folder;
mod guard;
mod header;
mod json;
mod load;
mod map;
mod save;
mod tensor_file;
mod tensors;
mod training;

pub use checkpoint::Checkpoint;
pub use folder::refuse_foreign;
pub use guard::{cut_pages, survive_cut_files};
pub use json::{parse as parse_json, read as read_json};
pub use load::{Findings, LoadReport, Loaded, Model, load, open};
pub use save::{save, save_with, write_json, write_tensors, write_views};
pub use tensor_file::{Entry, Stamp, TensorFile};
pub use tensors::{Numbers, replace_json, write_numbers};
pub use training::{
    MOMENTS, STATE, checkpoint_name, checkpoints, discard, has_state, read_state, replace, seal, strip,
};
