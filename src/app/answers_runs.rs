//! What the reader thread found out about runs goes into the state.

use std::time::Instant;

use super::Window;
use super::log::Level;
use super::state::Toast;
use super::worker::{AllRuns, FileAnswer};

impl Window {
    /// Takes an answer about runs; others are none of its business.
    pub(super) fn take_run_answer(&mut self, answer: FileAnswer) {
        match answer {
            FileAnswer::Runs(entries) => {
                self.state.runs.serial += 1;
                match entries {
                    Ok(all) => self.take_runs(all),
                    Err(trouble) => self.state.runs.trouble = Some(trouble),
                }
            }
            FileAnswer::Details(details) => {
                self.state.runs.details.insert(details.id.clone(), details);
                self.state.runs.follow();
            }
            FileAnswer::Events(log) => {
                self.state.runs.logs.insert(log.id.clone(), log);
            }
            FileAnswer::Partial(id, figures) => {
                if figures.is_empty() {
                    self.state.runs.partial.remove(&id);
                } else {
                    self.state.runs.partial.insert(id, figures);
                }
            }
            FileAnswer::Queue(queue) => self.state.runs.queue = queue,
            FileAnswer::Trashed(runs) => self.state.runs.trash = runs,
            FileAnswer::Shared(rows) => self.state.runs.shared = Some(rows),
            FileAnswer::Rows(viewer, part) => {
                self.state.runs.parts.insert(viewer, part);
            }
            FileAnswer::Checkpoints(id, kept) => {
                self.state.runs.checkpoints.insert(id, kept);
            }
            FileAnswer::Started(ids) => {
                self.say(&if ids.len() == 1 {
                    "The run is started".to_owned()
                } else {
                    format!("{} runs are in the queue", ids.len())
                });
                self.state.runs.chosen = ids;
                self.show_started();
            }
            FileAnswer::Sets(key, sheets) => self.state.unlearn.sets = Some((key, sheets)),
            FileAnswer::Overlaps(steps, found) => {
                self.state.unlearn.overlaps.insert(steps, found);
            }
            FileAnswer::Kept(path, written) => self.take_kept(path, written),
            _ => {}
        }
    }

    fn take_runs(&mut self, all: AllRuns) {
        let AllRuns { entries, names, lineage } = all;
        let before = self.state.runs.entries.iter().filter(|e| e.state.is_active());
        let before: std::collections::HashMap<String, super::runs::RunState> =
            before.map(|e| (e.id.clone(), e.state)).collect();
        for entry in &entries {
            let was = before.get(&entry.id).copied();
            if was.is_some_and(super::runs::RunState::is_active) && !entry.state.is_active() {
                self.state.runs.details.remove(&entry.id);
                let text = format!("{}: {}", entry.name, entry.state.title().to_lowercase());
                self.state.log.add(Level::Info, "runs", text.clone());
                self.state.toasts.push(Toast { text, is_bad: entry.trouble.is_some(), since: Instant::now() });
            }
        }
        self.state.runs.entries = entries;
        self.state.runs.names = names;
        self.state.runs.lineage = lineage;
        self.state.runs.trouble = None;
        self.want_details();
    }
}
