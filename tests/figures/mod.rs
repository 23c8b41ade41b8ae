//! Figures as files.
#![expect(clippy::expect_used, reason = "a helper of a test fails the test")]

mod export;
mod gallery;
mod samples;
