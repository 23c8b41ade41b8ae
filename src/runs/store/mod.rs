//! What runs leave on the disk. The only place of this layer that touches files.

mod events;
mod files;
mod hash;
mod journal;
mod notes;
mod parquet;
mod partial;
mod parts;
mod report;
mod run_dir;
mod status;
mod tables;

pub use events::{Event, EventLog, Line, Tail};
pub use files::{
    create_log, make_folder, model_files, read_json, remove_if_there, write_atomic, write_bit_by_bit, write_json,
};
pub use hash::{fingerprint, sha256};
pub use journal::Journal;
pub use notes::{Notes, list_trash, move_to_trash, restore_from_trash};
pub use partial::{Partial, partial_stamp, read_partial};
pub use parts::Parts;
pub(crate) use report::stem;
pub use report::{ColumnKind, SavedColumn, SavedFigure, SavedMade, SavedReport, SavedStep, SavedTable, save_step};
pub use run_dir::{CancelRequest, RunDir, RunLock, change_stamp, list_runs, new_folder, slug};
pub use status::{State, Status};
pub use tables::{read_table, shortest, write_table};
