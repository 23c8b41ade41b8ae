//! What runs leave on the disk. The only place of this layer that touches files.

mod files;

pub use files::{make_folder, read_json, write_atomic, write_json};
