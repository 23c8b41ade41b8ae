//! The reader thread: data files, run folders, and everything else that touches a disk, so that the window never waits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::asks::{AllRuns, FileAnswer, FileAsk};
use super::run_folder::RunFolder;
use super::run_work::{self};
use super::sets;
use super::{DataSheet, Trouble};
use crate::app::names::RunNames;
use crate::app::parts::TablePart;
use crate::app::preview::{MadeRows, RowsPreview};
use crate::app::runs::QueueState;
use crate::app::shared::SharedRows;
use crate::data::Tokenizer;
use crate::engine::cuda::{self, Cards};
use crate::error::{Error, Result};
use crate::runs::inputs::Access;
use crate::runs::lineage::Lineage;
use crate::runs::queue::Queue;
use crate::runs::sweep::check;
use crate::runs::unlearned::keep_model;
use crate::runs::{Experiment, Page};

/// Run folders are looked at this often.
const POLL: Duration = Duration::from_millis(300);

/// Handle of the thread.
pub struct ReaderThread {
    asks: Option<SyncSender<FileAsk>>,
    answers: Receiver<FileAnswer>,
    is_open: Arc<AtomicBool>,
}

impl ReaderThread {
    /// Starts the thread, which follows the runs below `runs`; `wake` is called after each answer.
    pub fn start(runs: PathBuf, program: Option<PathBuf>, wake: impl Fn() + Send + 'static) -> Result<Self> {
        let (asks, requests) = sync_channel(256);
        let (sender, answers) = sync_channel(64);
        let is_open = Arc::new(AtomicBool::new(true));
        let own = || std::env::current_exe().map_err(|e| Error::bug(format!("where is this program? {e}")));
        let program = program.map_or_else(own, Ok)?;
        let mut reader = Reader {
            folder: RunFolder::new(runs),
            queue: Queue::new(program, 1),
            queue_told: QueueState::default(),
            sender,
            wake: Box::new(wake),
            is_open: Arc::clone(&is_open),
            next_look: Instant::now(),
            memory: sysinfo::System::new().ok(),
            cards: None,
        };
        std::thread::Builder::new()
            .name("memoscope-reader".to_owned())
            .spawn(move || reader.serve(&requests))
            .map_err(|e| Error::bug(format!("the reader thread does not start: {e}")))?;
        Ok(Self { asks: Some(asks), answers, is_open })
    }

    /// Leaves a request. A reader that is hundreds of requests behind gets no more of them.
    pub fn ask(&self, ask: FileAsk) {
        if let Some(asks) = &self.asks {
            // A full queue drops the request; the periodic ones come again.
            let sent = asks.try_send(ask);
            drop(sent);
        }
    }

    /// The answers since the last call.
    pub fn answers(&self) -> impl Iterator<Item = FileAnswer> + '_ {
        self.answers.try_iter()
    }
}

impl Drop for ReaderThread {
    fn drop(&mut self) {
        self.is_open.store(false, Ordering::Release);
        self.asks = None;
    }
}

struct Reader {
    folder: RunFolder,
    queue: Queue,
    queue_told: QueueState,
    sender: SyncSender<FileAnswer>,
    wake: Box<dyn Fn() + Send>,
    is_open: Arc<AtomicBool>,
    /// When the run folders are looked at again.
    next_look: Instant,
    memory: Option<sysinfo::System>,
    cards: Option<Arc<Cards>>,
}

impl Reader {
    fn serve(&mut self, requests: &Receiver<FileAsk>) {
        if let Err(error) = self.queue.recover(self.folder.root()) {
            self.say(Err(error));
        }
        while self.is_open.load(Ordering::Acquire) {
            match requests.recv_timeout(POLL) {
                Ok(ask) => {
                    let waiting = std::iter::once(ask).chain(requests.try_iter()).collect();
                    for ask in newest(waiting) {
                        self.answer(ask);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.poll();
        }
    }

    fn send(&self, answer: FileAnswer) {
        // The window is gone when nobody listens; then the flag ends the loop.
        if self.sender.send(answer).is_ok() {
            (self.wake)();
        }
    }

    fn poll(&mut self) {
        // The run table shows how they ended.
        drop(self.queue.poll());
        self.look();
        let (lines, logs) = self.folder.poll_events();
        if !lines.is_empty() {
            self.send(FileAnswer::Log(lines));
        }
        for log in logs {
            self.send(FileAnswer::Events(log));
        }
        for (id, figures) in self.folder.poll_partial() {
            self.send(FileAnswer::Partial(id, figures));
        }
        self.tell_queue();
    }

    /// Looks at the run folders. Thousands of them are looked at less often, so that it stays a tenth of the time.
    fn look(&mut self) {
        let begun = Instant::now();
        if begun < self.next_look {
            return;
        }
        match self.folder.poll() {
            Ok(Some(entries)) => {
                let names = Arc::new(RunNames::of(&entries));
                let oldest_first = entries.iter().rev().map(|e| (e.id.as_str(), e.studied.as_slice()));
                let lineage = Arc::new(Lineage::new(oldest_first));
                self.send(FileAnswer::Runs(Ok(AllRuns { entries, names, lineage })));
            }
            Ok(None) => {}
            Err(error) => self.send(FileAnswer::Runs(Err(error.into()))),
        }
        self.next_look = begun + 10 * begun.elapsed();
    }

    fn tell_queue(&mut self) {
        let waiting = self.queue.waiting().map(crate::runs::RunDir::name).collect();
        let queue = QueueState { waiting, is_paused: self.queue.is_paused(), parallel: self.queue.parallel() };
        if queue != self.queue_told {
            self.queue_told = queue.clone();
            self.send(FileAnswer::Queue(queue));
        }
    }

    fn tell_trash(&self) {
        match run_work::trashed(self.folder.root()) {
            Ok(runs) => self.send(FileAnswer::Trashed(runs)),
            Err(error) => self.say(Err(error)),
        }
    }

    fn answer(&mut self, ask: FileAsk) {
        match ask {
            FileAsk::Data(path, spec) => {
                let sheet = DataSheet::read(&path, spec).map(Arc::new).map_err(Trouble::from);
                self.send(FileAnswer::Data(path, sheet));
            }
            FileAsk::Count(path, sheet, model, n_ctx) => self.count(path, &sheet, &model, n_ctx),
            FileAsk::Memory => self.tell_memory(),
            FileAsk::Details(id) => match self.folder.details(&id) {
                Ok(details) => self.send(FileAnswer::Details(Arc::new(details))),
                Err(error) => self.say(Err(error)),
            },
            FileAsk::Start(experiments) => {
                let root = self.folder.root();
                let start = |e: &Experiment| run_work::start(root, &mut self.queue, e);
                match experiments.iter().map(start).collect() {
                    Ok(ids) => self.send(FileAnswer::Started(ids)),
                    Err(error) => self.say(Err(error)),
                }
            }
            FileAsk::StartSweep(experiment, slurm) => {
                match run_work::start_sweep(self.folder.root(), &mut self.queue, &experiment, slurm) {
                    Ok(ids) => self.send(FileAnswer::Started(ids)),
                    Err(error) => self.say(Err(error)),
                }
            }
            FileAsk::Estimate(experiment, serial) => {
                // An experiment without a sweep is one of a single point.
                let needs = check(&experiment, &mut Access::from_env()).map(Box::new).map_err(Trouble::from);
                self.send(FileAnswer::Estimated(serial, needs));
            }
            FileAsk::Cancel(id) => {
                let said = run_work::cancel(&self.folder, &mut self.queue, &id);
                self.say(said);
            }
            FileAsk::Resume(id) => {
                let said = run_work::resume(&self.folder, &mut self.queue, &id);
                self.say(said);
            }
            FileAsk::Trash(id) => {
                self.say(run_work::trash(&self.folder, &id));
                self.tell_trash();
            }
            FileAsk::Restore(id) => {
                self.say(run_work::restore(self.folder.root(), &id));
                self.tell_trash();
            }
            FileAsk::Trashed => self.tell_trash(),
            FileAsk::Note(id, change) => self.say_fault(run_work::note(&self.folder, &id, change)),
            FileAsk::Queue(change) => {
                let done = run_work::change_queue(&self.folder, &mut self.queue, change);
                self.say_fault(done);
            }
            FileAsk::Events(id) => self.send(FileAnswer::Events(self.folder.events(&id))),
            FileAsk::Share(runs, table) => {
                self.send(FileAnswer::Shared(Arc::new(SharedRows::find(&runs, &table))));
            }
            other => self.answer_file(other),
        }
    }

    fn answer_file(&self, ask: FileAsk) {
        match ask {
            FileAsk::Preview(key, page, width) => {
                let drawn = run_work::preview(&page, width).map_err(Trouble::from);
                self.send(FileAnswer::Preview(key, drawn));
            }
            FileAsk::Export(page, path, with_page) => self.say(run_work::export(&page, &path, with_page)),
            FileAsk::ExportAll(id, spec) => {
                self.say(self.folder.run(&id).and_then(|run| run_work::export_all(&run, &spec)));
            }
            FileAsk::MadeRows(make, seed) => {
                let rows = RowsPreview::of_make(&make, seed).map(Arc::new).map_err(Trouble::from);
                self.send(FileAnswer::MadeRows(MadeRows::key(&make, seed), rows));
            }
            FileAsk::MakeData(make, seed, path) => match run_work::make_data(&make, seed, &path) {
                Ok(()) => self.send(FileAnswer::MadeData(path)),
                Err(error) => self.say(Err(error)),
            },
            FileAsk::Checkpoints(id) => {
                let kept = self.folder.run(&id).map(|run| run_work::checkpoints(&run)).unwrap_or_default();
                self.send(FileAnswer::Checkpoints(id, kept));
            }
            FileAsk::Rows(viewer, want) => {
                let table = self.folder.rows(&want).map(Arc::new).map_err(Trouble::from);
                self.send(FileAnswer::Rows(viewer, Arc::new(TablePart { want, table })));
            }
            FileAsk::SaveTable(id, file, path) => {
                self.say(self.folder.run(&id).and_then(|run| run_work::save_table(&run, &file, &path)));
            }
            FileAsk::Page(path) => {
                let page = Page::read(&path).map(Box::new).map_err(Trouble::from);
                self.send(FileAnswer::Page(page));
            }
            FileAsk::Write(path, text) => self.say(write(&path, &text)),
            FileAsk::Experiment(path) => match Experiment::read(&path) {
                Ok(experiment) => self.send(FileAnswer::Experiment(Box::new(experiment))),
                Err(error) => self.say(Err(error)),
            },
            FileAsk::Sets(key, experiment, open) => {
                self.send(FileAnswer::Sets(key, Arc::new(sets::read(&experiment, &open))));
            }
            FileAsk::Overlaps(steps) => {
                let found = run_work::overlaps(&self.folder, &steps).map(Arc::new).map_err(Trouble::from);
                self.send(FileAnswer::Overlaps(steps, found));
            }
            FileAsk::KeepModel(id, step, path) => {
                let kept = self.folder.run(&id).and_then(|run| keep_model(&run, step, &path)).map_err(Trouble::from);
                self.send(FileAnswer::Kept(path, kept));
            }
            FileAsk::ExportFigure(figure, runs, spec, path) => {
                self.say(run_work::export_across(&figure, &runs, &spec, &path));
            }
            _ => {}
        }
    }

    fn say_fault(&self, done: Result<()>) {
        if let Err(error) = done {
            self.say(Err(error));
        }
    }

    fn say(&self, said: Result<String>) {
        self.send(FileAnswer::Said(said.map_err(Trouble::from)));
    }

    fn count(&self, path: PathBuf, sheet: &DataSheet, model: &Path, n_ctx: usize) {
        let Ok(tokenizer) = Tokenizer::load(model) else { return };
        let name = model.display().to_string();
        let is_wanted = || self.is_open.load(Ordering::Acquire);
        if let Some(counted) = sheet.count_tokens(&name, &tokenizer, n_ctx, &is_wanted) {
            self.send(FileAnswer::Counted(path, Arc::new(counted)));
        }
    }

    /// The cards are looked at once; their memory changes only where there are some.
    fn tell_cards(&mut self) {
        if self.cards.as_ref().is_some_and(|found| found.cards.is_empty()) {
            return;
        }
        let found = Arc::new(cuda::cards());
        if self.cards.as_ref() != Some(&found) {
            self.cards = Some(Arc::clone(&found));
            self.send(FileAnswer::Cards(found));
        }
    }

    fn tell_memory(&mut self) {
        self.tell_cards();
        let Some(memory) = &mut self.memory else { return };
        memory.refresh_memory();
        memory.refresh_cpu_usage();
        let busy = memory.global_cpu_usage() / 100.0;
        let used = sysinfo::get_current_pid().ok().and_then(|pid| {
            memory.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), false);
            memory.process(pid).map(sysinfo::Process::memory)
        });
        let total = memory.total_memory();
        self.send(FileAnswer::Memory(used.unwrap_or(0), total, busy));
    }
}

/// The requests without those that a later one makes useless: of estimates and pictures only the last is wanted.
fn newest(asks: Vec<FileAsk>) -> Vec<FileAsk> {
    let kind = |ask: &FileAsk| match ask {
        FileAsk::Estimate(..) => 1,
        FileAsk::Preview(..) => 2,
        FileAsk::Memory => 3,
        FileAsk::Sets(..) => 4,
        _ => 0,
    };
    let last: Vec<Option<usize>> = (0..5).map(|k| asks.iter().rposition(|a| kind(a) == k)).collect();
    let is_wanted = |(i, ask): &(usize, FileAsk)| kind(ask) == 0 || last.get(kind(ask)).copied().flatten() == Some(*i);
    asks.into_iter().enumerate().filter(is_wanted).map(|(_, ask)| ask).collect()
}

fn write(path: &Path, text: &str) -> Result<String> {
    crate::runs::store::write_atomic(path, text.as_bytes())?;
    Ok(format!("Saved {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_estimate_is_made_and_no_run_is_lost() {
        let estimate = |serial| FileAsk::Estimate(Box::default(), serial);
        let left = newest(vec![estimate(1), FileAsk::Cancel("a".into()), estimate(2), FileAsk::Cancel("a".into())]);
        let serials: Vec<u64> =
            left.iter().filter_map(|a| if let FileAsk::Estimate(_, n) = a { Some(*n) } else { None }).collect();
        assert_eq!((left.len(), serials), (3, vec![2]));
    }
}
