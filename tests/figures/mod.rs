//! Figures as files.

mod gallery;
mod samples;
