//! Figures as files.

mod export;
mod gallery;
mod samples;
