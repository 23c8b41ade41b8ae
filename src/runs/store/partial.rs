//! `partial.json`: figures of the step at work, as far as their values are known. Written again and again, for whoever
//! watches, and gone when the step is done.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use super::{RunDir, files};
use crate::error::Result;
use crate::figures::Figure;

/// Between two writings at least; and so many times what the last one took.
const EVERY: Duration = Duration::from_millis(400);
const SHARE: u32 = 20;

/// Writes the figures of a run.
pub struct Partial {
    path: PathBuf,
    /// What the names of the step's files begin with.
    prefix: String,
    due: Option<Instant>,
}

impl Partial {
    /// For a step of `run` whose files have names that begin with `prefix`.
    pub fn new(run: &RunDir, prefix: &str) -> Self {
        Self { path: run.partial_path(), prefix: prefix.to_owned(), due: None }
    }

    /// Writes what `figures` gives, unless it was written a moment ago.
    pub fn show(&mut self, figures: &dyn Fn() -> Vec<Figure>) -> Result<()> {
        let begun = Instant::now();
        if self.due.is_some_and(|due| begun < due) {
            return Ok(());
        }
        let named = |figure: Figure| (format!("figures/{}{}.json", self.prefix, figure.id), figure);
        let named: Vec<(String, Figure)> = figures().into_iter().map(named).collect();
        files::write_json(&self.path, &named)?;
        let now = Instant::now();
        self.due = Some(now + EVERY.max(SHARE * (now - begun)));
        Ok(())
    }

    /// Removes what is there: the report says it better.
    pub fn clear(&self) {
        files::remove_if_there(&self.path);
    }
}

/// When the figures of a run at work were written last; none when it shows none.
pub fn partial_stamp(run: &RunDir) -> Option<SystemTime> {
    fs::metadata(run.partial_path()).and_then(|data| data.modified()).ok()
}

/// These figures by the names that their files will have; none when nothing is shown.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read_partial(run: &RunDir) -> Result<Vec<(String, Figure)>> {
    if partial_stamp(run).is_none() { Ok(Vec::new()) } else { files::read_json(&run.partial_path()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::Experiment;

    #[test]
    fn figures_are_written_now_and_then_and_go_in_the_end() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(&root.path().join("r"), &Experiment::default(), 0.0).unwrap();
        assert!(read_partial(&run).unwrap().is_empty());
        let mut partial = Partial::new(&run, "2-");
        let figure = |title: &str| vec![Figure { id: "loss".into(), title: title.into(), ..Figure::default() }];
        partial.show(&|| figure("a")).unwrap();
        partial.show(&|| panic!("nobody could see both")).unwrap();
        let [(file, shown)] = read_partial(&run).unwrap().try_into().unwrap();
        assert_eq!((file.as_str(), shown.title.as_str()), ("figures/2-loss.json", "a"));
        partial.clear();
        assert!(partial_stamp(&run).is_none() && read_partial(&run).unwrap().is_empty());
    }
}
