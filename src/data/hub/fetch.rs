//! Resolves, lists and chooses what is fetched, and falls back to the cache.
//!
//! The commit is resolved first and everything is fetched at that commit, so that a repository that changes
//! meanwhile cannot mix. Sizes, and the hashes that name the blobs of the cache, come from the file tree.

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use hf_hub::repository::RepoTreeEntry;
use hf_hub::{HFClient, HFError, HFRepository, RepoType};

use super::cache::{self, Repository};
use super::{Fetched, Hub, Kind, Progress, Watch, choose, errors};
use crate::error::{Error, Result};

/// How often the watcher is asked.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// A connection without a byte for so many ticks is given up.
const STALLED_TICKS: u32 = 600;

/// What is to be fetched.
pub(super) struct Wanted<'a> {
    pub(super) kind: Kind,
    pub(super) id: &'a str,
    pub(super) revision: &'a str,
    /// Names or patterns of data files.
    pub(super) files: &'a [String],
}

/// A file as the hub lists it.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) size: u64,
    /// Name of its blob: the git object id of a small file, the SHA-256 of a large one, where the listing tells it.
    pub(super) etag: Option<String>,
}

/// Why a request brought nothing.
pub(super) enum Trouble {
    Stopped(Error),
    Hub(HFError),
}

impl From<HFError> for Trouble {
    fn from(error: HFError) -> Self {
        Self::Hub(error)
    }
}

/// One call: the repository, the cache and the watcher.
pub(super) struct Session<'a, 'w> {
    pub(super) hub: &'a Hub,
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) repository: Repository,
    watch: Watch<'w>,
    pub(super) progress: Progress,
}

/// Fetches what is wanted, from the cache where it can.
pub(super) fn fetch(hub: &Hub, wanted: &Wanted<'_>, watch: Watch<'_>) -> Result<Fetched> {
    let repository = Repository::new(&hub.cache, wanted.kind, wanted.id);
    if hub.offline {
        return cached(&repository, wanted, "HF_HUB_OFFLINE is set").map_err(|error| {
            error
                .context("without network (HF_HUB_OFFLINE or --offline)")
                .hint("allow the network (unset HF_HUB_OFFLINE, leave out --offline) to fetch it, or give a folder")
        });
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::bug(format!("no runtime for downloads: {error}")))?;
    let mut builder = HFClient::builder().endpoint(&hub.endpoint).cache_dir(&hub.cache).retry_max_attempts(2);
    if let Some(token) = &hub.token {
        builder = builder.token(token);
    }
    let client = builder.build().map_err(|error| {
        Error::config(format!("{} is not an address of a hub: {error}", hub.endpoint)).hint("correct HF_ENDPOINT")
    })?;
    let (owner, name) = hf_hub::split_id(wanted.id);
    let mut session = Session { hub, wanted, repository, watch, progress: Progress::default() };
    let outcome = runtime.block_on(async {
        match wanted.kind {
            Kind::Model => {
                let handle = client.model(owner, name);
                let info = session.watched(handle.info().revision(wanted.revision).send()).await?;
                session.fetch_all(&handle, info.sha).await
            }
            Kind::Dataset => {
                let handle = client.dataset(owner, name);
                let info = session.watched(handle.info().revision(wanted.revision).send()).await?;
                session.fetch_all(&handle, info.sha).await
            }
        }
    });
    // A name lookup that hangs must not keep the caller waiting.
    runtime.shutdown_background();
    match outcome {
        Ok(fetched) => Ok(fetched),
        Err(Trouble::Stopped(error)) => Err(error),
        Err(Trouble::Hub(error)) if errors::is_unreachable(&error) => {
            let why = format!("{} could not be reached ({})", hub.endpoint, errors::innermost(&error));
            cached(&session.repository, wanted, &why).map_err(|_absent| errors::explain(hub, wanted, &error))
        }
        Err(Trouble::Hub(error)) => Err(errors::explain(hub, wanted, &error)),
    }
}

/// What the cache holds, if it is complete.
fn cached(repository: &Repository, wanted: &Wanted<'_>, why: &str) -> Result<Fetched> {
    let absent =
        |what: &str| Error::data(format!("the {} `{}` is not {what} in the cache", wanted.kind.name(), wanted.id));
    let commit = repository.commit(wanted.revision).ok_or_else(|| absent(&format!("(at {})", wanted.revision)))?;
    let folder = repository.snapshot(&commit);
    let names = choose::choose(wanted, &repository.files(&commit))?;
    if wanted.kind == Kind::Model && !has_all_shards(&folder) {
        return Err(absent("complete"));
    }
    let files = names.iter().map(|name| folder.join(name)).collect();
    let note = Some(format!("{why}; this is the copy in the cache, commit {}", short(&commit)));
    Ok(Fetched { folder, files, commit, note })
}

/// Whether every shard that the index names is there.
fn has_all_shards(folder: &Path) -> bool {
    let Ok(text) = fs::read_to_string(folder.join("model.safetensors.index.json")) else { return true };
    let Ok(index) = serde_json::from_str::<serde_json::Value>(&text) else { return false };
    let shards = index.get("weight_map").and_then(serde_json::Value::as_object);
    shards.is_some_and(|map| {
        map.values().all(|name| name.as_str().is_some_and(|name| cache::is_inside(name) && folder.join(name).is_file()))
    })
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

impl Session<'_, '_> {
    /// Waits for `work` while asking the watcher whether to go on.
    pub(super) async fn watched<T>(&mut self, work: impl Future<Output = hf_hub::HFResult<T>>) -> Result<T, Trouble> {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(TICK, &mut work).await {
                Ok(outcome) => return Ok(outcome?),
                Err(_) => self.ask()?,
            }
        }
    }

    pub(super) fn ask(&mut self) -> Result<(), Trouble> {
        if (self.watch)(&self.progress) { Ok(()) } else { Err(Trouble::Stopped(Error::Cancelled)) }
    }

    async fn fetch_all<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: Option<String>,
    ) -> Result<Fetched, Trouble> {
        let commit = commit.filter(|commit| cache::is_inside(commit)).ok_or_else(|| {
            Trouble::Stopped(Error::data("the hub named no commit").hint("this may be no hub; check HF_ENDPOINT"))
        })?;
        let entries = self.list(handle, &commit).await?;
        let all: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
        let chosen = choose::choose(self.wanted, &all).map_err(Trouble::Stopped)?;
        let mut wanted: Vec<&Entry> = entries.iter().filter(|entry| chosen.contains(&entry.path)).collect();
        wanted.sort_by(|a, b| a.path.cmp(&b.path));
        self.progress.total = wanted.iter().map(|entry| entry.size).sum();
        let mut files = Vec::with_capacity(wanted.len());
        for entry in wanted {
            self.progress.file.clone_from(&entry.path);
            self.ask()?;
            files.push(self.fetch_file(handle, &commit, entry).await?);
        }
        self.local(self.repository.note_commit(self.wanted.revision, &commit))?;
        self.ask()?;
        Ok(Fetched { folder: self.repository.snapshot(&commit), files, commit, note: None })
    }

    /// The files of the repository: those at its root for a model, all for a data set.
    async fn list<T: RepoType>(&mut self, handle: &HFRepository<T>, commit: &str) -> Result<Vec<Entry>, Trouble> {
        let is_deep = self.wanted.kind == Kind::Dataset;
        let mut tree = pin!(handle.list_tree().revision(commit).recursive(is_deep).send()?);
        let mut entries = Vec::new();
        while let Some(entry) = self.next(&mut tree).await? {
            if let RepoTreeEntry::File { oid, size, path, lfs, .. } = entry? {
                let etag = lfs.map_or(Some(oid), |lfs| lfs.sha256);
                if !cache::is_inside(&path) || !etag.as_deref().is_none_or(is_blob_name) {
                    return Err(Trouble::Stopped(Error::data(format!("the hub lists an unsafe file name {path:?}"))));
                }
                entries.push(Entry { path, size, etag });
            }
        }
        Ok(entries)
    }

    /// The next item, while asking the watcher; an error after a long silence.
    pub(super) async fn next<S: Stream + Unpin>(&mut self, stream: &mut S) -> Result<Option<S::Item>, Trouble> {
        for _ in 0..STALLED_TICKS {
            match tokio::time::timeout(TICK, stream.next()).await {
                Ok(item) => return Ok(item),
                Err(_) => self.ask()?,
            }
        }
        Err(Trouble::Stopped(
            Error::data(format!("{} sends nothing any more", self.hub.endpoint))
                .hint("run again to go on where it stopped; HF_ENDPOINT names a mirror"),
        ))
    }

    /// An error of the disk under the cache.
    pub(super) fn local<T>(&self, outcome: std::io::Result<T>) -> Result<T, Trouble> {
        outcome.map_err(|error| Trouble::Stopped(Error::io("writing to the cache", &self.hub.cache, &error)))
    }
}

/// Whether a hash can name a file in the folder of blobs.
pub(super) fn is_blob_name(etag: &str) -> bool {
    cache::is_inside(etag) && !etag.contains('/')
}
