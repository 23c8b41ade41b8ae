//! The folder of a sweep, beside those of its runs.
//!
//! ```text
//! runs/2026-01-31-try-1a2b3c4d.sweep/sweep.json     what is varied, which runs, on what they are carried out
//!                                    report.json    the merged results, as of a run
//!                                    tables/ figures/
//!                                    slurm/         job script, list of runs and output of the jobs
//! runs/2026-01-31-try-1a2b3c4d-000-k-16-seed-0/     a run; its point.json names the sweep and its values
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::grid::Point;
use crate::error::{Error, Result};
use crate::runs::Experiment;
use crate::runs::clock::now;
use crate::runs::slurm;
use crate::runs::store::{self, RunDir, State, Status};

/// The schema number of `sweep.json`.
const SCHEMA: u32 = 1;
/// How the folder of a sweep ends.
const ENDING: &str = ".sweep";
const FILE: &str = "sweep.json";
const POINT: &str = "point.json";

/// Who works on the runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Executor {
    /// This machine, so many runs at a time.
    Local {
        /// Runs at a time.
        jobs: usize,
    },
    /// A cluster with Slurm; the folder is shared with its nodes.
    Slurm(slurm::Settings),
}

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Name of its folder, beside that of the sweep.
    pub run: String,
    /// What is special about it, in words.
    pub label: String,
    /// Dotted paths and values.
    pub values: Map<String, Value>,
}

/// The content of `sweep.json`, and where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Version of the file format.
    schema: u32,
    /// Version of the program that made it.
    program: String,
    /// What was asked, with absolute paths.
    pub experiment: Experiment,
    /// Who works on it.
    pub executor: Executor,
    /// Its runs in order.
    pub members: Vec<Member>,
    /// Job arrays that were handed to Slurm, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<slurm::Job>,
    /// Where it is.
    #[serde(skip)]
    path: PathBuf,
}

/// `point.json` in the folder of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct PointFile {
    sweep: String,
    values: Map<String, Value>,
}

impl Sweep {
    /// Makes the folder of a sweep below `root` and those of its runs, all of them queued.
    pub fn create(
        root: &Path,
        experiment: &Experiment,
        points: &[Point],
        executor: Executor,
        date: &str,
    ) -> Result<Self> {
        let mut experiment = experiment.clone();
        experiment.make_paths_absolute();
        let path = store::new_folder(root, &experiment, date, ENDING)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.strip_suffix(ENDING).unwrap_or(&name);
        let member = |(index, point): (usize, &Point)| Member {
            run: format!("{stem}-{index:03}-{}", store::slug(&point.label)),
            label: point.label.clone(),
            values: point.values.clone(),
        };
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let members = points.iter().enumerate().map(member).collect();
        let sweep = Self { schema: SCHEMA, program, experiment, executor, members, jobs: Vec::new(), path };
        sweep.write()?;
        sweep.make_missing(points)?;
        Ok(sweep)
    }

    /// The sweep at `path`, its folder or `sweep.json`.
    pub fn open(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let path = if path.file_name().is_some_and(|name| name == FILE) { path.with_file_name("") } else { path };
        let mut sweep: Self = store::read_json(&path.join(FILE))?;
        if sweep.schema > SCHEMA {
            return Err(Error::config(format!(
                "the sweep has format {}; this program reads up to {SCHEMA}",
                sweep.schema
            ))
            .hint("it was made by a newer Memoscope; update this one")
            .at(&path));
        }
        sweep.path = path.components().collect();
        Ok(sweep)
    }

    /// Whether a sweep is at `path`.
    pub fn is_at(path: &Path) -> bool {
        path.join(FILE).is_file()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its last part: what names the sweep.
    pub fn id(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The folder of Slurm's script and output.
    pub fn slurm_folder(&self) -> PathBuf {
        self.path.join("slurm")
    }

    /// The folder as that of a run, for the merged report, tables and figures.
    pub fn results(&self) -> RunDir {
        RunDir::of_results(&self.path)
    }

    /// Writes `sweep.json` again.
    pub fn write(&self) -> Result<()> {
        store::write_json(&self.path.join(FILE), self)
    }

    /// The run of a member.
    ///
    /// # Errors
    /// Its folder is gone.
    pub fn run(&self, member: &Member) -> Result<RunDir> {
        RunDir::open(&self.root().join(&member.run))
    }

    /// The runs that are there, with their members.
    pub fn runs(&self) -> impl Iterator<Item = (&Member, RunDir)> {
        self.members.iter().filter_map(|member| Some((member, self.run(member).ok()?)))
    }

    /// State of each member by its own folder; none when that is gone.
    pub fn states(&self) -> Vec<Option<State>> {
        let state =
            |member: &Member| self.run(member).and_then(|run| run.status(now())).ok().map(|status| status.state);
        self.members.iter().map(state).collect()
    }

    /// Stops the runs that a process of this machine works on, and takes those that wait out of its queue. Gives how
    /// many.
    pub fn cancel(&self) -> Result<usize> {
        let mut stopped = 0;
        for (_, run) in self.runs() {
            let status = run.status(now())?;
            match status.state {
                State::Running => run.request_cancel()?,
                State::Queued => {
                    run.write_status(&Status { state: State::Cancelled, finished: Some(now()), ..status })?;
                }
                _ => continue,
            }
            stopped += 1;
        }
        Ok(stopped)
    }

    /// Makes the folders of runs that are not there, as after a crash while they were made.
    pub fn make_missing(&self, points: &[Point]) -> Result<()> {
        for (member, point) in self.members.iter().zip(points) {
            let point_file = PointFile { sweep: self.id(), values: member.values.clone() };
            if let Ok(run) = self.run(member) {
                // A crash between the two leaves a run without its place in the sweep.
                if point_of(&run).is_none() {
                    store::write_json(&run.path().join(POINT), &point_file)?;
                }
                continue;
            }
            let mut experiment = point.experiment.clone();
            experiment.make_paths_absolute();
            if let Executor::Local { jobs } = self.executor
                && experiment.threads.is_none()
                && jobs > 1
            {
                // Runs side by side share the processor; results do not depend on it.
                let all = std::thread::available_parallelism().map_or(1, usize::from);
                experiment.threads = Some((all / jobs).max(1));
            }
            let run = RunDir::create(&self.root().join(&member.run), &experiment, now())?;
            store::write_json(&run.path().join(POINT), &point_file)?;
        }
        Ok(())
    }

    fn root(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new("."))
    }
}

/// The sweep of a run, when it is Slurm that works on it.
pub fn on_slurm(run: &RunDir) -> Option<Sweep> {
    let (id, _) = point_of(run)?;
    let sweep = Sweep::open(&run.path().parent()?.join(id)).ok()?;
    matches!(sweep.executor, Executor::Slurm(_)).then_some(sweep)
}

/// The sweep that a run belongs to, by its folder name, and its values there.
pub fn point_of(run: &RunDir) -> Option<(String, Map<String, Value>)> {
    let file: PointFile = store::read_json(&run.path().join(POINT)).ok()?;
    Some((file.sweep, file.values))
}
