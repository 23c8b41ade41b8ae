//! Training steps against PyTorch and published numbers, checkpoints of optimizers, fresh models, adapters.

mod adapters;
mod init;
mod state;
mod steps;
mod tiny_mem;
