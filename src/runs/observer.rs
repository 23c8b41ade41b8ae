//! Whoever watches a run from inside its process.

/// How far a run is, for whoever watches it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Index of the step.
    pub step: usize,
    /// What is being done.
    pub stage: String,
    /// Finished units.
    pub done: u64,
    /// All units.
    pub total: u64,
    /// Units a second lately.
    pub rate: Option<f64>,
    /// Seconds left in this stage.
    pub eta_secs: Option<f64>,
}

/// Watches a run from inside its process, such as the progress bar of the terminal.
pub trait Observer: Send {
    /// Called often; must return at once.
    fn progress(&mut self, progress: &Progress);
    /// Something worth a line: a warning or a message.
    fn message(&mut self, text: &str);
}

/// An observer that does not look.
pub struct Unobserved;

impl Observer for Unobserved {
    fn progress(&mut self, _: &Progress) {}
    fn message(&mut self, _: &str) {}
}
