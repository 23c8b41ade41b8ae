//! Reads run folders into rows of the run table, again only when they changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use crate::app::curves::RunLog;
use crate::app::log::{Level, LogLine};
use crate::app::parts::{PAGE_ROWS, Want};
use crate::app::runs::{PointOf, RunDetails, RunEntry, RunState};
use crate::app::worker::Trouble;
use crate::error::{Error, Result};
use crate::figures::Figure;
use crate::figures::palette::SERIES;
use crate::methods::Table;
use crate::runs::RunDir;
use crate::runs::index::{Index, Row};
use crate::runs::store::{
    Event, SavedReport, SavedTable, State, Tail, change_stamp, list_runs, partial_stamp, read_partial,
};

/// Follows all runs below a folder.
pub(super) struct RunFolder {
    root: PathBuf,
    /// Absent before there are runs, and where none can be kept.
    index: Option<Index>,
    known: BTreeMap<String, Known>,
    tails: BTreeMap<String, (Tail, RunLog)>,
    /// When the figures of runs at work were written that were read last.
    partial: BTreeMap<String, SystemTime>,
}

struct Known {
    stamp: String,
    entry: Arc<RunEntry>,
}

/// Figures by the names of their files.
pub(super) type NamedFigures = Vec<(String, Arc<Figure>)>;

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

impl RunFolder {
    /// Follows the runs below `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, index: None, known: BTreeMap::new(), tails: BTreeMap::new(), partial: BTreeMap::new() }
    }

    /// Where the runs are.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The run of this id.
    pub(super) fn run(&self, id: &str) -> Result<RunDir> {
        RunDir::open(&self.root.join(id))
    }

    /// All runs, newest first, if any of them changed since the last call.
    pub(super) fn poll(&mut self) -> Result<Option<Vec<Arc<RunEntry>>>> {
        let runs = list_runs(&self.root)?;
        if self.index.is_none() && !runs.is_empty() {
            self.index = Index::open(&self.root).ok();
        }
        let n_known = self.known.len();
        let known = std::mem::take(&mut self.known);
        let (fresh, mut changed) = match &self.index {
            Some(index) => index.at_once(|index| look(&runs, known, |run| index.row(run))),
            None => look(&runs, known, Row::read),
        };
        changed |= runs.len() != n_known;
        if let Some(index) = self.index.as_ref().filter(|_| changed) {
            index.keep_only(&runs);
        }
        self.known = fresh;
        if !changed {
            return Ok(None);
        }
        let mut entries: Vec<_> = self.known.values().map(|k| Arc::clone(&k.entry)).collect();
        entries.sort_by(|a, b| b.created.total_cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
        Ok(Some(entries))
    }

    /// What active runs said since the last call, and the whole events of those that said something.
    pub(super) fn poll_events(&mut self) -> (Vec<LogLine>, Vec<Arc<RunLog>>) {
        let (mut lines, mut logs) = (Vec::new(), Vec::new());
        for (id, known) in &self.known {
            if !known.entry.state.is_active() && !self.tails.contains_key(id) {
                continue;
            }
            let path = self.root.join(id).join("events.jsonl");
            let fresh = || (Tail::new(path), RunLog::new(id));
            let (tail, log) = self.tails.entry(id.clone()).or_insert_with(fresh);
            // A torn or vanished file is read again next time.
            let events = tail.poll().unwrap_or_default();
            if events.is_empty() {
                continue;
            }
            for line in events {
                let said = log_line(&known.entry.name, line.time, &line.event);
                log.lines.extend(said.clone());
                lines.extend(said);
                log.add(&line);
            }
            logs.push(Arc::new(log.clone()));
        }
        let known = &self.known;
        self.tails.retain(|id, _| known.get(id).is_some_and(|k| k.entry.state.is_active()));
        (lines, logs)
    }

    /// The figures of runs that are not done which changed since the last call; none for a run that shows none any more.
    pub(super) fn poll_partial(&mut self) -> Vec<(String, NamedFigures)> {
        let mut fresh = Vec::new();
        for (id, known) in &self.known {
            let was = self.partial.get(id).copied();
            if known.entry.state == RunState::Done && was.is_none() {
                continue;
            }
            let run = RunDir::of_results(&self.root.join(id));
            let stamp = partial_stamp(&run);
            if stamp == was {
                continue;
            }
            // What is being replaced is read next time.
            let Ok(figures) = read_partial(&run) else { continue };
            match stamp {
                Some(stamp) => self.partial.insert(id.clone(), stamp),
                None => self.partial.remove(id),
            };
            fresh.push((id.clone(), figures.into_iter().map(|(file, f)| (file, Arc::new(f))).collect()));
        }
        fresh
    }

    /// All events of a run.
    pub(super) fn events(&self, id: &str) -> Arc<RunLog> {
        let name = self.known.get(id).map_or_else(|| id.to_owned(), |k| k.entry.name.clone());
        let mut tail = Tail::new(self.root.join(id).join("events.jsonl"));
        let mut log = RunLog::new(id);
        loop {
            let lines = tail.poll().unwrap_or_default();
            if lines.is_empty() {
                return Arc::new(log);
            }
            for line in lines {
                log.lines.extend(log_line(&name, line.time, &line.event));
                log.add(&line);
            }
        }
    }

    /// Everything of one run.
    pub(super) fn details(&self, id: &str) -> Result<RunDetails> {
        let run = self.run(id)?;
        let mut details = RunDetails { id: id.to_owned(), ..RunDetails::default() };
        details.experiment = run.experiment().ok();
        let Some(report) = SavedReport::read(&run)? else { return Ok(details) };
        for saved in report.tables() {
            match saved.read_rows(&run, &[0..PAGE_ROWS]) {
                Ok(table) => {
                    details.table_rows.push(saved.rows);
                    details.tables.push(Arc::new(table));
                    details.table_files.push(saved.file.clone());
                }
                Err(error) => details.troubles.push(Trouble::from(error)),
            }
        }
        for saved in report.figures() {
            match saved.read(&run) {
                Ok(figure) => details.figures.push((saved.file.clone(), Arc::new(figure))),
                Err(error) => details.troubles.push(Trouble::from(error)),
            }
        }
        details.is_complete = report.complete;
        details.steps = report.steps;
        Ok(details)
    }

    /// Rows of a table of a run.
    pub(super) fn rows(&self, want: &Want) -> Result<Table> {
        let run = self.run(&want.run)?;
        let report = SavedReport::read(&run)?.unwrap_or_default();
        saved_table(&run, &report, &want.file)?.read_rows(&run, &want.rows)
    }
}

/// The runs as they are now, and whether one of them changed.
fn look(
    runs: &[RunDir],
    mut before: BTreeMap<String, Known>,
    read: impl Fn(&RunDir) -> Row,
) -> (BTreeMap<String, Known>, bool) {
    let (mut fresh, mut changed) = (BTreeMap::new(), false);
    for run in runs {
        let (id, stamp) = (run.name(), change_stamp(run));
        let known = match before.remove(&id) {
            // A process that dies cannot write its end, so active runs are read every time.
            Some(known) if known.stamp == stamp && !known.entry.state.is_active() => known,
            before => {
                let entry = Arc::new(entry(read(run)));
                changed |= before.is_none_or(|b| b.stamp != stamp || b.entry.state != entry.state);
                Known { stamp, entry }
            }
        };
        fresh.insert(id, known);
    }
    (fresh, changed)
}

/// What the report says about the table in `file`.
pub(super) fn saved_table<'a>(run: &RunDir, report: &'a SavedReport, file: &str) -> Result<&'a SavedTable> {
    let missing =
        || Error::data(format!("the run has no table `{file}` any more")).hint("choose the run again").at(run.path());
    report.tables().find(|table| table.file == file).ok_or_else(missing)
}

/// What the window shows of a run.
fn entry(row: Row) -> RunEntry {
    let mut entry = RunEntry { id: row.name(), path: row.path.clone(), ..RunEntry::default() };
    let Row { experiment, status, notes, .. } = &row;
    let named = [&notes.title, &experiment.name, &entry.id].into_iter().find(|name| !name.is_empty());
    entry.name = named.cloned().unwrap_or_default();
    entry.methods = experiment.steps.iter().map(|s| s.method.clone()).collect();
    let model = experiment.model.as_ref().and_then(|m| m.hub.clone().or_else(|| m.path.as_ref().map(|p| stem(p))));
    entry.model = model.unwrap_or_default();
    entry.device.clone_from(&experiment.device);
    if let Ok(value) = serde_json::to_value(experiment) {
        flatten("", &value, &mut entry.config);
    }
    entry.state = state(status.state);
    entry.stage.clone_from(&status.stage);
    entry.progress = (status.total > 0).then_some([status.done, status.total]);
    entry.rate = status.rate;
    entry.eta = status.eta_secs;
    entry.created = status.created;
    entry.seconds = (status.worked_secs > 0.0).then_some(status.worked_secs);
    let trouble = status.error.as_ref().or(row.trouble.as_ref());
    entry.trouble = trouble.map(|message| Trouble { message: message.clone(), ..Trouble::default() });
    entry.is_starred = notes.star;
    entry.note.clone_from(&notes.text);
    entry.tags.clone_from(&notes.tags);
    entry.is_archived = notes.archived;
    let by_name = entry.id.bytes().fold(0, |sum: usize, b| sum.wrapping_mul(31).wrapping_add(usize::from(b)));
    entry.color = notes.color.unwrap_or(by_name % SERIES);
    entry.sweep = row.point.map(|(id, values)| PointOf { id, values });
    entry.order = row.numbers.iter().map(|(name, _)| name.clone()).collect();
    entry.scalars = row.numbers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    entry.stale = stale_methods(&row.versions);
    entry.studied = row.studied;
    entry.unlearned = row.unlearned;
    entry
}

/// Methods whose present version gives other numbers than the report has.
fn stale_methods(versions: &[(String, u64)]) -> Vec<String> {
    let is_old =
        |method: &str, then: u64| crate::methods::find(method).is_ok_and(|m| u64::from(m.card().version) != then);
    versions.iter().filter(|(method, then)| is_old(method, *then)).map(|(method, _)| method.clone()).collect()
}

fn stem(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

fn state(state: State) -> RunState {
    match state {
        State::Queued => RunState::Queued,
        State::Running => RunState::Running,
        State::Done => RunState::Done,
        State::Failed => RunState::Failed,
        State::Cancelled => RunState::Cancelled,
        State::Interrupted => RunState::Interrupted,
    }
}

fn flatten(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, v)| flatten(&below(key), v, out)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(i, v)| flatten(&below(&i.to_string()), v, out));
        }
        Value::String(text) => {
            out.insert(path.to_owned(), text.clone());
        }
        other => {
            out.insert(path.to_owned(), other.to_string());
        }
    }
}

fn log_line(source: &str, time: f64, event: &Event) -> Option<LogLine> {
    let (level, text) = match event {
        Event::Log { message } => (Level::Info, message.clone()),
        Event::Warning { message } => (Level::Warning, message.clone()),
        Event::State { state } => (Level::Info, format!("{source}: {}", state.name())),
        Event::Progress { .. } | Event::Metric { .. } | Event::Sample { .. } | Event::Unknown => return None,
    };
    let at = chrono::DateTime::from_timestamp(time as i64, 0)?.with_timezone(&chrono::Local);
    Some(LogLine { time: at.format("%H:%M:%S").to_string(), level, source: source.to_owned(), text })
}
