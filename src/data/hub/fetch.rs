//! Lists, chooses and downloads; downloads go on where they stopped.
//!
//! The commit is resolved first and everything is fetched at that commit, so that a repository that changes
//! meanwhile cannot mix. Hashes and sizes come from the file tree, which names the blobs of the cache. The `hf-hub`
//! crate does the requests; it cannot resume or cancel, so the streaming into the cache is here.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use hf_hub::repository::RepoTreeEntry;
use hf_hub::{HFClient, HFError, HFRepository, RepoType};
use sha2::{Digest as _, Sha256};

use super::cache::{self, Repository};
use super::{Fetched, Hub, Kind, Progress, Watch, choose, errors};
use crate::data::source::hexadecimal;
use crate::error::{Error, Result};

/// How often the watcher is asked.
const TICK: Duration = Duration::from_millis(100);
/// A connection without a byte for so many ticks is given up.
const STALLED_TICKS: u32 = 600;
/// So many attempts in a row may bring nothing.
const ATTEMPTS: u32 = 4;

/// What is to be fetched.
pub(super) struct Wanted<'a> {
    pub(super) kind: Kind,
    pub(super) id: &'a str,
    pub(super) revision: &'a str,
    /// Names or patterns of data files.
    pub(super) files: &'a [String],
}

/// A file as the hub lists it.
struct Entry {
    path: String,
    size: u64,
    /// Name of its blob: the git object id of a small file, the SHA-256 of a large one, where the listing tells it.
    etag: Option<String>,
}

/// Why a request brought nothing.
enum Trouble {
    Stopped(Error),
    Hub(HFError),
}

impl From<HFError> for Trouble {
    fn from(error: HFError) -> Self {
        Self::Hub(error)
    }
}

struct Session<'a, 'w> {
    hub: &'a Hub,
    wanted: &'a Wanted<'a>,
    repository: Repository,
    watch: Watch<'w>,
    progress: Progress,
}

/// Fetches what is wanted, from the cache where it can.
pub(super) fn fetch(hub: &Hub, wanted: &Wanted<'_>, watch: Watch<'_>) -> Result<Fetched> {
    let repository = Repository::new(&hub.cache, wanted.kind, wanted.id);
    if hub.offline {
        return cached(&repository, wanted, "HF_HUB_OFFLINE is set").map_err(|error| {
            error.context("without network (HF_HUB_OFFLINE)").hint("unset HF_HUB_OFFLINE to fetch it, or give a folder")
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
            cached(&session.repository, wanted, &why).map_err(|_| errors::explain(hub, wanted, &error))
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
    async fn watched<T>(&mut self, work: impl Future<Output = hf_hub::HFResult<T>>) -> Result<T, Trouble> {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(TICK, &mut work).await {
                Ok(outcome) => return Ok(outcome?),
                Err(_) => self.ask()?,
            }
        }
    }

    fn ask(&mut self) -> Result<(), Trouble> {
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
    async fn next<S: Stream + Unpin>(&mut self, stream: &mut S) -> Result<Option<S::Item>, Trouble> {
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

    async fn fetch_file<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: &str,
        entry: &Entry,
    ) -> Result<PathBuf, Trouble> {
        let before = self.progress.done;
        let pointer = self.repository.snapshot(commit).join(&entry.path);
        if !has_size(&pointer, entry.size) {
            let etag = match &entry.etag {
                Some(etag) => etag.clone(),
                None => self.linked_etag(handle, commit, entry).await?,
            };
            let blob = self.repository.blob(&etag);
            let lock = self.local(self.repository.lock(&etag))?;
            while let Err(fs::TryLockError::WouldBlock) = lock.try_lock() {
                tokio::time::sleep(TICK).await;
                self.ask()?;
            }
            // Another program may have fetched it while this one waited.
            if !has_size(&blob, entry.size) {
                self.download(handle, commit, entry, &etag).await?;
                self.local(fs::rename(self.repository.incomplete(&etag), &blob))?;
            }
            self.local(self.repository.link(commit, &entry.path, &etag))?;
        }
        self.progress.done = before + entry.size;
        self.ask()?;
        Ok(pointer)
    }

    /// The SHA-256 of a large file, which the hub tells in the answer that redirects to the store of such files.
    async fn linked_etag<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: &str,
        entry: &Entry,
    ) -> Result<String, Trouble> {
        let fail = |error: &dyn std::fmt::Display| {
            Trouble::Stopped(
                Error::data(format!("asking for the hash of {} failed: {error}", entry.path))
                    .hint("run again; if it stays so, fetch the folder with another tool and open it from there"),
            )
        };
        let folder = if self.wanted.kind == Kind::Dataset { "datasets/" } else { "" };
        let base = format!("{}/{folder}{}/resolve/{commit}", self.hub.endpoint, handle.repo_path());
        let mut url = reqwest::Url::parse(&base).map_err(|error| fail(&error))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(entry.path.split('/'));
        }
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| fail(&error))?;
        // A renamed repository answers with a redirect on the same host, before the one to the store.
        for _ in 0..5 {
            let mut request = client.head(url.clone());
            if let Some(token) = &self.hub.token {
                request = request.bearer_auth(token);
            }
            let answer = self.watched(async { Ok(request.send().await) }).await?.map_err(|error| fail(&error))?;
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            if let Some(etag) = header("x-linked-etag").or_else(|| header("etag")) {
                let etag = etag.trim_start_matches("W/").trim_matches('"').to_owned();
                return if is_blob_name(&etag) { Ok(etag) } else { Err(fail(&"an unsafe hash")) };
            }
            match header("location").filter(|place| place.starts_with('/') && !place.starts_with("//")) {
                Some(place) => url = url.join(place).map_err(|error| fail(&error))?,
                None => return Err(fail(&format!("{} without a hash", answer.status()))),
            }
        }
        Err(fail(&"too many redirects"))
    }

    /// Fetches what is missing of a blob; what is there of it stays when this fails.
    async fn download<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: &str,
        entry: &Entry,
        etag: &str,
    ) -> Result<(), Trouble> {
        let path = self.repository.incomplete(etag);
        let mut file = self.local(fs::OpenOptions::new().create(true).append(true).open(&path))?;
        let before = self.progress.done;
        let mut have = self.local(file.metadata())?.len();
        if have > entry.size {
            self.local(file.set_len(0))?;
            have = 0;
        }
        let mut failures = 0;
        while have < entry.size {
            let start = have;
            self.progress.done = before + have;
            let outcome = self.stream(handle, commit, entry, &mut file, &mut have).await;
            failures = if have > start { 0 } else { failures + 1 };
            match outcome {
                Err(Trouble::Hub(error)) if !errors::is_broken(&error) => return Err(error.into()),
                Err(Trouble::Stopped(error)) => return Err(Trouble::Stopped(error)),
                _ if failures < ATTEMPTS => {}
                Err(trouble) if have == 0 => return Err(trouble),
                _ => {
                    let message = format!("the connection broke {have} of {} bytes into {}", entry.size, entry.path);
                    return Err(Trouble::Stopped(Error::data(message).hint("run again to go on where it stopped")));
                }
            }
            if have < entry.size {
                tokio::time::sleep(TICK * (1 << failures)).await;
                self.ask()?;
            }
        }
        self.local(file.sync_all())?;
        self.verify(&path, entry, etag).await
    }

    /// One request for the bytes from `have` on, appended as they come.
    async fn stream<T: RepoType>(
        &mut self,
        handle: &HFRepository<T>,
        commit: &str,
        entry: &Entry,
        file: &mut fs::File,
        have: &mut u64,
    ) -> Result<(), Trouble> {
        let request = handle.download_file_stream().filename(&entry.path).revision(commit);
        let (length, mut bytes) = if *have == 0 {
            self.watched(request.send()).await?
        } else {
            self.watched(request.range(*have..entry.size).send()).await?
        };
        if *have > 0 && length != Some(entry.size - *have) {
            // The server sends the whole file, not the range.
            self.local(file.set_len(0))?;
            self.progress.done -= *have;
            *have = 0;
        }
        while let Some(chunk) = self.next(&mut bytes).await? {
            let chunk = chunk?;
            let left = usize::try_from(entry.size - *have).unwrap_or(usize::MAX);
            let chunk = chunk.get(..chunk.len().min(left)).unwrap_or_default();
            self.local(file.write_all(chunk))?;
            *have += chunk.len() as u64;
            self.progress.done += chunk.len() as u64;
            if chunk.is_empty() {
                return Ok(());
            }
            self.ask()?;
        }
        Ok(())
    }

    /// Compares the content with its hash, where the hub tells one.
    async fn verify(&mut self, path: &Path, entry: &Entry, etag: &str) -> Result<(), Trouble> {
        if etag.len() != 64 {
            return Ok(());
        }
        let mut file = self.local(fs::File::open(path))?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = self.local(file.read(&mut buffer))?;
            if n == 0 {
                break;
            }
            hash.update(buffer.get(..n).unwrap_or_default());
            self.ask()?;
        }
        if hexadecimal(&hash.finalize()) == etag {
            return Ok(());
        }
        self.local(fs::remove_file(path))?;
        let message = format!("{} arrived damaged: its SHA-256 is not the one that the hub tells", entry.path);
        Err(Trouble::Stopped(Error::data(message).hint("run again to fetch it anew")))
    }

    fn local<T>(&self, outcome: std::io::Result<T>) -> Result<T, Trouble> {
        outcome.map_err(|error| Trouble::Stopped(Error::io("writing to the cache", &self.hub.cache, &error)))
    }
}

/// Whether a hash can name a file in the folder of blobs.
fn is_blob_name(etag: &str) -> bool {
    cache::is_inside(etag) && !etag.contains('/')
}

fn has_size(path: &Path, size: u64) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == size)
}
