//! What was done because the memory of a card did not suffice, in sentences for the user.

use std::sync::{Mutex, PoisonError};

static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps a sentence; the same one is kept once.
pub(crate) fn note(text: &str) {
    let mut notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    if !notes.iter().any(|own| own == text) {
        notes.push(text.to_owned());
    }
}

/// What was noted since the last call.
pub fn take_notes() -> Vec<String> {
    std::mem::take(&mut *NOTES.lock().unwrap_or_else(PoisonError::into_inner))
}
